//! Which commands need a login of their own at the target.

use std::time::Duration;

use node_session::Control as _;
use proto::entry::{By, Entry, TargetsSetting};
use proto::target::{CredentialSource, HostKeys, Target};

use super::in_time;
use super::rig::{self, Client, Heard, Rig};
use crate::{KeptLimits, Limits};

async fn echoes(client: &Client) {
    let heard = in_time(client.run("echo hello", "")).await;
    assert_eq!(heard, Heard::status("hello\n", "", 0));
}

/// After each command, how many logins there were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_command_goes_over_the_same_connection() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    for (command, logins) in [
        ("echo first", 1),
        ("exit 3", 1),
        ("cat", 1),
        ("both", 1),
        ("die SEGV", 1),
        // It takes the connection with it, and the next one needs another.
        ("vanish", 1),
        ("echo again", 2),
        ("cut after", 2),
        ("echo again", 3),
        // What the target refused may still be running there.
        ("fail", 3),
        ("echo again", 4),
        // It does not get as far as the target.
        ("printenv HOME", 4),
        ("echo again", 4),
    ] {
        in_time(client.run(command, "input")).await;
        assert_eq!(rig.target.logins(), logins, "{command}");
    }
    // Somebody else's connection is never taken, nor the same person's other one.
    echoes(&rig.client("web-1").await).await;
    assert_eq!(rig.target.logins(), 5);
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_at_the_same_time_have_connections_of_their_own() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    let mut waits = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut waits, 5)).await, b"ready");
    assert_eq!(rig.target.logins(), 1);
    echoes(&client).await;
    assert_eq!(rig.target.logins(), 2);
    waits.close().await.expect("sent");
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_ended_from_without_is_cut() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    let mut waits = client.exec("wait").await;
    assert_eq!(in_time(rig::bytes(&mut waits, 5)).await, b"ready");
    waits.close().await.expect("sent");
    in_time(rig.target.ended("wait")).await;
    echoes(&client).await;
    assert_eq!(rig.target.logins(), 2);
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_changed_or_gone_counts_at_once() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    rig.keys.change(Some(rig.rotated.clone()));
    echoes(&client).await;
    assert_eq!(rig.target.logins(), 2);
    rig.keys.change(None);
    let heard = in_time(client.run("echo hello", "")).await;
    assert!(heard.errors.starts_with("sallyport: SP-1305: "), "{}", heard.errors);
    assert_eq!(rig.target.commands().len(), 2);
    drop(client);
    rig.stop().await;
}

/// What is known of a target may change between two commands.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_target_or_credential_needs_another_login() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    let target = rig.web.clone();
    let credential = CredentialSource::File("elsewhere".to_owned());
    let HostKeys::Pinned(mut lines) = target.host_keys.clone() else { panic!("they are pinned") };
    lines.push(rig::line(&rig.stranger));
    let changes = [
        ("another host key", Target { host_keys: HostKeys::Pinned(lines), ..target.clone() }),
        ("another credential", Target { credential, ..target.clone() }),
        ("as it was", target),
    ];
    for (at, (what, target)) in changes.into_iter().enumerate() {
        let (targets, expected_revision, by) = (vec![target], None, By::Administrator);
        let setting = TargetsSetting { targets, expected_revision, by };
        in_time(rig.control.propose(Entry::TargetsSet(setting))).await.expect("applied");
        echoes(&client).await;
        assert_eq!(rig.target.logins(), at + 2, "{what}");
        echoes(&client).await;
        assert_eq!(rig.target.logins(), at + 2, "{what}, once it is known");
    }
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_command_is_left() {
    let idle = Duration::from_millis(20);
    let kept = KeptLimits { idle, ..Limits::default().kept };
    let rig = Rig::with(Limits { kept, ..Limits::default() }).await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    in_time(rig.target.ended("echo hello")).await;
    echoes(&client).await;
    assert_eq!(rig.target.logins(), 2);
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_old_is_left() {
    let kept = KeptLimits { age: Duration::ZERO, ..Limits::default().kept };
    let rig = Rig::with(Limits { kept, ..Limits::default() }).await;
    let client = rig.client("web-1").await;
    for logins in 1..3 {
        echoes(&client).await;
        in_time(rig.target.ended("echo hello")).await;
        assert_eq!(rig.target.logins(), logins);
    }
    drop(client);
    rig.stop().await;
}

/// It is as old as it may be while nothing uses it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_has_become_old_is_left() {
    let age = Duration::from_secs(1);
    let kept = KeptLimits { age, ..Limits::default().kept };
    let rig = Rig::with(Limits { kept, ..Limits::default() }).await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    // Time is all that is waited for: the gateway reads tokio's clock.
    tokio::time::sleep(age).await;
    echoes(&client).await;
    assert_eq!(rig.target.logins(), 2);
    drop(client);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_takes_its_connection_along() {
    let rig = Rig::start().await;
    let client = rig.client("web-1").await;
    echoes(&client).await;
    drop(client);
    in_time(rig.target.ended("echo hello")).await;
    rig.stop().await;
}
