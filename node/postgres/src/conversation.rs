//! What a client and its database are in the middle of: statements and portals by name, answers
//! that are still to come, and the command that is under way. Pure; it judges nothing.
//!
//! Names count from the database's own confirmation on. Were they believed when the client says
//! them, a `Parse` that fails would leave a name that runs another text than the one judged.

mod names;
mod said;
mod turns;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use node_enforce::sql::Script;
use proto::refusal::Told;

use crate::allowance::{Allowance, Way};
use crate::codec::places::{Finder, Malformed, Shape};
use crate::codec::read::{self, Reader};
use crate::table::Columns;
use crate::tracked::Tracked;
use crate::veil::{Sight, Veil};
use names::key;
pub(crate) use names::{Bound, Portal, Statement};
pub(crate) use said::{Parameters, is_no_text, script};
pub(crate) use turns::Turn;

/// How many answers may be outstanding.
pub(crate) const OUTSTANDING: usize = 4096;

/// An answer that is to come from the database.
#[derive(Debug)]
enum Expected {
    Parse(Box<[u8]>, Statement),
    Bind(Box<[u8]>, Portal),
    Close(u8, Box<[u8]>),
    DescribeStatement(Box<[u8]>),
    DescribePortal(Box<[u8]>),
    Execute(Box<[u8]>, Arc<Script>),
    /// A text, and how many of its statements are done.
    Query(Arc<Script>, usize),
    Sync,
    /// An error that we asked for, in whose place the client gets another.
    Refused(Told),
}

/// The command that the gate has.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    None,
    /// A `Query`.
    Simple,
    /// A portal that was bound and does not run: not yet, or only up to its limit of rows.
    Waits(Box<[u8]>),
    /// A portal that runs.
    Runs(Box<[u8]>),
    /// Its end is to be told to the gate.
    Over,
}

/// What becomes of a message of the database.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    /// It goes on.
    On,
    /// The client gets this in its place.
    Instead(Told),
    /// It goes no further; the database is to be asked to stop.
    Stop,
    /// It goes no further; whether the database waits for a copy that nobody will send.
    Nowhere(bool),
    /// The database changed a setting that may not change.
    Unfit(&'static str),
}

/// What is copied in or out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    None,
    In,
    Text,
    Binary,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Conversation {
    expected: VecDeque<Expected>,
    statements: HashMap<Box<[u8]>, Statement>,
    portals: HashMap<Box<[u8]>, Portal>,
    text_bytes: usize,
    command: Command,
    failed: bool,
    shape: Shape,
    copy: Copy,
    skipping: bool,
    /// Whether something ran since the last `Sync`: it may have changed settings, and the database
    /// says so no sooner than then.
    ran: bool,
    /// Whether the database was asked for answers since the last thing that it was sent.
    asked: bool,
    /// What is not shown because columns are masked.
    pub(crate) veil: Veil,
    tracked: Tracked,
    pub(crate) allowance: Allowance,
    /// Whether something failed since the last `ReadyForQuery`.
    erred: bool,
}

impl Conversation {
    pub(crate) fn new() -> Self {
        Self {
            expected: VecDeque::new(),
            statements: HashMap::new(),
            portals: HashMap::new(),
            text_bytes: 0,
            command: Command::None,
            failed: false,
            shape: Shape::default(),
            copy: Copy::None,
            skipping: false,
            ran: false,
            asked: true,
            veil: Veil::new(),
            tracked: Tracked::default(),
            allowance: Allowance::default(),
            erred: false,
        }
    }

    /// What the database said of a parameter when the connection began.
    pub(crate) fn began(&mut self, body: &[u8]) {
        drop(self.status(body));
    }

    /// Whether a text may be read otherwise by the database than by us: with backslashes or beyond
    /// ASCII, behind something that may have changed how strings are read and was not told yet.
    pub(crate) fn may_be_misread(&self, text: &[u8]) -> bool {
        self.ran && text.iter().any(|byte| *byte == b'\\' || !byte.is_ascii())
    }

    /// Whether a command runs: its limits may end it, and the database may still ask for data to
    /// copy.
    pub(crate) fn runs(&self) -> bool {
        matches!(self.command, Command::Simple | Command::Runs(_))
    }

    /// Which columns the rows have that came last.
    pub(crate) fn columns_now(&self) -> Columns {
        let shape = self.shape.clone();
        match self.command {
            Command::Simple => Columns::AsDescribed(shape),
            _ => Columns::Bound(shape),
        }
    }

    /// Whether nothing is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.expected.is_empty() && matches!(self.command, Command::None)
    }

    /// Whether the gate has a command.
    pub(crate) fn has_command(&self) -> bool {
        !matches!(self.command, Command::None)
    }

    /// A command that is over, to be told to the gate; whether it failed.
    pub(crate) fn take_over(&mut self) -> Option<bool> {
        (self.command == Command::Over).then(|| self.end_command())
    }

    /// Gives up a portal that does not run, since something else begins.
    pub(crate) fn give_up(&mut self) -> Option<bool> {
        matches!(self.command, Command::Waits(_)).then(|| self.end_command())
    }

    fn end_command(&mut self) -> bool {
        self.command = Command::None;
        std::mem::take(&mut self.failed)
    }

    fn expect(&mut self, expected: Expected) {
        self.expected.push_back(expected);
        self.asked = false;
    }

    // What was sent to the database.

    pub(crate) fn parsed(&mut self, name: &[u8], statement: Statement) {
        self.expect(Expected::Parse(key(name).into(), statement));
    }

    /// A `Parse` was refused. As with one that fails, there is no unnamed statement after it.
    pub(crate) fn not_parsed(&mut self, name: &[u8]) {
        if name.is_empty() {
            self.forget(b'S', name);
        }
    }

    pub(crate) fn bound(&mut self, name: &[u8], of: &Statement, as_judged: Bound<'_>) {
        let name = key(name);
        let portal = Portal::new(of, as_judged);
        self.expect(Expected::Bind(name.into(), portal));
        self.command = Command::Waits(name.into());
    }

    /// What is known of what was bound or queried last.
    pub(crate) fn seen(&mut self, sights: Arc<[Sight]>) {
        self.veil.expect(&sights);
        match self.expected.back_mut() {
            Some(Expected::Bind(_, portal)) => portal.sights = sights,
            _ => self.veil.run(sights),
        }
    }

    pub(crate) fn executed(&mut self, portal: &[u8], script: Arc<Script>) {
        let portal = key(portal);
        if let Some(portal) = self.portal(portal) {
            let sights = portal.sights.clone();
            self.shape = portal.shape.clone();
            self.veil.run(sights);
        }
        self.ran = true;
        self.expect(Expected::Execute(portal.into(), script));
        self.command = Command::Runs(portal.into());
    }

    pub(crate) fn described(&mut self, of: u8, name: &[u8]) {
        let name = key(name);
        self.expect(match of {
            b'S' => Expected::DescribeStatement(name.into()),
            _ => Expected::DescribePortal(name.into()),
        });
    }

    pub(crate) fn closed(&mut self, of: u8, name: &[u8]) {
        self.expect(Expected::Close(of, key(name).into()));
    }

    pub(crate) fn queried(&mut self, script: Arc<Script>) {
        self.shape = Shape::undescribed(true);
        self.expect(Expected::Query(script, 0));
        (self.command, self.asked) = (Command::Simple, true);
    }

    pub(crate) fn synced(&mut self) {
        self.expect(Expected::Sync);
        (self.skipping, self.asked) = (false, true);
    }

    /// What makes the database fail was sent, in place of what is refused.
    pub(crate) fn refused(&mut self, told: Told) {
        self.expect(Expected::Refused(told));
        self.skipping = true;
    }

    /// Takes one whole message of the database; adds the places of its values, if it goes on.
    pub(crate) fn answered(
        &mut self,
        kind: u8,
        body: &[u8],
        finder: Finder<'_>,
    ) -> Result<Passed, Malformed> {
        let Finder { places, at } = finder;
        let before = places.len();
        let passed = self.noted(kind, body, Finder { places: &mut *places, at })?;
        let passed = match self.allowance.way(kind, body.len()) {
            Way::On => return Ok(passed),
            Way::Stop => Passed::Stop,
            Way::Nowhere => Passed::Nowhere(kind == b'G'),
            Way::Instead(told) => {
                // As behind any error: the client's next word is a Sync.
                let waits = |one: &Expected| matches!(one, Expected::Sync | Expected::Query(..));
                self.skipping |= !self.expected.iter().any(waits);
                Passed::Instead(told)
            }
        };
        places.truncate(before);
        Ok(passed)
    }

    fn noted(
        &mut self,
        kind: u8,
        body: &[u8],
        mut finder: Finder<'_>,
    ) -> Result<Passed, Malformed> {
        match kind {
            b'D' => finder.row(body, &self.shape, self.veil.view(self.shape.origins()))?,
            b'd' => self.veil.copied(body, finder, self.copy == Copy::Binary)?,
            b'T' => {
                finder.names(body)?;
                self.columns(body)?;
            }
            b'C' => {
                finder.texts(kind, body, 0)?;
                self.completed(body);
            }
            b'E' => {
                if let Some(told) = self.failed() {
                    return Ok(Passed::Instead(told));
                }
                self.veil.said(kind, body, finder)?;
            }
            b'N' | b'A' => self.veil.said(kind, body, finder)?,
            b'S' => {
                self.veil.said(kind, body, finder)?;
                return Ok(self.status(body));
            }
            b'Z' => self.ready(body)?,
            b'G' => {
                self.copy = Copy::In;
                // It reads data from here on, and passes over a `Sync` that stands among it.
                while matches!(self.expected.get(1), Some(Expected::Sync)) {
                    self.expected.remove(1);
                }
            }
            b'H' => {
                let binary = body.first().is_some_and(|format| *format != 0);
                self.copy = if binary { Copy::Binary } else { Copy::Text };
            }
            b'c' => {}
            b'1' | b'2' | b'3' | b'n' | b'I' | b's' => self.short(kind)?,
            b't' => self.types(body),
            other => return Err(Malformed(other)),
        }
        Ok(Passed::On)
    }

    fn short(&mut self, kind: u8) -> Result<(), Malformed> {
        // Within a `Query` an empty one is the only of these.
        if let (b'I', Some(Expected::Query(..))) = (kind, self.expected.front()) {
            return Ok(());
        }
        let front = self.expected.pop_front();
        match (kind, front) {
            (b'1', Some(Expected::Parse(name, statement))) => {
                self.keep(name, statement);
            }
            (b'2', Some(Expected::Bind(name, portal))) => {
                self.text_bytes += portal.bytes();
                let old = self.portals.insert(name, portal);
                self.text_bytes -= old.map_or(0, |old| old.bytes());
            }
            (b'3', Some(Expected::Close(of, name))) => self.forget(of, &name),
            (b'n', Some(Expected::DescribeStatement(_) | Expected::DescribePortal(_))) => {}
            (b'I', Some(Expected::Execute(..))) => self.command = Command::Over,
            (b's', Some(Expected::Execute(portal, _))) => self.command = Command::Waits(portal),
            _ => return Err(Malformed(kind)),
        }
        Ok(())
    }

    fn columns(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let shape = Shape::described(read::columns(body).ok_or(Malformed(b'T'))?)
            .with_origins(read::origins(body).ok_or(Malformed(b'T'))?);
        match self.expected.front() {
            Some(Expected::DescribeStatement(_)) => {
                if let Some(Expected::DescribeStatement(name)) = self.expected.pop_front()
                    && let Some(statement) = self.statements.get_mut(&name)
                {
                    statement.shape = Some(shape);
                }
            }
            Some(Expected::DescribePortal(_)) => {
                if let Some(Expected::DescribePortal(name)) = self.expected.pop_front()
                    && let Some(portal) = self.portals.get_mut(&name)
                {
                    // It may run already: what it gives comes behind this.
                    self.shape = shape.clone();
                    portal.shape = shape;
                }
            }
            Some(Expected::Query(..) | Expected::Execute(..)) => self.shape = shape,
            _ => return Err(Malformed(b'T')),
        }
        Ok(())
    }

    fn completed(&mut self, body: &[u8]) {
        self.copy = Copy::None;
        let tag = Reader::new(body).name().unwrap_or_default();
        self.veil.completed(tag);
        // Cursors are portals: what SQL closes may come back as something else.
        if tag.starts_with(b"CLOSE") || tag.starts_with(b"DISCARD") {
            self.portals.clear();
            self.count_texts();
        }
        match self.expected.front_mut() {
            Some(Expected::Execute(_, script)) => {
                let script = script.clone();
                self.expected.pop_front();
                self.command = Command::Over;
                self.done(&script, 0, tag);
            }
            Some(Expected::Query(script, at)) => {
                let (script, done) = (script.clone(), *at);
                *at += 1;
                self.done(&script, done, tag);
            }
            _ => {}
        }
    }

    /// An error came. Gives what the client is told in its place, when we asked for it.
    fn failed(&mut self) -> Option<Told> {
        self.copy = Copy::None;
        self.veil.failed();
        if matches!(self.expected.front(), Some(Expected::Refused(_))) {
            self.erred = true;
            return match self.expected.pop_front() {
                Some(Expected::Refused(told)) => Some(told),
                _ => None,
            };
        }
        self.erred = true;
        // The database leaves out all that is not answered yet, up to the next `Sync`.
        while !matches!(self.expected.front(), None | Some(Expected::Sync | Expected::Query(..))) {
            self.expected.pop_front();
        }
        self.skipping |= self.expected.is_empty();
        match self.command {
            Command::Waits(_) | Command::Runs(_) => {
                (self.command, self.failed) = (Command::Over, true);
            }
            Command::Simple => self.failed = true,
            Command::None | Command::Over => {}
        }
        None
    }

    fn ready(&mut self, body: &[u8]) -> Result<(), Malformed> {
        let bad = Malformed(b'Z');
        let is_idle = match body {
            b"I" => true,
            b"T" | b"E" => false,
            _ => return Err(bad),
        };
        match self.expected.pop_front() {
            Some(Expected::Query(..) | Expected::Sync) => {}
            _ => return Err(bad),
        }
        let erred = std::mem::take(&mut self.erred);
        (self.copy, self.ran) = (Copy::None, false);
        self.veil.ready(is_idle);
        if is_idle {
            self.tracked.idle(erred);
            // Portals do not outlive their transaction.
            let bytes: usize = self.portals.values().map(Portal::bytes).sum();
            self.portals.clear();
            self.text_bytes = self.text_bytes.saturating_sub(bytes);
        }
        match self.command {
            Command::Simple | Command::Runs(_) => self.command = Command::Over,
            Command::Waits(_) if is_idle => self.command = Command::Over,
            _ => {}
        }
        Ok(())
    }
}
