//! `mask`: the masker on a stream, without a server.

pub(crate) mod report;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use node_enforce::decide::Facts;
use node_enforce::mask::{Action, Class, Detect, MaskKey, MaskPlan, MaskRule, Masker, Raw};
use node_enforce::policy::{TargetFacts, Who};
use proto::ids::Name;
use proto::reading::Channel;
use proto::refusal::Code;
use proto::target::TargetKind;
use proto::time::Moment;

use self::report::{Progress, Report};
use crate::failure::{Failure, Outcome};
use crate::output;

/// How much is read at a time, in bytes.
const CHUNK_BYTES: usize = 32 * 1024;

/// Mask secrets and personal data in a stream: standard input to standard output.
///
/// Without a policy: secrets, credentials, personal and financial data, all replaced by `*`. With
/// one: what its masks say for a session of this person with this target.
#[derive(Debug, Args)]
pub(crate) struct Mask {
    /// The policy whose masks apply
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The person of the session
    #[arg(long, default_value = "nobody", requires = "policy")]
    person: Name,
    /// A group of the person; may be given again
    #[arg(long, requires = "policy")]
    group: Vec<Name>,
    /// The target of the session
    #[arg(long, default_value = "anything", requires = "policy")]
    target: Name,
    /// A label of the target, KEY=VALUE; may be given again
    #[arg(long, value_name = "KEY=VALUE", requires = "policy", value_parser = label)]
    label: Vec<(String, String)>,
    /// Write what was found to this file: one JSON line for each place, never the value
    ///
    /// Each line has line, column, offset, length, detector, rule, action and confidence. How much
    /// was found is then said on standard error, too.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Masks until the input ends.
pub(crate) fn run(mask: &Mask) -> Outcome {
    let rules = match &mask.policy {
        Some(path) => of_policy(mask, &super::policy::read(path)?),
        None => vec![everything()],
    };
    // Pseudonyms hold for one run: the key is nobody's.
    let key = node_daemon::random().map(|key| MaskKey::new(*key))?;
    let plan = MaskPlan::compile(&rules, &[], key);
    let plan = plan.map_err(|error| Failure::new(Code::PolicyWrong, error))?;
    let to = match &mask.report {
        Some(path) => {
            Some(BufWriter::new(File::create(path).map_err(|error| Failure::file(path, &error))?))
        }
        None => None,
    };
    let mut report = Report::new(to);
    // Beside the masked text, progress would be in the way.
    let beside = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    let mut progress = beside.then(Progress::default);
    let mut masker = Masker::new(Arc::new(plan));
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let length = match input.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let raw = Raw::new(&chunk[..length]);
        let window = if length == 0 { masker.finish() } else { masker.feed(raw) };
        output.write_all(window.client.bytes())?;
        output.flush()?;
        report.take(&window)?;
        if let Some(progress) = &mut progress {
            progress.take(length)?;
        }
        if length == 0 {
            break;
        }
    }
    if let Some(progress) = progress {
        progress.finish()?;
    }
    let summary = report.finish()?;
    if mask.report.is_some() || beside {
        output::tell(&summary);
    }
    Ok(())
}

fn everything() -> MaskRule {
    let classes = [Class::Secrets, Class::Credentials, Class::Personal, Class::Financial];
    let detect = classes.into_iter().map(Detect::Class).collect();
    MaskRule::new("default", detect, Action::Redact)
}

fn of_policy(mask: &Mask, policy: &node_enforce::policy::Policy) -> Vec<MaskRule> {
    let labels: BTreeMap<_, _> = mask.label.iter().cloned().collect();
    let moment = Moment {
        utc: proto::time::Utc(jiff::Timestamp::now().as_microsecond()),
        offset_minutes: 0,
        elapsed: Duration::ZERO,
    };
    policy.masks(&Facts {
        who: Who::new(mask.person.as_str(), &mask.group),
        target: TargetFacts { name: mask.target.as_str(), kind: TargetKind::Ssh, labels: &labels },
        login: "",
        channel: Channel::Exec,
        moment: &moment,
        reading: None,
    })
}
