//! Who is calling, and what they may.
//!
//! Denied by default: a caller passes only when the table's entry of the endpoint lets them.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use node_enforce::policy::{Permission, Policy, Who};
use node_identity::Principal;
use proto::event::Actor;
use proto::ids::Name;
use proto::refusal::Code;
use zeroize::Zeroizing;

use crate::endpoint::Access;

/// What events call whoever holds the administrator's token.
pub const ADMINISTRATOR: &str = "administrator";

/// Who vouches for the administrator's token.
const TOKEN_ISSUER: &str = "token";

/// The token that a caller showed: it does not print, and is wiped.
#[derive(Clone)]
pub struct Shown(Arc<Zeroizing<String>>);

impl Shown {
    /// A token that was shown.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self(Arc::new(Zeroizing::new(token.to_owned())))
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown(…)")
    }
}

/// Who is calling.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who they are; nothing when they showed no valid token.
    pub principal: Option<Principal>,
    /// What they showed, so that a stream can look again.
    pub shown: Option<Shown>,
    /// Who may use what they call.
    pub access: Access,
    /// Where they come from.
    pub from: SocketAddr,
}

impl Caller {
    /// The caller's address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.from.ip()
    }

    /// The person, when it is one.
    #[must_use]
    pub fn person(&self) -> Option<&Name> {
        match &self.principal {
            Some(Principal::Person(subject)) => Some(&subject.person),
            Some(Principal::Admin) | None => None,
        }
    }

    /// The caller as events name them.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        self.principal.as_ref().map(|principal| actor(principal, self.from))
    }
}

/// A principal as events name them.
#[must_use]
pub fn actor(principal: &Principal, from: SocketAddr) -> Actor {
    let from = Some(from.to_string());
    match principal {
        Principal::Admin => {
            let person: Name = ADMINISTRATOR.parse().expect("a literal that is a name");
            let issuer = TOKEN_ISSUER.to_owned();
            Actor { person, issuer, groups: Vec::new(), from, credential: None }
        }
        Principal::Person(subject) => Actor {
            person: subject.person.clone(),
            issuer: subject.issuer.clone(),
            groups: subject.groups.clone(),
            from,
            credential: Some(subject.credential.clone()),
        },
    }
}

/// Why a caller is not let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The code that they are told.
    pub code: Code,
    /// What they lack, for the record; nothing when they are nobody.
    pub missing: String,
}

/// Whether a caller may use an endpoint.
///
/// # Errors
/// [`Denied`] when not.
pub fn check(
    access: Access,
    principal: Option<&Principal>,
    policy: Option<&Policy>,
) -> Result<(), Denied> {
    let Access::May(permissions) = access else {
        return match (access, principal) {
            (Access::Public, _) | (_, Some(_)) => Ok(()),
            _ => Err(Denied { code: Code::NotAuthenticated, missing: String::new() }),
        };
    };
    match principal {
        None => Err(Denied { code: Code::NotAuthenticated, missing: String::new() }),
        Some(Principal::Admin) => Ok(()),
        Some(person @ Principal::Person(_)) => {
            let held = permissions.iter().any(|permission| may(person, policy, *permission));
            let names: Vec<_> = permissions.iter().map(|one| one.word()).collect();
            let missing = names.join(" or ");
            if held { Ok(()) } else { Err(Denied { code: Code::NotPermitted, missing }) }
        }
    }
}

/// Whether the policy's roles give a principal this permission.
#[must_use]
pub fn may(principal: &Principal, policy: Option<&Policy>, permission: Permission) -> bool {
    match principal {
        Principal::Admin => true,
        Principal::Person(subject) => policy.is_some_and(|policy| {
            policy.allows(&Who::new(subject.person.as_str(), &subject.groups), permission)
        }),
    }
}
