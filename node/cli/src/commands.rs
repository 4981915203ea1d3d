//! Runs the command that was asked for: one file for each group.

pub(crate) mod approvals;
pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod cluster;
pub(crate) mod detectors;
pub(crate) mod dev;
pub(crate) mod events;
pub(crate) mod journal;
pub(crate) mod lock;
pub(crate) mod login;
pub(crate) mod mask;
pub(crate) mod pages;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod psql;
pub(crate) mod serve;
pub(crate) mod sessions;
pub(crate) mod ssh;
pub(crate) mod target;
pub(crate) mod views;

use std::future::Future;

use proto::refusal::Code;

use crate::arguments::{Arguments, Command};
use crate::failure::{Failure, Outcome};

/// Runs one command.
pub(crate) fn run(arguments: Arguments) -> Outcome {
    // Before anything speaks TLS: there is one provider, and it is this one.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return Err(Failure::new(Code::Internal, "the TLS provider was set before"));
    }
    match arguments.command {
        Command::Dev(dev) => dev::run(dev),
        Command::Serve(serve) => serve::serve(serve),
        Command::Login(login) => wait(login::login(login)),
        Command::Logout(logout) => wait(login::logout(logout)),
        Command::Whoami(whoami) => wait(login::whoami(whoami)),
        Command::SshConfig(config) => ssh::run(&config),
        Command::Psql(psql) => wait(psql::psql(psql)),
        Command::Env(env) => wait(psql::env(env)),
        Command::People(people) => wait(people::run(people)),
        Command::Target(target) => wait(target::run(target)),
        Command::Policy(policy) => wait(policy::run(policy)),
        Command::Approvals(approvals) => wait(approvals::run(approvals)),
        Command::Lock(lock) => wait(lock::run(lock)),
        Command::Sessions(sessions) => wait(sessions::run(sessions)),
        Command::Events(events) => wait(events::run(events)),
        Command::Cluster(cluster) => wait(cluster::run(cluster)),
        Command::Journal(journal) => wait(journal::run(journal)),
        Command::Views(views) => wait(views::run(views)),
        Command::Audit(audit) => wait(audit::run(audit)),
        Command::Archive(archive) => archive::run(archive),
        Command::Mask(mask) => mask::run(&mask),
        Command::Detectors(detectors) => detectors::run(detectors),
        Command::Completions(completions) => pages::completions(&completions),
        Command::Man(man) => pages::man(&man),
    }
}

/// Waits for a command that talks to a gateway.
fn wait(work: impl Future<Output = Outcome>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(work)
}
