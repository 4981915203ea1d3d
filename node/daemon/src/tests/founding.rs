//! A cluster is founded once, whole or not at all, and nobody else can look into it.

use std::fs;
use std::path::Path;

use proto::refusal::Code;

use super::{mode, temporary};
use crate::config::{Config, RawDev};
use crate::directory::Directory;
use crate::errors::Error;
use crate::founding::found;
use crate::home;

fn config(data: &Path) -> Config {
    rustls::crypto::ring::default_provider().install_default().ok();
    let raw = RawDev { dir: Some(data.to_owned()), ..RawDev::default() };
    crate::config::check(raw).expect("it is right")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_founded_is_private_and_whole() {
    let parent = temporary();
    let data = parent.path().join("data");
    let founded = found(&config(&data)).await.expect("a new cluster");
    assert_eq!((founded.cluster.as_str(), founded.node.as_str()), ("dev", "gw-1"));
    for folder in ["", "keys", "raft", "spool"] {
        assert_eq!(mode(&data.join(folder)), 0o700, "{folder:?}");
    }
    let private = [&founded.admin_token_file, &founded.join_token_file, &founded.audit_key_file]
        .map(Clone::clone);
    let keys =
        fs::read_dir(data.join("keys")).expect("keys").map(|entry| entry.expect("one").path());
    for file in private.into_iter().chain(keys) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let directory = Directory::open(&data).expect("nobody holds it any more");
    let card = home::card(&directory).expect("it reads").expect("it is a member");
    assert_eq!((card.cluster.as_str(), card.raft_id), ("dev", 1));
    home::cluster_key(&directory).expect("the key of its secrets");
    let key = home::node_key(&directory).expect("its key");
    home::identity(&directory, &key).expect("a certificate for its key");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_belongs_to_one_cluster() {
    let parent = temporary();
    let data = parent.path().join("data");
    found(&config(&data)).await.expect("a new cluster");
    let again = found(&config(&data)).await.expect_err("it belongs to one");
    assert_eq!(again.code(), Code::AlreadyInitialized);
    assert!(matches!(again, Error::Founded { .. }), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_founding_that_was_cut_short_is_begun_again() {
    let parent = temporary();
    let data = parent.path().join("data");
    found(&config(&data)).await.expect("a new cluster");
    let first = fs::read(data.join("admin.token")).expect("a token");
    // The card is written last: without it nothing of the rest was ever used.
    fs::remove_file(data.join("cluster.json")).expect("it is there");
    found(&config(&data)).await.expect("begun again");
    assert_ne!(fs::read(data.join("admin.token")).expect("a token"), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_version_without_clusters_is_refused() {
    let parent = temporary();
    let data = parent.path().join("data");
    drop(Directory::open(&data).expect("a new directory"));
    fs::create_dir(data.join("control")).expect("its control journal");
    let refused = found(&config(&data)).await.expect_err("it is an old one");
    assert_eq!(refused.code(), Code::DataDirectoryWrong);
    assert!(refused.to_string().contains("knew no cluster"), "{refused}");
}
