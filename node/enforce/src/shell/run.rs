//! What a program runs in its turn: the inner program of a wrapper, the code of a shell.
//!
//! The program itself is always a part of the reading. What it runs is read too, or is a doubt.

use super::found::{File, Found, basename};
use super::word::Word;
use super::{
    DEPTH_LIMIT, arithmetic, escapes, grammar, interpreters, tables, variables, walk, wrappers,
};

/// One run of a program.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    /// The program's word, then its arguments.
    pub(super) words: &'a [&'a Word],
    pub(super) redirects: &'a [File],
    pub(super) depth: usize,
    /// More words are added when it runs, as `xargs` does.
    pub(super) appended: bool,
}

impl<'a> Call<'a> {
    /// Adds the program, and what it runs, to what was found.
    pub(super) fn run(self, found: &mut Found) {
        let Some((name, arguments)) = self.words.split_first() else { return };
        if self.depth > DEPTH_LIMIT {
            return found.doubt("its parts lie too deep in each other");
        }
        if name.unknown.is_some() || name.tilde && !name.text.contains('/') {
            return found.doubt("the name of a program is not literal");
        }
        if name.raw.starts_with('=') {
            return found.doubt("shells disagree about a name that starts with =");
        }
        if grammar::RESERVED.contains(&name.raw.as_str()) && name.raw != "time"
            || name.text.starts_with('-')
        {
            return found.doubt("shells disagree about what is reserved");
        }
        found.program(&name.text, arguments, self.redirects, self.appended);
        let name = basename(&name.text);
        if tables::sets(name) {
            found.arithmetic.builtin(name, arguments);
        }
        if let Some(why) = builtin(name, arguments) {
            return found.doubt(why);
        }
        if tables::is_loader(name) {
            return found.doubt("it runs a program by the dynamic loader");
        }
        if let Some(why) = escapes::runs_more(name, arguments) {
            return found.doubt(format!("{name} {why}"));
        }
        if !wrappers::run(name, self, found) {
            interpreters::run(name, self, found);
        }
    }

    /// The words behind the program.
    pub(super) fn arguments(&self) -> &'a [&'a Word] {
        &self.words[1..]
    }

    /// What runs inside of this: `words` begins with the inner program.
    pub(super) fn inner(&self, words: &[&Word], found: &mut Found) {
        let depth = self.depth + 1;
        Call { words, redirects: self.redirects, depth, appended: self.appended }.run(found);
    }

    /// Code for a shell.
    pub(super) fn code(&self, word: &Word, found: &mut Found) {
        if word.unknown.is_some() {
            found.doubt("it gives a shell code that is not literal");
        } else {
            walk::text(&word.text, self.depth + 1, found);
        }
    }

    /// Words that are put together to code for a shell.
    pub(super) fn joined(&self, words: &[&Word], found: &mut Found) {
        if self.appended || words.iter().any(|word| word.unknown.is_some()) {
            return found.doubt("it gives a shell code that is not literal");
        }
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        walk::text(&texts.join(" "), self.depth + 1, found);
    }
}

/// Whether a word may turn out to be an option.
pub(super) fn may_be_option(word: &Word) -> bool {
    word.unknown.is_some() && (word.splits || word.text.starts_with(['$', '`', '-', '<', '>']))
}

/// Why a builtin of the shell cannot be read.
fn builtin(name: &str, arguments: &[&Word]) -> Option<&'static str> {
    let has = |option: &str| arguments.iter().any(|word| word.text.starts_with(option));
    match name {
        "eval" => return Some("it runs eval"),
        "." | "source" => return Some("it runs a file in the shell itself"),
        "alias" | "bind" | "enable" | "fc" | "emulate" | "autoload" | "zmodload" | "sched" => {
            return Some("it changes what names mean");
        }
        "hash" if has("-p") => return Some("it changes what names mean"),
        "complete" | "compgen" | "mapfile" | "readarray" if has("-C") => {
            return Some("it gives a shell code that is not read");
        }
        "trap" => {
            let action = arguments.iter().find(|word| word.text != "--").map(|word| word.shown());
            if !matches!(action, None | Some("" | "-" | "-l" | "-p")) {
                return Some("it sets a trap");
            }
        }
        _ => {}
    }
    if !tables::sets(name) {
        return None;
    }
    let sets = !matches!(name, "test" | "[") && (name != "printf" || has("-v"));
    if sets && arguments.iter().any(|word| steers(name, word)) {
        return Some("it sets a variable that decides what runs");
    }
    let subscript = |word: &Word| word.text.contains('[') && word.text.contains(['$', '`']);
    if arguments.iter().any(|word| word.unknown.is_none() && subscript(word)) {
        return Some("it evaluates a text with a subscript");
    }
    None
}

/// Whether an argument of a builtin that sets variables may name one that decides what runs.
fn steers(builtin: &str, word: &Word) -> bool {
    let target = variables::assigned(&word.text).unwrap_or(&word.text);
    // `export "$x"` may set anything; `printf -v x "$y"` and `read -p "$y" x` may not.
    let free = !matches!(builtin, "printf" | "read" | "mapfile" | "readarray" | "getopts");
    let named = variables::steers(target)
        || !free && arithmetic::attached(&word.text).is_some_and(variables::steers);
    named || free && word.unknown.is_some() && target.contains(['$', '`'])
}
