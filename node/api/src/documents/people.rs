//! People from a document. Variables that it names for passwords are those of this node.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use consensus_state::State;
use node_identity::{password, people};
use node_session::ControlExt as _;
use proto::entry::{By, Entry, PeopleSetting};
use proto::ids::Name;
use proto::person::Person;
use proto::refusal::Code;
use proto::target::DATABASES_SINCE;
use zeroize::Zeroizing;

use super::List;
use crate::refuse::Refused;
use crate::state::Api;

/// The people.
pub(crate) struct People;

impl List for People {
    type Item = Person;

    fn now(state: &State) -> (BTreeMap<Name, Person>, u64) {
        let people = state.people().map(|person| (person.name.clone(), person.clone()));
        (people.collect(), state.people_revision())
    }

    fn entry(people: Vec<Person>, expected_revision: Option<u64>, by: By) -> Entry {
        Entry::PeopleSet(PeopleSetting { people, expected_revision, by })
    }
}

/// Reads a document; passwords that did not change keep their hash.
pub(crate) async fn read(
    api: &Arc<Api>,
    file: String,
    document: Arc<str>,
    now: BTreeMap<Name, Person>,
    seed: Zeroizing<[u8; 32]>,
) -> Result<Vec<Person>, Refused> {
    let turn = api.documents.acquire().await;
    let _turn = turn.map_err(|_| Refused::plain(Code::Draining))?;
    let node = api.given.myself.clone();
    let verifiers = api.given.control.look(State::cluster_version) >= DATABASES_SINCE;
    let reading = move || {
        let count = Cell::new(0_u64);
        let passwords = people::Passwords {
            environment: &|name| node.variable(name),
            salt: &|| salt(&seed, &count),
            current: &|name| now.get(name).and_then(|person| person.password_hash.clone()),
            verifiers,
        };
        people::parse(&file, &document, &passwords)
    };
    let read = tokio::task::spawn_blocking(reading).await;
    let read = read.map_err(|error| Refused::new(Code::Internal, error.to_string()))?;
    read.map_err(|problems| Refused::new(Code::PeopleWrong, problems.to_string()))
}

/// A salt that was never used: of a fresh seed and a number that only rises.
fn salt(seed: &[u8; 32], count: &Cell<u64>) -> [u8; password::SALT_BYTES] {
    count.set(count.get() + 1);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, seed);
    let tag = ring::hmac::sign(&key, &count.get().to_le_bytes());
    let mut salt = [0; password::SALT_BYTES];
    salt.copy_from_slice(&tag.as_ref()[..password::SALT_BYTES]);
    salt
}
