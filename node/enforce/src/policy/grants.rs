//! Who may open what session: the facts that grants are about, and the search for one.

use std::collections::BTreeMap;

use proto::ids::Name;
use proto::reading::Channel;
use proto::target::TargetKind;

use super::Policy;
use super::parts::{Commands, Grant, Opaque};
use crate::decide::Facts;

static NO_CLAIMS: BTreeMap<String, Vec<String>> = BTreeMap::new();

/// A person, as policy sees them.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Their name.
    pub name: &'a str,
    /// The groups that they are in.
    pub groups: &'a [Name],
    /// What their identity provider says of them.
    pub claims: &'a BTreeMap<String, Vec<String>>,
}

impl<'a> Who<'a> {
    /// A person without claims, as those of the file kind are.
    #[must_use]
    pub fn new(name: &'a str, groups: &'a [Name]) -> Self {
        Self { name, groups, claims: &NO_CLAIMS }
    }
}

/// A target, as policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct TargetFacts<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its kind.
    pub kind: TargetKind,
    /// Its labels.
    pub labels: &'a BTreeMap<String, String>,
}

/// The grant that lets somebody open a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted<'p> {
    /// Its name.
    pub grant: &'p str,
    /// The login on the target.
    pub login: String,
    /// Which commands it is for.
    pub commands: Commands,
}

/// Why no grant lets somebody open a session; for the record, never for the client. A login is
/// named only when the target is known to have it: what a client typed may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGrant {
    /// No grant is about this person.
    #[error("no grant is about {person}")]
    Person {
        /// The person.
        person: String,
    },
    /// No grant about this person is about this target.
    #[error("no grant lets {person} reach {target}")]
    Target {
        /// The person.
        person: String,
        /// The target.
        target: String,
    },
    /// No grant about this person and target is about the login that was asked for.
    #[error("no grant lets {person} reach {target} as that login")]
    Login {
        /// The person.
        person: String,
        /// The target.
        target: String,
    },
    /// No grant about this person and target is about a login that the target has.
    #[error("no grant lets {person} reach {target} as any of its logins")]
    AnyLogin {
        /// The person.
        person: String,
        /// The target.
        target: String,
    },
    /// The target does not have the login that was asked for.
    #[error("{target} does not have that login")]
    NoSuchLogin {
        /// The target.
        target: String,
    },
    /// No grant about this person, target and login is about this channel.
    #[error("no grant lets {person} open {channel:?} on {target} as {login}")]
    Channel {
        /// The person.
        person: String,
        /// The target.
        target: String,
        /// The login.
        login: String,
        /// The channel.
        channel: Channel,
    },
}

impl Policy {
    /// The grant that lets somebody open a session. One grant satisfies person, target, login and
    /// channel together; of several, one for any command comes first, then the order of the
    /// document. Without a `login`, it is the first of the target's `logins` that is granted.
    ///
    /// # Errors
    /// The first of person, target, login and channel that no grant satisfies together with those
    /// before it.
    pub fn grant(
        &self,
        who: &Who<'_>,
        target: &TargetFacts<'_>,
        channel: Channel,
        login: Option<&str>,
        logins: &[String],
    ) -> Result<Granted<'_>, NoGrant> {
        self.search(who, target, channel, (login, logins), &|_| true)
    }

    /// The same among those grants whose forwards may lead to what the gateway would read.
    pub(crate) fn grant_opaque(&self, facts: &Facts<'_>) -> Option<Granted<'_>> {
        let logins = [facts.login.to_owned()];
        let login = (Some(facts.login), &logins[..]);
        let is_opaque = |grant: &Grant| grant.opaque == Opaque::Allow;
        self.search(&facts.who, &facts.target, facts.channel, login, &is_opaque).ok()
    }

    fn search(
        &self,
        who: &Who<'_>,
        target: &TargetFacts<'_>,
        channel: Channel,
        (login, logins): (Option<&str>, &[String]),
        counts: &dyn Fn(&Grant) -> bool,
    ) -> Result<Granted<'_>, NoGrant> {
        let person = || who.name.to_owned();
        let mut grants: Vec<&Grant> =
            self.checked.grants.iter().filter(|one| counts(one) && one.who.holds(who)).collect();
        if grants.is_empty() {
            return Err(NoGrant::Person { person: person() });
        }
        grants.retain(|grant| grant.targets.holds(target));
        if grants.is_empty() {
            return Err(NoGrant::Target { person: person(), target: target.name.to_owned() });
        }
        if login.is_some_and(|login| !logins.iter().any(|known| known == login)) {
            return Err(NoGrant::NoSuchLogin { target: target.name.to_owned() });
        }
        let wanted = logins.iter().filter(|known| login.is_none_or(|login| login == *known));
        let mut refused = None;
        for login in wanted {
            let mut of_login =
                grants.iter().filter(|grant| grant.logins.contains(login)).peekable();
            if of_login.peek().is_none() {
                continue;
            }
            let fits = of_login.filter(|grant| grant.channels.contains(&channel));
            // Commands::Any comes before Commands::Listed; of equals, min_by_key keeps the first.
            if let Some(grant) = fits.min_by_key(|grant| grant.commands) {
                let (grant, commands) = (grant.name.as_str(), grant.commands);
                return Ok(Granted { grant, login: login.clone(), commands });
            }
            refused.get_or_insert_with(|| login.clone());
        }
        let target = target.name.to_owned();
        Err(match refused {
            Some(login) => NoGrant::Channel { person: person(), target, login, channel },
            None if login.is_some() => NoGrant::Login { person: person(), target },
            None => NoGrant::AnyLogin { person: person(), target },
        })
    }
}
