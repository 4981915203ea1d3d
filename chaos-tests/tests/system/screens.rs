//! Programs that draw a screen, real ones, over a file with secrets: no secret reaches the client,
//! the replay, the record or a file of the node.

use anyhow::{Context as _, Result};
use chaos_tests::live::{Ended, SHORT, Scene};

use crate::masking::collect;
use crate::terminal::Person;

const POLICY: &str = "version: 1
grants: [{ name: all, who: {}, targets: {}, as: [LOGIN], channels: [exec, shell] }]
";

/// A program, and what is typed once something is on its screen.
struct Row {
    name: &'static str,
    starts: &'static str,
    keys: &'static [(&'static str, &'static str)],
}

/// The end of the file, by which it is seen that all of it was drawn.
const LAST: &str = "the-last-line";

const ROWS: &[Row] = &[
    Row { name: "less", starts: "less FILE", keys: &[(LAST, "/hp_\rnNgGrq")] },
    Row { name: "less, numbered", starts: "less -N -S FILE", keys: &[(LAST, "q")] },
    Row {
        name: "vim",
        starts: "vim -u NONE -N FILE",
        keys: &[
            (LAST, ":set hlsearch nu\r/hp_\rnnyyPdd\x0c:echo 'seen'.'it'\r"),
            ("seenit", ":q!\r"),
        ],
    },
    Row {
        name: "tmux",
        starts: "LC_ALL=C.UTF-8 tmux -L one -f /dev/null new-session 'cat FILE; read x'",
        keys: &[(LAST, "\r")],
    },
    Row {
        name: "readline",
        starts: "read -e -i \"$(sed -n 2p FILE)\" x; echo 'was'read",
        keys: &[("GITHUB_TOKEN=", "\x01\x05\x1b[D\x1b[D\x0c\r"), ("wasread", "")],
    },
];

/// What somebody reads who sees no escape sequence and no end of a row.
fn read(drawn: &str) -> String {
    let (mut text, mut rest) = (String::new(), drawn.chars().peekable());
    while let Some(next) = rest.next() {
        match next {
            '\x1b' => match rest.next() {
                Some('[') => drop(rest.find(|byte| ('@'..='~').contains(byte))),
                Some(']') => drop(rest.find(|byte| matches!(byte, '\x07' | '\\'))),
                Some('(' | ')') => drop(rest.next()),
                _ => {}
            },
            '\x00'..=' ' => {}
            other => text.push(other),
        }
    }
    text
}

#[test]
fn what_is_drawn_shows_no_secret() -> Result<()> {
    let scene = Scene::with_policy(POLICY)?;
    let token = format!("{}_{}", concat!("gh", "p"), "a1B2c3D4e5F6".repeat(3));
    let key = format!("{}{}", concat!("AK", "IA"), "Q3EGWTK7VXJ2M5NA");
    let file = scene.target.folder.join("drawn.txt");
    let before = "x".repeat(70);
    let lines = [
        "the first line",
        &format!("export GITHUB_TOKEN={token}"),
        &format!("{before} {token}"),
        &format!("{before}: {key} and password={token}"),
        LAST,
    ];
    std::fs::write(&file, lines.join("\n") + "\n")?;
    let mut person = Person::at(&scene)?;
    let mut wrong = Vec::new();
    for row in ROWS {
        let shown = person.shell.output().len();
        let starts = row.starts.replace("FILE", &file.display().to_string());
        person.types(&format!("{starts}\r"))?;
        for (text, keys) in row.keys {
            let drawn = |output: &str, _: &str| {
                output.get(shown..).is_some_and(|new| read(new).contains(text)).then_some(())
            };
            person.shell.said(row.name, SHORT, drawn)?;
            person.types(keys)?;
        }
        person.sync().with_context(|| row.name)?;
        let drawn = read(&person.shell.output()[shown..]);
        for secret in [&token, &key] {
            if drawn.contains(secret.as_str()) {
                wrong.push(format!("{}: {secret}", row.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{:?}", wrong.join("\n"), person.shell.output());
    let output = person.shell.output().into_bytes();
    let errors = person.shell.errors();
    let places = collect(&scene, &Ended { status: None, output, errors })?;
    assert_eq!(places.violations(&[&token, &key]), [""; 0]);
    // The oracle can see.
    assert!(!places.violations(&[LAST]).is_empty());
    Ok(())
}
