//! What may be asked of a channel, and what is answered.

use proto::refusal::{Code, Told};
use zeroize::Zeroizing;

use crate::channel::{Answer, Asking, Refused, Request, Start};
use crate::environment::VARIABLES;
use crate::terminal::{self, Window};

/// What is answered, in short: `yes` or `no`, what starts, and what is recorded.
fn say(answer: Answer) -> String {
    let mut said = if answer.accepted { "yes" } else { "no" }.to_owned();
    match answer.start {
        Some(Start::Exec { command, environment, terminal }) => {
            let command = String::from_utf8_lossy(&command).into_owned();
            said += &format!(" exec {command:?} {environment:?}");
            said += &terminal.map(|asked| format!(" in {}", asked.kind)).unwrap_or_default();
        }
        Some(Start::Shell { environment, terminal }) => {
            said += &format!(" shell {environment:?} in {}", terminal.kind);
        }
        Some(Start::Files { environment }) => said += &format!(" files {environment:?}"),
        Some(Start::Refuse(told)) => said += &format!(" tell {}", told.code),
        None => {}
    }
    if let Some(refused) = answer.refused {
        said += &format!(" record {:?} {}", refused.asked, refused.told.code);
    }
    said
}

#[test]
fn requests_are_answered_in_order() {
    #[track_caller]
    fn check(requests: &[Request<'_>], expected: &[&str]) {
        let mut asking = Asking::default();
        let said: Vec<_> = requests.iter().map(|request| say(asking.ask(*request))).collect();
        assert_eq!(said, expected);
    }
    use Request::{Agent, Display, Exec, Shell, Subsystem, Terminal, Variable};
    check(&[Exec(b"id")], &["yes exec \"id\" []"]);
    check(
        &[Variable("LANG", "C"), Variable("PATH", "x"), Variable("TERM", "dumb"), Exec(b"id")],
        &[
            "yes",
            "no record \"env PATH\" SP-1006",
            "yes",
            "yes exec \"id\" [(\"LANG\", \"C\"), (\"TERM\", \"dumb\")]",
        ],
    );
    check(&[Shell], &["yes tell SP-1002 record \"shell\" SP-1002"]);
    check(&[Exec(b"\0G")], &["yes tell SP-1002 record \"exec\" SP-1002"]);
    check(&[Subsystem("netconf")], &["yes tell SP-1002 record \"subsystem netconf\" SP-1002"]);
    check(
        &[Variable("LANG", "C"), Subsystem("sftp"), Exec(b"id")],
        &["yes", "yes files [(\"LANG\", \"C\")]", "no"],
    );
    check(&[Terminal(None), Exec(b"")], &["no record \"pty-req\" SP-1002", "yes exec \"\" []"]);
    let asked = |kind| terminal::Request::new(kind, Window::new(80, 24), &[]).expect("a terminal");
    let (dumb, xterm) = (asked("dumb"), asked("xterm"));
    check(&[Terminal(Some(&dumb)), Exec(b"id")], &["yes", "yes exec \"id\" [] in dumb"]);
    check(
        &[Terminal(Some(&dumb)), Terminal(Some(&xterm)), Variable("LANG", "C"), Shell],
        &["yes", "yes", "yes", "yes shell [(\"LANG\", \"C\")] in xterm"],
    );
    check(
        &[Terminal(Some(&dumb)), Shell, Terminal(None), Shell],
        &["yes", "yes shell [] in dumb", "no", "no"],
    );
    check(&[Display(false), Agent(false), Exec(b"a")], &["no", "no", "yes exec \"a\" []"]);
    check(&[Display(true), Agent(true), Exec(b"a")], &["yes", "yes", "yes exec \"a\" []"]);
    check(&[Exec(b"a"), Agent(true)], &["yes exec \"a\" []", "no"]);
    // One program to a channel: what comes later changes nothing.
    check(&[Exec(b"a"), Exec(b"b")], &["yes exec \"a\" []", "no"]);
    check(&[Exec(b"a"), Shell, Variable("LANG", "C")], &["yes exec \"a\" []", "no", "no"]);
    check(&[Shell, Exec(b"a")], &["yes tell SP-1002 record \"shell\" SP-1002", "no"]);
    check(
        &[Subsystem("a\u{1b}[2Jb é")],
        &["yes tell SP-1002 record \"subsystem a?[2Jb??\" SP-1002"],
    );
}

#[test]
fn what_is_told_of_a_subsystem() {
    #[track_caller]
    fn check(name: &str, expected: &str) {
        let Some(Start::Refuse(told)) = Asking::default().ask(Request::Subsystem(name)).start
        else {
            panic!("{name:?} is refused aloud")
        };
        assert_eq!(told, Told::new(Code::ChannelRefused, expected), "{name:?}");
    }
    check("netconf", "That subsystem is not served here.");
    check("SFTP", "That subsystem is not served here.");
    check("sftp sftp", "That subsystem is not served here.");
    check("", "That subsystem is not served here.");
}

/// A secret that a length cuts in two is still one.
#[test]
fn names_are_masked_before_they_are_cut() {
    let secret = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    for before in [0, 20, 40, 50] {
        let name = format!("{} {secret}", "x".repeat(before));
        let requests = [Request::Subsystem(&name), Request::Variable(&name, "C")];
        for request in requests {
            let refused = Asking::default().ask(request).refused.expect("refused");
            assert!(!refused.asked.contains("a1B2"), "{}", refused.asked);
            assert!(refused.asked.contains(&"x".repeat(before)), "{}", refused.asked);
        }
    }
}

#[test]
fn a_channel_sets_so_many_variables_and_no_more() {
    let mut asking = Asking::default();
    for _ in 0..VARIABLES {
        assert!(asking.ask(Request::Variable("LANG", "C")).accepted);
    }
    let told = Told::plain(Code::EnvironmentRefused);
    let refused = Refused { asked: "env LANG".to_owned(), told, reason: "too many variables" };
    let expected = Answer { refused: Some(refused), ..Answer::default() };
    assert_eq!(asking.ask(Request::Variable("LANG", "C")), expected);
    let Some(Start::Exec { environment, .. }) = asking.ask(Request::Exec(b"id")).start else {
        panic!("exec starts")
    };
    assert_eq!(environment.len(), VARIABLES);
}

#[test]
fn a_command_may_be_any_bytes() {
    let command = b"\xff\x00\n\\";
    let command_kept = Zeroizing::new(command.to_vec());
    let expected = Start::Exec { command: command_kept, environment: vec![], terminal: None };
    assert_eq!(Asking::default().ask(Request::Exec(command)).start, Some(expected));
}
