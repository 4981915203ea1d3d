//! `detectors test --labels`: a labelled corpus, and what masking leaves and takes of it.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use node_enforce::mask::{MaskPlan, Raw, mask_text};
use proto::refusal::Code;
use serde::Serialize;

use crate::arguments::Listing;
use crate::corpus::{self, Label, Measured, Measures};
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};

/// The most of labels, and of one file of a corpus, in bytes.
const FILE_LIMIT: u64 = 256 * 1024 * 1024;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("VALUES", "/values"),
    ("HIDDEN", "/hidden"),
    ("LEAKED", "/leaked"),
    ("PER MB", "/leaked_per_mb"),
    ("OVER-MASKED", "/over_masked"),
    ("PER MB", "/over_masked_per_mb"),
];

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    #[serde(flatten)]
    measured: Measured,
    leaked_per_mb: f64,
    over_masked_per_mb: f64,
}

/// Measures a corpus, and prints a row for each label and detector.
pub(super) fn run(path: &Path, plan: &Arc<MaskPlan>, listing: Listing) -> Outcome {
    let text = String::from_utf8(read(path)?).map_err(|_| {
        Failure::new(Code::ConfigurationWrong, format!("{}: no text", path.display()))
    })?;
    let wrong = |(line, what): (usize, String)| {
        Failure::new(Code::ConfigurationWrong, format!("{}: row {line}: {what}", path.display()))
    };
    let labels = corpus::labels(&text).map_err(wrong)?;
    let mut files: BTreeMap<&str, Vec<&Label>> = BTreeMap::new();
    for label in &labels {
        files.entry(&label.path).or_default().push(label);
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut measures = Measures::default();
    let beside = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    let mut progress = beside.then(super::super::mask::report::Progress::default);
    for (name, labels) in files {
        let bytes = read(&folder.join(name))?;
        let (_, findings) = mask_text(plan, Raw::new(&bytes));
        measures.take(&bytes, &labels, &findings).map_err(|label| {
            let what = format!("{name}: the value labelled {:?} is not on line", label.label);
            Failure::new(Code::ConfigurationWrong, format!("{what} {}", label.line))
        })?;
        if let Some(progress) = &mut progress {
            progress.take(bytes.len())?;
        }
    }
    if let Some(progress) = progress {
        progress.finish()?;
    }
    let megabytes = (measures.bytes as f64 / 1e6).max(f64::MIN_POSITIVE);
    let per_mb = |bytes: u64| (bytes as f64 / megabytes * 100.0).round() / 100.0;
    let row = |id, measured: Measured| Row {
        id,
        measured,
        leaked_per_mb: per_mb(measured.leaked),
        over_masked_per_mb: per_mb(measured.over_masked),
    };
    let mut rows: Vec<_> =
        measures.by_name.iter().map(|(id, one)| row(id.as_str(), *one)).collect();
    rows.push(row("all", measures.all()));
    output::rows(listing.output, COLUMNS, &rows)
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    let size = std::fs::metadata(path).map_err(|error| Failure::file(path, &error))?.len();
    if size > FILE_LIMIT {
        let what = format!("{}: {size} bytes, at most {FILE_LIMIT}", path.display());
        return Err(Failure::new(Code::ConfigurationWrong, what));
    }
    std::fs::read(path).map_err(|error| Failure::file(path, &error))
}
