//! Reading on and reading anew notice what a gateway that loses or changes events would serve.

use anyhow::Result;
use chaos_tests::live::Scene;

use super::record::Record;

/// Serves lines to a reader who knows the first half of them: first as what follows, then as all.
/// What each says has to hold a text; the empty text means that it finds nothing.
#[track_caller]
fn check(lines: &[String], served: &[String], on: &str, anew: &str) {
    let known = lines.len() / 2;
    let begun = || {
        let mut record = Record::default();
        record.go_on(&lines[..known]).expect("an honest beginning");
        record
    };
    let from_last = served.get(known - 1..).unwrap_or_default();
    for (said, wanted) in [(begun().go_on(from_last), on), (begun().begin_anew(served), anew)] {
        let said = said.err().map(|error| error.to_string()).unwrap_or_default();
        assert_eq!(said.is_empty(), wanted.is_empty(), "{said}");
        assert!(said.contains(wanted), "{said} is not: {wanted}");
    }
}

#[test]
fn lost_and_changed_events_are_noticed() -> Result<()> {
    let scene = Scene::start()?;
    for command in ["echo one", "echo two", "echo three", "echo four"] {
        scene.ssh().run(command)?;
    }
    let lines = scene.event_lines()?;
    let last = lines.len() / 2 - 1;
    let but = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = lines.clone();
        change(&mut lines);
        lines
    };
    check(&lines, &lines, "", "");
    // The last that is known, and what is before it.
    check(&lines, &lines[..last], "None instead", "None instead");
    check(&lines, &but(&|lines| drop(lines.remove(last))), "instead", "instead");
    check(&lines, &but(&|lines| drop(lines.remove(2))), "instead", "instead");
    check(&lines, &but(&|lines| lines.swap(last, last + 1)), "instead", "instead");
    check(&lines, &but(&|lines| lines[last].push(' ')), "instead", "instead");
    // An older one keeps its place: only reading anew sees it.
    check(&lines, &but(&|lines| lines[2].push(' ')), "", "instead");
    // What is new has nothing to be compared with: its hashes tell, and `audit verify` before
    // reading anew.
    check(&lines, &but(&|lines| drop(lines.remove(last + 1))), "does not follow", "");
    check(&lines, &but(&|lines| lines[last + 1].push(' ')), "does not follow", "");
    Ok(())
}
