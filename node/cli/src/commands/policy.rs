//! `policy`: check and try policies, without a server.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy as Checked;
use node_enforce::policy::cases::{self, Cases};
use proto::refusal::Code;
use serde::Serialize;

use crate::arguments::Listing;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};
use crate::terminal::safe;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("PASSED", "/passed"),
    ("EXPECTED", "/expected"),
    ("FOUND", "/found"),
    ("CASE", "/case"),
];

/// Check and try policies.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check a policy; what is wrong is told with line and column
    Check {
        /// The policy
        file: PathBuf,
    },
    /// Run cases against a policy: who, target, command, expected verdict and rule
    Test {
        /// The policy
        file: PathBuf,
        /// The cases
        cases: PathBuf,
        #[command(flatten)]
        listing: Listing,
    },
    /// Print the JSON Schema of a policy, for editors
    Schema,
}

#[derive(Serialize)]
struct Row {
    id: String,
    passed: bool,
    expected: String,
    found: String,
    case: String,
}

/// Runs one of them.
pub(crate) fn run(policy: Policy) -> Outcome {
    match policy {
        Policy::Check { file } => {
            let policy = read(&file)?;
            output::print(&format!(
                "{} is right; its digest is {}\n",
                file.display(),
                policy.digest()
            ))
        }
        Policy::Test { file, cases, listing } => test(&file, &cases, listing),
        Policy::Schema => output::print(&format!("{:#}\n", Checked::schema())),
    }
}

/// Reads and checks a policy; warnings go to standard error.
pub(crate) fn read(path: &Path) -> Outcome<Checked> {
    let text = text(path)?;
    let parsed = Checked::parse(&path.display().to_string(), &text, &is_detector);
    let (policy, warnings) = parsed.map_err(|errors| Failure::new(Code::PolicyWrong, errors))?;
    for warning in warnings {
        writeln!(std::io::stderr(), "warning: {}", safe(&warning.to_string()))?;
    }
    Ok(policy)
}

fn test(file: &Path, cases: &Path, listing: Listing) -> Outcome {
    let policy = read(file)?;
    let name = cases.display().to_string();
    let cases = Cases::parse(&name, &text(cases)?)
        .map_err(|errors| Failure::new(Code::PolicyWrong, errors))?;
    let outcomes = cases::run(&policy, &cases);
    let rows: Vec<_> = outcomes
        .iter()
        .map(|outcome| Row {
            id: format!("{name}:{}:{}", outcome.place.line, outcome.place.column),
            passed: outcome.passed,
            expected: outcome.expected.clone(),
            found: outcome.found.clone(),
            case: outcome.case.clone(),
        })
        .collect();
    output::rows(listing.output, COLUMNS, &rows)?;
    let failed = rows.iter().filter(|row| !row.passed).count();
    if failed == 0 {
        return Ok(());
    }
    let text = format!("{failed} of {} cases did not come out as expected", rows.len());
    Err(Failure::new(Code::CasesFailed, text))
}

fn text(path: &Path) -> Outcome<String> {
    let wrong = |error: std::io::Error| {
        Failure::new(Code::PolicyWrong, format!("{}: {error}", path.display()))
    };
    std::fs::read_to_string(path).map_err(wrong)
}
