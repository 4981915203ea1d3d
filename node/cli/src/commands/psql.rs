//! `psql` and `env`: how unmodified PostgreSQL clients reach databases, with a credential that is
//! good for a short while.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use clap::Args;
use proto::api::DatabaseCredential;
use proto::refusal::Code;
use zeroize::Zeroizing;

use crate::arguments::Gateway;
use crate::client::Client;
use crate::context::authority_file;
use crate::failure::{Failure, Outcome};
use crate::output;

/// Which database, and as whom.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    #[command(flatten)]
    gateway: Gateway,
    /// The target, or TARGET/DATABASE
    target: String,
    /// As which role; the first that is granted if absent
    #[arg(long)]
    role: Option<String>,
    /// Where the gateway's PostgreSQL listens
    #[arg(long, value_name = "HOST:PORT", env = "SALLYPORT_POSTGRES")]
    #[arg(default_value = "127.0.0.1:5432")]
    postgres: String,
}

/// Run psql with a credential that is good for a short while.
///
/// What it runs with is in its environment alone: a command line can be seen by everybody.
#[derive(Debug, Args)]
pub(crate) struct Psql {
    #[command(flatten)]
    wanted: Wanted,
    /// Options of psql
    #[arg(last = true)]
    options: Vec<String>,
}

/// Print what other PostgreSQL clients need, for `eval "$(sallyport env TARGET)"`.
#[derive(Debug, Args)]
pub(crate) struct Env {
    #[command(flatten)]
    wanted: Wanted,
}

/// What a client of PostgreSQL is told by its environment.
struct Told(Vec<(&'static str, Zeroizing<String>)>);

/// Runs psql in this process's place.
pub(crate) async fn psql(psql: Psql) -> Outcome {
    let Told(variables) = told(&psql.wanted).await?;
    let mut command = Command::new("psql");
    command.args(&psql.options);
    for (name, value) in &variables {
        command.env(name, value.as_str());
    }
    let error = command.exec();
    Err(Failure::new(Code::BadRequest, format!("psql cannot be run: {error}")))
}

/// Prints it for a shell.
pub(crate) async fn env(env: Env) -> Outcome {
    let Told(variables) = told(&env.wanted).await?;
    let mut lines = Zeroizing::new(String::new());
    for (name, value) in &variables {
        lines.push_str(&format!("export {name}='{}'\n", value.replace('\'', "'\\''")));
    }
    output::print(&lines)
}

async fn told(wanted: &Wanted) -> Outcome<Told> {
    let (host, port) = wanted.postgres.rsplit_once(':').ok_or_else(|| {
        Failure::new(
            Code::BadRequest,
            format!("--postgres {:?}: expected HOST:PORT", wanted.postgres),
        )
    })?;
    let client = Client::new(&wanted.gateway)?;
    let nothing = serde_json::json!({});
    let given: DatabaseCredential = client.post("/v1/credentials/database", &nothing).await?;
    let authority = authority_file(&wanted.gateway, &client.context().ca)?;
    let authority = authority.to_str().ok_or_else(|| {
        Failure::new(Code::BadRequest, format!("{}: not a text", authority.display()))
    })?;
    let user = match &wanted.role {
        Some(role) => format!("{}/{role}", given.user),
        None => given.user,
    };
    let variables = [
        ("PGHOST", host.trim_matches(['[', ']']).to_owned()),
        ("PGPORT", port.to_owned()),
        ("PGUSER", user),
        ("PGPASSWORD", given.password),
        ("PGDATABASE", wanted.target.clone()),
        // Only nodes of the cluster have certificates of this authority.
        ("PGSSLMODE", "verify-ca".to_owned()),
        ("PGSSLROOTCERT", authority.to_owned()),
    ];
    Ok(Told(variables.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect()))
}
