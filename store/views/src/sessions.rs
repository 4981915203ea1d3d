//! The view behind `sessions list` and `sessions show`.

use std::collections::{BTreeMap, BTreeSet};

use proto::event::{Event, Kind, SessionOpened};
use proto::ids::{Chain, Name, SessionId};

use crate::row::{COMMANDS_LIMIT, CommandRow, CommandState, SessionRow, SessionState};

/// How many sessions the view holds by default, the newest; the log has them all.
pub const SESSIONS_LIMIT: usize = 10_000;

/// Sessions by the order in which they were opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionsView {
    limit: usize,
    cursor: u64,
    /// By the position of the event that opened them.
    rows: BTreeMap<u64, SessionRow>,
    positions: BTreeMap<SessionId, u64>,
    /// Positions of those that are open.
    open: BTreeSet<u64>,
}

impl Default for SessionsView {
    fn default() -> Self {
        Self::new(SESSIONS_LIMIT)
    }
}

impl SessionsView {
    /// An empty view that holds up to `limit` sessions.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            cursor: 0,
            rows: BTreeMap::new(),
            positions: BTreeMap::new(),
            open: BTreeSet::new(),
        }
    }

    /// The position up to which events are in the view; fold from the next one on.
    #[must_use]
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// Takes one event. Positions ascend; one that was folded already is passed over, so that an
    /// event that is delivered twice counts once.
    pub fn fold(&mut self, position: u64, event: &Event) {
        if position <= self.cursor {
            return;
        }
        self.cursor = position;
        match (&event.kind, &event.id.chain) {
            (Some(Kind::NodeStarted(_)), Chain::Node(node)) => {
                self.node_ended(node, event, "the node crashed");
            }
            (Some(Kind::NodeStopped(_)), Chain::Node(node)) => {
                self.node_ended(node, event, "the node stopped");
            }
            (Some(Kind::SessionOpened(opened)), Chain::Node(node)) => {
                self.open(position, opened, node, event);
            }
            (Some(kind), _) => self.in_session(kind, event),
            (None, _) => {}
        }
    }

    /// The sessions, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &SessionRow> {
        self.rows.values()
    }

    /// One session.
    #[must_use]
    pub fn get(&self, id: &SessionId) -> Option<&SessionRow> {
        self.rows.get(self.positions.get(id)?)
    }

    /// How many sessions are open.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    fn open(&mut self, position: u64, opened: &SessionOpened, node: &Name, event: &Event) {
        let about = &event.about;
        let (Some(id), Some(actor), Some(target)) = (&about.session, &about.actor, &about.target)
        else {
            return;
        };
        if self.positions.contains_key(id) {
            return;
        }
        let row = SessionRow {
            id: id.clone(),
            person: actor.person.clone(),
            target: target.name.clone(),
            login: target.login.clone(),
            channel: opened.channel,
            grant: opened.grant.clone(),
            from: actor.from.clone(),
            state: SessionState::Open,
            opened: event.time,
            closed: None,
            reason: None,
            node: node.clone(),
            epoch: event.id.epoch,
            commands_judged: 0,
            commands: std::collections::VecDeque::new(),
        };
        if self.rows.len() == self.limit
            && let Some((oldest, row)) = self.rows.pop_first()
        {
            self.positions.remove(&row.id);
            self.open.remove(&oldest);
        }
        self.positions.insert(id.clone(), position);
        self.open.insert(position);
        self.rows.insert(position, row);
    }

    fn in_session(&mut self, kind: &Kind, event: &Event) {
        let Some(id) = &event.about.session else {
            return;
        };
        let Some(position) = self.positions.get(id).copied() else {
            return;
        };
        let Some(row) = self.rows.get_mut(&position) else {
            return;
        };
        match kind {
            Kind::CommandJudged(judged) => match row.command(judged.command) {
                // It was judged again: the later verdict counts, what it did so far stays.
                Some(known) => {
                    known.verdict = judged.verdict;
                    known.rules.clone_from(&judged.rules);
                    known.told.clone_from(&judged.told);
                }
                None => {
                    row.commands_judged += 1;
                    if row.commands.len() == COMMANDS_LIMIT {
                        row.commands.pop_front();
                    }
                    row.commands.push_back(CommandRow::new(judged, event.time));
                }
            },
            Kind::CommandReleased(released) => {
                if let Some(command) = row.command(released.command) {
                    command.approval = Some(released.approval);
                }
            }
            Kind::CommandStarted(started) => {
                if let Some(command) = row.command(started.command) {
                    command.state = CommandState::Running;
                }
            }
            Kind::CommandFinished(finished) => {
                if let Some(command) = row.command(finished.command) {
                    command.finish(finished);
                }
            }
            Kind::SessionClosed(closed) if row.state == SessionState::Open => {
                row.end(event.time, closed.reason.clone(), false);
                self.open.remove(&position);
            }
            _ => {}
        }
    }

    /// A node ended or begins anew: what it had open is lost.
    fn node_ended(&mut self, node: &Name, event: &Event, reason: &str) {
        let rows = &mut self.rows;
        self.open.retain(|position| {
            let Some(row) = rows.get_mut(position).filter(|row| row.node == *node) else {
                return true;
            };
            row.end(event.time, reason.to_owned(), true);
            false
        });
    }
}
