//! The documents that a node is started with: read and checked before anything is opened, applied
//! when the control plane is up.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use consensus_state::Reply;
use node_enforce::mask::is_detector;
use node_enforce::policy::Policy;
use node_identity::{Directory, people, targets};
use node_session::{Control, ControlExt as _};
use proto::entry::{By, Entry, PeopleSetting, PolicySetting, TargetsSetting};
use proto::ids::Name;
use proto::person::Person;
use proto::refusal::Code;
use proto::target::Target;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::config::{Config, Documents};
use crate::secrets;

/// The largest document, in bytes.
const DOCUMENT_LIMIT: u64 = 4 * 1024 * 1024;

/// How long a document waits for the version of the cluster that it needs, and how often it looks.
const VERSION_DEADLINE: Duration = Duration::from_secs(10);
const VERSION_PAUSE: Duration = Duration::from_millis(20);

/// A document that is wrong; each line of it names file, line, column and what was expected.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct DocumentError {
    /// The document's code.
    pub code: Code,
    /// What is wrong.
    pub text: String,
}

/// Documents that were checked.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    people: Option<(PathBuf, String)>,
    targets: Option<Vec<Target>>,
    policy: Option<Policy>,
    /// What is right, and perhaps not meant.
    pub warnings: Vec<String>,
}

/// Reads and checks the documents.
///
/// # Errors
/// [`DocumentError`], naming the place.
pub(crate) fn check(config: &Config) -> Result<Checked, DocumentError> {
    let Documents { people, targets, policy } = &config.documents;
    let mut checked = Checked::default();
    if let Some(path) = people {
        let text = read(path, Code::PeopleWrong)?;
        parse_people(path, &text, &Directory::default())?;
        checked.people = Some((path.clone(), text));
    }
    if let Some(path) = targets {
        let text = read(path, Code::TargetsWrong)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let base = std::path::absolute(base).unwrap_or_else(|_| base.to_owned());
        let options =
            targets::Options { base: &base, trust_on_first_use: config.trust_on_first_use };
        let parsed = targets::parse(&path.display().to_string(), &text, &options);
        checked.targets = Some(parsed.map_err(|problems| DocumentError {
            code: Code::TargetsWrong,
            text: problems.to_string(),
        })?);
    }
    if let Some(path) = policy {
        let text = read(path, Code::PolicyWrong)?;
        let (policy, warnings) =
            Policy::parse(&path.display().to_string(), &text, &is_detector).map_err(|errors| {
                DocumentError { code: Code::PolicyWrong, text: errors.to_string() }
            })?;
        checked.warnings.extend(warnings.iter().map(ToString::to_string));
        checked.policy = Some(policy);
    }
    Ok(checked)
}

/// Applies them as this node; what is in force already changes nothing.
///
/// # Errors
/// [`DocumentError`] when the control plane does not take one.
pub(crate) async fn apply(
    checked: Checked,
    node: &Name,
    control: &dyn Control,
) -> Result<(), DocumentError> {
    let by = || By::Node(node.clone());
    let expected_revision = None;
    if let Some((path, text)) = checked.people {
        let known = control.views().borrow().people.clone();
        let people = parse_people(&path, &text, &known)?;
        let entry = Entry::PeopleSet(PeopleSetting { people, expected_revision, by: by() });
        propose(control, Code::PeopleWrong, entry).await?;
    }
    if let Some(targets) = checked.targets {
        let entry = Entry::TargetsSet(TargetsSetting { targets, expected_revision, by: by() });
        propose(control, Code::TargetsWrong, entry).await?;
    }
    if let Some(policy) = checked.policy {
        let (document, digest) = (policy.text().to_owned(), policy.digest());
        let setting = PolicySetting { document, digest, expected_revision, by: by() };
        propose(control, Code::PolicyWrong, Entry::PolicySet(setting)).await?;
    }
    Ok(())
}

/// Proposes an entry, and waits until the cluster has the version that it needs: one that was just
/// founded raises it in a moment.
async fn propose(control: &dyn Control, code: Code, entry: Entry) -> Result<(), DocumentError> {
    let deadline = Instant::now() + VERSION_DEADLINE;
    while control.look(|state| state.cluster_version()) < entry.since() && Instant::now() < deadline
    {
        tokio::time::sleep(VERSION_PAUSE).await;
    }
    match control.propose(entry).await {
        Ok(Reply::Refused(denied)) => Err(DocumentError { code, text: denied.to_string() }),
        Ok(_) => Ok(()),
        Err(error) => Err(DocumentError { code: Code::RecordUnavailable, text: error.to_string() }),
    }
}

fn parse_people(path: &Path, text: &str, known: &Directory) -> Result<Vec<Person>, DocumentError> {
    let wrong = |text: String| DocumentError { code: Code::PeopleWrong, text };
    // Drawn before parsing, which cannot fail for want of randomness; each salt is another.
    let seed = secrets::random().map_err(|error| wrong(error.to_string()))?;
    let count = std::cell::Cell::new(0_u64);
    let salt = || {
        count.set(count.get() + 1);
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        context.update(&*seed);
        context.update(&count.get().to_le_bytes());
        let mut salt = [0; node_identity::password::SALT_BYTES];
        let length = salt.len();
        salt.copy_from_slice(&context.finish().as_ref()[..length]);
        salt
    };
    let passwords = people::Passwords {
        environment: &|name| std::env::var(name).ok().map(Zeroizing::new),
        salt: &salt,
        current: &|name: &Name| known.person(name).and_then(|person| person.password_hash.clone()),
        // Whoever applies it waits until the cluster is new enough.
        verifiers: true,
    };
    people::parse(&path.display().to_string(), text, &passwords)
        .map_err(|problems| wrong(problems.to_string()))
}

fn read(path: &Path, code: Code) -> Result<String, DocumentError> {
    let wrong = |what: &dyn std::fmt::Display| DocumentError {
        code,
        text: format!("{}:1:1: the file cannot be read: {what}", path.display()),
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut text = String::new();
    let read = file.take(DOCUMENT_LIMIT + 1).read_to_string(&mut text);
    let bytes = read.map_err(|error| wrong(&error))?;
    if bytes as u64 > DOCUMENT_LIMIT {
        return Err(wrong(&format!("it is larger than {DOCUMENT_LIMIT} bytes")));
    }
    Ok(text)
}
