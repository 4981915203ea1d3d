//! The seven tables: what a row of each says. The names of fields are the names of columns.
//!
//! A row belongs to one chain and is written by the fold of that chain alone; so chains can be
//! folded in any order, by several nodes at once, and one chain can be folded anew without the
//! others. New columns may be added; none is ever removed or gets another meaning.

use std::collections::BTreeMap;

use proto::event::{AskedOfApprovers, Outcome};
use proto::time::Utc;
use serde::{Deserialize, Serialize};

use crate::cell::{Cell, Celled as _};

/// A row of one of the tables.
pub trait Tabled: Clone + Into<Row> {
    /// Its table.
    const TABLE: Table;

    /// The row itself, when it is of this table.
    fn of(row: &Row) -> Option<&Self>;

    /// The row itself, to change.
    fn of_mut(row: &mut Row) -> Option<&mut Self>;
}

macro_rules! tables {
    ($($(#[doc = $about:literal])* $row:ident in $table:ident = $name:literal {
        $($(#[$attribute:meta])* $column:ident: $type:ty,)*
    })*) => {
        /// The tables.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($(#[doc = $about])* $table,)* }

        impl Table {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$table,)*];

            /// Its name, in any home.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$table => $name,)* }
            }

            /// Its columns.
            #[must_use]
            pub fn columns(self) -> &'static [&'static str] {
                match self { $(Self::$table => &["chain", "id", $(stringify!($column),)*],)* }
            }
        }

        $($(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $row {
            /// The chain that it was folded from.
            pub chain: String,
            /// Its name, unique within its table and chain.
            pub id: String,
            $($(#[$attribute])* pub $column: $type,)*
        }

        impl Tabled for $row {
            const TABLE: Table = Table::$table;

            fn of(row: &Row) -> Option<&Self> {
                match row { Row::$row(row) => Some(row), _ => None }
            }

            fn of_mut(row: &mut Row) -> Option<&mut Self> {
                match row { Row::$row(row) => Some(row), _ => None }
            }
        }

        impl From<$row> for Row {
            fn from(row: $row) -> Self {
                Self::$row(Box::new(row))
            }
        })*

        /// A row of any table.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Row { $($(#[doc = $about])* $row(Box<$row>),)* }

        impl Row {
            /// Its table.
            #[must_use]
            pub fn table(&self) -> Table {
                match self { $(Self::$row(_) => Table::$table,)* }
            }

            /// The chain that it was folded from.
            #[must_use]
            pub fn chain(&self) -> &str {
                match self { $(Self::$row(row) => &row.chain,)* }
            }

            /// Its name within its table and chain.
            #[must_use]
            pub fn id(&self) -> &str {
                match self { $(Self::$row(row) => &row.id,)* }
            }

            /// Its values, in the order of [`Table::columns`].
            ///
            /// # Errors
            /// When one of them has no JSON.
            pub fn cells(&self) -> Result<Vec<Cell<'_>>, serde_json::Error> {
                match self {
                    $(Self::$row(row) => {
                        Ok(vec![row.chain.cell()?, row.id.cell()?, $(row.$column.cell()?,)*])
                    })*
                }
            }

            /// Reads a row of a table from JSON.
            ///
            /// # Errors
            /// When it is none.
            pub fn from_json(table: Table, json: &[u8]) -> Result<Self, serde_json::Error> {
                match table {
                    $(Table::$table => serde_json::from_slice(json).map(Self::$row),)*
                }
            }
        }
    };
}

tables! {
    /// Sessions: who, to what, when, and how it ended.
    Session in Sessions = "sessions" {
        /// Who opened it.
        person: String,
        /// The person's groups at that time.
        groups: Vec<String>,
        /// To what.
        target: String,
        /// The target's protocol.
        target_kind: String,
        /// The target's labels at that time.
        labels: BTreeMap<String, String>,
        /// As whom there.
        login: String,
        /// What it can do.
        channel: String,
        /// The grant that lets it.
        granted_by: String,
        /// The address that the person came from.
        from_address: Option<String>,
        /// The client's connection, in the node's own numbering.
        connection: i64,
        /// The policy in force when it was opened.
        policy_revision: Option<i64>,
        /// When it was opened.
        opened_at: Utc,
        /// When it ended, as its node says; a lost session has none.
        closed_at: Option<Utc>,
        /// Why it ended, as its node says.
        reason: Option<String>,
        /// The node that served it.
        node: String,
        /// The node's epoch.
        epoch: i64,
        /// The control index that it was opened under.
        applied: i64,
        /// How many commands it judged.
        commands: i64,
        /// How many of them were blocked.
        blocked: i64,
        /// How many of them were held.
        held: i64,
        /// How many were let run and have no end.
        unfinished: i64,
        /// The event that opened it: `<epoch>-<seq>`.
        event: String,
    }

    /// Commands: what was asked, what was decided, and what came of it.
    Command in Commands = "commands" {
        /// Its session.
        session: String,
        /// Its number within the session.
        number: i64,
        /// Who.
        person: String,
        /// On what.
        target: String,
        /// As whom there.
        login: String,
        /// When it was judged.
        judged_at: Utc,
        /// The beginning of its masked text.
        text: String,
        /// Whether the text goes on.
        cut: bool,
        /// `allow`, `hold` or `block`.
        verdict: String,
        /// Names of the rules that matched, the deciding ones first.
        rules: Vec<String>,
        /// The code that the client was told, when it was not allowed.
        told_code: Option<String>,
        /// The text that the client was told.
        told_text: Option<String>,
        /// Programs that it would run.
        programs: Vec<String>,
        /// Detectors that found something in its text.
        detected: Vec<String>,
        /// Why a part of it could not be read.
        unreadable: Option<String>,
        /// The policy that it was judged by.
        policy_revision: Option<i64>,
        /// The durability that its verdict needed.
        durability: String,
        /// The approval that was spent on it.
        approval: Option<i64>,
        /// When an approval let it go.
        released_at: Option<Utc>,
        /// When it was handed to its target.
        started_at: Option<Utc>,
        /// When it ended.
        finished_at: Option<Utc>,
        /// How it ended.
        outcome: Option<Outcome>,
        /// From the verdict to the end, in milliseconds.
        duration_ms: Option<i64>,
        /// How many places of its output were masked, by detector.
        masked: BTreeMap<String, i64>,
        /// Bytes of its standard input.
        input_bytes: i64,
        /// Bytes of its standard output.
        output_bytes: i64,
        /// Bytes of its standard error.
        errors_bytes: i64,
        /// Whether the record holds fewer bytes than passed.
        truncated: bool,
        /// The event that judged it last: `<epoch>-<seq>`.
        event: String,
    }

    /// Approvals: who asked for what, who ruled, and what it was spent on.
    Approval in Approvals = "approvals" {
        /// Its number, as `sallyport approvals` shows it.
        number: i64,
        /// Who asked.
        person: String,
        /// The node that holds the command.
        node: Option<String>,
        /// The session of the held command.
        session: Option<String>,
        /// The held command's number.
        command: Option<i64>,
        /// Its target.
        target: Option<String>,
        /// As whom there.
        login: Option<String>,
        /// The beginning of its masked text.
        text: Option<String>,
        /// HMAC-SHA256 of its raw bytes.
        digest: Option<String>,
        /// SHA-256 of the policy that waits, when a policy asks.
        policy_document: Option<String>,
        /// What each rule asks of approvers.
        rules: Vec<AskedOfApprovers>,
        /// How long it holds within the session; absent when it is for one command.
        for_ms: Option<i64>,
        /// When it was asked.
        requested_at: Utc,
        /// When the request ends.
        expires_at: Utc,
        /// `open`, `approved`, `denied`, `withdrawn`, `expired`, `revoked` or `consumed`.
        status: String,
        /// Every ruling, in order.
        rulings: Vec<RulingMade>,
        /// Who approved.
        approved_by: Vec<String>,
        /// Who denied.
        denied_by: Vec<String>,
        /// When it was over without being used.
        ended_at: Option<Utc>,
        /// Who ended it.
        ended_by: Option<String>,
        /// Why it ended.
        ended_because: Option<String>,
        /// When it was first spent.
        consumed_at: Option<Utc>,
        /// The session whose command took it.
        consumed_by_session: Option<String>,
        /// That command's number.
        consumed_by_command: Option<i64>,
        /// Until when it holds for more commands of the session.
        holds_until: Option<Utc>,
        /// The event that asked: `<epoch>-<seq>`.
        event: String,
    }

    /// Logins: who proved who they are, and who was not let in.
    Login in Logins = "logins" {
        /// When.
        at: Utc,
        /// `login.succeeded`, `login.failed`, `session.refused` or `admin.denied`.
        kind: String,
        /// The node.
        node: String,
        /// Who, when that is known.
        person: Option<String>,
        /// The name that was given.
        claimed: Option<String>,
        /// By what means.
        method: Option<String>,
        /// To what.
        service: Option<String>,
        /// The address it came from.
        from_address: Option<String>,
        /// SHA-256 fingerprint of the key that was shown.
        credential: Option<String>,
        /// The client's connection, in the node's own numbering.
        connection: Option<i64>,
        /// What was asked for, when something was refused.
        asked: Option<String>,
        /// The code that was told.
        told_code: Option<String>,
        /// The precise reason.
        reason: Option<String>,
    }

    /// Changes of policy, people, targets and locks: what changed and who changed it.
    PolicyChange in PolicyChanges = "policy_changes" {
        /// When.
        at: Utc,
        /// `policy.changed`, `people.changed`, `target.changed`, `lock.set` or `lock.lifted`.
        kind: String,
        /// The new revision of the policy.
        revision: Option<i64>,
        /// SHA-256 of the policy's document.
        digest: Option<String>,
        /// Names that are new or different.
        names_set: Vec<String>,
        /// Names that are gone.
        names_removed: Vec<String>,
        /// Who changed it; absent when a lock ran out.
        changed_by: Option<String>,
        /// The approval by a second person.
        approval: Option<i64>,
        /// The lock.
        lock_number: Option<i64>,
        /// Who or what is locked out.
        lock_scope: Option<String>,
        /// Until when.
        lock_until: Option<Utc>,
        /// Why.
        reason: Option<String>,
    }

    /// Findings: what detectors found in the text and masked in the output of commands.
    Finding in Findings = "findings" {
        /// The session.
        session: String,
        /// The command's number.
        command: i64,
        /// Who.
        person: String,
        /// On what.
        target: String,
        /// `text` of the command, its `output`, or a `file` that it opened.
        found_in: String,
        /// What found it.
        detector: String,
        /// The mask of the policy that said what to do, or `default`; of the first place.
        rule: Option<String>,
        /// What was done; at the first place.
        action: Option<String>,
        /// How many places.
        count: i64,
        /// When it was first found.
        first_at: Utc,
        /// When it was last found.
        last_at: Utc,
    }

    /// Nodes: one row of each node's membership (epoch 0), one of each of its runs.
    NodeLife in Nodes = "nodes" {
        /// The node.
        node: String,
        /// Which run of it, from 1; 0 for its membership.
        epoch: i64,
        /// Where other nodes reach it.
        address: Option<String>,
        /// Its Raft id.
        raft_id: Option<i64>,
        /// When it became a member.
        joined_at: Option<Utc>,
        /// When its sessions were last closed as lost.
        left_at: Option<Utc>,
        /// Why: `removed`, `lost`, `started again` or `stopped`.
        left_reason: Option<String>,
        /// Who took it out.
        left_by: Option<String>,
        /// The control index of that.
        left_applied: Option<i64>,
        /// The program's version.
        version: Option<String>,
        /// Which durability its log gives at best.
        durability: Option<String>,
        /// When the run began.
        started_at: Option<Utc>,
        /// When it ended in good order.
        stopped_at: Option<Utc>,
        /// Why it ended.
        stop_reason: Option<String>,
        /// Commands of earlier runs whose outcome is unknown.
        unfinished: i64,
        /// How often the run was without contact with the majority.
        contact_losses: i64,
        /// When it last lost contact.
        contact_lost_at: Option<Utc>,
        /// When it last had contact again.
        contact_regained_at: Option<Utc>,
    }
}

/// What somebody said to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulingMade {
    /// Who.
    pub person: String,
    /// `approve` or `deny`.
    pub ruling: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Utc,
}

/// Which row of a chain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its table.
    pub table: Table,
    /// Its name.
    pub id: String,
}

impl Key {
    /// A row of a table.
    pub fn new(table: Table, id: impl Into<String>) -> Self {
        Self { table, id: id.into() }
    }
}
