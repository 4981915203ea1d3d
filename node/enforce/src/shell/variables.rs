//! Variables that decide what a later program is or does: setting one makes a command unreadable.

/// Names that programs read as code, or as the place of code.
const STEERING: [&str; 42] = [
    "AR",
    "BASH_ENV",
    "BASH_XTRACEFD",
    "BROWSER",
    "CC",
    "COMP_WORDBREAKS",
    "CXX",
    "ENV",
    "EXECIGNORE",
    "FCEDIT",
    "GLOBIGNORE",
    "HOME",
    "INPUTRC",
    "LD",
    "MORE",
    "MYVIMRC",
    "NULLCMD",
    "PERL5DB",
    "PERL5LIB",
    "PERLLIB",
    "PGSERVICEFILE",
    "PROMPT",
    "PS0",
    "PS1",
    "PS2",
    "PS4",
    "PYTHONBREAKPOINT",
    "PYTHONEXECUTABLE",
    "PYTHONHOME",
    "PYTHONINSPECT",
    "PYTHONPYCACHEPREFIX",
    "PYTHONSTARTUP",
    "PYTHONUSERBASE",
    "RUBYLIB",
    "RUSTC",
    "TAPE",
    "TERMCAP",
    "TERMINFO",
    "UNZIP",
    "VISUAL",
    "ZDOTDIR",
    "ZIPINFO",
];
/// Endings of such names, in upper case.
const ENDINGS: [&str; 23] = [
    "ASKPASS", "COMMAND", "CONFIG", "EDITOR", "FLAGS", "INIT", "OPT", "OPTIONS", "OPTS", "PAGER",
    "PATH", "PRELOAD", "PROG", "RSH", "SHELL", "SSH", "_HELPER", "_HOME", "_LIB", "_LINKER", "_RC",
    "_RUNNER", "_WRAPPER",
];
/// How such names begin.
const FAMILIES: [&str; 10] = [
    "BASH_FUNC_",
    "DYLD_",
    "GIT_",
    "LD_",
    "LESS",
    "LUA_",
    "NPM_CONFIG_",
    "PSQL",
    "XDG_",
    "npm_config_",
];
/// Beginnings of names in those families that are texts and nothing else.
const HARMLESS: [&str; 4] = ["GIT_AUTHOR_", "GIT_COMMITTER_", "GIT_TERMINAL_PROMPT", "LC_"];

/// Whether the variable decides what runs.
pub(super) fn steers(name: &str) -> bool {
    let begins = |table: &[&str]| table.iter().any(|start| name.starts_with(start));
    let upper = !name.contains(|next: char| next.is_ascii_lowercase());
    STEERING.contains(&name)
        || begins(&FAMILIES) && !begins(&HARMLESS)
        || upper && ENDINGS.iter().any(|end| name.ends_with(end))
}

/// The name of the variable in `name=value`, `name+=value` or `name[…]=value`.
pub(super) fn assigned(text: &str) -> Option<&str> {
    let target = text.split_once('=')?.0;
    Some(target.split(['+', '[']).next().unwrap_or(target))
}
