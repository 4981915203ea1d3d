//! What a conversation is played with: a client that follows its lines, the gateway as its driver
//! works, everything allowed, and a database that keeps to the protocol.

use std::collections::VecDeque;

use crate::codec::places::Finder;
use crate::conversation::{Bound, Conversation, Passed, Statement, Turn, script};
use crate::tests::fuzz::Chance;

/// A message: its kind, and what stands behind a colon.
type Message = (u8, &'static str);

/// What a text does in this database.
fn named(word: &str) -> &'static str {
    let known = ["select", "zero", "wrong", "late", "pieces", "in", "out", "1", "bad", ""];
    known.into_iter().find(|one| *one == word).expect("a word of these tests")
}

fn messages(line: &str) -> Vec<Message> {
    let one = |word: &str| {
        let (kind, rest) = word.split_at(1);
        (kind.as_bytes()[0], named(rest.strip_prefix(':').unwrap_or(rest)))
    };
    line.split(' ').map(one).collect()
}

/// Those who speak, and what is on its way between them.
#[derive(Default)]
struct Scene {
    from_client: VecDeque<Message>,
    arrived: VecDeque<Message>,
    to_database: VecDeque<Message>,
    database: Database,
    from_database: VecDeque<u8>,
    heard: Vec<u8>,
}

/// Plays a conversation; all that the client hears.
pub(super) fn played(client: &[&str], seed: u64) -> String {
    let mut chance = Chance::of(seed);
    let (mut scene, mut talk) = (Scene::default(), Conversation::new());
    let mut lines: VecDeque<&str> = client.iter().copied().collect();
    let mut waits_from = 0;
    loop {
        // The client goes on as soon as it may: only deliveries take their time.
        while let Some(line) = lines.front() {
            if let Some(wanted) = line.strip_prefix("< ") {
                let news = &scene.heard[waits_from..];
                let Some(at) = news.iter().position(|kind| *kind == wanted.as_bytes()[0]) else {
                    break;
                };
                waits_from += at + 1;
            } else {
                scene.from_client.extend(messages(line));
            }
            lines.pop_front();
        }
        let may = [
            !scene.from_client.is_empty(),
            !scene.to_database.is_empty(),
            !scene.from_database.is_empty(),
        ];
        let ways: Vec<_> = (0..may.len()).filter(|way| may[*way]).collect();
        if ways.is_empty() {
            break;
        }
        match ways[chance.below(ways.len())] {
            0 => {
                scene.arrived.extend(scene.from_client.pop_front());
                requests(&mut talk, &mut scene);
            }
            1 => {
                let message = scene.to_database.pop_front().expect("there is one");
                let Scene { database, from_database, .. } = &mut scene;
                database.take(message, from_database);
            }
            _ => {
                let kind = scene.from_database.pop_front().expect("there is one");
                answer(&mut talk, kind, &mut scene.heard);
                requests(&mut talk, &mut scene);
            }
        }
    }
    let heard: Vec<_> = scene.heard.iter().map(|kind| char::from(*kind).to_string()).collect();
    let heard = heard.join(" ");
    assert!(lines.is_empty(), "it waits for {lines:?} for ever and heard {heard}, seed {seed}");
    assert!(scene.arrived.is_empty(), "{:?} wait for ever, seed {seed}", scene.arrived);
    assert!(scene.database.unsaid.is_empty(), "answers stay in the database, seed {seed}");
    assert!(talk.is_quiet(), "more is expected than comes, seed {seed}");
    heard
}

/// What the driver does with what has arrived of the client.
fn requests(talk: &mut Conversation, scene: &mut Scene) {
    while let Some((kind, what)) = scene.arrived.front().copied() {
        let body = if kind == b'E' { &b"\0\0\0\0\0"[..] } else { b"" };
        match talk.turn(kind, body) {
            Turn::Waits => {
                if talk.needs_flush() {
                    scene.to_database.push_back((b'H', ""));
                    talk.flushed();
                }
                return;
            }
            Turn::LeftOut => {}
            Turn::Comes => {
                taken(talk, (kind, what));
                scene.to_database.push_back((kind, what));
            }
        }
        scene.arrived.pop_front();
    }
}

fn taken(talk: &mut Conversation, (kind, what): Message) {
    let one = || Statement::new(what.as_bytes().into());
    let read = || script(b"select 1");
    match kind {
        b'Q' => {
            talk.give_up();
            talk.queried(read());
        }
        b'P' => {
            talk.give_up();
            talk.parsed(b"", one());
        }
        b'B' => {
            talk.give_up();
            talk.bound(b"", &one(), Bound { bind: b"", script: read(), binary: &[] });
        }
        b'D' => talk.described(b'P', b""),
        b'E' => talk.executed(b"", read()),
        b'H' => talk.flushed(),
        b'S' => talk.synced(),
        b'c' | b'f' => talk.fed(),
        b'd' => {}
        other => panic!("{other:#04x} is not in these tests"),
    }
}

fn answer(talk: &mut Conversation, kind: u8, heard: &mut Vec<u8>) {
    let body: &[u8] = match kind {
        b'T' | b'D' => b"\0\0",
        b'C' => b"SELECT 1\0",
        b'E' => b"CXX000\0\0",
        b'Z' => b"I",
        b'G' | b'H' => b"\0\0\0",
        _ => b"",
    };
    let mut places = Vec::new();
    let passed = talk.answered(kind, body, Finder { places: &mut places, at: 0 });
    assert_eq!(passed, Ok(Passed::On), "{}", char::from(kind));
    heard.push(kind);
    talk.take_over();
}

/// A database: answers wait until it is asked for them, or has to say them.
#[derive(Default)]
struct Database {
    statement: &'static str,
    unsaid: Vec<u8>,
    skips: bool,
    /// Data is copied in; for a `Query`, whose end is the end of the data.
    copies: Option<bool>,
}

impl Database {
    fn take(&mut self, (kind, what): Message, out: &mut VecDeque<u8>) {
        match (kind, self.copies) {
            _ if self.skips && kind != b'S' => {}
            (b'd', Some(simple)) if what == "bad" => self.fails(simple, out),
            (b'f', Some(simple)) => self.fails(simple, out),
            (b'c', Some(simple)) => {
                self.copies = None;
                self.say(b"C");
                if simple {
                    self.ready(out);
                }
            }
            (b'd' | b'H' | b'S', Some(_)) => {}
            (other, Some(_)) => panic!("{} among data", char::from(other)),
            // It passes over what is left of a copy that failed.
            (b'd' | b'c' | b'f', None) => {}
            (b'H', None) => self.flush(out),
            (b'S', None) => {
                self.skips = false;
                self.ready(out);
            }
            (b'Q', None) => {
                self.statement = what;
                match what {
                    "zero" => self.fails(true, out),
                    "in" => self.copy(true, out),
                    "out" => self.say(b"HddcC"),
                    _ => self.say(b"TDC"),
                }
                if self.copies.is_none() && what != "zero" {
                    self.ready(out);
                }
            }
            (b'P', None) if what == "wrong" => self.fails(false, out),
            (b'P', None) => {
                self.statement = what;
                self.say(b"1");
            }
            (b'B', None) if self.statement == "zero" => self.fails(false, out),
            (b'B', None) => self.say(b"2"),
            (b'D', None) if self.statement == "in" => self.say(b"n"),
            (b'D', None) => self.say(b"T"),
            (b'E', None) => match self.statement {
                "late" => self.fails(false, out),
                "in" => self.copy(false, out),
                "out" => self.say(b"HddcC"),
                "pieces" if what == "1" => self.say(b"Ds"),
                _ => self.say(b"DC"),
            },
            (other, None) => panic!("{} is not in these tests", char::from(other)),
        }
    }

    fn say(&mut self, kinds: &[u8]) {
        self.unsaid.extend_from_slice(kinds);
    }

    fn flush(&mut self, out: &mut VecDeque<u8>) {
        out.extend(self.unsaid.drain(..));
    }

    fn ready(&mut self, out: &mut VecDeque<u8>) {
        self.say(b"Z");
        self.flush(out);
    }

    fn copy(&mut self, simple: bool, out: &mut VecDeque<u8>) {
        self.copies = Some(simple);
        self.say(b"G");
        self.flush(out);
    }

    fn fails(&mut self, simple: bool, out: &mut VecDeque<u8>) {
        (self.copies, self.skips) = (None, !simple);
        self.say(b"E");
        self.flush(out);
        if simple {
            self.ready(out);
        }
    }
}
