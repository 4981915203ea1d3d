//! Files that are the input of a program, or are no files at all: code in them cannot be read.
//!
//! A path is taken as what it may be from any working directory. It must never take one of the
//! spellings of `/dev/stdin` for a script.

/// Last parts of paths that are somebody's input.
const INPUTS: [&str; 4] = ["console", "ptmx", "stdin", "tty"];
/// Folders that hold open files.
const FOLDERS: [&str; 3] = ["fd", "pts", "self"];

/// Whether a path may be the input of the program that opens it.
pub(super) fn is_input(path: &str) -> bool {
    if path == "-" || path.starts_with(['<', '>']) {
        return true;
    }
    let mut parts: Vec<&str> = Vec::new();
    let (mut climbs, mut places) = (false, false);
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        places |= matches!(part, "dev" | "proc");
        if part == ".." {
            climbs = true;
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    // A link in front of `..` may lead anywhere.
    let absolute = path.starts_with('/') && matches!(parts.first(), Some(&("dev" | "proc")));
    let named = parts.last().is_some_and(|last| INPUTS.contains(last));
    let folders = path.contains('/') && parts.iter().any(|part| FOLDERS.contains(part));
    absolute || climbs && places || named || folders
}

/// Whether a word is an input, or an option with one as its value: `-f-`, `--file=/dev/stdin`.
pub(super) fn names_input(text: &str) -> bool {
    if is_input(text) {
        return true;
    }
    let Some(option) = text.strip_prefix('-').filter(|option| !option.is_empty()) else {
        return false;
    };
    let value = text.split_once('=').is_some_and(|(_, value)| is_input(value));
    let path = option.find('/').is_some_and(|start| is_input(&option[start..]));
    value || path || option != "-" && option.ends_with('-')
}
