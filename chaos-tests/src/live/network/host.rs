//! One host of the network: a namespace with an address, in which programs can be run.

use std::ffi::OsStr;
use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::Result;

use crate::live::process::run;
use crate::live::wait::{SHORT, until};

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
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
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
