//! What can be done to a node from outside, beside its processes and its network: its clock and
//! its disk.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};

use crate::live::process::run;
use crate::live::wait::SHORT;

/// Where Debian and its children keep the library that fakes clocks.
const FAKETIME: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
];

/// How large a small disk is, in mebibytes: the journal's quota, and the replicated log.
const SMALL_DISK_MB: u64 = 192;

/// How much is written at once to fill a disk, in bytes.
const FILLING: usize = 1024 * 1024;

/// What a node's wall clock says. Its clocks that count from boot are never touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockFault {
    /// The truth.
    None,
    /// It is ahead by so many seconds, or behind.
    Off(i64),
    /// It stands still.
    Frozen,
}

/// The clock of a node: a file that the library reads each time the node asks for the time.
#[derive(Debug)]
pub(in crate::live) struct Clock {
    file: PathBuf,
    faked: AtomicBool,
}

impl Clock {
    pub(in crate::live) fn new(folder: &Path) -> Self {
        Self { file: folder.join("clock"), faked: AtomicBool::new(false) }
    }

    /// From the next start on the node's clock can be moved. It is not so from the beginning,
    /// because the library takes part in every wait of the process.
    pub(in crate::live) fn fake(&self) -> Result<()> {
        self.faked.store(true, Ordering::Relaxed);
        self.set(ClockFault::None)
    }

    pub(in crate::live) fn is_faked(&self) -> bool {
        self.faked.load(Ordering::Relaxed)
    }

    /// Moves the clock, now.
    pub(in crate::live) fn set(&self, fault: ClockFault) -> Result<()> {
        let text = match fault {
            ClockFault::None => "+0".to_owned(),
            ClockFault::Off(seconds) => format!("{seconds:+}"),
            ClockFault::Frozen => {
                let date = Command::new("date").args(["-u", "+%Y-%m-%d %H:%M:%S"]).output()?;
                String::from_utf8(date.stdout)?
            }
        };
        // By rename: the node must never read half of it.
        let new = self.file.with_extension("new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, &self.file)?)
    }

    /// What `env` must set for the node.
    pub(in crate::live) fn environment(&self) -> Result<Vec<String>> {
        if !self.is_faked() {
            return Ok(Vec::new());
        }
        let library = FAKETIME.iter().find(|path| Path::new(path).exists());
        let library = library.context("clock tests need faketime (libfaketime.so.1)")?;
        Ok(vec![
            format!("LD_PRELOAD={library}"),
            format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display()),
            "FAKETIME_NO_CACHE=1".to_owned(),
            "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
            // A frozen clock is given in universal time.
            "TZ=UTC".to_owned(),
        ])
    }
}

/// The disk of a node: the machine's, or a small one of its own.
#[derive(Debug)]
pub(in crate::live) struct Disk {
    data: PathBuf,
    mounted: AtomicBool,
}

impl Disk {
    pub(in crate::live) fn new(data: &Path) -> Self {
        Self { data: data.to_owned(), mounted: AtomicBool::new(false) }
    }

    /// Gives the node a small disk, before it writes anything.
    pub(in crate::live) fn make_small(&self) -> Result<()> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o"]).arg(format!("size={SMALL_DISK_MB}m,mode=0755"));
        let said = run(mount.arg("tmpfs").arg(&self.data), Vec::new(), SHORT)?;
        ensure!(said.status.success(), "mount: {}", said.said());
        self.mounted.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn filler(&self) -> PathBuf {
        self.data.join("filler")
    }

    /// Fills a small disk to the last byte.
    pub(in crate::live) fn fill(&self) -> Result<()> {
        // The machine's own disk must never be filled.
        ensure!(self.mounted.load(Ordering::Relaxed), "the disk is not the node's own");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.filler())?;
        let mut size = FILLING;
        while size > 0 {
            if file.write_all(&vec![0; size]).is_err() {
                size /= 2;
            }
        }
        Ok(())
    }

    /// Gives the room back.
    pub(in crate::live) fn free(&self) -> Result<()> {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted.load(Ordering::Relaxed) {
            let mut unmount = Command::new("umount");
            // Lazily: the node's host may hold it until its last process is gone.
            run(unmount.arg("-l").arg(&self.data), Vec::new(), SHORT).ok();
        }
    }
}

impl super::Fleet {
    /// Lets the clock of a node be moved; it is started again for that.
    ///
    /// # Errors
    /// When it does not start again.
    pub fn fake_clock(&self, name: &str) -> Result<()> {
        let gateway = self.gateway(name);
        if gateway.clock.is_faked() {
            return Ok(());
        }
        gateway.clock.fake()?;
        gateway.stop()?;
        gateway.start().map(drop)
    }

    /// Moves the clock of a node, while it runs.
    ///
    /// # Errors
    /// When it was not made movable before.
    pub fn set_clock(&self, name: &str, fault: ClockFault) -> Result<()> {
        let clock = &self.gateway(name).clock;
        ensure!(clock.is_faked(), "{name} has the machine's clock");
        clock.set(fault)
    }

    /// Fills the small disk of the last node.
    ///
    /// # Errors
    /// When it has none.
    pub fn fill_disk(&self, name: &str) -> Result<()> {
        self.gateway(name).disk.fill()
    }

    /// Frees it again.
    ///
    /// # Errors
    /// When that fails.
    pub fn free_disk(&self, name: &str) -> Result<()> {
        self.gateway(name).disk.free()
    }

    /// Ends all faults: ways, processes, clocks, disks. A node that is down is started again, and
    /// so are the broker and the database.
    ///
    /// # Errors
    /// When something cannot be undone.
    pub fn heal(&self) -> Result<()> {
        self.network.heal()?;
        if let Some(broker) = self.lock_broker().as_mut() {
            if !broker.runs() {
                broker.again()?;
            }
            // What was wiped or cut may be no stream any more.
            broker.provision(super::CLUSTER)?;
        }
        if let Some(database) = self.lock_database().as_mut() {
            database.again()?;
        }
        for gateway in &self.gateways {
            gateway.disk.free()?;
            if gateway.clock.is_faked() {
                gateway.clock.set(ClockFault::None)?;
            }
            if gateway.runs()? {
                gateway.resume()?;
            } else {
                gateway.launch(None)?;
            }
        }
        Ok(())
    }
}
