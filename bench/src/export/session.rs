//! Sessions of people, as gateways record them.

use std::collections::BTreeMap;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use node_enforce::decide::Decision;
use proto::event::{
    About, Actor, CommandFinished, CommandJudged, CommandStarted, Counted, Kind, LoginSucceeded,
    Outcome, OutputReleased, PolicyRef, SessionClosed, SessionOpened, SessionSeal, Stream,
    TargetAsWas,
};
use proto::ids::{Digest, Epoch, SessionId};
use proto::reading::{Channel, Durability, Reading, Verdict};
use proto::target::TargetKind;
use store_proof::tree::Range;

use super::chain::Writing;
use super::name;
use super::texts::Texts;

/// What commands say, of which more or less is let through.
const LINE: &str = "2026-11-29T10:11:12Z INFO request served in 12 ms, 200, GET /orders/1234\n";

/// A session that goes on.
struct Session {
    about: About,
    tree: Range,
}

impl Writing {
    /// Somebody logs in at times, and asks for a command.
    pub(super) fn session(&mut self, texts: &mut Texts, count: u64) -> Result<()> {
        let (actor, target) = (actor(count)?, target(count)?);
        let connection = count / 3 + 1;
        if count.is_multiple_of(3) {
            let (method, service) = ("ssh-key".to_owned(), "ssh".to_owned());
            let login = LoginSucceeded { method, service, connection: Some(connection) };
            let about = About { actor: Some(actor.clone()), ..About::default() };
            self.of_node(about, Kind::LoginSucceeded(login))?;
        }
        let policy = PolicyRef { revision: 1, digest: texts.policy().digest() };
        let session = SessionId::new(&name("gw-1")?, Epoch(1), count);
        let about = About {
            session: Some(session),
            session_seq: Some(0),
            actor: Some(actor.clone()),
            target: Some(target.clone()),
            policy: Some(policy),
        };
        let mut session = Session { about, tree: Range::at(0) };
        let (grant, channel) = ("staff".to_owned(), Channel::Exec);
        let opened = SessionOpened { channel, grant, connection };
        self.of(&mut session, true, Kind::SessionOpened(opened))?;
        let text = texts.text(count);
        let (reading, decision) = texts.judge(&text, &actor, &target)?;
        let allowed = decision.verdict == Verdict::Allow;
        let judged = judged(text, reading, &decision);
        self.of(&mut session, true, Kind::CommandJudged(judged))?;
        let output = if allowed { self.runs(&mut session, count)? } else { 0 };
        let outcome = match decision.told {
            Some(told) => Outcome::Refused(told),
            None => Outcome::Exited(0),
        };
        let finished = finished(outcome, output);
        self.of(&mut session, true, Kind::CommandFinished(finished))?;
        let sealed = SessionSeal { events: session.tree.end(), root: session.tree.root() };
        let (reason, duration_ms) = ("finished".to_owned(), 14);
        let closed = SessionClosed { reason, duration_ms, commands: 1, sealed: Some(sealed) };
        self.of(&mut session, true, Kind::SessionClosed(closed))
    }

    /// A command runs and says something: one window, or two, or three.
    fn runs(&mut self, session: &mut Session, count: u64) -> Result<u64> {
        self.of(session, true, Kind::CommandStarted(CommandStarted { command: 1 }))?;
        let mut offset = 0;
        for window in 0..=count % 3 {
            let lines = usize::try_from((count + window) % 12 + 1)?;
            let text = LINE.repeat(lines);
            let length = text.len() as u64;
            let released = OutputReleased {
                command: 1,
                stream: Stream::Output,
                offset,
                at_ms: 5 + window,
                text: Some(text),
                base64: None,
                masked: Vec::new(),
                masked_more: 0,
                record_masked: Vec::new(),
            };
            self.of(session, false, Kind::OutputReleased(released))?;
            offset += length;
        }
        Ok(offset)
    }

    fn of(&mut self, session: &mut Session, whole: bool, kind: Kind) -> Result<()> {
        let about = &mut session.about;
        about.session_seq = about.session_seq.map(|seq| seq + 1);
        let about = if whole {
            about.clone()
        } else {
            About { actor: None, target: None, policy: None, ..about.clone() }
        };
        let leaf = self.of_node(about, kind)?;
        session.tree.push(leaf);
        Ok(())
    }
}

fn judged(text: String, reading: Reading, decision: &Decision) -> CommandJudged {
    CommandJudged {
        command: 1,
        length: text.len() as u64,
        // What is sealed is longer than the text by a key, a tag and base64.
        sealed: BASE64.encode([&[7; 48], text.as_bytes()].concat()),
        text,
        parts: 0,
        reading,
        verdict: decision.verdict,
        rules: decision.rules.iter().map(ToString::to_string).collect(),
        grant: "staff".to_owned(),
        channel: Channel::Exec,
        told: decision.told.clone(),
        digest: Digest([5; 32]),
        offset_minutes: 60,
        durability: Durability::Local,
        without_stream: false,
    }
}

fn finished(outcome: Outcome, output: u64) -> CommandFinished {
    let counted = |bytes: u64| {
        let digest = (bytes > 0).then_some(Digest([6; 32]));
        Counted { bytes, digest, truncated: false }
    };
    CommandFinished {
        command: 1,
        outcome,
        duration_ms: 12,
        input: counted(0),
        output: counted(output),
        errors: counted(0),
        masked: BTreeMap::new(),
        rows: None,
    }
}

fn actor(count: u64) -> Result<Actor> {
    let person = ["alice", "bob", "carol", "dave"][usize::try_from(count % 4)?];
    Ok(Actor {
        person: name(person)?,
        issuer: "file".to_owned(),
        groups: vec![name("engineering")?, name("oncall")?],
        from: Some(format!("192.0.2.{}:50022", count % 200)),
        credential: Some("SHA256:2f5c9e0b7d1a4c3e8f6b5a4938271605f4e3d2c1b0a9".to_owned()),
    })
}

fn target(count: u64) -> Result<TargetAsWas> {
    Ok(TargetAsWas {
        name: name(&format!("web-{}", count % 8))?,
        kind: TargetKind::Ssh,
        labels: BTreeMap::from([
            ("env".to_owned(), "staging".to_owned()),
            ("team".to_owned(), "shop".to_owned()),
        ]),
        login: "deploy".to_owned(),
    })
}
