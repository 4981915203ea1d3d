//! What a client asks: judged, and sent to its database out of what was judged.

use bytes::Bytes;
use node_enforce::sql::{Circumstances, SqlCommand};
use node_gate::{CommandText, Ending};
use proto::refusal::{Code, Told};

use super::door::AtTheDoor;
use super::serve::{End, Served};
use crate::codec::frame::{BadFrame, HEADER_BYTES};
use crate::codec::read::{self, Reader};
use crate::codec::write;
use crate::conversation::{Bound, Parameters, Statement, Turn, is_no_text, script};

impl Served {
    /// Takes what the client asks, as far as it may be taken now; whether anything was.
    pub(super) async fn requests(&mut self) -> Result<bool, End> {
        let mut any = false;
        while !self.target.is_full() && self.stopping.is_none() {
            let Some(frame) = self.client.message().map_err(broken)? else { break };
            let body = &self.client.arrived()[HEADER_BYTES..frame.bytes];
            match self.talk.turn(frame.kind, body) {
                Turn::Comes => {}
                Turn::LeftOut => {
                    any = true;
                    drop(self.client.take(frame.bytes));
                    continue;
                }
                Turn::Waits => {
                    // What is outstanding is asked for, or it would never come.
                    if self.talk.needs_flush() {
                        self.send(|out| write::empty(out, b'H'));
                        self.talk.flushed();
                    }
                    break;
                }
            }
            any = true;
            let message = self.client.take(frame.bytes);
            let body = message.slice(HEADER_BYTES..);
            self.request(frame.kind, body, message).await?;
        }
        Ok(any)
    }

    async fn request(&mut self, kind: u8, body: Bytes, message: Bytes) -> Result<(), End> {
        match kind {
            b'X' => return Err(End::ClientLeft),
            b'S' => {
                self.send(|out| write::empty(out, b'S'));
                self.talk.synced();
            }
            b'Q' => self.query(&body).await?,
            b'P' => self.parse(&body).await?,
            b'B' => self.bind(&body).await?,
            b'E' => self.execute(&body).await?,
            b'D' => {
                let (of, name) = read::named(&body).ok_or_else(malformed)?;
                self.named(b'D', of, name);
                self.talk.described(of, name);
            }
            b'C' => {
                let (of, name) = read::named(&body).ok_or_else(malformed)?;
                self.named(b'C', of, name);
                self.talk.closed(of, name);
            }
            b'H' => {
                self.send(|out| write::empty(out, b'H'));
                self.talk.flushed();
            }
            b'd' => {
                let meter = || self.node.sessions.ports().digest.meter();
                self.input.get_or_insert_with(meter).pass(&body);
                self.session.input_passed();
                self.target.put(message);
            }
            b'c' | b'f' => {
                self.target.put(message);
                self.talk.fed();
            }
            b'F' => {
                let text = "Calls of functions by the protocol's own message are not taken.";
                self.refuse_simple(Told::new(Code::ChannelRefused, text));
            }
            other => {
                tracing::debug!(kind = other, "a client sends what nobody asked for");
                return Err(malformed());
            }
        }
        Ok(())
    }

    fn send(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut out = Vec::new();
        write(&mut out);
        self.target.put_slice(&out);
    }

    fn named(&mut self, kind: u8, of: u8, name: &[u8]) {
        self.send(|out| {
            write::message(out, kind, |out| {
                out.push(of);
                write::text(out, name);
            });
        });
    }

    /// Finds out what of a text's answer may be seen; why it must not be sent, when that is so.
    async fn sights(&mut self, of: Option<&Statement>) -> Option<Told> {
        let Statement { text, types, .. } = of?;
        match self.look(text, types.clone()).await {
            Ok(sights) => {
                self.looked = sights;
                None
            }
            Err(told) => Some(told),
        }
    }

    /// Judges a command and redeems its permit right before it is sent. What may be seen of the
    /// answer is found out in between, when it is not known of what it is of.
    async fn judge(
        &mut self,
        command: Vec<u8>,
        of: Option<&Statement>,
    ) -> Result<CommandText, Told> {
        if let Some(failed) = self.talk.give_up() {
            match self.ended(failed).await {
                Ok(()) => {}
                Err(End::Told(told)) => return Err(told),
                Err(_) => return Err(Told::plain(Code::Internal)),
            }
        }
        self.keeps_pace()?;
        // What somebody wanted to end before this began is not this.
        self.key.ring.forget();
        let mut door = AtTheDoor { client: &mut self.client, ring: &self.key.ring };
        let permit = self.session.judge(command, &mut door).await?;
        if let Some(refused) = self.sights(of).await {
            let input = self.passed();
            drop(self.session.ended(Ending::Refused(refused.clone()), input).await?);
            return Err(refused);
        }
        let now = self.node.sessions.ports().clock.elapsed();
        let until = permit.valid_until();
        match permit.redeem(now) {
            Ok(text) => {
                self.must_go_by(until);
                self.begins();
                Ok(text)
            }
            Err(_) => {
                let told = Told::plain(Code::PermitExpired);
                let input = self.passed();
                drop(self.session.ended(Ending::Refused(told.clone()), input).await?);
                Err(told)
            }
        }
    }

    async fn query(&mut self, body: &[u8]) -> Result<(), End> {
        let mut reader = Reader::new(body);
        let text = reader.name().filter(|_| reader.rest().is_empty()).ok_or_else(malformed)?;
        if self.talk.may_be_misread(text) {
            self.refuse_simple(misread());
            return Ok(());
        }
        if is_no_text(text) {
            self.refuse_simple(no_text());
            return Ok(());
        }
        let statement = Statement::new(text.into());
        let (command, script) = self.talk.command(&statement.script, text, None);
        match self.judge(command, Some(&statement)).await {
            Ok(judged) => {
                let said = SqlCommand::parse(judged.bytes()).ok_or_else(malformed)?;
                self.send(|out| write::message(out, b'Q', |out| write::text(out, said.text)));
                self.talk.queried(script);
                self.talk.seen(std::mem::take(&mut self.looked));
            }
            Err(told) => self.refuse_simple(told),
        }
        Ok(())
    }

    async fn parse(&mut self, body: &[u8]) -> Result<(), End> {
        let (name, text) = read::parse(body).ok_or_else(malformed)?;
        if !self.talk.has_room(body.len()) {
            let text = "The connection has too many prepared statements.";
            self.refuse(Told::new(Code::MessageTooLarge, text));
            return Ok(());
        }
        if self.talk.may_be_misread(text) || is_no_text(text) {
            self.refuse(if is_no_text(text) { no_text() } else { misread() });
            return Ok(());
        }
        if let Some(failed) = self.talk.give_up() {
            self.ended(failed).await?;
        }
        let (command, _) = self.talk.command(&script(text), text, None);
        let prepared = match self.session.prepare(command).await {
            Ok(prepared) => prepared,
            Err(told) => {
                self.talk.not_parsed(name);
                self.refuse(told);
                return Ok(());
            }
        };
        let now = self.node.sessions.ports().clock.elapsed();
        let until = prepared.valid_until();
        let Ok(text) = prepared.redeem(now) else {
            self.refuse(Told::plain(Code::PermitExpired));
            return Ok(());
        };
        self.must_go_by(until);
        let said = SqlCommand::parse(text.bytes()).ok_or_else(malformed)?;
        let types = &body[name.len() + said.text.len() + 2..];
        self.send(|out| {
            write::message(out, b'P', |out| {
                write::text(out, name);
                write::text(out, said.text);
                out.extend_from_slice(types);
            });
        });
        let statement = Statement::new(said.text.into()).with_types(types.into());
        self.talk.parsed(name, statement);
        Ok(())
    }

    async fn bind(&mut self, body: &[u8]) -> Result<(), End> {
        let asked = read::bind(body).ok_or_else(malformed)?;
        let Some(statement) = self.talk.statement(asked.statement).cloned() else {
            self.refuse(unknown("prepared statement", asked.statement));
            return Ok(());
        };
        if asked.portal == self.refused.as_slice()
            || !self.talk.has_room(statement.text.len() + body.len())
        {
            self.refuse(Told::plain(Code::MessageTooLarge));
            return Ok(());
        }
        let said = Parameters { bind: body, types: statement.known_types() };
        let (command, script) = self.talk.command(&statement.script, &statement.text, Some(said));
        let judged = match self.judge(command, Some(&statement)).await {
            Ok(judged) => judged,
            Err(told) => {
                self.refuse(told);
                return Ok(());
            }
        };
        let bind = parameters(&judged).ok_or_else(malformed)?;
        let binary = read::bind(bind).ok_or_else(malformed)?.binary;
        self.send(|out| write::message(out, b'B', |out| out.extend_from_slice(bind)));
        self.talk.bound(asked.portal, &statement, Bound { bind, script, binary: &binary });
        self.talk.seen(std::mem::take(&mut self.looked));
        Ok(())
    }

    async fn execute(&mut self, body: &[u8]) -> Result<(), End> {
        let (portal, rows) = read::execute(body).ok_or_else(malformed)?;
        let Some(bound) = self.talk.portal(portal) else {
            self.refuse(unknown("portal", portal));
            return Ok(());
        };
        let mut script = bound.script.clone();
        if self.talk.goes_on(portal) {
            self.goes_on();
        } else {
            // Names may mean something else by now.
            let command;
            let said = Parameters { bind: &bound.bind, types: &bound.types };
            (command, script) = self.talk.command(&bound.read, &bound.text, Some(said));
            if let Err(told) = self.judge(command, None).await {
                self.refuse(told);
                return Ok(());
            }
        }
        self.send(|out| write::execute(out, portal, rows));
        self.talk.executed(portal, script);
        Ok(())
    }

    /// Refuses something of the extended protocol: all up to the next `Sync` is left out.
    fn refuse(&mut self, told: Told) {
        let refused = self.refused.clone();
        self.send(|out| {
            write::execute(out, &refused, 0);
            write::empty(out, b'H');
        });
        self.talk.refused(told);
        self.talk.flushed();
    }

    /// Refuses something that stands for itself.
    fn refuse_simple(&mut self, told: Told) {
        let refused = self.refused.clone();
        self.send(|out| {
            write::execute(out, &refused, 0);
            write::empty(out, b'S');
        });
        self.talk.refused(told);
        self.talk.synced();
    }
}

/// What stands behind the text of a command: the body of its `Bind`.
fn parameters(command: &CommandText) -> Option<&[u8]> {
    let (_, said) = Circumstances::cut(command.bytes())?;
    let mut reader = Reader::new(said);
    reader.name()?;
    Some(reader.rest())
}

fn unknown(what: &str, name: &[u8]) -> Told {
    let name = node_session::names::printable(&String::from_utf8_lossy(name), 63);
    let text = format!("The {what} \"{name}\" is not one that this connection made.");
    Told::new(Code::NotFound, text)
}

fn misread() -> Told {
    let text = "Backslashes and letters beyond ASCII may not come behind a statement that ran in \
                the same pipeline: send a Sync first.";
    Told::new(Code::SettingRefused, text)
}

fn no_text() -> Told {
    Told::new(Code::ProtocolBroken, "The statement is not text in UTF-8.")
}

fn malformed() -> End {
    Told::plain(Code::ProtocolBroken).into()
}

fn broken(error: BadFrame) -> End {
    tracing::debug!(%error, "a client's message is not taken");
    let code = match error {
        BadFrame::TooLarge { .. } => Code::MessageTooLarge,
        BadFrame::Length { .. } => Code::ProtocolBroken,
    };
    Told::plain(code).into()
}
