//! What in a word is only known when it runs: parameters, substitutions, arithmetic (POSIX 2.6).
//!
//! No substitution may be lost in here: each is kept with its tokens, however deep it lies.

use super::ansi;
use super::lex::{Lexer, NotRead, TOO_DEEP};
use super::word::{EXPANSION, Word};

impl Lexer<'_> {
    pub(super) fn dollar(&mut self, word: &mut Word, quoted: bool) -> Result<(), NotRead> {
        let start = self.at;
        self.at += 1;
        let next = self.peek().unwrap_or(' ');
        let mut computes = false;
        match next {
            '(' => computes = self.parenthesis(word)?,
            '{' => self.braces(word, quoted)?,
            '[' => {
                self.doubt("shells disagree about $[");
                word.text.push('$');
                return Ok(());
            }
            '\'' if !quoted => return self.ansi_quotes(word),
            '"' if !quoted => return self.double(word),
            'a'..='z' | 'A'..='Z' | '_' => {
                let name = |next: char| next.is_ascii_alphanumeric() || next == '_';
                self.at += self.rest().find(|next| !name(next)).unwrap_or(self.rest().len());
            }
            '0'..='9' | '?' | '#' | '!' | '-' | '$' => self.at += 1,
            '@' | '*' => {
                self.at += 1;
                word.splits = true;
            }
            '~' | '=' | '^' | '+' | '\\' if next != '\\' || self.rest().starts_with("\\\n") => {
                self.doubt("shells disagree about an expansion");
                word.text.push('$');
                return Ok(());
            }
            _ => {
                word.text.push('$');
                return Ok(());
            }
        }
        let from = word.text.len();
        word.text.push_str(&self.text[start..self.at]);
        if computes || matches!(next, '?' | '#' | '!' | '$') {
            word.numbers.push(from..word.text.len());
        }
        word.unknown(EXPANSION, from);
        word.splits |= !quoted;
        Ok(())
    }

    fn ansi_quotes(&mut self, word: &mut Word) -> Result<(), NotRead> {
        let rest = &self.rest()[1..];
        let mut escaped = false;
        let end = rest.find(|next| {
            let ends = next == '\'' && !escaped;
            escaped = next == '\\' && !escaped;
            ends
        });
        let body = &rest[..end.ok_or(NotRead("a quote is not closed"))?];
        if body.contains('\'') {
            self.doubt("shells disagree about where $'…' ends");
        }
        match ansi::decode(body) {
            Some(text) => word.text.push_str(&text),
            None => self.doubt("it has an escape in $'…' that is not known"),
        }
        word.quoted = true;
        self.at += body.len() + 2;
        Ok(())
    }

    /// `$((…))` or `$(…)`; whether it is arithmetic.
    fn parenthesis(&mut self, word: &mut Word) -> Result<bool, NotRead> {
        let start = self.at;
        self.count()?;
        if self.rest().starts_with("((") {
            self.at += 2;
            if self.arithmetic(word)? {
                return Ok(true);
            }
        }
        self.at = start + 1;
        self.command(word)?;
        Ok(false)
    }

    /// A command up to its `)`.
    pub(super) fn command(&mut self, word: &mut Word) -> Result<(), NotRead> {
        let mut inner = Lexer::new(self.text, self.at, self.depth + 1, self.words)?;
        inner.run(true)?;
        self.at = inner.at;
        let tokens = inner.tokens;
        word.substitutions.push(std::rc::Rc::new(tokens));
        Ok(())
    }

    /// An expression up to its `))`; false when it turns out to be none.
    pub(super) fn arithmetic(&mut self, word: &mut Word) -> Result<bool, NotRead> {
        let (start, mut open) = (self.at, 0_usize);
        let mut inside = Word::default();
        loop {
            let next = self.peek().ok_or(NotRead("a parenthesis is not closed"))?;
            match next {
                '(' => open += 1,
                ')' if open > 0 => open -= 1,
                ')' if self.rest().starts_with("))") => break,
                ')' => return Ok(false),
                '\'' | '"' | '\\' => self.doubt("it has quotes in arithmetic"),
                '$' => {
                    self.nested(|lexer| lexer.dollar(&mut inside, true))?;
                    continue;
                }
                '`' => {
                    self.backquotes(&mut inside, true)?;
                    continue;
                }
                _ => {}
            }
            self.at += next.len_utf8();
        }
        word.arithmetic.get().evaluate(&self.text[start..self.at]);
        word.arithmetic.append(&mut inside.arithmetic);
        word.substitutions.append(&mut inside.substitutions);
        self.at += 2;
        Ok(true)
    }

    /// Runs a part that may hold itself again.
    fn nested(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<(), NotRead>,
    ) -> Result<(), NotRead> {
        if self.depth >= super::DEPTH_LIMIT {
            return Err(TOO_DEEP);
        }
        self.depth += 1;
        let result = part(self);
        self.depth -= 1;
        result
    }

    /// `${…}`.
    fn braces(&mut self, word: &mut Word, quoted: bool) -> Result<(), NotRead> {
        self.at += 1;
        let start = self.at;
        if self.rest().starts_with([' ', '\t', '\n', '|', '(', '~', '=', '^']) {
            self.doubt("shells disagree about an expansion");
        }
        let mut inside = Word::default();
        loop {
            let next = self.peek().ok_or(NotRead("an expansion is not closed"))?;
            match next {
                '}' => break,
                '\'' | '"' if quoted => {
                    self.doubt("shells disagree about quotes in an expansion");
                    self.at += 1;
                }
                '\'' => self.single(&mut inside)?,
                '"' => self.nested(|lexer| lexer.double(&mut inside))?,
                '$' => self.nested(|lexer| lexer.dollar(&mut inside, true))?,
                '`' => self.backquotes(&mut inside, true)?,
                '\\' => {
                    self.at += 1;
                    self.at += self.peek().map_or(0, char::len_utf8);
                }
                _ => {
                    if self.substitutes_process() {
                        self.doubt("it has a process substitution in an expansion");
                    }
                    self.at += next.len_utf8();
                }
            }
        }
        self.parameter(word, &self.text[start..self.at]);
        word.splits |= inside.splits;
        word.arithmetic.append(&mut inside.arithmetic);
        word.substitutions.append(&mut inside.substitutions);
        self.at += 1;
        Ok(())
    }

    /// What the inside of `${…}` does besides giving a value.
    fn parameter(&mut self, word: &mut Word, inside: &str) {
        if inside.contains("@P") {
            self.doubt("it expands a value as a prompt");
        }
        word.splits |= inside.contains(['@', '*']);
        let name = |next: char| next.is_ascii_alphanumeric() || next == '_';
        let operator = inside.trim_start_matches(['!', '#']).trim_start_matches(name);
        let named = &inside[..inside.len() - operator.len()];
        match operator.strip_prefix(':') {
            Some(rest) if rest.starts_with(['-', '=', '?', '+']) => {}
            Some(rest) => word.arithmetic.get().evaluate(rest),
            None if operator.starts_with('[') => {
                word.arithmetic.get().subscript(&inside[named.len()..])
            }
            None => {}
        }
        if inside.starts_with('!') && !named.is_empty() && operator.is_empty() {
            // `${!x}` takes the name of a variable from a value, with a subscript.
            word.arithmetic.get().evaluate(&named[1..]);
        }
        if operator.starts_with('=') || operator.starts_with(":=") {
            word.arithmetic.get().taint(named.trim_start_matches('!'));
            if super::variables::steers(named) {
                self.doubt("it sets a variable that decides what runs");
            }
        }
    }

    /// `` `…` ``: a text of its own after one round of escapes.
    pub(super) fn backquotes(&mut self, word: &mut Word, quoted: bool) -> Result<(), NotRead> {
        let start = self.at;
        let mut code = String::new();
        self.at += 1;
        loop {
            let next = self.peek().ok_or(NotRead("a backquote is not closed"))?;
            self.at += next.len_utf8();
            if next == '`' {
                break;
            }
            match self.peek() {
                Some(escaped) if next == '\\' && escapes(escaped, quoted) => {
                    code.push(escaped);
                    self.at += escaped.len_utf8();
                }
                Some(escaped) if next == '\\' => {
                    code.push('\\');
                    code.push(escaped);
                    self.at += escaped.len_utf8();
                }
                _ => code.push(next),
            }
        }
        let tokens = super::lex::tokens(&code, self.depth + 1, self.words)?;
        word.substitutions.push(std::rc::Rc::new(tokens));
        let from = word.text.len();
        word.text.push_str(&self.text[start..self.at]);
        word.unknown(EXPANSION, from);
        word.splits |= !quoted;
        Ok(())
    }
}

fn escapes(next: char, quoted: bool) -> bool {
    matches!(next, '$' | '`' | '\\') || quoted && next == '"'
}
