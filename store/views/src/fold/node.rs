//! Nodes: what the control plane says of their membership, and what they say of their runs.

use proto::event::{Event, NodeJoined, NodeLeft, NodeStarted, NodeStopped};

use super::{TEXT_LIMIT, count, text, word};
use crate::tables::NodeLife;
use crate::working::Working;

/// The name of a run's row; of a membership's, when the run is 0.
#[must_use]
pub fn life(node: &str, epoch: i64) -> String {
    format!("{node}/{epoch}")
}

pub(super) fn started(rows: &mut Working, event: &Event, started: &NodeStarted) {
    of_run(rows, event, |run| {
        run.version = Some(word(&started.version));
        run.durability = Some(format!("{:?}", started.durability).to_lowercase());
        run.started_at = Some(event.time);
        run.unfinished = count(started.unfinished);
    });
}

pub(super) fn stopped(rows: &mut Working, event: &Event, stopped: &NodeStopped) {
    of_run(rows, event, |run| {
        run.stopped_at = Some(event.time);
        run.stop_reason = Some(text(&stopped.reason, TEXT_LIMIT));
    });
}

pub(super) fn contact_lost(rows: &mut Working, event: &Event) {
    of_run(rows, event, |run| {
        run.contact_losses = run.contact_losses.saturating_add(1);
        run.contact_lost_at = Some(event.time);
    });
}

pub(super) fn contact_regained(rows: &mut Working, event: &Event) {
    of_run(rows, event, |run| run.contact_regained_at = Some(event.time));
}

pub(super) fn joined(rows: &mut Working, event: &Event, joined: &NodeJoined) {
    of_membership(rows, event, joined.node.as_str(), |member| {
        member.address = Some(word(&joined.address));
        member.raft_id = Some(count(joined.raft_id));
        member.joined_at = Some(event.time);
    });
}

pub(super) fn left(rows: &mut Working, event: &Event, left: &NodeLeft) {
    of_membership(rows, event, left.node.as_str(), |member| {
        member.left_at = Some(event.time);
        member.left_reason = Some(word(&left.reason));
        member.left_by = left.by.as_deref().map(word);
        member.left_applied = Some(count(event.applied));
    });
}

fn of_run(rows: &mut Working, event: &Event, change: impl FnOnce(&mut NodeLife)) {
    let (node, epoch) = (event.id.chain.to_string(), count(event.id.epoch.0));
    rows.change_or(&life(&node, epoch), || nothing(event, &node, epoch), change);
}

fn of_membership(
    rows: &mut Working,
    event: &Event,
    node: &str,
    change: impl FnOnce(&mut NodeLife),
) {
    rows.change_or(&life(node, 0), || nothing(event, node, 0), change);
}

fn nothing(event: &Event, node: &str, epoch: i64) -> NodeLife {
    NodeLife {
        chain: event.id.chain.to_string(),
        id: life(node, epoch),
        node: node.to_owned(),
        epoch,
        address: None,
        raft_id: None,
        joined_at: None,
        left_at: None,
        left_reason: None,
        left_by: None,
        left_applied: None,
        version: None,
        durability: None,
        started_at: None,
        stopped_at: None,
        stop_reason: None,
        unfinished: 0,
        contact_losses: 0,
        contact_lost_at: None,
        contact_regained_at: None,
    }
}
