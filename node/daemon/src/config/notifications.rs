//! `notifications:` of a node's configuration: whom to tell about approvals, and how.
//!
//! It holds no secret, only where the node finds it: what messages are signed with, and the URL
//! when that is one (those of Slack and Teams are).

use std::path::{Path, PathBuf};

use node_api::notify::HookKind;
use node_identity::document::Findings;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// How many hooks a node may have.
const HOOKS: usize = 16;

/// The longest name of one, in bytes.
const NAME_BYTES: usize = 64;

/// Where the certificates are that vouch for the other side, when it is not said.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Somebody who is told.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Notification")]
pub(super) struct RawNotification {
    /// What logs and metrics call it.
    #[schemars(with = "String")]
    name: Spanned<String>,
    /// Where messages go: `https://…`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    url: Option<Spanned<String>>,
    /// A file with that address instead, which its owner alone may read.
    #[serde(default)]
    url_file: Option<PathBuf>,
    /// Who reads them: `slack`, `teams` or `json`.
    #[schemars(with = "String", extend("enum" = ["slack", "teams", "json"]))]
    kind: Spanned<String>,
    /// A file with what messages are signed with, at least 16 bytes, which its owner alone may
    /// read.
    secret_file: PathBuf,
    /// Whether the masked text of a command is in them.
    #[serde(default)]
    include_text: bool,
    /// A file with the certificates that vouch for the other side; the machine's own, if absent.
    #[serde(default)]
    ca: Option<PathBuf>,
}

/// Somebody who is told, fully said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What logs and metrics call it.
    pub name: String,
    /// Where messages go.
    pub url: Address,
    /// Who reads them.
    pub kind: HookKind,
    /// The file with what they are signed with.
    pub secret: PathBuf,
    /// Whether the masked text of a command is in them.
    pub include_text: bool,
    /// The file with the certificates that vouch for the other side.
    pub authorities: PathBuf,
}

/// Where messages go.
#[derive(Clone, PartialEq, Eq)]
pub enum Address {
    /// As it was written.
    Said(String),
    /// What this file holds.
    InFile(PathBuf),
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What was written may be a secret all the same.
        match self {
            Self::Said(_) => f.write_str("…"),
            Self::InFile(path) => path.fmt(f),
        }
    }
}

/// What a list of them means; `under` makes a path absolute. What is wrong is found, with its
/// place.
pub(super) fn checked(
    findings: &mut Findings<'_>,
    raw: &[RawNotification],
    under: &dyn Fn(&Path) -> PathBuf,
) -> Vec<Notification> {
    if let Some(first) = raw.get(HOOKS) {
        let what = format!("{} notifications, expected at most {HOOKS}", raw.len());
        findings.add(first.name.referenced, what);
    }
    let mut all: Vec<Notification> = Vec::new();
    for one in raw {
        if all.iter().any(|other| other.name == one.name.value) {
            let what = format!("{} is named twice, expected once", one.name.value);
            findings.add(one.name.referenced, what);
        }
        all.extend(notification(findings, one, under));
    }
    all
}

fn notification(
    findings: &mut Findings<'_>,
    raw: &RawNotification,
    under: &dyn Fn(&Path) -> PathBuf,
) -> Option<Notification> {
    let at = raw.name.referenced;
    let name = &raw.name.value;
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        findings.add(at, format!("expected a name of 1 to {NAME_BYTES} bytes"));
    }
    let kind = match raw.kind.value.as_str() {
        "slack" => Ok(HookKind::Slack),
        "teams" => Ok(HookKind::Teams),
        "json" => Ok(HookKind::Json),
        other => Err(format!("{other:?}, expected slack, teams or json")),
    };
    let kind = findings.check(&raw.kind, kind);
    let url = match (&raw.url, &raw.url_file) {
        (Some(url), None) => Address::Said(url.value.clone()),
        (None, Some(file)) => Address::InFile(under(file)),
        _ => {
            findings.add(at, "expected either url or url_file");
            return None;
        }
    };
    Some(Notification {
        name: name.clone(),
        url,
        kind: kind?,
        secret: under(&raw.secret_file),
        include_text: raw.include_text,
        authorities: raw.ca.as_deref().map_or_else(|| AUTHORITIES.into(), under),
    })
}
