//! `people.yaml`: who there is, in which groups, with which keys and certificates.
//!
//! It must never let a password through in the clear: what leaves here is a hash.

use std::collections::BTreeMap;

use proto::ids::Name;
use proto::person::Person;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_saphyr::{Location, Spanned};
use zeroize::Zeroizing;

use crate::document::{Findings, Problems, is_variable, read};
use crate::{certificates, keys, password, scram};

/// How many groups a person may be in.
pub const GROUPS: usize = 256;
/// How many keys a person may have, and what their certificates may be known by.
pub const KEYS: usize = 64;

/// What is needed to turn a named password into its hash. All of it comes from the edge.
pub struct Passwords<'a> {
    /// The value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<Zeroizing<String>>,
    /// A salt that was never used before.
    pub salt: &'a dyn Fn() -> [u8; password::SALT_BYTES],
    /// The hash that a person has now; it is kept when it fits the password, so that applying the
    /// same file again changes nothing.
    pub current: &'a dyn Fn(&Name) -> Option<String>,
    /// Whether what databases are logged in to with is kept too: a cluster of an older version has
    /// no place for it.
    pub verifiers: bool,
}

/// The people of a cluster.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "People", title = "people.yaml")]
struct RawFile {
    /// All people of the cluster.
    people: Vec<RawPerson>,
}

/// One person.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Person")]
struct RawPerson {
    /// Unique: letters, digits, '.', '_' and '-', first a letter or digit.
    #[schemars(with = "Name")]
    name: Spanned<String>,
    /// Groups that the policy speaks of.
    #[serde(default)]
    #[schemars(with = "Vec<Name>")]
    groups: Vec<Spanned<String>>,
    /// Public keys in OpenSSH's one-line form, without options.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    ssh_keys: Vec<Spanned<String>>,
    /// What client certificates for databases are known by: `cn:NAME`, `email:ADDRESS`, `uri:URI`,
    /// `dns:HOST`, or `sha256:BASE64` of the public key. One of them is enough.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    certificates: Vec<Spanned<String>>,
    /// Where the password is.
    #[serde(default)]
    password: Option<RawPassword>,
}

/// A password by reference: never the password itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PasswordSource")]
struct RawPassword {
    /// The environment variable that holds it.
    #[schemars(with = "String")]
    env: Spanned<String>,
}

/// The JSON Schema of the document.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(RawFile)
}

/// Reads a people document; `file` names it in errors.
///
/// # Errors
/// [`Problems`] with every place that is wrong, or the first one when its form is broken.
pub fn parse(file: &str, text: &str, passwords: &Passwords<'_>) -> Result<Vec<Person>, Problems> {
    let raw: RawFile = read(file, text)?;
    let mut check = Check {
        findings: Findings::new(file),
        passwords,
        names: BTreeMap::new(),
        owners: BTreeMap::new(),
    };
    let people = raw.people.iter().filter_map(|person| check.person(person)).collect();
    check.findings.finish(people)
}

struct Check<'a> {
    findings: Findings<'a>,
    passwords: &'a Passwords<'a>,
    names: BTreeMap<Name, Location>,
    /// Whose each key and certificate is, by its one spelling.
    owners: BTreeMap<String, String>,
}

impl Check<'_> {
    fn person(&mut self, raw: &RawPerson) -> Option<Person> {
        let name = self.findings.check(&raw.name, raw.name.value.parse::<Name>());
        if let Some(name) = &name {
            let at = raw.name.referenced;
            if let Some(first) = self.names.insert(name.clone(), at) {
                let line = first.line();
                self.findings.add(at, format!("{name} is named in line {line} too, expected once"));
            }
        }
        let groups = self.groups(raw);
        let mut ssh_keys = self.keys(raw);
        ssh_keys.extend(self.certificates(raw));
        let password_hash = match (&raw.password, &name) {
            (Some(password), Some(name)) => self.password(name, &password.env),
            _ => None,
        };
        Some(Person { name: name?, groups, ssh_keys, password_hash })
    }

    fn groups(&mut self, raw: &RawPerson) -> Vec<Name> {
        self.limit(raw, raw.groups.len(), "groups", GROUPS);
        let mut groups = Vec::with_capacity(raw.groups.len());
        for spanned in &raw.groups {
            let group = self.findings.check(spanned, spanned.value.parse::<Name>());
            match group {
                Some(group) if groups.contains(&group) => {
                    let what = format!("group {group} is listed twice, expected once");
                    self.findings.add(spanned.referenced, what);
                }
                Some(group) => groups.push(group),
                None => {}
            }
        }
        groups
    }

    fn keys(&mut self, raw: &RawPerson) -> Vec<String> {
        self.limit(raw, raw.ssh_keys.len(), "ssh_keys", KEYS);
        let mut lines = Vec::with_capacity(raw.ssh_keys.len());
        for spanned in &raw.ssh_keys {
            let Some(line) = self.findings.check(spanned, keys::normalise(&spanned.value)) else {
                continue;
            };
            lines.extend(self.owned(raw, "key", spanned.referenced, line));
        }
        lines
    }

    fn certificates(&mut self, raw: &RawPerson) -> Vec<String> {
        self.limit(raw, raw.certificates.len(), "certificates", KEYS);
        let mut lines = Vec::with_capacity(raw.certificates.len());
        for spanned in &raw.certificates {
            let checked = certificates::normalise(&spanned.value);
            let Some(listing) = self.findings.check(spanned, checked) else { continue };
            let line = format!("{}{listing}", certificates::PREFIX);
            lines.extend(self.owned(raw, "certificate", spanned.referenced, line));
        }
        lines
    }

    /// Gives what nobody has had before.
    fn owned(&mut self, raw: &RawPerson, what: &str, at: Location, line: String) -> Option<String> {
        let owner = &raw.name.value;
        let found = match self.owners.insert(line.clone(), owner.clone()) {
            None => return Some(line),
            Some(other) if other == *owner => {
                format!("{owner} has this {what} already, expected each {what} once")
            }
            Some(other) => format!(
                "{other} and {owner} have the same {what}, expected one person for each {what}"
            ),
        };
        self.findings.add(at, found);
        None
    }

    fn password(&mut self, name: &Name, env: &Spanned<String>) -> Option<String> {
        let variable = &env.value;
        let Some(password) = (self.passwords.environment)(variable) else {
            // What is not spelt like a variable may be the password itself: it is not repeated.
            let shown = if is_variable(variable) { variable } else { "that is named here" };
            let what =
                format!("environment variable {shown} is not set, expected the password of {name}");
            self.findings.add(env.referenced, what);
            return None;
        };
        let current = (self.passwords.current)(name);
        let verifiers = self.passwords.verifiers;
        if let Some(current) = current.filter(|current| is_of(current, &password, verifiers)) {
            return Some(current);
        }
        let hash = self.findings.check(env, password::hash(&password, (self.passwords.salt)()))?;
        if !verifiers {
            return Some(hash);
        }
        // Behind it what databases are logged in to with, whose protocol knows no Argon2.
        Some(format!("{hash} {}", scram::verifier(&password, (self.passwords.salt)())))
    }

    fn limit(&mut self, raw: &RawPerson, count: usize, what: &str, limit: usize) {
        if count > limit {
            let what = format!("{} has {count} {what}, expected at most {limit}", raw.name.value);
            self.findings.add(raw.name.referenced, what);
        }
    }
}

/// Whether what is kept is of this password, and whole.
fn is_of(kept: &str, password: &str, verifiers: bool) -> bool {
    let (hash, has_verifier) = kept.split_once(' ').map_or((kept, false), |(hash, _)| (hash, true));
    has_verifier == verifiers && password::verify(password, hash)
}
