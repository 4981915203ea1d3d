//! The join file: one line of JSON that lets one node join, once.
//!
//! It holds a secret: whoever writes it keeps it from others (0600), and it is good for an hour.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::ids::{Digest, Name};
use proto::peer::Secret;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::certificate::sha256;

const VERSION: u32 = 1;

/// The largest join file, in bytes.
pub const JOIN_FILE_LIMIT: usize = 16 * 1024;

/// The most addresses in one.
const SEEDS_LIMIT: usize = 64;

/// What a node needs to join.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinFile {
    /// The cluster.
    pub cluster: Name,
    /// Where its nodes are reached, as `host:port`.
    pub seeds: Vec<String>,
    /// SHA-256 of the authority's certificate (DER): whom the joining node believes.
    pub authority: Digest,
    /// The one-time secret.
    pub secret: Secret,
}

/// Text that is not a join file. It never repeats the text, which may hold the secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a join file: {0}")]
pub struct BadJoinFile(String);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    cluster: Name,
    seeds: Vec<String>,
    authority: Digest,
    secret: String,
}

impl JoinFile {
    /// SHA-256 of the secret: what the replicated state knows of it.
    #[must_use]
    pub fn secret_digest(&self) -> Digest {
        sha256(self.secret.reveal())
    }

    /// The file's text.
    ///
    /// # Errors
    /// [`BadJoinFile`] when it names no address or too many.
    pub fn to_text(&self) -> Result<Zeroizing<String>, BadJoinFile> {
        check_seeds(&self.seeds)?;
        let mut written = Written {
            version: VERSION,
            cluster: self.cluster.clone(),
            seeds: self.seeds.clone(),
            authority: self.authority,
            secret: URL_SAFE_NO_PAD.encode(self.secret.reveal()),
        };
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(JOIN_FILE_LIMIT));
        let json = serde_json::to_writer(&mut *text, &written);
        written.secret.zeroize();
        json.map_err(|error| BadJoinFile(error.to_string()))?;
        text.push(b'\n');
        let text = std::str::from_utf8(&text).map_err(|error| BadJoinFile(error.to_string()))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`BadJoinFile`] when it is none.
    pub fn from_text(text: &str) -> Result<Self, BadJoinFile> {
        let bad = |what: &str| BadJoinFile(what.to_owned());
        if text.len() > JOIN_FILE_LIMIT {
            return Err(bad("it is too large"));
        }
        // serde_json's errors quote values of a wrong type; only the place is said.
        let written: Written = serde_json::from_str(text).map_err(|error| {
            let what = match error.classify() {
                serde_json::error::Category::Data => "a field is missing, unknown or wrong",
                _ => "no JSON",
            };
            BadJoinFile(format!("{what} at line {} column {}", error.line(), error.column()))
        })?;
        let Written { version, cluster, seeds, authority, secret } = written;
        let encoded = Zeroizing::new(secret);
        if version != VERSION {
            return Err(BadJoinFile(format!("version {version} is not {VERSION}")));
        }
        check_seeds(&seeds)?;
        let mut secret = Zeroizing::new([0; 32]);
        let length = URL_SAFE_NO_PAD
            .decode_slice(encoded.as_bytes(), &mut *secret)
            .map_err(|_| bad("its secret is not 32 bytes in base64url"))?;
        if length != secret.len() {
            return Err(bad("its secret is not 32 bytes in base64url"));
        }
        Ok(Self { cluster, seeds, authority, secret: Secret::new(*secret) })
    }
}

fn check_seeds(seeds: &[String]) -> Result<(), BadJoinFile> {
    match seeds.len() {
        0 => Err(BadJoinFile("it names no address".to_owned())),
        1..=SEEDS_LIMIT => Ok(()),
        many => Err(BadJoinFile(format!("it names {many} addresses, and may {SEEDS_LIMIT}"))),
    }
}

impl fmt::Debug for JoinFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFile")
            .field("cluster", &self.cluster)
            .field("seeds", &self.seeds)
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}
