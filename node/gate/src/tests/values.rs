//! Values that conversations start from.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use node_enforce::decide::Facts;
use node_enforce::mask::{MaskKey, MaskPlan};
use node_enforce::policy::{Policy, TargetFacts, Who};
use proto::event::{Actor, PolicyRef, TargetAsWas};
use proto::ids::{Epoch, Name, SessionId};
use proto::reading::Channel;
use proto::target::TargetKind;
use proto::time::{Moment, Utc};
use store_log::memory::{Memory, Pretended};
use store_log::{AppendError, Log, Receipt};

use crate::SessionFacts;

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(super) fn moment() -> Moment {
    let utc = Utc(1_790_000_000_000_000);
    Moment { utc, offset_minutes: 60, elapsed: Duration::from_secs(1_000) }
}

pub(super) fn log() -> Log<Memory> {
    let memory = Arc::new(Memory::new());
    let log = Log::open(memory, name("test"), name("gw-1"), Epoch(1)).expect("an empty log");
    log.follow(Arc::new(Pretended::default()));
    log
}

/// A receipt that the memory log has already answered.
pub(super) fn ready(
    mut pending: impl Future<Output = Result<Receipt, AppendError>> + Unpin,
) -> Receipt {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::Pin::new(&mut pending).poll(&mut context) {
        Poll::Ready(receipt) => receipt.expect("the memory log keeps it"),
        Poll::Pending => panic!("the memory log answers at once"),
    }
}

/// Text of a script: `\n` is a newline, `{github}` a token made here, `{long}` 70,000 bytes,
/// `{dense}` 64,000 bytes of which every second is a digit.
pub(super) fn text(written: &str) -> String {
    let token = ["ghp", "_"].concat() + &"aB3dE6gH9".repeat(4);
    written
        .replace("\\n", "\n")
        .replace("{github}", &token)
        .replace("{dense}", &"1 ".repeat(32_000))
        .replace("{long}", &"0123456789".repeat(7_000))
}

/// Alice of engineering on web-1 of staging, by the policy given, which is of this revision.
pub(super) fn facts(policy: &str, revision: u64) -> SessionFacts {
    // A policy that grants terminals or files alone is one of a conversation with them.
    let grants = |channel: &str| policy.contains(&format!("channels: [{channel}]"));
    let channel = match () {
        () if grants("shell") => Channel::Shell,
        () if grants("sftp") => Channel::Sftp,
        () if grants("forward") => Channel::Forward,
        () => Channel::Exec,
    };
    let (policy, _) =
        Policy::parse("policy.yaml", policy, &|_| true).unwrap_or_else(|error| panic!("{error}"));
    let actor = Actor {
        person: name("alice"),
        issuer: "file".to_owned(),
        groups: vec![name("engineering")],
        from: None,
        credential: None,
    };
    let labels = [("env".to_owned(), "staging".to_owned())].into();
    let login = "deploy".to_owned();
    let target = TargetAsWas { name: name("web-1"), kind: TargetKind::Ssh, labels, login };
    let digest = policy.digest();
    let plan = {
        let facts = Facts {
            who: Who::new("alice", &actor.groups),
            target: TargetFacts { name: "web-1", kind: target.kind, labels: &target.labels },
            login: &target.login,
            channel,
            moment: &moment(),
            reading: None,
        };
        MaskPlan::compile(&policy.masks(&facts), &[], MaskKey::new([7; 32])).expect("good masks")
    };
    SessionFacts {
        node: name("gw-1"),
        epoch: Epoch(1),
        session: SessionId::new(&name("gw-1"), Epoch(1), 1),
        actor,
        target,
        channel,
        grant: "engineers".to_owned(),
        connection: 1,
        policy: Arc::new(policy),
        policy_ref: PolicyRef { revision, digest },
        applied: 2 + revision,
        masks: Arc::new(plan),
    }
}
