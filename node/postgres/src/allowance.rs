//! What a statement may give and how long it may run, by policy; and what becomes of the
//! database's answers once it was too much: the statement is cancelled, the client gets one error
//! in its place, and nothing more up to the next `ReadyForQuery`.

use std::time::Duration;

use node_enforce::policy::Limits;
use proto::refusal::{Code, Told};

/// What becomes of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It goes on.
    On,
    /// It was one too many: it goes no further, and the database is to be asked to stop.
    Stop,
    /// It goes no further.
    Nowhere,
    /// The client gets this in its place.
    Instead(Told),
}

/// The state of one statement.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    limits: Limits,
    rows: u64,
    bytes: u64,
    until: Option<Duration>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// It is within its limits.
    #[default]
    Within,
    /// It was too much, and the client was not told yet.
    Over(Told),
    /// The client was told.
    Told,
}

impl Allowance {
    /// A statement begins; `now` is the elapsed clock.
    pub(crate) fn begin(&mut self, limits: Limits, now: Duration) {
        let until = limits.time.map(|time| now + time);
        *self = Self { limits, rows: 0, bytes: 0, until, state: State::Within };
    }

    /// It goes on, after its client asked for no more for a while.
    pub(crate) fn go_on(&mut self, now: Duration) {
        self.until = self.limits.time.map(|time| now + time);
    }

    /// Until when it may run, while that is not over.
    pub(crate) fn until(&self) -> Option<Duration> {
        self.until.filter(|_| matches!(self.state, State::Within))
    }

    /// Its time is over.
    pub(crate) fn is_late(&mut self) {
        if let (State::Within, Some(time)) = (&self.state, self.limits.time) {
            let text = format!(
                "The statement was stopped: it ran for more than the {} s that policy lets it.",
                time.as_secs()
            );
            self.state = State::Over(Told::new(Code::LimitReached, text));
        }
    }

    /// What becomes of a message of the database, which was taken note of already.
    pub(crate) fn way(&mut self, kind: u8, bytes: usize) -> Way {
        match (&self.state, kind) {
            // What is said beside any statement, or is wanted to be known.
            (_, b'S' | b'N' | b'A') => Way::On,
            (_, b'Z') => {
                // A portal that waits goes on within what is left.
                self.state = State::Within;
                Way::On
            }
            (State::Within, b'D' | b'd') => self.count(bytes as u64),
            (State::Within, _) => Way::On,
            // Stopped, or over before it heard of it: what is missing is said all the same.
            (State::Over(_), b'E' | b'C' | b's' | b'I') => match std::mem::take(&mut self.state) {
                State::Over(told) => {
                    self.state = State::Told;
                    Way::Instead(told)
                }
                State::Within | State::Told => Way::Nowhere,
            },
            // What was said of it before comes first, though it comes late.
            (State::Over(_), b'1' | b'2' | b'3' | b'n' | b't' | b'T') => Way::On,
            (State::Over(_) | State::Told, _) => Way::Nowhere,
        }
    }

    fn count(&mut self, bytes: u64) -> Way {
        self.rows += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        let over = |limit: Option<u64>, is: u64, what: &str| {
            limit.filter(|limit| is > *limit).map(|limit| format!("{limit} {what}"))
        };
        let over = over(self.limits.rows, self.rows, "rows")
            .or_else(|| over(self.limits.bytes, self.bytes, "bytes of rows"));
        let Some(most) = over else { return Way::On };
        let text = format!(
            "The statement was stopped: it gave more than the {most} that policy lets through."
        );
        self.state = State::Over(Told::new(Code::LimitReached, text));
        Way::Stop
    }
}
