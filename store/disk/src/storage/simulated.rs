//! A disk in memory that **injects faults**: for tests only.
//!
//! What is not synced may be lost, torn at 512 bytes, or kept out of order when the power goes.
//! Names survive as a prefix of what was done, as on a file system with a metadata journal. A sync
//! that fails leaves its bytes readable and never durable, as Linux does. Everything is drawn from
//! a seed.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{File, Storage};

/// What a disk writes as a whole, in bytes.
pub const SECTOR: usize = 512;

/// Which operations fail; counted from when it is set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// The n-th operation that changes anything, and all after it, fail: the power is gone.
    pub power_off_at: Option<u64>,
    /// The n-th sync of a file fails with EIO.
    pub sync_fails_at: Option<u64>,
    /// The n-th write fails with EIO, with half of it written.
    pub write_fails_at: Option<u64>,
    /// All files together may take this many bytes; creating more fails with ENOSPC.
    pub room: Option<u64>,
    /// Renaming from one folder to another fails with EXDEV.
    pub folders_are_devices: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct Simulated {
    disk: Arc<Mutex<Disk>>,
    /// Which start of the machine or process this handle belongs to.
    start: u64,
}

#[derive(Debug, Default)]
struct Disk {
    random: u64,
    start: u64,
    files: Vec<Data>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    renamings: Vec<Renaming>,
    faults: Faults,
    operations: u64,
    syncs: u64,
    writes: u64,
}

#[derive(Debug, Default)]
struct Data {
    now: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Unsynced>,
}

/// What was done to a file since its last sync.
#[derive(Debug)]
enum Unsynced {
    Written(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug)]
enum Renaming {
    Created(String, usize),
    Moved(String, String),
    Removed(String),
}

struct Handle {
    disk: Arc<Mutex<Disk>>,
    start: u64,
    file: usize,
}

impl Simulated {
    /// An empty disk.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        Self { disk: Arc::new(Mutex::new(Disk { random, ..Disk::default() })), start: 0 }
    }

    /// Sets what fails from now on; counters start at 0.
    pub fn set_faults(&self, faults: Faults) {
        let mut disk = self.disk.lock();
        disk.faults = faults;
        (disk.operations, disk.syncs, disk.writes) = (0, 0, 0);
    }

    /// How many operations, writes and syncs there were since the faults were set.
    #[must_use]
    pub fn counted(&self) -> (u64, u64, u64) {
        let disk = self.disk.lock();
        (disk.operations, disk.writes, disk.syncs)
    }

    /// The power goes and comes back: unsynced bytes are lost, torn and reordered. Older handles
    /// fail from now on; no fault is set any more.
    #[must_use]
    pub fn power_cut(&self) -> Self {
        let mut disk = self.disk.lock();
        disk.lose();
        self.restarted(disk)
    }

    /// The process is killed and starts again: everything written is there, synced or not.
    #[must_use]
    pub fn killed(&self) -> Self {
        self.restarted(self.disk.lock())
    }

    fn restarted(&self, mut disk: parking_lot::MutexGuard<'_, Disk>) -> Self {
        disk.start += 1;
        disk.faults = Faults::default();
        Self { disk: Arc::clone(&self.disk), start: disk.start }
    }

    /// Another disk with the same bytes, all of them durable.
    #[must_use]
    pub fn copy(&self) -> Self {
        let disk = self.disk.lock();
        let copy = Self::new(disk.random);
        {
            let mut into = copy.disk.lock();
            for (name, file) in &disk.names {
                let bytes = disk.files[*file].now.clone();
                let data = Data { now: bytes.clone(), durable: bytes, unsynced: Vec::new() };
                into.files.push(data);
                let index = into.files.len() - 1;
                into.names.insert(name.clone(), index);
                into.durable_names.insert(name.clone(), index);
            }
        }
        copy
    }

    /// Every file's name and length.
    #[must_use]
    pub fn names(&self) -> Vec<(String, usize)> {
        let disk = self.disk.lock();
        disk.names.iter().map(|(name, file)| (name.clone(), disk.files[*file].now.len())).collect()
    }

    /// Changes a file behind the journal's back, durably.
    ///
    /// # Panics
    /// When there is no file of that name.
    pub fn tamper(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk.lock();
        let file = disk.names[name];
        change(&mut disk.files[file].now);
        disk.files[file].durable = disk.files[file].now.clone();
        disk.files[file].unsynced.clear();
    }

    fn change<T>(&self, act: impl FnOnce(&mut Disk) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.disk.lock();
        disk.may_change(self.start)?;
        act(&mut disk)
    }
}

impl Disk {
    fn draw(&mut self, below: u64) -> u64 {
        // xorshift64*: small, seeded, and good enough to choose sectors.
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        (self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % below
    }

    fn is_on(&self, start: u64) -> io::Result<()> {
        let off = self.faults.power_off_at.is_some_and(|at| self.operations > at);
        if start != self.start || off {
            return Err(io::Error::other("the machine is off"));
        }
        Ok(())
    }

    fn may_change(&mut self, start: u64) -> io::Result<()> {
        self.operations += 1;
        self.is_on(start)
    }

    fn lose(&mut self) {
        for index in 0..self.files.len() {
            let unsynced = std::mem::take(&mut self.files[index].unsynced);
            // Some crashes keep nothing, some everything, most a part.
            let kept_of_four = [0, 1, 2, 3, 1, 2, 3, 4][usize::try_from(self.draw(8)).unwrap_or(0)];
            for change in unsynced {
                let (offset, bytes) = match change {
                    Unsynced::Written(offset, bytes) => (offset, bytes),
                    Unsynced::Length(length) => {
                        if self.draw(4) < kept_of_four {
                            self.files[index].durable.resize(length, 0);
                        }
                        continue;
                    }
                };
                let mut at = 0;
                while at < bytes.len() {
                    let end = ((offset + at) / SECTOR + 1) * SECTOR - offset;
                    let piece = at..end.min(bytes.len());
                    at = piece.end;
                    // What lies behind a lost end is lost with it.
                    let is_inside = offset + piece.end <= self.files[index].durable.len();
                    if self.draw(4) < kept_of_four && is_inside {
                        let data = &mut self.files[index].durable;
                        data[offset + piece.start..offset + piece.end]
                            .copy_from_slice(&bytes[piece]);
                    }
                }
            }
            self.files[index].now = self.files[index].durable.clone();
        }
        let kept = self.draw(self.renamings.len() as u64 + 1);
        let kept = usize::try_from(kept).unwrap_or(0);
        for renaming in std::mem::take(&mut self.renamings).into_iter().take(kept) {
            renaming.apply(&mut self.durable_names);
        }
        self.names = self.durable_names.clone();
    }

    fn named(&mut self, renaming: Renaming) {
        renaming.apply(&mut self.names);
        self.renamings.push(renaming);
    }

    fn file(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Unsynced {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Length(length) => data.resize(*length, 0),
            Self::Written(offset, bytes) => {
                let end = offset + bytes.len();
                // Behind a sync that failed the medium may be shorter than anybody thought.
                data.resize(data.len().max(end), 0);
                data[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

impl Renaming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Created(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Moved(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            Self::Removed(name) => {
                names.remove(name);
            }
        }
    }
}

impl Storage for Simulated {
    fn make_folder(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, name: &str, bytes: u64) -> io::Result<Arc<dyn File>> {
        self.change(|disk| {
            let taken: usize = disk.names.values().map(|file| disk.files[*file].now.len()).sum();
            if disk.faults.room.is_some_and(|room| taken as u64 + bytes > room) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let length = usize::try_from(bytes).map_err(io::Error::other)?;
            let zeroes = vec![0; length];
            disk.files.push(Data { now: zeroes.clone(), durable: zeroes, unsynced: Vec::new() });
            let file = disk.files.len() - 1;
            disk.named(Renaming::Created(name.to_owned(), file));
            Ok(Arc::new(Handle { disk: Arc::clone(&self.disk), start: self.start, file }) as _)
        })
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn File>> {
        let disk = self.disk.lock();
        disk.is_on(self.start)?;
        let file = disk.file(name)?;
        Ok(Arc::new(Handle { disk: Arc::clone(&self.disk), start: self.start, file }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        disk.is_on(self.start)?;
        let within = |name: &String| Some(name.strip_prefix(folder)?.strip_prefix('/')?.to_owned());
        Ok(disk.names.keys().filter_map(within).collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let folder = |name: &str| name.split_once('/').map(|(folder, _)| folder.to_owned());
        self.change(|disk| {
            disk.file(from)?;
            if disk.faults.folders_are_devices && folder(from) != folder(to) {
                return Err(io::ErrorKind::CrossesDevices.into());
            }
            disk.named(Renaming::Moved(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|disk| {
            disk.file(name)?;
            disk.named(Renaming::Removed(name.to_owned()));
            Ok(())
        })
    }

    fn sync_folder(&self, _: &str) -> io::Result<()> {
        self.change(|disk| {
            for renaming in std::mem::take(&mut disk.renamings) {
                renaming.apply(&mut disk.durable_names);
            }
            Ok(())
        })
    }

    fn salt(&self) -> io::Result<u64> {
        Ok(self.disk.lock().draw(u64::MAX))
    }

    fn index_path(&self) -> Option<PathBuf> {
        None
    }
}

impl File for Handle {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let disk = self.disk.lock();
        disk.is_on(self.start)?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let rest = disk.files[self.file].now.get(offset..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.may_change(self.start)?;
        disk.writes += 1;
        let fails = disk.faults.write_fails_at == Some(disk.writes);
        let bytes = if fails { &bytes[..bytes.len() / 2] } else { bytes };
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let data = &mut disk.files[self.file];
        let end = offset + bytes.len();
        if end > data.now.len() {
            // The journal allocates before it writes, so this is a mistake of the journal.
            return Err(io::Error::other("a write past the end of what is allocated"));
        }
        data.now[offset..end].copy_from_slice(bytes);
        data.unsynced.push(Unsynced::Written(offset, bytes.to_vec()));
        if fails { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.may_change(self.start)?;
        disk.syncs += 1;
        let fails = disk.faults.sync_fails_at == Some(disk.syncs);
        let data = &mut disk.files[self.file];
        let unsynced = std::mem::take(&mut data.unsynced);
        if fails {
            // The pages count as clean from now on: readable, and never written.
            return Err(io::Error::from_raw_os_error(5));
        }
        for change in &unsynced {
            change.apply(&mut data.durable);
        }
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        let disk = self.disk.lock();
        disk.is_on(self.start)?;
        Ok(disk.files[self.file].now.len() as u64)
    }

    fn set_length(&self, bytes: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.may_change(self.start)?;
        let length = usize::try_from(bytes).map_err(io::Error::other)?;
        let taken: usize = disk.names.values().map(|file| disk.files[*file].now.len()).sum();
        let grows_by = length.saturating_sub(disk.files[self.file].now.len());
        if disk.faults.room.is_some_and(|room| grows_by > 0 && (taken + grows_by) as u64 > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let data = &mut disk.files[self.file];
        data.now.resize(length, 0);
        data.unsynced.push(Unsynced::Length(length));
        Ok(())
    }

    fn forget(&self) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.is_on(self.start)?;
        let data = &mut disk.files[self.file];
        let mut medium = data.durable.clone();
        data.unsynced.iter().for_each(|change| change.apply(&mut medium));
        data.now = medium;
        Ok(())
    }
}
