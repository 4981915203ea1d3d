//! `audit rederive`: goes over a record and derives each decision again; what differs is named.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use proto::event::{CommandJudged, Event, Kind};
use proto::ids::Digest;
use proto::refusal::Code;
use serde::Serialize;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::rederive::{Derived, ReadAgain, decision, reading};
use crate::source::Source;
use crate::terminal::safe;
use crate::texts::{OpeningKeys, Said, Texts};

/// How many differences are named; more are counted.
const NAMED_LIMIT: usize = 10_000;

/// What became of a rederivation.
#[derive(Debug, Default, Serialize)]
struct Counts {
    commands: u64,
    differences: u64,
    underivable: u64,
    opened: u64,
    readings_changed: u64,
    named: Vec<Named>,
}

/// One command that did not come out as recorded.
#[derive(Debug, Serialize)]
struct Named {
    id: String,
    place: String,
    what: &'static str,
    text: String,
}

/// One run over a record.
pub(super) struct Rederivation {
    source: Source,
    keys: Option<OpeningKeys>,
    policies: BTreeMap<Digest, Option<Policy>>,
    texts: Texts,
    counts: Counts,
}

impl Rederivation {
    pub(super) fn new(source: Source, keys: Option<OpeningKeys>) -> Self {
        let (policies, texts) = (BTreeMap::new(), Texts::default());
        Self { source, keys, policies, texts, counts: Counts::default() }
    }

    pub(super) async fn run(&mut self) -> Outcome {
        while let Some((place, bytes)) = self.source.next().await? {
            let event = Event::read(&bytes).map_err(|error| {
                let text = format!("{place}: {error}; see `sallyport audit verify`");
                Failure::new(Code::ArchiveUnreadable, text)
            })?;
            match &event.kind {
                Some(Kind::CommandPart(part)) => self.texts.part(&event, part),
                Some(Kind::CommandJudged(judged)) => {
                    let place = place.to_string();
                    self.command(&place, &event, judged).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn command(&mut self, place: &str, event: &Event, judged: &CommandJudged) -> Outcome {
        self.counts.commands += 1;
        let Some(reference) = event.about.policy else {
            self.name(event, place, "underivable", "it does not name its policy");
            return Ok(());
        };
        self.fetch(&reference.digest).await?;
        let Some(Some(policy)) = self.policies.get(&reference.digest) else {
            let text = format!("its policy {} cannot be had", reference.digest);
            self.name(event, place, "underivable", &text);
            return Ok(());
        };
        let derived = decision(policy, event, judged);
        let (_, opened) = self.texts.take(Said::by(event, judged), self.keys.as_ref());
        let again = opened.map(|opened| {
            opened.and_then(|text| reading(policy, event, judged, &text).map_err(str::to_owned))
        });
        match derived {
            Derived::Same => {}
            Derived::Differs { recorded, derived } => {
                let text = format!("recorded {recorded}; derived {derived}");
                self.name(event, place, "difference", &text);
            }
            Derived::Impossible(why) => self.name(event, place, "underivable", why),
        }
        match again {
            None => {}
            Some(Ok(ReadAgain::Same)) => self.counts.opened += 1,
            Some(Ok(ReadAgain::Changed { recorded, now })) => {
                self.counts.opened += 1;
                let text = format!("recorded by {recorded}, read by {now}");
                self.name(event, place, "reader changed", &text);
            }
            Some(Err(why)) => self.name(event, place, "difference", &why),
        }
        Ok(())
    }

    async fn fetch(&mut self, digest: &Digest) -> Outcome {
        if self.policies.contains_key(digest) {
            return Ok(());
        }
        let policy = match self.source.policy(digest).await? {
            None => None,
            Some(text) => {
                let parsed = Policy::parse(&format!("{digest}.yaml"), &text, &is_detector);
                let (policy, _) =
                    parsed.map_err(|errors| Failure::new(Code::PolicyWrong, errors))?;
                if policy.digest() != *digest {
                    let text = format!("the text given for policy {digest} has another digest");
                    return Err(Failure::new(Code::TamperingFound, text));
                }
                Some(policy)
            }
        };
        self.policies.insert(*digest, policy);
        Ok(())
    }

    fn name(&mut self, event: &Event, place: &str, what: &'static str, text: &str) {
        match what {
            "difference" => self.counts.differences += 1,
            "underivable" => self.counts.underivable += 1,
            _ => self.counts.readings_changed += 1,
        }
        if self.counts.named.len() < NAMED_LIMIT {
            let (id, place, text) = (event.id.to_string(), place.to_owned(), text.to_owned());
            self.counts.named.push(Named { id, place, what, text });
        }
    }

    pub(super) fn tell(&self, listing: Listing) -> Outcome {
        let counts = &self.counts;
        if Format::or_fitting(listing.output) == Format::Table {
            let mut text = String::new();
            for named in &counts.named {
                let Named { id, place, what, text: why } = named;
                let line = format!("{what}: {id} at {place}: {why}");
                text.push_str(&safe(&line));
                text.push('\n');
            }
            let Counts { commands, differences, underivable, opened, readings_changed, .. } =
                counts;
            let written = writeln!(
                text,
                "{commands} commands: {differences} differences, {underivable} underivable; \
                 {opened} opened and read again, {readings_changed} readings changed"
            );
            written.map_err(|error| Failure::new(Code::Internal, error))?;
            output::print(&text)?;
        } else {
            output::one(listing.output, counts)?;
        }
        if counts.differences > 0 || counts.underivable > 0 {
            let (differences, underivable) = (counts.differences, counts.underivable);
            let text = format!(
                "{differences} recorded decisions come out differently, {underivable} cannot be \
                 derived"
            );
            return Err(Failure::new(Code::DecisionDiffers, text));
        }
        Ok(())
    }
}
