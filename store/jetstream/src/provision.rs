//! Makes the streams as they must be, with an operator's credentials.

use serde_json::Value;

use crate::fault::{Difference, Fault};
use crate::link::{ApiError, Link, Servers};
use crate::shape::Wanted;

/// What became of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// It was made.
    Made,
    /// It is as it must be.
    AsItMustBe,
    /// It was changed in these fields.
    Changed(Vec<Difference>),
}

/// Makes a stream that is not there; one that differs is changed only if so asked.
///
/// # Errors
/// [`Fault::Misconfigured`] when it differs and may not be changed, or still differs afterwards: a
/// server that drops a field is not believed.
pub async fn provision(
    servers: &Servers,
    wanted: &Wanted,
    max_bytes: i64,
    may_change: bool,
) -> Result<Provisioned, Fault> {
    let link = Link::open(servers).await?;
    let request = wanted.request(max_bytes);
    let done = match link.stream_info(wanted.name).await {
        Err(Fault::Missing(_)) => {
            asked(&link, &format!("STREAM.CREATE.{}", wanted.name), &request).await?;
            Provisioned::Made
        }
        Err(fault) => return Err(fault),
        Ok(info) => {
            let differences = differences(wanted, &info);
            if differences.is_empty() {
                return Ok(Provisioned::AsItMustBe);
            }
            if !may_change {
                return Err(misconfigured(wanted, differences));
            }
            asked(&link, &format!("STREAM.UPDATE.{}", wanted.name), &request).await?;
            Provisioned::Changed(differences)
        }
    };
    let left = differences(wanted, &link.stream_info(wanted.name).await?);
    if left.is_empty() { Ok(done) } else { Err(misconfigured(wanted, left)) }
}

fn differences(wanted: &Wanted, info: &Value) -> Vec<Difference> {
    wanted.differences(info.get("config").unwrap_or(&Value::Null))
}

fn misconfigured(wanted: &Wanted, differences: Vec<Difference>) -> Fault {
    Fault::Misconfigured { stream: wanted.name.to_owned(), differences }
}

async fn asked(link: &Link, what: &str, request: &Value) -> Result<(), Fault> {
    let answer = link.ask(what, request).await?;
    match ApiError::of(&answer) {
        None => Ok(()),
        Some(error) => Err(Fault::Refused(error.description)),
    }
}
