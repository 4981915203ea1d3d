//! File transfer, packet by packet: what is judged, what is sent, what the client gets. Packets are
//! put together here by hand, after the protocol's own pages.

use bytes::Bytes;
use node_enforce::files::Seen;
use node_enforce::mask::{AROUND_BYTES, Place};
use proptest::prelude::*;
use proto::event::FileTransferred;
use proto::refusal::{Code, Told};
use ring::digest::{SHA256, digest};

use crate::sftp::{Broken, Heard, Step, Transfer, UNDER_WAY_LIMIT};

/// A packet: its kind, then numbers of four and eight bytes and texts.
macro_rules! packet {
    ($kind:expr $(, $field:expr)*) => {{
        let mut body: Vec<u8> = vec![$kind];
        $(Field::from($field).write(&mut body);)*
        [&u32::try_from(body.len()).expect("short").to_be_bytes()[..], &body].concat()
    }};
}

enum Field<'a> {
    Number(u32),
    Long(u64),
    Text(&'a [u8]),
}

impl From<u32> for Field<'_> {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<u64> for Field<'_> {
    fn from(number: u64) -> Self {
        Self::Long(number)
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for Field<'a> {
    fn from(text: &'a [u8]) -> Self {
        Self::Text(text)
    }
}

impl Field<'_> {
    fn write(&self, body: &mut Vec<u8>) {
        match self {
            Self::Number(number) => body.extend_from_slice(&number.to_be_bytes()),
            Self::Long(number) => body.extend_from_slice(&number.to_be_bytes()),
            Self::Text(text) => {
                body.extend_from_slice(&u32::try_from(text.len()).expect("short").to_be_bytes());
                body.extend_from_slice(text);
            }
        }
    }
}

/// A packet with more behind its fields.
fn joined(packet: &[u8], rest: &[u8]) -> Vec<u8> {
    let mut packet = [packet, rest].concat();
    let length = u32::try_from(packet.len() - 4).expect("short");
    packet[..4].copy_from_slice(&length.to_be_bytes());
    packet
}

/// A status as a server says it.
fn status(id: u32, code: u32) -> Vec<u8> {
    packet!(101, id, code, "said", "en")
}

/// Both sides of a transfer, and what is said about it.
struct Talk {
    transfer: Transfer,
    blocks: &'static str,
    command: u64,
    judged: Vec<String>,
    to_target: Vec<Bytes>,
    to_client: Vec<Bytes>,
    places: Vec<Vec<Place>>,
    answered: Vec<(u64, u32)>,
    closed: Vec<FileTransferred>,
    withhold: bool,
    /// How many bytes of a file may pass.
    limit: Option<u64>,
    /// Content for the target, with what was looked through before it.
    seen: Vec<Vec<u8>>,
}

impl Talk {
    fn new() -> Self {
        Self {
            transfer: Transfer::new(),
            blocks: "/blocked",
            command: 0,
            judged: Vec::new(),
            to_target: Vec::new(),
            to_client: Vec::new(),
            places: Vec::new(),
            answered: Vec::new(),
            closed: Vec::new(),
            withhold: false,
            limit: None,
            seen: Vec::new(),
        }
    }

    /// One that is open, with nothing said yet.
    fn open() -> Self {
        let mut talk = Self::new();
        talk.client(&packet!(1, 3_u32)).expect("a greeting");
        talk.target(&packet!(2, 3_u32)).expect("a greeting");
        talk.target(&packet!(104, 0_u32, 1_u32, "/var/deploy", "", 0_u32)).expect("a place");
        talk.to_target.clear();
        talk.to_client.clear();
        talk.places.clear();
        talk
    }

    fn client(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.transfer.client(bytes);
        self.go()
    }

    fn target(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.transfer.target(bytes);
        self.go()
    }

    /// Does what is to be done, as the driver does it.
    fn go(&mut self) -> Result<(), Broken> {
        while let Some(heard) = self.transfer.hear()? {
            match heard {
                Heard::Send(packet) => self.to_target.push(packet),
                Heard::Pass(packet, places) => self.pass(packet, places),
                Heard::Answered(answered, packet, places) => {
                    self.answered.push((answered.command, answered.status));
                    self.closed.extend(answered.passed);
                    self.pass(packet, places);
                }
                Heard::Content(content) if self.withhold => {
                    let told = Told::plain(Code::ContentWithheld);
                    let found = vec!["github-token".to_owned()];
                    let answer = self.transfer.withheld(&content, found, &told);
                    self.pass(answer, Vec::new());
                }
                Heard::Content(content) => {
                    if let Some(told) = self.transfer.reads_too_much(&content) {
                        let answer = self.transfer.withheld(&content, Vec::new(), &told);
                        self.pass(answer, Vec::new());
                        continue;
                    }
                    self.transfer.passed(&content);
                    self.pass(content.message, Vec::new());
                }
            }
        }
        loop {
            match self.transfer.step()? {
                Step::Idle => return Ok(()),
                Step::Send(packet) => self.to_target.push(packet),
                Step::Answer(packet) => self.to_client.push(packet),
                Step::Judge(bytes) => {
                    self.command += 1;
                    self.verdict(&bytes, Some(self.command));
                }
                Step::Look(bytes) => self.verdict(&bytes, None),
                Step::Content(content) if self.withhold => {
                    let told = Told::plain(Code::UploadRefused);
                    let found = vec!["github-token".to_owned()];
                    self.transfer.barred(content, found, &told);
                }
                Step::Content(content) => {
                    if let Some(told) = self.transfer.writes_too_much(&content) {
                        self.transfer.barred(content, Vec::new(), &told);
                        continue;
                    }
                    self.seen
                        .push([&content.before[..], &content.message[content.from..]].concat());
                    self.to_target.push(self.transfer.writes(content));
                }
            }
        }
    }

    fn pass(&mut self, packet: Bytes, places: Vec<Place>) {
        self.to_client.push(packet);
        self.places.push(places);
    }

    fn verdict(&mut self, bytes: &[u8], command: Option<u64>) {
        let Some(Seen::Request(request)) = Seen::decode(bytes) else { panic!("{bytes:?}") };
        let paths: Vec<_> =
            request.paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        let looks = if command.is_none() { "?" } else { "" };
        self.judged.push(format!("{:?}{looks} {}", request.action, paths.join(" ")));
        if paths.iter().any(|path| path.starts_with(self.blocks)) {
            let told = Told::new(Code::BlockedByRule, "Not there.");
            self.to_client.push(self.transfer.refused(&told).expect("something waits"));
        } else {
            let sending = self.transfer.allowed(command, self.limit).expect("something waits");
            self.to_target.push(sending.packet(bytes).expect("a request"));
        }
    }

    /// Opens a file, for reading or writing.
    fn opens(&mut self, path: &str, flags: u32, handle: &str) {
        self.client(&packet!(3, 900_u32, path, flags, 0_u32)).expect("an open");
        self.target(&packet!(102, 900_u32, handle)).expect("a handle");
        self.forget();
    }

    fn forget(&mut self) {
        self.to_target.clear();
        self.to_client.clear();
        self.judged.clear();
        self.places.clear();
    }
}

#[test]
fn a_greeting() {
    let mut talk = Talk::new();
    talk.client(&[0, 0, 0, 5, 1, 0, 0, 0, 6]).expect("a newer client");
    assert_eq!(talk.to_target, [&[0, 0, 0, 5, 1, 0, 0, 0, 3][..]]);
    // What comes before the answer waits.
    talk.client(&packet!(16, 7_u32, ".")).expect("a question");
    assert_eq!((talk.to_target.len(), talk.to_client.len()), (1, 0));
    let hello = packet!(
        2,
        3_u32,
        "posix-rename@openssh.com",
        "1",
        "vendor-id",
        "x",
        "limits@openssh.com",
        "1",
        "statvfs@openssh.com",
        "a version",
        "copy-data",
        "1"
    );
    talk.target(&hello).expect("a greeting");
    assert_eq!(talk.to_target[1], packet!(16, 0_u32, "."));
    assert!(talk.to_client.is_empty(), "the client waits");
    talk.target(&packet!(104, 0_u32, 1_u32, "/var/deploy/", "", 0_u32)).expect("a place");
    let known = packet!(
        2,
        3_u32,
        "posix-rename@openssh.com",
        "1",
        "limits@openssh.com",
        "1",
        "copy-data",
        "1"
    );
    assert_eq!(talk.to_client, [known]);
    assert_eq!(talk.to_target[2], packet!(16, 7_u32, "."));
}

/// A request as the client writes it, what is judged of it, and what the target gets.
#[test]
fn requests_are_judged_and_sent_as_judged() {
    #[track_caller]
    fn check(asked: &[u8], judged: &str, sent: &[u8]) {
        let mut talk = Talk::open();
        talk.opens("open", 3, "h");
        talk.opens("/other", 3, "o");
        talk.client(asked).expect("a request");
        assert_eq!(talk.judged, [judged]);
        assert_eq!(talk.to_target, [sent]);
        assert!(talk.to_client.is_empty());
    }
    let attributes = [0, 0, 0, 4, 0, 0, 1, 0xa4_u8];
    let with = |packet: Vec<u8>| joined(&packet, &attributes);
    let id = 5_u32;
    check(
        &with(packet!(3, id, "../x//y", 0x1a_u32)),
        "Open /var/x/y",
        &with(packet!(3, id, "/var/x/y", 0x1a_u32)),
    );
    check(&packet!(11, id, "."), "OpenDirectory /var/deploy", &packet!(11, id, "/var/deploy"));
    check(&packet!(13, id, "x"), "Remove /var/deploy/x", &packet!(13, id, "/var/deploy/x"));
    check(&with(packet!(14, id, "/a/")), "MakeDirectory /a", &with(packet!(14, id, "/a")));
    check(&packet!(15, id, "/a"), "RemoveDirectory /a", &packet!(15, id, "/a"));
    check(&with(packet!(9, id, "/a")), "SetAttributes /a", &with(packet!(9, id, "/a")));
    check(
        &with(packet!(10, id, "h")),
        "SetOpenAttributes /var/deploy/open",
        &with(packet!(10, id, "h")),
    );
    check(
        &packet!(18, id, "a", "/b"),
        "Rename /var/deploy/a /b",
        &packet!(18, id, "/var/deploy/a", "/b"),
    );
    // A link leads where it was judged to lead, also when it is renamed.
    check(
        &packet!(20, id, "../secret", "/srv/www/link"),
        "Symlink /srv/secret /srv/www/link",
        &packet!(20, id, "/srv/secret", "/srv/www/link"),
    );
    check(&packet!(17, id, "/a"), "Stat? /a", &packet!(17, id, "/a"));
    check(&packet!(7, id, "/a"), "LinkStat? /a", &packet!(7, id, "/a"));
    check(&packet!(19, id, "/a"), "ReadLink? /a", &packet!(19, id, "/a"));
    for (name, action) in
        [("posix-rename@openssh.com", "PosixRename"), ("hardlink@openssh.com", "Hardlink")]
    {
        let asked = packet!(200, id, name, "/a", "/b");
        check(&asked, &format!("{action} /a /b"), &asked);
    }
    let asked = with(packet!(200, id, "lsetstat@openssh.com", "/a"));
    check(&asked, "SetLinkAttributes /a", &asked);
    let asked = packet!(200, id, "statvfs@openssh.com", "/a");
    check(&asked, "FileSystem? /a", &asked);
    let asked = packet!(200, id, "copy-data", "h", 0_u64, 9_u64, "o", 1_u64);
    check(&asked, "CopyData /var/deploy/open /other", &asked);
}

#[test]
fn what_needs_no_verdict_passes() {
    #[track_caller]
    fn check(asked: &[u8], reply: &[u8]) {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        talk.client(asked).expect("a request");
        assert!(talk.judged.is_empty());
        assert_eq!(talk.to_target, [asked]);
        talk.target(reply).expect("an answer");
        assert_eq!(talk.to_client, [reply]);
    }
    let id = 5_u32;
    let names = packet!(104, id, 1_u32, "/a", "", 0_u32);
    check(&packet!(16, id, "."), &names);
    check(&packet!(200, id, "expand-path@openssh.com", "~/x"), &names);
    check(&packet!(8, id, "h"), &packet!(105, id, 0_u32));
    check(&packet!(12, id, "h"), &names);
    check(&packet!(200, id, "fsync@openssh.com", "h"), &status(id, 0));
    check(&packet!(6, id, "h", 0_u64, "content"), &status(id, 0));
    check(&packet!(10, id, "h", 0x9_u32, 5_u64, 1_u32, 2_u32), &status(id, 0));
    check(&packet!(4, id, "h"), &status(id, 0));
    let figures = [&packet!(201, id)[..], &[7; 88]].concat();
    let figures = [&93_u32.to_be_bytes()[..], &figures[4..]].concat();
    check(&packet!(200, id, "fstatvfs@openssh.com", "h"), &figures);
    let lists = packet!(201, id, "\0\0\0\x01u", "");
    check(&packet!(200, id, "users-groups-by-id@openssh.com", "\0\0\0\0", ""), &lists);
}

/// A request that is answered here: with which code, and by what text.
#[test]
fn what_is_refused() {
    #[track_caller]
    fn check(asked: &[u8], code: u32, text: &str) {
        let mut talk = Talk::open();
        talk.opens("/a", 1, "r");
        talk.opens("/a", 2, "w");
        talk.client(asked).expect("a request");
        assert_eq!(talk.to_client, [packet!(101, 5_u32, code, text, "")]);
        assert!(talk.to_target.is_empty(), "{:?}", talk.to_target);
        // The transfer goes on.
        talk.client(&packet!(16, 6_u32, ".")).expect("a request");
        assert_eq!(talk.to_target.len(), 1);
    }
    let id = 5_u32;
    let blocked = "SP-1201: Not there.";
    check(&packet!(3, id, "/blocked/a", 1_u32, 0_u32), 3, blocked);
    check(&packet!(3, id, "/x/../blocked/a", 1_u32, 0_u32), 3, blocked);
    check(&packet!(17, id, "/blocked"), 3, blocked);
    check(&packet!(18, id, "/x", "/blocked/y"), 3, blocked);
    check(&packet!(20, id, "blocked", "/link"), 3, blocked);
    let unknown = "this extension is not served";
    check(&packet!(200, id, "exec@example.com", "/bin/sh"), 8, unknown);
    check(&packet!(200, id, "home-directory", "root"), 8, unknown);
    check(&packet!(77, id, "x"), 8, "this kind of request is not known");
    let closed = "nothing is open under this handle";
    check(&packet!(4, id, "x"), 4, closed);
    check(&packet!(5, id, "x", 0_u64, 1_u32), 4, closed);
    check(&packet!(10, id, "x", 0_u32), 4, closed);
    check(&packet!(12, id, "x"), 4, closed);
    check(&packet!(200, id, "copy-data", "r", 0_u64, 0_u64, "x", 0_u64), 4, closed);
    check(&packet!(5, id, "w", 0_u64, 1_u32), 4, "it is not open for reading");
    check(&packet!(6, id, "r", 0_u64, "x"), 4, "it is not open for writing");
    check(&packet!(5, id, "r", u64::MAX, 1_u32), 4, "there is no such place in a file");
    let path = "it is too long, or holds what no path may";
    check(&packet!(13, id, "/a\0b"), 4, path);
    check(&packet!(13, id, &*format!("/{}", "x".repeat(4096))), 4, path);
    check(&packet!(13, id, ""), 4, "a path is empty");
}

#[test]
fn what_is_no_packet_ends_it() {
    #[track_caller]
    fn check(asked: &[u8], expected: Broken) {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        assert_eq!(talk.client(asked), Err(expected), "{asked:?}");
        assert!(talk.to_target.is_empty());
    }
    use Broken::{Malformed, OutOfTurn, TooLong};
    let id = 5_u32;
    check(&[0, 0, 0, 0], Malformed);
    check(&[0, 0, 0, 3, 17, 0, 0], Malformed);
    check(&[0xff, 0xff, 0xff, 0xff], TooLong(u32::MAX));
    check(&[0, 4, 0, 1], TooLong(0x4_0001));
    check(&packet!(1, 3_u32), OutOfTurn);
    check(&packet!(17, id), Malformed);
    check(&[0, 0, 0, 9, 17, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff], Malformed);
    check(&packet!(17, id, "/a", 0_u32), Malformed);
    check(&packet!(3, id, "/a"), Malformed);
    check(&packet!(3, id, "/a", 1_u32, 1_u32), Malformed);
    check(&packet!(18, id, "/a"), Malformed);
    check(&packet!(5, id, "h", 0_u64), Malformed);
    check(&packet!(6, id, "h", 0_u64, "x", 0_u32), Malformed);
    let before = [packet!(16, id, "."), packet!(16, id, ".")].concat();
    let mut talk = Talk::open();
    assert_eq!(talk.client(&before), Err(OutOfTurn), "two requests have one number");
    for first in [packet!(16, id, "."), packet!(1, 2_u32), packet!(101, id)] {
        assert!(Talk::new().client(&first).is_err());
    }
}

#[test]
fn what_the_target_must_not_say_ends_it() {
    #[track_caller]
    fn check(asked: &[u8], said: &[u8]) {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        talk.client(asked).expect("a request");
        assert!(talk.target(said).is_err(), "{said:?}");
        assert!(talk.to_client.is_empty());
    }
    let id = 5_u32;
    let (names, read) = (packet!(16, id, "."), packet!(5, id, "h", 0_u64, 4_u32));
    check(&names, &packet!(104, 6_u32, 0_u32));
    check(&names, &packet!(103, id, "content"));
    check(&names, &packet!(104, id, 2_u32, "/a", "", 0_u32));
    check(&names, &packet!(104, id, u32::MAX));
    check(&names, &packet!(105, id, 0_u32));
    check(&read, &packet!(104, id, 0_u32));
    check(&read, &packet!(103, id, ""));
    check(&read, &packet!(103, id, &*"x".repeat(4101)));
    check(&packet!(17, id, "/a"), &packet!(102, id, "h"));
    check(&packet!(3, id, "/a", 1_u32, 0_u32), &packet!(102, id, "h"));
    check(&packet!(3, id, "/a", 1_u32, 0_u32), &packet!(102, id, &*"h".repeat(257)));
    check(&packet!(8, id, "h"), &[0xff; 8]);
    let mut talk = Talk::new();
    assert!(talk.target(&packet!(2, 3_u32)).is_err(), "it speaks before it is spoken to");
    for hello in [packet!(2, 2_u32), packet!(2, 3_u32, "x"), packet!(101, id)] {
        let mut talk = Talk::new();
        talk.client(&packet!(1, 3_u32)).expect("a greeting");
        assert!(talk.target(&hello).is_err(), "{hello:?}");
    }
}

/// Where the texts are that are masked.
#[test]
fn texts_of_answers() {
    #[track_caller]
    fn check(asked: &[u8], said: &[u8], texts: &[&str]) {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        talk.client(asked).expect("a request");
        talk.target(said).expect("an answer");
        let found = talk.places[0].iter().map(|place| &said[place.start..place.end]);
        let found: Vec<_> = found.map(|text| String::from_utf8_lossy(text)).collect();
        assert_eq!(found, texts);
        assert!(talk.places[0].iter().all(|place| place.message == 0));
    }
    let id = 5_u32;
    check(&packet!(8, id, "h"), &status(id, 4), &["said", "en"]);
    check(&packet!(8, id, "h"), &packet!(101, id, 4_u32), &[]);
    let names = packet!(
        104,
        id,
        2_u32,
        "one",
        "-rw one",
        0x8000_0001_u32,
        9_u64,
        1_u32,
        "kind",
        "value",
        "two",
        "-rw two",
        0_u32
    );
    check(&packet!(12, id, "h"), &names, &["one", "-rw one", "kind", "value", "two", "-rw two"]);
    let attributes = packet!(105, id, 0x8000_0000_u32, 1_u32, "kind", "value");
    check(&packet!(8, id, "h"), &attributes, &["kind", "value"]);
}

/// A server of one file.
fn serve(talk: &mut Talk, file: &[u8], most: usize) {
    while !talk.to_target.is_empty() {
        let asked = talk.to_target.remove(0);
        let number = |at: usize| {
            u32::from_be_bytes(asked[at..at + 4].try_into().expect("four bytes")) as usize
        };
        assert_eq!((asked[4], number(9)), (5, 1), "a read of a handle of one byte");
        let id = u32::try_from(number(5)).expect("a number");
        let (from, length) = (number(18), number(22).min(most));
        let content = &file[from.min(file.len())..(from + length).min(file.len())];
        let answer = if content.is_empty() { status(id, 1) } else { packet!(103, id, content) };
        talk.target(&answer).expect("an answer");
    }
}

#[test]
fn what_is_read_is_what_is_there() {
    let file: Vec<u8> = (0..5000_u32).map(|at| (at % 251) as u8).collect();
    // Also from targets that give less at a time than what lies before the content.
    for most in [usize::MAX, 600] {
        for (from, length) in [(0, 10), (0, 5000), (1, 4999), (4999, 1), (4990, 100), (700, 1)] {
            let mut talk = Talk::open();
            talk.opens("/a", 1, "h");
            let asked = packet!(5, 7_u32, "h", from as u64, length as u32);
            talk.client(&asked).expect("a read");
            serve(&mut talk, &file, most);
            let got = &talk.to_client[0];
            let content = &got[13..];
            assert!(got[4] == 103 && !content.is_empty(), "{from} {length}");
            assert_eq!(content, &file[from..from + content.len()], "{from} {length}");
            let all = length.min(file.len() - from);
            assert!(content.len() == all || most == 600, "{from} {length}");
        }
        for from in [5000, 5001, 100_000] {
            let mut talk = Talk::open();
            talk.opens("/a", 1, "h");
            talk.client(&packet!(5, 7_u32, "h", from as u64, 10_u32)).expect("a read");
            serve(&mut talk, &file, most);
            assert_eq!(
                (talk.to_client[0][4], talk.to_client[0][12]),
                (101, 1),
                "the end at {from}"
            );
        }
    }
}

#[test]
fn what_passed_is_counted_and_digested() {
    let file = vec![b'x'; 3000];
    let sha = |bytes: &[u8]| digest(&SHA256, bytes).as_ref().to_vec();
    // In order, then out of order.
    for (reads, in_order) in [([0_u64, 1000, 2000], true), ([1000, 0, 2000], false)] {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        for (at, from) in reads.iter().enumerate() {
            talk.client(&packet!(5, 10 + at as u32, "h", *from, 1000_u32)).expect("a read");
        }
        // It is not closed while it is read.
        talk.client(&packet!(4, 20_u32, "h")).expect("a close");
        assert!(talk.to_target.iter().all(|packet| packet[4] == 5));
        let closes = |packet: &Bytes| packet[4] == 4;
        let mut asked = std::mem::take(&mut talk.to_target);
        while let Some(position) = asked.iter().position(|packet| !closes(packet)) {
            talk.to_target = vec![asked.remove(position)];
            let one = talk.to_target.clone();
            serve_one(&mut talk, &file, &one[0]);
            asked.extend(std::mem::take(&mut talk.to_target));
        }
        assert_eq!(asked.len(), 1, "the close");
        talk.target(&status(20, 0)).expect("it is closed");
        let passed = &talk.closed[0];
        assert_eq!((passed.read.bytes, passed.written.bytes, passed.closed), (3000, 0, true));
        let expected = in_order.then(|| sha(&file));
        assert_eq!(passed.read.sha256.map(|digest| digest.0.to_vec()), expected);
    }
    let mut talk = Talk::open();
    talk.opens("/a", 2, "w");
    for (at, text) in [(0_u64, "one"), (3, "two")] {
        talk.client(&packet!(6, 30 + at as u32, "w", at, text)).expect("a write");
    }
    // It is counted when the target took it, and what it did not take is not.
    for (id, code) in [(30, 0), (33, 0), (34, 4)] {
        if id == 34 {
            talk.client(&packet!(6, 34_u32, "w", 6_u64, "three")).expect("a write");
        }
        talk.target(&status(id, code)).expect("an answer");
    }
    let mut over = talk.transfer.over();
    assert_eq!((over.len(), over[0].0), (1, 1));
    let passed = over.remove(0).1.expect("a file");
    assert_eq!((passed.closed, passed.written.bytes), (false, 6));
    assert_eq!(passed.written.sha256.map(|digest| digest.0.to_vec()), Some(sha(b"onetwo")));
}

fn serve_one(talk: &mut Talk, file: &[u8], asked: &Bytes) {
    talk.to_target = vec![asked.clone()];
    let asked = talk.to_target.remove(0);
    let number =
        |at: usize| u32::from_be_bytes(asked[at..at + 4].try_into().expect("four bytes")) as usize;
    let id = u32::try_from(number(5)).expect("a number");
    let (from, length) = (number(18), number(22));
    let content = &file[from.min(file.len())..(from + length).min(file.len())];
    let answer = if content.is_empty() { status(id, 1) } else { packet!(103, id, content) };
    talk.target(&answer).expect("an answer");
}

/// A target that answers with what is none takes nothing out of the record.
#[test]
fn what_has_no_answer_that_can_be_read_is_recorded() {
    let id = 5_u32;
    let check = |asked: &[u8], said: &[u8], expected: &[(u64, Option<u64>)]| {
        let mut talk = Talk::open();
        talk.opens("/a", 2, "h");
        talk.client(&packet!(6, 4_u32, "h", 0_u64, "three")).expect("a write");
        talk.target(&status(4, 0)).expect("an answer");
        talk.client(asked).expect("a request");
        talk.target(said).expect_err("what is no answer");
        let over = talk.transfer.over().into_iter();
        let over: Vec<_> =
            over.map(|(number, file)| (number, file.map(|file| file.written.bytes))).collect();
        assert_eq!(over, expected, "{asked:?}");
    };
    let names = packet!(104, id, u32::MAX);
    check(&packet!(4, id, "h"), &names, &[(1, Some(5))]);
    check(&packet!(13, id, "/a"), &names, &[(1, Some(5)), (2, None)]);
    check(&packet!(3, id, "/b", 1_u32, 0_u32), &names, &[(1, Some(5)), (2, None)]);
    check(&packet!(13, id, "/a"), &packet!(101, id), &[(1, Some(5)), (2, None)]);
}

/// What is kept of answers is bounded, however much is asked for at once.
#[test]
fn content_without_an_answer_is_bounded() {
    let mut talk = Talk::open();
    talk.opens("/a", 3, "h");
    for id in 0..1000_u32 {
        talk.client(&packet!(5, id, "h", 0_u64, 252_928_u32)).expect("a read");
    }
    let asked = UNDER_WAY_LIMIT.div_ceil(252_928 + 4096);
    assert_eq!((talk.to_target.len(), talk.transfer.is_behind()), (asked, true));
    // One that is answered makes room for another.
    talk.target(&status(0, 1)).expect("an answer");
    assert_eq!(talk.to_target.len(), asked + 1);
    assert!(!talk.transfer.is_settled());
}

#[test]
fn what_is_withheld_stays_withheld() {
    let file = vec![b'x'; 3000];
    let mut talk = Talk::open();
    talk.opens("/a", 1, "h");
    talk.withhold = true;
    talk.client(&packet!(5, 7_u32, "h", 0_u64, 10_u32)).expect("a read");
    serve(&mut talk, &file, usize::MAX);
    let told = format!("{}", Told::plain(Code::ContentWithheld));
    let expected = |id: u32| packet!(101, id, 3_u32, &*told, "");
    assert_eq!(talk.to_client, [expected(7)]);
    talk.withhold = false;
    talk.client(&packet!(5, 8_u32, "h", 100_u64, 10_u32)).expect("a read");
    assert!(talk.to_target.is_empty());
    assert_eq!(talk.to_client[1], expected(8));
    let passed = talk.transfer.over().remove(0).1.expect("a file");
    assert_eq!(passed.found.keys().collect::<Vec<_>>(), ["github-token"]);
    assert_eq!((passed.read.bytes, passed.told.is_some()), (0, true));
}

/// What is written is looked through with what was sent right before it, and with nothing else.
#[test]
fn what_is_written_is_seen_with_what_stands_before_it() {
    let mut talk = Talk::open();
    talk.opens("/a", 2, "h");
    let long = vec![b'x'; 5000];
    let pieces: [(u64, &[u8]); 5] =
        [(0, b"one"), (3, b"two"), (100, b"three"), (105, &long), (5105, b"end")];
    for (id, (offset, data)) in (0_u32..).zip(pieces) {
        talk.client(&packet!(6, id, "h", offset, data)).expect("a write");
    }
    let after_long = [&long[..AROUND_BYTES], b"end"].concat();
    let with = |before: &[u8], data: &[u8]| [before, data].concat();
    let expected =
        [b"one".to_vec(), b"onetwo".to_vec(), b"three".to_vec(), with(b"three", &long), after_long];
    assert_eq!(talk.seen, expected);
    assert_eq!(talk.to_target.len(), pieces.len());
}

#[test]
fn what_may_not_be_sent_ends_the_writing_of_a_file() {
    let mut talk = Talk::open();
    talk.opens("/a", 3, "h");
    talk.client(&packet!(6, 6_u32, "h", 0_u64, "one")).expect("a write");
    talk.forget();
    talk.withhold = true;
    talk.client(&packet!(6, 7_u32, "h", 3_u64, "two")).expect("a write");
    talk.withhold = false;
    let size = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 11_u8];
    talk.client(&packet!(6, 8_u32, "h", 6_u64, "three")).expect("a write");
    talk.client(&joined(&packet!(10, 9_u32, "h"), &size)).expect("a length");
    // A client that goes by the last answer hears that it failed.
    assert!(talk.to_client.is_empty() && talk.transfer.is_behind());
    talk.target(&status(6, 0)).expect("an answer");
    let told = format!("{}", Told::plain(Code::UploadRefused));
    let expected = |id: u32| packet!(101, id, 3_u32, &*told, "");
    let answers = [status(6, 0), expected(7), expected(8), expected(9)];
    assert_eq!(talk.to_client, answers);
    assert!(talk.to_target.is_empty(), "the target gets no more of it");
    // What is in it already may be read.
    talk.client(&packet!(5, 10_u32, "h", 0_u64, 10_u32)).expect("a read");
    assert_eq!(talk.to_target.len(), 1);
    let passed = talk.transfer.over().remove(0).1.expect("a file");
    assert_eq!(passed.found.keys().collect::<Vec<_>>(), ["github-token"]);
    assert_eq!((passed.written.bytes, passed.told.is_some()), (3, true));
}

#[test]
fn no_more_of_a_file_passes_than_policy_lets() {
    let told = Told::new(Code::LimitReached, "No more than 8 bytes of this file may pass here.");
    let refusal = |id: u32| packet!(101, id, 3_u32, &*told.to_string(), "");
    let mut talk = Talk { limit: Some(8), ..Talk::open() };
    talk.opens("/a", 3, "h");
    for (id, offset) in [(1_u32, 0_u64), (2, 4), (3, 8), (4, 0)] {
        talk.client(&packet!(6, id, "h", offset, "four")).expect("a write");
    }
    assert_eq!(talk.to_target.len(), 2);
    talk.target(&[status(1, 0), status(2, 0)].concat()).expect("answers");
    assert_eq!(talk.to_client, [status(1, 0), status(2, 0), refusal(3), refusal(4)]);
    talk.forget();
    // What passed one way does not count for the other.
    let file = vec![b'x'; 20];
    for (id, offset) in [(5_u32, 0_u64), (6, 4), (7, 8)] {
        talk.client(&packet!(5, id, "h", offset, 4_u32)).expect("a read");
        serve(&mut talk, &file, usize::MAX);
    }
    assert_eq!(talk.to_client[..2], [packet!(103, 5_u32, "xxxx"), packet!(103, 6_u32, "xxxx")]);
    assert_eq!(talk.to_client[2..], [refusal(7)]);
    let passed = talk.transfer.over().remove(0).1.expect("a file");
    assert_eq!((passed.read.bytes, passed.written.bytes), (8, 8));
    assert_eq!(passed.told, Some(told));
}

#[test]
fn limits_of_the_target_are_lowered() {
    let mut talk = Talk::open();
    let asked = packet!(200, 5_u32, "limits@openssh.com");
    talk.client(&asked).expect("a request");
    let theirs = packet!(201, 5_u32, 262_144_u64, 261_120_u64, 261_120_u64, 1019_u64);
    talk.target(&theirs).expect("an answer");
    let ours = packet!(201, 5_u32, 262_144_u64, 252_928_u64, 261_120_u64, 256_u64);
    assert_eq!(talk.to_client, [ours]);
}

#[test]
fn requests_wait_for_their_turn_and_opens_for_room() {
    let mut talk = Talk::open();
    for id in 0..2000_u32 {
        talk.client(&packet!(16, id, ".")).expect("a request");
    }
    assert_eq!(talk.to_target.len(), 1024);
    assert!(talk.transfer.is_behind());
    talk.target(&status(3, 4)).expect("an answer");
    assert_eq!(talk.to_target.len(), 1025);
    let mut talk = Talk::open();
    for id in 0..257_u32 {
        talk.client(&packet!(3, id, "/a", 1_u32, 0_u32)).expect("a request");
    }
    assert_eq!((talk.to_target.len(), talk.to_client.len()), (256, 1));
    talk.target(&status(3, 2)).expect("an answer");
    assert_eq!(talk.answered, [(4, 2)]);
    talk.client(&packet!(3, 300_u32, "/a", 1_u32, 0_u32)).expect("a request");
    assert_eq!(talk.to_target.len(), 257);
}

/// A transfer as OpenSSH's client has it.
fn conversation() -> (Vec<u8>, Vec<Vec<u8>>) {
    let client = [
        packet!(1, 3_u32),
        packet!(16, 1_u32, "."),
        packet!(17, 2_u32, "a"),
        packet!(3, 3_u32, "a", 1_u32, 0_u32),
        packet!(18, 4_u32, "a", "/blocked/b"),
        packet!(13, 5_u32, "c"),
    ];
    let target = vec![
        packet!(2, 3_u32, "fsync@openssh.com", "1"),
        packet!(104, 0_u32, 1_u32, "/var/deploy", "", 0_u32),
        packet!(104, 1_u32, 1_u32, "/var/deploy", "", 0_u32),
        packet!(105, 2_u32, 0_u32),
        packet!(102, 3_u32, "h"),
        status(5, 0),
    ];
    (client.concat(), target)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// However the streams are cut, the same is judged, sent and answered.
    #[test]
    fn any_split(cuts in proptest::collection::vec((1_usize..40, 1_usize..40), 1..60)) {
        let (client, target) = conversation();
        let play = |cuts: &[(usize, usize)]| {
            let mut talk = Talk::new();
            let mut cuts = cuts.iter().chain(std::iter::repeat(&(1000, 1000)));
            let mut said = &client[..];
            while !said.is_empty() {
                let (one, _) = cuts.next().expect("without end");
                let piece = said.split_off(..(*one).min(said.len())).expect("within");
                talk.client(piece).expect("a request");
            }
            // A server answers when it was asked, one packet after the other.
            for packet in &target {
                let mut packet = &packet[..];
                while !packet.is_empty() {
                    let (_, other) = cuts.next().expect("without end");
                    let piece = packet.split_off(..(*other).min(packet.len())).expect("within");
                    talk.target(piece).expect("an answer");
                }
            }
            (talk.judged, talk.to_target, talk.to_client, talk.answered)
        };
        let all = play(&[]);
        prop_assert_eq!((all.0.len(), all.1.len(), all.2.len()), (4, 6, 6));
        prop_assert_eq!(play(&cuts), all);
    }

    /// Whatever either side says, nothing breaks but the transfer.
    #[test]
    fn any_bytes(
        kinds in proptest::collection::vec((any::<bool>(), 0_u8..=220, 0_u32..6, proptest::collection::vec(any::<u8>(), 0..40), any::<bool>()), 0..40),
    ) {
        let mut talk = Talk::open();
        talk.opens("/a", 3, "h");
        for (from_client, kind, id, body, as_text) in kinds {
            let packet = if as_text {
                packet!(kind, id, &body[..])
            } else {
                let rest = [&packet!(kind, id)[4..], &body].concat();
                [&u32::try_from(rest.len()).expect("short").to_be_bytes()[..], &rest].concat()
            };
            let gone = if from_client { talk.client(&packet) } else { talk.target(&packet) };
            if gone.is_err() {
                break;
            }
        }
        talk.transfer.over();
    }
}
