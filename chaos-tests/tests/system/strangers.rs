//! Unknown key, target, login or grant: one answer to the outside, the precise reason inside.

use anyhow::Result;
use chaos_tests::live::{Client, Scene};

#[test]
fn the_outside_learns_nothing_and_the_record_knows_why() -> Result<()> {
    let scene = Scene::start()?;
    let login = scene.target.login.clone();
    let known = scene.ssh();
    let table: Vec<(&str, Client)> = vec![
        ("the key is nobody's", known.key(&scene.stranger.file)),
        ("there is no such target", known.user(&format!("{login}@nowhere"))),
        ("", known.user("no-such-login@web-1")),
        ("", known.user(&format!("{login}@other-1"))),
        ("the user is not of the form", known.user("a b@!@")),
        ("the key is nobody's", known.user("x@nowhere").key(&scene.stranger.file)),
    ];
    let mut answers = Vec::new();
    for (reason, client) in &table {
        let ended = client.run("echo never")?;
        assert_eq!(ended.status, Some(255), "{reason}: {}", ended.errors);
        // OpenSSH repeats the user part that it was given; that alone may differ.
        let (_, answer) = ended.errors.split_once(": ").unwrap_or(("", &ended.errors));
        answers.push(answer.to_owned());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(answers[0].contains("Permission denied"), "{answers:?}");
    let failed = scene.events_of("login.failed")?;
    let reasons: Vec<_> = failed.iter().filter_map(|data| data["reason"].as_str()).collect();
    assert_eq!(reasons.len(), table.len(), "{reasons:?}");
    for (reason, _) in &table {
        assert!(reasons.iter().any(|said| said.contains(reason)), "{reason}: {reasons:?}");
    }
    // Login and grant have reasons of their own.
    assert_ne!(reasons[2], reasons[3], "{reasons:?}");
    let distinct: std::collections::BTreeSet<_> = reasons.iter().collect();
    assert!(distinct.len() >= 5, "{reasons:?}");
    assert_eq!(scene.target.log()?, []);
    assert!(failed.iter().all(|data| data["service"] == "ssh"));
    Ok(())
}
