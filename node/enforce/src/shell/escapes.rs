//! Programs with another purpose that run what some of their words say.
//!
//! A judgement, kept as a table: what is not here is taken to run nothing but itself.

use super::run::may_be_option;
use super::word::Word;
use super::{sed, tables};

/// Options and words, by program, that make it run something. One that ends with `*` is the start
/// of a word.
const ESCAPES: [(&str, &[&str]); 32] = [
    ("ansible", &["*"]),
    ("apt", &["-o*", "--option*"]),
    ("apt-get", &["-o*", "--option*"]),
    ("cpio", &["--rsh-command*"]),
    ("crictl", &["exec", "run"]),
    ("crontab", &["-", "-e"]),
    ("docker", &["exec", "run", "compose", "create"]),
    (
        "git",
        &[
            "-c*",
            "--config-env*",
            "--exec-path*",
            "--upload-pack*",
            "--receive-pack*",
            "-u*",
            "-x*",
            "--exec*",
            "-O*",
            "--open-files-in-pager*",
            "filter-branch",
            "bisect",
            "foreach",
            "config",
            "difftool",
            "mergetool",
            "ext::*",
        ],
    ),
    ("ip", &["netns", "vrf", "-b*", "-batch"]),
    ("kubectl", &["exec", "run", "debug", "attach", "edit"]),
    ("lxc", &["exec"]),
    ("make", &["--eval*", "-f-", "-", "/dev/*", "SHELL=*", "-E*"]),
    ("gmake", &["--eval*", "-f-", "-", "/dev/*", "SHELL=*", "-E*"]),
    ("nc", &["-e*", "-c*"]),
    ("ncat", &["-e*", "-c*", "--exec*", "--sh-exec*", "--lua-exec*"]),
    ("nerdctl", &["exec", "run"]),
    ("netcat", &["-e*", "-c*"]),
    ("nmap", &["--script*", "--interactive"]),
    ("npm", &["exec", "x", "--script-shell*"]),
    ("oc", &["exec", "run", "debug", "rsh", "attach"]),
    ("podman", &["exec", "run", "create"]),
    ("rsync", &["-e", "--rsh*", "--rsync-path*"]),
    ("scp", &["-S*", "-o*", "-D*"]),
    ("sort", &["--compress-program*"]),
    ("split", &["--filter*"]),
    (
        "tar",
        &[
            "--to-command*",
            "--checkpoint-action*",
            "-I*",
            "--use-compress-program*",
            "-F*",
            "--info-script*",
            "--new-volume-script*",
            "--rsh-command*",
        ],
    ),
    ("tcpdump", &["-z*"]),
    ("wget", &["--use-askpass*"]),
    ("zip", &["-TT*", "--unzip-command*"]),
    ("bsdtar", &["--use-compress-program*"]),
    (
        "gtar",
        &[
            "--to-command*",
            "--checkpoint-action*",
            "-I*",
            "--use-compress-program*",
            "-F*",
            "--info-script*",
        ],
    ),
    ("journalctl", &["--pager*"]),
];

const SQL: [&str; 5] = ["mariadb", "mysql", "psql", "sqlite", "sqlite3"];
const AWK: [&str; 4] = ["awk", "gawk", "mawk", "nawk"];

pub(super) fn is_known(name: &str) -> bool {
    SQL.contains(&name) || AWK.contains(&name) || name == "sed" || escape(name).is_some()
}

fn escape(name: &str) -> Option<&'static [&'static str]> {
    ESCAPES.iter().find(|known| known.0 == name).map(|known| known.1)
}

/// Why a program with these words may run something else that is not read here.
pub(super) fn runs_more(name: &str, arguments: &[Word]) -> Option<&'static str> {
    if tables::OPAQUE.contains(&name) {
        return Some("runs something that is not read here");
    }
    if AWK.contains(&name) {
        return awk(arguments);
    }
    if matches!(name, "sed" | "gsed") {
        return sed::runs_more(arguments);
    }
    if SQL.contains(&name) {
        return sql(arguments);
    }
    let escapes = escape(name)?;
    if name == "crontab" && arguments.is_empty() {
        return Some("takes what it runs from its input");
    }
    for word in arguments {
        if may_be_option(word) && !word.raw.starts_with(['*', '?', '[']) {
            return Some("is given words that are not literal");
        }
        if escapes.iter().any(|escape| matches(escape, &word.text)) {
            return Some("is told to run something");
        }
    }
    None
}

fn matches(escape: &str, text: &str) -> bool {
    match escape.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => text == escape,
    }
}

/// An awk program can run commands by `system`, pipes and `getline`.
fn awk(arguments: &[Word]) -> Option<&'static str> {
    let mut at = 0;
    while let Some(word) = arguments.get(at) {
        at += 1;
        if word.unknown.is_some() {
            return Some("is given a program that is not literal");
        }
        match word.text.as_str() {
            "-F" | "-v" | "--assign" | "--field-separator" => at += 1,
            "--" | "-version" | "--version" | "-W" => {}
            "-f" | "--file" => {
                let file = arguments.get(at)?;
                let input =
                    file.unknown.is_some() || file.text == "-" || file.text.starts_with("/dev/");
                return input.then_some("takes its code from its input");
            }
            text if text.starts_with("-F") || text.starts_with("-v") => {}
            text if text.starts_with('-') => return Some("is given an option that is not known"),
            text => {
                let piped = text.replace("||", "").contains('|');
                let runs = piped || text.contains("system") || text.contains('@');
                return runs.then_some("is given a program that may run something");
            }
        }
    }
    None
}

/// The clients of databases have commands of their own that run a shell.
fn sql(arguments: &[Word]) -> Option<&'static str> {
    const STATEMENT: [&str; 4] = ["-c", "--command", "-e", "--execute"];
    const QUIET: [&str; 7] = ["--version", "-V", "-l", "--list", "--help", "-?", "-f"];
    let mut given = false;
    for (at, word) in arguments.iter().enumerate() {
        if may_be_option(word) {
            return Some("is given words that are not literal");
        }
        let text = word.text.to_ascii_lowercase();
        let name = text.split('=').next().unwrap_or_default();
        if QUIET.contains(&name) || name == "--file" {
            let file = arguments.get(at + 1).map_or("", |word| word.text.as_str());
            given |= !(file == "-" || file.starts_with("/dev/"));
        }
        given |= STATEMENT.iter().any(|option| name.starts_with(option));
        let shells = ["\\", "system", "program", ".shell", ".system", "|", "edit("];
        if word.unknown.is_some() || shells.iter().any(|shell| text.contains(shell)) {
            return Some("is given a statement that may run something");
        }
    }
    (!given).then_some("takes its statements from its input")
}
