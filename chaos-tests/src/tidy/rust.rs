//! Just enough reading of Rust for the rules: comments and literals blanked out, functions found.
//! It must keep every line break, so that lines of the blanked text are lines of the file.

/// Rust text without comments and without what is in string and character literals; every other
/// byte and every line break stays where it was.
#[must_use]
pub fn blank(text: &str) -> String {
    let mut scanner = Scanner { rest: text, out: String::with_capacity(text.len()) };
    while let Some(next) = scanner.rest.chars().next() {
        match next {
            '/' if scanner.rest.starts_with("//") => scanner.drop_until_line_end(),
            '/' if scanner.rest.starts_with("/*") => scanner.drop_block_comment(),
            '"' => scanner.drop_string(),
            'r' | 'b' | 'c' if scanner.at_word_start() && scanner.drop_prefixed_string() => {}
            '\'' => scanner.drop_character(),
            _ => scanner.keep(next.len_utf8()),
        }
    }
    scanner.out
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    fn keep(&mut self, bytes: usize) {
        self.out.push_str(&self.rest[..bytes]);
        self.rest = &self.rest[bytes..];
    }

    fn drop_bytes(&mut self, bytes: usize) {
        let (dropped, rest) = self.rest.split_at(bytes);
        self.out.extend(dropped.chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }

    fn at_word_start(&self) -> bool {
        !self.out.ends_with(|before: char| before.is_alphanumeric() || before == '_')
    }

    fn drop_until_line_end(&mut self) {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        self.drop_bytes(end);
    }

    fn drop_block_comment(&mut self) {
        let mut depth = 0_usize;
        let mut at = 0;
        while at < self.rest.len() {
            if self.rest[at..].starts_with("/*") {
                depth += 1;
                at += 2;
            } else if self.rest[at..].starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            } else {
                at += self.rest[at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        self.drop_bytes(at);
    }

    fn drop_string(&mut self) {
        let mut escaped = false;
        let inner = self.rest[1..].char_indices();
        let end = inner.into_iter().find_map(|(at, letter)| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends.then_some(at + 2)
        });
        self.drop_bytes(end.unwrap_or(self.rest.len()));
    }

    /// Drops `b"…"`, `c"…"`, `r"…"`, `br#"…"#`; false when it is only a word that begins so.
    fn drop_prefixed_string(&mut self) -> bool {
        let letters = self.rest.len() - self.rest.trim_start_matches(['b', 'c', 'r']).len();
        let (prefix, after) = self.rest.split_at(letters.min(2));
        let hashes = after.len() - after.trim_start_matches('#').len();
        if !after[hashes..].starts_with('"') || (hashes > 0 && !prefix.contains('r')) {
            return false;
        }
        if !prefix.contains('r') {
            self.drop_bytes(prefix.len());
            self.drop_string();
            return true;
        }
        let closing = format!("\"{}", "#".repeat(hashes));
        let start = prefix.len() + hashes + 1;
        let end = self.rest[start..].find(&closing).map(|at| start + at + closing.len());
        self.drop_bytes(end.unwrap_or(self.rest.len()));
        true
    }

    /// Drops `'x'` and `'\n'`; keeps the quote of a lifetime.
    fn drop_character(&mut self) {
        let mut letters = self.rest.char_indices().skip(1);
        let end = match letters.next() {
            Some((_, '\\')) => {
                letters.next();
                letters.find(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1)
            }
            Some(_) => letters.next().filter(|(_, letter)| *letter == '\'').map(|(at, _)| at + 1),
            None => None,
        };
        match end {
            Some(end) => self.drop_bytes(end),
            None => self.keep(1),
        }
    }
}

/// A function with a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line of its `fn`, from 1.
    pub line: usize,
    /// Lines from its `fn` to its closing brace, both counted.
    pub lines: usize,
}

/// The functions of blanked text, in order; a function within another is listed too.
#[must_use]
pub fn functions(blanked: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in blanked.match_indices("fn ") {
        let starts_word = !blanked[..at].ends_with(|before: char| is_word(before));
        let name: String =
            blanked[at + 3..].chars().take_while(|letter| is_word(*letter)).collect();
        if !starts_word || name.is_empty() {
            continue;
        }
        let Some(length) = body_end(&blanked[at..]) else { continue };
        let line = line_of(blanked, at);
        let lines = blanked[at..at + length].matches('\n').count() + 1;
        found.push(Function { name, line, lines });
    }
    found
}

/// Where a function that starts here ends, or none when it has no body.
fn body_end(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut brackets = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' if depth <= 1 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The line of a byte, from 1.
#[must_use]
pub fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Whether a character may be within a word of Rust.
#[must_use]
pub fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Places of a text in blanked text at which it is no part of a longer word.
pub fn words<'a>(blanked: &'a str, pattern: &'a str) -> impl Iterator<Item = usize> + 'a {
    let starts_word = pattern.starts_with(is_word);
    let ends_word = pattern.ends_with(is_word);
    blanked.match_indices(pattern).map(|(at, _)| at).filter(move |at| {
        let glued_before = starts_word && blanked[..*at].ends_with(is_word);
        let glued_after = ends_word && blanked[at + pattern.len()..].starts_with(is_word);
        !glued_before && !glued_after
    })
}
