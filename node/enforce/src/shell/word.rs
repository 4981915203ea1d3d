//! One word: what it says after quote removal, and what in it is only known when it runs
//! (POSIX 2.2 and 2.6). Every substitution in it is kept, wherever it stands.

use super::OpenWord;
use super::arithmetic::Evaluated;
use super::lex::{Lexer, NotRead, Token, Tokens};

/// A word and all that is in it.
#[derive(Clone, Default)]
pub(super) struct Word {
    /// As written.
    pub(super) raw: String,
    /// After quote removal; parts that are only known when it runs are kept as written.
    pub(super) text: String,
    /// Why its text is not known before it runs.
    pub(super) unknown: Option<&'static str>,
    /// Where in `text` the part lies that is only known when it runs.
    pub(super) open: Option<std::ops::Range<usize>>,
    /// It may become several words, or none.
    pub(super) splits: bool,
    /// A part of it was quoted.
    pub(super) quoted: bool,
    /// It starts with a `~` that is not quoted.
    pub(super) tilde: bool,
    /// `name=` at its start; the length of the name.
    pub(super) assigns: Option<usize>,
    /// It is `((…))`.
    pub(super) arithmetic_command: bool,
    /// What it evaluates.
    pub(super) arithmetic: Evaluated,
    /// Where in `text` expansions lie that give numbers.
    pub(super) numbers: Vec<std::ops::Range<usize>>,
    /// The commands whose output becomes a part of it.
    pub(super) substitutions: Vec<std::rc::Rc<Tokens>>,
}

impl Word {
    pub(super) fn unknown(&mut self, why: &'static str, from: usize) {
        self.unknown.get_or_insert(why);
        self.opens(from, self.text.len());
    }

    /// Widens the part that is only known when it runs.
    pub(super) fn opens(&mut self, from: usize, to: usize) {
        let before = self.open.take().unwrap_or(from..to);
        self.open = Some(before.start.min(from)..before.end.max(to));
    }

    /// What is known of it, when not all of it is.
    pub(super) fn part(&self) -> Option<OpenWord> {
        let open = self.open.clone()?;
        if self.splits && self.unknown == Some(EXPANSION) {
            return Some(OpenWord::default());
        }
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        let (start, end) = (part(self.text.get(..open.start)), part(self.text.get(open.end..)));
        let relative = self.unknown == Some(PATTERN) && self.raw.starts_with(['*', '?', '[']);
        Some(OpenWord { start, end, relative })
    }

    /// A word that says `text` and nothing else.
    pub(super) fn literal(text: &str) -> Self {
        Self { raw: text.to_owned(), text: text.to_owned(), ..Self::default() }
    }

    /// The letter that comes next makes it a pattern, which began at `from`.
    fn pattern(&mut self, why: &'static str, from: usize) {
        self.unknown(why, from);
        self.opens(from, self.text.len() + 1);
        self.splits = true;
    }

    /// The word as a reading shows it.
    pub(super) fn shown(&self) -> &str {
        if self.unknown.is_some() { &self.raw } else { &self.text }
    }
}

/// What was met so far in the part of a word that is not quoted.
#[derive(Default)]
struct Marks {
    bracket: bool,
    brace: bool,
    list: bool,
    equals: bool,
}

pub(super) const BRACES: &str = "it has braces";
const PATTERN: &str = "it has a pattern";
pub(super) const EXPANSION: &str = "it has an expansion";

impl Lexer<'_> {
    /// Reads one word from here.
    pub(super) fn word(&mut self) -> Result<Word, NotRead> {
        let start = self.at;
        let mut word = Word::default();
        let mut marks = Marks::default();
        while let Some(next) = self.peek() {
            if self.substitutes_process() {
                self.at += 2;
                self.command(&mut word)?;
                word.unknown("it has a process substitution", word.text.len());
                continue;
            }
            match next {
                ' ' | '\t' | '\n' | '|' | '&' | ';' | '<' | '>' | ')' => break,
                '(' => {
                    if !self.array(&mut word, start)? {
                        break;
                    }
                }
                '\'' => self.single(&mut word)?,
                '"' => self.double(&mut word)?,
                '\\' => self.backslash(&mut word),
                '$' => self.dollar(&mut word, false)?,
                '`' => self.backquotes(&mut word, false)?,
                _ => self.plain(&mut word, &mut marks, start, next),
            }
        }
        self.text[start..self.at].clone_into(&mut word.raw);
        if !word.quoted {
            // Joined lines leave nothing behind: `i`, a joined line and `f` is the word `if`.
            if word.raw.contains("\\\n") {
                word.raw = word.raw.replace("\\\n", "");
            }
        }
        Ok(word)
    }

    fn plain(&mut self, word: &mut Word, marks: &mut Marks, start: usize, next: char) {
        match next {
            '*' | '?' => word.pattern(PATTERN, word.text.len()),
            '[' => marks.bracket = true,
            ']' if marks.bracket => word.pattern(PATTERN, 0),
            '{' => marks.brace = true,
            ',' | '.' => marks.list |= marks.brace,
            '}' if marks.list => word.pattern(BRACES, 0),
            '~' if self.at == start => {
                word.tilde = true;
                word.opens(0, 1);
            }
            '=' if !marks.equals => {
                marks.equals = true;
                if !word.quoted {
                    word.assigns = name_length(&word.text);
                }
            }
            _ => {}
        }
        let extends = matches!(next, '?' | '*' | '+' | '@' | '!');
        if extends && self.rest()[1..].starts_with('(') {
            self.doubt("shells disagree about an extended pattern");
        }
        word.text.push(next);
        self.at += next.len_utf8();
    }

    /// `name=(…)`; every other `(` ends a word.
    fn array(&mut self, word: &mut Word, start: usize) -> Result<bool, NotRead> {
        let written = &self.text[start..self.at];
        if word.assigns.is_none() || word.quoted || !written.ends_with('=') {
            return Ok(false);
        }
        self.at += 1;
        let mut inner = Lexer::new(self.text, self.at, self.depth + 1, self.words)?;
        inner.run(true)?;
        let (at, tokens) = (inner.at, inner.tokens);
        self.at = at;
        word.unknown("it is an array", 0);
        if let Some(why) = tokens.doubt {
            self.doubt(why);
        }
        for token in tokens.list {
            if let Token::Word(mut element) = token {
                word.arithmetic.append(&mut element.arithmetic);
                word.text.push_str(&element.text);
                word.substitutions.extend(element.substitutions);
            }
        }
        Ok(true)
    }

    pub(super) fn single(&mut self, word: &mut Word) -> Result<(), NotRead> {
        let rest = &self.rest()[1..];
        let length = rest.find('\'').ok_or(NotRead("a quote is not closed"))?;
        word.text.push_str(&rest[..length]);
        word.quoted = true;
        self.at += length + 2;
        Ok(())
    }

    fn backslash(&mut self, word: &mut Word) {
        self.at += 1;
        match self.peek() {
            Some('\n') => self.at += 1,
            Some(next) => {
                word.quoted = true;
                word.text.push(next);
                self.at += next.len_utf8();
            }
            None => self.doubt("it ends with a backslash"),
        }
    }

    pub(super) fn double(&mut self, word: &mut Word) -> Result<(), NotRead> {
        word.quoted = true;
        self.at += 1;
        loop {
            match self.peek().ok_or(NotRead("a quote is not closed"))? {
                '"' => break,
                next => self.inside_quotes(word, next, "$`\"\\\n")?,
            }
        }
        self.at += 1;
        Ok(())
    }

    /// One character or expansion where quotes are literal but expansions are not.
    fn inside_quotes(&mut self, word: &mut Word, next: char, own: &str) -> Result<(), NotRead> {
        match next {
            '$' => return self.dollar(word, true),
            '`' => return self.backquotes(word, true),
            '\\' => {
                self.at += 1;
                match self.peek() {
                    Some('\n') => self.at += 1,
                    Some(escaped) if own.contains(escaped) => {
                        word.text.push(escaped);
                        self.at += escaped.len_utf8();
                    }
                    _ => word.text.push('\\'),
                }
            }
            _ => {
                word.text.push(next);
                self.at += next.len_utf8();
            }
        }
        Ok(())
    }

    /// The body of a here-document whose delimiter is not quoted.
    pub(super) fn document(&mut self, word: &mut Word) -> Result<(), NotRead> {
        while let Some(next) = self.peek() {
            self.inside_quotes(word, next, "$`\\\n")?;
        }
        Ok(())
    }
}

/// The length of the variable's name when `written` is all that stands before a `=`.
fn name_length(written: &str) -> Option<usize> {
    let target = written.strip_suffix('+').unwrap_or(written);
    let name = target.split('[').next().unwrap_or_default();
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first_is_fit = name.bytes().next().is_some_and(|byte| fit(byte) && !byte.is_ascii_digit());
    let closes = name.len() == target.len() || target.ends_with(']');
    (first_is_fit && closes && name.bytes().all(fit)).then_some(name.len())
}
