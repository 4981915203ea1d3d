//! Programs that run the program that stands behind their own options.
//!
//! An option that is not in the table makes the command unreadable: it may take a word.

use super::found::Found;
use super::run::{Call, may_be_option};
use super::variables;
use super::word::Word;
use super::wrapper_table::{Wrapper, wrapper};

pub(super) fn is_known(name: &str) -> bool {
    matches!(name, "find" | "su" | "runuser") || wrapper(name).is_some()
}

/// Reads what a wrapper runs; false when this is none.
pub(super) fn run(name: &str, call: Call<'_>, found: &mut Found) -> bool {
    match name {
        "find" => find(call, found),
        "su" | "runuser" => switch_user(call, found),
        _ => match wrapper(name) {
            Some(wrapper) => wrapped(wrapper, call, found),
            None => return false,
        },
    }
    true
}

/// The options of one call of a wrapper.
#[derive(Default)]
struct Given<'a> {
    /// Each with its value, if it has one.
    options: Vec<(&'a str, Option<&'a str>)>,
    /// Where the first word is that is no option.
    rest: usize,
}

impl Given<'_> {
    fn has(&self, names: &[&str]) -> bool {
        self.options.iter().any(|(option, _)| names.contains(option))
    }

    fn value(&self, names: &[&str]) -> Option<&str> {
        self.options.iter().find(|(option, _)| names.contains(option)).and_then(|option| option.1)
    }
}

const NOT_LITERAL: &str = "the option of a wrapper is not literal";
const NOT_KNOWN: &str = "the option of a wrapper is not known";

fn options<'a>(wrapper: &Wrapper, words: &'a [&'a Word]) -> Result<Given<'a>, &'static str> {
    let mut given = Given::default();
    while let Some(word) = words.get(given.rest) {
        if word.unknown.is_some() {
            return Err(NOT_LITERAL);
        }
        let text = word.text.as_str();
        if text == "-" || !text.starts_with('-') {
            break;
        }
        given.rest += 1;
        if text == "--" {
            break;
        } else if let Some(long) = text.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            if wrapper.long.contains(&name) {
                given.options.push((name, value));
            } else if wrapper.long_takes.contains(&name) {
                let value = match value {
                    Some(value) => value,
                    None => next_value(words, &mut given)?,
                };
                given.options.push((name, Some(value)));
            } else {
                return Err(NOT_KNOWN);
            }
        } else {
            short(wrapper, &text[1..], words, &mut given)?;
        }
        // What env splits stands in front of the words behind it, as options of env again.
        if wrapper.name == "env" && given.has(&["S", "split-string"]) {
            break;
        }
    }
    Ok(given)
}

fn short<'a>(
    wrapper: &Wrapper,
    cluster: &'a str,
    words: &'a [&'a Word],
    given: &mut Given<'a>,
) -> Result<(), &'static str> {
    for (at, letter) in cluster.char_indices() {
        let (option, attached) = cluster[at..].split_at(letter.len_utf8());
        if wrapper.flags.contains(letter) {
            given.options.push((option, None));
        } else if wrapper.takes.contains(letter) {
            let value = match attached {
                "" => next_value(words, given)?,
                attached => attached,
            };
            given.options.push((option, Some(value)));
            break;
        } else {
            return Err(NOT_KNOWN);
        }
    }
    Ok(())
}

fn next_value<'a>(words: &'a [&'a Word], given: &mut Given<'a>) -> Result<&'a str, &'static str> {
    let word = words.get(given.rest).ok_or(NOT_KNOWN)?;
    given.rest += 1;
    if word.splits { Err(NOT_LITERAL) } else { Ok(word.text.as_str()) }
}

fn wrapped(wrapper: &Wrapper, call: Call<'_>, found: &mut Found) {
    let words = call.arguments();
    let given = match options(wrapper, words) {
        Ok(given) => given,
        Err(why) => return found.doubt(why),
    };
    if runs_by_option(wrapper.name, &given, call, found) || given.has(wrapper.quiet) {
        return;
    }
    let mut rest = &words[given.rest..];
    if wrapper.name == "env" && rest.first().is_some_and(|word| word.text == "-") {
        rest = &rest[1..];
    }
    if rest.iter().take(wrapper.operands).any(|word| may_be_option(word)) {
        return found.doubt(NOT_LITERAL);
    }
    rest = rest.get(wrapper.operands..).unwrap_or_default();
    let assigns = matches!(wrapper.name, "env" | "sudo" | "doas");
    while let Some(word) = rest.first().filter(|_| assigns) {
        let Some(variable) = variables::assigned(&word.text) else { break };
        found.arithmetic.taint(variable);
        if variables::steers(variable) || word.splits || variable.contains(['$', '`']) {
            found.doubt("it sets a variable that decides what runs");
        }
        rest = &rest[1..];
    }
    let starts_shell = wrapper.shell || given.has(&["i", "s", "login", "shell"]);
    if rest.is_empty() {
        if call.appended || starts_shell && !matches!(wrapper.name, "env" | "setsid") {
            found.doubt("what a wrapper runs is not given");
        }
        return;
    }
    match wrapper.name {
        "ssh" => call.joined(rest, found),
        "watch" if !given.has(&["x", "exec"]) => call.joined(rest, found),
        "xargs" => {
            let call = Call { appended: true, ..call };
            with_placeholder(call, rest, given.value(&["I"]), found);
        }
        _ => call.inner(rest, found),
    }
}

/// Options that run something by themselves; true when nothing else is left to read.
fn runs_by_option(name: &str, given: &Given<'_>, call: Call<'_>, found: &mut Found) -> bool {
    match name {
        "env" => {
            let Some(text) = given.value(&["S", "split-string"]) else { return false };
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b" _./=:,@%+-".contains(&byte);
            if !text.bytes().all(plain) {
                found.doubt("what env splits is not plain");
                return true;
            }
            let mut split = vec![Word::literal("env")];
            split.extend(text.split(' ').filter(|part| !part.is_empty()).map(Word::literal));
            let mut words: Vec<_> = split.iter().collect();
            words.extend_from_slice(&call.arguments()[given.rest..]);
            let inner = Call { words: &words, depth: call.depth + 1, ..call };
            if call.depth < super::DEPTH_LIMIT {
                let programs = found.programs.len();
                inner.run(found);
                found.programs.remove(programs);
            } else {
                found.doubt("its parts lie too deep in each other");
            }
            true
        }
        "sudo" => {
            if given.has(&["e", "edit"]) {
                found.doubt("it starts an editor");
            }
            false
        }
        "strace" | "ltrace" => {
            let pipes = |value: &str| value.starts_with(['|', '!', '$', '`']);
            if given.value(&["o"]).is_some_and(pipes) || given.value(&["E"]).is_some() {
                found.doubt("a tracer runs or sets something itself");
            }
            false
        }
        "ssh" => {
            let values = given.options.iter().filter(|(option, _)| *option == "o");
            let mut runs = values.filter_map(|option| option.1).map(str::to_ascii_lowercase);
            if runs.any(|value| value.contains("command") || value.contains(['$', '`'])) {
                found.doubt("ssh is told to run a command");
            }
            false
        }
        _ => false,
    }
}

/// Runs words in which `placeholder` stands for something that is only known when it runs.
fn with_placeholder(call: Call<'_>, words: &[&Word], placeholder: Option<&str>, found: &mut Found) {
    let placeholder = placeholder.filter(|text| !text.is_empty());
    let open = |word: &&Word| {
        let mut word = (*word).clone();
        if placeholder.is_some_and(|placeholder| word.text.contains(placeholder)) {
            word.unknown.get_or_insert("it is given when it runs");
            word.raw.clone_from(&word.text);
            word.opens(0, word.text.len());
        }
        word
    };
    let words: Vec<Word> = words.iter().map(open).collect();
    call.inner(&words.iter().collect::<Vec<_>>(), found);
}

fn find(call: Call<'_>, found: &mut Found) {
    let words = call.arguments();
    // One word alone cannot be an -exec, its program and its end.
    let expands = |word: &&Word| word.unknown.is_some() && word.text.contains(['$', '`']);
    let mut expanding = words.iter().copied().filter(expands);
    if expanding.clone().count() > 1 || expanding.any(|word| word.splits) {
        return found.doubt("a word of find is not literal");
    }
    let mut at = 0;
    while at < words.len() {
        let starts = matches!(words[at].text.as_str(), "-exec" | "-execdir" | "-ok" | "-okdir");
        at += 1;
        if !starts {
            continue;
        }
        let first = at;
        let ends = |at: usize| match words[at].text.as_str() {
            ";" => true,
            "+" => at > first && words[at - 1].text == "{}",
            _ => false,
        };
        while at < words.len() && !ends(at) {
            at += 1;
        }
        with_placeholder(call, &words[first..at], Some("{}"), found);
    }
}

/// `su` and `runuser`: a shell, with its code behind `-c`.
fn switch_user(call: Call<'_>, found: &mut Found) {
    let words = call.arguments();
    if words.iter().any(|word| may_be_option(word)) {
        return found.doubt(NOT_LITERAL);
    }
    for (at, word) in words.iter().enumerate() {
        let text = word.text.as_str();
        if let Some(code) = text.strip_prefix("--command=") {
            return call.code(&Word { text: code.to_owned(), ..(*word).clone() }, found);
        }
        let cluster = text.starts_with('-') && !text.starts_with("--");
        if text == "--command" || cluster && text.ends_with('c') {
            return match words.get(at + 1) {
                Some(code) => call.code(code, found),
                None => found.doubt("what a wrapper runs is not given"),
            };
        }
        if cluster && !matches!(text, "-" | "-l" | "-m" | "-p" | "-f") || text.starts_with("--s") {
            return found.doubt(NOT_KNOWN);
        }
    }
    found.doubt("what a wrapper runs is not given");
}
