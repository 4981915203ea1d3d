//! `views:` of a node's configuration: where else than on its own disk the audit views are kept.

use std::path::{Path, PathBuf};

use node_identity::document::Findings;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::Spanned;
use store_postgres::{Options, Tls};

/// Where the certificates are that vouch for a database, when it is not said.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Where the audit views are kept; on the node's own disk in any case.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Views")]
pub(super) struct RawViews {
    /// Also in a PostgreSQL database.
    #[serde(default)]
    postgres: Option<RawPostgres>,
}

/// A PostgreSQL database for the audit views.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PostgresViews")]
struct RawPostgres {
    /// `postgres://USER@HOST[:PORT]/DATABASE`, without a password.
    #[schemars(with = "String")]
    url: Spanned<String>,
    /// Where the password is; none if absent.
    #[serde(default)]
    #[schemars(with = "Option<RawPassword>")]
    password: Option<Spanned<RawPassword>>,
    /// `verify-full` (the default), or `disable` for a database on the same machine.
    #[serde(default)]
    #[schemars(with = "Option<String>", extend("enum" = ["verify-full", "disable"]))]
    tls: Option<Spanned<String>>,
    /// A file with the certificates that vouch for the database; the machine's own, if absent.
    #[serde(default)]
    ca: Option<PathBuf>,
}

/// Where a password is: in a file that its owner alone may read, or in the environment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Password")]
struct RawPassword {
    /// The file; relative to this one.
    #[serde(default)]
    file: Option<PathBuf>,
    /// The environment variable.
    #[serde(default)]
    env: Option<String>,
}

/// A database for the audit views, fully said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresViews {
    /// Where it is.
    pub url: String,
    /// Where its password is.
    pub password: Option<PasswordFrom>,
    /// How the way to it is protected.
    pub tls: Tls,
}

/// Where a password is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordFrom {
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Environment(String),
}

/// What it means; `under` makes a path absolute.
pub(super) fn checked(
    findings: &mut Findings<'_>,
    raw: &RawViews,
    under: &dyn Fn(&Path) -> PathBuf,
) -> Option<PostgresViews> {
    let raw = raw.postgres.as_ref()?;
    let authorities = raw.ca.as_deref().map_or_else(|| AUTHORITIES.into(), under);
    let tls = match &raw.tls {
        None => Tls::VerifyFull { authorities },
        Some(written) => {
            let tls = match written.value.as_str() {
                "verify-full" => Ok(Tls::VerifyFull { authorities }),
                "disable" => Ok(Tls::Disable),
                other => Err(format!("{other:?}, expected verify-full or disable")),
            };
            findings.check(written, tls)?
        }
    };
    let password = match &raw.password {
        None => None,
        Some(written) => {
            let from = match &written.value {
                RawPassword { file: Some(file), env: None } => Ok(PasswordFrom::File(under(file))),
                RawPassword { file: None, env: Some(name) } => {
                    Ok(PasswordFrom::Environment(name.clone()))
                }
                _ => Err("expected either { file: PATH } or { env: NAME }"),
            };
            Some(findings.check(written, from)?)
        }
    };
    let url = &raw.url;
    // Which cluster it is for is known later; everything else can be wrong now.
    let options = Options::new(&url.value, None, tls.clone(), "unknown");
    findings.check(url, options)?;
    Some(PostgresViews { url: url.value.clone(), password, tls })
}
