//! Programs that serve a client which copies: `scp` of before sftp, `rsync`, and git's, for which a
//! repository is a folder that is read (fetch, clone, archive) or written (push).
//!
//! Their command lines say what is read or written, and where. What the two sides then say to each
//! other is not looked into. The same programs as somebody calls them by hand (`scp a b`) are
//! programs like any other.

use proto::reading::FileOperation::{self, Read, Remove, Write};
use proto::reading::Program;

use super::{Part, Parts, Reach, path};
use crate::shell::OpenWords;

/// Options of `scp` that take a value (OpenBSD's scp.c).
const SCP_VALUES: &str = "DFJMPSXcilo";
/// Options of `rsync` whose value behind `=` is a path.
const RSYNC_PATHS: &[&str] = &[
    "--backup-dir",
    "--compare-dest",
    "--copy-dest",
    "--exclude-from",
    "--files-from",
    "--include-from",
    "--link-dest",
    "--log-file",
    "--partial-dir",
    "--temp-dir",
];

/// What a program does, and with what.
struct Served<'a> {
    operations: Vec<FileOperation>,
    reach: Reach,
    paths: Vec<&'a str>,
    /// Whether there may be more paths than these.
    open: bool,
}

impl Served<'_> {
    fn anything() -> Self {
        Self { operations: Vec::new(), reach: Reach::Tree, paths: Vec::new(), open: true }
    }
}

/// Of a push, what it changes in its repository is judged when it says it.
pub(super) fn read(programs: &[Program], words: &[OpenWords], is_push: bool) -> Parts {
    let mut parts = Parts::default();
    for (at, program) in programs.iter().enumerate() {
        let served = match program.name.as_str() {
            "scp" => scp(&program.arguments),
            "rsync" => rsync(&program.arguments),
            "git" => git(&program.arguments),
            // What is asked of it then, nobody reads.
            "sftp-server" => Some(Served::anything()),
            name => git_service(name.strip_prefix("git-").unwrap_or(""), &program.arguments),
        };
        let Some(served) = served else { continue };
        let unsure = words.get(at).is_some_and(|open| !open.arguments.is_empty());
        let (operations, reach) = match is_push {
            true => (vec![Write], Reach::One),
            false => (served.operations, served.reach),
        };
        parts.open |= unsure || served.open;
        if unsure {
            continue;
        }
        for written in served.paths {
            let Some(path) = path::of_login(written) else {
                parts.open = true;
                continue;
            };
            parts.known.extend(operations.iter().map(|operation| Part {
                operation: *operation,
                path: path.clone(),
                reach,
                program: Some(at),
            }));
        }
    }
    parts
}

/// Whether one of them gives files to a client that copies: what comes out of it then is their
/// content.
pub(super) fn give(programs: &[Program]) -> bool {
    programs.iter().any(|program| {
        let served = match program.name.as_str() {
            "scp" => scp(&program.arguments),
            "rsync" => rsync(&program.arguments),
            _ => None,
        };
        served.is_some_and(|served| served.operations.contains(&Read))
    })
}

/// `scp -t PATH` takes files, `scp -f PATH…` gives them.
fn scp(arguments: &[String]) -> Option<Served<'_>> {
    let (mut takes, mut gives, mut tree) = (false, false, false);
    let mut paths = Vec::new();
    let mut words = arguments.iter();
    let mut options = true;
    while let Some(word) = words.next() {
        match word.strip_prefix('-') {
            Some("-") if options => options = false,
            Some(letters) if options && !letters.is_empty() => {
                for (at, letter) in letters.char_indices() {
                    match letter {
                        't' => takes = true,
                        'f' => gives = true,
                        'r' => tree = true,
                        letter if SCP_VALUES.contains(letter) => {
                            if at + letter.len_utf8() == letters.len() {
                                words.next();
                            }
                            break;
                        }
                        _ => {}
                    }
                }
            }
            // As getopt of GNU does it, options may stand behind paths.
            _ => paths.push(word.as_str()),
        }
    }
    let operations = match (takes, gives) {
        (false, false) => return None,
        (true, false) => vec![Write],
        (false, true) => vec![Read],
        (true, true) => vec![Read, Write],
    };
    // What is written is named by the client: into a folder it may be any name below.
    let reach = if tree || takes { Reach::Tree } else { Reach::One };
    let open = paths.is_empty();
    Some(Served { operations, reach, paths, open })
}

/// `rsync --server … . PATH` takes files, with `--sender` it gives them.
fn rsync(arguments: &[String]) -> Option<Served<'_>> {
    if !arguments.iter().any(|word| word == "--server") {
        return None;
    }
    let has = |start: &str| arguments.iter().any(|word| word.starts_with(start));
    let sender = has("--sender");
    let mut operations = if sender { vec![Read] } else { vec![Write] };
    if has("--delete") || has("--remove-s") || arguments.iter().any(|word| word == "--del") {
        operations.push(Remove);
    }
    let mut paths = Vec::new();
    let mut dot = false;
    for word in arguments {
        if !word.starts_with('-') {
            // The first dot says where the paths begin; values of options before it count as paths.
            if word != "." || std::mem::replace(&mut dot, true) {
                paths.push(word.as_str());
            }
        } else if let Some((name, value)) = word.split_once('=')
            && RSYNC_PATHS.contains(&name)
        {
            paths.push(value);
        }
    }
    // Without paths they come by the protocol, where nobody sees them.
    let protected = arguments
        .iter()
        .any(|word| word == "--protect-args" || word == "--secluded-args" || is_protected(word));
    let open = paths.is_empty() || protected || has("--daemon") || has("--config");
    Some(Served { operations, reach: Reach::Tree, paths, open })
}

/// `git upload-pack PATH`, perhaps with options of git before it.
fn git(arguments: &[String]) -> Option<Served<'_>> {
    let known = |word: &&String| git_service(word, &[]).is_some();
    let at = arguments.iter().position(|word| known(&word))?;
    let mut served = git_service(&arguments[at], &arguments[at + 1..])?;
    // What options of git before it mean for the path is not known.
    served.open |= at > 0;
    Some(served)
}

fn git_service<'a>(name: &str, arguments: &'a [String]) -> Option<Served<'a>> {
    let (operations, reach) = match name {
        "upload-pack" | "upload-archive" => (vec![Read], Reach::Repository),
        "receive-pack" => (vec![Write, Remove], Reach::Tree),
        _ => return None,
    };
    let words = arguments.iter().map(String::as_str);
    let paths: Vec<_> = words.filter(|word| !word.starts_with('-')).collect();
    let open = paths.is_empty();
    Some(Served { operations, reach, paths, open })
}

/// Whether a cluster of short options has `s`; what follows `e` is no option.
fn is_protected(word: &str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| !letters.starts_with('-'));
    let before = letters.map(|letters| letters.split('e').next().unwrap_or_default());
    before.is_some_and(|letters| letters.contains('s'))
}
