//! openraft's own suite of its storage.

use std::sync::Arc;

use consensus_state::State;
use openraft::testing::{StoreBuilder, Suite};
use store_disk::Simulated;
use store_disk::raft::{Inline, RaftStore};

use super::{Clock, Journal, name};
use crate::TokioRuntime;
use crate::log_store::LogStore;
use crate::machine::{Machine, Shared};
use crate::types::{StorageError, Types};

struct Builder;

type Types0 = Types<TokioRuntime>;

impl StoreBuilder<Types0, LogStore<TokioRuntime>, Machine, ()> for Builder {
    async fn build(&self) -> Result<((), LogStore<TokioRuntime>, Machine), StorageError> {
        let (_, writer) = RaftStore::open(&Simulated::new(1)).unwrap();
        let disk = Arc::new(Inline::new(writer));
        let clock = Clock { start: tokio::time::Instant::now(), off: Arc::default() };
        let (observer, clock) = (Arc::new(Journal::default()), Arc::new(clock));
        let shared = Shared::open(State::new(name("fleet")), disk.clone(), observer, clock);
        Ok(((), LogStore::new(disk), Machine(Arc::new(shared.unwrap()))))
    }
}

#[test]
fn openraft_is_content_with_the_storage() {
    Suite::test_all(Builder).unwrap();
}
