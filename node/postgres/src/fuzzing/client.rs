//! A client's bytes, before a database that keeps to the protocol.
//!
//! The harness does with each message what the driver does, with everything allowed.

use std::collections::VecDeque;

use node_enforce::sql::SqlCommand;

use crate::codec::frame::{Frame, HEADER_BYTES, whole};
use crate::codec::places::Finder;
use crate::codec::read::{self, Reader};
use crate::codec::{startup, write};
use crate::config::CLIENT_MESSAGE_BYTES;
use crate::conversation::{
    Bound, Conversation, OUTSTANDING, Parameters, Passed, Statement, Turn, is_no_text, script,
};

/// What a text says that copies data in.
const STDIN: &[u8] = b"from stdin";
/// An error, as the database says it.
const NO: &[u8] = b"CXX000\0Mno\0\0";

/// What the database is to do for a message that it was sent, up to its answer.
enum Asked {
    Parse,
    Bind,
    Describe,
    Close,
    /// Whether it fails, and whether the portal is suspended.
    Execute {
        fails: bool,
        rests: bool,
    },
    /// Whether it copies data in.
    Query {
        copies: bool,
    },
    Sync,
}

/// A conversation with a database that answers when it is asked to.
struct Scene {
    talk: Conversation,
    asked: VecDeque<Asked>,
    /// It leaves out everything up to the next `Sync`.
    skips: bool,
    /// It reads data to copy, and answers nothing else.
    copies: bool,
}

/// Puts bytes of a client through all that looks at them.
///
/// # Panics
/// When something is not as it must be.
pub fn client(bytes: &[u8]) {
    if let Some(first) = bytes.first_chunk::<4>()
        && let Ok(length) = startup::length(*first)
        && let Some(body) = bytes.get(4..length)
    {
        drop(startup::read(body));
    }
    let (talk, asked) = (Conversation::new(), VecDeque::new());
    let mut scene = Scene { talk, asked, skips: false, copies: false };
    let mut at = 0;
    while let Ok(Some(Frame { kind, bytes: length })) = whole(&bytes[at..], CLIENT_MESSAGE_BYTES) {
        let body = &bytes[at + HEADER_BYTES..at + length];
        at += length;
        if scene.talk.turn(kind, body) == Turn::Waits {
            scene.answer();
        }
        match scene.talk.turn(kind, body) {
            Turn::Comes if scene.take(kind, body).is_some() => {}
            Turn::Comes => break,
            Turn::LeftOut => {}
            // The client itself does not go on with what the database waits for.
            Turn::Waits if scene.copies => break,
            Turn::Waits => panic!("all is answered, and {kind:#04x} waits"),
        }
    }
    scene.answer();
}

impl Scene {
    /// Takes one message; nothing when the connection is over.
    fn take(&mut self, kind: u8, body: &[u8]) -> Option<()> {
        match kind {
            b'S' => {
                self.talk.synced();
                self.asked.push_back(Asked::Sync);
                self.answer();
            }
            b'Q' => {
                let mut reader = Reader::new(body);
                let text = reader.name().filter(|_| reader.rest().is_empty())?;
                if is_no_text(text) {
                    return None;
                }
                self.talk.give_up();
                let (_, script) = self.talk.command(&script(text), text, None);
                self.talk.queried(script);
                let text = text.to_ascii_lowercase();
                let copies = text.windows(STDIN.len()).any(|piece| piece == STDIN);
                self.asked.push_back(Asked::Query { copies });
            }
            b'P' => self.parse(body)?,
            b'B' => self.bind(body)?,
            b'E' => self.execute(body)?,
            // Among data there is nothing else.
            b'D' | b'C' if self.copies => return None,
            b'D' | b'C' => {
                let (of, name) = read::named(body)?;
                if kind == b'D' {
                    self.talk.described(of, name);
                    self.asked.push_back(Asked::Describe);
                } else {
                    self.talk.closed(of, name);
                    self.asked.push_back(Asked::Close);
                }
            }
            b'H' => self.answer(),
            b'd' => {}
            b'c' | b'f' => {
                self.talk.fed();
                self.copies = false;
                if kind == b'c' {
                    self.say(b'C', b"COPY 1\0")
                } else {
                    self.say(b'E', NO)
                }
                self.say(b'Z', b"I");
            }
            _ => return None,
        }
        assert!(self.asked.len() <= OUTSTANDING, "more is outstanding than may be");
        Some(())
    }

    fn parse(&mut self, body: &[u8]) -> Option<()> {
        let (name, text) = read::parse(body)?;
        if !self.talk.has_room(text.len()) || is_no_text(text) {
            return None;
        }
        self.talk.give_up();
        let types = &body[name.len() + text.len() + 2..];
        let mut again = Vec::new();
        write::text(&mut again, name);
        write::text(&mut again, text);
        again.extend_from_slice(types);
        assert_eq!(again, body, "a Parse is written as it was read");
        self.talk.parsed(name, Statement::new(text.into()));
        self.asked.push_back(Asked::Parse);
        Some(())
    }

    fn bind(&mut self, body: &[u8]) -> Option<()> {
        let asked = read::bind(body)?;
        let statement = self.talk.statement(asked.statement)?.clone();
        if !self.talk.has_room(statement.text.len() + body.len()) {
            return None;
        }
        let said = Parameters { bind: body, types: statement.known_types() };
        let (command, script) = self.talk.command(&statement.script, &statement.text, Some(said));
        if let Some(SqlCommand { text, bind: Some(bind), .. }) = SqlCommand::parse(&command) {
            assert_eq!(text, &statement.text[..], "the text ends at its NUL");
            assert_eq!((bind.portal, bind.statement), (asked.portal, asked.statement));
            let binary: Vec<_> = bind.result_formats.iter().map(|format| *format != 0).collect();
            assert_eq!(binary, asked.binary, "both readers of Bind see the same");
        }
        self.talk.give_up();
        let bound = Bound { bind: body, script, binary: &asked.binary };
        self.talk.bound(asked.portal, &statement, bound);
        self.asked.push_back(Asked::Bind);
        Some(())
    }

    fn execute(&mut self, body: &[u8]) -> Option<()> {
        let (portal, rows) = read::execute(body)?;
        let bound = self.talk.portal(portal)?;
        let script = bound.script.clone();
        if !self.talk.goes_on(portal) {
            self.talk.give_up();
        }
        self.talk.executed(portal, script);
        // What runs is the fuzzer's choice: the number of rows says how it goes.
        let (fails, rests) = (rows % 8 == 7, rows % 8 == 1);
        self.asked.push_back(Asked::Execute { fails, rests });
        Some(())
    }

    /// The database answers all that it was asked.
    fn answer(&mut self) {
        while !self.copies
            && let Some(asked) = self.asked.pop_front()
        {
            match asked {
                Asked::Sync => {
                    self.skips = false;
                    self.say(b'Z', b"T");
                }
                _ if self.skips => {}
                Asked::Parse => self.say(b'1', b""),
                Asked::Bind => self.say(b'2', b""),
                Asked::Close => self.say(b'3', b""),
                Asked::Describe => self.say(b'n', b""),
                Asked::Execute { fails: true, .. } => {
                    self.skips = true;
                    self.say(b'E', NO);
                }
                Asked::Execute { rests, .. } => {
                    self.say(b'D', b"\0\x01\0\0\0\x01x");
                    if rests { self.say(b's', b"") } else { self.say(b'C', b"SELECT 1\0") }
                }
                Asked::Query { copies: true } => {
                    self.copies = true;
                    // It passes over each Sync that stands among the data.
                    while matches!(self.asked.front(), Some(Asked::Sync)) {
                        self.asked.pop_front();
                    }
                    self.say(b'G', b"\0\0\0");
                }
                Asked::Query { copies: false } => {
                    self.say(b'C', b"SELECT 0\0");
                    self.say(b'Z', b"I");
                }
            }
        }
    }

    fn say(&mut self, kind: u8, body: &[u8]) {
        let mut places = Vec::new();
        let finder = Finder { places: &mut places, at: 0 };
        let passed = self.talk.answered(kind, body, finder);
        assert_eq!(passed, Ok(Passed::On), "a database that keeps to the protocol");
        self.talk.take_over();
    }
}
