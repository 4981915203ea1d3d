//! Reads a stream out of a broker, message by message, in the words of its protocol.
//!
//! It is what the oracles believe of the stream, so it must share nothing with what publishes: no
//! library, no code of the product. It counts: a server that leaves a message out is found.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many messages are asked for at once.
const AT_ONCE: u64 = 512;
/// So many bytes.
const BYTES_AT_ONCE: u64 = 16 * 1024 * 1024;
/// Where answers come to.
const INBOX: &str = "_INBOX.oracle";

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where in the stream.
    pub sequence: u64,
    /// Its subject.
    pub subject: String,
    /// The exact bytes.
    pub bytes: Vec<u8>,
}

/// A message as it comes over the wire.
struct Frame {
    headers: String,
    bytes: Vec<u8>,
}

impl Frame {
    /// A status instead of a message: its number.
    fn status(&self) -> Option<u16> {
        let first = self.headers.lines().next()?.strip_prefix("NATS/1.0 ")?;
        first.get(..3)?.parse().ok()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value.trim())
    }
}

/// A connection.
struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    fn connect(at: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut wire = Self { stream: BufReader::new(stream) };
        ensure!(wire.line()?.starts_with("INFO "), "a server says first who it is");
        wire.say(b"CONNECT {\"verbose\":false,\"headers\":true,\"no_responders\":true}\r\n")?;
        wire.say(format!("SUB {INBOX} 1\r\n").as_bytes())?;
        Ok(wire)
    }

    fn say(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.get_mut().write_all(bytes)?)
    }

    fn ask(&mut self, subject: &str, body: &str) -> Result<()> {
        self.say(format!("PUB {subject} {INBOX} {}\r\n{body}\r\n", body.len()).as_bytes())
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line)? > 0, "the broker closed the connection");
        Ok(line.trim_end().to_owned())
    }

    /// The next message that comes.
    fn next(&mut self) -> Result<Frame> {
        loop {
            let line = self.line()?;
            let words: Vec<_> = line.split_whitespace().collect();
            let count = |from_end: usize| -> Result<usize> {
                let word = words.iter().rev().nth(from_end);
                word.and_then(|word| word.parse().ok()).context("a length")
            };
            let (headers, all) = match words.first() {
                Some(&"MSG") => (0, count(0)?),
                Some(&"HMSG") => (count(1)?, count(0)?),
                Some(&"PING") => {
                    self.say(b"PONG\r\n")?;
                    continue;
                }
                Some(&"INFO" | &"+OK" | &"PONG") => continue,
                _ => bail!("the broker says {line:?}"),
            };
            ensure!(headers <= all, "the broker says {line:?}");
            let mut bytes = vec![0; all + 2];
            self.stream.read_exact(&mut bytes)?;
            bytes.truncate(all);
            let body = bytes.split_off(headers);
            return Ok(Frame { headers: String::from_utf8(bytes)?, bytes: body });
        }
    }
}

/// How far a stream goes, and how many messages it says it has.
struct State {
    first: u64,
    last: u64,
    count: u64,
}

fn state(wire: &mut Wire, stream: &str) -> Result<State> {
    wire.ask(&format!("$JS.API.STREAM.INFO.{stream}"), "")?;
    let answer: Value = serde_json::from_slice(&wire.next()?.bytes)?;
    let number = |name: &str| {
        let number = answer["state"][name].as_u64();
        number.with_context(|| format!("no {name} of {stream}: {answer}"))
    };
    Ok(State { first: number("first_seq")?, last: number("last_seq")?, count: number("messages")? })
}

/// All messages of a stream, in its own order.
///
/// # Errors
/// When the broker does not answer, or gives another number of messages than it says it has.
pub(super) fn read(at: SocketAddr, stream: &str) -> Result<Vec<Message>> {
    let mut wire = Wire::connect(at)?;
    let State { first, last, count } = state(&mut wire, stream)?;
    let (mut messages, mut from) = (Vec::new(), first.max(1));
    while from <= last {
        let asked = format!(
            "{{\"seq\":{from},\"next_by_subj\":\">\",\"batch\":{AT_ONCE},\
             \"max_bytes\":{BYTES_AT_ONCE}}}"
        );
        wire.ask(&format!("$JS.API.DIRECT.GET.{stream}"), &asked)?;
        let before = from;
        loop {
            let frame = wire.next()?;
            match frame.status() {
                None => {}
                Some(204 | 404) => break,
                Some(_) => bail!("{stream} from {from}: {}", frame.headers),
            }
            let sequence = frame.header("Nats-Sequence").and_then(|text| text.parse().ok());
            let sequence: u64 = sequence.with_context(|| frame.headers.clone())?;
            let subject = frame.header("Nats-Subject").context("a subject")?.to_owned();
            messages.push(Message { sequence, subject, bytes: frame.bytes });
            from = sequence + 1;
        }
        if from == before {
            break;
        }
    }
    // What came while it was read is left for the next time.
    messages.retain(|message| message.sequence <= last);
    let read = messages.len() as u64;
    ensure!(read == count, "{stream} says it has {count} messages, and gives {read}");
    Ok(messages)
}
