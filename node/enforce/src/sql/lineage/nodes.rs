//! The tree of a statement as the server itself writes it down (`nodeToString`, which is what
//! `debug_print_rewritten` shows): names resolved, views expanded.
//!
//! The text holds names that strangers chose. What is not exactly of the form that is known here is
//! refused, so that no name can pass for structure.

use super::NotSeen;

/// How deep nodes may lie in nodes.
const DEPTH_LIMIT: usize = 200;
/// How many nodes, lists and words a tree may have.
const COUNT_LIMIT: usize = 500_000;
/// Where the server breaks lines (`format_node_dump`).
const LINE_BYTES: usize = 78;

const FORM: NotSeen = NotSeen("the server's tree is not of the form that is known");
const LARGE: NotSeen = NotSeen("the server's tree is too large");

/// A node, a list of them or a word.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    Nothing,
    Word(Box<str>),
    List(Vec<Node>),
    /// Its kind, and its fields by name.
    Kind(Box<str>, Vec<(Box<str>, Node)>),
}

static NOTHING: Node = Node::Nothing;

impl Node {
    /// The kind of the node; nothing for what is no node.
    pub(super) fn kind(&self) -> &str {
        match self {
            Self::Kind(kind, _) => kind,
            _ => "",
        }
    }

    pub(super) fn get(&self, field: &str) -> &Self {
        let Self::Kind(_, fields) = self else { return &NOTHING };
        fields.iter().find(|(name, _)| **name == *field).map_or(&NOTHING, |(_, value)| value)
    }

    pub(super) fn word(&self) -> &str {
        match self {
            Self::Word(word) => word,
            _ => "",
        }
    }

    /// A number of the node; none when there is none.
    pub(super) fn number(&self, field: &str) -> Option<i64> {
        self.get(field).word().parse().ok()
    }

    pub(super) fn is_true(&self, field: &str) -> bool {
        self.get(field).word() == "true"
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    pub(super) fn is_there(&self) -> bool {
        *self != Self::Nothing
    }

    /// Everything directly inside of it.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        let (list, fields): (&[Self], &[(Box<str>, Self)]) = match self {
            Self::List(list) => (list, &[]),
            Self::Kind(_, fields) => (&[], fields),
            _ => (&[], &[]),
        };
        list.iter().chain(fields.iter().map(|(_, value)| value))
    }
}

/// Reads what the server wrote down: a list of queries.
pub(super) fn read(text: &str) -> Result<Node, NotSeen> {
    // Where a word does not fit, the server breaks it in two, wherever that is.
    let is_broken = |line: &str| line.len() >= LINE_BYTES && !line[1..].contains(' ');
    if text.lines().any(|line| line.is_char_boundary(1) && is_broken(line)) {
        return Err(FORM);
    }
    let mut reader = Reader { text, at: 0, count: 0 };
    let first = reader.token().ok_or(FORM)?;
    let tree = reader.value(first, 0)?;
    if reader.token().is_some() { Err(FORM) } else { Ok(tree) }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    count: usize,
}

impl<'a> Reader<'a> {
    /// As the server's own reader takes tokens (`pg_strtok`).
    fn token(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        let space = |byte: u8| matches!(byte, b' ' | b'\n' | b'\t');
        let bracket = |byte: u8| matches!(byte, b'(' | b')' | b'{' | b'}');
        while self.at < bytes.len() && space(bytes[self.at]) {
            self.at += 1;
        }
        let start = self.at;
        if bracket(*bytes.get(start)?) {
            self.at += 1;
            return self.text.get(start..self.at);
        }
        while self.at < bytes.len() && !space(bytes[self.at]) && !bracket(bytes[self.at]) {
            self.at += if bytes[self.at] == b'\\' { 2 } else { 1 };
        }
        self.at = self.at.min(bytes.len());
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
        self.text.get(start..self.at)
    }

    fn value(&mut self, first: &'a str, depth: usize) -> Result<Node, NotSeen> {
        self.count += 1;
        if depth > DEPTH_LIMIT || self.count > COUNT_LIMIT {
            return Err(LARGE);
        }
        match first {
            "(" => {
                let mut list = Vec::new();
                loop {
                    match self.token().ok_or(FORM)? {
                        ")" => return Ok(Node::List(list)),
                        token => list.push(self.value(token, depth + 1)?),
                    }
                }
            }
            "{" => self.node(depth),
            ")" | "}" => Err(FORM),
            "<>" => Ok(Node::Nothing),
            word => Ok(Node::Word(plain(word))),
        }
    }

    fn node(&mut self, depth: usize) -> Result<Node, NotSeen> {
        let kind = self.token().ok_or(FORM)?;
        if !kind.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'0'..=b'9'))
        {
            return Err(FORM);
        }
        let mut fields: Vec<(Box<str>, Node)> = Vec::new();
        loop {
            let token = self.token().ok_or(FORM)?;
            if token == "}" {
                return Ok(Node::Kind(kind.into(), fields));
            }
            let name = token.strip_prefix(':').ok_or(FORM)?;
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
            if name.is_empty()
                || !name.bytes().all(is_name)
                || fields.iter().any(|(known, _)| **known == *name)
            {
                return Err(FORM);
            }
            let first = self.token().ok_or(FORM)?;
            let value = self.value(first, depth + 1)?;
            self.bytes(&value)?;
            fields.push((name.into(), value));
        }
    }

    /// The bytes of a constant stand behind their number: `4 [ 1 0 0 0 ]`.
    fn bytes(&mut self, count: &Node) -> Result<(), NotSeen> {
        let before = self.at;
        if self.token() != Some("[") {
            self.at = before;
            return Ok(());
        }
        if count.word().parse::<u64>().is_err() {
            return Err(FORM);
        }
        loop {
            match self.token().ok_or(FORM)? {
                "]" => return Ok(()),
                byte if byte.parse::<i16>().is_ok() => {}
                _ => return Err(FORM),
            }
        }
    }
}

/// A word without its escapes; a line break stands for the space at which the line was broken.
fn plain(word: &str) -> Box<str> {
    if !word.contains('\\') {
        return word.into();
    }
    let mut out = String::with_capacity(word.len());
    let mut letters = word.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next().map(|next| if next == '\n' { ' ' } else { next })),
            letter => out.push(letter),
        }
    }
    out.into()
}
