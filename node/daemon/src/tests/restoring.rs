//! A backup becomes a new cluster, from which the old one is cut off; what is none is refused.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use consensus_raft::Replica;
use consensus_state::{Presence, State};
use node_session::seal::backup::BackupKey;
use proto::refusal::Code;

use super::temporary;
use crate::config::{Config, RawDev};
use crate::directory::Directory;
use crate::founding::{NoPeers, Nobody, found};
use crate::home;
use crate::replica::open_replica;
use crate::restoring::{backup_bytes, restore};
use crate::wall::Wall;

fn config(data: &Path) -> Config {
    rustls::crypto::ring::default_provider().install_default().ok();
    let raw = RawDev { dir: Some(data.to_owned()), ..RawDev::default() };
    crate::config::check(raw).expect("it is right")
}

/// Opens the replica of a directory and looks at its state.
async fn look<T>(directory: &Directory, look: impl FnOnce(&State) -> T) -> T {
    let card = home::card(directory).expect("it reads").expect("a member");
    let replica: Arc<Replica> =
        open_replica(directory, &card, Arc::new(NoPeers), Arc::new(Nobody), Wall::shared())
            .await
            .expect("its disk");
    replica.read().await.expect("a majority of one");
    let seen = replica.with_state(look);
    replica.shutdown().await;
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_becomes_a_new_cluster_with_the_same_secrets() {
    let parent = temporary();
    let (old, new) = (parent.path().join("old"), parent.path().join("new"));
    found(&config(&old)).await.expect("a cluster");
    let directory = Directory::open(&old).expect("nobody holds it");
    let state = look(&directory, State::to_snapshot).await;
    let key = BackupKey::fresh();
    let cluster_key = home::cluster_key(&directory).expect("its key");
    let sealed = key.recipient().seal(&backup_bytes(&cluster_key, &state)).expect("sealed");
    assert!(
        !sealed.windows(32).any(|bytes| bytes == cluster_key.secret.reveal()),
        "the key is not in the clear"
    );
    let (backup, key_file) = (parent.path().join("backup"), parent.path().join("key"));
    fs::write(&backup, sealed).expect("a file");
    fs::write(&key_file, key.to_text().as_bytes()).expect("a file");

    let cluster = restore(&config(&new), &backup, &key_file).await.expect("restored");
    assert_eq!(cluster, "dev");
    let directory = Directory::open(&new).expect("nobody holds it");
    assert_eq!(
        fs::read(old.join("ca.pem")).expect("it is there"),
        fs::read(new.join("ca.pem")).expect("it is there"),
        "clients trust it as before"
    );
    let (raft_id, presence, epoch, last) = look(&directory, |state| {
        let node = state.nodes().next().expect("its founder");
        (node.raft_id, node.presence, node.epoch.0, state.last_request(&node.name))
    })
    .await;
    assert_eq!(presence, Presence::Joined);
    assert!(last >> 32 > 1 << 20, "its requests count on beyond those of the backup: {last}");
    assert!(raft_id > 1 << 20 && epoch >= 1 << 20, "ids jump: {raft_id}, {epoch}");
    let again = restore(&config(&new), &backup, &key_file).await.expect_err("it is in use");
    assert_eq!(again.code(), Code::DataDirectoryBusy);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_open_is_not_restored() {
    let parent = temporary();
    let (backup, key_file) = (parent.path().join("backup"), parent.path().join("key"));
    let sealed = BackupKey::fresh().recipient().seal(b"\x01 to somebody else").expect("sealed");
    let own = BackupKey::fresh();
    let nothing = own.recipient().seal(b"\x07").expect("sealed");
    fs::write(&key_file, own.to_text().as_bytes()).expect("a file");
    for bytes in [b"no backup".to_vec(), sealed, nothing] {
        fs::write(&backup, bytes).expect("a file");
        let data = parent.path().join("data");
        let refused = restore(&config(&data), &backup, &key_file).await.expect_err("no backup");
        assert_eq!(refused.code(), Code::BackupUnreadable, "{refused}");
        let directory = Directory::open(&data).expect("nobody holds it");
        assert_eq!(home::card(&directory).expect("it reads"), None, "it belongs to no cluster");
    }
}
