//! What happens to a broker's disk: it is wiped, an earlier image is put back, its end is cut off.
//!
//! An image is taken while the broker writes, as the snapshot of a volume would be: it may hold a
//! file of one moment beside a file of another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::Broker;

/// How the files end that hold messages.
const MESSAGES: &str = "blk";

impl Broker {
    /// Takes its disk away; it must not run.
    ///
    /// # Errors
    /// When the disk cannot be removed.
    pub fn wipe(&self) -> Result<()> {
        self.is_down()?;
        Ok(fs::remove_dir_all(self.data())?)
    }

    /// Takes an image of its disk, in place of an earlier one, while it runs.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn take_image(&self) -> Result<()> {
        let image = self.image();
        if image.exists() {
            fs::remove_dir_all(&image)?;
        }
        copy(&self.data(), &image)
    }

    /// Whether there is an image.
    #[must_use]
    pub fn has_image(&self) -> bool {
        self.image().exists()
    }

    /// Puts the image back in place of its disk: what it wrote since is gone, and it will use the
    /// numbers of those messages again. It must not run.
    ///
    /// # Errors
    /// When there is none.
    pub fn put_image_back(&self) -> Result<()> {
        self.is_down()?;
        ensure!(self.has_image(), "there is no image of the broker's disk");
        fs::remove_dir_all(self.data())?;
        copy(&self.image(), &self.data())
    }

    /// Cuts the end off the last file of messages of one of its streams, or of each of them, so
    /// that a part of it is left, in thousandths. It must not run.
    ///
    /// # Errors
    /// When the files cannot be cut.
    pub fn cut(&self, only: Option<&str>, thousandths: u64) -> Result<()> {
        self.is_down()?;
        let mut last: Vec<PathBuf> = Vec::new();
        for file in files(&self.data())? {
            let of_stream = |name| file.components().any(|part| part.as_os_str() == name);
            let wanted = only.is_none_or(of_stream);
            if !wanted || file.extension().is_none_or(|extension| extension != MESSAGES) {
                continue;
            }
            match last.iter_mut().find(|other| other.parent() == file.parent()) {
                Some(other) if number(other) < number(&file) => *other = file,
                Some(_) => {}
                None => last.push(file),
            }
        }
        for path in last {
            let file = fs::File::options().write(true).open(&path)?;
            file.set_len(file.metadata()?.len() * thousandths / 1000)?;
        }
        Ok(())
    }

    /// All files that it keeps.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        files(&self.data())
    }

    fn image(&self) -> PathBuf {
        self.folder.join("image")
    }

    fn is_down(&self) -> Result<()> {
        ensure!(!self.runs(), "the broker runs, and would go on writing");
        Ok(())
    }
}

/// Which file of messages of its stream it is.
fn number(file: &Path) -> u64 {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.and_then(|stem| stem.parse().ok()).unwrap_or(0)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all.extend(files(&entry.path())?);
        } else {
            all.push(entry.path());
        }
    }
    Ok(all)
}

/// Copies a folder from which files may go meanwhile.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in there(fs::read_dir(from))?.into_iter().flatten() {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if there(entry.file_type())?.is_some_and(|kind| kind.is_dir()) {
            copy(&entry.path(), &target)?;
        } else {
            there(fs::copy(entry.path(), target))?;
        }
    }
    Ok(())
}

/// What is still there.
fn there<T>(found: io::Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
