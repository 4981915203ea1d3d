//! Statements by kind: their tags, their effects, and what they mean for the session.

use pg_query::protobuf::{AlterTableType, DiscardMode, ObjectType, VariableSetKind};
use proto::reading::Effect;

use super::handling::{CopyWay, Handling, Prepared, Setting, To, Transaction};
use super::tags;
use super::tree::Tree;
use super::walk::{Walk, literal};

pub(super) const UNKNOWN: &str = "it is a statement of a kind that is not known";

/// The tag of a statement's node; none for a node that is no known statement.
pub(super) fn tag(tree: &Tree) -> Option<String> {
    let is = |field: &str| tree.get(field).is_there();
    let object = |field: &str| tags::object(tree.get(field).number());
    let one = |is: bool, yes: &'static str, no: &'static str| if is { yes } else { no };
    let fixed = match tree.kind() {
        "SelectStmt" => "select",
        "TransactionStmt" => return transaction(tree).map(|(tag, _)| tag.to_owned()),
        "VariableSetStmt" => one(resets(tree), "reset", "set"),
        "DiscardStmt" => discard(tree)?,
        "ClosePortalStmt" => one(is("portalname"), "close cursor", "close cursor all"),
        "FetchStmt" => one(is("ismove"), "move", "fetch"),
        "DeallocateStmt" => one(is("isall"), "deallocate all", "deallocate"),
        "VacuumStmt" => one(is("is_vacuumcmd"), "vacuum", "analyze"),
        "GrantStmt" => one(is("is_grant"), "grant", "revoke"),
        "GrantRoleStmt" => one(is("is_grant"), "grant role", "revoke role"),
        "CreateFunctionStmt" => one(is("is_procedure"), "create procedure", "create function"),
        "CreateTableAsStmt" => {
            let view = tree.get("objtype").number() == ObjectType::ObjectMatview as i64;
            one(view, "create materialized view", "create table as")
        }
        "DropStmt" => return Some(format!("drop {}", object("remove_type")?)),
        "DefineStmt" => return Some(format!("create {}", object("kind")?)),
        "AlterTableStmt" | "AlterFunctionStmt" | "AlterTableMoveAllStmt" => {
            return Some(format!("alter {}", object("objtype")?));
        }
        "AlterOwnerStmt" | "AlterObjectSchemaStmt" | "AlterObjectDependsStmt" => {
            return Some(format!("alter {}", object("object_type")?));
        }
        "RenameStmt" => {
            let of = tree.get("rename_type").number();
            let inner = [ObjectType::ObjectColumn, ObjectType::ObjectAttribute];
            let inner = inner.iter().any(|kind| *kind as i64 == of);
            let of = object(if inner { "relation_type" } else { "rename_type" });
            return Some(format!("alter {}", of?));
        }
        kind => tags::of_node(kind)?,
    };
    Some(fixed.to_owned())
}

/// Walks a statement that is no query: its own effects first, then all that is in it.
pub(super) fn walk(walk: &mut Walk<'_>, tree: &Tree) {
    let Some(effects) = tag(tree).and_then(|tag| tags::inherent(&tag)) else {
        return walk.found.doubt(UNKNOWN);
    };
    if tree.kind() != "ExecuteStmt" {
        walk.found.does(&effects);
    }
    match tree.kind() {
        "ExplainStmt" => return explain(walk, tree),
        "ExecuteStmt" => return execute(walk, tree),
        "DoStmt" => return walk.found.doubt("it runs code in another language"),
        // What these set is not this session's.
        "AlterSystemStmt" | "AlterRoleSetStmt" | "AlterDatabaseSetStmt" => return,
        "VariableSetStmt" => return set(walk, tree),
        "CopyStmt" => copy(walk, tree),
        "CreateFunctionStmt" => language(walk, tree),
        "CreateTrigStmt" => walk.found.function(tree.get("funcname").names()),
        // Its script is run, and nobody sees it here.
        "CreateExtensionStmt" | "AlterExtensionStmt" => walk.found.does(&[Effect::Execute]),
        "TruncateStmt" => walk.found.unbounded = true,
        "LockStmt" => {
            // Only the weakest lock is that of a reader.
            let reads = tree.get("mode").number() == pg_query::LockMode::AccessShareLock as i64;
            walk.found.does(if reads { &[Effect::Read] } else { &[Effect::Write] });
        }
        "AlterOwnerStmt" => walk.found.does(&[Effect::Privilege]),
        "AlterTableStmt" => privileges(walk, tree),
        "CreateTableAsStmt" => walk.found.does(&[Effect::Read]),
        "DropStmt" => dropped(walk, tree),
        "CommentStmt" | "SecLabelStmt" => {
            let (of, names) = (tree.get("objtype").number(), tree.get("object"));
            named(walk, of, names);
        }
        _ => {}
    }
    walk.all(tree.children());
}

fn explain(walk: &mut Walk<'_>, tree: &Tree) {
    // Only `ANALYZE` that is surely off is off.
    let off = |option: &Tree| {
        let value = option.get("arg");
        let word = value.get("sval").text().to_ascii_lowercase();
        value.kind() == "Integer" && value.get("ival").number() == 0
            || matches!(word.as_str(), "off" | "false")
            || value.kind() == "Boolean" && !value.get("boolval").is_there()
    };
    let options = tree.get("options").list().iter();
    let mut analyzes = options.filter(|option| option.get("defname").text() == "analyze");
    if analyzes.any(|option| !off(option)) {
        return walk.walk(tree.get("query"));
    }
    // What is only planned has the names of what it would do, and none of its effects.
    let before = (walk.found.effects.clone(), walk.found.unbounded, walk.found.into);
    let handling = walk.found.handling.clone();
    walk.walk(tree.get("query"));
    (walk.found.effects, walk.found.unbounded, walk.found.into) = before;
    walk.found.handling = handling;
}

fn execute(walk: &mut Walk<'_>, tree: &Tree) {
    let name = tree.get("name").text();
    walk.found.executes.push(name.to_owned());
    let runs = match (walk.lookup)(name) {
        // What executes another has found what that runs.
        Some(text) => match walk.text(&text) {
            Some(tag) if tag == "execute" => walk.found.runs.take(),
            tag => tag,
        },
        None => {
            walk.found.does(&[Effect::Execute]);
            walk.found.doubt("it executes a prepared statement that is not known");
            None
        }
    };
    walk.all(tree.get("params").list());
    walk.found.runs = runs;
}

fn copy(walk: &mut Walk<'_>, tree: &Tree) {
    walk.found.copies = true;
    let from = tree.get("is_from").is_there();
    walk.found.does(if from { &[Effect::Write] } else { &[Effect::Read] });
    if tree.get("is_program").is_there() {
        walk.found.does(&[Effect::Program]);
    } else if tree.get("filename").is_there() {
        walk.found.does(&[Effect::File]);
    }
    for column in tree.get("attlist").names() {
        walk.found.column(column);
    }
}

/// C and the server's own functions are programs; what they do cannot be seen.
fn language(walk: &mut Walk<'_>, tree: &Tree) {
    let options = tree.get("options").list().iter();
    let mut languages = options.filter(|option| option.get("defname").text() == "language");
    let is_program = |option: &Tree| {
        let name = option.get("arg").get("sval").text().to_ascii_lowercase();
        matches!(name.as_str(), "c" | "internal")
    };
    if languages.any(is_program) {
        walk.found.does(&[Effect::Program]);
    }
}

fn privileges(walk: &mut Walk<'_>, tree: &Tree) {
    let kinds = [
        AlterTableType::AtChangeOwner,
        AlterTableType::AtEnableRowSecurity,
        AlterTableType::AtDisableRowSecurity,
        AlterTableType::AtForceRowSecurity,
        AlterTableType::AtNoForceRowSecurity,
    ];
    let mut commands = tree.get("cmds").list().iter();
    let is_one =
        |command: &Tree| kinds.iter().any(|kind| *kind as i64 == command.get("subtype").number());
    if commands.any(is_one) {
        walk.found.does(&[Effect::Privilege]);
    }
}

fn dropped(walk: &mut Walk<'_>, tree: &Tree) {
    for object in tree.get("objects").list() {
        named(walk, tree.get("remove_type").number(), object);
    }
}

/// Tables that are named by a list of names, not as what is read or written.
fn named(walk: &mut Walk<'_>, of: i64, names: &Tree) {
    let mut parts = names.get("items").names();
    match tags::object(of) {
        Some("table" | "view" | "materialized view" | "sequence" | "index" | "foreign table") => {
            if of == ObjectType::ObjectColumn as i64 || of == ObjectType::ObjectTabconstraint as i64
            {
                parts.pop();
            }
        }
        Some("rule" | "trigger" | "policy") => {
            parts.pop();
        }
        _ => return,
    }
    walk.found.table(parts);
}

fn resets(tree: &Tree) -> bool {
    let kind = tree.get("kind").number();
    kind == VariableSetKind::VarReset as i64 || kind == VariableSetKind::VarResetAll as i64
}

fn set(walk: &mut Walk<'_>, tree: &Tree) {
    let kind = tree.get("kind").number();
    let name = tree.get("name").text().to_ascii_lowercase();
    let local = tree.get("is_local").is_there();
    let of = |wanted: VariableSetKind| wanted as i64 == kind;
    if of(VariableSetKind::VarSetMulti) {
        // SET TRANSACTION and SET SESSION CHARACTERISTICS.
        return;
    }
    let setting = if of(VariableSetKind::VarResetAll) {
        Setting { name: "all".to_owned(), to: To::Default, local }
    } else if of(VariableSetKind::VarSetValue) {
        let values: Vec<_> = tree.get("args").list().iter().map(value).collect();
        let all: Option<Vec<_>> = values.into_iter().collect();
        // A path is a list of names, and one of them may have a comma in it.
        let is_path = name == "search_path";
        let text = |value: String| if is_path { identifier(&value) } else { value };
        let joined = |values: Vec<String>| values.into_iter().map(text).collect::<Vec<_>>();
        let to = all.map_or(To::Unknown, |values| To::Value(joined(values).join(", ")));
        Setting { name, to, local }
    } else if of(VariableSetKind::VarSetCurrent) {
        Setting { name, to: To::Unknown, local }
    } else {
        Setting { name, to: To::Default, local }
    };
    walk.setting(setting);
}

/// A name as one would write it in a list of names.
fn identifier(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if starts && name.bytes().all(plain) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// One value of a SET.
fn value(tree: &Tree) -> Option<String> {
    if let Some(text) = literal(tree) {
        return Some(text.to_owned());
    }
    let value = tree.get("val");
    match value.kind() {
        "Integer" => Some(value.get("ival").number().to_string()),
        "Float" => Some(value.get("fval").text().to_owned()),
        "Boolean" => Some(value.get("boolval").is_there().to_string()),
        _ => None,
    }
}

fn discard(tree: &Tree) -> Option<&'static str> {
    let of = i32::try_from(tree.get("target").number()).ok()?;
    Some(match DiscardMode::try_from(of).ok()? {
        DiscardMode::DiscardAll => "discard all",
        DiscardMode::DiscardPlans => "discard plans",
        DiscardMode::DiscardSequences => "discard sequences",
        DiscardMode::DiscardTemp => "discard temp",
        DiscardMode::Undefined => return None,
    })
}

fn transaction(tree: &Tree) -> Option<(&'static str, Transaction)> {
    use pg_query::protobuf::TransactionStmtKind as Kind;
    let name = || tree.get("savepoint_name").text().to_owned();
    let kind = i32::try_from(tree.get("kind").number()).ok()?;
    Some(match Kind::try_from(kind).ok()? {
        Kind::TransStmtBegin => ("begin", Transaction::Begin),
        Kind::TransStmtStart => ("start transaction", Transaction::Begin),
        Kind::TransStmtCommit => ("commit", Transaction::Commit),
        Kind::TransStmtRollback => ("rollback", Transaction::Rollback),
        Kind::TransStmtSavepoint => ("savepoint", Transaction::Savepoint(name())),
        Kind::TransStmtRelease => ("release", Transaction::Release(name())),
        Kind::TransStmtRollbackTo => ("rollback", Transaction::RollbackTo(name())),
        Kind::TransStmtPrepare => ("prepare transaction", Transaction::Prepare),
        Kind::TransStmtCommitPrepared => ("commit prepared", Transaction::CommitPrepared),
        Kind::TransStmtRollbackPrepared => ("rollback prepared", Transaction::RollbackPrepared),
        Kind::Undefined => return None,
    })
}

/// What a statement means for the protocol; `handling` has what the walk found.
pub(super) fn handling(tree: &Tree, tag: &str, handling: &mut Handling) {
    let name = || tree.get("name").text().to_owned();
    match tree.kind() {
        "TransactionStmt" => handling.transaction = transaction(tree).map(|(_, control)| control),
        "PrepareStmt" => handling.prepared = Some(Prepared::Prepare(name())),
        "ExecuteStmt" => handling.prepared = Some(Prepared::Execute(name())),
        "DeallocateStmt" if tag == "deallocate all" => {
            handling.prepared = Some(Prepared::DeallocateAll);
        }
        "DeallocateStmt" => handling.prepared = Some(Prepared::Deallocate(name())),
        "DiscardStmt" if tag == "discard all" => {
            handling.prepared = Some(Prepared::DeallocateAll);
            for name in ["all", "session_authorization", "role"] {
                let name = name.to_owned();
                handling.settings.push(Setting { name, to: To::Default, local: false });
            }
        }
        "CopyStmt" if !tree.get("filename").is_there() => {
            let from = tree.get("is_from").is_there();
            handling.copy = Some(if from { CopyWay::FromClient } else { CopyWay::ToClient });
        }
        _ => {}
    }
    handling.returns_rows = match tag {
        "select" | "show" | "fetch" | "explain" | "execute" | "call" => true,
        _ => tree.get("returning_clause").is_there(),
    };
}
