//! What is told by a frame around it: headers, options, lines of password files, objects of
//! Kubernetes, and runs of bytes that have no public prefix.

use super::super::detector::{Azure, Candidate, CommandOption, Discord, Manifest, Netrc, Pem};
use super::super::detector::{Pgpass, Section, Values, Wallet, Word, is_behind_version};
use super::super::scan::Found;
use super::super::text::Text;
use super::Marks;
use super::keys::Key;
use super::running::{
    AZURE, COOKIE, DISCORD, MANIFEST, NETRC, OPTION, PEM, PGPASS, SECTION, WALLET,
};
use super::scanner::MarkScanner;

/// No shorter run of token bytes is one of these.
pub(super) const RUN_MIN: u32 = Discord::RUN_MIN;

/// Whether a name or a port may stand before the colon at `at`: behind most digits it is a time.
#[inline]
pub(super) fn may_be_field(text: &Text, at: u64, before: u8) -> bool {
    match before {
        b'0'..=b'9' => Pgpass::may_be(text, at),
        byte if byte.is_ascii_alphabetic() => true,
        byte => byte == b'*',
    }
}

/// Which of them are on.
#[derive(Clone, Copy)]
pub(super) struct Frames {
    option: Option<u16>,
    pgpass: Option<u16>,
    pub(super) netrc: Option<u16>,
    azure: Option<u16>,
    discord: Option<u16>,
    wallet: Option<u16>,
}

impl Frames {
    pub(super) fn new(treatment: &dyn Fn(&str) -> Option<u16>) -> Self {
        let [option, pgpass, netrc, azure, discord, wallet] =
            ["command-option", "pgpass", "netrc", "azure-key", "discord-token", "crypto-wallet"]
                .map(treatment);
        Self { option, pgpass, netrc, azure, discord, wallet }
    }
}

impl MarkScanner {
    /// A key whose value is not what follows its separator at `at`, but is in it.
    #[inline(never)]
    pub(super) fn framed(
        &mut self,
        key: &Key,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if text.0.get(at) != Some(b':') {
            return;
        }
        let within = self.running.is_within(MANIFEST, at);
        let values = match key.word {
            Word::Cookie => {
                let cookie = || Candidate::cookie(at);
                return self.running.start((COOKIE, key.treatment), at, cookie, text, found);
            }
            Word::Kind if within => return,
            Word::Kind => {
                let manifest = || Candidate::Manifest(Manifest::new(text.0, key.begin, at));
                return self.running.start((MANIFEST, key.treatment), at, manifest, text, found);
            }
            Word::Data if !within => Values::Encoded,
            _ => Values::All,
        };
        if values == Values::Encoded && !is_behind_version(text.0, key.begin) {
            return;
        }
        let section = || Candidate::Section(Section::new(values, text.0, key.begin, at));
        self.running.start((SECTION, key.treatment), at, section, text, found);
    }

    /// The last of two dashes or more.
    #[inline(never)]
    pub(super) fn dashes(
        &mut self,
        marks: &Marks,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if let Some(treatment) = marks.pem
            && let Some(block) = Pem::at(text.0, at + 1)
        {
            self.running.start((PEM, treatment), at + 1, || Candidate::Pem(block), text, found);
        }
        self.option(marks, at, text, found);
    }

    /// A dash that may be behind another, both before a name.
    fn option(&mut self, marks: &Marks, at: u64, text: (&Text, bool), found: &mut Vec<Found>) {
        let Some(treatment) = marks.frames.option else { return };
        let apart = match at.checked_sub(2).and_then(|before| text.0.get(before)) {
            Some(before) => before <= b' ' || matches!(before, b'"' | b'\'' | b'`' | b'('),
            None => at == 1,
        };
        let named = text.0.get(at + 1).is_none_or(|first| first.is_ascii_lowercase());
        if apart && named && text.0.before(at) == Some(b'-') {
            let option = || Candidate::Option(CommandOption::new(at + 1));
            self.running.start((OPTION, treatment), at, option, text, found);
        }
    }

    /// A colon that neither a blank nor a slash follows.
    #[inline(never)]
    pub(super) fn fields(
        &mut self,
        marks: &Marks,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let Some(before) = text.0.before(at) else { return };
        let number = before.is_ascii_digit();
        if let Some(treatment) = marks.frames.pgpass
            && (number || before == b'*')
            && let Some(line) = Pgpass::behind_port(text.0, at)
        {
            let line = || Candidate::Pgpass(line);
            self.running.start((PGPASS, treatment), at, line, text, found);
        }
        if let Some(treatment) = marks.frames.option
            && before.is_ascii_alphabetic()
            && let Some(option) = CommandOption::of_user(text.0, at)
        {
            let option = || Candidate::Option(option);
            self.running.start((OPTION, treatment), at, option, text, found);
        }
    }

    /// A run of at least so many token bytes begins at `at`.
    #[inline(never)]
    pub(super) fn run(
        &mut self,
        marks: &Marks,
        (at, length): (u64, u32),
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        // The letter of an escape is none of the run.
        let escaped = text.0.before(at) == Some(b'\\')
            && text.0.get(at).is_some_and(|letter| b"nrt".contains(&letter));
        let begin = at + u64::from(escaped);
        if length >= Azure::RUN_MIN {
            self.key_of_azure(marks, begin, text, found);
        }
        self.address_of_wallet(marks, begin, text, found);
        if let Some(treatment) = marks.frames.discord
            && let Some(token) = Discord::at(text.0, begin)
        {
            let token = || Candidate::Discord(token);
            self.running.start((DISCORD, treatment), begin, token, text, found);
        }
    }

    /// A run that may be a wallet's address begins at `begin`.
    fn address_of_wallet(
        &mut self,
        marks: &Marks,
        begin: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        if let Some(treatment) = marks.frames.wallet
            && let Some(word) = Wallet::at(text.0, begin)
        {
            self.running.start((WALLET, treatment), begin, || Candidate::Wallet(word), text, found);
        }
    }

    /// A run that may be a key begins at `at`.
    pub(super) fn key_of_azure(
        &mut self,
        marks: &Marks,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let Some(treatment) = marks.frames.azure else { return };
        if Azure::is_unknown(text.0, at) {
            self.begun = Some(at).filter(|_| !text.1);
        } else if let Some(key) = Azure::at(text.0, at) {
            self.running.start((AZURE, treatment), at, || Candidate::Azure(key), text, found);
        }
    }

    /// A word that begins an entry of `.netrc` ends before `at`.
    #[inline(never)]
    pub(super) fn machine(
        &mut self,
        treatment: u16,
        at: u64,
        text: (&Text, bool),
        found: &mut Vec<Found>,
    ) {
        let entry = || Candidate::Netrc(Netrc::new(at));
        self.running.start((NETRC, treatment), at, entry, text, found);
    }
}
