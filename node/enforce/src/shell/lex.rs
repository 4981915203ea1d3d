//! Cuts a text into operators and words, as shells do (POSIX 2.3). Its own depth is bounded, and
//! it keeps every substitution it meets: nothing that runs may be lost in here.
//!
//! Where bash and a plain POSIX shell would cut differently, it notes a doubt and goes on.

use super::word::Word;
use super::{DEPTH_LIMIT, GROUP_LIMIT};

/// One token; the tokens of a text keep its order.
pub(super) enum Token {
    /// An operator, `\n` among them.
    Operator(&'static str),
    /// A word.
    Word(Word),
}

/// The tokens of one text.
#[derive(Default)]
pub(super) struct Tokens {
    /// In the order of the text; a here-document stands behind its delimiter, then the delimiter
    /// again.
    pub(super) list: Vec<Token>,
    /// The first reason why these tokens may not be what a shell sees.
    pub(super) doubt: Option<&'static str>,
}

/// A text that no shell would take, or that is too much to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotRead(pub(super) &'static str);

pub(super) const TOO_DEEP: NotRead = NotRead("its parts lie too deep in each other");

const OPERATORS: [&str; 22] = [
    "<<<", "<<-", "&>>", ";;&", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "|&",
    ";&", "|", "&", ";", "<", ">", "\n",
];

/// Where the reader is in one text.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) words: &'a mut usize,
    pub(super) tokens: Tokens,
    /// It reads the inside of a substitution, up to its parenthesis.
    inside: bool,
    pending: Vec<Pending>,
}

/// A here-document whose body has not come yet.
struct Pending {
    token: usize,
    delimiter: String,
    expands: bool,
    strips_tabs: bool,
}

/// Cuts a whole text. `words` counts down over a command and all texts in it.
pub(super) fn tokens(text: &str, depth: usize, words: &mut usize) -> Result<Tokens, NotRead> {
    let mut lexer = Lexer::new(text, 0, depth, words)?;
    lexer.run(false)?;
    Ok(lexer.tokens)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(
        text: &'a str,
        at: usize,
        depth: usize,
        words: &'a mut usize,
    ) -> Result<Self, NotRead> {
        if depth > DEPTH_LIMIT {
            return Err(TOO_DEEP);
        }
        let tokens = Tokens::default();
        Ok(Self { text, at, depth, words, tokens, inside: false, pending: Vec::new() })
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn doubt(&mut self, why: &'static str) {
        self.tokens.doubt.get_or_insert(why);
    }

    /// Reads to the end of the text, or to the `)` that closes a substitution.
    pub(super) fn run(&mut self, until_parenthesis: bool) -> Result<(), NotRead> {
        self.inside = until_parenthesis;
        let mut open = 0_usize;
        loop {
            self.skip_blanks();
            let Some(next) = self.peek() else { break };
            if next == '(' {
                if self.arithmetic_command()? {
                    continue;
                }
                open += 1;
                if open > GROUP_LIMIT {
                    return Err(TOO_DEEP);
                }
                self.operator("(");
            } else if next == ')' {
                if open == 0 && until_parenthesis {
                    self.at += 1;
                    self.here_documents()?;
                    return Ok(());
                }
                open = open.saturating_sub(1);
                self.operator(")");
            } else if !self.substitutes_process() && self.fixed_operator()? {
                continue;
            } else {
                self.word_token()?;
            }
        }
        if until_parenthesis {
            return Err(NotRead("a substitution is not closed"));
        }
        self.here_documents()
    }

    fn operator(&mut self, name: &'static str) {
        self.at += name.len();
        self.tokens.list.push(Token::Operator(name));
    }

    fn fixed_operator(&mut self) -> Result<bool, NotRead> {
        let rest = self.rest();
        if !rest.starts_with(['<', '>', '&', '|', ';', '\n']) {
            return Ok(false);
        }
        let Some(name) = OPERATORS.iter().find(|name| rest.starts_with(**name)) else {
            return Ok(false);
        };
        self.operator(name);
        match *name {
            "\n" => self.here_documents()?,
            "<<" | "<<-" => self.here_delimiter(*name == "<<-")?,
            _ => {}
        }
        Ok(true)
    }

    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") {
                self.at += 2;
            } else if rest.starts_with('#') {
                let length = rest.find('\n').unwrap_or(rest.len());
                if self.inside && rest[..length].contains([')', '\'', '"', '`', '(']) {
                    self.doubt("shells disagree about a comment inside of a substitution");
                }
                self.at += length;
            } else {
                return;
            }
        }
    }

    /// `<(` or `>(`: a part of a word.
    pub(super) fn substitutes_process(&self) -> bool {
        matches!(self.text.as_bytes().get(self.at..), Some([b'<' | b'>', b'(', ..]))
    }

    fn word_token(&mut self) -> Result<(), NotRead> {
        let word = self.word()?;
        let redirects = self.rest().starts_with(['<', '>']) && !self.substitutes_process();
        if redirects && !word.quoted && !word.raw.is_empty() {
            if word.raw.bytes().all(|byte| byte.is_ascii_digit()) {
                return Ok(());
            }
            if word.raw.starts_with('{') && word.raw.ends_with('}') {
                self.doubt("shells disagree about {name} before a redirect");
            }
        }
        if self.inside && word.raw == "case" {
            self.doubt("it has a case inside of a substitution");
        }
        self.push_word(word)
    }

    /// Counts a word, or an attempt to read one in another way: that bounds the time.
    pub(super) fn count(&mut self) -> Result<(), NotRead> {
        *self.words = self.words.checked_sub(1).ok_or(NotRead("it has more than 4096 words"))?;
        Ok(())
    }

    fn push_word(&mut self, word: Word) -> Result<(), NotRead> {
        self.count()?;
        self.tokens.list.push(Token::Word(word));
        Ok(())
    }

    /// `((…))`: arithmetic in bash, a subshell in a subshell elsewhere; kept as one word.
    fn arithmetic_command(&mut self) -> Result<bool, NotRead> {
        if !self.rest().starts_with("((") {
            return Ok(false);
        }
        let start = self.at;
        let mut word = Word::default();
        self.count()?;
        self.at += 2;
        if !self.arithmetic(&mut word)? {
            self.at = start;
            return Ok(false);
        }
        self.text[start..self.at].clone_into(&mut word.raw);
        word.arithmetic_command = true;
        self.push_word(word)?;
        Ok(true)
    }

    fn here_delimiter(&mut self, strips_tabs: bool) -> Result<(), NotRead> {
        while self.rest().starts_with([' ', '\t']) {
            self.at += 1;
        }
        let word = self.word()?;
        if word.raw.is_empty() {
            return Err(NotRead("a here-document has no delimiter"));
        }
        if word.unknown.is_some() || word.text.contains('\n') {
            self.doubt("the delimiter of a here-document is not literal");
        }
        if self.inside {
            self.doubt("it has a here-document inside of a substitution");
        }
        let (delimiter, expands) = (word.text.clone(), !word.quoted);
        self.push_word(word.clone())?;
        let token = self.tokens.list.len();
        self.push_word(Word::default())?;
        self.push_word(word)?;
        self.pending.push(Pending { token, delimiter, expands, strips_tabs });
        Ok(())
    }

    fn here_documents(&mut self) -> Result<(), NotRead> {
        for pending in std::mem::take(&mut self.pending) {
            let start = self.at;
            let mut end = self.text.len();
            while self.at < self.text.len() {
                let line_start = self.at;
                let line = self.rest().split('\n').next().unwrap_or_default();
                self.at = self.text.len().min(line_start + line.len() + 1);
                let bare = if pending.strips_tabs { line.trim_start_matches('\t') } else { line };
                if bare == pending.delimiter {
                    end = line_start;
                    break;
                }
            }
            let body = &self.text[start.min(end)..end];
            let mut word = Word { raw: body.to_owned(), quoted: true, ..Word::default() };
            if pending.expands {
                if body.contains("\\\n") {
                    self.doubt("a here-document joins lines");
                }
                let mut inner = Lexer::new(body, 0, self.depth, self.words)?;
                inner.document(&mut word)?;
                if let Some(why) = inner.tokens.doubt {
                    self.doubt(why);
                }
            }
            self.tokens.list[pending.token] = Token::Word(word);
        }
        Ok(())
    }
}
