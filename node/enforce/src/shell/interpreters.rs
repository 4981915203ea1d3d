//! Programs that run code: shells, whose code is read, and others, whose code is not.
//!
//! A script in a file is readable, as a program is: nobody can see inside from here.

use super::found::Found;
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
    /// Letters of short options that take the next word.
    takes: &'static str,
}

const INTERPRETERS: [Interpreter; 12] = [
    Interpreter { names: &["python", "pypy"], code: "cm", words: &[], takes: "WX" },
    Interpreter { names: &["perl"], code: "eEx", words: &[], takes: "I" },
    Interpreter { names: &["ruby", "jruby"], code: "ex", words: &[], takes: "IrC" },
    Interpreter {
        names: &["node", "nodejs", "bun"],
        code: "ep",
        words: &["--eval", "--print", "repl", "exec", "x"],
        takes: "rC",
    },
    Interpreter { names: &["deno"], code: "", words: &["eval", "repl"], takes: "" },
    Interpreter {
        names: &["php"],
        code: "rBRE",
        words: &["--run", "--process-begin", "--process-code", "--process-end"],
        takes: "dcz",
    },
    Interpreter { names: &["lua", "luajit"], code: "e", words: &[], takes: "l" },
    Interpreter {
        names: &["tclsh", "wish", "guile", "racket", "sbcl", "ocaml"],
        code: "ce",
        words: &["--eval", "-eval"],
        takes: "",
    },
    Interpreter {
        names: &["julia", "Rscript", "groovy", "elixir", "osascript", "swift"],
        code: "eE",
        words: &["--eval", "--print"],
        takes: "",
    },
    Interpreter {
        names: &["csh", "tcsh", "fish", "nu", "elvish", "xonsh", "rc", "es"],
        code: "ctC",
        words: &["--command", "--commands", "--init-command"],
        takes: "",
    },
    Interpreter { names: &["pwsh", "powershell"], code: "cCeE", words: &[], takes: "" },
    Interpreter { names: &["java", "kotlin"], code: "", words: &[], takes: "" },
];

/// Options with which nothing runs.
const QUIET: [&str; 9] =
    ["--version", "--help", "-version", "-help", "-V", "-v", "-h", "-?", "--copyright"];

pub(super) fn is_known(name: &str) -> bool {
    SHELLS.contains(&name) || interpreter(name).is_some()
}

fn interpreter(name: &str) -> Option<&'static Interpreter> {
    let bare =
        name.trim_end_matches(|next: char| next.is_ascii_digit() || matches!(next, '.' | '-'));
    INTERPRETERS.iter().find(|known| known.names.contains(&name) || known.names.contains(&bare))
}

/// Reads what an interpreter runs, if this is one.
pub(super) fn run(name: &str, call: Call<'_>, found: &mut Found) {
    if SHELLS.contains(&name) {
        shell(call, found);
    } else if let Some(known) = interpreter(name)
        && let Some(why) = other(known, call.arguments(), call.appended)
    {
        found.doubt(format!("{name} {why}"));
    }
}

const FROM_INPUT: &str = "takes its code from its input";

/// Whether a file is the input of the program, or anything else that is no file.
fn is_input(word: &Word) -> bool {
    let text = word.text.as_str();
    word.raw.starts_with(['<', '>'])
        || ["/dev/", "/proc/"].iter().any(|place| text.starts_with(place))
        || text == "-"
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
fn other(known: &Interpreter, words: &[Word], appended: bool) -> Option<&'static str> {
    let (mut at, mut quiet) = (0, false);
    while let Some(word) = words.get(at) {
        at += 1;
        if may_be_option(word) {
            return Some("is given words that are not literal");
        }
        let text = word.text.as_str();
        let name = text.split('=').next().unwrap_or(text);
        if known.words.contains(&name) {
            return Some("is given code as a word");
        }
        if is_input(word) {
            return Some(FROM_INPUT);
        }
        let module = text == "-m" && words.get(at).is_some_and(is_plain_module);
        if QUIET.contains(&text) {
            quiet = true;
        } else if module || !text.starts_with('-') {
            return None;
        } else if !text.starts_with("--") {
            if text[1..].contains(|letter| known.code.contains(letter)) {
                return Some("is given code as a word");
            }
            at += usize::from(text[1..].ends_with(|letter| known.takes.contains(letter)));
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
