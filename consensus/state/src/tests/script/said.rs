//! Prints what the state answered, caused and holds.

use std::fmt::Write;

use proto::event::{Event, Kind};

use crate::{Approval, Asked, Effects, Presence, Reply, State, Status};

pub(super) fn answer(reply: &Reply, caused: &Effects, said: &mut String) {
    match reply {
        Reply::Done => writeln!(said, "> done"),
        Reply::Epoch(epoch) => writeln!(said, "> epoch {}", epoch.0),
        Reply::Policy(revision) => writeln!(said, "> policy {revision}"),
        Reply::People(revision) => writeln!(said, "> people {revision}"),
        Reply::Targets(revision) => writeln!(said, "> targets {revision}"),
        Reply::SessionOpened => writeln!(said, "> opened"),
        Reply::Joined { raft_id } => writeln!(said, "> joined as {raft_id}"),
        Reply::Approval(id) => writeln!(said, "> asked: {id}"),
        Reply::Ruled { status } => writeln!(said, "> ruled: it is {}", status_of(*status)),
        Reply::Consumed { until: None } => writeln!(said, "> used"),
        Reply::Consumed { until: Some(until) } => {
            writeln!(said, "> used, and holds until @{}", until.0 / 1_000_000)
        }
        Reply::Lock(id) => writeln!(said, "> locked: {id}"),
        Reply::Refused(denied) => writeln!(said, "> refused ({}): {denied}", denied.code()),
    }
    .unwrap();
    effects(caused, said);
}

pub(super) fn effects(effects: &Effects, said: &mut String) {
    for session in &effects.lost_sessions {
        writeln!(said, "> lost {session}").unwrap();
    }
    for event in &effects.events {
        let event = Event::read(&event.bytes).unwrap();
        let (seq, second) = (event.id.seq, event.time.0 / 1_000_000);
        let data = data(event.kind.unwrap());
        writeln!(said, "> event {seq} @{second} {}: {data}", event.name).unwrap();
    }
    let changed = effects.changed;
    let parts = [
        (changed.policy, "policy"),
        (changed.people, "people"),
        (changed.targets, "targets"),
        (changed.approvals, "approvals"),
        (changed.locks, "locks"),
        (changed.nodes, "nodes"),
        (changed.sessions, "sessions"),
        (changed.secrets, "secrets"),
    ];
    let parts: Vec<_> = parts.iter().filter(|(is, _)| *is).map(|(_, part)| *part).collect();
    if !parts.is_empty() {
        writeln!(said, "> changed {}", parts.join(" ")).unwrap();
    }
}

fn data(kind: Kind) -> String {
    let by = |by: Option<String>| by.map_or(String::new(), |by| format!(" by {by}"));
    match kind {
        Kind::PolicyChanged(data) => {
            let approval = data.approval.map_or(String::new(), |id| format!(" (approval {id})"));
            format!("revision {} by {}{approval}", data.revision, data.by)
        }
        Kind::PeopleChanged(data) => listed(&data.set, &data.removed, &data.by),
        Kind::TargetsChanged(data) => listed(&data.set, &data.removed, &data.by),
        Kind::ApprovalRequested(data) => {
            let what = match (data.command, data.policy_document) {
                (Some(held), _) => format!("{} command {}", held.session, held.command),
                _ => "a policy".to_owned(),
            };
            let rules = data.rules.iter().map(|asked| {
                let names: Vec<_> = asked.approvers.iter().map(ToString::to_string).collect();
                format!(" {}={}:{}", asked.rule, asked.count, names.join("+"))
            });
            format!("{} for {}: {what},{}", data.approval, data.person, rules.collect::<String>())
        }
        Kind::ApprovalRuled(data) => {
            let satisfied = if data.satisfied { ", satisfied" } else { "" };
            format!("{} {} by {}{satisfied}", data.approval, data.ruling, data.person)
        }
        Kind::ApprovalWithdrawn(data) => format!("{} ({})", data.approval, data.because),
        Kind::ApprovalExpired(data) => data.approval.to_string(),
        Kind::ApprovalRevoked(data) => format!("{} by {}", data.approval, data.by),
        Kind::ApprovalConsumed(data) => match (data.by_session, data.by_command) {
            (Some(session), Some(command)) => {
                format!("{} by {session} command {command}", data.approval)
            }
            _ => data.approval.to_string(),
        },
        Kind::LockSet(data) => format!("{} {} by {}", data.lock, data.scope, data.by),
        Kind::LockLifted(data) => format!("{} {}{}", data.lock, data.scope, by(data.by)),
        Kind::NodeJoined(data) => format!("{} as {} at {}", data.node, data.raft_id, data.address),
        Kind::NodeLeft(data) => {
            let (node, sessions) = (data.node, data.sessions);
            format!("{node} ({}), {sessions} sessions{}", data.reason, by(data.by))
        }
        Kind::BackupRestored(data) => {
            let gone: Vec<_> = data.gone.iter().map(ToString::to_string).collect();
            let gone = gone.join(" ");
            let after = data.after.map_or(String::new(), |seq| format!(", after event {seq}"));
            format!("with {}, gone: {gone}, {} sessions{after}", data.founder, data.sessions)
        }
        other => panic!("not an event of the control chain: {other:?}"),
    }
}

fn listed(set: &[proto::ids::Name], removed: &[proto::ids::Name], by: &str) -> String {
    let signed = |sign: char| move |name: &proto::ids::Name| format!("{sign}{name} ");
    let names: String =
        set.iter().map(signed('+')).chain(removed.iter().map(signed('-'))).collect();
    format!("{names}by {by}")
}

fn status_of(status: Status) -> String {
    match status {
        Status::Consumed { until: Some(until) } => {
            format!("used, for its session until @{}", until.0 / 1_000_000)
        }
        other => other.to_string(),
    }
}

pub(super) fn show(state: &State, parts: &[&str], said: &mut String) {
    for part in parts {
        let things: Vec<String> = match *part {
            "time" => vec![format!("{} @{}", state.applied(), state.time().0 / 1_000_000)],
            "deadline" => {
                let deadline = state.next_deadline();
                deadline.iter().map(|at| format!("@{}", at.0 / 1_000_000)).collect()
            }
            "policies" => {
                let revisions = state.policy_revisions().iter();
                revisions.map(|policy| format!("{}={}", policy.revision, policy.document)).collect()
            }
            "people" => state.people().map(|person| person.name.to_string()).collect(),
            "targets" => state.targets().map(|target| target.name.to_string()).collect(),
            "sessions" => {
                state.open_sessions().map(|open| open.opening.session.to_string()).collect()
            }
            "nodes" => state.nodes().map(node).collect(),
            "version" => vec![state.cluster_version().to_string()],
            "approvals" => state.approvals().map(approval).collect(),
            "locks" => {
                let locks = state.locks();
                locks.map(|lock| format!("{}={}", lock.id, lock.scope)).collect()
            }
            "ledger" => vec![state.ledger().0.to_string()],
            "unpublished" => state.unpublished().map(|event| event.id.seq.to_string()).collect(),
            other => panic!("not a part: {other}"),
        };
        let things = if things.is_empty() { "none".to_owned() } else { things.join(" · ") };
        writeln!(said, "> {part}: {things}").unwrap();
    }
}

fn node(node: &crate::Node) -> String {
    let presence = match node.presence {
        Presence::Joined => "joined",
        Presence::Up => "up",
        Presence::Stopped => "stopped",
        Presence::Lost => "lost",
        Presence::Removed => "removed",
    };
    format!("{} {presence} as {} in epoch {}", node.name, node.raft_id, node.epoch.0)
}

fn approval(approval: &Approval) -> String {
    let text = if let Asked::Policy(proposal) = &approval.asked {
        format!(" {:?}", proposal.setting.document)
    } else {
        String::new()
    };
    format!("{}{text} {}", approval.id, status_of(approval.status))
}
