//! Who somebody says they are, and what they ask for, by the startup's `user` and `database`.

use node_identity::Subject;
use node_identity::issued::BEFORE_ID;
use proto::event::Actor;
use proto::ids::Name;

/// The longest role or name of a database, in bytes.
const NAME_BYTES: usize = 63;
/// The longest id of a credential that the cluster gave out, in bytes.
const ID_BYTES: usize = 64;

/// `user=PERSON[/ROLE] dbname=TARGET[/DATABASE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Who they say they are; not believed yet, and perhaps nobody's name.
    pub(crate) person: String,
    /// As whom in the database; the first role that is granted, when not said.
    pub(crate) role: Option<String>,
    /// Which target.
    pub(crate) target: Option<Name>,
    /// Which database there; the target's own, when not said.
    pub(crate) database: Option<String>,
}

/// Reads them. What is no target's name is asked for all the same, and refused after the login:
/// a stranger learns nothing from it.
pub(crate) fn claim(user: &str, database: &str) -> Option<Claim> {
    let (person, role) = cut(user);
    let (target, database) = cut(database);
    let within = |name: &str, most: usize| {
        (1..=most).contains(&name.len()) && !name.chars().any(char::is_control)
    };
    let fit = |name: &str| within(name, NAME_BYTES);
    let fits_person = match person.split_once(BEFORE_ID) {
        Some((name, id)) => fit(name) && within(id, ID_BYTES),
        None => fit(person),
    };
    let fits = fits_person && role.is_none_or(fit) && database.is_none_or(fit);
    fits.then(|| Claim {
        person: person.to_owned(),
        role: role.map(str::to_owned),
        target: target.parse().ok(),
        database: database.map(str::to_owned),
    })
}

fn cut(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((first, second)) => (first, Some(second)),
        None => (text, None),
    }
}

/// A subject as events name them.
pub(crate) fn actor(subject: &Subject, from: Option<String>) -> Actor {
    Actor {
        person: subject.person.clone(),
        issuer: subject.issuer.clone(),
        groups: subject.groups.clone(),
        from,
        credential: Some(subject.credential.clone()),
    }
}
