//! `ready.json`: written when the node accepts connections, gone while it does not.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::directory::{DirectoryError, PRIVATE_FILE};
use crate::secrets::sync_parent;

/// What a node says when it accepts connections; absent listeners are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// The process.
    pub pid: u32,
    /// The cluster.
    pub cluster: String,
    /// The node.
    pub node: String,
    /// Where SSH listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<String>,
    /// Where PostgreSQL listens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<String>,
    /// The API's URL.
    pub api: String,
    /// Where other nodes reach it.
    #[serde(rename = "cluster_address", skip_serializing_if = "Option::is_none")]
    pub listens_to_nodes: Option<String>,
    /// Whom clients of the API trust.
    pub ca: PathBuf,
    /// The SSH host key, in OpenSSH's one-line form.
    pub host_key: String,
    /// Where the administrator's token is, on the node that founded the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_token: Option<PathBuf>,
    /// What does not work although the node does, in words for a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Removes what an earlier start has said.
///
/// # Errors
/// [`DirectoryError`] when it is there and stays.
pub(crate) fn remove(path: &Path) -> Result<(), DirectoryError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DirectoryError::io(path)(error))
        }
        _ => Ok(()),
    }
}

/// Says it: whole, by rename.
///
/// # Errors
/// [`DirectoryError`] when it cannot be written.
pub(crate) fn write(path: &Path, ready: &Ready) -> Result<(), DirectoryError> {
    let unfinished = path.with_extension("json.new");
    let writing = || -> io::Result<()> {
        remove_if_there(&unfinished)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(PRIVATE_FILE).open(&unfinished)?;
        serde_json::to_writer_pretty(&mut file, ready)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        sync_parent(path)
    };
    writing().map_err(DirectoryError::io(path))
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
