//! `detectors`: what masking can find.

mod measure;

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use node_enforce::mask::{
    Action, Class, Detect, DetectorInfo, Example, MaskKey, MaskPlan, MaskRule, Raw, detectors,
    is_detector, mask_text,
};
use proto::refusal::Code;
use serde::Serialize;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column, Format};
use crate::terminal::safe;

/// The most text that is tried, in bytes.
const TEXT_LIMIT: u64 = 16 * 1024 * 1024;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("CLASS", "/class"),
    ("ON BY", "/on_by"),
    ("SURE", "/confidence"),
    ("FINDS", "/description"),
];
const FOUND: &[Column] = &[
    ("ID", "/id"),
    ("OFFSET", "/offset"),
    ("LENGTH", "/length"),
    ("SURE", "/confidence"),
    ("MASKED", "/masked"),
];

/// What masking can find.
#[derive(Debug, Subcommand)]
pub(crate) enum Detectors {
    /// List every detector with its class
    List {
        #[command(flatten)]
        listing: Listing,
    },
    /// Show one detector, with texts in which it finds something and such in which it does not
    Show {
        /// Its name, as the list shows it
        name: String,
        #[command(flatten)]
        listing: Listing,
    },
    /// Try a detector, or all of them, on standard input; shows where it finds something
    Test {
        /// Its name; all detectors without one
        name: Option<String>,
        /// Measure a labelled corpus instead: CSV with the columns path, line, value, label
        ///
        /// Paths are relative to the folder of FILE. For each label and detector: how many bytes of
        /// values are left (public prefixes apart), and how many others were taken, also for each
        /// megabyte. A row with a path alone says that there is nothing in that file.
        #[arg(long, value_name = "FILE")]
        labels: Option<PathBuf>,
        #[command(flatten)]
        listing: Listing,
    },
}

#[derive(Serialize)]
struct Row {
    id: &'static str,
    class: String,
    on_by: &'static str,
    confidence: &'static str,
    description: &'static str,
}

/// One detector with its examples.
#[derive(Serialize)]
struct Whole {
    #[serde(flatten)]
    row: Row,
    examples: Vec<Tried>,
    counter_examples: Vec<String>,
}

#[derive(Serialize)]
struct Tried {
    text: String,
    masked: String,
}

#[derive(Serialize)]
struct Found {
    id: String,
    offset: u64,
    length: u64,
    confidence: &'static str,
    masked: String,
}

/// Runs one of them.
pub(crate) fn run(command: Detectors) -> Outcome {
    match command {
        Detectors::List { listing } => {
            let rows: Vec<_> = detectors().iter().map(row).collect();
            output::rows(listing.output, COLUMNS, &rows)
        }
        Detectors::Show { name, listing } => {
            let found = detectors().iter().find(|info| info.name == name);
            let info = found.ok_or_else(|| unknown(&name))?;
            output::print(&shown(Format::or_fitting(listing.output), info)?)
        }
        Detectors::Test { name, labels: None, listing } => test(name, listing),
        Detectors::Test { name, labels: Some(path), listing } => {
            measure::run(&path, &plan(name.as_deref())?, listing)
        }
    }
}

fn row(info: &DetectorInfo) -> Row {
    let class = info.class.map_or("always".to_owned(), |class| format!("{class:?}").to_lowercase());
    let on_by = match info.class {
        None => "always",
        Some(_) if info.only_by_name => "name",
        Some(Class::Secrets | Class::Credentials) => "default",
        Some(_) => "class",
    };
    let confidence = info.confidence.name();
    Row { id: info.name, class, on_by, confidence, description: info.description }
}

/// A detector with its examples, as a person or a program reads it.
pub(crate) fn shown(format: Format, info: &DetectorInfo) -> Outcome<String> {
    let tried = |example: Example| Tried { text: example.text, masked: example.masked };
    let row = row(info);
    let examples: Vec<_> = info.examples().map(tried).collect();
    let counter_examples: Vec<_> = info.counter_examples().collect();
    let json = |error| Failure::new(Code::Internal, error);
    if format != Format::Table {
        let whole = Whole { row, examples, counter_examples };
        return output::render_one(format, &serde_json::to_value(whole).map_err(json)?);
    }
    let mut text = output::render_one(format, &serde_json::to_value(row).map_err(json)?)?;
    for example in &examples {
        text += &format!("\nfinds   {}\nmasked  {}\n", safe(&example.text), safe(&example.masked));
    }
    for example in &counter_examples {
        text += &format!("\nleaves  {}\n", safe(example));
    }
    Ok(text)
}

fn unknown(name: &str) -> Failure {
    let text = format!("there is no detector {name:?}; see `sallyport detectors list`");
    Failure::new(Code::NotFound, text)
}

/// What masks with this detector alone; without a name, with all that their classes switch on.
fn plan(name: Option<&str>) -> Outcome<Arc<MaskPlan>> {
    if let Some(name) = name.filter(|name| !is_detector(name)) {
        return Err(unknown(name));
    }
    let wanted = |info: &&DetectorInfo| {
        info.class.is_some() && name.map_or(!info.only_by_name, |name| name == info.name)
    };
    let named = |wanted: &dyn Fn(&&DetectorInfo) -> bool| {
        let detect = detectors().iter().filter(|info| wanted(info));
        detect.map(|info| Detect::Detector(info.name.to_owned())).collect()
    };
    let (on, off) = (named(&wanted), named(&|info| info.class.is_some() && !wanted(info)));
    let rules =
        [MaskRule::new("test", on, Action::Redact), MaskRule::new("off", off, Action::None)];
    let plan = MaskPlan::compile(&rules, &[], MaskKey::new([0; 32]));
    plan.map(Arc::new).map_err(|error| Failure::new(Code::Internal, error))
}

fn test(name: Option<String>, listing: Listing) -> Outcome {
    let plan = plan(name.as_deref())?;
    let mut text = Vec::new();
    std::io::stdin().take(TEXT_LIMIT).read_to_end(&mut text)?;
    let (masked, findings) = mask_text(&plan, Raw::new(&text));
    let rows: Vec<_> = findings
        .iter()
        .map(|found| {
            let start = usize::try_from(found.offset).unwrap_or(usize::MAX);
            let length = usize::try_from(found.length).unwrap_or(0);
            let bytes = masked.bytes().get(start..start.saturating_add(length));
            Found {
                id: found.detector.to_string(),
                offset: found.offset,
                length: found.length,
                confidence: found.confidence.name(),
                masked: String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned(),
            }
        })
        .collect();
    output::rows(listing.output, FOUND, &rows)
}
