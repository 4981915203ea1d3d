//! A PostgreSQL client of our own, which sends exactly the bytes that it is told to: for what no
//! ordinary client would say. Answers are shown as short words, so that a test reads as a table.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};

use super::wait::SHORT;

/// One message to send: its kind and its body.
pub type Message = (u8, Vec<u8>);

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    arrived: Vec<u8>,
    /// What cancels its statements: a number and a secret.
    pub key: (u32, Vec<u8>),
}

fn text(value: &str) -> Vec<u8> {
    [value.as_bytes(), &[0]].concat()
}

/// `Query`.
#[must_use]
pub fn query(sql: &str) -> Message {
    (b'Q', text(sql))
}

/// `Parse` of a text without types.
#[must_use]
pub fn parse(name: &str, sql: &str) -> Message {
    (b'P', [text(name), text(sql), vec![0, 0]].concat())
}

/// `Bind` with parameters in text; `binary` asks for results in binary.
#[must_use]
pub fn bind(portal: &str, statement: &str, parameters: &[&str], binary: bool) -> Message {
    let mut body = [text(portal), text(statement), vec![0, 0]].concat();
    let count = u16::try_from(parameters.len()).unwrap_or(u16::MAX);
    body.extend_from_slice(&count.to_be_bytes());
    for value in parameters {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        body.extend_from_slice(&length.to_be_bytes());
        body.extend_from_slice(value.as_bytes());
    }
    body.extend_from_slice(if binary { &[0, 1, 0, 1] } else { &[0, 0] });
    (b'B', body)
}

/// `Describe` of a portal (`P`) or a statement (`S`).
#[must_use]
pub fn describe(of: u8, name: &str) -> Message {
    (b'D', [vec![of], text(name)].concat())
}

/// `Execute`, of so many rows at most.
#[must_use]
pub fn execute(portal: &str, rows: u32) -> Message {
    (b'E', [text(portal), rows.to_be_bytes().to_vec()].concat())
}

/// `Sync`.
#[must_use]
pub fn sync() -> Message {
    (b'S', Vec::new())
}

/// The bytes of messages.
#[must_use]
pub fn bytes(messages: &[Message]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, body) in messages {
        out.push(*kind);
        let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(body);
    }
    out
}

impl Wire {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When it is not let in.
    pub fn connect(address: &str, user: &str, database: &str, password: &str) -> Result<Self> {
        Self::connect_with(address, &[("user", user), ("database", database)], password)
    }

    /// As [`Wire::connect`], with exactly these parameters.
    ///
    /// # Errors
    /// When it is not let in: then the text ends with what was said.
    pub fn connect_with(
        address: &str,
        parameters: &[(&str, &str)],
        password: &str,
    ) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(SHORT))?;
        stream.set_nodelay(true)?;
        let mut wire = Self { stream, arrived: Vec::new(), key: (0, Vec::new()) };
        let mut body = (3_u32 << 16).to_be_bytes().to_vec();
        for (name, value) in parameters {
            body.extend_from_slice(&[text(name), text(value)].concat());
        }
        body.push(0);
        let length = u32::try_from(body.len() + 4)?;
        wire.send(&[&length.to_be_bytes()[..], &body].concat())?;
        wire.log_in(password)?;
        Ok(wire)
    }

    fn log_in(&mut self, password: &str) -> Result<()> {
        let mut scram = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
        loop {
            let (kind, body) = self.receive()?.context("an answer")?;
            let number = body.first_chunk().map(|number| u32::from_be_bytes(*number));
            match (kind, number) {
                (b'R', Some(10)) => {
                    let first = scram.message().to_vec();
                    let length = u32::try_from(first.len())?.to_be_bytes().to_vec();
                    let said = [text("SCRAM-SHA-256"), length, first].concat();
                    self.send(&bytes(&[(b'p', said)]))?;
                }
                (b'R', Some(11)) => {
                    scram.update(&body[4..])?;
                    let said = scram.message().to_vec();
                    self.send(&bytes(&[(b'p', said)]))?;
                }
                (b'R', Some(12)) => scram.finish(&body[4..])?,
                (b'R', Some(0)) | (b'S' | b'N' | b'v', _) => {}
                (b'K', Some(process)) => self.key = (process, body[4..].to_vec()),
                (b'Z', _) => return Ok(()),
                _ => bail!("not let in: {}", shown(kind, &body)),
            }
        }
    }

    /// The connection itself, for whoever reads in its own way from here on.
    ///
    /// # Errors
    /// When something was read that nobody has taken yet, or the system has no more sockets.
    pub fn stream(&self) -> Result<TcpStream> {
        anyhow::ensure!(self.arrived.is_empty(), "something was read ahead");
        Ok(self.stream.try_clone()?)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// When they cannot be sent.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes)?)
    }

    /// The next message; none when the connection is closed.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub fn receive(&mut self) -> Result<Option<(u8, Vec<u8>)>> {
        loop {
            if let Some(head) = self.arrived.first_chunk::<5>() {
                let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
                let (kind, whole) = (head[0], usize::try_from(length)? + 1);
                if self.arrived.len() >= whole {
                    let message: Vec<u8> = self.arrived.drain(..whole).collect();
                    return Ok(Some((kind, message[5..].to_vec())));
                }
            }
            let mut buffer = [0; 16 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Ok(None),
                Ok(read) => self.arrived.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error).context("nothing came in time"),
            }
        }
    }

    /// Sends messages in one piece; gives what comes back up to the last answer.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub fn ask(&mut self, messages: &[Message]) -> Result<String> {
        self.send(&bytes(messages))?;
        self.heard(b'Z')
    }

    /// As [`Wire::ask`], with the messages as they came.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub fn answer(&mut self, messages: &[Message]) -> Result<Vec<Message>> {
        self.send(&bytes(messages))?;
        let mut answer = Vec::new();
        while let Some(message) = self.receive()? {
            let is_last = message.0 == b'Z';
            answer.push(message);
            if is_last {
                break;
            }
        }
        Ok(answer)
    }

    /// What comes up to a message of a kind, or to the end.
    ///
    /// # Errors
    /// When nothing comes in time.
    pub fn heard(&mut self, until: u8) -> Result<String> {
        let mut said = Vec::new();
        loop {
            let Some((kind, body)) = self.receive()? else {
                said.push("closed".to_owned());
                break;
            };
            said.push(shown(kind, &body));
            if kind == until {
                break;
            }
        }
        Ok(said.join(" "))
    }
}

/// A message as a word: its kind, and what of it a reader wants to know.
#[must_use]
pub fn shown(kind: u8, body: &[u8]) -> String {
    let mut word = char::from(kind).to_string();
    match kind {
        b'D' => word.push_str(&row(body)),
        b'C' => {
            let tag = String::from_utf8_lossy(body).replace(' ', "-");
            word.push_str(&format!("({})", tag.trim_end_matches('\0')));
        }
        b'Z' => word.push_str(&String::from_utf8_lossy(body)),
        b'E' => {
            let mut fields = body.split(|byte| *byte == 0).filter(|field| !field.is_empty());
            let state = fields.find(|field| field[0] == b'C').unwrap_or_default();
            let message = fields.find(|field| field[0] == b'M').unwrap_or_default();
            let state = String::from_utf8_lossy(state.get(1..).unwrap_or_default()).into_owned();
            let message = String::from_utf8_lossy(message.get(1..).unwrap_or_default());
            let code = message.split(':').next().filter(|word| word.starts_with("SP-"));
            word.push_str(&format!("({state}"));
            if let Some(code) = code {
                word.push_str(&format!(",{code}"));
            }
            word.push(')');
        }
        _ => {}
    }
    word
}

fn row(body: &[u8]) -> String {
    let mut cells = Vec::new();
    let mut rest = body.get(2..).unwrap_or_default();
    while let Some((length, behind)) = rest.split_first_chunk::<4>() {
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            cells.push("null".to_owned());
            rest = behind;
            continue;
        };
        let (value, behind) = behind.split_at(length.min(behind.len()));
        let mut cell = String::new();
        for &byte in value {
            if byte.is_ascii_graphic() {
                cell.push(char::from(byte));
            } else {
                write!(cell, "\\{byte:x}").ok();
            }
        }
        cells.push(cell);
        rest = behind;
    }
    format!("[{}]", cells.join(","))
}
