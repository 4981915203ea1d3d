//! Where a client's commands go: what was said, else the saved login.
//!
//! The saved login is one file, 0600, in `$XDG_CONFIG_HOME/sallyport`; it holds a token, so it must
//! never be readable by others.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use proto::refusal::Code;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::arguments::Gateway;
use crate::failure::{Failure, Outcome};

/// What `sallyport login` saves.
#[derive(Serialize, Deserialize)]
pub(crate) struct Saved {
    /// The API.
    pub(crate) url: String,
    /// The CA's certificate, as text.
    pub(crate) ca: String,
    /// The token.
    #[serde(with = "wiped")]
    pub(crate) token: Zeroizing<String>,
    /// Who is logged in.
    pub(crate) person: String,
}

/// A text in a file that is wiped from memory.
mod wiped {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(
        text: &Zeroizing<String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<String>, D::Error> {
        String::deserialize(deserializer).map(Zeroizing::new)
    }
}

/// Which gateway, and as whom.
pub(crate) struct Context {
    /// The API.
    pub(crate) url: String,
    /// The CA's certificate, as text; the machine's own list is not used.
    pub(crate) ca: String,
    /// The token, when there is one.
    pub(crate) token: Option<Zeroizing<String>>,
}

/// What was said, else what was saved.
pub(crate) fn resolve(gateway: &Gateway) -> Outcome<Context> {
    let token = std::env::var("SALLYPORT_TOKEN").ok().filter(|token| !token.is_empty());
    let saved = load()?;
    let same = |saved: &&Saved| gateway.url.as_ref().is_none_or(|url| *url == saved.url);
    let saved = saved.as_ref().filter(same);
    let url = gateway.url.clone().or_else(|| saved.map(|saved| saved.url.clone()));
    let url = url.ok_or_else(|| {
        let text = "which gateway? Say --url and --ca (or SALLYPORT_URL and SALLYPORT_CA), or log \
                    in with `sallyport login`";
        Failure::new(Code::BadRequest, text)
    })?;
    let ca = match &gateway.ca {
        Some(path) => fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?,
        None => saved.map(|saved| saved.ca.clone()).ok_or_else(|| {
            let text = "who vouches for the gateway? Say --ca (or SALLYPORT_CA): the `ca.pem` of \
                        its data directory";
            Failure::new(Code::BadRequest, text)
        })?,
    };
    let token = token.map(Zeroizing::new).or_else(|| saved.map(|saved| saved.token.clone()));
    Ok(Context { url: url.trim_end_matches('/').to_owned(), ca, token })
}

/// A file with the CA's certificate, for programs that are not this one: the one that was said,
/// else one beside the saved login.
pub(crate) fn authority_file(gateway: &Gateway, ca: &str) -> Outcome<PathBuf> {
    if let Some(path) = &gateway.ca {
        return fs::canonicalize(path).map_err(|error| Failure::file(path, &error));
    }
    let path = path()?.with_file_name("ca.pem");
    if fs::read_to_string(&path).is_ok_and(|text| text == ca) {
        return Ok(path);
    }
    let unfinished = path.with_extension("new");
    let writing = || -> io::Result<()> {
        remove(&unfinished)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(ca.as_bytes())?;
        fs::rename(&unfinished, &path)
    };
    writing().map(|()| path.clone()).map_err(|error| Failure::file(&path, &error))
}

/// Saves a login.
pub(crate) fn save(saved: &Saved) -> Outcome {
    let path = path()?;
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)
            .map_err(|error| Failure::file(parent, &error))?;
    }
    let text = serde_json::to_vec_pretty(saved)
        .map(Zeroizing::new)
        .map_err(|error| Failure::new(Code::Internal, error))?;
    let writing = || -> io::Result<()> {
        let unfinished = path.with_extension("new");
        remove(&unfinished)?;
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&unfinished)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs::rename(&unfinished, &path)
    };
    writing().map_err(|error| Failure::file(&path, &error))
}

/// Forgets the saved login.
pub(crate) fn forget() -> Outcome {
    let path = path()?;
    remove(&path).map_err(|error| Failure::file(&path, &error))
}

/// The saved login, when there is one that nobody else can read.
pub(crate) fn load() -> Outcome<Option<Saved>> {
    let Ok(path) = path() else { return Ok(None) };
    let about = match fs::metadata(&path) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::file(&path, &error)),
    };
    if about.permissions().mode() & 0o077 != 0 {
        let text = format!("{} can be read by others: run `chmod 600` on it", path.display());
        return Err(Failure::new(Code::ConfigurationWrong, text));
    }
    let text = fs::read(&path).map(Zeroizing::new).map_err(|error| Failure::file(&path, &error))?;
    let damaged = |_| {
        let text = format!("{} is damaged: log in again", path.display());
        Failure::new(Code::ConfigurationWrong, text)
    };
    serde_json::from_slice(&text).map(Some).map_err(damaged)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn path() -> Outcome<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = match set("XDG_CONFIG_HOME") {
        Some(base) => PathBuf::from(base),
        None => PathBuf::from(set("HOME").ok_or_else(|| {
            let text = "neither XDG_CONFIG_HOME nor HOME is set, so no login can be saved";
            Failure::new(Code::ConfigurationWrong, text)
        })?)
        .join(".config"),
    };
    Ok(base.join("sallyport").join("login.json"))
}
