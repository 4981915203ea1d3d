//! `audit rederive`: goes over a record and derives each decision again; what differs is named.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_session::seal::{AuditKey, DigestKey};
use proto::event::{CommandJudged, Event, Kind};
use proto::ids::{Digest, SessionId};
use proto::refusal::Code;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Format};
use crate::rederive::{Derived, ReadAgain, decision, reading};
use crate::source::Source;
use crate::terminal::safe;

/// How many differences are named; more are counted.
const NAMED_LIMIT: usize = 10_000;

/// How many parts of long commands wait for their command.
const PARTS_LIMIT: usize = 100_000;

/// Keys that open sealed commands.
pub(super) struct OpeningKeys {
    audit: AuditKey,
    digest: Option<DigestKey>,
}

impl OpeningKeys {
    pub(super) fn read(audit: Option<&Path>, digest: Option<&Path>) -> Outcome<Option<Self>> {
        let Some(path) = audit else { return Ok(None) };
        let wrong = |path: &Path, what: &str| {
            Failure::new(Code::CredentialMissing, format!("{}: {what}", path.display()))
        };
        let bytes = |path: &Path| -> Outcome<Zeroizing<Vec<u8>>> {
            std::fs::read(path).map(Zeroizing::new).map_err(|error| wrong(path, &error.to_string()))
        };
        let audit =
            AuditKey::from_bytes(&bytes(path)?).ok_or_else(|| wrong(path, "not an audit key"))?;
        let digest = match digest {
            None => None,
            Some(path) => {
                let key = bytes(path)?;
                let key: &[u8; 32] =
                    key.as_slice().try_into().map_err(|_| wrong(path, "not a digest key"))?;
                Some(DigestKey::new(key))
            }
        };
        Ok(Some(Self { audit, digest }))
    }
}

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
    parts: BTreeMap<(SessionId, u64), Vec<(u64, String)>>,
    counts: Counts,
}

impl Rederivation {
    pub(super) fn new(source: Source, keys: Option<OpeningKeys>) -> Self {
        let (policies, parts) = (BTreeMap::new(), BTreeMap::new());
        Self { source, keys, policies, parts, counts: Counts::default() }
    }

    pub(super) async fn run(&mut self) -> Outcome {
        while let Some((place, bytes)) = self.source.next().await? {
            let event = Event::read(&bytes).map_err(|error| {
                let text = format!("{place}: {error}; see `sallyport audit verify`");
                Failure::new(Code::ArchiveUnreadable, text)
            })?;
            match (&event.kind, &event.about.session) {
                (Some(Kind::CommandPart(part)), Some(session)) if self.keys.is_some() => {
                    if self.parts.len() >= PARTS_LIMIT {
                        self.parts.pop_first();
                    }
                    let key = (session.clone(), part.command);
                    self.parts.entry(key).or_default().push((part.part, part.sealed.clone()));
                }
                (Some(Kind::CommandJudged(judged)), _) => {
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
        let again = self.opened(event, judged).map(|opened| {
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
        self.parts.retain(|(session, number), _| {
            Some(session) != event.about.session.as_ref() || *number != judged.command
        });
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

    /// The raw text of a command, when there is a key; an error when it does not open or is not
    /// what the event says.
    fn opened(
        &self,
        event: &Event,
        judged: &CommandJudged,
    ) -> Option<Result<Zeroizing<Vec<u8>>, String>> {
        let keys = self.keys.as_ref()?;
        let session = event.about.session.as_ref()?;
        let none = Vec::new();
        let parts = self.parts.get(&(session.clone(), judged.command)).unwrap_or(&none);
        let mut sealed: Vec<_> = vec![(0, &judged.sealed)];
        sealed.extend(parts.iter().map(|(part, sealed)| (*part, sealed)));
        sealed.sort_by_key(|(part, _)| *part);
        let mut text = Zeroizing::new(Vec::new());
        for (part, sealed) in sealed.into_iter().filter(|(_, sealed)| !sealed.is_empty()) {
            match keys.audit.open(session, judged.command, part, sealed) {
                Ok(opened) => text.extend_from_slice(&opened),
                Err(error) => return Some(Err(error.to_string())),
            }
        }
        if text.len() as u64 != judged.length {
            let (is, was) = (text.len(), judged.length);
            return Some(Err(format!("the sealed text has {is} bytes, recorded are {was}")));
        }
        let same = |key: &DigestKey| key.digest(&text) == judged.digest;
        if keys.digest.as_ref().is_some_and(|key| !same(key)) {
            return Some(Err("the sealed text has another digest than recorded".to_owned()));
        }
        Some(Ok(text))
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
