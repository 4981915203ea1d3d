//! The candidates that read on, and the bytes of the stream that they have for themselves.

use super::super::detector::{Candidate, Progress};
use super::super::scan::{Found, Pending};
use super::super::text::Text;

/// What kinds of candidates are told by, beside the numbers of prefixes.
pub(super) const KEY_VALUE: u16 = u16::MAX;
pub(super) const URL: u16 = u16::MAX - 1;
pub(super) const JWT: u16 = u16::MAX - 2;
pub(super) const PEM: u16 = u16::MAX - 3;
pub(super) const EMAIL: u16 = u16::MAX - 4;
pub(super) const TELEGRAM: u16 = u16::MAX - 5;
pub(super) const COOKIE: u16 = u16::MAX - 6;
pub(super) const OPTION: u16 = u16::MAX - 7;
pub(super) const PGPASS: u16 = u16::MAX - 8;
pub(super) const NETRC: u16 = u16::MAX - 9;
pub(super) const AZURE: u16 = u16::MAX - 10;
pub(super) const DISCORD: u16 = u16::MAX - 11;
pub(super) const MANIFEST: u16 = u16::MAX - 12;
pub(super) const SECTION: u16 = u16::MAX - 13;
pub(super) const WALLET: u16 = u16::MAX - 14;

struct Runner {
    kind: u16,
    treatment: u16,
    candidate: Candidate,
}

/// A range of the stream in which a kind starts nothing new, since one of it has it.
struct Taken {
    kind: u16,
    from: u64,
    to: u64,
}

/// The candidates of one stream.
#[derive(Default)]
pub(super) struct Running {
    runners: Vec<Runner>,
    taken: Vec<Taken>,
}

impl Running {
    /// Lets all read on. One whose bytes another of its kind has adds nothing to it, and ends:
    /// so there are never more than there are kinds.
    pub(super) fn advance(&mut self, text: &Text, ended: bool, found: &mut Vec<Found>) {
        for runner in std::mem::take(&mut self.runners) {
            let begins = runner.candidate.exclusive_from();
            let same = |other: &Runner| other.kind == runner.kind;
            let has = |other: &Runner| begins.is_some_and(|at| other.candidate.has(at));
            if !self.runners.iter().any(|other| same(other) && has(other)) {
                self.run(runner, text, ended, found);
            }
        }
    }

    /// Starts a candidate at `at`, unless another of its kind has that place.
    pub(super) fn start(
        &mut self,
        (kind, treatment): (u16, u16),
        at: u64,
        candidate: impl FnOnce() -> Candidate,
        (text, ended): (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if !self.is_taken(kind, treatment, text, at) {
            self.run(Runner { kind, treatment, candidate: candidate() }, text, ended, found);
        }
    }

    /// Adds what a candidate at `at` would find at once, unless another of its kind has that place.
    pub(super) fn find(
        &mut self,
        (kind, treatment): (u16, u16),
        at: u64,
        value: Option<(u64, u64)>,
        text: &Text,
        found: &mut Vec<Found>,
    ) {
        if let Some((start, end)) = value
            && !self.is_taken(kind, treatment, text, at)
        {
            found.push(Found { start, end, treatment });
        }
    }

    fn is_taken(&self, kind: u16, treatment: u16, text: &Text, at: u64) -> bool {
        let taken = |one: &Taken| one.kind == kind && (one.from..one.to).contains(&at);
        let runs = |runner: &Runner| {
            runner.kind == kind
                && (runner.candidate.has(at)
                    || runner.treatment == treatment && runner.candidate.covers(text, at))
        };
        self.taken.iter().any(taken) || self.runners.iter().any(runs)
    }

    /// Whether a candidate of this kind that has made sure of itself is around `at`.
    pub(super) fn is_within(&self, kind: u16, at: u64) -> bool {
        let taken = |one: &Taken| one.kind == kind && (one.from..one.to).contains(&at);
        let begins = |runner: &Runner| runner.candidate.exclusive_from();
        let runs = |one: &Runner| one.kind == kind && begins(one).is_some_and(|from| from <= at);
        self.taken.iter().any(taken) || self.runners.iter().any(runs)
    }

    /// Lets a candidate read on; it goes on running if it needs more.
    fn run(&mut self, mut runner: Runner, text: &Text, ended: bool, found: &mut Vec<Found>) {
        loop {
            let progress = runner.candidate.advance(text, ended);
            if let Some((start, end)) = progress.span() {
                let doubtful = u16::from(runner.candidate.is_doubtful());
                found.push(Found { start, end, treatment: runner.treatment + doubtful });
            }
            match progress {
                Progress::Next(_) => {}
                Progress::Open(_) => return self.runners.push(runner),
                Progress::Done(_) => break,
            }
        }
        if let Some(from) = runner.candidate.exclusive_from() {
            self.take(Taken { kind: runner.kind, from, to: runner.candidate.position() });
        }
    }

    /// Of each kind the last range is kept: whatever is started is started in order.
    fn take(&mut self, new: Taken) {
        match self.taken.iter_mut().find(|taken| taken.kind == new.kind) {
            Some(old) if old.to == new.to => old.from = old.from.min(new.from),
            Some(old) if old.to < new.to => *old = new,
            Some(_) => {}
            None => self.taken.push(new),
        }
    }

    /// Up to here the last of a kind has read, if one is running.
    pub(super) fn has_read(&self, kind: u16) -> Option<u64> {
        let own = self.runners.iter().filter(|runner| runner.kind == kind);
        own.map(|runner| runner.candidate.position()).max()
    }

    /// Forgets what ends before `at`.
    pub(super) fn forget_before(&mut self, at: u64) {
        self.taken.retain(|taken| taken.to > at);
    }

    /// What the candidates keep pending, if the text ends at `end`.
    pub(super) fn pending(&self, end: u64) -> Pending {
        let each = self.runners.iter().map(|runner| runner.candidate.pending(end));
        each.fold(Pending::none(end), Pending::and)
    }
}
