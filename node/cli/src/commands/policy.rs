//! `policy`: check and try policies without a server; see and change the one in force.

mod backtest;
pub(crate) mod remote;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy as Checked;
use node_enforce::policy::cases::{self, Cases};
use proto::refusal::Code;
use proto::time::Utc;
use serde::Serialize;

use super::sessions::instant;
use crate::arguments::{Gateway, Listing};
use crate::documents;
use crate::failure::{Failure, Outcome};
use crate::output::{self, Column};
use crate::terminal::safe;
use crate::texts::OpeningKeys;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("PASSED", "/passed"),
    ("EXPECTED", "/expected"),
    ("FOUND", "/found"),
    ("CASE", "/case"),
];

/// Check, try, see and change policies.
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
    /// Print the policy in force, or an earlier one
    Show {
        /// Which revision; without it the one in force
        #[arg(long, value_name = "REVISION")]
        revision: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Show what a file would change, or what changed between two revisions
    Diff {
        /// The policy that is compared; without it, --from says what is compared
        #[arg(required_unless_present = "from")]
        file: Option<PathBuf>,
        /// Compare from this revision; without it, from the one in force
        #[arg(long, value_name = "REVISION")]
        from: Option<u64>,
        /// Compare to this revision; without it, to the file or to the one in force
        #[arg(long, value_name = "REVISION", requires = "from", conflicts_with = "file")]
        to: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Put a policy into force, on every node; live sessions are judged again
    ///
    /// When your role needs a second person, the policy waits for their approval: the answer names
    /// it.
    Apply {
        /// The policy
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Only when this revision is in force: nobody else's change is lost
        #[arg(long, value_name = "REVISION")]
        expect_revision: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Judge every recorded command of a period by a policy, and show what it would change
    ///
    /// By rule, person and target, with examples. Where something in a command's text was masked
    /// the answer is counted as inexact, unless the audit key opens it.
    Backtest {
        /// The policy
        file: PathBuf,
        /// A directory of `events export`, or an archive; the gateway's record without it
        archive: Option<PathBuf>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
        /// Only commands of this instant or later
        #[arg(long, value_name = "TIME", value_parser = instant)]
        from: Option<Utc>,
        /// Only commands before this instant
        #[arg(long, value_name = "TIME", value_parser = instant)]
        to: Option<Utc>,
        /// The audit key: sealed commands are opened and read
        #[arg(long, value_name = "FILE")]
        audit_key: Option<PathBuf>,
    },
    /// List all revisions, the oldest first
    History {
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
    /// Put an earlier revision's document into force again, as a new revision
    Rollback {
        /// Which revision
        revision: u64,
        /// Only when this revision is in force: nobody else's change is lost
        #[arg(long, value_name = "REVISION")]
        expect_revision: Option<u64>,
        #[command(flatten)]
        gateway: Gateway,
        #[command(flatten)]
        listing: Listing,
    },
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
pub(crate) async fn run(policy: Policy) -> Outcome {
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
        Policy::Backtest { file, archive, gateway, listing, from, to, audit_key } => {
            let keys = OpeningKeys::read(audit_key.as_deref(), None)?;
            let asked = backtest::Asked { policy: read(&file)?, archive, from, to, keys };
            backtest::backtest(asked, &gateway, listing).await
        }
        Policy::Schema => output::print(&format!("{:#}\n", Checked::schema())),
        Policy::Show { revision, gateway } => remote::show(&gateway, revision).await,
        Policy::Diff { file, from, to, gateway } => {
            remote::diff(&gateway, file.as_deref(), from, to).await
        }
        Policy::Apply { file, expect_revision, gateway, listing } => {
            remote::apply(&gateway, listing, &file, expect_revision).await
        }
        Policy::History { gateway, listing } => remote::history(&gateway, listing).await,
        Policy::Rollback { revision, expect_revision, gateway, listing } => {
            remote::rollback(&gateway, listing, revision, expect_revision).await
        }
    }
}

/// Reads and checks a policy; warnings go to standard error.
pub(crate) fn read(path: &Path) -> Outcome<Checked> {
    let text = documents::text(path, Code::PolicyWrong)?;
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
    let cases = Cases::parse(&name, &documents::text(cases, Code::PolicyWrong)?)
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
