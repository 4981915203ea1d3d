//! What is to be found out about each statement of a text: which query of it the server's tree is
//! asked for, what is known without, and what is refused as it stands.

use pg_query::protobuf::node::Node as Inner;
use pg_query::protobuf::{ParseResult, RawStmt, SelectStmt};
use pg_query::{DeparseOptions, Node};

use super::copy::{self, CopyForm};
use super::{Catalog, Exposes, Lineage, Outputs, Says};
use crate::policy::Derived;
use crate::sql::{Options, Parts, parse, read, tree::Tree};

/// What one statement is, as far as lineage goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The server's tree of this query tells what the statement gives.
    Rows(String),
    /// As [`What::Rows`], copied out.
    Copied(String, CopyForm),
    /// As [`What::Rows`], for a cursor of this name.
    Cursor(String, String),
    /// It prepares this query under this name.
    Prepares(String, String),
    /// How this query would run.
    Plan(String),
    /// What this query gives is kept: nothing of a masked column may be in it.
    Kept(String),
    /// It runs what was prepared under this name.
    Executes(String),
    /// It is known without.
    Known(Lineage),
}

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub what: What,
    /// Relations that it names.
    relations: Vec<Parts>,
    functions: Vec<Parts>,
    /// Whether it changes definitions that others do not see before it is committed.
    pub defines: bool,
    /// Names that it gives.
    pub made: Vec<String>,
    /// Whether what it makes is surely seen by this session alone.
    pub is_temporary: bool,
    /// Whether it writes rows.
    writes: Writes,
}

/// Whether a statement writes rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    /// It does not.
    Nothing,
    /// Such as stand in its own text, or none.
    Own,
    /// Such as it reads.
    Read,
}

/// What makes code that cannot be seen into, or a way out.
const CODE: &[&str] = &[
    "access method",
    "aggregate",
    "cast",
    "conversion",
    "domain",
    "event trigger",
    "extension",
    "foreign data wrapper",
    "foreign table",
    "function",
    "language",
    "operator",
    "operator class",
    "operator family",
    "policy",
    "procedure",
    "publication",
    "routine",
    "rule",
    "server",
    "subscription",
    "transform",
    "trigger",
    "user mapping",
];
const DEFINES: Exposes =
    Exposes("it defines or runs code that cannot be seen into, which may show masked columns");
const CHANGES: Exposes =
    Exposes("it changes the definition of something with masked columns, which may unmask them");
const UNREAD: Exposes =
    Exposes("it cannot be read, so nobody knows whether it shows masked columns");
const OUT: Exposes = Exposes("it moves rows by way of the database's own machine");
const FORM: Exposes = Exposes(
    "it copies masked columns in a form of its own: leave out null, quote, escape and encoding",
);
const UNSEEN: Exposes = Exposes(
    "it writes what it reads, from where the gateway cannot see: tables that are temporary or not \
     committed, or functions",
);

/// Takes a text apart.
///
/// # Errors
/// [`Exposes`] when one of its statements must not run.
pub fn steps(text: &str, catalog: &Catalog) -> Result<Vec<Step>, Exposes> {
    let script = read(text, Options::default());
    let parsed = parse::statements(text, Options::default()).map_err(|_| UNREAD)?;
    let count = script.reading.statements.len();
    if parsed.len() != count || script.names.len() != count {
        return Err(UNREAD);
    }
    let each = parsed.iter().zip(&script.reading.statements).zip(&script.names);
    each.map(|(((tree, raw, text), said), names)| {
        let (relations, functions) = (names.tables.clone(), names.functions.clone());
        if relations.len() >= crate::sql::NAME_LIMIT || functions.len() >= crate::sql::NAME_LIMIT {
            return Err(UNREAD);
        }
        let mut step = Step {
            what: What::Known(Lineage::plain()),
            relations,
            functions,
            defines: defines(&said.tag),
            made: Vec::new(),
            is_temporary: false,
            writes: writes(tree),
        };
        step.what = what(tree, raw, text, &said.tag, &step, catalog)?;
        if step.defines {
            made(tree, &mut step);
        }
        Ok(step)
    })
    .collect()
}

fn what(
    tree: &Tree,
    raw: &RawStmt,
    text: &str,
    tag: &str,
    step: &Step,
    catalog: &Catalog,
) -> Result<What, Exposes> {
    let query = || inner(raw).ok_or(UNREAD);
    let name = |field: &str| tree.get(field).text().to_owned();
    Ok(match tree.kind() {
        "SelectStmt" if tag == "select into" => What::Kept(query()?),
        "SelectStmt" | "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt" => {
            What::Rows(text.to_owned())
        }
        "CreateTableAsStmt" => What::Kept(query()?),
        "DeclareCursorStmt" => What::Cursor(query()?, name("portalname")),
        "PrepareStmt" => What::Prepares(query()?, name("name")),
        "ExplainStmt" => What::Plan(query()?),
        "CopyStmt" => copied(tree, raw, step, catalog)?,
        "ExecuteStmt" => {
            if step.functions.iter().any(|one| !catalog.sees_nothing(one)) {
                return Err(DEFINES);
            }
            What::Executes(name("name"))
        }
        "FetchStmt" if tree.get("ismove").is_there() => What::Known(Lineage::plain()),
        "FetchStmt" => {
            let outputs = Outputs::Cursor(name("portalname"));
            What::Known(Lineage { outputs, says: Says::Names, copy: None })
        }
        "CallStmt" => {
            // What is given to a procedure, it may keep.
            let own = tree.get("funccall").get("funcname").names();
            let mut given = step.functions.iter().filter(|name| **name != own);
            if given.any(|name| !catalog.sees_nothing(name)) {
                return Err(DEFINES);
            }
            What::Known(unknown(catalog)?)
        }
        _ => What::Known(utility(tree, tag, step, catalog)?),
    })
}

/// Of something nothing is known about.
fn unknown(catalog: &Catalog) -> Result<Lineage, Exposes> {
    if catalog.every_mask().is_some_and(|mask| mask.derived == Derived::Block) {
        return Err(Exposes(super::DERIVED));
    }
    Ok(Lineage::hidden())
}

fn defines(tag: &str) -> bool {
    let verbs = ["create ", "alter ", "drop ", "select into", "comment", "refresh", "reassign"];
    verbs.iter().any(|verb| tag.starts_with(verb)) || matches!(tag, "discard all" | "discard temp")
}

fn utility(tree: &Tree, tag: &str, step: &Step, catalog: &Catalog) -> Result<Lineage, Exposes> {
    let (verb, object) = tag.split_once(' ').unwrap_or((tag, ""));
    let changes = matches!(verb, "create" | "alter");
    let nested = tree.kind() == "CreateSchemaStmt" && tree.get("schema_elts").is_there();
    let code = changes && CODE.contains(&object) || nested;
    let out = matches!(tag, "do" | "load" | "import foreign schema" | "security label");
    if code || out {
        return Err(DEFINES);
    }
    // Names are looked up elsewhere in sessions that begin after it.
    let elsewhere = ["AlterRoleSetStmt", "AlterDatabaseSetStmt", "AlterSystemStmt"];
    if tag == "alter schema" || elsewhere.contains(&tree.kind()) {
        return Err(CHANGES);
    }
    // Defaults and new forms of columns are computed at once.
    let opaque = step.functions.iter().any(|name| !catalog.sees_nothing(name));
    if changes && tag != "create view" && opaque {
        return Err(DEFINES);
    }
    let bears = step.relations.iter().any(|name| catalog.bears(name));
    // A view is seen through whenever it is read; and what is dropped shows nothing.
    if (changes && tag != "create view" || tag == "comment") && bears {
        return Err(CHANGES);
    }
    let says = if bears { Says::Names } else { Says::Plain };
    Ok(Lineage { says, ..Lineage::plain() })
}

fn copied(tree: &Tree, raw: &RawStmt, step: &Step, catalog: &Catalog) -> Result<What, Exposes> {
    if tree.get("is_program").is_there() || tree.get("filename").is_there() {
        return Err(OUT);
    }
    if tree.get("is_from").is_there() {
        let bears = step.relations.iter().any(|name| catalog.bears(name));
        let says = match step.functions.iter().any(|name| !catalog.sees_nothing(name)) {
            true => Says::Nothing,
            false if bears => Says::Names,
            false => Says::Plain,
        };
        return Ok(What::Known(Lineage { says, ..Lineage::plain() }));
    }
    let query = match tree.get("query").is_there() {
        true => inner(raw).ok_or(UNREAD)?,
        false => of_table(tree),
    };
    // Whether the form matters is known when the columns are.
    Ok(match copy::form(tree) {
        Some(form) => What::Copied(query, form),
        None => What::Kept(query),
    })
}

/// What COPY of a table gives, as a query.
fn of_table(tree: &Tree) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let table = tree.get("relation");
    let parts = ["schemaname", "relname"].map(|part| table.get(part).text());
    let parts: Vec<String> =
        parts.iter().filter(|part| !part.is_empty()).map(|part| quoted(part)).collect();
    let columns = tree.get("attlist").names();
    let columns: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let columns = if columns.is_empty() { "*".to_owned() } else { columns.join(", ") };
    format!("select {columns} from only {}", parts.join("."))
}

fn writes(tree: &Tree) -> Writes {
    match tree.kind() {
        "DeleteStmt" => Writes::Own,
        "InsertStmt" => {
            let updates = tree.get("on_conflict_clause").get("target_list").is_there();
            let source = tree.get("select_stmt");
            let own = !source.is_there() || source.get("values_lists").is_there();
            let reads =
                updates || !own || holds_query(source) || tree.get("with_clause").is_there();
            if reads { Writes::Read } else { Writes::Own }
        }
        "UpdateStmt" | "MergeStmt" | "CreateTableAsStmt" => Writes::Read,
        _ if holds_write(tree) => Writes::Read,
        _ => Writes::Nothing,
    }
}

fn holds_query(tree: &Tree) -> bool {
    tree.kind() == "SubLink" || tree.children().any(holds_query)
}

fn holds_write(tree: &Tree) -> bool {
    let writes = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "IntoClause"];
    writes.contains(&tree.kind()) || tree.children().any(holds_write)
}

/// What a definition makes, and whether it is surely temporary.
fn made(tree: &Tree, step: &mut Step) {
    let range = match tree.kind() {
        "ViewStmt" => tree.get("view"),
        "CreateTableAsStmt" => tree.get("into").get("rel"),
        "SelectStmt" => into(tree).get("rel"),
        _ => tree.get("relation"),
    };
    let names = [range.get("relname"), tree.get("newname")].map(|name| name.text().to_owned());
    step.made = names.into_iter().filter(|name| !name.is_empty()).collect();
    let named = |parts: &Parts| parts.len() > 1 && parts[parts.len() - 2].starts_with("pg_temp");
    step.is_temporary =
        range.get("relpersistence").text() == "t" || step.relations.iter().any(named);
}

fn into(select: &Tree) -> &Tree {
    let own = select.get("into_clause");
    if own.is_there() || !select.get("larg").is_there() { own } else { into(select.get("larg")) }
}

impl Step {
    /// Relations that it names.
    #[must_use]
    pub fn relations(&self) -> &[Vec<String>] {
        &self.relations
    }

    /// What is to be taken for known of a statement that the server's tree does not tell of.
    /// `is_own` says whether a name may mean something that only this session sees.
    ///
    /// # Errors
    /// [`Exposes`] when it must not run.
    pub fn unseen(
        &self,
        catalog: &Catalog,
        is_own: &dyn Fn(&[String]) -> bool,
    ) -> Result<Lineage, Exposes> {
        let may_bear = |name: &Parts| is_own(name) || catalog.may_bear(name);
        let opaque = self.functions.iter().any(|name| !catalog.sees_nothing(name));
        if !opaque && !self.relations.iter().any(may_bear) {
            return Ok(Lineage::plain());
        }
        match (&self.what, self.writes) {
            (What::Kept(_), _) | (_, Writes::Read) => return Err(UNSEEN),
            (_, Writes::Own) if opaque => return Err(UNSEEN),
            _ => {}
        }
        let says = if opaque { Says::Nothing } else { Says::Names };
        let copy = match &self.what {
            What::Copied(_, form) => Some(*form),
            _ => None,
        };
        Ok(Lineage { says, copy, ..unknown(catalog)? })
    }

    /// What is known of it, once the lineage of its query is.
    ///
    /// # Errors
    /// [`Exposes`] when it must not run.
    pub fn of(&self, query: Lineage) -> Result<Lineage, Exposes> {
        Ok(match &self.what {
            What::Kept(_) if query.is_shown() => Lineage { outputs: Outputs::Plain, ..query },
            What::Kept(_) if self.writes == Writes::Nothing => return Err(FORM),
            What::Kept(_) => {
                return Err(Exposes("it would keep values of a masked column somewhere else"));
            }
            What::Copied(_, form) => Lineage { copy: Some(*form), ..query },
            // What a function gives that cannot be seen into may be computed ahead and be shown.
            What::Plan(_) if query.says == Says::Nothing => query.all_hidden(),
            What::Plan(_) => Lineage { outputs: Outputs::Plain, ..query },
            What::Prepares(..) => Lineage { outputs: Outputs::Plain, ..query },
            _ => query,
        })
    }
}

impl Lineage {
    fn all_hidden(self) -> Self {
        Self { outputs: Outputs::Hidden, ..self }
    }
}

/// The query within a statement, as a text of its own; none when it does not come out as the same.
fn inner(raw: &RawStmt) -> Option<String> {
    let node = raw.stmt.as_ref()?.node.as_ref()?;
    let query = match node {
        Inner::CreateTableAsStmt(one) => (*one.query.as_ref()?.clone()).clone(),
        Inner::DeclareCursorStmt(one) => (*one.query.as_ref()?.clone()).clone(),
        Inner::PrepareStmt(one) => (*one.query.as_ref()?.clone()).clone(),
        Inner::ExplainStmt(one) => (*one.query.as_ref()?.clone()).clone(),
        Inner::CopyStmt(one) => (*one.query.as_ref()?.clone()).clone(),
        Inner::SelectStmt(one) => {
            let mut plain = one.clone();
            without_into(&mut plain);
            Node { node: Some(Inner::SelectStmt(plain)) }
        }
        _ => return None,
    };
    let is_query = matches!(
        query.node.as_ref()?,
        Inner::SelectStmt(_)
            | Inner::InsertStmt(_)
            | Inner::UpdateStmt(_)
            | Inner::DeleteStmt(_)
            | Inner::MergeStmt(_)
    );
    if !is_query {
        return None;
    }
    written(query)
}

fn without_into(select: &mut SelectStmt) {
    select.into_clause = None;
    if let Some(left) = &mut select.larg {
        without_into(left);
    }
}

fn written(query: Node) -> Option<String> {
    let before = Tree::of(&query).ok()?;
    let raw = RawStmt { stmt: Some(Box::new(query)), stmt_location: 0, stmt_len: 0 };
    let result = ParseResult { version: 0, stmts: vec![raw] };
    let text = pg_query::deparse(&result, DeparseOptions::default()).ok()?;
    let again = parse::statements(&text, Options::default()).ok()?;
    match &again[..] {
        [(after, _, _)] if same(&before, after) => Some(text),
        _ => None,
    }
}

/// Whether two trees are the same but for where they stand in their texts.
fn same(one: &Tree, other: &Tree) -> bool {
    let is_place = |name: &str| {
        name.contains("location") || name.starts_with("list_") || name.starts_with("rexpr_list_")
    };
    match (one, other) {
        (Tree::Node(kind, fields), Tree::Node(other_kind, other_fields)) => {
            let told = |fields: &'_ [(&'static str, Tree)]| -> Vec<usize> {
                (0..fields.len()).filter(|at| !is_place(fields[*at].0)).collect()
            };
            let (left, right) = (told(fields), told(other_fields));
            kind == other_kind
                && left.len() == right.len()
                && left.iter().zip(&right).all(|(left, right)| {
                    let ((name, value), (other_name, other_value)) =
                        (&fields[*left], &other_fields[*right]);
                    name == other_name && same(value, other_value)
                })
        }
        (Tree::List(one), Tree::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}
