//! What nodes say to each other: the bodies of the frames between peers, and the frame itself.
//!
//! rkyv, because only nodes of this product read them; every body is validated on arrival, before
//! anything in it is believed. Each kind is a struct of its own behind a tag with a limit of its
//! own, so that a new kind never changes the bytes of another; a kind that changes gets a new tag.
//! Who may send which kind is the business of whoever listens.

#![allow(missing_docs, reason = "rkyv derives a resolver whose fields it does not document")]

macro_rules! bodies {
    ($($(#[doc = $text:literal])* struct $name:ident {
        $($(#[doc = $doc:literal])* $field:ident: $kind:ty,)*
    })*) => {$(
        $(#[doc = $text])*
        #[derive(Clone, Debug, PartialEq, Eq, Archive, Serialize, Deserialize)]
        pub struct $name { $($(#[doc = $doc])* pub $field: $kind,)* }
    )*};
}

mod bytes;
mod frame;
mod life;
mod message;
pub mod raft;
mod secret;
mod sessions;
mod signal;

pub use bytes::BadBody;
pub use frame::{BadFrame, FORMAT, FRAME_LIMIT, HEADER_BYTES, Header};
pub use life::{Join, Joined, MemberRecord, Renew, Renewed, Roster, RosterAsk};
pub use message::{Clocked, Message, NotRaft, limit_of};
pub use secret::Secret;
pub use sessions::{Cancel, Kill, Killed, SessionRows, SessionsAsk, Watch};
pub use signal::{Empty, End, Hello, Item, Lane, More, Refusal, Versions, Welcome};

/// The largest piece of a snapshot, in bytes.
pub const SNAPSHOT_CHUNK: usize = 1024 * 1024;

/// How many items of a stream may be on their way before whoever listens says that there is room
/// for more.
pub const STREAM_WINDOW: u32 = 16;
