//! What nodes say to each other to agree: Raft's own calls, forwarded writes and reads.
//!
//! Plain structs of this product, so that the library that runs Raft can change without the wire.

use rkyv::{Archive, Deserialize, Serialize};

use crate::ids::{Epoch, Name};
use crate::time::Utc;

macro_rules! places {
    ($($(#[doc = $text:literal])* struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Archive, Serialize,
            Deserialize,
        )]
        pub struct $name { $($(#[doc = $doc])* pub $field: $kind,)* }
    )*};
}

places! {
    /// Who leads, or wants to: a leader is (term, node), never the term alone.
    struct Vote {
        /// The term.
        term: u64,
        /// The Raft id of whoever wants to lead it.
        node: u64,
        /// Whether a quorum has agreed.
        committed: bool,
    }
    /// A place in the replicated log.
    struct LogId {
        /// The term of the leader that wrote it.
        term: u64,
        /// That leader's Raft id.
        node: u64,
        /// The index, from 0.
        index: u64,
    }
}

bodies! {
    /// One member as the Raft configuration knows it.
    struct Member {
        /// Its Raft id.
        raft_id: u64,
        /// Its name.
        node: Name,
        /// Where its peers reach it, as `host:port`.
        address: String,
    }
    /// Who votes, and who only listens.
    struct Membership {
        /// One set of voters, or two while one follows the other.
        configs: Vec<Vec<u64>>,
        /// All members, voters and learners.
        members: Vec<Member>,
    }
    /// One entry of the replicated log.
    struct LogEntry {
        /// Its place.
        at: LogId,
        /// What it says.
        payload: Payload,
    }
    /// Somebody asks for a vote.
    struct VoteRequest {
        /// What they want to be.
        vote: Vote,
        /// The last entry that they have.
        last_log: Option<LogId>,
    }
    /// The answer to whoever asks for a vote.
    struct VoteAnswer {
        /// The vote of whoever answers.
        vote: Vote,
        /// Whether it is for the asker.
        granted: bool,
        /// The last entry that the one who answers has.
        last_log: Option<LogId>,
    }
    /// A leader hands entries on; without entries it is a heartbeat.
    struct AppendRequest {
        /// The leader.
        vote: Vote,
        /// The entry that these follow.
        previous: Option<LogId>,
        /// The entries.
        entries: Vec<LogEntry>,
        /// How far the leader knows entries to be decided.
        committed: Option<LogId>,
    }
    /// What a snapshot is of.
    struct SnapshotMeta {
        /// Its own name.
        id: String,
        /// The last entry that it contains.
        last_log: Option<LogId>,
        /// The entry that made the configuration which it contains.
        membership_at: Option<LogId>,
        /// That configuration.
        membership: Membership,
    }
    /// A piece of a snapshot; pieces come in order.
    struct SnapshotChunk {
        /// The leader.
        vote: Vote,
        /// What the snapshot is of.
        meta: SnapshotMeta,
        /// Where the piece begins, in bytes.
        offset: u64,
        /// How large the snapshot is, in bytes.
        total: u64,
        /// The piece.
        bytes: Vec<u8>,
    }
    /// What became of a piece of a snapshot.
    struct SnapshotAnswer {
        /// The vote of whoever answers: a higher one than the leader's ends its time.
        vote: Vote,
        /// How many bytes of the snapshot have come so far: the next piece begins there.
        received: u64,
    }
    /// Writes that a follower hands to the leader, in order.
    struct ForwardRequest {
        /// Proposals, each as its own bytes (`entry::Proposal::to_bytes`).
        proposals: Vec<Vec<u8>>,
    }
    /// What a node knows of the one that asks.
    struct KnownAnswer {
        /// The epoch that the asker is in.
        epoch: Epoch,
        /// What it drew for the start that made this epoch.
        nonce: u64,
        /// The index up to which the asker once had decided entries on its disk.
        kept: Option<u64>,
    }
    /// A request to the part of a node that agrees with the others.
    struct Request {
        /// The Raft id of whoever asks.
        from: u64,
        /// The wall clock of whoever asks.
        clock: Utc,
        /// What is asked.
        ask: Ask,
    }
    /// Its answer.
    struct Response {
        /// The wall clock of whoever answers.
        clock: Utc,
        /// What is said.
        tell: Tell,
    }
}

/// What an entry of the replicated log says.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Payload {
    /// Nothing: a leader begins its time with it.
    Blank,
    /// Proposals (`entry::Batch::to_bytes`).
    Batch(Vec<u8>),
    /// A configuration.
    Membership(Membership),
}

/// What became of entries that were handed on.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum AppendAnswer {
    /// All of them are durable.
    Kept,
    /// Those up to this one are.
    KeptUpTo(Option<LogId>),
    /// The one before them is missing or another one.
    Conflict,
    /// Somebody else leads.
    Behind(Vote),
}

/// What became of one forwarded write.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Forwarded {
    /// It was applied.
    Applied {
        /// The control index.
        index: u64,
        /// The state machine's reply, as its own bytes.
        reply: Vec<u8>,
    },
    /// It was not taken, and has had no effect by this call; the one who leads may be known.
    NotLeader(Option<u64>),
    /// Nobody knows yet whether it was applied; ask again with the same request.
    Unknown,
    /// It can never be taken.
    Refused(String),
}

/// The index that a read must wait for.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum ReadAnswer {
    /// A quorum has just agreed that this node leads; all that was decided before is at or below
    /// this place of the log.
    At(Option<LogId>),
    /// This node does not lead; the one who does may be known.
    NotLeader(Option<u64>),
    /// No quorum answered in time.
    NoQuorum,
}

/// What one node asks another.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Ask {
    /// For a vote.
    Vote(VoteRequest),
    /// To keep entries.
    Append(AppendRequest),
    /// To take a piece of a snapshot.
    Snapshot(SnapshotChunk),
    /// To decide writes.
    Forward(ForwardRequest),
    /// From where on a read is true.
    Read,
    /// To stand for election now: the leader wants to leave.
    Elect,
    /// What the time is.
    Clock,
    /// What is known of the asker: a disk that went back must not take part.
    Known,
}

/// The answers, in the order of the questions.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub enum Tell {
    /// A vote.
    Vote(VoteAnswer),
    /// What became of entries.
    Append(AppendAnswer),
    /// What became of a piece of a snapshot.
    Snapshot(SnapshotAnswer),
    /// What became of each write, in order.
    Forward(Vec<Forwarded>),
    /// From where on a read is true.
    Read(ReadAnswer),
    /// What is known of the asker.
    Known(KnownAnswer),
    /// It was done.
    Done,
    /// Nothing can be done here any more: the node stops, and why.
    Stopped(String),
    /// The question is none that this node answers.
    Refused(String),
}
