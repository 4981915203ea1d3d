//! Programs with another purpose that run what some of their words say.
//!
//! A judgement, kept as a table: what is not here is taken to run nothing but itself.

use super::input::{is_input, names_input};
use super::run::may_be_option;
use super::word::Word;
use super::{sed, tables};

/// Options and words, by program, that make it run something. One that ends with `*` is the start
/// of a word. Sorted.
const ESCAPES: &[(&str, &[&str])] = &[
    ("ansible", &["*"]),
    ("apt", &["-o*", "--option*"]),
    ("apt-get", &["-o*", "--option*"]),
    ("bsdtar", &["--use-compress-program*"]),
    ("bundle", &["exec", "open", "console"]),
    ("cmake", &["-E*", "-P*"]),
    ("cpio", &["--rsh-command*"]),
    ("crictl", &["exec", "run"]),
    ("crontab", &["-", "-e"]),
    ("direnv", &["exec", "edit"]),
    ("docker", &["exec", "run", "compose", "create"]),
    ("dpkg", &["--pre-invoke*", "--post-invoke*", "--status-logger*"]),
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
    ("gmake", &["--eval*", "SHELL=*", "-E*"]),
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
    ("ip", &["netns", "vrf", "-b*", "-batch"]),
    ("journalctl", &["--pager*"]),
    ("kubectl", &["exec", "run", "debug", "attach", "edit"]),
    ("lxc", &["exec"]),
    ("make", &["--eval*", "SHELL=*", "-E*"]),
    ("nc", &["-e*", "-c*"]),
    ("ncat", &["-e*", "-c*", "--exec*", "--sh-exec*", "--lua-exec*"]),
    ("nerdctl", &["exec", "run"]),
    ("netcat", &["-e*", "-c*"]),
    ("nmap", &["--script*", "--interactive"]),
    ("npm", &["exec", "x", "--script-shell*"]),
    ("oc", &["exec", "run", "debug", "rsh", "attach"]),
    ("pip", &["--editor*", "config"]),
    ("pip3", &["--editor*", "config"]),
    ("podman", &["exec", "run", "create"]),
    ("poetry", &["run", "shell"]),
    ("rpm", &["--eval*", "-E*", "--define*", "-D*", "--pipe*"]),
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
    ("uv", &["run", "tool", "x"]),
    ("wget", &["-e*", "--execute*", "--use-askpass*"]),
    ("zip", &["-TT*", "--unzip-command*"]),
];

const SQL: [&str; 5] = ["mariadb", "mysql", "psql", "sqlite", "sqlite3"];
const AWK: [&str; 4] = ["awk", "gawk", "mawk", "nawk"];

pub(super) fn is_known(name: &str) -> bool {
    SQL.contains(&name) || AWK.contains(&name) || name == "sed" || escape(name).is_some()
}

fn escape(name: &str) -> Option<&'static [&'static str]> {
    let at = ESCAPES.binary_search_by_key(&name, |known| known.0).ok()?;
    Some(ESCAPES[at].1)
}

/// Why a program with these words may run something else that is not read here.
pub(super) fn runs_more(name: &str, arguments: &[&Word]) -> Option<&'static str> {
    if tables::is_opaque(name) {
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
    let serves = arguments.iter().any(|word| word.text == "--server");
    // The first word of tar is a cluster of letters without its `-`.
    let letters = arguments.first().filter(|_| matches!(name, "tar" | "gtar" | "bsdtar"));
    if letters.is_some_and(|word| !word.text.starts_with('-') && word.text.contains(['I', 'F'])) {
        return Some("is told to run something");
    }
    for word in arguments {
        if may_be_option(word) && !word.raw.starts_with(['*', '?', '[']) {
            return Some("is given words that are not literal");
        }
        if matches!(name, "make" | "gmake") && names_input(&word.text) {
            return Some("takes its code from its input");
        }
        if matches!(name, "make" | "gmake") && computes(&word.text) {
            return Some("is told to run something");
        }
        // `rsync --server -e.…` says what it can do.
        let told = name == "rsync" && word.text.contains("e.") && serves;
        if !told && escapes.iter().any(|escape| matches(escape, &word.text)) {
            return Some("is told to run something");
        }
    }
    None
}

/// Whether a word says what an entry of the table says: programs take the start of a long option
/// for the whole, and letters of short options in a row.
fn matches(escape: &str, text: &str) -> bool {
    let start = escape.trim_end_matches('*');
    if let (true, Some(_)) = (start.len() > 2, start.strip_prefix("--")) {
        let name = text.split('=').next().unwrap_or_default();
        return name.len() > 2 && (start.starts_with(name) || name.starts_with(start));
    }
    if let Some(letters) = start.strip_prefix('-').filter(|letters| !letters.is_empty()) {
        let cluster = text.strip_prefix('-').unwrap_or_default();
        let end = cluster.find(|next: char| !next.is_ascii_alphanumeric());
        return cluster[..end.unwrap_or(cluster.len())].contains(letters);
    }
    if escape.ends_with('*') { text.starts_with(start) } else { text == escape }
}

/// Whether a word of make gives a variable something to run.
fn computes(text: &str) -> bool {
    text.contains("!=") || text.contains('=') && text.contains(['$', '`'])
}

/// An awk program can run commands by `system`, pipes and `getline`.
fn awk(arguments: &[&Word]) -> Option<&'static str> {
    let (mut at, mut from_file) = (0, false);
    while let Some(word) = arguments.get(at) {
        at += 1;
        if word.unknown.is_some() {
            return Some("is given a program that is not literal");
        }
        match word.text.as_str() {
            "-F" | "-v" | "--assign" | "--field-separator" => at += 1,
            "--" | "-version" | "--version" => {}
            "-f" | "--file" => {
                let file = arguments.get(at)?;
                if file.unknown.is_some() || is_input(&file.text) {
                    return Some("takes its code from its input");
                }
                from_file = true;
                at += 1;
            }
            text if text.starts_with("-F") || text.starts_with("-v") => {}
            text if text.starts_with('-') => return Some("is given an option that is not known"),
            _ if from_file => return None,
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
fn sql(arguments: &[&Word]) -> Option<&'static str> {
    const STATEMENT: [&str; 4] = ["-c", "--command", "-e", "--execute"];
    const QUIET: [&str; 7] = ["--version", "-V", "-l", "--list", "--help", "-?", "-f"];
    let mut given = false;
    for word in arguments {
        if may_be_option(word) {
            return Some("is given words that are not literal");
        }
        let text = word.text.to_ascii_lowercase();
        let name = text.split('=').next().unwrap_or_default();
        if names_input(&word.text) {
            return Some("takes its statements from its input");
        }
        given |= QUIET.contains(&name) || name == "--file";
        given |= STATEMENT.iter().any(|option| name.starts_with(option));
        let shells = ["\\", "system", "program", ".shell", ".system", "|", "edit("];
        if word.unknown.is_some() || shells.iter().any(|shell| text.contains(shell)) {
            return Some("is given a statement that may run something");
        }
    }
    (!given).then_some("takes its statements from its input")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(ESCAPES.is_sorted_by(|one, next| one.0 < next.0));
        assert!(ESCAPES.iter().all(|known| escape(known.0) == Some(known.1)));
    }
}
