//! The command tree, as `--help`, completions and man pages show it.

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    approvals, archive, audit, cluster, detectors, dev, events, journal, lock, login, mask, pages,
    people, policy, psql, serve, sessions, ssh, target, views,
};
use crate::output::Format;

/// Stands between people and the machines they reach with ordinary clients: knows who is calling,
/// judges each command before the target sees it, masks secrets in what comes back, and records
/// everything so that it can be replayed and every decision derived again.
#[derive(Debug, Parser)]
#[command(name = "sallyport", version, propagate_version = true)]
#[command(
    after_help = "Exit status: 0 done; 1 refused, failed, or tampering found; 2 wrong usage; \
                  3 not verified."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which gateway a command talks to. What is not said here comes from the last `sallyport login`.
/// A token is taken from SALLYPORT_TOKEN alone: a command line can be seen by everybody.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Gateway {
    /// The gateway's API, e.g. https://127.0.0.1:8443
    #[arg(long, env = "SALLYPORT_URL", help_heading = "Gateway")]
    pub(crate) url: Option<String>,
    /// The certificate of the CA that vouches for the API (`ca.pem` of the data directory)
    #[arg(long, env = "SALLYPORT_CA", value_name = "FILE")]
    #[arg(help_heading = "Gateway")]
    pub(crate) ca: Option<std::path::PathBuf>,
}

/// How a list is printed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Listing {
    /// How to print it; a table on a terminal, JSON lines elsewhere
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run one node with everything in it: a cluster of one
    Dev(dev::Dev),
    /// Run one node of a fleet
    Serve(serve::Serve),
    /// Log in to the API with your SSH key, and remember it
    Login(login::Login),
    /// Give the saved login up
    Logout(login::Logout),
    /// Say who you are to the gateway, and what your roles permit
    Whoami(login::Whoami),
    /// Print a block for ~/.ssh/config that reaches targets through the gateway
    SshConfig(ssh::SshConfig),
    /// Run psql on a database through the gateway, with a credential for a short while
    Psql(psql::Psql),
    /// Print such a credential as environment variables, for other PostgreSQL clients
    Env(psql::Env),
    /// People who may use the gateway
    #[command(subcommand)]
    People(people::People),
    /// Machines behind the gateway
    #[command(subcommand)]
    Target(target::Target),
    /// Check and try policies; see and change the one in force
    #[command(subcommand)]
    Policy(policy::Policy),
    /// What waits for somebody else's word
    #[command(subcommand)]
    Approvals(approvals::Approvals),
    /// Shut somebody or something out, on every node
    #[command(subcommand)]
    Lock(lock::Lock),
    /// Sessions: list, show, watch, kill, replay, export
    #[command(subcommand)]
    Sessions(sessions::Sessions),
    /// Recorded events, as they are in the record
    #[command(subcommand)]
    Events(events::Events),
    /// The nodes that are one gateway together
    #[command(subcommand)]
    Cluster(cluster::Cluster),
    /// The journal that a node writes before anything runs
    #[command(subcommand)]
    Journal(journal::Journal),
    /// The audit views that are folded from the record
    #[command(subcommand)]
    Views(views::Views),
    /// Prove that the record is whole, and that its decisions were the policy's
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Sealed segments of the record in a directory, kept for as long as was promised
    #[command(subcommand)]
    Archive(archive::Archive),
    /// Mask secrets and personal data in a stream: standard input to standard output
    Mask(mask::Mask),
    /// What masking can find
    #[command(subcommand)]
    Detectors(detectors::Detectors),
    /// Print completions for a shell
    Completions(pages::Completions),
    /// Write man pages into a directory
    Man(pages::Man),
}
