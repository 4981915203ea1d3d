//! Taking away what is old enough: whole segments from the start of a chain, so that what stays has
//! no gap. The signed manifests of what went stay, and say what was there.

use std::fs;

use proto::ids::Name;
use proto::time::Utc;
use store_proof::segment::Segment;

use crate::error::Error;
use crate::layout::{PRUNED, Sealed};
use crate::settings::{Archive, Hold, make_folder, sync_folder};

const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// Why a segment stays, and all behind it in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is too young.
    Young,
    /// It is under a hold.
    Held(Name),
    /// It is the last of its chain.
    Last,
}

/// What became of the segments.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Those that were taken away, or would be.
    pub gone: Vec<Sealed>,
    /// The first of each chain that stays, and why.
    pub kept: Vec<(Sealed, Kept)>,
}

impl Hold {
    /// Whether it keeps a segment.
    #[must_use]
    pub fn covers(&self, segment: &Segment) -> bool {
        self.chain.as_ref().is_none_or(|chain| *chain == segment.chain)
            && self.from.is_none_or(|from| segment.to >= from)
            && self.to.is_none_or(|to| segment.from < to)
    }
}

impl Archive {
    /// Takes away what is older than so many days; with `try_only` only says what would go.
    ///
    /// # Errors
    /// [`Error::TooYoung`] for fewer days than everything is kept.
    pub fn prune(&self, days: u64, now: Utc, try_only: bool) -> Result<Pruned, Error> {
        let least = self.retention_days();
        if days < least {
            return Err(Error::TooYoung { least, asked: days });
        }
        let age = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(DAY_US);
        let before = Utc(now.0.saturating_sub(age));
        let mut pruned = Pruned::default();
        for chain in
            self.segments()?.chunk_by(|one, other| one.segment.chain == other.segment.chain)
        {
            let mut chain = chain.iter().cloned().peekable();
            while let Some(sealed) = chain.next() {
                if let Some(why) = self.stays(&sealed, before, chain.peek().is_none()) {
                    pruned.kept.push((sealed, why));
                    break;
                }
                if !try_only {
                    self.take_away(&sealed)?;
                }
                pruned.gone.push(sealed);
            }
        }
        Ok(pruned)
    }

    fn stays(&self, sealed: &Sealed, before: Utc, is_last: bool) -> Option<Kept> {
        if sealed.segment.to >= before {
            return Some(Kept::Young);
        }
        if let Some(hold) = self.holds().iter().find(|hold| hold.covers(&sealed.segment)) {
            return Some(Kept::Held(hold.id.clone()));
        }
        is_last.then_some(Kept::Last)
    }

    /// The manifest moves first: a segment whose removal was cut short is no segment any more.
    fn take_away(&self, sealed: &Sealed) -> Result<(), Error> {
        let folder = self.folder(PRUNED, &sealed.segment.chain);
        make_folder(&folder)?;
        let name = sealed.manifest.file_name().unwrap_or_default();
        let kept = folder.join(name);
        fs::rename(&sealed.manifest, &kept).map_err(Error::file(&kept))?;
        sync_folder(&kept)?;
        fs::remove_file(&sealed.events).map_err(Error::file(&sealed.events))?;
        sync_folder(&sealed.events)
    }
}
