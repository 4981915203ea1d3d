//! What arithmetic evaluates: bash evaluates the value of every variable that an expression names,
//! as an expression again, and runs the substitutions in its subscripts.
//!
//! A value counts as harmless only when the same text gives it and it is surely a number.

use std::collections::BTreeSet;

use super::word::Word;

/// Variables whose value the shell keeps a number.
const NUMBERS: [&str; 7] =
    ["BASHPID", "EPOCHSECONDS", "EUID", "LINENO", "PPID", "RANDOM", "SECONDS"];
/// Operators of `[[ ]]` that evaluate the words beside them.
pub(super) const COMPARING: [&str; 6] = ["-eq", "-ge", "-gt", "-le", "-lt", "-ne"];
/// Operators of `[[ ]]` and `test` that evaluate the subscript in the word behind them.
pub(super) const NAMING: [&str; 2] = ["-R", "-v"];

/// What was evaluated, and where the values come from.
#[derive(Clone, Default)]
pub(super) struct Arithmetic {
    /// Variables whose value is evaluated.
    names: BTreeSet<String>,
    /// Variables that were given numbers.
    numbers: BTreeSet<String>,
    /// Variables that may have been given anything.
    others: BTreeSet<String>,
    /// Something is evaluated that is only known when it runs.
    free: bool,
    /// Variables were set whose names are only known when it runs.
    sets_any: bool,
}

/// What one word evaluates; most evaluate nothing, and have nothing here.
#[derive(Clone, Default)]
pub(super) struct Evaluated(Option<Box<Arithmetic>>);

impl Evaluated {
    /// What it evaluates, to add to it.
    pub(super) fn get(&mut self) -> &mut Arithmetic {
        self.0.get_or_insert_default()
    }

    /// Takes over what another word evaluates.
    pub(super) fn append(&mut self, other: &mut Self) {
        if let Some(mut other) = other.0.take() {
            self.get().append(&mut other);
        }
    }

    /// Adds what it evaluates to what a command does.
    pub(super) fn add_to(&self, all: &mut Arithmetic) {
        if let Some(evaluated) = &self.0 {
            all.append(&mut evaluated.as_ref().clone());
        }
    }
}

impl Arithmetic {
    fn append(&mut self, other: &mut Self) {
        self.names.append(&mut other.names);
        self.numbers.append(&mut other.numbers);
        self.others.append(&mut other.others);
        self.free |= other.free;
        self.sets_any |= other.sets_any;
    }

    /// Whether a text may be evaluated that nobody looked at.
    pub(super) fn is_doubtful(&self) -> bool {
        let known = |name: &String| {
            let number = self.numbers.contains(name) || NUMBERS.contains(&name.as_str());
            number && !self.others.contains(name) && !self.sets_any
        };
        self.free || !self.names.iter().all(known)
    }

    /// Notes an expression, with its expansions as written.
    pub(super) fn evaluate(&mut self, expression: &str) {
        let mut rest = expression;
        while let Some(next) = rest.chars().next() {
            let after = &rest[next.len_utf8()..];
            match next {
                'a'..='z' | 'A'..='Z' | '_' => {
                    let (name, behind) = split_name(rest);
                    let behind = behind.trim_start();
                    let assigns = behind.starts_with('=') && !behind.starts_with("==");
                    let set = if assigns { &mut self.numbers } else { &mut self.names };
                    set.insert(name.to_owned());
                    rest = behind;
                }
                // `0x1f` and `16#ff` are numbers.
                '0'..='9' => {
                    let number = |next: char| next.is_ascii_alphanumeric() || "_#@".contains(next);
                    rest = rest.trim_start_matches(number);
                }
                '`' => (self.free, rest) = (true, after),
                '$' => rest = self.expansion(after),
                _ => rest = after,
            }
        }
    }

    /// What stands behind a `$`; the rest of it is read on as an expression.
    fn expansion<'a>(&mut self, rest: &'a str) -> &'a str {
        if rest.starts_with(|next: char| next.is_ascii_alphabetic() || next == '_') {
            let (name, behind) = split_name(rest);
            self.names.insert(name.to_owned());
            return behind;
        }
        if let Some(behind) = rest.strip_prefix(['#', '?', '$', '!']) {
            return behind;
        }
        if let Some(inside) = rest.strip_prefix("{#")
            && let Some(behind) = split_name(inside).1.strip_prefix('}')
        {
            return behind;
        }
        if let Some(inside) = rest.strip_prefix('{') {
            let (name, behind) = split_name(inside);
            if let Some(behind) = behind.strip_prefix('}').filter(|_| is_name(name)) {
                self.names.insert(name.to_owned());
                return behind;
            }
        }
        self.free |= !rest.starts_with("((");
        rest
    }

    /// Notes the subscript in `name[…]`; a plain name evaluates nothing.
    pub(super) fn subscript(&mut self, target: &str) {
        if !is_name(target) && !target.ends_with("[@]") && !target.ends_with("[*]") {
            let (name, behind) = split_name(target);
            self.evaluate(if name.is_empty() { target } else { behind });
        }
    }

    /// Notes a variable that may get any value.
    pub(super) fn taint(&mut self, name: &str) {
        match split_name(name).0 {
            "" => {}
            name => drop(self.others.insert(name.to_owned())),
        }
    }

    /// Notes a variable that gets a word's text from `from` on.
    pub(super) fn give(&mut self, name: &str, word: &Word, from: usize) {
        let set = if is_number(word, from) { &mut self.numbers } else { &mut self.others };
        set.insert(name.to_owned());
    }

    /// What a builtin that sets variables does with its words.
    pub(super) fn builtin(&mut self, builtin: &str, arguments: &[&Word]) {
        let options = |letter: char| {
            let option = |word: &&Word| word.text.starts_with(['-', '+']);
            arguments.iter().copied().filter(option).any(|word| word.text.contains(letter))
        };
        match builtin {
            "let" => arguments.iter().for_each(|word| self.evaluate(&word.text)),
            "test" | "[" => {
                let pairs = arguments.windows(2).filter(|two| NAMING.contains(&&*two[0].text));
                pairs.for_each(|two| self.subscript(&two[1].text));
            }
            "print" | "printf" if !options('v') => {}
            "declare" | "export" | "integer" | "local" | "readonly" | "typeset" => {
                self.sets_any |= options('n') && !matches!(builtin, "export" | "readonly");
                let evaluates = builtin == "integer" || options('i');
                for word in arguments.iter().filter(|word| !word.text.starts_with(['-', '+'])) {
                    let (name, behind) = split_name(&word.text);
                    self.sets_any |= name.is_empty() && word.unknown.is_some();
                    if evaluates {
                        self.names.insert(name.to_owned());
                        self.numbers.insert(name.to_owned());
                    }
                    self.subscript(word.text.split('=').next().unwrap_or_default());
                    if behind.contains('=') {
                        let from = word.text.find('=').map_or(0, |at| at + 1);
                        self.give(name, word, from);
                    }
                }
            }
            _ => {
                for word in arguments {
                    if let Some(name) = attached(&word.text) {
                        self.taint(name);
                        self.sets_any |= word.unknown.is_some();
                    }
                }
                for word in arguments.iter().filter(|word| !word.text.starts_with('-')) {
                    self.sets_any |= word.unknown.is_some() && builtin != "printf";
                    let name = split_name(&word.text).0;
                    self.taint(name);
                    if word.text[name.len()..].starts_with('[') {
                        self.subscript(&word.text);
                    }
                }
                let target = arguments.windows(2).find(|two| two[0].text == "-v");
                self.sets_any |= target.is_some_and(|two| two[1].unknown.is_some());
            }
        }
    }
}

/// Whether a word's text from `from` on is surely a number, or nothing that names a variable.
fn is_number(word: &Word, from: usize) -> bool {
    let plain = matches!(word.unknown, None | Some(super::word::EXPANSION | super::word::BRACES));
    let computed = |at: &usize| word.numbers.iter().any(|range| range.contains(at));
    let names = |next: char| next.is_alphabetic() || "_[$`~*?".contains(next);
    let mut outside = word.text.char_indices().filter(|(at, _)| *at >= from && !computed(at));
    plain && !outside.any(|(_, next)| names(next))
}

/// The variable that is attached to its option: `printf -vx`, `read -ax`.
pub(super) fn attached(text: &str) -> Option<&str> {
    let at = text.strip_prefix('-')?.find(['a', 'p', 'v'])?;
    text.get(at + 2..).filter(|name| !name.is_empty())
}

fn split_name(text: &str) -> (&str, &str) {
    let fit = |next: char| next.is_ascii_alphanumeric() || next == '_';
    let length = text.find(|next| !fit(next)).unwrap_or(text.len());
    match text.starts_with(|next: char| next.is_ascii_digit()) {
        true => ("", text),
        false => text.split_at(length),
    }
}

fn is_name(text: &str) -> bool {
    let (name, behind) = split_name(text);
    !name.is_empty() && behind.is_empty()
}
