//! Interactive terminals, with OpenSSH's client and server and a real bash: what the gateway sees
//! of a shell, row by row, and what it does not.

use std::time::Duration;

use anyhow::{Context as _, Result};
use chaos_tests::live::{SHORT, Scene, Talk, marker, run, until};
use serde_json::Value;

/// What the blocked program would show: it is nowhere but in the shell's environment.
const LEAK: &str = "leak-of-the-environment";

const POLICY: &str = r#"version: 1
roles:
  - { name: auditors, who: { users: [alice] }, may: [sessions, replay, export, kill] }
grants:
  - { name: all, who: { groups: [engineering] }, targets: { kind: ssh }, as: [LOGIN], channels: [exec, shell] }
rules:
  - { name: no-env, when: { targets: { names: [web-1] }, shell: { programs: [env, printenv] } }, then: block, message: Not the environment. }
  - { name: pair, when: { shell: { programs: [reboot] } }, then: hold, approval: { by: { groups: [dba] } } }
"#;

/// What is typed to see that the shell goes on, how often, and how long is waited each time.
const SYNC: &str = "echo at=$";
const SYNCS: u32 = 5;
const SOON: Duration = Duration::from_secs(5);

/// A person at a terminal.
pub(crate) struct Person {
    pub(crate) shell: Talk,
    synced: u32,
}

impl Person {
    pub(crate) fn at(scene: &Scene) -> Result<Self> {
        let mut shell = scene.ssh().shell()?;
        shell.said("a prompt", SHORT, |output, _| output.contains("sh> ").then_some(()))?;
        let mut person = Self { shell, synced: 0 };
        person.types(&format!("export LEAK={LEAK}\r"))?;
        person.sync()?;
        Ok(person)
    }

    pub(crate) fn types(&mut self, keys: &str) -> Result<()> {
        self.shell.types(keys)
    }

    /// Waits until something is on the screen that was not there when the last row began.
    pub(crate) fn sees(&mut self, text: &str) -> Result<()> {
        self.shell.said(text, SHORT, |output, errors| {
            (output.contains(text) || errors.contains(text)).then_some(())
        })
    }

    /// Waits until the shell does what is typed now.
    pub(crate) fn sync(&mut self) -> Result<()> {
        self.synced += 1;
        // What is typed is not what is printed. A shell that is being interrupted may lose keys.
        let typed = format!("\x15{SYNC}(({}+0))\r", self.synced);
        let printed = format!("at={}", self.synced);
        let done = |output: &str, _: &str| output.contains(&printed).then_some(());
        for _ in 0..SYNCS {
            self.shell.types(&typed)?;
            if self.shell.said("the shell goes on", SOON, done).is_ok() {
                return Ok(());
            }
        }
        self.sees(&printed)
    }
}

/// All that was judged in terminals so far: what, as what, and what became of it.
fn judged(scene: &Scene) -> Result<Vec<(String, String, String)>> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let judged = scene.events_of("command.judged")?;
    let shells = judged.iter().filter(|data| data["channel"] == "shell");
    let one = |data: &Value| {
        let reading = &data["reading"];
        let read = if reading["unreadable"].is_null() { "" } else { "unreadable " };
        let seen = format!("{read}{}", word(&reading["terminal"]));
        (word(&data["text"]), seen, word(&data["verdict"]))
    };
    Ok(shells.map(one).collect())
}

/// One row of the table: what is typed, what is judged of it (text, as what, verdict), and whether
/// the blocked program runs all the same.
struct Row {
    name: &'static str,
    keys: &'static str,
    /// What the screen must show before the next keys are typed.
    then: &'static [(&'static str, &'static str)],
    judged: &'static [(&'static str, &'static str, &'static str)],
    runs: bool,
}

const BLOCKED: &[(&str, &str, &str)] = &[("printenv LEAK", "line", "block")];

const fn row(
    name: &'static str,
    keys: &'static str,
    judged: &'static [(&'static str, &'static str, &'static str)],
    runs: bool,
) -> Row {
    Row { name, keys, then: &[], judged, runs }
}

/// What is seen of a terminal, and what is not. README publishes it.
const TABLE: &[Row] = &[
    row("a line", "printenv LEAK\r", BLOCKED, false),
    row("a line that ends with LF", "printenv LEAK\n", BLOCKED, false),
    row("Ctrl-O", "printenv LEAK\x0f", BLOCKED, false),
    row("Ctrl-D in a line", "printenv LEAK\x04", BLOCKED, false),
    row("quotes", "print\"\"env LEAK\r", &[("print\"\"env LEAK", "line", "block")], false),
    row("backspace", "printenw\x7fv LEAK\r", BLOCKED, false),
    row("Ctrl-U", "ls\x15printenv LEAK\r", BLOCKED, false),
    row("Ctrl-W", "printenv x\x17LEAK\r", BLOCKED, false),
    row("Ctrl-A and text before", "LEAK\x01printenv \r", BLOCKED, false),
    row("arrow keys", "printenvLEAK\x1b[D\x1b[D\x1b[D\x1b[D \r", BLOCKED, false),
    row("completion", "printen\t LEAK\r", &[("printenv  LEAK", "line", "block")], false),
    row("a paste", "\x1b[200~printenv LEAK\x1b[201~\r", BLOCKED, false),
    row(
        "many lines at once: what follows a blocked one is forgotten",
        "echo one\rprintenv LEAK\recho two\r",
        &[("echo one", "line", "allow"), ("printenv LEAK", "line", "block")],
        false,
    ),
    row(
        "a line over several rows",
        "echo 0123456789012345678901234567890123456789012345678901234567890123456789012345; printenv LEAK\r",
        &[(
            "echo 0123456789012345678901234567890123456789012345678901234567890123456789012345; printenv LEAK",
            "line",
            "block",
        )],
        false,
    ),
    row("kill and yank", "printenv LEAK\x15\x19\r", BLOCKED, false),
    row("quoted insert", "printenv \x16LEAK\r", BLOCKED, false),
    row("undo", "printenv LEAK\x15\x1f\r", BLOCKED, false),
    row(
        "vi mode: by its commands",
        "set -o vi\rx printenv LEAK\x1b0dw\r",
        &[("set -o vi", "line", "allow"), ("printenv LEAK", "line", "block")],
        false,
    ),
    row("vi mode: a letter replaced", "printenv LEAX\x1b$rK\r", BLOCKED, false),
    row("vi mode is left", "set -o emacs\r", &[("set -o emacs", "line", "allow")], false),
    // What is not seen: the shell's own doing, and what stands elsewhere.
    row("history expansion", "echo !-1:0\r", &[("echo !-1:0", "unreadable line", "allow")], false),
    row(
        "an alias",
        "alias show=printenv\rshow LEAK\r",
        &[("alias show=printenv", "unreadable line", "allow"), ("show LEAK", "line", "allow")],
        true,
    ),
    row(
        "a variable",
        "p=printenv\r$p LEAK\r",
        &[("p=printenv", "line", "allow"), ("$p LEAK", "unreadable line", "allow")],
        true,
    ),
    row(
        "eval",
        "eval print'env LEAK'\r",
        &[("eval print'env LEAK'", "unreadable line", "allow")],
        true,
    ),
    row(
        "a script that is there already",
        "echo printenv LEAK >s\rsh s\r",
        &[("echo printenv LEAK >s", "line", "allow"), ("sh s", "line", "allow")],
        true,
    ),
    row(
        "a key that is bound to a command",
        "bind -x '\"\\C-g\": printenv LEAK'\r\x07",
        &[("bind -x '\"\\C-g\": printenv LEAK'", "unreadable line", "allow")],
        true,
    ),
    row(
        "a full-screen program: noted once",
        "printf '\\033[?1049h'\rprintenv LEAK\rprintf '\\033[?1049l'\r",
        &[
            ("printf '\\033[?1049h'", "line", "allow"),
            ("# not read: a full-screen program runs", "full_screen", "allow"),
        ],
        true,
    ),
    Row {
        name: "what a program reads that shows nothing",
        keys: "read -s -p $((3+4))say: x; $x LEAK\r",
        // Typed sooner it could be shown, by the terminal itself.
        then: &[("7say:", "printenv\r")],
        judged: &[
            ("read -s -p $((3+4))say: x; $x LEAK", "unreadable line", "allow"),
            ("# not read: what is typed is not shown", "echo_off", "allow"),
        ],
        runs: true,
    },
    Row {
        name: "a shell's prompt where nothing is shown",
        keys: "stty -echo; echo silent=$((1+1))\r",
        then: &[("silent=2", "printenv LEAK\r")],
        judged: &[
            ("stty -echo; echo silent=$((1+1))", "line", "allow"),
            ("printenv LEAK", "unreadable line", "block"),
        ],
        runs: false,
    },
];

#[test]
fn the_table_of_what_is_seen() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let mut wrong = Vec::new();
    let mut person = Person::at(&scene)?;
    for row in TABLE {
        let before = judged(&scene)?.len();
        let shown = person.shell.output().len();
        let blocked = |person: &Person| person.shell.errors().matches("SP-1201").count();
        let blocked_before = blocked(&person);
        person.types(row.keys)?;
        for (text, keys) in row.then {
            person.sees(text)?;
            person.types(keys)?;
        }
        if row.judged.iter().any(|(_, _, verdict)| *verdict == "block") {
            until("it is blocked", SHORT, || Ok((blocked(&person) > blocked_before).then_some(())))
                .with_context(|| row.name)?;
        }
        person.sync().with_context(|| row.name)?;
        let output = person.shell.output();
        let runs = output[shown..].contains(LEAK);
        let mut seen = judged(&scene)?.split_off(before);
        seen.retain(|(text, ..)| !text.starts_with(SYNC));
        let expected: Vec<_> = row
            .judged
            .iter()
            .map(|(text, seen, verdict)| {
                ((*text).to_owned(), (*seen).to_owned(), (*verdict).to_owned())
            })
            .collect();
        if (&seen, runs) != (&expected, row.runs) {
            wrong.push(format!("{}: {seen:?}, runs: {runs}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Everything that a session in a terminal is, in one.
#[test]
fn a_session_in_a_terminal() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let mut person = Person::at(&scene)?;
    // Recorded before done: the line itself looks into the journal for its own mark.
    let journal = scene.path("data").join("events");
    let mark = marker();
    person.types(&format!("grep -rqaF {mark} {}; echo found=$?\r", journal.display()))?;
    person.sees("found=0")?;
    // A password, and what is printed of a secret in two pieces.
    let password = marker();
    person.types("read -s -p 'PIN? ' x; echo read=${#x}\r")?;
    person.sees("\rPIN? ")?;
    person.types(&format!("{password}\r"))?;
    person.sees(&format!("read={}", password.len()))?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let (first, rest) = token.split_at(20);
    person.types(&format!("printf %s {first}; sleep 0.2; echo {rest}; echo over=$?\r"))?;
    person.sees("over=0")?;
    // There is nobody who could approve it; the shell goes on.
    person.types("reboot\r")?;
    person.sees("SP-1204")?;
    person.sync()?;
    person.types("exit 3\r")?;
    let (status, _) = person.shell.wait(SHORT)?;
    assert_eq!(status.code(), Some(3), "{}", person.shell.errors());
    let seen = person.shell.output();
    assert!(!seen.contains(&token) && seen.contains("***"), "{seen}");
    let lines = until("the session is closed", SHORT, || {
        let lines = scene.event_lines()?;
        let closed = lines.iter().any(|line| line.contains("io.sallyport.session.closed"));
        Ok(closed.then_some(lines))
    })?;
    for secret in [&password, &token] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "{secret} is recorded");
    }
    // The replay is what the person saw, but for what the gateway itself said.
    let id = only_session(&scene)?;
    let replayed = scene.node.administer(&["sessions", "replay", &id, "--no-wait"])?;
    assert_eq!(replayed.text(), seen, "{}", replayed.said());
    for how in ["verify", "rederive"] {
        let checked = scene.node.administer(&["audit", how])?;
        assert!(checked.status.success(), "{how}: {}{}", checked.text(), checked.said());
    }
    Ok(())
}

#[test]
fn a_command_in_a_terminal() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let client = scene.ssh().with(&["-tt"]);
    let ended = client.run("stty size; [ -t 0 ] && echo a terminal; exit 4")?;
    assert_eq!((ended.status, ended.text().as_str()), (Some(4), "24 80\r\na terminal\r\n"));
    let blocked = client.run("printenv HOME")?;
    assert_eq!(blocked.status, Some(126), "{}", blocked.errors);
    assert_eq!(blocked.errors, "\r\nsallyport: SP-1201: Not the environment.\r\n");
    // A shell without a terminal is a script that nobody sees before it runs.
    let script = scene.ssh().with(&["-T"]);
    let ended = run(&mut script.command(&[]), b"printenv HOME\n".to_vec(), SHORT)?;
    assert_eq!(ended.status.code(), Some(126), "{}", ended.said());
    Ok(())
}

/// The id of the one session that there is.
fn only_session(scene: &Scene) -> Result<String> {
    let sessions = scene.node.administer(&["sessions", "list", "--output", "json"])?;
    let sessions: Value = serde_json::from_slice(&sessions.output)?;
    Ok(sessions[0]["id"].as_str().context("a session has an id")?.to_owned())
}

/// Why each session was closed.
fn closed(scene: &Scene) -> Result<Vec<String>> {
    let closed = scene.events_of("session.closed")?;
    Ok(closed.iter().filter_map(|data| data["reason"].as_str().map(str::to_owned)).collect())
}

#[test]
fn somebody_watches_a_shell_and_ends_it() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let mut person = Person::at(&scene)?;
    let id = only_session(&scene)?;
    let mut watching = scene.node.administering(&["sessions", "watch", &id])?;
    until("somebody watches", SHORT, || {
        person.sync()?;
        let last = format!("at={}", person.synced);
        Ok(watching.output().contains(&last).then_some(()))
    })?;
    let killed = scene.node.administer(&["sessions", "kill", &id, "--reason", "enough"])?;
    assert!(killed.status.success(), "{}", killed.said());
    let (status, _) = person.shell.wait(SHORT)?;
    assert_eq!(status.code(), Some(126), "{}", person.shell.errors());
    assert!(person.shell.errors().ends_with("was ended by an operator.\r\n"));
    let (status, _) = watching.wait(SHORT)?;
    assert!(status.success(), "{}", watching.errors());
    until("its end is recorded", SHORT, || {
        let reason = closed(&scene)?.pop().unwrap_or_default();
        Ok((reason.starts_with("ended by ") && reason.ends_with(": enough")).then_some(()))
    })
}

#[test]
fn a_shell_that_is_idle_is_ended() -> Result<()> {
    let policy = POLICY.replacen("roles:", "sessions: { idle: 3s }\nroles:", 1);
    let scene = Scene::with_policy(&policy)?;
    // On a busy machine that may be before its first prompt.
    let mut shell = scene.ssh().shell()?;
    let (status, _) = shell.wait(SHORT)?;
    let said = shell.errors();
    assert_eq!(status.code(), Some(126), "{said}");
    assert!(said.contains("SP-1004: The session ended: nothing happened in it"), "{said}");
    Ok(())
}
