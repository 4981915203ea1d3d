//! The fold: what one event changes in the rows of its chain.
//!
//! A function of the rows and the event, and of nothing else. Texts are cut to bounds and hold no
//! NUL, so that every home can keep them.

mod approval;
mod change;
mod command;
mod node;
mod session;

pub use node::life;
use proto::event::{Event, Kind};
use proto::ids::Chain;

use crate::working::Working;

/// How much of a text a row holds, in bytes.
pub const TEXT_LIMIT: usize = 512;
/// How long a name or an address in a row is, in bytes.
const WORD_LIMIT: usize = 256;
/// How many words a list in a row holds.
const WORDS_LIMIT: usize = 64;

/// Takes one event into the rows of its chain.
pub fn fold(rows: &mut Working, event: &Event) {
    let Some(kind) = &event.kind else {
        // A kind that this version does not know changes no row that it knows.
        return;
    };
    match &event.id.chain {
        Chain::Node(_) => of_node(rows, event, kind),
        Chain::Control => of_control(rows, event, kind),
    }
}

fn of_node(rows: &mut Working, event: &Event, kind: &Kind) {
    match kind {
        Kind::SessionOpened(opened) => session::opened(rows, event, opened),
        Kind::SessionClosed(closed) => session::closed(rows, event, closed),
        Kind::CommandJudged(judged) => command::judged(rows, event, judged),
        Kind::CommandReleased(released) => command::released(rows, event, released),
        Kind::CommandStarted(started) => command::started(rows, event, started),
        Kind::CommandFinished(finished) => command::finished(rows, event, finished),
        Kind::OutputReleased(released) => command::output(rows, event, released),
        Kind::FileTransferred(passed) => command::transferred(rows, event, passed),
        Kind::LoginSucceeded(login) => session::logged_in(rows, event, login),
        Kind::LoginFailed(login) => session::not_logged_in(rows, event, login),
        Kind::SessionRefused(refused) => session::refused(rows, event, refused),
        Kind::AdminDenied(denied) => session::denied(rows, event, denied),
        Kind::NodeStarted(started) => node::started(rows, event, started),
        Kind::NodeStopped(stopped) => node::stopped(rows, event, stopped),
        Kind::QuorumLost(_) => node::contact_lost(rows, event),
        Kind::QuorumRegained(_) => node::contact_regained(rows, event),
        _ => {}
    }
}

fn of_control(rows: &mut Working, event: &Event, kind: &Kind) {
    match kind {
        Kind::ApprovalRequested(asked) => approval::requested(rows, event, asked),
        Kind::ApprovalRuled(ruled) => approval::ruled(rows, event, ruled),
        Kind::ApprovalWithdrawn(withdrawn) => approval::withdrawn(rows, event, withdrawn),
        Kind::ApprovalExpired(expired) => approval::expired(rows, event, expired),
        Kind::ApprovalRevoked(revoked) => approval::revoked(rows, event, revoked),
        Kind::ApprovalConsumed(consumed) => approval::consumed(rows, event, consumed),
        Kind::NodeJoined(joined) => node::joined(rows, event, joined),
        Kind::NodeLeft(left) => node::left(rows, event, left),
        _ => change::changed(rows, event, kind),
    }
}

/// `<epoch>-<seq>`: the event within its chain.
fn event_id(event: &Event) -> String {
    format!("{}-{}", event.id.epoch.0, event.id.seq)
}

/// Text that every home can keep, cut to a limit.
fn text(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    text[..end].replace('\0', "\u{fffd}")
}

fn word(word: &str) -> String {
    text(word, WORD_LIMIT)
}

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().take(WORDS_LIMIT).map(word).collect()
}

/// A count as homes keep it.
fn count(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
