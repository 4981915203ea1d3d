//! What is shown of sessions and commands: where they stand follows from what several rows say, so
//! it is said when somebody asks, and never kept.

use std::collections::VecDeque;

use proto::entry::ApprovalId;
use proto::ids::{Epoch, SessionId};
use proto::reading::{Channel, Verdict};
use proto::refusal::Told;
use proto::time::Utc;
use serde::de::DeserializeOwned;

use crate::row::{CommandRow, CommandState, SessionRow, SessionState};
use crate::tables::{Command, NodeLife, Session};

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Where it stands.
    pub state: SessionState,
    /// When it ended; for a lost one, when that became known.
    pub at: Utc,
    /// Why.
    pub reason: String,
}

/// How a session ended; nothing when it goes on.
///
/// Its own node's word counts first. A run of the node that ended without it has lost it, and so
/// has a node that the control plane took out after the session was opened.
#[must_use]
pub fn end_of(
    session: &Session,
    own_run: Option<&NodeLife>,
    later_run: Option<&NodeLife>,
    membership: Option<&NodeLife>,
) -> Option<End> {
    if let Some(at) = session.closed_at {
        let unknown = session.unfinished > 0;
        let state = if unknown { SessionState::OutcomeUnknown } else { SessionState::Closed };
        return Some(End { state, at, reason: session.reason.clone().unwrap_or_default() });
    }
    let lost = |at: Utc, reason: &str| {
        Some(End { state: SessionState::Lost, at, reason: reason.to_owned() })
    };
    if let Some(at) = own_run.and_then(|run| run.stopped_at) {
        return lost(at, "the node stopped");
    }
    if let Some(at) = later_run.and_then(|run| run.started_at) {
        return lost(at, "the node crashed");
    }
    let left = membership.filter(|member| member.left_applied > Some(session.applied))?;
    let why = left.left_reason.as_deref().unwrap_or("it left");
    lost(left.left_at?, &format!("the node is gone: {why}"))
}

/// A session as it is shown, with the newest of its commands; nothing when a row says what is no
/// session.
#[must_use]
pub fn session_row(
    session: &Session,
    end: Option<&End>,
    commands: &[Command],
) -> Option<SessionRow> {
    let shown = commands.iter().filter_map(|command| command_row(command, end.is_some()));
    Some(SessionRow {
        id: SessionId::from_text(&session.id),
        person: session.person.parse().ok()?,
        target: session.target.parse().ok()?,
        login: session.login.clone(),
        channel: read::<Channel>(&session.channel)?,
        grant: session.granted_by.clone(),
        from: session.from_address.clone(),
        state: end.map_or(SessionState::Open, |end| end.state),
        opened: session.opened_at,
        closed: end.map(|end| end.at),
        reason: end.map(|end| end.reason.clone()),
        node: session.node.parse().ok()?,
        epoch: Epoch(whole(session.epoch)),
        commands_judged: whole(session.commands),
        commands: shown.collect::<VecDeque<_>>(),
    })
}

fn command_row(command: &Command, over: bool) -> Option<CommandRow> {
    let told = command.told_code.clone().and_then(|code| {
        let code = code.try_into().ok()?;
        Some(Told { code, text: command.told_text.clone().unwrap_or_default() })
    });
    let masked = command.masked.iter().map(|(name, count)| (name.clone(), whole(*count)));
    Some(CommandRow {
        command: whole(command.number),
        judged: command.judged_at,
        text: command.text.clone(),
        cut: command.cut,
        state: state(command, over),
        verdict: read::<Verdict>(&command.verdict)?,
        rules: command.rules.clone(),
        told,
        unreadable: command.unreadable.clone(),
        outcome: command.outcome.clone(),
        approval: command.approval.map(|number| ApprovalId(whole(number))),
        duration_ms: command.duration_ms.map(whole),
        masked: masked.collect(),
        input_bytes: whole(command.input_bytes),
        output_bytes: whole(command.output_bytes),
        errors_bytes: whole(command.errors_bytes),
        truncated: command.truncated,
    })
}

/// Where a command stands, in a session that is over or not.
fn state(command: &Command, over: bool) -> CommandState {
    use proto::event::Outcome;
    match &command.outcome {
        Some(Outcome::Refused(_)) => return CommandState::Refused,
        Some(_) => return CommandState::Finished,
        None => {}
    }
    let blocked = command.verdict == Verdict::Block.to_string();
    if blocked || (over && !command.may_run()) {
        CommandState::Refused
    } else if over {
        CommandState::OutcomeUnknown
    } else if command.started_at.is_some() {
        CommandState::Running
    } else {
        CommandState::Judged
    }
}

/// A word of the vocabulary.
fn read<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

fn whole(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
