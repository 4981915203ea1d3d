//! `audit report`: what one person did, or what was done to one target, as files for an auditor:
//! rows, replays, proofs, the verifier's result, and one page that shows them.
//!
//! The record is read once to find the sessions, and twice more for the proofs.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use proto::event::{Event, Kind, Outcome};
use proto::ids::{EventId, Name, SessionId};
use proto::refusal::Code;
use proto::time::Utc;
use serde::Serialize;
use store_proof::Report;
use store_proof::prover::{Finder, Prover};
use store_views::{Replay, ReplayBuilder, ReplayOptions, to_asciicast};

use super::page::{Page, page};
use super::verifying::{Asked as Verifying, report_of};
use crate::arguments::Gateway;
use crate::failure::{Failure, Outcome as Done};
use crate::output;
use crate::private::write_private;
use crate::source::Source;

/// How many sessions one report has.
const SESSIONS_LIMIT: usize = 1_000;

/// How many events are proven.
const PROOFS_LIMIT: usize = 2_000;

/// What a report is about.
pub(super) struct About {
    pub(super) person: Option<Name>,
    pub(super) target: Option<Name>,
    pub(super) from: Option<Utc>,
    pub(super) to: Option<Utc>,
    pub(super) out: PathBuf,
}

/// A session of the report.
#[derive(Serialize)]
pub(super) struct SessionRow {
    pub(super) id: SessionId,
    pub(super) person: Name,
    pub(super) target: Name,
    pub(super) login: String,
    pub(super) opened: Utc,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) closed: Option<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    /// The event that opened it.
    pub(super) event: String,
}

/// A command of the report.
#[derive(Serialize)]
pub(super) struct CommandRow {
    /// The event that judged it.
    pub(super) id: String,
    pub(super) session: SessionId,
    pub(super) command: u64,
    pub(super) at: Utc,
    pub(super) verdict: String,
    pub(super) rules: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outcome: Option<String>,
    /// The approval that let it go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) approval: Option<String>,
    /// Its masked text.
    pub(super) text: String,
    /// The file of the proof, when there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
}

/// What was gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) sessions: BTreeMap<SessionId, SessionRow>,
    pub(super) commands: Vec<CommandRow>,
    replays: BTreeMap<SessionId, ReplayBuilder>,
    /// The events to be proven.
    events: Vec<EventId>,
    pub(super) left_out: u64,
}

/// Writes the report.
pub(super) async fn report(
    about: About,
    archive: Option<&Path>,
    gateway: &Gateway,
    verifying: &Verifying,
) -> Done {
    let folder = |name: &str| make(&about.out.join(name));
    make(&about.out)?;
    folder("replays")?;
    folder("proofs")?;
    let verified = report_of(archive, gateway, verifying).await?;
    let mut source = Source::open(archive, gateway).await?;
    let mut gathered = Gathered::default();
    while let Some((place, bytes)) = source.next().await? {
        let event = Event::read(&bytes).map_err(|error| {
            let text = format!("{place}: {error}; see `sallyport audit verify`");
            Failure::new(Code::ArchiveUnreadable, text)
        })?;
        gathered.take(&about, &event);
    }
    let control = source.seals().await?.and_then(|seals| seals.control);
    if let Some(control) = control {
        prove(&mut gathered, &control, archive, gateway, &about.out).await?;
    }
    let replays = gathered.replays();
    for (id, replay) in &replays {
        let options =
            ReplayOptions { title: format!("Sallyport session {id}"), carriage_returns: true };
        let path = about.out.join("replays").join(format!("{}.cast", file_name(id.as_str())));
        write_private(&path, to_asciicast(replay, &options).as_bytes())?;
    }
    write(&about, &gathered, &verified, &replays, verifying.keys.is_some())?;
    let text = format!(
        "{} sessions and {} commands in {}; open {}\n",
        gathered.sessions.len(),
        gathered.commands.len(),
        about.out.display(),
        about.out.join("index.html").display()
    );
    output::print(&text)
}

fn write(
    about: &About,
    gathered: &Gathered,
    verified: &Report,
    replays: &BTreeMap<SessionId, Replay>,
    keys_given: bool,
) -> Done {
    let internal = |error: serde_json::Error| Failure::new(Code::Internal, error);
    let sessions: Vec<_> = gathered.sessions.values().collect();
    write_private(&about.out.join("sessions.jsonl"), &lines(&sessions)?)?;
    let commands: Vec<_> = gathered.commands.iter().collect();
    write_private(&about.out.join("commands.jsonl"), &lines(&commands)?)?;
    let verification = serde_json::to_vec_pretty(verified).map_err(internal)?;
    write_private(&about.out.join("verification.json"), &verification)?;
    let html = page(&Page { about, gathered, verified, replays, keys_given });
    write_private(&about.out.join("index.html"), html.as_bytes())
}

fn lines<T: Serialize>(rows: &[&T]) -> Done<Vec<u8>> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row)
            .map_err(|error| Failure::new(Code::Internal, error))?;
        text.push(b'\n');
    }
    Ok(text)
}

impl Gathered {
    fn take(&mut self, about: &About, event: &Event) {
        let Some(id) = &event.about.session else { return };
        if matches!(event.kind, Some(Kind::SessionOpened(_))) && about.covers(event) {
            self.open(id, event);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        if let Some(replay) = self.replays.get_mut(id) {
            replay.feed(event);
        }
        let within = about.to.is_none_or(|to| event.time < to)
            && about.from.is_none_or(|from| event.time >= from);
        match &event.kind {
            Some(Kind::SessionClosed(closed)) => {
                (session.closed, session.reason) = (Some(event.time), Some(closed.reason.clone()));
                self.events.push(event.id.clone());
            }
            Some(Kind::CommandJudged(judged)) if within => {
                self.commands.push(CommandRow {
                    id: event.id.to_string(),
                    session: id.clone(),
                    command: judged.command,
                    at: event.time,
                    verdict: judged.verdict.to_string(),
                    rules: judged.rules.clone(),
                    outcome: None,
                    approval: None,
                    text: judged.text.clone(),
                    proof: None,
                });
                self.events.push(event.id.clone());
            }
            Some(Kind::CommandReleased(released)) => {
                let approval = released.approval.to_string();
                if let Some(row) = self.command(id, released.command) {
                    row.approval = Some(approval);
                }
            }
            Some(Kind::CommandFinished(finished)) => {
                if let Some(row) = self.command(id, finished.command) {
                    row.outcome = Some(words(&finished.outcome));
                }
            }
            _ => {}
        }
    }

    fn open(&mut self, id: &SessionId, event: &Event) {
        let (Some(actor), Some(target)) = (&event.about.actor, &event.about.target) else { return };
        if self.sessions.len() >= SESSIONS_LIMIT {
            self.left_out += 1;
            return;
        }
        let row = SessionRow {
            id: id.clone(),
            person: actor.person.clone(),
            target: target.name.clone(),
            login: target.login.clone(),
            opened: event.time,
            closed: None,
            reason: None,
            event: event.id.to_string(),
        };
        self.sessions.insert(id.clone(), row);
        self.replays.insert(id.clone(), ReplayBuilder::new());
        self.events.push(event.id.clone());
    }

    fn command(&mut self, session: &SessionId, command: u64) -> Option<&mut CommandRow> {
        let mut newest = self.commands.iter_mut().rev();
        newest.find(|row| row.session == *session && row.command == command)
    }

    fn replays(&mut self) -> BTreeMap<SessionId, Replay> {
        let replays = std::mem::take(&mut self.replays).into_iter();
        replays.map(|(id, builder)| (id, builder.finish())).collect()
    }
}

/// How a command ended, in words.
fn words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited(status) => format!("exit status {status}"),
        Outcome::Signalled(signal) => format!("signal {signal}"),
        Outcome::Refused(told) | Outcome::Failed(told) => told.to_string(),
        Outcome::ClientLeft => "the client left".to_owned(),
    }
}

impl About {
    /// Whether a session is one of the report: it is opened before the end of the period.
    fn covers(&self, event: &Event) -> bool {
        let about = &event.about;
        let person = about.actor.as_ref().map(|actor| &actor.person);
        let target = about.target.as_ref().map(|target| &target.name);
        self.person.as_ref().is_none_or(|asked| person == Some(asked))
            && self.target.as_ref().is_none_or(|asked| target == Some(asked))
            && self.from.is_none_or(|from| event.time >= from)
            && self.to.is_none_or(|to| event.time < to)
    }
}

/// Writes the proofs of what is covered by a checkpoint.
async fn prove(
    gathered: &mut Gathered,
    control: &str,
    archive: Option<&Path>,
    gateway: &Gateway,
    out: &Path,
) -> Done {
    let ids = gathered.events.iter().take(PROOFS_LIMIT).cloned();
    let mut finders: Vec<_> = ids.filter_map(|id| Finder::new(id, control).ok()).collect();
    let mut source = Source::open(archive, gateway).await?;
    while let Some((_, bytes)) = source.next().await? {
        if let Ok(event) = Event::read(&bytes) {
            finders.iter_mut().for_each(|finder| finder.see(&event, &bytes));
        }
    }
    let found = finders.into_iter().filter_map(|finder| finder.found().ok());
    let mut provers: Vec<Prover> = found.collect();
    let mut source = Source::open(archive, gateway).await?;
    while let Some((_, bytes)) = source.next().await? {
        if let Ok(event) = Event::read(&bytes) {
            provers.iter_mut().for_each(|prover| prover.see(&event, &bytes));
        }
    }
    for prover in provers {
        let id = prover.id().to_string();
        let Ok(proof) = prover.finish() else { continue };
        let name = format!("proofs/{}.json", file_name(&id));
        let text = serde_json::to_vec_pretty(&proof);
        let text = text.map_err(|error| Failure::new(Code::Internal, error))?;
        write_private(&out.join(&name), &text)?;
        if let Some(row) = gathered.commands.iter_mut().find(|row| row.id == id) {
            row.proof = Some(name);
        }
    }
    Ok(())
}

/// A name that is safe as a file's: ids come from the record.
pub(super) fn file_name(id: &str) -> String {
    let safe = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let name: String = id.chars().map(|letter| if safe(letter) { letter } else { '_' }).collect();
    name.trim_start_matches('.').chars().take(128).collect()
}

fn make(path: &Path) -> Done {
    let made = DirBuilder::new().mode(0o700).create(path);
    match made {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
            let text = format!("{} is not empty: name a new directory", path.display());
            if empty { Ok(()) } else { Err(Failure::new(Code::ConfigurationWrong, text)) }
        }
        other => other.map_err(|error| Failure::file(path, &error)),
    }
}
