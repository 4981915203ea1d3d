//! Names that the reader knows, beside those that have a table of their own.

use super::{escapes, interpreters, wrappers};

/// Whether a table has a name. It is asked for every program, so tables are sorted.
fn has(table: &[&str], name: &str) -> bool {
    table.binary_search(&name).is_ok()
}

/// Builtins that set variables, or evaluate the subscript of one.
const SETTING: [&str; 17] = [
    "[",
    "declare",
    "export",
    "getopts",
    "integer",
    "let",
    "local",
    "mapfile",
    "print",
    "printf",
    "read",
    "readarray",
    "readonly",
    "test",
    "typeset",
    "unset",
    "wait",
];
const BUILTINS: [&str; 20] = [
    ".",
    "alias",
    "bind",
    "builtin",
    "cd",
    "command",
    "command_not_found_handle",
    "compgen",
    "complete",
    "echo",
    "enable",
    "eval",
    "exec",
    "fc",
    "hash",
    "set",
    "shift",
    "source",
    "trap",
    "type",
];

/// Programs that run another one in a way that is not read here, editors and pagers among them:
/// they have commands that run a shell.
const OPAQUE: &[&str] = &[
    "R",
    "at",
    "batch",
    "bwrap",
    "capsh",
    "choom",
    "chpst",
    "chrt",
    "cpulimit",
    "crash",
    "dbus-run-session",
    "dc",
    "dtach",
    "dumb-init",
    "ed",
    "elinks",
    "emacs",
    "emacsclient",
    "entr",
    "envdir",
    "erl",
    "ex",
    "expect",
    "fakechroot",
    "fakeroot",
    "faketime",
    "firejail",
    "flock",
    "ftp",
    "gdb",
    "ghci",
    "gosu",
    "gpg-agent",
    "htop",
    "i386",
    "i486",
    "i586",
    "i686",
    "iex",
    "incus",
    "info",
    "ipython",
    "ipython3",
    "irb",
    "jdb",
    "jshell",
    "ksu",
    "less",
    "lftp",
    "links",
    "linux32",
    "linux64",
    "lldb",
    "lxc-attach",
    "lynx",
    "m4",
    "machinectl",
    "mail",
    "mailx",
    "man",
    "mc",
    "more",
    "mosh",
    "most",
    "mpirun",
    "mutt",
    "nano",
    "newgrp",
    "not",
    "npx",
    "nsenter",
    "numactl",
    "nvim",
    "parallel",
    "pdsh",
    "perf",
    "pico",
    "pipx",
    "pkexec",
    "pnpx",
    "prlimit",
    "proot",
    "proxychains",
    "proxychains4",
    "pry",
    "ranger",
    "red",
    "repeat",
    "rlwrap",
    "rsh",
    "run-parts",
    "runcon",
    "rvim",
    "s6-setuidgid",
    "scala",
    "screen",
    "script",
    "setarch",
    "setpriv",
    "setuidgid",
    "sftp",
    "sg",
    "socat",
    "softlimit",
    "sqlplus",
    "ssh-agent",
    "sshpass",
    "start-stop-daemon",
    "su-exec",
    "sudoedit",
    "systemd-cat",
    "systemd-run",
    "taskset",
    "telnet",
    "tini",
    "tmux",
    "top",
    "torify",
    "torsocks",
    "trickle",
    "uname26",
    "unbuffer",
    "unshare",
    "uvx",
    "valgrind",
    "vi",
    "view",
    "vigr",
    "vim",
    "vimdiff",
    "vipw",
    "visudo",
    "w3m",
    "x86_64",
    "xterm",
    "xvfb-run",
    "yarn",
    "yash",
    "zellij",
];

/// Whether it is a builtin that sets variables, or evaluates the subscript of one.
pub(super) fn sets(name: &str) -> bool {
    has(&SETTING, name)
}

/// Whether this program runs something that is not read here; `vim.tiny` is a vim.
pub(super) fn is_opaque(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or(name);
    has(OPAQUE, name) || matches!(family, "nvim" | "view" | "vim")
}

/// Whether a program of this name may run another one, or has a table of its own.
pub(super) fn is_known(name: &str) -> bool {
    sets(name)
        || has(&BUILTINS, name)
        || is_opaque(name)
        || wrappers::is_known(name)
        || interpreters::is_known(name)
        || escapes::is_known(name)
}

/// Whether this is a dynamic loader, which runs the program that it is given.
pub(super) fn is_loader(name: &str) -> bool {
    name == "ld.so" || name.starts_with("ld-linux") || name.starts_with("ld-musl")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        for table in [&SETTING[..], &BUILTINS, OPAQUE] {
            assert!(table.is_sorted_by(|one, next| one < next), "{table:?}");
            assert!(table.iter().all(|name| has(table, name)));
        }
    }
}
