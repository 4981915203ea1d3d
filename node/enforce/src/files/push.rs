//! What a push to a git repository asks: which refs it makes, moves and removes. It is said in
//! pkt-lines before the pack (git's `gitprotocol-pack`, "Reference Update Request").
//!
//! A ref is judged as a file of its repository, which it is: `/srv/x.git/refs/heads/main`.

use proto::reading::FileOperation::{Remove, Write};

use super::{Part, Parts, Reach, path};

/// The tag of a push, behind the mark.
pub(super) const TAG: u8 = b'G';
/// Digits of a pkt-line's length, which counts itself.
pub const LENGTH_DIGITS: usize = 4;

/// One push: the repository as its command names it, and the pkt-lines up to the flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Push<'a> {
    /// The repository's path in normal form.
    pub repository: &'a str,
    /// The pkt-lines, with the flush behind them.
    pub lines: &'a [u8],
}

/// What lies at the start of a push's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Not all of it has come.
    More,
    /// So many bytes, behind which the pack begins.
    Whole(usize),
    /// It is none.
    Broken,
}

/// One ref, as it is and as it is to be.
struct Update<'a> {
    old: &'a str,
    new: &'a str,
    name: &'a str,
}

/// A pkt-line and what is behind it; no line is a flush.
type Line<'a> = (Option<&'a [u8]>, &'a [u8]);

/// The length that a pkt-line begins with, which counts its own digits, or a mark in its place;
/// nothing when it is none.
#[must_use]
pub fn packet_length(digits: &[u8]) -> Option<usize> {
    let is_number = digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    usize::from_str_radix(text, 16).ok()
}

/// The next pkt-line, if all of it is there.
fn line(bytes: &[u8]) -> Result<Option<Line<'_>>, ()> {
    let Some(digits) = bytes.get(..LENGTH_DIGITS) else { return Ok(None) };
    let length = packet_length(digits).ok_or(())?;
    match length {
        0 => Ok(Some((None, &bytes[LENGTH_DIGITS..]))),
        // Lengths that mean something else have no place here.
        1..=LENGTH_DIGITS => Err(()),
        _ => {
            let Some(whole) = bytes.get(..length) else { return Ok(None) };
            Ok(Some((Some(&whole[LENGTH_DIGITS..]), &bytes[length..])))
        }
    }
}

/// How much of a push's input is what it asks.
#[must_use]
pub fn ask(input: &[u8]) -> Ask {
    let mut rest = input;
    loop {
        match line(rest) {
            Err(()) => return Ask::Broken,
            Ok(None) => return Ask::More,
            Ok(Some((None, behind))) => return Ask::Whole(input.len() - behind.len()),
            Ok(Some((Some(_), behind))) => rest = behind,
        }
    }
}

impl<'a> Push<'a> {
    /// As it is judged, behind the mark and the tag.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.repository.len()).unwrap_or(u32::MAX);
        let head = [&[super::request::MARK, TAG][..], &length.to_be_bytes()].concat();
        [&head, self.repository.as_bytes(), self.lines].concat()
    }

    /// Reads it back.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let [super::request::MARK, TAG, rest @ ..] = bytes else { return None };
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (repository, lines) = rest.split_at_checked(length)?;
        Some(Self { repository: std::str::from_utf8(repository).ok()?, lines })
    }

    /// Whether options follow what is asked, before the pack: git looks for the word behind a zero
    /// byte of any line.
    #[must_use]
    pub fn has_options(&self) -> bool {
        let mut said = self.lines.split(|byte| *byte == 0).skip(1);
        let is_one = |word: &[u8]| word.starts_with(b"push-options");
        said.any(|said| said.split(u8::is_ascii_whitespace).any(is_one))
    }

    /// The command that serves it, as git writes it.
    pub(super) fn command(&self) -> String {
        format!("git-receive-pack '{}'", self.repository)
    }

    /// The refs that it changes; nothing when it asks what is not known here, such as a signed one.
    fn updates(&self) -> Option<Vec<Update<'a>>> {
        let (mut updates, mut rest) = (Vec::new(), self.lines);
        while let Ok(Some((Some(text), behind))) = line(rest) {
            rest = behind;
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            let text = std::str::from_utf8(text).ok()?.trim_end_matches('\n');
            let mut words = text.split(' ');
            match (words.next()?, words.next()?, words.next(), words.next()) {
                ("shallow", id, None, _) if is_id(id) => {}
                (old, new, Some(name), None) if is_id(old) && is_id(new) && is_ref(name) => {
                    updates.push(Update { old, new, name });
                }
                _ => return None,
            }
        }
        Some(updates)
    }

    pub(super) fn parts(&self) -> Parts {
        let Some(updates) = self.updates() else { return Parts { open: true, known: Vec::new() } };
        let mut parts = Parts::default();
        for update in updates {
            let Some(path) = path::of_login(&format!("{}/{}", self.repository, update.name)) else {
                parts.open = true;
                continue;
            };
            let operation = if update.removes() { Remove } else { Write };
            parts.known.push(Part { operation, path, reach: Reach::One, program: Some(0) });
        }
        parts
    }

    /// As the record shows it: a line for each ref.
    pub(super) fn words(&self) -> String {
        let mut words = format!("# a push to {}", self.repository);
        for update in self.updates().unwrap_or_default() {
            let short =
                |id: &str| if is_nothing(id) { "nothing".to_owned() } else { id[..12].to_owned() };
            let (old, new, name) = (short(update.old), short(update.new), update.name);
            words.push_str(&format!("\n{name} {old} -> {new}"));
        }
        words
    }
}

impl Update<'_> {
    fn removes(&self) -> bool {
        is_nothing(self.new)
    }
}

fn is_id(word: &str) -> bool {
    matches!(word.len(), 40 | 64) && word.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_nothing(id: &str) -> bool {
    id.bytes().all(|digit| digit == b'0')
}

/// Whether git takes this for the name of a ref: no part of it leads elsewhere.
fn is_ref(name: &str) -> bool {
    let plain = !name.is_empty() && !name.contains(|letter: char| letter.is_control());
    plain && name.split('/').all(|part| !part.is_empty() && !part.starts_with('.'))
}
