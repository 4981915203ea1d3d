//! A parse tree in one form for all of its kinds of nodes.
//!
//! libpg_query's tree has some 270 kinds of nodes. A walk that names each of them sees nothing in
//! the one that it forgot, and what nobody sees is let through. So the tree is written down by
//! what every node can do (be serialized), and whatever is not known is walked into. It must never
//! leave a node out.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

/// A node, a list or a value. What is absent, empty, zero or false is [`Tree::Nothing`].
#[derive(Debug, PartialEq)]
pub(super) enum Tree {
    Nothing,
    Number(i64),
    Text(String),
    List(Vec<Tree>),
    Node(&'static str, Vec<(&'static str, Tree)>),
}

static NOTHING: Tree = Tree::Nothing;

impl Tree {
    pub(super) fn of(value: &impl Serialize) -> Result<Self, Unwritable> {
        value.serialize(Writer)
    }

    /// The kind of the node, in libpg_query's words; nothing for what is no node.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Node(kind, _) => kind,
            _ => "",
        }
    }

    pub(super) fn get(&self, field: &str) -> &Self {
        let Self::Node(_, fields) = self else { return &NOTHING };
        fields.iter().find(|(name, _)| *name == field).map_or(&NOTHING, |(_, value)| value)
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    pub(super) fn number(&self) -> i64 {
        match self {
            Self::Number(number) => *number,
            _ => 0,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        *self != Self::Nothing
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            _ => &[],
        }
    }

    /// Everything directly inside of it.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        let (list, fields): (&[Self], &[(&str, Self)]) = match self {
            Self::List(list) => (list, &[]),
            Self::Node(_, fields) => (&[], fields),
            _ => (&[], &[]),
        };
        list.iter().chain(fields.iter().map(|(_, value)| value))
    }

    /// The texts of a list of names; a star for what stands for all.
    pub(super) fn names(&self) -> Vec<String> {
        let name = |tree: &Self| match tree.kind() {
            "AStar" => "*".to_owned(),
            "List" => tree.get("items").names().join("."),
            "TypeName" => tree.get("names").names().join("."),
            _ => tree.get("sval").text().to_owned(),
        };
        self.list().iter().map(name).filter(|name| !name.is_empty()).collect()
    }
}

/// A value of a kind that no tree has.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value of a kind that no tree has")]
pub(super) struct Unwritable;

impl ser::Error for Unwritable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Writer;

type Written = Result<Tree, Unwritable>;

/// What is being written: fields of a node, or items of a list.
struct Fields(&'static str, Vec<(&'static str, Tree)>);
struct Items(Vec<Tree>);

fn number(number: i64) -> Tree {
    if number == 0 { Tree::Nothing } else { Tree::Number(number) }
}

macro_rules! numbers {
    ($($name:ident: $kind:ty),*) => {$(
        fn $name(self, value: $kind) -> Written {
            i64::try_from(value).map(number).map_err(|_| Unwritable)
        }
    )*};
}

impl Serializer for Writer {
    type Ok = Tree;
    type Error = Unwritable;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = ser::Impossible<Tree, Unwritable>;
    type SerializeTupleVariant = ser::Impossible<Tree, Unwritable>;
    type SerializeMap = ser::Impossible<Tree, Unwritable>;
    type SerializeStruct = Fields;
    type SerializeStructVariant = ser::Impossible<Tree, Unwritable>;

    numbers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    numbers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32);

    fn serialize_u64(self, value: u64) -> Written {
        // Sets of bits reach here; only that there is one matters.
        Ok(number(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    fn serialize_bool(self, value: bool) -> Written {
        Ok(number(i64::from(value)))
    }

    fn serialize_f32(self, _: f32) -> Written {
        Ok(Tree::Nothing)
    }

    fn serialize_f64(self, _: f64) -> Written {
        Ok(Tree::Nothing)
    }

    fn serialize_char(self, value: char) -> Written {
        Ok(Tree::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Written {
        Ok(if value.is_empty() { Tree::Nothing } else { Tree::Text(value.to_owned()) })
    }

    fn serialize_bytes(self, _: &[u8]) -> Written {
        Err(Unwritable)
    }

    fn serialize_none(self) -> Written {
        Ok(Tree::Nothing)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        Ok(Tree::Nothing)
    }

    fn serialize_unit_struct(self, kind: &'static str) -> Written {
        Ok(Tree::Node(kind, Vec::new()))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, kind: &'static str) -> Written {
        Ok(Tree::Node(kind, Vec::new()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, of: &T) -> Written {
        of.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Written {
        // The value's own name is that of the node.
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Unwritable> {
        Ok(Items(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Unwritable> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unwritable> {
        Err(Unwritable)
    }

    fn serialize_struct(self, kind: &'static str, _: usize) -> Result<Fields, Unwritable> {
        Ok(Fields(kind, Vec::new()))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unwritable> {
        Err(Unwritable)
    }
}

impl ser::SerializeStruct for Fields {
    type Ok = Tree;
    type Error = Unwritable;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        field: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        let value = value.serialize(Writer)?;
        if value.is_there() {
            self.1.push((field, value));
        }
        Ok(())
    }

    fn end(self) -> Written {
        let Self(kind, mut fields) = self;
        // `Node` is only a box around the node itself.
        match (kind, fields.pop()) {
            ("Node", inner) => Ok(inner.map_or(Tree::Nothing, |(_, inner)| inner)),
            (_, last) => {
                fields.extend(last);
                Ok(Tree::Node(kind, fields))
            }
        }
    }
}

impl ser::SerializeSeq for Items {
    type Ok = Tree;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        self.0.push(value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Written {
        Ok(if self.0.is_empty() { Tree::Nothing } else { Tree::List(self.0) })
    }
}

impl ser::SerializeTuple for Items {
    type Ok = Tree;
    type Error = Unwritable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        ser::SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Written {
        ser::SerializeSeq::end(self)
    }
}
