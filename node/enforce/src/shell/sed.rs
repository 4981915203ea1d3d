//! Scripts of sed: GNU's has a command and a flag `e` that run a shell. Only what is surely
//! harmless passes.

use super::input::is_input;
use super::word::Word;

const NOT_SURE: &str = "is given a script that may run something";

/// Why sed with these words may run something.
pub(super) fn runs_more(arguments: &[&Word]) -> Option<&'static str> {
    let (mut at, mut scripts, mut from_file) = (0, Vec::new(), false);
    let mut operands = Vec::new();
    while let Some(word) = arguments.get(at) {
        at += 1;
        let text = word.text.as_str();
        match text {
            "-e" | "--expression" => {
                scripts.extend(arguments.get(at));
                at += 1;
            }
            "-f" | "--file" => {
                let file = arguments.get(at)?;
                if file.unknown.is_some() || is_input(&file.text) {
                    return Some("takes its code from its input");
                }
                from_file = true;
                at += 1;
            }
            "-n" | "-E" | "-r" | "-i" | "-s" | "-u" | "-z" | "-nE" | "-nr" | "-ni" | "-Ei"
            | "-ri" | "--quiet" | "--silent" | "--regexp-extended" | "--in-place" | "--version"
            | "--sandbox" | "--posix" | "--null-data" | "--separate" | "--help" => {}
            _ if text.starts_with("-i") && !word.splits => {}
            _ if text.starts_with('-') && text != "-" => {
                return Some("is given an option that is not known");
            }
            _ => operands.push(word),
        }
    }
    if scripts.is_empty() && !from_file {
        scripts.extend(operands.first().copied());
    }
    let harmless = |word: &&Word| word.unknown.is_none() && is_harmless(&word.text);
    if scripts.iter().all(harmless) { None } else { Some(NOT_SURE) }
}

/// Whether every command of a script is one that runs, reads and writes nothing.
fn is_harmless(script: &str) -> bool {
    let mut rest = script.trim_start_matches([' ', '\n', ';', '\t', '}']);
    while !rest.is_empty() {
        let Some(behind) = command(address(rest)) else { return false };
        rest = behind.trim_start_matches([' ', '\t']);
        if !(rest.is_empty() || rest.starts_with([';', '\n', '}', '{'])) {
            return false;
        }
        rest = rest.trim_start_matches([' ', '\n', ';', '\t', '}']);
    }
    true
}

/// What is behind the addresses; a regular expression that is not closed leaves the `/`.
fn address(mut rest: &str) -> &str {
    loop {
        let Some(next) = rest.chars().next() else { return rest };
        match next {
            '0'..='9' | '$' | ',' | '!' | ' ' | '+' | '~' | '\t' => rest = &rest[1..],
            '/' => match closing(&rest[1..], '/') {
                Some(behind) => rest = behind.trim_start_matches(['I', 'M']),
                None => return rest,
            },
            _ => return rest,
        }
    }
}

fn command(rest: &str) -> Option<&str> {
    let name = rest.chars().next()?;
    let behind = &rest[name.len_utf8()..];
    match name {
        'p' | 'P' | 'd' | 'D' | 'n' | 'N' | 'h' | 'H' | 'g' | 'G' | 'x' | '=' => Some(behind),
        'q' | 'Q' | 'l' => Some(behind.trim_start_matches(|next: char| next.is_ascii_digit())),
        's' | 'y' => {
            let mark = behind.chars().next().filter(|mark| mark.is_ascii_punctuation())?;
            if mark == '\\' {
                return None;
            }
            let behind = closing(closing(&behind[1..], mark)?, mark)?;
            let flags = |next: char| matches!(next, 'g' | 'p' | 'i' | 'I' | 'm' | 'M' | '0'..='9');
            Some(behind.trim_start_matches(flags))
        }
        _ => None,
    }
}

/// What is behind the next `mark` that is not escaped. A mark in brackets ends it too, as some
/// seds have it: the rest then is no harmless command.
fn closing(text: &str, mark: char) -> Option<&str> {
    let mut escaped = false;
    for (at, next) in text.char_indices() {
        if next == '[' && !escaped {
            let bracket = text[at..].find(']').map_or("", |end| &text[at..at + end]);
            if bracket.contains(mark) || bracket.contains('\\') {
                return None;
            }
        }
        if next == mark && !escaped {
            return Some(&text[at + mark.len_utf8()..]);
        }
        escaped = next == '\\' && !escaped;
    }
    None
}
