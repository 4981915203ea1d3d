//! The record as a reader knows it, read on from round to round and now and then as a whole.
//!
//! Reading only what is new must not hide what a cut did to the end of the record: the last line
//! that is known is read again and has to lie where it lay, and what follows has to point back, by
//! hash, to the last event known of each chain. That older events are still there, unchanged, is
//! seen when the whole is read; the last round must do that.

use anyhow::{Result, bail, ensure};
use chaos_tests::invariants::Events;
use chaos_tests::live::Scene;
use store_proof::{Place, Verifier};

use crate::api::events_from;

/// What was read so far.
#[derive(Default)]
pub(crate) struct Record {
    events: Events,
}

impl Record {
    /// All events that were read.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Reads what came since.
    pub(crate) fn read_on(&mut self, scene: &Scene) -> Result<()> {
        let last = self.events.exact().count();
        self.go_on(&events_from(scene, last.max(1))?)
    }

    /// Verifies and reads everything anew.
    pub(crate) fn read_whole(&mut self, scene: &Scene) -> Result<()> {
        let verified = scene.node.administer(&["audit", "verify"])?;
        let text = format!("{}{}", verified.text(), verified.said());
        ensure!(verified.status.success(), "it does not verify: {text}");
        self.begin_anew(&scene.event_lines()?)
    }

    /// Takes the last line that is known and what follows it; at first there is none.
    pub(super) fn go_on(&mut self, read: &[String]) -> Result<()> {
        let mut new = read.iter();
        if let Some(last) = self.events.exact().last() {
            let there = new.next();
            ensure!(there.is_some_and(|there| there == last), "{there:?} instead of {last}");
        }
        self.follows(new.as_slice())?;
        self.add(new.as_slice())
    }

    /// Takes all lines: those that are known have to be there as they were, in their places.
    pub(super) fn begin_anew(&mut self, whole: &[String]) -> Result<()> {
        for (at, known) in self.events.exact().enumerate() {
            let there = whole.get(at);
            ensure!(there.is_some_and(|there| there == known), "{there:?} instead of {known}");
        }
        // What is known from here on is what is served now, not what once was.
        self.events = Events::default();
        self.add(whole)
    }

    /// Verifies new lines as what follows the last event of each chain.
    fn follows(&self, new: &[String]) -> Result<()> {
        let heads = self.events.heads();
        let mut verifier = Verifier::new();
        if !heads.is_empty() {
            verifier = verifier.partial();
        }
        // Findings name their events; positions in this excerpt would say nothing.
        for line in heads.into_iter().chain(new.iter().map(String::as_str)) {
            verifier.feed(Place::Position(0), line.as_bytes());
        }
        let report = verifier.finish();
        ensure!(!report.tampered, "what is new does not follow: {:?}", report.findings);
        Ok(())
    }

    fn add(&mut self, new: &[String]) -> Result<()> {
        match self.events.read_on(new.iter().map(String::as_str)) {
            Ok(()) => Ok(()),
            Err(line) => bail!("not an event: {line:?}"),
        }
    }
}
