//! Tables for paths, for requests and for programs that serve a client which copies.

use proptest::prelude::*;

use super::path::of_login;
use super::{
    Action, Ask, Push, Request, Seen, ask, gives_files, is_fetch, normal, of_programs, pushes_to,
    read_open, read_push, shown,
};
use crate::shell;

#[test]
fn paths_in_normal_form() {
    #[track_caller]
    fn check(path: &str, expected: &str) {
        let found = normal(b"/var/deploy", path.as_bytes());
        assert_eq!(String::from_utf8_lossy(&found), expected, "{path}");
    }
    check("/", "/");
    check("/etc/passwd", "/etc/passwd");
    check("//etc//passwd/", "/etc/passwd");
    check("/etc/./passwd", "/etc/passwd");
    check("/srv/../etc/passwd", "/etc/passwd");
    check("/../../etc", "/etc");
    check(".", "/var/deploy");
    check("", "/var/deploy");
    check("x", "/var/deploy/x");
    check("../root/.ssh", "/var/root/.ssh");
    check("../../../../etc", "/etc");
    check("a/b/../../..", "/var");
    check("...", "/var/deploy/...");
    check("~", "/var/deploy/~");
    check("a b\n", "/var/deploy/a b\n");
}

#[test]
fn paths_of_commands() {
    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        assert_eq!(of_login(path).as_deref(), expected, "{path}");
    }
    check("/etc//x/", Some("/etc/x"));
    check("x", Some("~/x"));
    check("~/x", Some("~/x"));
    check("~", Some("~"));
    check(".", Some("~"));
    check("a/../b", Some("~/b"));
    check("a/..", Some("~"));
    check("..", None);
    check("a/../../b", None);
    check("~root/x", None);
}

#[test]
fn requests_in_words() {
    #[track_caller]
    fn check(words: &str, parts: &str) {
        let seen = Seen::decode(words.as_bytes()).expect(words);
        let bytes = seen.encode();
        assert_eq!(Seen::decode(&bytes), Some(seen), "{words}");
        assert_eq!(String::from_utf8_lossy(&shown(&bytes)), words);
        let (reading, found) = read_open(&bytes);
        assert_eq!(reading.files.len(), found.known.len());
        let one = |part: &super::Part| format!("{:?} {}", part.operation, part.path).to_lowercase();
        let said: Vec<_> = found.known.iter().map(one).collect();
        assert_eq!(said.join(", "), parts, "{words}");
    }
    check("read /a", "read /a");
    check("write /a", "write /a");
    check("read-write /a b", "read /a b, write /a b");
    check("list /a", "read /a");
    check("remove /a", "remove /a");
    check("mkdir /a", "write /a");
    check("rmdir /a", "remove /a");
    check("setstat /a", "write /a");
    check("lsetstat /a", "write /a");
    check("fsetstat /a", "write /a");
    check("rename /a -> /b", "read /a, remove /a, write /b");
    check("posix-rename /a -> /b", "read /a, remove /a, write /b");
    check("symlink /a -> /b", "read /a, write /a, write /b");
    check("hardlink /a -> /b", "read /a, write /a, write /b");
    check("copy-data /a -> /b", "read /a, write /b");
    for looks in ["stat", "lstat", "readlink", "statvfs"] {
        check(&format!("{looks} /a"), "read /a");
    }
    for wrong in ["", "read", "read a", "run /a", "rename /a", "open"] {
        assert_eq!(Seen::decode(wrong.as_bytes()), None, "{wrong}");
    }
}

/// What is opened for reading or writing, by the flags of the protocol: a server reads where it is
/// not told to write.
#[test]
fn flags_of_an_open() {
    #[track_caller]
    fn check(flags: u32, reads: bool, writes: bool) {
        let rest = flags.to_be_bytes().to_vec();
        let request = Request { action: Action::Open, paths: vec![b"/a".to_vec()], rest };
        assert_eq!(request.opens_for(), (reads, writes), "{flags:#x}");
    }
    check(0x00, true, false);
    check(0x01, true, false);
    check(0x02, false, true);
    check(0x03, true, true);
    check(0x04, true, true);
    check(0x08, true, true);
    check(0x1a, false, true);
    check(0x20, true, true);
}

#[test]
fn attributes_are_shown() {
    #[track_caller]
    fn check(action: Action, rest: &[u8], expected: &str) {
        let request = Request { action, paths: vec![b"/a".to_vec()], rest: rest.to_vec() };
        let bytes = Seen::Request(request).encode();
        assert_eq!(String::from_utf8_lossy(&shown(&bytes)), expected);
        // What is shown is read again by whoever has no more than that.
        assert!(Seen::decode(expected.as_bytes()).is_some(), "{expected}");
    }
    check(Action::SetAttributes, &[0, 0, 0, 4, 0, 0, 0x89, 0xed], "setstat permissions=4755 /a");
    let all = [
        &[0, 0, 0, 0x0f][..],
        &[0, 0, 0, 0, 0, 0, 0, 9],
        &[0, 0, 0, 1, 0, 0, 0, 2],
        &[0, 0, 1, 0xa4],
        &[0, 0, 0, 3, 0, 0, 0, 4],
    ]
    .concat();
    let said = "size=9,owner=1:2,permissions=0644,modified=4";
    check(Action::SetLinkAttributes, &all, &format!("lsetstat {said} /a"));
    let open = [&[0, 0, 0, 1, b'h'][..], &all].concat();
    check(Action::SetOpenAttributes, &open, &format!("fsetstat {said} /a"));
    check(Action::SetAttributes, &[0, 0], "setstat /a");
    check(Action::SetOpenAttributes, &[0xff, 0xff, 0xff, 0xff], "fsetstat /a");
}

#[test]
fn programs_that_serve_a_client() {
    #[track_caller]
    fn check(command: &str, expected: &str) {
        let (reading, words) = shell::read_open(command.as_bytes());
        let found = of_programs(&reading.programs, &words, pushes_to(command.as_bytes()).is_some());
        let one = |part: &super::Part| {
            let tree = if part.reach == super::Reach::Tree { "/…" } else { "" };
            format!("{:?} {}{tree}", part.operation, part.path).to_lowercase()
        };
        let mut said: Vec<_> = found.known.iter().map(one).collect();
        said.extend(found.open.then(|| "more".to_owned()));
        assert_eq!(said.join(", "), expected, "{command}");
    }
    check("ls /a", "");
    check("scp /a /b", "");
    check("scp -t /a", "write /a/…");
    check("scp -pt -- /a", "write /a/…");
    check("scp -f /a b", "read /a, read ~/b");
    check("scp -v -r -f /a", "read /a/…");
    check("/usr/bin/scp -d -t .", "write ~/…");
    check("scp -l 100 -f /a", "read /a");
    check("scp -f", "more");
    check("scp -f '/a/*'", "read /a/*");
    check("scp -f /a/*", "more");
    check("scp -t ../x", "more");
    check("sudo scp -t /a", "write /a/…");
    check("rsync /a /b", "");
    check("rsync --server -logDtpre.iLsfxCIvu . /a", "write /a/…");
    check("rsync --server --sender -logDtpre.iLsfxCIvu . /a b", "read /a/…, read ~/b/…");
    check("rsync --server -re.x --delete-after . /a", "write /a/…, remove /a/…");
    check("rsync --server --sender -re.x --remove-source-files . /a", "read /a/…, remove /a/…");
    check("rsync --server -re.x --link-dest=/b . /a", "write /b/…, write /a/…");
    check("rsync --server -re.x --backup-dir /b . /a", "write /b/…, write /a/…");
    check("rsync --server -sre.x .", "more");
    check("rsync --server --daemon .", "more");
    check("git-upload-pack '/srv/x.git'", "read /srv/x.git");
    check("git-receive-pack 'x.git'", "write ~/x.git");
    check("git-receive-pack x.git", "write ~/x.git/…, remove ~/x.git/…");
    check("git receive-pack --strict /x.git", "write /x.git/…, remove /x.git/…");
    check("/usr/lib/openssh/sftp-server -e", "more");
    check("git -C /srv upload-pack x.git", "read ~/x.git, more");
    check("git-upload-archive '~root/x.git'", "more");
    check("git log", "");
    check("git-log", "");
}

#[test]
fn what_a_push_asks() {
    let (old, new) = ("a".repeat(40), "b".repeat(40));
    let none = "0".repeat(40);
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    #[track_caller]
    fn check(lines: &str, expected: &str) {
        assert_eq!(ask(lines.as_bytes()), Ask::Whole(lines.len()), "{lines}");
        assert_eq!(ask(format!("{lines}PACK").as_bytes()), Ask::Whole(lines.len()));
        for end in 0..lines.len() {
            assert_eq!(ask(&lines.as_bytes()[..end]), Ask::More, "{lines} up to {end}");
        }
        let push = Push { repository: "/srv/x.git", lines: lines.as_bytes() };
        let bytes = push.encode();
        assert_eq!(Push::decode(&bytes), Some(push));
        let (reading, _, parts) = read_push(&bytes);
        let one = |part: &super::Part| format!("{:?} {}", part.operation, part.path);
        let mut said: Vec<_> = parts.known.iter().map(one).collect();
        said.extend(reading.unreadable.is_some().then(|| "unreadable".to_owned()));
        assert_eq!(said.join(", "), expected, "{lines}");
    }
    let asks = |text: &str| format!("{}0000", line(text));
    let main = "/srv/x.git/refs/heads/main";
    let moves = format!("{old} {new} refs/heads/main\0 report-status side-band-64k agent=git/2");
    check("0000", "");
    check(&asks(&moves), &format!("Write {main}"));
    check(&asks(&format!("{none} {new} refs/heads/main\n")), &format!("Write {main}"));
    check(&asks(&format!("{old} {none} refs/heads/main")), &format!("Remove {main}"));
    let two = [line(&moves), asks(&format!("{old} {none} refs/tags/v1"))].concat();
    check(&two, &format!("Write {main}, Remove /srv/x.git/refs/tags/v1"));
    check(&asks(&format!("shallow {old}")), "");
    check(&[line(&format!("shallow {old}")), asks(&moves)].concat(), &format!("Write {main}"));
    for wrong in [
        format!("{old} {new}"),
        format!("{old} {new} refs/heads/../main"),
        format!("{old} {new} refs//main"),
        format!("{old} {new} /refs/heads/main"),
        format!("{old} {new} refs/heads/a b"),
        format!("{old} short refs/heads/main"),
        "push-cert\0 x".to_owned(),
        "x".to_owned(),
    ] {
        check(&asks(&wrong), "unreadable");
    }
    for broken in ["x", "00", "zzzz", "0001", "0004", "000g", "-001", "+004", "PACK"] {
        let expected = if broken.len() < 4 { Ask::More } else { Ask::Broken };
        assert_eq!(ask(broken.as_bytes()), expected, "{broken}");
    }
}

#[test]
fn options_of_a_push() {
    for (lines, expected) in [
        ("a b refs/heads/push-options", false),
        ("a b refs/heads/x\0 report-status agent=git/2", false),
        ("a b refs/heads/x\0 report-status push-options agent=git/2", true),
        ("a b refs/heads/x\0push-options", true),
        ("shallow a\0 b\na b refs/heads/x\0 report-status\na b refs/heads/y\0push-options", true),
    ] {
        let push = Push { repository: "/srv/x.git", lines: lines.as_bytes() };
        assert_eq!(push.has_options(), expected, "{lines:?}");
    }
}

#[test]
fn commands_that_serve_a_push() {
    #[track_caller]
    fn check(command: &str, expected: Option<&str>) {
        assert_eq!(pushes_to(command.as_bytes()).as_deref(), expected, "{command}");
    }
    check("git-receive-pack '/srv/x.git'", Some("/srv/x.git"));
    check("git-receive-pack 'x.git'", Some("~/x.git"));
    check("git-receive-pack '/srv//x.git/'", Some("/srv/x.git"));
    // What may read something else, or otherwise.
    check("git receive-pack '/srv/x.git'", None);
    check("git-receive-pack --strict '/srv/x.git'", None);
    check("git-receive-pack '--help'", None);
    check("for i in 1 2; do git-receive-pack '/srv/x.git'; done", None);
    check("git-receive-pack '/srv/x.git' < '/tmp/x'", None);
    check("A=b git-receive-pack '/srv/x.git'", None);
    check("git-receive-pack '/srv/x.git'; 'true'", None);
    check("git-receive-pack '/srv/x.git'\n'true'", None);
    check("git-upload-pack '/srv/x.git'", None);
    check("git-receive-pack /a /b", None);
    check("git-receive-pack", None);
    check("git-receive-pack $X", None);
    check("cd /srv && git-receive-pack 'x.git'", None);
    check("git -C /srv receive-pack x.git", None);
    check("echo receive-pack", None);
}

proptest! {
    /// Paths in normal form stay what they are, and hold nothing that leads elsewhere.
    #[test]
    fn normal_form_is_final(
        start in "(/[a-c.]{1,3}){0,3}/?",
        path in proptest::collection::vec(
            prop::sample::select(vec!["/", "..", ".", "a", "b c", "\u{fc}"]), 0..12),
    ) {
        let start = format!("/{start}");
        let found = normal(start.as_bytes(), path.concat().as_bytes());
        prop_assert!(found.starts_with(b"/"));
        prop_assert_eq!(normal(b"/elsewhere", &found), found.clone());
        let text = String::from_utf8(found).expect("of texts");
        let wrong = |part: &str| matches!(part, "" | "." | "..");
        prop_assert!(text == "/" || !text[1..].split('/').any(wrong), "{text}");
    }

    /// Any bytes are read as something or nothing, and what is read comes back.
    #[test]
    fn any_bytes(mut bytes in proptest::collection::vec(any::<u8>(), 0..64), mark in any::<bool>()) {
        if mark && !bytes.is_empty() {
            bytes[0] = 0;
        }
        let (reading, _) = read_open(&bytes);
        shown(&bytes);
        match Seen::decode(&bytes) {
            None if Push::decode(&bytes).is_some() => {}
            None => prop_assert!(reading.unreadable.is_some()),
            Some(seen) if bytes[0] == 0 => prop_assert_eq!(&seen.encode(), &bytes),
            Some(_) => {}
        }
        let whole = match ask(&bytes) {
            Ask::Whole(length) => length,
            Ask::More | Ask::Broken => 0,
        };
        prop_assert!(whole <= bytes.len());
    }
}

#[test]
fn what_serves_a_fetch() {
    #[track_caller]
    fn check(command: &str, expected: bool) {
        assert_eq!(is_fetch(command.as_bytes()), expected, "{command}");
    }
    check("git-upload-pack '/srv/x.git'", true);
    check("git-upload-pack '~/a b'", true);
    check("git-upload-pack '/srv/x.git'; cat '/srv/y'", false);
    check("git-upload-pack /srv/x.git", false);
    check("git upload-pack '/srv/x.git'", false);
    check("git-upload-archive '/srv/x.git'", false);
    check("git-upload-pack '/srv/x'\\''.git'", false);
}

#[test]
fn what_gives_files() {
    #[track_caller]
    fn check(command: &str, expected: bool) {
        assert_eq!(gives_files(command.as_bytes()), expected, "{command}");
    }
    check("scp -f /srv/x", true);
    check("/usr/bin/scp -r -p -f -- '/srv/a b'", true);
    check("rsync --server --sender -logDtpre.iLsfxCIvu . /srv/x", true);
    check("sudo rsync --server --sender -re.iLsfxCIvu . /srv/x", true);
    check("cat /srv/x; scp -f /srv/y", true);
    check("scp -t /srv/x", false);
    check("rsync --server -re.iLsfxCIvu . /srv/x", false);
    check("rsync -r /srv/x /srv/y", false);
    check("echo scp -f /srv/x", false);
    check("cat /srv/x", false);
}
