//! The options of the programs that run another one behind their own options.
//!
//! What is not here makes a command unreadable: an option that takes a word must never be missed.

/// How one wrapper is called.
pub(super) struct Wrapper {
    pub(super) name: &'static str,
    /// Short options without a value.
    pub(super) flags: &'static str,
    /// Short options with a value.
    pub(super) takes: &'static str,
    /// Long options without a value, or with one behind `=`.
    pub(super) long: &'static [&'static str],
    /// Long options with a value.
    pub(super) long_takes: &'static [&'static str],
    /// Short or long options with which it runs nothing.
    pub(super) quiet: &'static [&'static str],
    /// Words between the options and the inner program.
    pub(super) operands: usize,
    /// It starts a shell when nothing is given to run.
    pub(super) shell: bool,
}

const PLAIN: Wrapper = Wrapper {
    name: "",
    flags: "",
    takes: "",
    long: &[],
    long_takes: &[],
    quiet: &[],
    operands: 0,
    shell: false,
};

/// The options of a wrapper, if this is one.
pub(super) fn wrapper(name: &str) -> Option<&'static Wrapper> {
    let at = WRAPPERS.binary_search_by_key(&name, |known| known.name).ok()?;
    WRAPPERS.get(at)
}

/// Sorted by name.
static WRAPPERS: [Wrapper; 26] = [
    Wrapper { name: "builtin", ..PLAIN },
    Wrapper {
        name: "busybox",
        long: &["list", "help", "list-full"],
        quiet: &["list", "help", "list-full"],
        ..PLAIN
    },
    Wrapper { name: "catchsegv", ..PLAIN },
    Wrapper { name: "chronic", flags: "ve", ..PLAIN },
    Wrapper {
        name: "chroot",
        long: &["skip-chdir"],
        long_takes: &["userspec", "groups"],
        operands: 1,
        shell: true,
        ..PLAIN
    },
    Wrapper { name: "command", flags: "pvV", quiet: &["v", "V"], ..PLAIN },
    Wrapper { name: "doas", flags: "Lns", takes: "aCu", quiet: &["L", "C"], ..PLAIN },
    Wrapper {
        name: "env",
        flags: "i0v",
        takes: "uCSa",
        long: &[
            "ignore-environment",
            "null",
            "debug",
            "block-signal",
            "default-signal",
            "ignore-signal",
            "list-signal-handling",
        ],
        long_takes: &["unset", "chdir", "split-string", "argv0"],
        ..PLAIN
    },
    Wrapper { name: "exec", flags: "cl", takes: "a", ..PLAIN },
    Wrapper { name: "ifne", flags: "n", ..PLAIN },
    Wrapper {
        name: "ionice",
        flags: "t",
        takes: "cnpPu",
        long: &["ignore"],
        long_takes: &["class", "classdata", "pid", "pgid", "uid"],
        quiet: &["p", "P", "u", "pid", "pgid", "uid"],
        ..PLAIN
    },
    Wrapper { name: "ltrace", flags: "bcCfhiLrStTV", takes: "aAdDeFlnopsuwxX", ..PLAIN },
    Wrapper { name: "nice", flags: "0123456789", takes: "n", long_takes: &["adjustment"], ..PLAIN },
    Wrapper { name: "nocorrect", ..PLAIN },
    Wrapper { name: "noglob", ..PLAIN },
    Wrapper { name: "nohup", ..PLAIN },
    Wrapper { name: "setsid", flags: "cfw", long: &["ctty", "fork", "wait"], ..PLAIN },
    Wrapper {
        name: "ssh",
        flags: "46AaCfGgKkMNnqsTtVvXxYy",
        takes: "BbcDEeFIiJLlmOopQRSWw",
        quiet: &["V", "N", "O", "Q", "G", "W", "s"],
        operands: 1,
        shell: true,
        ..PLAIN
    },
    Wrapper { name: "stdbuf", takes: "ioe", long_takes: &["input", "output", "error"], ..PLAIN },
    Wrapper { name: "strace", flags: "cCdDfFhikqrtTvVxyzZ", takes: "abeEIoOpPsSuUX", ..PLAIN },
    Wrapper {
        name: "sudo",
        flags: "AbBEeHiKklnPSsVv",
        takes: "aCcDghpRrTtUu",
        long: &[
            "askpass",
            "background",
            "bell",
            "preserve-env",
            "edit",
            "set-home",
            "login",
            "remove-timestamp",
            "reset-timestamp",
            "list",
            "non-interactive",
            "preserve-groups",
            "stdin",
            "shell",
            "version",
            "validate",
        ],
        long_takes: &[
            "close-from",
            "chdir",
            "group",
            "host",
            "prompt",
            "chroot",
            "role",
            "command-timeout",
            "type",
            "other-user",
            "user",
        ],
        quiet: &[
            "K",
            "l",
            "V",
            "v",
            "e",
            "list",
            "validate",
            "version",
            "edit",
            "remove-timestamp",
        ],
        ..PLAIN
    },
    Wrapper {
        name: "time",
        flags: "pvaqV",
        takes: "fo",
        long: &["portability", "verbose", "append", "quiet", "version"],
        long_takes: &["format", "output"],
        ..PLAIN
    },
    Wrapper {
        name: "timeout",
        flags: "vpf",
        takes: "ks",
        long: &["foreground", "preserve-status", "verbose"],
        long_takes: &["kill-after", "signal"],
        operands: 1,
        ..PLAIN
    },
    Wrapper { name: "toybox", ..PLAIN },
    Wrapper {
        name: "watch",
        flags: "bcdegprtxwvC",
        takes: "nqs",
        long: &[
            "beep",
            "color",
            "no-color",
            "differences",
            "errexit",
            "chgexit",
            "precise",
            "no-rerun",
            "no-title",
            "exec",
            "no-wrap",
        ],
        long_takes: &["interval", "equexit"],
        ..PLAIN
    },
    Wrapper {
        name: "xargs",
        flags: "0oprtx",
        takes: "adEILnPs",
        long: &["null", "no-run-if-empty", "interactive", "verbose", "exit", "open-tty"],
        long_takes: &[
            "arg-file",
            "delimiter",
            "max-args",
            "max-procs",
            "max-chars",
            "process-slot-var",
        ],
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(WRAPPERS.is_sorted_by(|one, next| one.name < next.name));
        assert!(WRAPPERS.iter().all(|known| wrapper(known.name).is_some()));
    }
}
