//! What was found so far in a command and in all texts in it.

use proto::reading::{Program, Redirect};

use super::arithmetic::Arithmetic;
use super::word::Word;
use super::{OpenWord, OpenWords, READING_LIMIT, WORD_LIMIT};

/// What was found so far in a command and all texts in it.
pub(super) struct Found {
    /// Each with its words that are only known in part.
    pub(super) programs: Vec<(Program, OpenWords)>,
    pub(super) unreadable: Option<String>,
    /// Words that may still be read.
    pub(super) words: usize,
    /// Bytes of arguments and files that may still be kept.
    room: usize,
    /// What all texts evaluate, and the values that they give.
    pub(super) arithmetic: Arithmetic,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            unreadable: None,
            words: WORD_LIMIT,
            room: READING_LIMIT,
            arithmetic: Arithmetic::default(),
        }
    }
}

impl Found {
    /// Notes why a part of what runs is not known; the first reason stays.
    pub(super) fn doubt(&mut self, why: impl Into<String>) {
        self.unreadable.get_or_insert_with(|| why.into());
    }

    /// Adds a program; `appended` says that more words come when it runs.
    pub(super) fn program(&mut self, name: &str, words: &[&Word], files: &[File], appended: bool) {
        let arguments = words.iter().map(|word| word.shown().len());
        let bytes: usize = arguments.chain(files.iter().map(|file| file.redirect.to.len())).sum();
        let (mut words, mut files) = (words, files);
        if let Some(room) = self.room.checked_sub(bytes) {
            self.room = room;
        } else {
            self.doubt("its groups connect too many programs to files with long names");
            (words, files) = (&[], &[]);
        }
        let mut open = OpenWords {
            arguments: words.iter().filter_map(|word| word.part()).collect(),
            redirects: files.iter().filter_map(File::part).collect(),
        };
        if appended {
            open.arguments.push(OpenWord::default());
        }
        let program = Program {
            name: basename(name).to_owned(),
            arguments: words.iter().map(|word| word.shown().to_owned()).collect(),
            redirects: files.iter().map(|file| file.redirect.clone()).collect(),
        };
        self.programs.push((program, open));
    }
}

/// A file that a program is connected to.
#[derive(Clone)]
pub(super) struct File {
    pub(super) redirect: Redirect,
    pub(super) open: Option<OpenWord>,
}

impl File {
    fn part(&self) -> Option<(String, OpenWord)> {
        Some((self.redirect.operator.clone(), self.open.clone()?))
    }
}

/// The last part of a path.
pub(super) fn basename(name: &str) -> &str {
    name.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name)
}
