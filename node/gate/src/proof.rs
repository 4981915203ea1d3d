//! The proof values of the gate. Nothing else may share this file: privacy ends at the module.
//!
//! `Judged` + `Receipt` → `Permit` | `Refusal` | `Held`; `Held` + `Consumption` → `Spent`,
//! `Spent` + `Receipt` → `Permit`; and `Unreleased` + `Receipt` → `Release`. Each is taken by
//! value, none can be cloned or made elsewhere.
//!
//! A permit comes from settling what was judged, and is redeemed once:
//!
//! ```
//! use std::time::Duration;
//! fn forward(permit: node_gate::Permit, now: Duration) -> Option<node_gate::CommandText> {
//!     permit.redeem(now).ok()
//! }
//! ```
//!
//! ```compile_fail
//! use std::time::Duration;
//! fn twice(permit: node_gate::Permit, now: Duration) {
//!     let _first = permit.redeem(now);
//!     let _second = permit.redeem(now);
//! }
//! ```
//!
//! It cannot be made without a receipt:
//!
//! ```
//! fn settle(judged: node_gate::Judged, receipt: store_log::Receipt) {
//!     let _settled = judged.settle(receipt);
//! }
//! ```
//!
//! ```compile_fail
//! fn settle(judged: node_gate::Judged) {
//!     let _settled = judged.settle();
//! }
//! ```
//!
//! ```compile_fail
//! fn forge(text: node_gate::CommandText) -> node_gate::Permit {
//!     node_gate::Permit { text, valid_until: std::time::Duration::MAX }
//! }
//! ```
//!
//! A held command is let go by an approval that was spent on it, and by the receipt of the event
//! that says so; by neither alone:
//!
//! ```
//! use node_gate::{Consumption, Held, Letting};
//! fn go(held: Held, spent: Consumption, letting: Letting, receipt: store_log::Receipt) {
//!     let _permit = held.spend(spent, letting).map(|spent| spent.settle(receipt));
//! }
//! ```
//!
//! ```compile_fail
//! use node_gate::{Consumption, Held, Letting};
//! fn go(held: Held, spent: Consumption, letting: Letting, receipt: store_log::Receipt) {
//!     let _permit = held.settle(receipt);
//! }
//! ```
//!
//! ```compile_fail
//! use node_gate::{Consumption, Held, Letting};
//! fn go(held: Held, spent: Consumption, letting: Letting, receipt: store_log::Receipt) {
//!     let _permit: Result<node_gate::Permit, _> = held.spend(spent, letting);
//! }
//! ```
//!
//! One approval lets one command go:
//!
//! ```
//! use node_gate::{Consumption, Held, Letting};
//! fn once(one: Held, spent: Consumption, letting: Letting) {
//!     let _one = one.spend(spent, letting);
//! }
//! ```
//!
//! ```compile_fail
//! use node_gate::{Consumption, Held, Letting};
//! fn twice(one: Held, other: Held, spent: Consumption, letting: Letting, later: Letting) {
//!     let _one = one.spend(spent, letting);
//!     let _other = other.spend(spent, later);
//! }
//! ```
//!
//! Output leaves only as a [`Release`], which needs masked bytes and their receipt:
//!
//! ```
//! fn release(window: node_gate::Unreleased, receipt: store_log::Receipt) {
//!     let _release = window.settle(receipt);
//! }
//! ```
//!
//! ```compile_fail
//! fn release(window: node_gate::Unreleased) -> node_gate::Release {
//!     node_gate::Release { stream: window.stream, client: window.client }
//! }
//! ```
//!
//! What a forward carries is masked by nobody: the right to let it pass comes out of the forward's
//! permit, and of nothing else:
//!
//! ```
//! use std::time::Duration;
//! fn carry(permit: node_gate::Permit, now: Duration) -> Option<node_gate::Passage> {
//!     permit.redeem_forward(now).ok().map(|(_, passage)| passage)
//! }
//! ```
//!
//! ```compile_fail
//! fn forge() -> node_gate::Passage {
//!     node_gate::Passage(())
//! }
//! ```

use std::time::Duration;

use node_enforce::mask::Masked;
use proto::entry::CommandRef;
use proto::event::{DraftKey, Stream};
use proto::reading::Durability;
use proto::refusal::Told;
use store_log::Receipt;

use crate::command::CommandText;
use crate::consumption::Consumption;
use crate::count::Counter;

/// A command with its verdict, which is not durable yet.
#[derive(Debug)]
pub struct Judged {
    key: DraftKey,
    required: Durability,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    Allow { text: CommandText, valid_until: Duration, forwards: bool },
    Block(Told),
    Hold(Held),
}

/// What a judged command becomes once its verdict is durable.
#[derive(Debug)]
pub enum Settled {
    /// It may be sent.
    Permit(Permit),
    /// It may not.
    Refusal(Refusal),
    /// Somebody else has to rule first.
    Held(Held),
}

/// A receipt that does not prove what it was shown for.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// It is the receipt of another event.
    #[error("the receipt is of another event")]
    OtherEvent,
    /// The event is not kept safely enough.
    #[error("the event is kept {got:?}, but must be {required:?}")]
    TooWeak {
        /// What the event needs.
        required: Durability,
        /// What the receipt proves.
        got: Durability,
    },
}

impl Judged {
    pub(crate) fn allowed(
        key: DraftKey,
        required: Durability,
        text: CommandText,
        valid_until: Duration,
    ) -> Self {
        Self { key, required, fate: Fate::Allow { text, valid_until, forwards: false } }
    }

    /// What was judged as a forward, of which it is known that nobody sees what it carries.
    pub(crate) fn forwarding(self) -> Self {
        let fate = match self.fate {
            Fate::Allow { text, valid_until, .. } => {
                Fate::Allow { text, valid_until, forwards: true }
            }
            other => other,
        };
        Self { fate, ..self }
    }

    pub(crate) fn blocked(key: DraftKey, required: Durability, told: Told) -> Self {
        Self { key, required, fate: Fate::Block(told) }
    }

    pub(crate) fn held(
        key: DraftKey,
        required: Durability,
        text: CommandText,
        command: CommandRef,
        policy_revision: u64,
    ) -> Self {
        Self { key, required, fate: Fate::Hold(Held { text, command, policy_revision }) }
    }

    /// Turns the verdict into what it permits, given the proof that it is durable.
    ///
    /// # Errors
    /// [`Unproven`] when the receipt is of another event, or weaker than this one requires; the
    /// command is gone then.
    pub fn settle(self, receipt: Receipt) -> Result<Settled, Unproven> {
        prove(&self.key, self.required, &receipt)?;
        Ok(match self.fate {
            Fate::Allow { text, valid_until, forwards } => {
                Settled::Permit(Permit { text, valid_until, forwards })
            }
            Fate::Block(told) => Settled::Refusal(Refusal { told }),
            Fate::Hold(held) => Settled::Held(held),
        })
    }
}

fn prove(key: &DraftKey, required: Durability, receipt: &Receipt) -> Result<(), Unproven> {
    if receipt.key() != key {
        return Err(Unproven::OtherEvent);
    }
    let got = receipt.durability();
    if got < required { Err(Unproven::TooWeak { required, got }) } else { Ok(()) }
}

/// The right to send one command to its target, once, until a moment.
#[derive(Debug)]
#[must_use = "a permit that is not redeemed sends nothing"]
pub struct Permit {
    text: CommandText,
    valid_until: Duration,
    forwards: bool,
}

/// A permit that was too old when it was to be redeemed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the permit expired")]
pub struct Expired;

impl Permit {
    /// Until when it may be sent, on the elapsed clock.
    #[must_use]
    pub fn valid_until(&self) -> Duration {
        self.valid_until
    }

    /// Gives the command up for sending. `now` is the elapsed clock right before the write.
    ///
    /// # Errors
    /// [`Expired`] past the permit's time.
    pub fn redeem(self, now: Duration) -> Result<CommandText, Expired> {
        if now > self.valid_until { Err(Expired) } else { Ok(self.text) }
    }

    /// Gives a forward up for opening, and the right to carry what passes through it.
    ///
    /// # Errors
    /// [`Expired`] past the permit's time, and when what it permits is no forward.
    pub fn redeem_forward(self, now: Duration) -> Result<(CommandText, Passage), Expired> {
        if self.forwards { self.redeem(now).map(|text| (text, Passage(()))) } else { Err(Expired) }
    }
}

/// The right to let through, as it is, what one permitted forward carries.
#[derive(Debug)]
pub struct Passage(());

impl Passage {
    /// Lets bytes through to the client. They are counted and digested, and neither masked nor
    /// recorded: nobody knows what they are.
    pub fn release(&self, bytes: bytes::Bytes) -> Release {
        Release { stream: Stream::Output, client: Content::Carried(bytes) }
    }
}

/// The right to have a target prepare a text, once, until a moment: nothing of it runs by that, so
/// it needs no receipt. Running what was prepared needs a [`Permit`] each time.
#[derive(Debug)]
#[must_use = "a text that is not redeemed is not prepared"]
pub struct Preparation {
    text: CommandText,
    valid_until: Duration,
}

impl Preparation {
    /// Of a text that is not blocked.
    pub(crate) fn checked(text: CommandText, valid_until: Duration) -> Self {
        Self { text, valid_until }
    }

    /// Until when it may be sent, on the elapsed clock.
    #[must_use]
    pub fn valid_until(&self) -> Duration {
        self.valid_until
    }

    /// Gives the text up for sending. `now` is the elapsed clock right before the write.
    ///
    /// # Errors
    /// [`Expired`] past its time.
    pub fn redeem(self, now: Duration) -> Result<CommandText, Expired> {
        if now > self.valid_until { Err(Expired) } else { Ok(self.text) }
    }
}

/// A command that does not run.
#[derive(Debug)]
pub struct Refusal {
    told: Told,
}

impl Refusal {
    /// What the client is told.
    #[must_use]
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Refusing needs no proof: nothing runs.
    pub(crate) fn because(told: Told) -> Self {
        Self { told }
    }
}

/// A command that waits for somebody else's approval, with its raw text.
#[derive(Debug)]
pub struct Held {
    text: CommandText,
    command: CommandRef,
    policy_revision: u64,
}

/// What a held command is let go by, beside the approval: the event that is to say so, how safely
/// that must be kept, and until when the permit is good.
#[derive(Debug)]
pub struct Letting {
    key: DraftKey,
    required: Durability,
    valid_until: Duration,
}

/// An approval that was not spent on this command as it was judged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSpent {
    /// It was spent on another command, or on other bytes.
    #[error("the approval was spent on another command")]
    OtherCommand,
    /// It was spent under another policy.
    #[error("the approval was spent under another policy")]
    OtherPolicy,
}

impl Letting {
    pub(crate) fn new(key: DraftKey, required: Durability, valid_until: Duration) -> Self {
        Self { key, required, valid_until }
    }
}

impl Held {
    /// Takes an approval that was spent on this command.
    ///
    /// # Errors
    /// [`NotSpent`] when it was spent on anything else; the command is gone then.
    pub fn spend(self, spent: Consumption, letting: Letting) -> Result<Spent, NotSpent> {
        if *spent.command() != self.command {
            return Err(NotSpent::OtherCommand);
        }
        if spent.policy_revision() != self.policy_revision {
            return Err(NotSpent::OtherPolicy);
        }
        let Letting { key, required, valid_until } = letting;
        Ok(Spent { key, required, text: self.text, valid_until })
    }

    /// Gives the waiting up, so that the same text can be judged again.
    pub(crate) fn again(self) -> CommandText {
        self.text
    }

    /// Gives the waiting up. The text of the command is gone with it.
    #[must_use]
    pub fn refuse(self, told: Told) -> Refusal {
        Refusal { told }
    }
}

/// A held command on which an approval was spent; that is not durable in the record yet.
#[derive(Debug)]
pub struct Spent {
    key: DraftKey,
    required: Durability,
    text: CommandText,
    valid_until: Duration,
}

impl Spent {
    /// Lets the command go, given the proof that the record says so.
    ///
    /// # Errors
    /// [`Unproven`] when the receipt is of another event, or weaker than this one requires; the
    /// command is gone then, and so is the approval.
    pub fn settle(self, receipt: Receipt) -> Result<Permit, Unproven> {
        prove(&self.key, self.required, &receipt)?;
        Ok(Permit { text: self.text, valid_until: self.valid_until, forwards: false })
    }
}

/// Masked bytes for the client whose record is not handed over yet.
#[derive(Debug)]
pub struct Unreleased {
    key: DraftKey,
    required: Durability,
    stream: Stream,
    client: Masked,
}

impl Unreleased {
    pub(crate) fn new(key: DraftKey, required: Durability, stream: Stream, client: Masked) -> Self {
        Self { key, required, stream, client }
    }

    /// The durability whose receipt releases it.
    #[must_use]
    pub fn required(&self) -> Durability {
        self.required
    }

    /// Lets the bytes go, given the proof that their record is kept.
    ///
    /// # Errors
    /// [`Unproven`] when the receipt is of another event, or too weak.
    pub fn settle(self, receipt: Receipt) -> Result<Release, Unproven> {
        prove(&self.key, self.required, &receipt)?;
        Ok(Release { stream: self.stream, client: Content::Masked(self.client) })
    }
}

/// Bytes that may be written to the client: masked, or carried by a forward.
#[derive(Debug)]
#[must_use = "released bytes belong to the client"]
pub struct Release {
    stream: Stream,
    client: Content,
}

#[derive(Debug)]
enum Content {
    Masked(Masked),
    Carried(bytes::Bytes),
}

impl Release {
    /// Bytes beyond what the record keeps of a command: they are counted and digested there, so
    /// the counter that says so stands in for a receipt.
    pub(crate) fn beyond_limit(stream: Stream, client: Masked, counter: &Counter) -> Option<Self> {
        counter.cuts().then_some(Self { stream, client: Content::Masked(client) })
    }

    /// Values of a database, which are counted and not recorded unless policy says so, or messages
    /// of a file transfer: that they are masked is all that lets them go.
    pub(crate) fn of_values(client: Masked) -> Self {
        Self { stream: Stream::Output, client: Content::Masked(client) }
    }

    /// Which output they belong to.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.stream
    }

    /// The bytes, for whoever looks over the session's shoulder.
    #[must_use]
    pub fn bytes(&self) -> &bytes::Bytes {
        match &self.client {
            Content::Masked(masked) => masked.bytes(),
            Content::Carried(bytes) => bytes,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn into_bytes(self) -> bytes::Bytes {
        self.bytes().clone()
    }
}
