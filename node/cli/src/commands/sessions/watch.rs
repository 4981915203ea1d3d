//! Looking over a live session's shoulder, wherever in the cluster it is.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::api::Watched;
use proto::event::Stream;
use proto::refusal::Code;

use crate::client::Client;
use crate::failure::{Failure, Outcome};

/// Writes what the session's client gets, as it gets it, until the session is over.
pub(super) async fn watch(client: &Client, path: &str, output_only: bool) -> Outcome {
    let mut lines = client.lines(path, &[("follow", "true".to_owned())]).await?;
    while let Some(line) = lines.next().await? {
        let watched = serde_json::from_slice(&line);
        let watched = watched.map_err(|error| Failure::new(Code::ServerUnreachable, error))?;
        match watched {
            Watched::Seen { stream: Stream::Errors, .. } if output_only => {}
            Watched::Seen { stream, text, base64 } => {
                let bytes = bytes(text, base64)?;
                match stream {
                    Stream::Output => write(&mut io::stdout().lock(), &bytes)?,
                    Stream::Errors => write(&mut io::stderr().lock(), &bytes)?,
                }
            }
            Watched::Missed { bytes } => writeln!(
                io::stderr(),
                "sallyport: {bytes} bytes came faster than they could be shown; `sallyport \
                 sessions replay` has them"
            )?,
            Watched::Over => return Ok(()),
            Watched::Broken { told } => return Err(told.into()),
        }
    }
    let text = "the stream broke off; the session may go on: `sallyport sessions list`";
    Err(Failure::new(Code::ServerUnreachable, text))
}

/// The bytes of one piece.
pub(crate) fn bytes(text: Option<String>, base64: Option<String>) -> Outcome<Vec<u8>> {
    match (text, base64) {
        (Some(text), _) => Ok(text.into_bytes()),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| Failure::new(Code::ServerUnreachable, error))
        }
        (None, None) => Ok(Vec::new()),
    }
}

fn write(to: &mut dyn Write, bytes: &[u8]) -> Outcome {
    to.write_all(bytes)?;
    to.flush()?;
    Ok(())
}
