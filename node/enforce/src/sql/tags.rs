//! PostgreSQL's command tags (src/include/tcop/cmdtaglist.h) in lower case, each with the effects
//! that every statement of that tag has.
//!
//! The grammar knows nodes and kinds of objects; [`of_node`] and [`object`] turn them into tags. A
//! node that is not known has no tag, and a statement without a tag is not readable.

use proto::reading::Effect::{self, Admin, Ddl, Execute, File, Privilege, Program, Read, Remote};
use proto::reading::Effect::{Session, Write};

/// What words may stand before the names of objects in tags.
const OBJECT_TAGS: [(&str, &[Effect]); 3] =
    [("alter", &[Ddl]), ("create", &[Ddl]), ("drop", &[Ddl])];

/// Names of kinds of objects, and what more than `ddl` it is to alter, create or drop them.
const OBJECTS: &[(&str, &[Effect])] = &[
    ("access method", &[]),
    ("aggregate", &[]),
    ("cast", &[]),
    ("collation", &[]),
    ("constraint", &[]),
    ("conversion", &[]),
    ("database", &[]),
    ("domain", &[]),
    ("event trigger", &[]),
    ("extension", &[]),
    ("foreign data wrapper", &[Remote]),
    ("foreign table", &[Remote]),
    ("function", &[]),
    ("index", &[]),
    ("language", &[]),
    ("large object", &[]),
    ("materialized view", &[]),
    ("operator", &[]),
    ("operator class", &[]),
    ("operator family", &[]),
    ("policy", &[Privilege]),
    ("procedure", &[]),
    ("publication", &[Remote]),
    ("role", &[Privilege]),
    ("routine", &[]),
    ("rule", &[]),
    ("schema", &[]),
    ("sequence", &[]),
    ("server", &[Remote]),
    ("statistics", &[]),
    ("subscription", &[Remote]),
    ("table", &[]),
    ("tablespace", &[File]),
    ("text search configuration", &[]),
    ("text search dictionary", &[]),
    ("text search parser", &[]),
    ("text search template", &[]),
    ("transform", &[]),
    ("trigger", &[]),
    ("type", &[]),
    ("user mapping", &[Remote]),
    ("view", &[]),
];

/// All other tags.
const OTHERS: &[(&str, &[Effect])] = &[
    ("alter default privileges", &[Privilege]),
    ("alter system", &[Admin]),
    ("analyze", &[Admin]),
    ("begin", &[]),
    ("call", &[Execute]),
    ("checkpoint", &[Admin]),
    ("close cursor", &[]),
    ("close cursor all", &[]),
    ("cluster", &[Admin]),
    ("comment", &[Ddl]),
    ("commit", &[]),
    ("commit prepared", &[Write]),
    ("copy", &[]),
    ("create table as", &[Read, Ddl]),
    ("deallocate", &[Session]),
    ("deallocate all", &[Session]),
    ("declare cursor", &[Read]),
    ("delete", &[Write]),
    ("discard all", &[Session]),
    ("discard plans", &[Session]),
    ("discard sequences", &[Session]),
    ("discard temp", &[Session]),
    ("do", &[Execute]),
    ("drop owned", &[Ddl, Privilege]),
    ("execute", &[Execute]),
    ("explain", &[Read]),
    ("fetch", &[Read]),
    ("grant", &[Privilege]),
    ("grant role", &[Privilege]),
    ("import foreign schema", &[Ddl, Remote]),
    ("insert", &[Write]),
    ("listen", &[Session]),
    ("load", &[Program]),
    ("lock table", &[]),
    ("merge", &[Write]),
    ("move", &[]),
    ("notify", &[Session]),
    ("prepare", &[Session]),
    ("prepare transaction", &[]),
    ("reassign owned", &[Ddl, Privilege]),
    ("refresh materialized view", &[Read, Write]),
    ("reindex", &[Admin]),
    ("release", &[]),
    ("reset", &[Session]),
    ("revoke", &[Privilege]),
    ("revoke role", &[Privilege]),
    ("rollback", &[]),
    ("rollback prepared", &[Write]),
    ("savepoint", &[]),
    ("security label", &[Ddl, Privilege]),
    ("select", &[Read]),
    ("select into", &[Read, Ddl]),
    ("set", &[Session]),
    ("set constraints", &[Session]),
    ("show", &[Read]),
    ("start transaction", &[]),
    ("truncate table", &[Write]),
    ("unlisten", &[Session]),
    ("update", &[Write]),
    ("vacuum", &[Admin]),
];

/// The effects that every statement of this tag has; none when there is no such tag.
pub(crate) fn inherent(tag: &str) -> Option<Vec<Effect>> {
    if let Some((_, effects)) = OTHERS.iter().find(|(known, _)| *known == tag) {
        return Some(effects.to_vec());
    }
    let (verb, object) = tag.split_once(' ')?;
    let (_, first) = OBJECT_TAGS.iter().find(|(known, _)| *known == verb)?;
    let (_, more) = OBJECTS.iter().find(|(known, _)| *known == object)?;
    Some([*first, *more].concat())
}

/// Every tag, in alphabetical order.
pub(crate) fn all() -> Vec<String> {
    let verbs = OBJECT_TAGS.iter();
    let of_objects = verbs
        .flat_map(|(verb, _)| OBJECTS.iter().map(move |(object, _)| format!("{verb} {object}")));
    let mut tags: Vec<_> =
        of_objects.chain(OTHERS.iter().map(|(tag, _)| (*tag).to_owned())).collect();
    tags.sort();
    tags
}

/// The kind of an object in a tag's words, by its number in libpg_query's `ObjectType`.
pub(super) fn object(number: i64) -> Option<&'static str> {
    use pg_query::protobuf::ObjectType as Of;
    let of = i32::try_from(number).ok().and_then(|number| Of::try_from(number).ok())?;
    Some(match of {
        Of::ObjectAccessMethod => "access method",
        Of::ObjectAggregate => "aggregate",
        Of::ObjectCast => "cast",
        Of::ObjectCollation => "collation",
        Of::ObjectConversion => "conversion",
        Of::ObjectDatabase => "database",
        Of::ObjectDomain | Of::ObjectDomconstraint => "domain",
        Of::ObjectEventTrigger => "event trigger",
        Of::ObjectExtension => "extension",
        Of::ObjectFdw => "foreign data wrapper",
        Of::ObjectForeignServer => "server",
        Of::ObjectForeignTable => "foreign table",
        Of::ObjectFunction => "function",
        Of::ObjectIndex => "index",
        Of::ObjectLanguage => "language",
        Of::ObjectLargeobject => "large object",
        Of::ObjectMatview => "materialized view",
        Of::ObjectOpclass => "operator class",
        Of::ObjectOperator => "operator",
        Of::ObjectOpfamily => "operator family",
        Of::ObjectPolicy => "policy",
        Of::ObjectProcedure => "procedure",
        Of::ObjectPublication => "publication",
        Of::ObjectRole => "role",
        Of::ObjectRoutine => "routine",
        Of::ObjectRule => "rule",
        Of::ObjectSchema => "schema",
        Of::ObjectSequence => "sequence",
        Of::ObjectSubscription => "subscription",
        Of::ObjectStatisticExt => "statistics",
        Of::ObjectTable | Of::ObjectTabconstraint | Of::ObjectColumn => "table",
        Of::ObjectTablespace => "tablespace",
        Of::ObjectTransform => "transform",
        Of::ObjectTrigger => "trigger",
        Of::ObjectTsconfiguration => "text search configuration",
        Of::ObjectTsdictionary => "text search dictionary",
        Of::ObjectTsparser => "text search parser",
        Of::ObjectTstemplate => "text search template",
        Of::ObjectType | Of::ObjectAttribute => "type",
        Of::ObjectUserMapping => "user mapping",
        Of::ObjectView => "view",
        _ => return None,
    })
}

/// Nodes that have one tag each.
const NODES: &[(&str, &str)] = &[
    ("AlterCollationStmt", "alter collation"),
    ("AlterDatabaseRefreshCollStmt", "alter database"),
    ("AlterDatabaseSetStmt", "alter database"),
    ("AlterDatabaseStmt", "alter database"),
    ("AlterDefaultPrivilegesStmt", "alter default privileges"),
    ("AlterDomainStmt", "alter domain"),
    ("AlterEnumStmt", "alter type"),
    ("AlterEventTrigStmt", "alter event trigger"),
    ("AlterExtensionContentsStmt", "alter extension"),
    ("AlterExtensionStmt", "alter extension"),
    ("AlterFdwStmt", "alter foreign data wrapper"),
    ("AlterForeignServerStmt", "alter server"),
    ("AlterOpFamilyStmt", "alter operator family"),
    ("AlterOperatorStmt", "alter operator"),
    ("AlterPolicyStmt", "alter policy"),
    ("AlterPublicationStmt", "alter publication"),
    ("AlterRoleSetStmt", "alter role"),
    ("AlterRoleStmt", "alter role"),
    ("AlterSeqStmt", "alter sequence"),
    ("AlterStatsStmt", "alter statistics"),
    ("AlterSubscriptionStmt", "alter subscription"),
    ("AlterSystemStmt", "alter system"),
    ("AlterTableSpaceOptionsStmt", "alter tablespace"),
    ("AlterTsConfigurationStmt", "alter text search configuration"),
    ("AlterTsDictionaryStmt", "alter text search dictionary"),
    ("AlterTypeStmt", "alter type"),
    ("AlterUserMappingStmt", "alter user mapping"),
    ("CallStmt", "call"),
    ("CheckPointStmt", "checkpoint"),
    ("ClusterStmt", "cluster"),
    ("CommentStmt", "comment"),
    ("CompositeTypeStmt", "create type"),
    ("ConstraintsSetStmt", "set constraints"),
    ("CopyStmt", "copy"),
    ("CreateAmStmt", "create access method"),
    ("CreateCastStmt", "create cast"),
    ("CreateConversionStmt", "create conversion"),
    ("CreateDomainStmt", "create domain"),
    ("CreateEnumStmt", "create type"),
    ("CreateEventTrigStmt", "create event trigger"),
    ("CreateExtensionStmt", "create extension"),
    ("CreateFdwStmt", "create foreign data wrapper"),
    ("CreateForeignServerStmt", "create server"),
    ("CreateForeignTableStmt", "create foreign table"),
    ("CreateOpClassStmt", "create operator class"),
    ("CreateOpFamilyStmt", "create operator family"),
    ("CreatePLangStmt", "create language"),
    ("CreatePolicyStmt", "create policy"),
    ("CreatePublicationStmt", "create publication"),
    ("CreateRangeStmt", "create type"),
    ("CreateRoleStmt", "create role"),
    ("CreateSchemaStmt", "create schema"),
    ("CreateSeqStmt", "create sequence"),
    ("CreateStatsStmt", "create statistics"),
    ("CreateStmt", "create table"),
    ("CreateSubscriptionStmt", "create subscription"),
    ("CreateTableSpaceStmt", "create tablespace"),
    ("CreateTransformStmt", "create transform"),
    ("CreateTrigStmt", "create trigger"),
    ("CreateUserMappingStmt", "create user mapping"),
    ("CreatedbStmt", "create database"),
    ("DeclareCursorStmt", "declare cursor"),
    ("DeleteStmt", "delete"),
    ("DoStmt", "do"),
    ("DropOwnedStmt", "drop owned"),
    ("DropRoleStmt", "drop role"),
    ("DropSubscriptionStmt", "drop subscription"),
    ("DropTableSpaceStmt", "drop tablespace"),
    ("DropUserMappingStmt", "drop user mapping"),
    ("DropdbStmt", "drop database"),
    ("ExecuteStmt", "execute"),
    ("ExplainStmt", "explain"),
    ("ImportForeignSchemaStmt", "import foreign schema"),
    ("IndexStmt", "create index"),
    ("InsertStmt", "insert"),
    ("ListenStmt", "listen"),
    ("LoadStmt", "load"),
    ("LockStmt", "lock table"),
    ("MergeStmt", "merge"),
    ("NotifyStmt", "notify"),
    ("PrepareStmt", "prepare"),
    ("ReassignOwnedStmt", "reassign owned"),
    ("RefreshMatViewStmt", "refresh materialized view"),
    ("ReindexStmt", "reindex"),
    ("RuleStmt", "create rule"),
    ("SecLabelStmt", "security label"),
    ("TruncateStmt", "truncate table"),
    ("UnlistenStmt", "unlisten"),
    ("UpdateStmt", "update"),
    ("VariableShowStmt", "show"),
    ("ViewStmt", "create view"),
];

/// The tag of a node that has one tag.
pub(super) fn of_node(kind: &str) -> Option<&'static str> {
    let at = NODES.binary_search_by(|(known, _)| known.cmp(&kind)).ok()?;
    Some(NODES[at].1)
}

#[cfg(test)]
pub(super) fn nodes() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    NODES.iter()
}
