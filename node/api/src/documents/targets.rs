//! Targets from a document. Files that it names are found by each node, under the same path.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consensus_state::State;
use node_identity::targets;
use proto::entry::{By, Entry, TargetsSetting};
use proto::ids::Name;
use proto::refusal::Code;
use proto::target::{Place, Target};

use super::List;
use crate::refuse::Refused;
use crate::state::Api;

/// The targets.
pub(crate) struct Targets;

impl List for Targets {
    type Item = Target;

    fn now(state: &State) -> (BTreeMap<Name, Target>, u64) {
        let targets = state.targets().map(|target| (target.name.clone(), target.clone()));
        (targets.collect(), state.targets_revision())
    }

    fn entry(targets: Vec<Target>, expected_revision: Option<u64>, by: By) -> Entry {
        Entry::TargetsSet(TargetsSetting { targets, expected_revision, by })
    }
}

/// Reads a document.
pub(crate) async fn read(
    api: &Arc<Api>,
    file: String,
    document: Arc<str>,
    base: Option<String>,
) -> Result<Vec<Target>, Refused> {
    let turn = api.documents.acquire().await;
    let _turn = turn.map_err(|_| Refused::plain(Code::Draining))?;
    let base = base.map(PathBuf::from).unwrap_or_default();
    if !base.as_os_str().is_empty() && !base.is_absolute() {
        let text = "`base` is an absolute path: that of the folder which the document lies in";
        return Err(Refused::new(Code::BadRequest, text));
    }
    let trust_on_first_use = api.given.myself.trusts_on_first_use();
    let reading = move || {
        let options = targets::Options { base: &base, trust_on_first_use };
        targets::parse(&file, &document, &options)
    };
    let read = tokio::task::spawn_blocking(reading).await;
    let read = read.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    let targets =
        read.map_err(|problems| Refused::new(Code::TargetsWrong, problems.to_string()))?;
    match targets.iter().find(|target| is_relative(target)) {
        None => Ok(targets),
        Some(target) => {
            let name = &target.name;
            let text =
                format!("the credential of {name} is a relative path, and no `base` says to what");
            Err(Refused::new(Code::TargetsWrong, text))
        }
    }
}

/// Each node would look for it in a folder of its own.
fn is_relative(target: &Target) -> bool {
    let is_relative = |path: &String| !Path::new(path).is_absolute();
    let of_certificate = target.certificate();
    let of_certificate =
        of_certificate.map(|one| is_relative(&one.certificate) || is_relative(&one.private_key));
    let of_secret = matches!(target.secret(), Some(Place::File(path)) if is_relative(&path));
    of_secret || of_certificate.unwrap_or_default()
}
