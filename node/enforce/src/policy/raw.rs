//! Exactly what may be written in a policy document, and nothing about what it means.
//!
//! Every value that checking may object to carries its place in the text.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::places::{Any, At, Map, present};

macro_rules! written {
    ($($(#[doc = $text:literal])* struct $name:ident {
        $($(#[doc = $doc:literal])* $(#[serde($($attribute:tt)*)])*
        $(#[schemars($($schema:tt)*)])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[doc = $doc])* $(#[serde($($attribute)*)])* $(#[schemars($($schema)*)])*
            pub(super) $field: $kind,)*
        }
    )*};
}

written! {
    /// A policy: who may open sessions, what may run, what is masked and how it is recorded.
    struct Document {
        /// The version of this form: 1.
        version: At<u64>,
        /// What happens where no rule says anything.
        #[serde(default, deserialize_with = "present")]
        defaults: Option<Defaults>,
        /// Limits of sessions.
        #[serde(default, deserialize_with = "present")]
        sessions: Option<Sessions>,
        /// Who may administer.
        #[serde(default)]
        roles: Vec<Role>,
        /// Who may open a session; nothing is granted by default.
        #[serde(default)]
        grants: Vec<Grant>,
        /// Every command is judged by every rule; the strictest verdict wins.
        #[serde(default)]
        rules: Vec<Rule>,
        /// What is masked; all that match apply.
        #[serde(default)]
        masks: Vec<Mask>,
        /// How commands are recorded; the strictest wins.
        #[serde(default)]
        records: Vec<Record>,
        /// What ends statements of databases and transfers of files; the strictest wins.
        #[serde(default)]
        limits: Vec<Limited>,
    }
    /// What happens where no rule says anything: allow, hold or block.
    struct Defaults {
        /// To a command that no rule matches; allow if absent.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<proto::reading::Verdict>")]
        unmatched: Option<At<String>>,
        /// To a command that a rule asks about and that cannot be read; block if absent.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<proto::reading::Verdict>")]
        unreadable: Option<At<String>>,
        /// Who approves what is held by default.
        #[serde(default, deserialize_with = "present")]
        approval: Option<At<Approval>>,
    }
    /// Limits of sessions.
    struct Sessions {
        /// How long a session may be idle, e.g. 15m.
        #[serde(default, deserialize_with = "present")]
        idle: Option<At<String>>,
        /// How long a session may last, e.g. 8h.
        #[serde(default, deserialize_with = "present")]
        max: Option<At<String>>,
        /// How many sessions one person may have at once.
        #[serde(default, deserialize_with = "present")]
        per_person: Option<At<u64>>,
    }
    /// People: keys are all required, items of a list are alternatives; `{}` is everybody.
    struct Who {
        /// Names of people.
        #[serde(default, alias = "user")]
        users: Any<String>,
        /// Groups that they are in.
        #[serde(default, alias = "group")]
        groups: Any<String>,
        /// Claims of their identity.
        #[serde(default)]
        claims: Map<Any<String>>,
    }
    /// Targets: keys are all required, items of a list are alternatives; `{}` is every target.
    struct Targets {
        /// Names of targets.
        #[serde(default, alias = "name")]
        names: Any<String>,
        /// Kinds of targets: ssh, postgres, kubernetes.
        #[serde(default, alias = "kinds")]
        kind: Any<String>,
        /// Labels that they have, all of them.
        #[serde(default)]
        labels: Map<Any<String>>,
    }
    /// A role.
    struct Role {
        /// Its name.
        name: At<String>,
        /// Who has it.
        who: Who,
        /// What it permits.
        #[schemars(with = "Vec<super::Permission>")]
        may: Vec<At<String>>,
        /// Whether a second person must agree to what is done as such.
        #[serde(default)]
        second_person: bool,
    }
    /// Who may open what session.
    struct Grant {
        /// Its name.
        name: At<String>,
        /// Who may.
        who: Who,
        /// With which targets.
        targets: Targets,
        /// As which login on the target, database role or impersonated group.
        #[serde(rename = "as")]
        logins: Vec<At<String>>,
        /// What the session can do.
        #[schemars(with = "Vec<proto::reading::Channel>")]
        channels: Vec<At<String>>,
        /// any: what rules do not block. listed: then an allow rule must match.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Commands>")]
        commands: Option<At<String>>,
        /// Whether forwards may lead to the cluster's own targets, past the record: block (if
        /// absent), or allow.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Opaque>")]
        opaque: Option<At<String>>,
    }
    /// A condition: all of its keys must be true; `{}` is always true.
    struct When {
        /// The person.
        #[serde(default, deserialize_with = "present")]
        who: Option<Who>,
        /// The target.
        #[serde(default, deserialize_with = "present")]
        targets: Option<Targets>,
        /// The time of day and week.
        #[serde(default, deserialize_with = "present")]
        time: Option<At<Time>>,
        /// Regular expressions on the raw text, not anchored; one must match.
        #[serde(default)]
        regex: Any<String>,
        /// A program in a shell command.
        #[serde(default, deserialize_with = "present")]
        shell: Option<At<Shell>>,
        /// The negation of a condition.
        #[serde(default, deserialize_with = "present")]
        not: Option<At<Box<When>>>,
        /// A SQL statement.
        #[serde(default, deserialize_with = "present")]
        sql: Option<At<Sql>>,
        /// Not in this version.
        #[serde(default, deserialize_with = "present")]
        #[schemars(skip)]
        kubernetes: Option<At<de::IgnoredAny>>,
        /// Files: of a file transfer, and of `scp` and `rsync` that serve one.
        #[serde(default, deserialize_with = "present")]
        files: Option<At<Files>>,
        /// A forward: a connection that the target is to open, or a place where it is to listen.
        #[serde(default, deserialize_with = "present")]
        forward: Option<At<Forward>>,
    }
    /// A forward must satisfy all keys. Under `not` this says nothing of what is no forward.
    struct Forward {
        /// HOST:PORT, where HOST is a name or a glob pattern on one, an address, a network such as
        /// 10.0.0.0/8 or [fd00::/8], localhost or *, and PORT a number, a range such as 8000-8999
        /// or *; or a glob pattern on the path of a socket; or * for all.
        #[serde(default, alias = "address")]
        addresses: Any<String>,
        /// What the target does: connect, listen.
        #[serde(default, alias = "operation")]
        #[schemars(with = "Any<proto::reading::ForwardOperation>")]
        operations: Any<String>,
    }
    /// One thing that is done with one file must satisfy all keys. In a rule that allows, and under
    /// `not`, all that is done must.
    struct Files {
        /// Glob patterns on paths in normal form: /srv/**, **/.ssh/*; ~/** for commands whose paths
        /// are the login's own. A star means a slash too.
        #[serde(default, alias = "path")]
        paths: Any<String>,
        /// What is done: read, write, remove.
        #[serde(default, alias = "operation")]
        #[schemars(with = "Any<proto::reading::FileOperation>")]
        operations: Any<String>,
    }
    /// One program must satisfy all keys.
    struct Shell {
        /// Its basename after quote removal.
        #[serde(default, alias = "program")]
        programs: Any<String>,
        /// Glob patterns; one must match one of its arguments.
        #[serde(default, alias = "argument")]
        arguments: Any<String>,
        /// Glob patterns, perhaps behind an operator such as `>`; one must match a file that it is
        /// redirected to or from.
        #[serde(default, alias = "redirect")]
        redirects: Any<String>,
    }
    /// One statement must satisfy all keys; what runs inside of it counts as it. In a rule that
    /// allows, and under `not`, all that the statement does, names and calls must be in the lists.
    struct Sql {
        /// PostgreSQL's command tags in lower case, or patterns: select, drop table, drop *.
        #[serde(default, alias = "statement")]
        statements: Any<String>,
        /// What it does: read, write, ddl, privilege, execute, program, session, file, remote,
        /// admin.
        #[serde(default, alias = "effect")]
        #[schemars(with = "Any<proto::reading::Effect>")]
        effects: Any<String>,
        /// Glob patterns on tables: `table` in any schema, or `schema.table`.
        #[serde(default, alias = "table")]
        tables: Any<String>,
        /// Glob patterns on functions that it calls: `function` in any schema, or
        /// `schema.function`.
        #[serde(default, alias = "function")]
        functions: Any<String>,
        /// Whether it changes or deletes all rows of a table, whatever they hold.
        #[serde(default, deserialize_with = "present")]
        unbounded: Option<bool>,
    }
    /// A time of day and week, in the node's local time or in `zone`.
    struct Time {
        /// Days or ranges of days: mon, tue, wed, thu, fri, sat, sun, mon-fri. Every day if absent.
        #[serde(default, alias = "day")]
        days: Any<String>,
        /// The first minute, e.g. 08:00.
        #[serde(default, deserialize_with = "present")]
        from: Option<At<String>>,
        /// The minute behind the last, e.g. 18:00; when it is earlier than `from`, it is the next
        /// day's.
        #[serde(default, deserialize_with = "present")]
        to: Option<At<String>>,
        /// An offset from UTC, e.g. +02:00.
        #[serde(default, deserialize_with = "present")]
        zone: Option<At<String>>,
    }
    /// A rule about commands.
    struct Rule {
        /// Its name.
        name: At<String>,
        /// When it matches.
        when: When,
        /// What happens then.
        #[schemars(with = "proto::reading::Verdict")]
        then: At<String>,
        /// What the client is told.
        #[serde(default, deserialize_with = "present")]
        message: Option<At<String>>,
        /// Who approves what it holds.
        #[serde(default, deserialize_with = "present")]
        approval: Option<At<Approval>>,
    }
    /// How something that is held is approved.
    struct Approval {
        /// Who may approve.
        by: Who,
        /// How many people must; 1 if absent.
        #[serde(default, deserialize_with = "present")]
        count: Option<At<u64>>,
        /// How long the request stands, from when it is made to when it is used; 15m if absent.
        #[serde(default, deserialize_with = "present")]
        expires: Option<At<String>>,
        /// command, or session.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Covers>")]
        covers: Option<At<String>>,
        /// How long an approval of a session holds.
        #[serde(rename = "for")]
        #[serde(default, deserialize_with = "present")]
        lasts: Option<At<String>>,
        /// What a workload gets instead of waiting: block (if absent) or allow.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Unattended>")]
        unattended: Option<At<String>>,
    }
    /// A mask.
    struct Mask {
        /// Its name.
        name: At<String>,
        /// Where it applies.
        when: When,
        /// Columns of databases: schema.table.column, each a glob pattern, or tag:NAME for those
        /// whose comment in the database has [NAME] in it.
        #[serde(default)]
        columns: Vec<At<String>>,
        /// What becomes of what is made of these columns: null (if absent), or block.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Derived>")]
        derived: Option<At<String>>,
        /// Whether rows may be chosen, ordered or grouped by these columns: allow (if absent), or
        /// block.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Predicates>")]
        predicates: Option<At<String>>,
        /// What it looks for: a class, a detector, or a regular expression.
        #[serde(default)]
        detect: Vec<At<Detect>>,
        /// What becomes of files that are sent to a target and hold what it finds: allow (if
        /// absent), or block.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Uploads>")]
        uploads: Option<At<String>>,
        /// What becomes of it.
        with: At<With>,
    }
    /// A detector of one's own: either an expression, or words.
    struct Pattern {
        /// A regular expression, applied within a line.
        #[serde(default, deserialize_with = "present")]
        regex: Option<At<String>>,
        /// Words or phrases, each found between other words.
        #[serde(default)]
        words: Vec<At<String>>,
        /// Whether words are found however they are capitalized.
        #[serde(default)]
        ignore_case: bool,
        /// Texts in which it must find something.
        #[serde(default)]
        examples: Vec<At<String>>,
        /// Texts in which it must find nothing.
        #[serde(default)]
        counter_examples: Vec<At<String>>,
    }
    /// How commands are recorded.
    struct Record {
        /// Its name.
        name: At<String>,
        /// Where it applies.
        when: When,
        /// How safely a verdict is kept before its command runs.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<proto::reading::Durability>")]
        durability: Option<At<String>>,
        /// Whether output waits for its record: ordered or strict.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::Output>")]
        output: Option<At<String>>,
        /// refuse (if absent), or local: go on with what this node keeps.
        #[serde(default, deserialize_with = "present")]
        #[schemars(with = "Option<super::StreamDown>")]
        when_stream_down: Option<At<String>>,
        /// Whether the rows of databases are recorded too; they are only counted if absent.
        #[serde(default)]
        rows: bool,
        /// How much of a command's output is recorded, e.g. 16MiB.
        #[serde(default, deserialize_with = "present")]
        limit: Option<At<String>>,
    }
    /// What ends statements of databases and transfers of files.
    struct Limited {
        /// Its name.
        name: At<String>,
        /// Where it applies.
        when: When,
        /// What is too much.
        limit: At<Limit>,
    }
    /// What is too much for a statement, which is ended with an error, or for a file.
    struct Limit {
        /// More rows than these.
        #[serde(default, deserialize_with = "present")]
        rows: Option<At<u64>>,
        /// More bytes of one file than these, either way, e.g. 100MiB.
        #[serde(default, deserialize_with = "present")]
        file: Option<At<String>>,
        /// More bytes of rows than these, e.g. 64MiB.
        #[serde(default, deserialize_with = "present")]
        bytes: Option<At<String>>,
        /// More time than this, e.g. 30s.
        #[serde(default, deserialize_with = "present")]
        time: Option<At<String>>,
        /// More statements on one connection within a second than these: they are refused.
        #[serde(default, deserialize_with = "present")]
        statements_per_second: Option<At<u64>>,
    }
    /// Nothing.
    struct Nothing {
    }
}

/// What a mask looks for.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(super) enum Detect {
    /// A class or a detector.
    Name(String),
    /// A regular expression.
    Pattern(Pattern),
}

impl<'de> Deserialize<'de> for Detect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Item;
        impl<'de> Visitor<'de> for Item {
            type Value = Detect;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a class, the name of a detector, { regex: … } or { words: […] }")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Detect, E> {
                Ok(Detect::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Detect, A::Error> {
                let map = de::value::MapAccessDeserializer::new(map);
                Pattern::deserialize(map).map(Detect::Pattern)
            }
        }
        deserializer.deserialize_any(Item)
    }
}

/// What becomes of something that is masked.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum With {
    /// It stays as it is.
    None,
    /// Each byte becomes `*`.
    Redact,
    /// It is taken out.
    Null,
    /// All but the last characters become `*`.
    KeepLast(u8),
    /// All but the first characters become `*`.
    KeepFirst(u8),
    /// A keyed pseudonym.
    Hash(Nothing),
    /// A keyed pseudonym, the same for equal values of a domain.
    Token(Token),
    /// A fixed text.
    Constant(String),
}

/// What a token is equal within.
#[derive(Clone, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    /// The name of the domain.
    pub(super) domain: String,
}
