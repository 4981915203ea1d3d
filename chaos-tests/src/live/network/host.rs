//! One host of the network: a namespace with an address, in which programs can be run.

use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::live::process::run;
use crate::live::wait::{SHORT, until};

/// Where `ip` keeps its namespaces.
const NAMESPACES: &str = "/var/run/netns";

/// A host. It is a name for something that the network owns; copies are the same host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in its network.
    pub name: String,
    /// Its address there.
    pub address: Ipv4Addr,
    pub(super) namespace: String,
}

impl Host {
    pub(super) fn new(name: &str, namespace: String, number: u8) -> Self {
        Self { name: name.to_owned(), address: Ipv4Addr::new(10, 77, 0, number), namespace }
    }

    /// The command line of a program that runs on this host. `ip` becomes the program by `exec`,
    /// so that the process that is started is the program itself.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let [ip, how @ ..] = self.via();
        let mut command = Command::new(ip);
        command.args(how).arg(program);
        command
    }

    /// What stands before a program that runs on this host.
    #[must_use]
    pub fn via(&self) -> [String; 4] {
        ["ip", "netns", "exec", &self.namespace].map(str::to_owned)
    }

    /// Does something whose sockets are this host's, in a thread of its own.
    ///
    /// # Errors
    /// Those of what is done, and when the host cannot be entered.
    pub fn inside<T: Send>(&self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let namespace = Path::new(NAMESPACES).join(&self.namespace);
        let inside = || {
            let namespace = File::open(&namespace)?;
            // Of this thread only, which ends here.
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .context("entering a host")?;
            act()
        };
        thread::scope(|scope| {
            scope.spawn(inside).join().map_err(|_| anyhow!("what is done on a host panicked"))?
        })
    }

    /// Waits until something listens on a port of this host.
    ///
    /// # Errors
    /// When nothing does in time, or `ended` says why nothing will.
    pub fn listening(&self, port: u16, mut ended: impl FnMut() -> Result<()>) -> Result<()> {
        let filter = format!("sport = :{port}");
        until("something listens", SHORT, || {
            ended()?;
            let mut ss = self.command("ss");
            let listed = run(ss.args(["-H", "-l", "-t", "-n"]).arg(&filter), Vec::new(), SHORT)?;
            Ok((!listed.text().trim().is_empty()).then_some(()))
        })
    }
}
