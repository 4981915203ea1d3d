//! `sessions`: what was done and is done, and how it looks.

mod watch;

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use proto::api::{KillAsked, SessionListed};
use proto::event::Event;
use proto::refusal::Code;
use proto::time::Utc;
use serde_json::Value;
use store_views::{Replay, ReplayBuilder, ReplayOptions, to_asciicast, verify_continuity};

use crate::arguments::{Gateway, Listing};
use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column, Format};
use crate::private::write_private;
use crate::replay::{Pace, play};
use crate::terminal::safe;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("STATE", "/state"),
    ("PERSON", "/person"),
    ("TARGET", "/target"),
    ("LOGIN", "/login"),
    ("NODE", "/node"),
    ("CHANNEL", "/channel"),
    ("OPENED", "/opened"),
    ("CLOSED", "/closed"),
    ("COMMANDS", "/commands_judged"),
    ("DOING", "/doing"),
    ("REASON", "/reason"),
];

const COMMANDS: &[Column] = &[
    ("#", "/command"),
    ("STATE", "/state"),
    ("VERDICT", "/verdict"),
    ("RULES", "/rules"),
    ("OUTCOME", "/outcome"),
    ("MS", "/duration_ms"),
    ("OUT", "/output_bytes"),
    ("ERR", "/errors_bytes"),
    ("MASKED", "/masked"),
    ("TEXT", "/text"),
];

/// Sessions: list, show, watch, kill, replay, export.
#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// List sessions, the oldest first: all of the gateway's node, and the open ones of all others
    ///
    /// Where nodes publish to a replicated stream, all of all nodes, also of those that are gone.
    List {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
        /// Only sessions of this person
        #[arg(long)]
        person: Option<String>,
        /// Only sessions with this target
        #[arg(long)]
        target: Option<String>,
        /// Only sessions in this state
        #[arg(long, value_enum)]
        state: Option<State>,
        /// Only sessions opened at this instant or later, e.g. 2026-01-31T09:30:00Z
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<Utc>,
        /// Only sessions opened before this instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<Utc>,
    },
    /// Show one session with its commands
    Show {
        /// Its id, as the list shows it
        id: String,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Look over a live session's shoulder, on whatever node it is; that you watch is recorded
    ///
    /// What its client gets from now on is written to standard output and standard error, masked
    /// as the client gets it. On a terminal that means what it means to the client's.
    Watch {
        /// Its id, as the list shows it
        id: String,
        #[command(flatten)]
        gateway: Gateway,
        /// Leave standard error out
        #[arg(long)]
        output_only: bool,
    },
    /// End a live session, on whatever node it is
    Kill {
        /// Its id, as the list shows it
        id: String,
        /// Why; it is recorded
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Play a session back as it was seen; that you watch it is recorded
    ///
    /// The client's bytes are written to standard output and standard error as they were. On a
    /// terminal that means what it meant to the client's: what the target wrote can move the cursor
    /// and set the title. `sessions show` and `events tail` are safe for any terminal.
    Replay {
        /// Its id, as the list shows it
        id: String,
        #[command(flatten)]
        gateway: Gateway,
        /// How many times as fast as it was
        #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = speed)]
        #[arg(conflicts_with = "no_wait")]
        speed: f64,
        /// Do not wait between pieces of output
        #[arg(long)]
        no_wait: bool,
        /// Leave standard error out
        #[arg(long)]
        output_only: bool,
    },
    /// Write a session into a file: an asciicast for players, or JSON
    Export {
        /// Its id, as the list shows it
        id: String,
        #[command(flatten)]
        gateway: Gateway,
        /// In which form
        #[arg(long, value_enum, default_value_t = ExportFormat::Cast)]
        format: ExportFormat,
        /// Into which file, which must not be there; standard output without it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// States of sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Going on
    Open,
    /// Ended, in whatever way
    Closed,
    /// Ended without a known outcome
    Unknown,
}

/// Forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// asciicast, version 2
    Cast,
    /// Commands and frames as JSON
    Json,
}

/// An instant on the command line.
pub(crate) fn instant(text: &str) -> Result<Utc, String> {
    text.parse().map_err(|error: proto::time::NotAnInstant| error.to_string())
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    let fits = speed.is_finite() && (0.01..=1000.0).contains(&speed);
    if fits { Ok(speed) } else { Err("expected 0.01 to 1000".to_owned()) }
}

/// Runs one of them.
pub(crate) async fn run(sessions: Sessions) -> Outcome {
    match sessions {
        Sessions::List { gateway, listing, person, target, state, from, to } => {
            let state = state.and_then(|state| state.to_possible_value());
            let query = [
                ("person", person),
                ("target", target),
                ("state", state.map(|state| state.get_name().to_owned())),
                ("from", from.map(|from| from.to_string())),
                ("to", to.map(|to| to.to_string())),
                ("limit", Some("1000".to_owned())),
            ];
            let given = |(name, value): (&'static str, Option<String>)| Some((name, value?));
            let query: Vec<_> = query.into_iter().filter_map(given).collect();
            let client = Client::new(&gateway)?;
            let rows: Vec<SessionListed> = client.list("/v1/sessions", &query).await?;
            output::rows(listing.output, COLUMNS, &rows)
        }
        Sessions::Show { id, gateway, listing } => {
            let path = format!("/v1/sessions/{}", path_part(&id)?);
            let session: Value = Client::new(&gateway)?.get(&path).await?;
            output::print(&shown(Format::or_fitting(listing.output), &session)?)
        }
        Sessions::Watch { id, gateway, output_only } => {
            let path = format!("/v1/sessions/{}/watch", path_part(&id)?);
            watch::watch(&Client::new(&gateway)?, &path, output_only).await
        }
        Sessions::Kill { id, reason, gateway, listing } => {
            let path = format!("/v1/sessions/{}/kill", path_part(&id)?);
            let row: SessionListed =
                Client::new(&gateway)?.post(&path, &KillAsked { reason }).await?;
            output::rows(listing.output, COLUMNS, &[row])
        }
        Sessions::Replay { id, gateway, speed, no_wait, output_only } => {
            let replay = replay(&Client::new(&gateway)?, &id).await?;
            lacks(&replay)?;
            play(&replay, Pace { speed: (!no_wait).then_some(speed), output_only }).await?;
            gaps(&replay)
        }
        Sessions::Export { id, gateway, format, out } => {
            let replay = replay(&Client::new(&gateway)?, &id).await?;
            let text = match format {
                ExportFormat::Cast => {
                    let rest = if replay.start_missing { ", without its start" } else { "" };
                    let title = format!("Sallyport session {id}{rest}");
                    let options = ReplayOptions { title, carriage_returns: true };
                    to_asciicast(&replay, &options)
                }
                ExportFormat::Json => {
                    let text = serde_json::to_string_pretty(&replay);
                    text.map_err(|error| Failure::new(Code::Internal, error))? + "\n"
                }
            };
            lacks(&replay)?;
            match out {
                None => output::print(&text)?,
                Some(path) => write_private(&path, text.as_bytes())?,
            }
            gaps(&replay)
        }
    }
}

/// A session with its commands. The commands of another node's session are only in that node's
/// record, and no table is shown as if there were none.
pub(crate) fn shown(format: Format, session: &Value) -> Outcome<String> {
    if format != Format::Table {
        return output::render_one(format, session);
    }
    let mut about = session.clone();
    let commands = about.as_object_mut().and_then(|fields| fields.remove("commands"));
    let about = output::render_one(Format::Table, &about)?;
    let commands = match commands.as_ref().and_then(Value::as_array) {
        Some(commands) => output::render(Format::Table, COMMANDS, commands)?,
        None => {
            let node = session["node"].as_str().unwrap_or("another node");
            format!("its commands are in the record of {}: ask there\n", safe(node))
        }
    };
    Ok(format!("{about}\n{commands}"))
}

/// Reads a session's events and folds them.
async fn replay(client: &Client, id: &str) -> Outcome<Replay> {
    let path = format!("/v1/sessions/{}/events", path_part(id)?);
    let mut lines = client.lines(&path, &[]).await?;
    let mut builder = ReplayBuilder::new();
    while let Some(line) = lines.next().await? {
        let event = Event::read(&line).map_err(|error| Failure::new(Code::RecordDamaged, error))?;
        builder.feed(&event);
    }
    Ok(builder.finish())
}

/// Says on standard error, before anything is shown, that it is not all of the session.
fn lacks(replay: &Replay) -> Outcome {
    if let Some(lacks) = replay.lacks() {
        writeln!(std::io::stderr(), "sallyport: {lacks}")?;
    }
    Ok(())
}

/// Says on standard error what the record does not hold: a replay must not look whole when it is
/// not.
fn gaps(replay: &Replay) -> Outcome {
    let mut notes: Vec<_> = verify_continuity(replay)
        .iter()
        .map(|gap| {
            let why = if gap.truncated { " (over the limit of the record)" } else { "" };
            format!(
                "command {}: bytes {} to {} are not recorded{why}",
                gap.command, gap.expected, gap.found
            )
        })
        .collect();
    if replay.left_out {
        notes.push("the session is larger than a replay holds; the rest is left out".to_owned());
    }
    for note in notes {
        writeln!(std::io::stderr(), "sallyport: {note}")?;
    }
    Ok(())
}

/// An id as a part of a path. Ids have none of the characters that would need an escape.
fn path_part(id: &str) -> Outcome<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !id.is_empty() && id.bytes().all(plain) {
        return Ok(id);
    }
    let text = format!("{:?} is not the id of a session; see `sallyport sessions list`", safe(id));
    Err(Failure::new(Code::NotFound, text))
}
