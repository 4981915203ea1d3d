//! The files of the repository, read once. What a build or a run leaves behind is not among them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold what was built or run, not what was written. In a worktree `.git` is a file.
const NOT_WRITTEN: &[&str] = &["target", ".git", ".sallyport", "node_modules"];

/// Files over this are data, not text that a person wrote, in bytes.
const TEXT_LIMIT: u64 = 1024 * 1024;

/// One text file of the repository.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path from the root of the repository, with `/`.
    pub path: String,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A source that never was a file: for tests of rules.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// Whether it is Rust.
    #[must_use]
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is only built for tests or benchmarks.
    #[must_use]
    pub fn is_test(&self) -> bool {
        let folders = ["/tests/", "/benches/", "/examples/", "/cases/", "/scripts/"];
        self.path.ends_with("/tests.rs") || folders.iter().any(|folder| self.path.contains(folder))
    }

    /// Whether it belongs to a crate that only tests or measures.
    #[must_use]
    pub fn is_of_test_crate(&self) -> bool {
        self.path.starts_with("chaos-tests/") || self.path.starts_with("bench/")
    }

    /// Whether it is a part of the product: Rust that is linked into the binary.
    #[must_use]
    pub fn is_product(&self) -> bool {
        self.is_rust() && !self.is_test() && !self.is_of_test_crate()
    }
}

/// The root of the repository.
///
/// # Panics
/// Never: this crate lies directly below it.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the crate is a folder of the repository").to_owned()
}

/// Every text file below the root, by path.
///
/// # Errors
/// When a folder or file cannot be read.
pub fn read_all(root: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if NOT_WRITTEN.iter().any(|not| name.to_str() == Some(not)) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.metadata()?.len() <= TEXT_LIMIT {
                sources.extend(read(root, &entry.path())?);
            }
        }
    }
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(sources)
}

fn read(root: &Path, file: &Path) -> io::Result<Option<Source>> {
    // Somebody's editor may have taken a file away since the folder was listed.
    let bytes = match fs::read(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let Ok(text) = String::from_utf8(bytes) else { return Ok(None) };
    let relative = file.strip_prefix(root).unwrap_or(file);
    let path = relative.to_string_lossy().replace('\\', "/");
    Ok(Some(Source { path, text }))
}
