//! `targets.yaml`: what is behind the gateway, and how it is reached.
//!
//! It never holds a credential, only where a node finds one. What this version cannot serve is
//! refused by name instead of being ignored.

mod checks;
mod raw;

use std::collections::BTreeMap;
use std::path::Path;

use proto::ids::Name;
use proto::target::{
    ClientCertificate, CredentialSource, Database, HostKeys, Place, Target, TargetKind, Tls,
};
use serde_saphyr::{Location, Spanned};

use crate::document::{Findings, Problems, is_variable, read};
use crate::keys;
use checks::{check_address, check_database, check_kind, check_login, check_tls};
use raw::{RawCredential, RawFile, RawHostKeys, RawSource, RawTarget};

/// How many labels a target may have.
pub const LABELS: usize = 64;
/// The longest label key or value, in bytes.
pub const LABEL_BYTES: usize = 256;
/// How many host keys a target may have.
pub const HOST_KEYS: usize = 16;
/// How many logins a target may have.
pub const LOGINS: usize = 64;

/// What a document is read with.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The folder that relative paths are relative to: that of the document.
    pub base: &'a Path,
    /// Whether `trust-on-first-use` is let through; only `dev` does.
    pub trust_on_first_use: bool,
}

/// The JSON Schema of the document.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawFile)
}

/// Reads a targets document; `file` names it in errors.
///
/// # Errors
/// [`Problems`] with every place that is wrong, or the first one when its form is broken.
pub fn parse(file: &str, text: &str, options: &Options<'_>) -> Result<Vec<Target>, Problems> {
    let raw: RawFile = read(file, text)?;
    let mut check = Check { findings: Findings::new(file), options, names: BTreeMap::new() };
    let targets = raw.targets.iter().filter_map(|target| check.target(target)).collect();
    check.findings.finish(targets)
}

struct Check<'a> {
    findings: Findings<'a>,
    options: &'a Options<'a>,
    names: BTreeMap<Name, Location>,
}

impl Check<'_> {
    fn target(&mut self, raw: &RawTarget) -> Option<Target> {
        let at = raw.name.referenced;
        let name = self.findings.check(&raw.name, raw.name.value.parse::<Name>());
        if let Some(name) = &name
            && let Some(first) = self.names.insert(name.clone(), at)
        {
            let line = first.line();
            self.findings.add(at, format!("{name} is named in line {line} too, expected once"));
        }
        let kind = self.findings.check(&raw.kind, check_kind(&raw.kind.value))?;
        if kind == TargetKind::Postgres {
            return self.database(raw, name);
        }
        if let Some(field) = raw.field_of_other_kinds() {
            let what = format!("{field} is for targets of other kinds, expected none for ssh");
            self.findings.add(at, what);
        }
        let address = self.address(raw);
        let labels = self.labels(raw);
        let host_keys = self.host_keys(raw);
        let credential = self.credential(raw);
        let logins = self.logins(raw);
        Some(Target {
            name: name?,
            kind,
            address: address?,
            labels,
            host_keys: host_keys?,
            credential: credential?,
            logins,
        })
    }

    fn address(&mut self, raw: &RawTarget) -> Option<String> {
        let Some(address) = &raw.address else {
            self.findings.add(raw.name.referenced, "address is missing, expected host:port");
            return None;
        };
        self.findings.check(address, check_address(&address.value))
    }

    fn labels(&mut self, raw: &RawTarget) -> BTreeMap<String, String> {
        if raw.labels.len() > LABELS {
            let what = format!("{} labels, expected at most {LABELS}", raw.labels.len());
            self.findings.add(raw.name.referenced, what);
        }
        for (key, value) in &raw.labels {
            for (what, text) in [("key", key), ("value", &value.value)] {
                let is_fit = !text.is_empty()
                    && text.len() <= LABEL_BYTES
                    && !text.chars().any(char::is_control);
                if !is_fit {
                    let what = format!(
                        "label {what} {text:?}, expected 1 to {LABEL_BYTES} bytes of plain text"
                    );
                    self.findings.add(value.referenced, what);
                }
            }
        }
        raw.labels.iter().map(|(key, value)| (key.clone(), value.value.clone())).collect()
    }

    fn host_keys(&mut self, raw: &RawTarget) -> Option<HostKeys> {
        const EXPECTED: &str = "expected host_keys: [\"ssh-ed25519 AAAA…\"]";
        let Some(host_keys) = &raw.host_keys else {
            let what = format!("host_keys is missing, {EXPECTED}");
            self.findings.add(raw.name.referenced, what);
            return None;
        };
        let at = host_keys.referenced;
        match &host_keys.value {
            RawHostKeys::Word(word) if word == "trust-on-first-use" => {
                if self.options.trust_on_first_use {
                    return Some(HostKeys::TrustOnFirstUse);
                }
                self.findings.add(at, format!("trust-on-first-use is for dev only, {EXPECTED}"));
                None
            }
            RawHostKeys::Word(word) => {
                self.findings.add(at, format!("host_keys is {word:?}, {EXPECTED}"));
                None
            }
            RawHostKeys::Authority => {
                let what = format!("a host CA is not in this version, {EXPECTED}");
                self.findings.add(at, what);
                None
            }
            RawHostKeys::List(list) if list.is_empty() || list.len() > HOST_KEYS => {
                let what = format!("{} host keys, expected 1 to {HOST_KEYS}", list.len());
                self.findings.add(at, what);
                None
            }
            RawHostKeys::List(list) => {
                let mut lines = Vec::with_capacity(list.len());
                for key in list {
                    lines.push(self.findings.check(key, keys::normalise(&key.value))?);
                }
                Some(HostKeys::Pinned(lines))
            }
        }
    }

    fn credential(&mut self, raw: &RawTarget) -> Option<CredentialSource> {
        const EXPECTED: &str =
            "expected { private_key: { file: F } } or { private_key: { env: NAME } }";
        let Some(credential) = &raw.credential else {
            let what = format!("credential is missing, {EXPECTED}");
            self.findings.add(raw.name.referenced, what);
            return None;
        };
        let at = credential.referenced;
        let mut wrong = |what: &str| {
            self.findings.add(at, format!("{what}, {EXPECTED}"));
            None
        };
        let credential = &credential.value;
        if credential.ca.is_some() {
            return wrong("certificates from the cluster's CA are not in this version");
        }
        let of_others = credential.user.is_some() || credential.password.is_some();
        if of_others || credential.certificate.is_some() {
            return wrong("user, password and certificate are for targets of other kinds");
        }
        match &credential.private_key {
            None => wrong("no private_key"),
            Some(written) => match source(self.options, written) {
                Ok(place) => Some(place.into()),
                Err(what) => wrong(&format!("private_key {what}")),
            },
        }
    }

    fn database(&mut self, raw: &RawTarget, name: Option<Name>) -> Option<Target> {
        let at = raw.name.referenced;
        if let Some(host_keys) = &raw.host_keys {
            let what = "host_keys is for targets of other kinds, expected none for postgres";
            self.findings.add(host_keys.referenced, what);
        }
        let (address, labels) = (self.address(raw), self.labels(raw));
        let credential = self.role(raw);
        let database = match &raw.database {
            Some(written) => self.findings.check(written, check_database(&written.value)),
            None => {
                self.findings.add(at, "database is missing, expected its name");
                None
            }
        };
        let tls = match &raw.tls {
            Some(written) => self.findings.check(written, check_tls(&written.value)),
            None => Some(Tls::VerifyFull),
        };
        let authority = raw
            .ca
            .as_ref()
            .map(|file| self.options.base.join(&file.value).to_string_lossy().into_owned());
        if tls == Some(Tls::VerifyFull) && authority.is_none() {
            let what = "verify-full needs to know the authority, expected ca: FILE";
            self.findings.add(raw.tls.as_ref().map_or(at, |tls| tls.referenced), what);
        }
        let (login, credential) = credential?;
        // Each role needs a credential of its own, and there is one.
        if let Some(logins) = &raw.logins
            && !matches!(logins.value.as_slice(), [only] if only.value == login)
        {
            let what = format!("as is not the credential's own user, expected [{login}]");
            self.findings.add(logins.referenced, what);
        }
        let database = Database { name: database?, tls: tls?, authority };
        Some(Target {
            name: name?,
            kind: TargetKind::Postgres,
            address: address?,
            labels,
            host_keys: HostKeys::Database(Box::new(database)),
            credential,
            logins: vec![login],
        })
    }

    /// The role, and where what proves it is: its password, its certificate, or both.
    fn role(&mut self, raw: &RawTarget) -> Option<(String, CredentialSource)> {
        const EXPECTED: &str = "expected { user: NAME, password: { env: NAME } }, \
                                { user: NAME, password: { file: F } } or \
                                { user: NAME, certificate: { file: F }, private_key: { file: F } }";
        let Some(credential) = &raw.credential else {
            let what = format!("credential is missing, {EXPECTED}");
            self.findings.add(raw.name.referenced, what);
            return None;
        };
        let (at, credential) = (credential.referenced, &credential.value);
        let mut wrong = |what: &str| self.findings.add(at, format!("{what}, {EXPECTED}"));
        let Some(user) = &credential.user else {
            wrong("user is missing");
            return None;
        };
        if credential.ca.is_some() {
            wrong("ca is for targets of other kinds");
        }
        if credential.certificate.is_some() && raw.tls.as_ref().is_some_and(is_disabled) {
            wrong("tls: disable has no place for a certificate");
        }
        let source = match proof(self.options, credential) {
            Ok(source) => source,
            Err(what) => {
                wrong(&what);
                return None;
            }
        };
        self.findings.check(user, check_login(user)).map(|login| (login, source))
    }

    fn logins(&mut self, raw: &RawTarget) -> Vec<String> {
        let (at, count) = match &raw.logins {
            Some(logins) => (logins.referenced, logins.value.len()),
            None => (raw.name.referenced, 0),
        };
        if count == 0 || count > LOGINS {
            let what = format!("{count} logins in as, expected 1 to {LOGINS}, the default first");
            self.findings.add(at, what);
        }
        let mut logins = Vec::with_capacity(count);
        for login in raw.logins.iter().flat_map(|logins| &logins.value) {
            if let Some(text) = self.findings.check(login, check_login(login)) {
                if logins.contains(&text) {
                    let what = format!("login {text} is listed twice, expected once");
                    self.findings.add(login.referenced, what);
                }
                logins.push(text);
            }
        }
        logins
    }
}

fn is_disabled(tls: &Spanned<String>) -> bool {
    tls.value == "disable"
}

/// What proves a role of a database.
fn proof(options: &Options<'_>, written: &RawCredential) -> Result<CredentialSource, String> {
    let place = |what: &'static str, written: &RawSource| {
        source(options, written).map_err(|wrong| format!("{what} {wrong}"))
    };
    let file = |what: &'static str, written: &RawSource| match place(what, written)? {
        Place::File(file) => Ok(file),
        Place::Environment(_) => Err(format!("{what} needs a file")),
    };
    let password = written.password.as_ref();
    let password = password.map(|written| place("password", written)).transpose()?;
    match (&written.certificate, &written.private_key, password) {
        (None, None, Some(password)) => Ok(password.into()),
        (None, None, None) => Err("password is missing".to_owned()),
        (Some(certificate), Some(key), password) => {
            Ok(CredentialSource::Certificate(Box::new(ClientCertificate {
                certificate: file("certificate", certificate)?,
                private_key: file("private_key", key)?,
                password,
            })))
        }
        _ => Err("certificate and private_key go together".to_owned()),
    }
}

/// Where a secret is: exactly one of both.
fn source(options: &Options<'_>, written: &RawSource) -> Result<Place, &'static str> {
    match written {
        RawSource { file: Some(file), env: None } if !file.value.is_empty() => {
            let path = options.base.join(&file.value);
            Ok(Place::File(path.to_string_lossy().into_owned()))
        }
        RawSource { file: None, env: Some(env) } if is_variable(&env.value) => {
            Ok(Place::Environment(env.value.clone()))
        }
        RawSource { file: None, env: Some(_) } => {
            Err("has an env that is not the name of a variable in capitals")
        }
        _ => Err("needs either file or env"),
    }
}
