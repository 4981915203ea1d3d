//! The manifest of an archived segment: which events of one chain it holds, and how they go on what
//! was before. A text that is signed as a note by the node that sealed it.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::ids::{Chain, Digest, Name};
use proto::time::Utc;

use crate::note::BadNote;
use crate::tree::Range;

/// The first line of a manifest.
const FORMAT: &str = "sallyport-segment/1";

/// A run of a chain's events in one file, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The cluster.
    pub cluster: Name,
    /// The chain.
    pub chain: Chain,
    /// The place of the first event.
    pub first: u64,
    /// The place of the last event.
    pub last: u64,
    /// How many events there are.
    pub events: u64,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// SHA-256 of the event before the first.
    pub prev: Digest,
    /// SHA-256 of the last event.
    pub head: Digest,
    /// The place of the event before the first leaf of the chain's tree.
    pub base: u64,
    /// The tree before the first event here, when it is known.
    pub before: Option<Range>,
    /// The earliest time of its events.
    pub from: Utc,
    /// The latest.
    pub to: Utc,
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FORMAT}\n{}\n{}", self.cluster, self.chain)?;
        writeln!(f, "events {} {} {}", self.first, self.last, self.events)?;
        writeln!(f, "file {} {}", self.bytes, BASE64.encode(self.sha256.0))?;
        writeln!(f, "chain {} {}", BASE64.encode(self.prev.0), BASE64.encode(self.head.0))?;
        writeln!(f, "time {} {}", self.from, self.to)?;
        if let Some(tree) = &self.before {
            write!(f, "tree {} {}", self.base, tree.end())?;
            tree.hashes().iter().try_for_each(|hash| write!(f, " {}", BASE64.encode(hash.0)))?;
            writeln!(f)?;
        }
        Ok(())
    }
}

impl FromStr for Segment {
    type Err = BadNote;

    fn from_str(text: &str) -> Result<Self, BadNote> {
        let wrong = |what| move || BadNote(what);
        let mut lines = text.lines();
        if lines.next() != Some(FORMAT) {
            return Err(BadNote("it is no manifest of a segment"));
        }
        let cluster = lines.next().and_then(|line| line.parse().ok());
        let chain = lines.next().and_then(|line| match line {
            "control" => Some(Chain::Control),
            node => node.parse().ok().map(Chain::Node),
        });
        let mut words = |name: &'static str| {
            let line = lines.next()?.strip_prefix(name)?.strip_prefix(' ')?;
            Some(line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let events = words("events").ok_or_else(wrong("its events are missing"))?;
        let file = words("file").ok_or_else(wrong("its file is missing"))?;
        let links = words("chain").ok_or_else(wrong("its links are missing"))?;
        let time = words("time").ok_or_else(wrong("its times are missing"))?;
        let tree = words("tree");
        let number = |words: &[String], at: usize| words.get(at)?.parse::<u64>().ok();
        let read = || {
            Some(Self {
                cluster: cluster?,
                chain: chain?,
                first: number(&events, 0)?,
                last: number(&events, 1)?,
                events: number(&events, 2)?,
                bytes: number(&file, 0)?,
                sha256: hash(file.get(1)?)?,
                prev: hash(links.first()?)?,
                head: hash(links.get(1)?)?,
                base: tree.as_ref().map_or(Some(0), |words| number(words, 0))?,
                before: match &tree {
                    None => None,
                    Some(words) => {
                        let hashes: Option<Vec<_>> =
                            words.get(2..)?.iter().map(|word| hash(word)).collect();
                        Some(Range::restore(0, number(words, 1)?, hashes?)?)
                    }
                },
                from: time.first()?.parse().ok()?,
                to: time.get(1)?.parse().ok()?,
            })
        };
        read().ok_or(BadNote("a line of the manifest is not right"))
    }
}

fn hash(text: &str) -> Option<Digest> {
    BASE64.decode(text).ok()?.try_into().ok().map(Digest)
}
