//! SSH keys, made by `ssh-keygen` for one run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use super::process::run;
use super::wait::SHORT;

/// A key pair in two files.
#[derive(Clone, Debug)]
pub struct Key {
    /// The file of the private half; the public half is beside it, with `.pub`.
    pub file: PathBuf,
    /// The public half as one line: type and base64.
    pub public: String,
}

impl Key {
    /// Makes an Ed25519 key.
    ///
    /// # Errors
    /// When `ssh-keygen` fails.
    pub fn make(folder: &Path, name: &str) -> Result<Self> {
        let file = folder.join(name);
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]).arg(&file);
        let made = run(&mut keygen, Vec::new(), SHORT)?;
        ensure!(made.status.success(), "ssh-keygen: {}", made.said());
        let line = fs::read_to_string(file.with_extension("pub"))?;
        let public = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        Ok(Self { file, public })
    }
}
