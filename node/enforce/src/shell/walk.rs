//! Walks the tree of a text and finds every program in it, in all its texts.
//!
//! It must never pass over a word: what the tree does not lead to is looked at in the end.

use brush_parser::ast::{
    AndOr, Command, CommandPrefixOrSuffixItem as Item, CompoundCommand, CompoundList, ElseClause,
    IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, Pipeline, RedirectList, SimpleCommand,
    Word as Place,
};
use proto::reading::Redirect;

use super::arithmetic::{COMPARING, NAMING};
use super::found::{File, Found};
use super::lex::{Token, Tokens};
use super::word::Word;
use super::{grammar, lex, run, tables, variables};

/// Reads a whole text that a shell would run.
pub(super) fn text(text: &str, depth: usize, found: &mut Found) {
    match lex::tokens(text, depth, &mut found.words) {
        Ok(read) => tokens(&read, depth, found),
        Err(why) => found.doubt(why.0),
    }
}

fn tokens(tokens: &Tokens, depth: usize, found: &mut Found) {
    if let Some(why) = tokens.doubt {
        found.doubt(why);
    }
    let mut walker =
        Walker { tokens: &tokens.list, seen: vec![false; tokens.list.len()], depth, found };
    match grammar::parse(&tokens.list) {
        Ok(program) => {
            for list in &program.complete_commands {
                walker.list(list, &[]);
            }
        }
        Err(why) => walker.found.doubt(why.0),
    }
    walker.rest();
}

struct Walker<'a> {
    tokens: &'a [Token],
    seen: Vec<bool>,
    depth: usize,
    found: &'a mut Found,
}

impl<'a> Walker<'a> {
    fn list(&mut self, list: &CompoundList, outer: &[File]) {
        for item in &list.0 {
            self.pipeline(&item.0.first, outer);
            for AndOr::And(pipeline) | AndOr::Or(pipeline) in &item.0.additional {
                self.pipeline(pipeline, outer);
            }
        }
    }

    fn pipeline(&mut self, pipeline: &Pipeline, outer: &[File]) {
        if pipeline.timed.is_some() {
            self.found.program("time", &[], &[], false);
        }
        for command in &pipeline.seq {
            self.command(command, outer);
        }
    }

    fn command(&mut self, command: &Command, outer: &[File]) {
        match command {
            Command::Simple(simple) => self.simple(simple, outer),
            Command::Compound(compound, list) => {
                let redirects = self.redirects(list.as_ref(), outer);
                self.compound(compound, &redirects);
            }
            Command::Function(function) => {
                let name = self.word(&function.fname).map_or("", |word| word.text.as_str());
                if tables::is_known(name) {
                    self.found.doubt("it gives a function the name of a known program");
                }
                let redirects = self.redirects(function.body.1.as_ref(), &[]);
                self.compound(&function.body.0, &redirects);
            }
            Command::ExtendedTest(_, list) => {
                self.redirects(list.as_ref(), outer);
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand, outer: &[File]) {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, outer),
            CompoundCommand::Subshell(group) => self.list(&group.list, outer),
            CompoundCommand::ForClause(clause) => {
                if let Some(Token::Word(name)) = self.tokens.get(clause.loc.start.index + 1) {
                    self.loop_values(name, clause.values.as_deref());
                }
                self.list(&clause.body.list, outer);
            }
            CompoundCommand::CaseClause(clause) => {
                self.word(&clause.value);
                for case in &clause.cases {
                    for pattern in &case.patterns {
                        self.word(pattern);
                    }
                    if let Some(list) = &case.cmd {
                        self.list(list, outer);
                    }
                }
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition, outer);
                self.list(&clause.then, outer);
                for ElseClause { condition, body } in clause.elses.iter().flatten() {
                    if let Some(list) = condition {
                        self.list(list, outer);
                    }
                    self.list(body, outer);
                }
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0, outer);
                self.list(&clause.1.list, outer);
            }
            CompoundCommand::Coprocess(clause) => {
                self.found.doubt("it runs a coprocess");
                self.command(&clause.body, outer);
            }
            CompoundCommand::Arithmetic(_) | CompoundCommand::ArithmeticForClause(_) => {
                self.found.doubt("it has arithmetic that is not known");
            }
        }
    }

    fn loop_values(&mut self, name: &Word, values: Option<&[Place]>) {
        if variables::steers(&name.raw) {
            self.found.doubt(SETS);
        }
        if values.is_none() && !name.arithmetic_command {
            self.found.arithmetic.taint(&name.raw);
        }
        for value in values.into_iter().flatten() {
            if let Some(word) = self.word(value) {
                self.found.arithmetic.give(&name.raw, word, 0);
            }
        }
    }

    fn simple(&mut self, command: &SimpleCommand, outer: &[File]) {
        let mut redirects = outer.to_vec();
        let mut arguments = Vec::new();
        let mut joins_outputs = false;
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            self.item(item, &mut redirects, &mut Vec::new());
        }
        let name = command.word_or_name.as_ref().and_then(|word| self.take(word));
        let first = self.found.programs.len();
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            if joins_outputs && !matches!(item, Item::IoRedirect(_)) {
                self.found.doubt("shells disagree about what follows &>");
            }
            joins_outputs |= matches!(item, Item::IoRedirect(IoRedirect::OutputAndError(..)));
            self.item(item, &mut redirects, &mut arguments);
        }
        let inner = self.found.programs.split_off(first);
        match name {
            Some(name) if name.arithmetic_command => self.substitutions(name),
            Some(name) => {
                let mut words = vec![name];
                words.append(&mut arguments);
                run::Call {
                    words: &words,
                    redirects: &redirects,
                    depth: self.depth,
                    appended: false,
                }
                .run(self.found);
                self.substitutions(name);
            }
            None if redirects.len() > outer.len() => self.found.program("", &[], &redirects, false),
            None => {}
        }
        self.found.programs.extend(inner);
    }

    fn item(&mut self, item: &Item, redirects: &mut Vec<File>, arguments: &mut Vec<&'a Word>) {
        match item {
            Item::IoRedirect(redirect) => self.redirect(redirect, redirects),
            Item::Word(place) | Item::AssignmentWord(_, place) => {
                if let Some(word) = self.word(place) {
                    arguments.push(word);
                }
            }
            Item::ProcessSubstitution(..) => self.found.doubt("it has a process substitution"),
        }
    }

    fn redirects(&mut self, list: Option<&RedirectList>, outer: &[File]) -> Vec<File> {
        let mut redirects = outer.to_vec();
        for redirect in list.iter().flat_map(|list| &list.0) {
            self.redirect(redirect, &mut redirects);
        }
        redirects
    }

    fn redirect(&mut self, redirect: &IoRedirect, redirects: &mut Vec<File>) {
        let (operator, place) = match redirect {
            IoRedirect::File(_, kind, target) => {
                let place = match target {
                    IoFileRedirectTarget::Filename(place)
                    | IoFileRedirectTarget::Duplicate(place) => place,
                    _ => return,
                };
                (file_operator(kind), place)
            }
            IoRedirect::HereDocument(_, document) => {
                self.word(&document.doc);
                ("<<", &document.here_end)
            }
            IoRedirect::HereString(_, place) => ("<<<", place),
            IoRedirect::OutputAndError(place, true) => ("&>>", place),
            IoRedirect::OutputAndError(place, false) => ("&>", place),
        };
        let Some(word) = self.word(place) else { return };
        let to = word.shown();
        let number = !to.is_empty() && to.trim_end_matches('-').bytes().all(|b| b.is_ascii_digit());
        if redirects.len() >= REDIRECT_LIMIT {
            self.found.doubt("it has more than 64 redirects on one program");
        } else if !(number && operator.ends_with('&')) {
            let redirect = Redirect { operator: operator.to_owned(), to: to.to_owned() };
            redirects.push(File { redirect, open: word.part() });
        }
    }

    /// The word at a place of the tree; what runs in it is found at once.
    fn word(&mut self, place: &Place) -> Option<&'a Word> {
        let word = self.take(place)?;
        self.substitutions(word);
        Some(word)
    }

    fn take(&mut self, place: &Place) -> Option<&'a Word> {
        let index = place.loc.as_ref()?.start.index;
        let Some(Token::Word(word)) = self.tokens.get(index) else { return None };
        self.seen[index] = true;
        self.effects(word);
        if word.arithmetic_command && !(index > 0 && self.is_word(index - 1, "for")) {
            self.arithmetic_command(word);
        }
        Some(word)
    }

    /// What a word does to the shell wherever it stands.
    fn effects(&mut self, word: &Word) {
        word.arithmetic.add_to(&mut self.found.arithmetic);
        if let Some(length) = word.assigns {
            let (name, end) = (&word.text[..length], word.text.find('=').unwrap_or(length));
            self.found.arithmetic.subscript(word.text[..end].trim_end_matches('+'));
            self.found.arithmetic.give(name, word, end + 1);
            if variables::steers(&word.text[..length]) {
                self.found.doubt(SETS);
            }
        }
    }

    /// A shell without arithmetic commands would run what is in the parentheses.
    fn arithmetic_command(&mut self, word: &Word) {
        let inside = &word.raw[2..word.raw.len() - 2];
        let depth = self.depth + 1;
        let Ok(read) = lex::tokens(inside, depth, &mut self.found.words) else { return };
        let named = |word: &Word| BASH_ALONE.contains(&word.raw.as_str());
        if grammar::parse(&read.list).is_ok() {
            tokens(&read, depth, self.found);
        } else if read.list.iter().any(|token| matches!(token, Token::Word(word) if named(word))) {
            self.found.doubt("shells disagree about ((");
        }
    }

    fn substitutions(&mut self, word: &Word) {
        for inner in &word.substitutions {
            tokens(inner, self.depth + 1, self.found);
        }
    }

    /// The words that the tree did not lead to: in tests, in what did not parse.
    fn rest(&mut self) {
        let (mut testing, mut open) = (false, 0_usize);
        for index in 0..self.tokens.len() {
            match &self.tokens[index] {
                Token::Word(word) if !self.seen[index] => {
                    if word.raw == "[[" || word.raw == "]]" {
                        (testing, open) = (word.raw == "[[", 0);
                    }
                    if testing {
                        self.compares(index);
                    }
                    let looped = index > 0 && self.is_word(index - 1, "for");
                    self.seen[index] = true;
                    self.effects(word);
                    if word.arithmetic_command && !looped {
                        self.arithmetic_command(word);
                    }
                    self.substitutions(word);
                }
                Token::Operator("(") => open += 1,
                Token::Operator(")") => open = open.saturating_sub(1),
                // A shell without `[[` would run what follows; it takes no parenthesis there.
                Token::Operator("&&" | "||" | "|") if testing && open == 0 => {
                    self.tested(index + 1);
                }
                _ => {}
            }
        }
    }

    fn is_word(&self, index: usize, text: &str) -> bool {
        matches!(self.tokens.get(index), Some(Token::Word(word)) if word.raw == text)
    }

    /// What an operator of `[[ ]]` evaluates in the words beside it.
    fn compares(&mut self, index: usize) {
        let word = |index: usize| match self.tokens.get(index) {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        };
        let Some(operator) = word(index) else { return };
        if COMPARING.contains(&operator.raw.as_str()) {
            let before = index.checked_sub(1).and_then(word);
            for word in [before, word(index + 1)].into_iter().flatten() {
                self.found.arithmetic.evaluate(&word.text);
            }
        } else if NAMING.contains(&operator.raw.as_str())
            && let Some(word) = word(index + 1)
        {
            self.found.arithmetic.subscript(&word.text);
        }
    }

    fn tested(&mut self, index: usize) {
        let mut behind = self.tokens.iter().skip(index);
        let negates = |token: &&Token| matches!(token, Token::Word(word) if word.raw == "!");
        let Some(Token::Word(word)) = behind.find(|token| !negates(token)) else { return };
        if word.unknown.is_some() {
            self.found.doubt("shells disagree about a list inside of [[ ]]");
        } else if !word.text.starts_with(['-', '!']) {
            self.found.program(&word.text, &[], &[], false);
        }
    }
}

/// Words that are reserved in bash, and programs to a plain shell.
const BASH_ALONE: [&str; 6] = ["[[", "]]", "function", "select", "coproc", "time"];
/// The most redirects of one program, those of the groups around it included.
const REDIRECT_LIMIT: usize = 64;
const SETS: &str = "it sets a variable that decides what runs";

fn file_operator(kind: &IoFileRedirectKind) -> &'static str {
    match kind {
        IoFileRedirectKind::Read => "<",
        IoFileRedirectKind::Write => ">",
        IoFileRedirectKind::Append => ">>",
        IoFileRedirectKind::ReadAndWrite => "<>",
        IoFileRedirectKind::Clobber => ">|",
        IoFileRedirectKind::DuplicateInput => "<&",
        IoFileRedirectKind::DuplicateOutput => ">&",
    }
}
