//! Programs that run code: shells, whose code is read, and others, whose code is not.
//!
//! A script in a file is readable, as a program is: nobody can see inside from here.

use super::found::Found;
use super::input;
use super::run::{Call, may_be_option};
use super::word::Word;

const SHELLS: [&str; 14] = [
    "ash", "bash", "bash5", "dash", "hush", "ksh", "ksh88", "ksh93", "lksh", "mksh", "posh",
    "rbash", "sh", "zsh",
];

/// How one interpreter is called.
struct Interpreter {
    names: &'static [&'static str],
    /// Letters of short options that bring code.
    code: &'static str,
    /// Other options that bring code.
    words: &'static [&'static str],
    /// Letters of short options that make it read code from its input.
    interactive: &'static str,
    /// Letters of short options that take the next word.
    takes: &'static str,
}

const INTERPRETERS: [Interpreter; 12] = [
    Interpreter {
        names: &["python", "pypy"],
        code: "cm",
        interactive: "i",
        words: &[],
        takes: "WX",
    },
    Interpreter { names: &["perl"], code: "eEx", interactive: "d", words: &[], takes: "I" },
    Interpreter {
        names: &["ruby", "jruby"],
        code: "ex",
        interactive: "",
        words: &[],
        takes: "IrC",
    },
    Interpreter {
        names: &["node", "nodejs", "bun"],
        code: "ep",
        interactive: "i",
        words: &["--eval", "--print", "--interactive", "repl", "exec", "x"],
        takes: "rC",
    },
    Interpreter {
        names: &["deno"],
        code: "",
        interactive: "",
        words: &["eval", "repl"],
        takes: "",
    },
    Interpreter {
        names: &["php"],
        code: "rBRE",
        interactive: "a",
        words: &["--run", "--interactive", "--process-begin", "--process-code", "--process-end"],
        takes: "dcz",
    },
    Interpreter { names: &["lua", "luajit"], code: "e", interactive: "i", words: &[], takes: "l" },
    Interpreter {
        names: &["tclsh", "wish", "guile", "racket", "sbcl", "ocaml"],
        code: "ce",
        interactive: "i",
        words: &["--eval", "-eval"],
        takes: "",
    },
    Interpreter {
        names: &["julia", "Rscript", "groovy", "elixir", "osascript", "swift"],
        code: "eE",
        interactive: "i",
        words: &["--eval", "--print", "--interactive"],
        takes: "",
    },
    Interpreter {
        names: &["csh", "tcsh", "fish", "nu", "elvish", "xonsh", "rc", "es"],
        code: "ctC",
        interactive: "is",
        words: &["--command", "--commands", "--init-command", "--interactive"],
        takes: "",
    },
    Interpreter {
        names: &["pwsh", "powershell"],
        code: "cCeE",
        interactive: "",
        words: &[],
        takes: "",
    },
    Interpreter { names: &["java", "kotlin"], code: "", interactive: "", words: &[], takes: "" },
];

/// Options with which nothing runs.
const QUIET: [&str; 9] =
    ["--version", "--help", "-version", "-help", "-V", "-v", "-h", "-?", "--copyright"];

pub(super) fn is_known(name: &str) -> bool {
    SHELLS.contains(&name) || interpreter(name).is_some()
}

/// An interpreter by its name in the table.
struct Known {
    name: &'static str,
    how: &'static Interpreter,
}

fn interpreter(name: &str) -> Option<Known> {
    // No name in the table ends in a version.
    let bare =
        name.trim_end_matches(|next: char| next.is_ascii_digit() || matches!(next, '.' | '-'));
    INTERPRETERS.iter().find_map(|how| {
        let found = how.names.iter().find(|known| **known == bare)?;
        Some(Known { name: found, how })
    })
}

/// Reads what an interpreter runs, if this is one.
pub(super) fn run(name: &str, call: Call<'_>, found: &mut Found) {
    if SHELLS.contains(&name) {
        shell(call, found);
    } else if let Some(known) = interpreter(name)
        && let Some(why) = other(known.how, call.arguments(), call.appended)
    {
        // Not the name as it was written: reasons never quote the command.
        found.doubt(format!("{known} {why}", known = known.name));
    }
}

const FROM_INPUT: &str = "takes its code from its input";

/// Whether a file is the input of the program, or anything else that is no file.
fn is_input(word: &Word) -> bool {
    // A bare number is an open file in its folder.
    let number = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
    word.raw.starts_with(['<', '>']) || number || input::is_input(&word.text)
}

fn shell(call: Call<'_>, found: &mut Found) {
    let words = call.arguments();
    let (mut at, mut code, mut quiet) = (0, false, false);
    while let Some(word) = words.get(at) {
        if may_be_option(word) {
            return found.doubt("what a shell is given is not literal");
        }
        let text = word.text.as_str();
        if !text.starts_with(['-', '+']) || text.len() < 2 {
            break;
        }
        at += 1;
        match text {
            "--" => break,
            "--version" | "--help" => quiet = true,
            "--login" | "--noprofile" | "--norc" | "--posix" | "--verbose" | "--restricted" => {}
            _ if text.starts_with("--") => {
                return found.doubt("the option of a shell is not known");
            }
            _ => {
                if text[1..].contains('s') || text[1..].contains('i') {
                    return found.doubt("a shell takes its code from its input");
                }
                code |= text.starts_with('-') && text[1..].contains('c');
                at += text[1..].matches(['o', 'O']).count();
            }
        }
    }
    match words.get(at) {
        Some(word) if code => call.code(word, found),
        Some(word)
            if is_input(word) || word.unknown.is_some_and(|_| word.text.contains("/fd/")) =>
        {
            found.doubt("a shell takes its code from its input");
        }
        Some(_) => {}
        None if quiet && !call.appended => {}
        None => found.doubt("a shell takes its code from its input"),
    }
}

/// Why the code of an interpreter is not known.
fn other(known: &Interpreter, words: &[&Word], appended: bool) -> Option<&'static str> {
    let (mut at, mut quiet) = (0, false);
    while let Some(word) = words.get(at) {
        at += 1;
        if may_be_option(word) {
            return Some("is given words that are not literal");
        }
        let text = word.text.as_str();
        let name = text.split('=').next().unwrap_or(text);
        let data = text.contains("data:");
        let module = text.contains([';', '(', '{', '$', '`', '\'', '"', ' ', '\n']);
        if known.words.contains(&name) || data || module && text.starts_with('-') {
            return Some("is given code as a word");
        }
        if is_input(word) {
            return Some(FROM_INPUT);
        }
        let module = text == "-m" && words.get(at).is_some_and(|word| is_plain_module(word));
        if QUIET.contains(&text) {
            quiet = true;
        } else if module || !text.starts_with('-') {
            return None;
        } else if !text.starts_with("--") {
            if text[1..].contains(|letter| known.code.contains(letter)) {
                return Some("is given code as a word");
            }
            let takes = |letter| known.takes.contains(letter);
            let flags = text[1..].split(takes).next().unwrap_or_default();
            if flags.contains(|letter| known.interactive.contains(letter)) {
                return Some(FROM_INPUT);
            }
            if text[1..].ends_with(takes) {
                if words.get(at).is_some_and(|word| is_input(word)) {
                    return Some(FROM_INPUT);
                }
                at += 1;
            }
        }
    }
    (!quiet || appended).then_some(FROM_INPUT)
}

/// Modules of Python that run no code that they are given.
fn is_plain_module(word: &Word) -> bool {
    matches!(
        word.text.as_str(),
        "http.server" | "json.tool" | "pip" | "pytest" | "venv" | "zipfile"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_in_no_version() {
        for name in INTERPRETERS.iter().flat_map(|how| how.names) {
            assert_eq!(interpreter(name).map(|known| known.name), Some(*name));
            assert!(interpreter(&format!("{name}-3.11")).is_some(), "{name}");
        }
    }
}
