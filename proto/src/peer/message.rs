//! Every kind of message with its tag and its limit.

use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};

use super::bytes::{self, BadBody};
use super::frame::FRAME_LIMIT;
use super::life::{Join, Joined, Renew, Renewed, Roster, RosterAsk};
use super::raft::{
    self, AppendAnswer, AppendRequest, Ask, ForwardRequest, Forwarded, KnownAnswer, ReadAnswer,
    SnapshotAnswer, SnapshotChunk, Tell, VoteAnswer, VoteRequest,
};
use super::sessions::{Cancel, Kill, Killed, SessionRows, SessionsAsk, Watch};
use super::signal::{Empty, End, Hello, Item, More, Refusal, Welcome};
use crate::time::Utc;

const KIB: usize = 1024;

/// A body with the wall clock of whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
pub struct Clocked<T> {
    /// The clock.
    pub clock: Utc,
    /// The body.
    pub body: T,
}

macro_rules! messages {
    ($($kind:ident($body:ty) = $tag:literal, limit $limit:expr, $text:literal;)*) => {
        /// One message between peers. Signals have tags below 16, what is asked has 16 to 127, and
        /// the answer to it that and 128.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Message { $(#[doc = $text] $kind($body),)* }

        impl Message {
            /// Every kind: its name and its tag.
            pub const KINDS: &'static [(&'static str, u8)] = &[$((stringify!($kind), $tag),)*];

            /// Its tag.
            #[must_use]
            pub fn kind(&self) -> u8 {
                match self { $(Self::$kind(_) => $tag,)* }
            }

            /// Its name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$kind(_) => stringify!($kind),)* }
            }

            /// The bytes of its body.
            ///
            /// # Errors
            /// [`BadBody::TooLarge`] over the limit of its kind.
            pub fn to_bytes(&self) -> Result<AlignedVec, BadBody> {
                match self { $(Self::$kind(body) => bytes::write($tag, $limit, body),)* }
            }

            /// Reads the body of a kind; it is validated before anything in it is believed.
            ///
            /// # Errors
            /// [`BadBody`] when it is none of that kind.
            pub fn read(kind: u8, body: &[u8]) -> Result<Self, BadBody> {
                match kind {
                    $($tag => bytes::read::<$body>($tag, $limit, body).map(Self::$kind),)*
                    other => Err(BadBody::Kind(other)),
                }
            }
        }

        /// The largest body of a kind, in bytes; nothing for a kind that is not known.
        #[must_use]
        pub fn limit_of(kind: u8) -> Option<usize> {
            match kind { $($tag => Some($limit),)* _ => None }
        }
    };
}

messages! {
    Hello(Hello) = 1, limit 4 * KIB, "The first words of whoever connects.";
    Welcome(Welcome) = 2, limit 4 * KIB, "Calls may be made.";
    Ping(Empty) = 3, limit 64, "Are you there?";
    Pong(Empty) = 4, limit 64, "Yes.";
    Refused(Refusal) = 5, limit 64 * KIB, "A refusal.";
    Item(Item) = 6, limit 1024 * KIB, "One item of a stream.";
    More(More) = 7, limit 64, "There is room for more items.";
    End(End) = 8, limit 64 * KIB, "A stream is over.";
    Stop(Empty) = 9, limit 64, "Whoever listens to a stream listens no more.";

    AskVote(Clocked<VoteRequest>) = 16, limit 4 * KIB, "Raft: a vote is asked for.";
    AskAppend(Clocked<AppendRequest>) = 17, limit FRAME_LIMIT, "Raft: entries, or a heartbeat.";
    AskSnapshot(Clocked<SnapshotChunk>) = 18, limit 2048 * KIB, "Raft: a piece of a snapshot.";
    AskForward(Clocked<ForwardRequest>) = 19, limit FRAME_LIMIT, "Writes for the leader.";
    AskRead(Clocked<Empty>) = 20, limit 64, "From where on is a read true?";
    AskElect(Clocked<Empty>) = 21, limit 64, "Stand for election.";
    AskClock(Clocked<Empty>) = 22, limit 64, "What time is it?";
    AskKnown(Clocked<Empty>) = 24, limit 64, "What is known of the one that asks?";
    Join(Join) = 32, limit 16 * KIB, "Let me in.";
    RosterAsk(RosterAsk) = 33, limit 64, "Who is a member?";
    Renew(Renew) = 34, limit 16 * KIB, "A new certificate, please.";
    SessionsAsk(SessionsAsk) = 48, limit 64, "Which sessions do you have?";
    Watch(Watch) = 49, limit 4 * KIB, "Show me a session.";
    Kill(Kill) = 50, limit 16 * KIB, "End a session.";
    Cancel(Cancel) = 51, limit KIB, "End a statement of a database.";

    TellVote(Clocked<VoteAnswer>) = 144, limit 4 * KIB, "Raft: a vote, or none.";
    TellAppend(Clocked<AppendAnswer>) = 145, limit 4 * KIB, "Raft: what became of entries.";
    TellSnapshot(Clocked<SnapshotAnswer>) = 146, limit 4 * KIB, "Raft: what became of a piece.";
    TellForward(Clocked<Vec<Forwarded>>) = 147, limit FRAME_LIMIT, "What became of each write.";
    TellRead(Clocked<ReadAnswer>) = 148, limit 4 * KIB, "From where on a read is true.";
    TellDone(Clocked<Empty>) = 149, limit 64, "It was done.";
    TellStopped(Clocked<String>) = 150, limit 64 * KIB, "The node agrees to nothing any more.";
    TellRefused(Clocked<String>) = 151, limit 64 * KIB, "Not a question for this node.";
    TellKnown(Clocked<KnownAnswer>) = 152, limit 4 * KIB, "What is known of the one that asks.";
    Joined(Joined) = 160, limit 256 * KIB, "You are a member now.";
    Roster(Roster) = 161, limit 256 * KIB, "The members.";
    Renewed(Renewed) = 162, limit 128 * KIB, "The new certificate.";
    SessionRows(SessionRows) = 176, limit 4096 * KIB, "The sessions.";
    Killed(Killed) = 178, limit 64, "What became of the session.";
    Cancelled(Empty) = 179, limit 64, "It was looked at; nobody is told what was found.";
}

/// A message that is not for the part of a node that agrees with the others.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0} is no message of Raft")]
pub struct NotRaft(pub &'static str);

impl Message {
    /// A request of Raft. Who asks is not sent: the listener knows it from the certificate.
    #[must_use]
    pub fn asking(request: raft::Request) -> Self {
        let clock = request.clock;
        let nothing = Clocked { clock, body: Empty {} };
        match request.ask {
            Ask::Vote(body) => Self::AskVote(Clocked { clock, body }),
            Ask::Append(body) => Self::AskAppend(Clocked { clock, body }),
            Ask::Snapshot(body) => Self::AskSnapshot(Clocked { clock, body }),
            Ask::Forward(body) => Self::AskForward(Clocked { clock, body }),
            Ask::Read => Self::AskRead(nothing),
            Ask::Elect => Self::AskElect(nothing),
            Ask::Clock => Self::AskClock(nothing),
            Ask::Known => Self::AskKnown(nothing),
        }
    }

    /// An answer of Raft.
    #[must_use]
    pub fn telling(response: raft::Response) -> Self {
        let clock = response.clock;
        match response.tell {
            Tell::Vote(body) => Self::TellVote(Clocked { clock, body }),
            Tell::Append(body) => Self::TellAppend(Clocked { clock, body }),
            Tell::Snapshot(body) => Self::TellSnapshot(Clocked { clock, body }),
            Tell::Forward(body) => Self::TellForward(Clocked { clock, body }),
            Tell::Read(body) => Self::TellRead(Clocked { clock, body }),
            Tell::Known(body) => Self::TellKnown(Clocked { clock, body }),
            Tell::Done => Self::TellDone(Clocked { clock, body: Empty {} }),
            Tell::Stopped(body) => Self::TellStopped(Clocked { clock, body }),
            Tell::Refused(body) => Self::TellRefused(Clocked { clock, body }),
        }
    }

    /// The request of Raft that this is, from whoever sent it.
    ///
    /// # Errors
    /// [`NotRaft`] when it is none.
    pub fn into_asked(self, from: u64) -> Result<raft::Request, NotRaft> {
        let (clock, ask) = match self {
            Self::AskVote(Clocked { clock, body }) => (clock, Ask::Vote(body)),
            Self::AskAppend(Clocked { clock, body }) => (clock, Ask::Append(body)),
            Self::AskSnapshot(Clocked { clock, body }) => (clock, Ask::Snapshot(body)),
            Self::AskForward(Clocked { clock, body }) => (clock, Ask::Forward(body)),
            Self::AskRead(Clocked { clock, .. }) => (clock, Ask::Read),
            Self::AskElect(Clocked { clock, .. }) => (clock, Ask::Elect),
            Self::AskClock(Clocked { clock, .. }) => (clock, Ask::Clock),
            Self::AskKnown(Clocked { clock, .. }) => (clock, Ask::Known),
            other => return Err(NotRaft(other.name())),
        };
        Ok(raft::Request { from, clock, ask })
    }

    /// The answer of Raft that this is.
    ///
    /// # Errors
    /// [`NotRaft`] when it is none.
    pub fn into_told(self) -> Result<raft::Response, NotRaft> {
        let (clock, tell) = match self {
            Self::TellVote(Clocked { clock, body }) => (clock, Tell::Vote(body)),
            Self::TellAppend(Clocked { clock, body }) => (clock, Tell::Append(body)),
            Self::TellSnapshot(Clocked { clock, body }) => (clock, Tell::Snapshot(body)),
            Self::TellForward(Clocked { clock, body }) => (clock, Tell::Forward(body)),
            Self::TellRead(Clocked { clock, body }) => (clock, Tell::Read(body)),
            Self::TellKnown(Clocked { clock, body }) => (clock, Tell::Known(body)),
            Self::TellDone(Clocked { clock, .. }) => (clock, Tell::Done),
            Self::TellStopped(Clocked { clock, body }) => (clock, Tell::Stopped(body)),
            Self::TellRefused(Clocked { clock, body }) => (clock, Tell::Refused(body)),
            other => return Err(NotRaft(other.name())),
        };
        Ok(raft::Response { clock, tell })
    }
}
