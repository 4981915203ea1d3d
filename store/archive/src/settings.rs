//! What an archive says of itself: whose it is, how long it keeps, and what is held for longer.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use proto::ids::{Chain, Name};
use proto::time::Utc;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::layout::SETTINGS;

/// How many holds there may be.
pub const HOLDS_LIMIT: usize = 1024;

/// The format that this program writes and reads.
const FORMAT: &str = "sallyport-archive/1";

/// What must be kept until somebody lifts it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its name.
    pub id: Name,
    /// Why.
    pub reason: String,
    /// Only this chain; all without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// Only what happened then or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Utc>,
    /// Only what happened before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Settings {
    format: String,
    cluster: Name,
    retention_days: u64,
    #[serde(default)]
    holds: Vec<Hold>,
}

/// An archive in a directory.
#[derive(Clone, Debug)]
pub struct Archive {
    pub(crate) directory: PathBuf,
    settings: Settings,
}

impl Archive {
    /// Whether a directory is an archive.
    #[must_use]
    pub fn is_there(directory: &Path) -> bool {
        directory.join(SETTINGS).is_file()
    }

    /// Opens an archive.
    ///
    /// # Errors
    /// [`Error`] when it is none.
    pub fn open(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(SETTINGS);
        let text = fs::read(&path).map_err(Error::file(&path))?;
        let settings: Settings =
            serde_json::from_slice(&text).map_err(|error| Error::damaged(&path, error))?;
        if settings.format != FORMAT {
            return Err(Error::damaged(&path, format!("its format is not {FORMAT}")));
        }
        Ok(Self { directory: directory.to_owned(), settings })
    }

    /// Makes an archive in a directory that is not there, or empty.
    ///
    /// # Errors
    /// [`Error`] when it cannot be made.
    pub fn create(directory: &Path, cluster: Name, retention_days: u64) -> Result<Self, Error> {
        make_folder(directory)?;
        let mut entries = fs::read_dir(directory).map_err(Error::file(directory))?;
        if entries.next().is_some() {
            return Err(Error::damaged(directory, "it is not empty, and no archive"));
        }
        let (format, holds) = (FORMAT.to_owned(), Vec::new());
        let settings = Settings { format, cluster, retention_days, holds };
        let archive = Self { directory: directory.to_owned(), settings };
        archive.write()?;
        Ok(archive)
    }

    /// The cluster whose record it is.
    #[must_use]
    pub fn cluster(&self) -> &Name {
        &self.settings.cluster
    }

    /// How many days everything is kept at least.
    #[must_use]
    pub fn retention_days(&self) -> u64 {
        self.settings.retention_days
    }

    /// What is held, in the order of the names.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.settings.holds
    }

    /// Keeps everything for longer from now on.
    ///
    /// # Errors
    /// [`Error::RetentionLowered`] for a shorter time than was promised.
    pub fn keep_for(&mut self, days: u64) -> Result<(), Error> {
        let is = self.settings.retention_days;
        if days < is {
            return Err(Error::RetentionLowered { is, asked: days });
        }
        self.settings.retention_days = days;
        self.write()
    }

    /// Holds something until it is lifted.
    ///
    /// # Errors
    /// [`Error::Hold`] when the name is taken, or there are too many.
    pub fn hold(&mut self, hold: Hold) -> Result<(), Error> {
        let holds = &mut self.settings.holds;
        if holds.iter().any(|one| one.id == hold.id) {
            return Err(Error::Hold(format!("there is a hold {} already", hold.id)));
        }
        if holds.len() >= HOLDS_LIMIT {
            return Err(Error::Hold(format!("there are {HOLDS_LIMIT} holds already")));
        }
        holds.push(hold);
        holds.sort_by(|one, other| one.id.cmp(&other.id));
        self.write()
    }

    /// Lifts a hold.
    ///
    /// # Errors
    /// [`Error::Hold`] when there is none of the name.
    pub fn lift(&mut self, id: &Name) -> Result<(), Error> {
        let before = self.settings.holds.len();
        self.settings.holds.retain(|hold| hold.id != *id);
        if self.settings.holds.len() == before {
            return Err(Error::Hold(format!("there is no hold {id}")));
        }
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let path = self.directory.join(SETTINGS);
        let text = serde_json::to_vec_pretty(&self.settings);
        let text = text.map_err(|error| Error::damaged(&path, error))?;
        replace(&path, &text)
    }
}

/// Writes a file whole or not at all, also when power fails.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = Error::file(path);
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&unfinished).map_err(&failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(&failed)?;
    fs::rename(&unfinished, path).map_err(&failed)?;
    sync_folder(path)
}

/// Makes a name in a folder last.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    let Some(parent) = path.parent() else { return Ok(()) };
    fs::File::open(parent).and_then(|folder| folder.sync_all()).map_err(Error::file(parent))
}

/// Makes a folder that only its owner reads, if it is not there.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(Error::file(path))
}
