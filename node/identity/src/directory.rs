//! People by name and by key: built whole from the control plane's people, and swapped whole.
//!
//! It must never answer with a person when two have the same key: then nobody is it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use proto::ids::Name;
use proto::person::Person;
use russh::keys::PublicKey;

use crate::certificates::Listing;
use crate::{certificates, keys};

/// Who vouches for people of the file kind.
pub const FILE_ISSUER: &str = "file";

/// A person who has shown who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The person's name.
    pub person: Name,
    /// Who vouches for the identity.
    pub issuer: String,
    /// Groups, as they are now.
    pub groups: Vec<Name>,
    /// What was shown: `SHA256:…` of an SSH key as `ssh-keygen -l` prints it, or `password:…`, a
    /// digest that changes with the password; `x509:…` what a certificate is known by.
    pub credential: String,
}

/// All people of the file kind.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    people: BTreeMap<Name, Person>,
    /// By a key's fingerprint, or what a certificate is known by: whose it is, or nobody's because
    /// several claim it.
    owners: BTreeMap<String, Option<Name>>,
}

impl Directory {
    /// The directory of these people. Keys that cannot be read are nobody's.
    #[must_use]
    pub fn new(people: &[Person]) -> Self {
        let mut directory = Self::default();
        for person in people {
            directory.people.insert(person.name.clone(), person.clone());
        }
        for person in directory.people.values() {
            for shown in person.ssh_keys.iter().filter_map(|line| shown_by(line)) {
                let owner = directory.owners.entry(shown);
                let owner = owner.or_insert_with(|| Some(person.name.clone()));
                if owner.as_ref() != Some(&person.name) {
                    *owner = None;
                }
            }
        }
        directory
    }

    /// Who has this SSH key. That the caller has its private half is for the caller to prove.
    #[must_use]
    pub fn by_key(&self, key: &PublicKey) -> Option<Subject> {
        let fingerprint = keys::fingerprint(key);
        let owner = self.owners.get(&fingerprint)?.as_ref()?;
        self.subject(owner, fingerprint)
    }

    /// Who lists something that a certificate says: one person, or nobody. That an authority
    /// vouches for it, and that the caller has its key, is for the caller to prove.
    #[must_use]
    pub fn by_certificate(&self, says: &[Listing<'_>]) -> Option<Subject> {
        let listed = says.iter().filter_map(|listing| {
            let credential = format!("{}{listing}", certificates::PREFIX);
            let owner = self.owners.get(&credential)?;
            Some((owner.as_ref(), credential))
        });
        let mut found: Option<(&Name, String)> = None;
        for (owner, credential) in listed {
            // What several people list is nobody's, whatever else it says.
            let owner = owner?;
            match &found {
                Some((first, _)) if *first != owner => return None,
                Some(_) => {}
                None => found = Some((owner, credential)),
            }
        }
        let (owner, credential) = found?;
        self.subject(owner, credential)
    }

    /// A person by name.
    #[must_use]
    pub fn person(&self, name: &Name) -> Option<&Person> {
        self.people.get(name)
    }

    /// All people, by name.
    pub fn people(&self) -> impl ExactSizeIterator<Item = &Person> {
        self.people.values()
    }

    /// Who somebody that logged in earlier is today: with today's groups, and nobody at all when
    /// the person, or the credential that was shown, is gone.
    #[must_use]
    pub fn still(&self, subject: &Subject) -> Option<Subject> {
        let name = &subject.person;
        let by_key =
            self.owners.get(&subject.credential).is_some_and(|owner| owner.as_ref() == Some(name));
        let by_password = self.by_password(name);
        let is_theirs =
            by_key || by_password.is_some_and(|shown| shown.credential == subject.credential);
        if is_theirs { self.subject(name, subject.credential.clone()) } else { None }
    }

    /// A person with the one of their credentials that is wanted, if it is theirs.
    pub(crate) fn having(&self, name: &Name, wanted: impl Fn(&str) -> bool) -> Option<Subject> {
        let by_password = self.by_password(name).filter(|subject| wanted(&subject.credential));
        by_password.or_else(|| {
            let mut theirs = self.owners.iter().filter(|(_, owner)| owner.as_ref() == Some(name));
            let (key, _) = theirs.find(|(key, _)| wanted(key))?;
            self.subject(name, key.clone())
        })
    }

    /// A person as one who has shown their password; the proof is in [`crate::password::log_in`].
    pub(crate) fn by_password(&self, name: &Name) -> Option<Subject> {
        let hash = self.people.get(name)?.password_hash.as_ref()?;
        let digest = ring::digest::digest(&ring::digest::SHA256, hash.as_bytes());
        let digest = STANDARD_NO_PAD.encode(&digest.as_ref()[..12]);
        self.subject(name, format!("password:{digest}"))
    }

    fn subject(&self, name: &Name, credential: String) -> Option<Subject> {
        let person = self.people.get(name)?;
        Some(Subject {
            person: name.clone(),
            issuer: FILE_ISSUER.to_owned(),
            groups: person.groups.clone(),
            credential,
        })
    }
}

/// What is shown by somebody of whom this line is kept: a certificate's name stands for itself, a
/// key for its fingerprint, what cannot be read for nothing.
fn shown_by(line: &str) -> Option<String> {
    if line.starts_with(certificates::PREFIX) {
        return Some(line.to_owned());
    }
    keys::read(line).ok().map(|key| keys::fingerprint(&key))
}
