//! Variables that decide what a later program is or does: setting one makes a command unreadable.

const STEERING: [&str; 53] = [
    "BASHOPTS",
    "BASH_ENV",
    "BASH_XTRACEFD",
    "BROWSER",
    "CDPATH",
    "COMP_WORDBREAKS",
    "EDITOR",
    "ENV",
    "EXECIGNORE",
    "FPATH",
    "GCONV_PATH",
    "GIT_ASKPASS",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_SYSTEM",
    "GIT_DIR",
    "GIT_EDITOR",
    "GIT_EXEC_PATH",
    "GIT_EXTERNAL_DIFF",
    "GIT_PAGER",
    "GIT_PROXY_COMMAND",
    "GIT_SEQUENCE_EDITOR",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GLOBIGNORE",
    "JAVA_TOOL_OPTIONS",
    "LESSCLOSE",
    "LESSOPEN",
    "MANPAGER",
    "NODE_OPTIONS",
    "NODE_PATH",
    "NULLCMD",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RSYNC_RSH",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SUDO_ASKPASS",
    "VISUAL",
    "ZDOTDIR",
];

/// Whether the variable decides what runs.
pub(super) fn steers(name: &str) -> bool {
    STEERING.binary_search(&name).is_ok()
        || ["LD_", "DYLD_", "BASH_FUNC_", "GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// The name of the variable in `name=value`, `name+=value` or `name[…]=value`.
pub(super) fn assigned(text: &str) -> Option<&str> {
    let target = text.split_once('=')?.0;
    Some(target.split(['+', '[']).next().unwrap_or(target))
}
