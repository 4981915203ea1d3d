//! Statements and portals of a connection, by name.

use std::sync::Arc;

use node_enforce::sql::Script;

use super::said::script;
use super::{Conversation, Expected};
use crate::codec::places::Shape;
use crate::veil::Sight;

/// How many statements, and how many portals, one connection may have.
const NAMES: usize = 8192;
/// How many bytes their texts and parameters may have in all.
const TEXT_BYTES: usize = 32 * 1024 * 1024;
/// How many bytes of a description are kept: as many types as parameters are shown.
const DESCRIBED_BYTES: usize = 2 + 4 * 256;
/// How many bytes of a name count: PostgreSQL cuts what is longer (`NAMEDATALEN`).
const NAME_BYTES: usize = 63;

/// A name as the database keeps it.
pub(super) fn key(name: &[u8]) -> &[u8] {
    &name[..name.len().min(NAME_BYTES)]
}

/// A prepared statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) text: Arc<[u8]>,
    /// The text that made it: whoever executes it by its name is judged by that.
    pub(super) definition: Arc<[u8]>,
    /// Its text, as it was read.
    pub(crate) script: Arc<Script>,
    /// The numbers of its parameters' types, as far as the client said them.
    pub(crate) types: Arc<[u8]>,
    /// The same of all of them, when the database has described them.
    pub(super) described: Option<Arc<[u8]>>,
    pub(super) shape: Option<Shape>,
}

impl Statement {
    pub(crate) fn new(text: Arc<[u8]>) -> Self {
        let script = script(&text);
        let (definition, types) = (text.clone(), Arc::default());
        Self { definition, text, script, types, described: None, shape: None }
    }

    pub(crate) fn with_types(self, types: Arc<[u8]>) -> Self {
        Self { types, ..self }
    }

    /// The numbers of its parameters' types behind their count, as the database has said them, or
    /// else the client.
    pub(crate) fn known_types(&self) -> &Arc<[u8]> {
        self.described.as_ref().unwrap_or(&self.types)
    }

    fn bytes(&self) -> usize {
        self.text.len() + self.definition.len() + self.types.len()
    }
}

/// A portal: a statement with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Portal {
    /// The text, and the body of its `Bind`, as they were judged.
    pub(crate) text: Arc<[u8]>,
    pub(crate) bind: Arc<[u8]>,
    /// The types of its parameters.
    pub(crate) types: Arc<[u8]>,
    /// The text as it was read by itself, and as it was judged.
    pub(crate) read: Arc<Script>,
    pub(crate) script: Arc<Script>,
    pub(super) shape: Shape,
    /// What of its answer may be seen.
    pub(super) sights: Arc<[Sight]>,
}

impl Portal {
    pub(super) fn new(of: &Statement, bound: Bound<'_>) -> Self {
        let Bound { bind, script, binary } = bound;
        let shape = match &of.shape {
            Some(shape) => shape.in_formats(binary),
            None => Shape::undescribed(binary.contains(&true)),
        };
        let (text, read) = (of.text.clone(), of.script.clone());
        let (bind, types) = (bind.into(), of.known_types().clone());
        Self { text, bind, types, read, script, shape, sights: Arc::default() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len() + self.bind.len()
    }
}

/// A `Bind` as it was judged.
#[derive(Clone, Debug)]
pub(crate) struct Bound<'a> {
    /// Its body.
    pub(crate) bind: &'a [u8],
    /// What it runs, as it was read.
    pub(crate) script: Arc<Script>,
    /// For each column whether it is to come in binary.
    pub(crate) binary: &'a [bool],
}

impl Conversation {
    /// A statement by the client's name for it, counting what is not confirmed yet: were it not to
    /// be confirmed, the database would leave out whatever is done with it.
    pub(crate) fn statement(&self, name: &[u8]) -> Option<&Statement> {
        self.kept(name).map(|(_, statement)| statement)
    }

    /// As [`Conversation::statement`], with the name as it is kept.
    pub(super) fn kept(&self, name: &[u8]) -> Option<(&[u8], &Statement)> {
        let name = key(name);
        for expected in self.expected.iter().rev() {
            match expected {
                Expected::Parse(known, statement) if **known == *name => {
                    return Some((known, statement));
                }
                Expected::Close(b'S', known) if **known == *name => return None,
                _ => {}
            }
        }
        self.statements.get_key_value(name).map(|(known, statement)| (&**known, statement))
    }

    /// A portal by name, as [`Conversation::statement`].
    pub(crate) fn portal(&self, name: &[u8]) -> Option<&Portal> {
        let name = key(name);
        for expected in self.expected.iter().rev() {
            match expected {
                Expected::Bind(known, portal) if **known == *name => return Some(portal),
                Expected::Close(b'P', known) if **known == *name => return None,
                _ => {}
            }
        }
        self.portals.get(name)
    }

    /// Whether there is room for another statement or portal of so many bytes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.statements.len() < NAMES
            && self.portals.len() < NAMES
            && self.text_bytes + bytes <= TEXT_BYTES
    }

    pub(super) fn keep(&mut self, name: Box<[u8]>, statement: Statement) {
        self.text_bytes += statement.bytes();
        let old = self.statements.insert(name, statement);
        self.text_bytes -= old.map_or(0, |old| old.bytes());
    }

    /// The database describes the parameters of a statement (`ParameterDescription`).
    pub(super) fn types(&mut self, body: &[u8]) {
        if let Some(Expected::DescribeStatement(name)) = self.expected.front()
            && let Some(statement) = self.statements.get_mut(name)
        {
            statement.described = Some(body[..body.len().min(DESCRIBED_BYTES)].into());
        }
    }

    pub(super) fn count_texts(&mut self) {
        let statements = self.statements.values().map(Statement::bytes);
        self.text_bytes = statements.chain(self.portals.values().map(Portal::bytes)).sum();
    }

    pub(super) fn forget(&mut self, of: u8, name: &[u8]) {
        let name = key(name);
        if of == b'S' {
            let old = self.statements.remove(name);
            self.text_bytes -= old.map_or(0, |old| old.bytes());
            return;
        }
        let old = self.portals.remove(name);
        self.text_bytes -= old.map_or(0, |old| old.bytes());
    }
}
