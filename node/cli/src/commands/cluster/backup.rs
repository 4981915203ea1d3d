//! Backups of the control plane, and the key that they are encrypted to.

use std::path::Path;

use node_session::seal::backup::{BackupKey, Recipient};
use proto::api::BackupAsked;
use proto::refusal::Code;

use crate::client::Client;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::private::write_private;

/// Takes a backup into a new file.
pub(super) async fn take(client: &Client, recipient: String, out: &Path) -> Outcome {
    let key: Recipient =
        recipient.parse().map_err(|error| Failure::Usage(format!("--recipient: {error}")))?;
    let body = BackupAsked { recipient: key.to_string() };
    let bytes = client.bytes("/v1/cluster/backup", &body).await?;
    if bytes.is_empty() {
        return Err(Failure::new(Code::ServerUnreachable, "the gateway sent an empty backup"));
    }
    write_private(out, &bytes)?;
    output::print(&format!("{} bytes in {}\n", bytes.len(), out.display()))
}

/// Makes a key.
pub(super) fn key(out: &Path) -> Outcome {
    let key = BackupKey::fresh();
    write_private(out, key.to_text().as_bytes())?;
    output::print(&format!("{}\n", key.recipient()))
}
