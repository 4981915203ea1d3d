//! Folds events into a home: exactly once each, in the order of their chains.
//!
//! It is told events, and knows neither where they come from nor what time it is. A step that may
//! or may not have been taken is settled by reading the cursors again, never by guessing.

use std::collections::BTreeMap;

use proto::ids::Chain;

use crate::delivered::Delivered;
use crate::fold::fold;
use crate::home::{Cursor, Home, HomeError, Move, Reached, Step, Taken};
use crate::lane::{Hold, Lane, Offered};
use crate::tables::{Key, Row};
use crate::working::Working;

/// How many events one step takes at most.
pub const STEP_EVENTS: usize = 4096;

/// Where a chain may begin that the home has nothing of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// At its first event: for sources that deliver in any order.
    AtOne,
    /// At the first that is delivered: for a journal, which is read in order and may not hold what
    /// was before a restore.
    WhereTheSourceDoes,
}

/// How far a chain is, for `views status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The chain.
    pub chain: String,
    /// What is in the tables.
    pub cursor: Option<Cursor>,
    /// Why it goes no further.
    pub hold: Option<Hold>,
}

/// Folds events into one home.
pub struct Projector<H> {
    home: H,
    source: String,
    begins: Begins,
    lanes: BTreeMap<String, Lane>,
    /// Whether the lanes are what the home says.
    known: bool,
    /// Whether the source is read from its start, so that chains may begin.
    from_start: bool,
    /// Whether somebody else set a chain back since the source was last read from its start.
    set_back: bool,
}

impl<H: Home> Projector<H> {
    /// A projector of one source into a home. The home is not looked at yet.
    pub fn new(home: H, source: impl Into<String>, begins: Begins) -> Self {
        let (source, lanes) = (source.into(), BTreeMap::new());
        Self { home, source, begins, lanes, known: false, from_start: true, set_back: false }
    }

    /// The home, to read from.
    pub fn home(&mut self) -> &mut H {
        &mut self.home
    }

    /// Looks where the chains stand, and says how far the source has been read. What is in line
    /// and not in the tables stays in line; what somebody else set back must be delivered again.
    ///
    /// # Errors
    /// [`HomeError`] when the home does not answer.
    pub fn look(&mut self) -> Result<Reached, HomeError> {
        self.known = false;
        let mut cursors: BTreeMap<String, Cursor> = self.home.cursors()?.into_iter().collect();
        for (chain, lane) in &mut self.lanes {
            self.set_back |= lane.stands(cursors.remove(chain));
        }
        for (chain, cursor) in cursors {
            self.lanes.insert(chain, Lane::at(Some(cursor)));
        }
        let reached = self.home.reached(&self.source)?.unwrap_or_default();
        self.known = true;
        // In the middle of a source nobody can tell whether a chain begins there.
        self.from_start = !self.set_back && reached.position == 0;
        Ok(reached)
    }

    /// Whether somebody else set a chain back: what was delivered of it must be delivered again, so
    /// the source must be read from its start.
    #[must_use]
    pub fn is_set_back(&self) -> bool {
        self.set_back
    }

    /// The source is delivered again from its start.
    pub fn rewind(&mut self) {
        (self.from_start, self.set_back) = (true, false);
    }

    /// Takes an event in, to be folded by the next [`Self::fold`].
    pub fn offer(&mut self, delivered: Delivered) -> Offered {
        let begins = self.begins == Begins::WhereTheSourceDoes && self.from_start;
        self.lane(&delivered.event.id.chain).offer(delivered, begins)
    }

    /// Takes an event of a chain that does not come from the source, and begins at its first.
    pub fn offer_from_one(&mut self, delivered: Delivered) -> Offered {
        self.lane(&delivered.event.id.chain).offer(delivered, false)
    }

    fn lane(&mut self, chain: &Chain) -> &mut Lane {
        if !self.lanes.contains_key(chain.as_str()) {
            self.lanes.insert(chain.to_string(), Lane::default());
        }
        self.lanes.get_mut(chain.as_str()).expect("it is there now")
    }

    /// Folds what is in line, up to [`STEP_EVENTS`], as one step; says how many events that were
    /// and which rows changed. `reached` is noted with it, if nothing is held back.
    ///
    /// # Errors
    /// [`HomeError`]; what was in line stays there.
    pub fn fold(&mut self, reached: Option<Reached>) -> Result<(usize, Vec<Row>), HomeError> {
        if !self.known {
            self.look()?;
        }
        loop {
            let step = self.step(reached.clone())?;
            if step.moves.is_empty() && step.source.is_none() {
                return Ok((0, Vec::new()));
            }
            // Until the answer is there nobody knows where the chains stand.
            self.known = false;
            match self.home.take(&step)? {
                Taken::Whole => {
                    self.known = true;
                    let folded = self.settle(&step);
                    return Ok((folded, step.rows));
                }
                Taken::Moved => {
                    self.look()?;
                }
            }
        }
    }

    fn step(&mut self, reached: Option<Reached>) -> Result<Step, HomeError> {
        let mut step = Step::default();
        let mut room = STEP_EVENTS;
        for (chain, lane) in &self.lanes {
            let count = lane.line.len().min(room);
            room -= count;
            let Some(last) = count.checked_sub(1).and_then(|last| lane.line.get(last)) else {
                continue;
            };
            let first = lane.line.front().map_or(1, |first| first.event.id.seq);
            let begins = lane.cursor.as_ref().map_or(first, |cursor| cursor.begins);
            let to = Cursor {
                seq: last.event.id.seq,
                epoch: last.event.id.epoch.0,
                hash: last.hash,
                at: last.event.time,
                begins,
            };
            let events = || lane.line.iter().take(count);
            step.rows.extend(folded(&mut self.home, chain, events)?);
            step.moves.push(Move { chain: chain.clone(), from: lane.cursor.clone(), to });
        }
        let all = self.in_line() <= STEP_EVENTS;
        let held = self.set_back || self.lanes.values().any(|lane| lane.hold().is_some());
        step.source = reached.filter(|_| all && !held).map(|at| (self.source.clone(), at));
        Ok(step)
    }

    fn settle(&mut self, step: &Step) -> usize {
        let mut folded = 0;
        for Move { chain, to, .. } in &step.moves {
            let Some(lane) = self.lanes.get_mut(chain) else { continue };
            let before = lane.line.len();
            lane.line.retain(|waiting| waiting.event.id.seq > to.seq);
            folded += before - lane.line.len();
            lane.cursor = Some(to.clone());
        }
        folded
    }

    /// How many events are in line.
    #[must_use]
    pub fn in_line(&self) -> usize {
        self.lanes.values().map(|lane| lane.line.len()).sum()
    }

    /// Where each chain stands, as of the last look.
    #[must_use]
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(chain, lane): (&String, &Lane)| Standing {
            chain: chain.clone(),
            cursor: lane.cursor.clone(),
            hold: lane.hold(),
        };
        self.lanes.iter().map(standing).collect()
    }

    /// Drops what is folded of the chains that the source has, so that reading it from the start
    /// folds them anew. Chains of others stay: their source may be gone.
    ///
    /// # Errors
    /// [`HomeError`] when the home does not answer; then it is unknown what is dropped.
    pub fn forget(&mut self, chains: &[Chain]) -> Result<(), HomeError> {
        let names: Vec<_> = chains.iter().map(Chain::to_string).collect();
        self.known = false;
        self.home.forget(&names, &self.source)?;
        for name in &names {
            self.lanes.remove(name);
        }
        self.look()?;
        self.rewind();
        Ok(())
    }
}

/// The rows that events of one chain change. The fold runs over unknown rows first: what it asks
/// for is fetched, until it asks for nothing more.
fn folded<'a, I: Iterator<Item = &'a Delivered>>(
    home: &mut impl Home,
    chain: &str,
    events: impl Fn() -> I,
) -> Result<Vec<Row>, HomeError> {
    let mut known: Vec<(Key, Option<Row>)> = Vec::new();
    let mut asked: Vec<Key> = Vec::new();
    loop {
        let mut rows = Working::of(chain.to_owned());
        for (key, row) in known {
            rows.know(key, row);
        }
        events().for_each(|delivered| fold(&mut rows, &delivered.event));
        let unknown = rows.take_unknown();
        if unknown.is_empty() {
            return Ok(rows.changed());
        }
        // What was known is changed by now, so it is fetched anew; which happens to few, because
        // the first run asks for nearly all.
        asked.extend(unknown);
        let found = home.rows(chain, &asked)?;
        known = asked.iter().map(|key| (key.clone(), None)).collect();
        let found = found.into_iter().map(|row| (Key::new(row.table(), row.id()), Some(row)));
        known.extend(found);
    }
}
