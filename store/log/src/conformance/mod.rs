//! What every backend must do, as checks that run against any of them.
//!
//! A backend passes when [`run`] finds nothing. The checks know the port only; what is particular
//! to one backend (crashes, quotas) is tested beside that backend. Nothing here panics: a broken
//! rule is an answer.

mod chains;
mod records;
mod waiting;

pub use waiting::{PATIENCE, wait};

use bytes::Bytes;
use proto::ids::{Chain, Epoch, Name, SessionId};

use crate::backend::{
    Backend, Completion, Failure, Position, ReadError, Record, RefusedBecause, Share, Urgency,
};

/// Something that can be opened, and opened again after everything that was opened is dropped.
pub trait Subject {
    /// The backend under check.
    type Opened: Backend;

    /// Opens it: empty at first, later with all that it acknowledged before.
    fn open(&mut self) -> Self::Opened;
}

/// A rule that a backend broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The name of the check.
    pub check: &'static str,
    /// What was seen.
    pub seen: String,
}

/// What one check answers: nothing, or what it saw.
pub type Outcome = Result<(), String>;

/// One named check on a fresh subject.
pub type Check<S> = (&'static str, fn(&mut S) -> Outcome);

/// All checks, in the order in which they build upon each other.
#[must_use]
pub fn checks<S: Subject>() -> Vec<Check<S>> {
    let mut all: Vec<Check<S>> = vec![
        ("positions follow the calls without gaps", records::positions),
        ("bytes are read back as they were", records::read_back),
        ("a record that was completed can be read at once", records::durable_is_readable),
        ("the same record again is kept once", records::same_again),
        ("other bytes at the same place are refused", records::other_bytes),
        ("a record that does not follow is refused", records::does_not_follow),
        ("a record over the limit is refused", records::limits),
        ("a session's records are found, also after reopening", records::sessions),
        ("everything acknowledged is there after reopening", records::reopened),
    ];
    all.extend::<Vec<Check<S>>>(vec![
        ("heads are those of the last records", chains::heads),
        ("a log links each event to the one before", chains::links),
        ("a stale epoch is refused", chains::stale_epoch),
        ("many writers keep one order", chains::many_writers),
        ("a receipt says the backend's durability", chains::durability),
        ("an event asked for again has one place", chains::ask_again),
        ("control events are kept once", chains::control),
    ]);
    all
}

/// Runs every check on a subject of its own and gives the rules that were broken.
pub fn run<S: Subject>(mut fresh: impl FnMut() -> S) -> Vec<Broken> {
    let all = checks::<S>().into_iter();
    let seen =
        all.filter_map(|(check, run)| run(&mut fresh()).err().map(|seen| Broken { check, seen }));
    seen.collect()
}

/// A record of the node's chain whose bytes are JSON that names its session.
#[must_use]
pub fn record(seq: u64, session: Option<&str>) -> Record {
    let session = session.map(SessionId::from_text);
    let named =
        session.as_ref().map_or(String::new(), |session| format!(r#","session":"{session}""#));
    let text = format!(
        r#"{{"data":{{"seq":{seq}{named}}},"filler":"{}"}}"#,
        "x".repeat(usize::try_from(seq * 37 % 301).unwrap_or(0),)
    );
    Record {
        chain: Chain::Node(node()),
        epoch: Epoch(1),
        seq,
        session,
        share: Share::NODE,
        urgency: Urgency::Ordinary,
        bytes: Bytes::from(text),
    }
}

/// The node that the checks write as.
#[must_use]
pub fn node() -> Name {
    "gw-1".parse().expect("a literal that is a name")
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should_be: &T) -> Outcome {
    ensure(is == should_be, || format!("{what} is {is:?} and should be {should_be:?}"))
}

fn refused(because: RefusedBecause) -> String {
    format!("refused: {because}")
}

fn unread(error: ReadError) -> String {
    format!("not read: {error}")
}

fn settle(completion: Completion) -> Result<Position, String> {
    match wait(completion) {
        None => Err("no answer came".to_owned()),
        Some(Err(_)) => Err("the answer was lost".to_owned()),
        Some(Ok(Err(Failure::Unknown))) => Err("the answer is unknown".to_owned()),
        Some(Ok(Err(Failure::Refused(because)))) => Err(refused(because)),
        Some(Ok(Ok(position))) => Ok(position),
    }
}

/// Enqueues and waits; the two positions must be the same.
fn keep(backend: &impl Backend, record: Record) -> Result<Position, String> {
    let (promised, completion) = backend.enqueue(record).map_err(refused)?;
    let kept = settle(completion)?;
    same("the position of the answer", &kept, &promised)?;
    Ok(kept)
}
