//! What people do: log in, run commands, wait for approvals, rule on them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Fleet;
use super::config::SSH_PORT;
use super::documents::{APPROVERS, TARGET, everybody};
use super::words::{Word, word};
use crate::live::client::Client;
use crate::live::node::sallyport;
use crate::live::process::{Reaped, run};
use crate::live::talk::Talk;
use crate::live::wait::{SHORT, until};

/// How long a person waits for the API's answer: longer than the deadline that a node has for
/// itself, so that no answer is a finding.
const PATIENCE: Duration = Duration::from_secs(25);

/// What stands before the id in what a held client is told.
const HOW_TO_APPROVE: &str = "approvals approve ";

/// A client whose command is held.
#[derive(Debug)]
pub struct Waiting {
    /// The client.
    pub talk: Talk,
    /// The request for an approval, as the client was told.
    pub approval: u64,
}

impl Waiting {
    /// Waits until the client was told of another request: its command was judged again.
    ///
    /// # Errors
    /// When it is not.
    pub fn asks_again(&mut self) -> Result<u64> {
        let before = self.approval;
        let other = |errors: &str| asked(errors).filter(|asked| *asked != before);
        self.approval = self.talk.said("it is asked again", SHORT, |_, errors| other(errors))?;
        Ok(self.approval)
    }

    /// Waits for the client's end: its exit status, what the command said, what the client said.
    ///
    /// # Errors
    /// When it does not end.
    pub fn ends(&mut self) -> Result<(Option<i32>, String, String)> {
        let (status, _) = self.talk.wait(SHORT)?;
        Ok((status.code(), self.talk.output(), self.talk.errors()))
    }
}

impl Fleet {
    /// Runs a command of the command line on the people's host, through a node.
    ///
    /// # Errors
    /// When it does not end.
    pub(super) fn call(&self, through: &str, token: &str, arguments: &[&str]) -> Result<Reaped> {
        let gateway = self.gateway(through);
        let mut command = self.outside.command(sallyport()?);
        command
            .args(arguments)
            .env("SALLYPORT_URL", gateway.api())
            .env("SALLYPORT_CA", gateway.ca())
            .env("SALLYPORT_TOKEN", token)
            .env("HOME", self.folder.path());
        run(&mut command, Vec::new(), PATIENCE)
    }

    /// Gets a token for everybody; it is good on every node.
    pub(super) fn log_in(&mut self) -> Result<()> {
        for person in everybody() {
            let key = &self.keys[person].file;
            let key = key.to_str().context("a temporary folder's name is text")?;
            let said = self.call("gw-1", "", &["login", "--ssh-key", key, "--print-token"])?;
            ensure!(said.status.success(), "login of {person}: {}", said.said());
            self.tokens.insert(person.to_owned(), said.text().trim().to_owned());
        }
        Ok(())
    }

    /// Asks for something as a person (or, as `admin`, with the administrator's token).
    #[must_use]
    pub fn ask(&self, person: &str, through: &str, arguments: &[&str]) -> (Word, String) {
        let token = match person {
            "admin" => &self.admin_token,
            person => &self.tokens[person],
        };
        match self.call(through, token, arguments) {
            Ok(said) => (word(Some(&said)), said.text()),
            Err(_) => (word(None), String::new()),
        }
    }

    /// Approves as a person.
    #[must_use]
    pub fn approve(&self, person: &str, through: &str, approval: u64) -> Word {
        let id = approval.to_string();
        let arguments = ["approvals", "approve", &id, "--reason", "it is right", "-o", "json"];
        self.ask(person, through, &arguments).0
    }

    /// A person's ssh client through a node.
    #[must_use]
    pub fn ssh(&self, person: &str, through: &str) -> Client {
        let user = format!("{}@{TARGET}", self.target.login);
        let key = self.keys[person].file.clone();
        let client = Client::new(user, SSH_PORT.to_string(), key, self.path("known_hosts"));
        client.between(&self.outside, self.gateway(through).host())
    }

    /// The requests for an approval that a client was told of, in the order of what it said on its
    /// standard error: more than one when the policy changed meanwhile.
    #[must_use]
    pub fn all_asked(errors: &str) -> Vec<u64> {
        errors.split(HOW_TO_APPROVE).skip(1).filter_map(number).collect()
    }

    /// How often a command with this marker reached the target.
    ///
    /// # Errors
    /// When the target's log cannot be read.
    pub fn runs(&self, marker: &str) -> Result<usize> {
        Ok(self.target.log()?.iter().filter(|ran| ran.command.contains(marker)).count())
    }

    /// How a request for an approval stands, in a word, and why if it says so; as somebody sees it
    /// who may rule on it.
    ///
    /// # Errors
    /// When nobody says it.
    pub fn approval(&self, through: &str, approval: u64) -> Result<String> {
        let show = ["approvals", "show", &approval.to_string(), "--output", "json"];
        let (word, text) = self.ask(APPROVERS[0], through, &show);
        let shown: Value = serde_json::from_str(&text).with_context(|| word.said.clone())?;
        let state = shown["state"].as_str().with_context(|| format!("no state: {text}"))?;
        let because = shown["because"].as_str().map(|because| format!(": {because}"));
        Ok(format!("{state}{}", because.unwrap_or_default()))
    }

    /// Waits until a request stands so.
    ///
    /// # Errors
    /// When it does not in time; the error says how it stands instead.
    pub fn stands(&self, through: &str, approval: u64, so: &str, within: Duration) -> Result<()> {
        let mut last = String::new();
        let stood = until(so, within, || {
            last = self.approval(through, approval)?;
            Ok((last == so).then_some(()))
        });
        stood.with_context(|| format!("approval {approval} is {last}, not {so}"))
    }

    /// Starts a command that is held, and waits until its client was told the request's id.
    ///
    /// # Errors
    /// When it is not held.
    pub fn hold(&self, person: &str, through: &str, command: &str) -> Result<Waiting> {
        let mut talk = self.ssh(person, through).talk(command)?;
        let approval = talk.said("the command is held", SHORT, |_, errors| asked(errors))?;
        Ok(Waiting { talk, approval })
    }
}

/// The number that a text begins with, if something follows it: if not, digits may be on their way.
fn number(text: &str) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    (digits < text.len()).then(|| text[..digits].parse().ok()).flatten()
}

/// The last request for an approval that a client was told of.
fn asked(errors: &str) -> Option<u64> {
    Fleet::all_asked(errors).pop()
}
