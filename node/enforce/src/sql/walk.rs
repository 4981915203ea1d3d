//! The walk over a statement's tree: tables, columns, functions, and what runs inside of it.
//!
//! Every node is visited, known or not. Names of common table expressions are not tables, where
//! they can be seen, and nowhere else.

use proto::reading::Effect;

use super::found::{Found, Parts};
use super::functions::{Special, special};
use super::handling::{Setting, To};
use super::tree::Tree;
use super::{DEPTH_LIMIT, Lookup, Options, parse, statement};

const HIDDEN: &str = "a function runs SQL that is only known when it runs";

/// One walk: what was found, and what surrounds the place where it is.
pub(super) struct Walk<'a> {
    pub(super) found: Found,
    pub(super) lookup: &'a Lookup<'a>,
    pub(super) options: Options,
    /// How many texts lie around this one.
    pub(super) depth: usize,
    /// Names of common table expressions that can be seen here.
    visible: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(lookup: &'a Lookup<'a>, options: Options, depth: usize) -> Self {
        Self { found: Found::default(), lookup, options, depth, visible: Vec::new() }
    }

    pub(super) fn all<'t>(&mut self, trees: impl IntoIterator<Item = &'t Tree>) {
        for tree in trees {
            self.walk(tree);
        }
    }

    /// A statement that this session runs.
    pub(super) fn top(&mut self, tree: &Tree) {
        match tree.kind() {
            "VariableSetStmt" => statement::walk(self, tree),
            _ if statement::tag(tree).is_none() => self.found.doubt(statement::UNKNOWN),
            _ => self.walk(tree),
        }
    }

    pub(super) fn walk(&mut self, tree: &Tree) {
        match tree.kind() {
            "RangeVar" => self.relation(tree),
            "ColumnRef" => self.found.column(tree.get("fields").names().join(".")),
            "FuncCall" => self.call(tree),
            "DefElem" => self.option(tree),
            "LockingClause" => {
                // The names in it are those of what is read anyway.
                self.found.does(&[Effect::Write]);
            }
            // A parameter that a function, role or database will have is not this session's.
            "VariableSetStmt" => {}
            "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => {
                self.query(tree);
            }
            "ReplicaIdentityStmt" | "ReturnStmt" => self.all(tree.children()),
            kind if kind.ends_with("Stmt") => statement::walk(self, tree),
            _ => self.all(tree.children()),
        }
    }

    /// Something that is read: a table, unless a common table expression hides it.
    fn relation(&mut self, tree: &Tree) {
        let parts = parts(tree);
        if let [name] = &parts[..]
            && self.visible.contains(name)
        {
            return;
        }
        self.found.table(parts);
    }

    /// Something that is written or made: always a table.
    pub(super) fn target(&mut self, tree: &Tree) {
        self.found.table(parts(tree));
    }

    fn query(&mut self, tree: &Tree) {
        let outside = self.visible.len();
        self.with(tree.get("with_clause"));
        let (kind, target) = (tree.kind(), tree.get("relation"));
        match kind {
            "SelectStmt" => self.select(tree),
            "InsertStmt" => self.found.does(&[Effect::Write]),
            "MergeStmt" => self.found.does(&[Effect::Read, Effect::Write]),
            _ => {
                let reads =
                    tree.get("from_clause").is_there() || tree.get("using_clause").is_there();
                self.found.does(if reads {
                    &[Effect::Read, Effect::Write]
                } else {
                    &[Effect::Write]
                });
            }
        }
        if tree.get("returning_clause").is_there() {
            self.found.does(&[Effect::Read]);
        }
        self.found.unbounded |= is_unbounded(tree);
        if target.is_there() {
            self.target(target);
        }
        if kind == "UpdateStmt" && target.get("relname").text() == "pg_settings" {
            // A rule of that view makes it a SET of whatever its condition finds.
            self.sets(&[]);
        }
        for target in tree.get("cols").list().iter().chain(tree.get("target_list").list()) {
            if kind != "SelectStmt" {
                self.found.column(target.get("name").text().to_owned());
            }
        }
        if let Tree::Node(_, fields) = tree {
            let inside = |field: &str| !matches!(field, "with_clause" | "relation" | "into_clause");
            self.all(fields.iter().filter(|(name, _)| inside(name)).map(|(_, value)| value));
        }
        self.visible.truncate(outside);
    }

    fn select(&mut self, tree: &Tree) {
        if !tree.get("values_lists").is_there() {
            self.found.does(&[Effect::Read]);
        }
        let into = tree.get("into_clause");
        if into.is_there() {
            self.found.into = true;
            self.found.does(&[Effect::Ddl]);
            self.target(into.get("rel"));
        }
    }

    /// Common table expressions: each sees those before it, in WITH RECURSIVE all of them.
    fn with(&mut self, clause: &Tree) {
        let each = clause.get("ctes").list();
        let name = |tree: &Tree| tree.get("ctename").text().to_owned();
        let recursive = clause.get("recursive").is_there();
        if recursive {
            self.visible.extend(each.iter().map(name));
        }
        for one in each {
            self.all(one.children());
            if !recursive {
                self.visible.push(name(one));
            }
        }
    }

    fn option(&mut self, tree: &Tree) {
        // Of foreign tables: what file_fdw runs and reads.
        match tree.get("defname").text() {
            "program" => self.found.does(&[Effect::Program]),
            "filename" => self.found.does(&[Effect::File]),
            _ => {}
        }
        self.all(tree.children());
    }

    fn call(&mut self, tree: &Tree) {
        let name = tree.get("funcname").names();
        let special = special(&name);
        self.found.function(name);
        let arguments = tree.get("args").list();
        match special {
            None => {}
            Some(Special::Does(effects)) => self.found.does(effects),
            Some(Special::Hidden(effects)) => {
                self.found.does(effects);
                self.found.doubt(HIDDEN);
            }
            Some(Special::RunsSql(at)) => match arguments.get(at).and_then(literal) {
                Some(text) => drop(self.text(text)),
                None => self.found.doubt(HIDDEN),
            },
            Some(Special::Reads(at)) => {
                self.found.does(&[Effect::Read]);
                match arguments.get(at).and_then(literal) {
                    // What is quoted or qualified is not taken apart.
                    Some(name) if name.bytes().all(is_plain) => {
                        self.found.table(vec![name.to_owned()]);
                    }
                    _ => self.found.doubt("a function reads a table that is not named literally"),
                }
            }
            Some(Special::Sets) => self.sets(arguments),
        }
        self.all(tree.children());
    }

    fn sets(&mut self, arguments: &[Tree]) {
        let name = arguments.first().and_then(literal).unwrap_or_default().to_ascii_lowercase();
        if name.is_empty() {
            self.found.doubt("it sets a parameter whose name is only known when it runs");
        }
        let value = arguments.get(1).and_then(literal);
        let to = value.map_or(To::Unknown, |value| To::Value(value.to_owned()));
        // Whether it is local is known only for sure when it is not: what may last, lasts.
        self.setting(Setting { name, to, local: false });
    }

    pub(super) fn setting(&mut self, setting: Setting) {
        self.found.does(&[Effect::Session]);
        if matches!(setting.name.as_str(), "role" | "session_authorization") {
            self.found.does(&[Effect::Privilege]);
        }
        self.found.handling.settings.push(setting);
    }

    /// Text that runs inside of this statement; gives the tag of its last statement.
    pub(super) fn text(&mut self, text: &str) -> Option<String> {
        if self.depth == DEPTH_LIMIT {
            self.found.doubt(parse::TOO_DEEP);
            return None;
        }
        let trees = match parse::trees(text, self.options) {
            Ok(trees) => trees,
            Err(why) => {
                self.found.doubt(why);
                return None;
            }
        };
        self.depth += 1;
        let visible = std::mem::take(&mut self.visible);
        let mut tag = None;
        for (tree, _) in &trees {
            let tree = prepared(tree);
            tag = statement::tag(tree);
            self.top(tree);
        }
        self.visible = visible;
        self.depth -= 1;
        tag
    }
}

/// A prepared statement is what it prepares.
fn prepared(tree: &Tree) -> &Tree {
    if tree.kind() == "PrepareStmt" { tree.get("query") } else { tree }
}

fn parts(tree: &Tree) -> Parts {
    let parts = ["catalogname", "schemaname", "relname"].map(|part| tree.get(part).text());
    parts.iter().filter(|part| !part.is_empty()).map(ToString::to_string).collect()
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'
}

/// A text that is written in the statement itself, perhaps with a cast.
pub(super) fn literal(tree: &Tree) -> Option<&str> {
    match tree.kind() {
        "TypeCast" => literal(tree.get("arg")),
        "AConst" => match tree.get("val") {
            text @ Tree::Node("String", _) => Some(text.get("sval").text()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a statement changes or deletes rows by a condition that does not look at them.
fn is_unbounded(tree: &Tree) -> bool {
    match tree.kind() {
        "UpdateStmt" | "DeleteStmt" => !looks_at_rows(tree.get("where_clause")),
        "MergeStmt" => {
            let joined = looks_at_rows(tree.get("join_condition"));
            let clauses = tree.get("merge_when_clauses").list().iter();
            clauses.filter(|clause| changes(clause)).any(|clause| {
                let asked = looks_at_rows(clause.get("condition"));
                !asked && (!joined || clause.get("match_kind").number() == BY_SOURCE)
            })
        }
        _ => false,
    }
}

/// `MERGE_WHEN_NOT_MATCHED_BY_SOURCE`.
const BY_SOURCE: i64 = pg_query::protobuf::MergeMatchKind::MergeWhenNotMatchedBySource as i64;

fn changes(clause: &Tree) -> bool {
    use pg_query::protobuf::CmdType;
    let command = clause.get("command_type").number();
    command == CmdType::CmdUpdate as i64 || command == CmdType::CmdDelete as i64
}

fn looks_at_rows(condition: &Tree) -> bool {
    matches!(condition.kind(), "ColumnRef" | "CurrentOfExpr")
        || condition.children().any(looks_at_rows)
}
