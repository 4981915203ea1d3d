//! `policy backtest`: what a policy would have changed, over an archive or a gateway's record.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use memchr::memmem::Finder;
use node_enforce::policy::Policy;
use proto::event::{Event, Glanced, JudgedGlance, Kind};
use proto::refusal::Code;
use proto::time::Utc;
use serde::Serialize;

use crate::arguments::{Gateway, Listing};
use crate::backtest::{Backtest, Counts};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column, Format};
use crate::source::Source;
use crate::texts::{OpeningKeys, Said, Texts};

/// Progress is told every so many events.
const TELL_EVERY: u64 = 100_000;

/// So much of an event is looked at to see its kind.
const TYPE_WITHIN: usize = 512;
/// What the types of events about commands begin with.
const OF_COMMANDS: &str = "io.sallyport.command.";

const COLUMNS: &[Column] = &[
    ("BY", "/by"),
    ("ID", "/id"),
    ("COMMANDS", "/commands"),
    ("CHANGED", "/changed"),
    ("STRICTER", "/stricter"),
    ("LOOSER", "/looser"),
    ("INEXACT", "/inexact"),
];

const EXAMPLES: &[Column] = &[
    ("ID", "/id"),
    ("PERSON", "/person"),
    ("TARGET", "/target"),
    ("WAS", "/was"),
    ("WOULD BE", "/would_be"),
    ("INEXACT", "/inexact"),
    ("TEXT", "/text"),
];

/// What is asked.
pub(super) struct Asked {
    pub(super) policy: Policy,
    pub(super) archive: Option<PathBuf>,
    pub(super) from: Option<Utc>,
    pub(super) to: Option<Utc>,
    pub(super) keys: Option<OpeningKeys>,
}

#[derive(Serialize)]
struct Row<'a> {
    by: &'static str,
    id: &'a str,
    #[serde(flatten)]
    counts: &'a Counts,
}

/// Judges every recorded command of the period, and says what would change.
pub(super) async fn backtest(asked: Asked, gateway: &Gateway, listing: Listing) -> Outcome {
    let mut source = Source::open(asked.archive.as_deref(), gateway).await?;
    let (mut result, mut texts, mut events) = (Backtest::default(), Texts::default(), 0_u64);
    let (mut known, finder) = (Glanced::default(), Finder::new(OF_COMMANDS));
    while source.advance().await? {
        events += 1;
        if events.is_multiple_of(TELL_EVERY) {
            progress(events, result.all.commands)?;
        }
        let bytes = source.bytes();
        let wrong = |error| {
            let text = format!("{}: {error}; see `sallyport audit verify`", source.place());
            Failure::new(Code::ArchiveUnreadable, text)
        };
        match what(bytes, &finder) {
            None => {}
            Some(What::Part) => {
                let event = Event::read(bytes).map_err(wrong)?;
                if let Some(Kind::CommandPart(part)) = &event.kind {
                    texts.part(&event, part);
                }
            }
            Some(What::Judged) => {
                let judged = JudgedGlance::read(bytes, &mut known).map_err(wrong)?;
                let Some(judged) = judged else { continue };
                let early = asked.from.is_some_and(|from| judged.time < from);
                if early || asked.to.is_some_and(|to| judged.time >= to) {
                    continue;
                }
                let (masked, raw) = texts.take(Said::at_a_glance(&judged), asked.keys.as_ref());
                let raw = raw.and_then(Result::ok);
                let raw = raw.as_ref().map(|text| text.as_slice());
                result.command(&asked.policy, &judged, raw, &masked);
            }
        }
    }
    tell(&result, listing)
}

/// What an event may be that says something of a command's text; its kind is in its first bytes.
enum What {
    Judged,
    Part,
}

fn what(bytes: &[u8], finder: &Finder<'_>) -> Option<What> {
    let head = &bytes[..bytes.len().min(TYPE_WITHIN)];
    finder.find_iter(head).find_map(|at| {
        let kind = &head[at + OF_COMMANDS.len()..];
        if kind.starts_with(b"judged.") {
            Some(What::Judged)
        } else {
            kind.starts_with(b"part.").then_some(What::Part)
        }
    })
}

fn progress(events: u64, commands: u64) -> Outcome {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        write!(out, "\r{events} events, {commands} commands")?;
        out.flush()?;
    }
    Ok(())
}

fn tell(result: &Backtest, listing: Listing) -> Outcome {
    if Format::or_fitting(listing.output) != Format::Table {
        return output::one(listing.output, result);
    }
    let mut rows = vec![Row { by: "all", id: "", counts: &result.all }];
    for (by, counted) in
        [("rule", &result.rules), ("person", &result.people), ("target", &result.targets)]
    {
        rows.extend(counted.iter().map(|(id, counts)| Row { by, id, counts }));
    }
    output::rows(Some(Format::Table), COLUMNS, &rows)?;
    if !result.examples.is_empty() {
        output::print("\n")?;
        output::rows(Some(Format::Table), EXAMPLES, &result.examples)?;
    }
    let Backtest { inexact, underivable, .. } = result;
    output::print(&format!(
        "\n{inexact} commands were read from masked text (--audit-key opens them), {underivable} \
         cannot be judged\n"
    ))
}
