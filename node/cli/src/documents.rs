//! Documents that are sent to a gateway: read here, checked there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use proto::api::{DocumentApplied, DocumentAsked};
use proto::refusal::Code;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::terminal::safe;

/// The largest document, in bytes.
const DOCUMENT_LIMIT: u64 = 4 * 1024 * 1024;

/// Which document, and what it may replace.
#[derive(Args, Debug)]
pub(crate) struct Document {
    /// The document
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Only when this revision is in force: nobody else's change is lost
    #[arg(long, value_name = "REVISION")]
    expect_revision: Option<u64>,
}

impl Document {
    /// The document, with the folder that its relative paths are relative to.
    pub(crate) fn read(&self, code: Code) -> Outcome<DocumentAsked> {
        let document = text(&self.file, code)?;
        let folder = self.file.parent().unwrap_or(Path::new(""));
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let base = std::path::absolute(folder).map_err(|error| Failure::file(folder, &error))?;
        Ok(DocumentAsked {
            document,
            file: Some(self.file.display().to_string()),
            base: Some(base.display().to_string()),
            expected_revision: self.expect_revision,
        })
    }
}

/// The text of a document.
pub(crate) fn text(path: &Path, code: Code) -> Outcome<String> {
    let wrong = |what: &dyn std::fmt::Display| {
        Failure::new(code, format!("{}: the file cannot be read: {what}", path.display()))
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    let read = file.take(DOCUMENT_LIMIT + 1).read_to_string(&mut text);
    if read.map_err(|error| wrong(&error))? as u64 > DOCUMENT_LIMIT {
        return Err(wrong(&format!("it is larger than {DOCUMENT_LIMIT} bytes")));
    }
    Ok(text)
}

/// Says what became of a document; targets that cannot be reached are named on standard error.
pub(crate) fn told(listing: Listing, applied: &DocumentApplied) -> Outcome {
    output::one(listing.output, applied)?;
    for problem in &applied.problems {
        let text = format!("target {} cannot be reached: {}", problem.id, problem.problem);
        writeln!(std::io::stderr(), "warning: {}", safe(&text))?;
    }
    Ok(())
}
