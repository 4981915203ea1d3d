//! The audit views of a node: a home that is away, one that is damaged, one that others set back.

use std::sync::Arc;

use parking_lot::Mutex;
use proto::event::{About, Kind, NodeStopped};
use proto::refusal::Code;
use serde_json::json;
use store_views::{Cursor, Home, HomeError, Key, Memory, Reached, Row, Step, Table, Taken};

use super::world::{World, name};
use crate::views::{Follower, Views};

/// A home that does what it is told.
#[derive(Clone, Default)]
struct Told {
    memory: Arc<Mutex<Memory>>,
    /// What it answers instead of working.
    fails: Arc<Mutex<Option<HomeError>>>,
    /// Called with what it is asked to do when that changes it.
    looks: Arc<Mutex<Option<Look>>>,
}

type Look = Box<dyn Fn(&str) + Send>;

impl Told {
    fn with<T>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, HomeError>,
    ) -> Result<T, HomeError> {
        match &*self.fails.lock() {
            Some(error) => Err(error.clone()),
            None => work(&mut self.memory.lock()),
        }
    }

    fn looks(&self, what: &str) {
        if let Some(look) = &*self.looks.lock() {
            look(what);
        }
    }
}

impl Home for Told {
    fn name(&self) -> &'static str {
        "postgres"
    }
    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        self.with(|home| home.cursors())
    }
    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        self.with(|home| home.reached(source))
    }
    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.rows(chain, keys))
    }
    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        self.looks("step");
        self.with(|home| home.take(step))
    }
    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        let dropped = self.with(|home| home.forget(chains, source));
        self.looks("dropped");
        dropped
    }
    fn start_anew(&mut self) -> Result<(), HomeError> {
        *self.fails.lock() = None;
        self.with(Memory::start_anew)
    }
    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.scan(table, chain, after, limit))
    }
    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        self.with(|home| home.newest(table, chain, limit))
    }
}

async fn stop(world: &World) {
    let stopped = NodeStopped { reason: "terminated".to_owned() };
    world.record(About::default(), Kind::NodeStopped(stopped)).await;
}

fn views(world: &World, home: &Told) -> Views {
    let (node, log) = (name("gw-1"), world.memory.clone());
    let other = Follower::new(&node, log.clone(), Box::new(home.clone()));
    Views::new(&node, log, Box::new(Memory::new())).and(other)
}

#[tokio::test]
async fn a_home_that_is_away_keeps_nobody_waiting_and_catches_up() {
    let world = World::new().await;
    let (home, last) = (Told::default(), world.events().len() as u64);
    let views = views(&world, &home);
    let [_, other] = views.followers().collect::<Vec<_>>()[..] else { panic!("two homes") };
    *home.fails.lock() = Some(HomeError::Unreachable("gone".to_owned()));
    other.catch_up().expect_err("it is away");
    views.catch_up().expect("the node's own views go on");
    let [own, status] = &views.status()[..] else { panic!("two homes") };
    assert_eq!((own.state.as_str(), own.position, own.behind), ("following", last, 0));
    assert_eq!((status.state.as_str(), status.position, status.behind), ("waiting", 0, last));
    assert_eq!(status.problem.as_ref().map(|told| told.code), Some(Code::ViewsUnreachable));
    *home.fails.lock() = None;
    other.catch_up().expect("it is back");
    let status = &views.status()[1];
    assert_eq!((status.state.as_str(), status.position), ("following", last));
    assert_eq!(status.problem, None);
}

#[tokio::test]
async fn a_damaged_home_is_folded_anew() {
    let world = World::new().await;
    let home = Told::default();
    let follower = Follower::new(&name("gw-1"), world.memory.clone(), Box::new(home.clone()));
    follower.catch_up().expect("a home");
    let before = home.memory.lock().clone();
    let damaged = HomeError::Damaged("a row is not what was written".to_owned());
    assert_eq!(crate::FollowError::Home(damaged.clone()).told().code, Code::ViewsDamaged);
    *home.fails.lock() = Some(damaged);
    stop(&world).await;
    follower.catch_up().expect("it was folded anew");
    stop(&world).await;
    follower.catch_up().expect("a home");
    let fresh = Told::default();
    let other = Follower::new(&name("gw-1"), world.memory.clone(), Box::new(fresh.clone()));
    other.catch_up().expect("a home");
    let tables = |home: &Told| store_views::conformance::tables(&mut home.clone()).expect("rows");
    assert_eq!(tables(&home), tables(&fresh));
    assert_ne!(*home.memory.lock(), before);
    assert_eq!(follower.status().behind, 0);
}

/// Another node that folds into the same home drops the control chain's rows: this one reads its
/// record again, instead of waiting for ever.
#[tokio::test]
async fn what_others_drop_is_folded_again() {
    let world = World::new().await;
    let home = Told::default();
    let follower = Follower::new(&name("gw-1"), world.memory.clone(), Box::new(home.clone()));
    follower.catch_up().expect("a home");
    let whole = store_views::conformance::tables(&mut home.clone()).expect("rows");
    assert!(whole.iter().any(|row| row.chain() == "control"));
    home.clone().forget(&["control".to_owned()], "journal of gw-2").expect("dropped");
    world.people(Vec::new());
    follower.catch_up().expect("a home");
    let again = store_views::conformance::tables(&mut home.clone()).expect("rows");
    assert_eq!(again.len(), whole.len() + 1, "what was there, and one change more");
    assert_eq!(follower.status().state, "following");
}

#[tokio::test]
async fn a_rebuild_is_asked_for_by_name_and_shown() {
    let world = World::new().await;
    let (path, admin) = ("/v1/views/rebuild", world.admin.clone());
    let asked = |home: &str| Some(json!({ "home": home }));
    let (status, code) = world.refused("POST", path, &admin, asked("postgres")).await;
    assert_eq!((status, code.as_str()), (404, "SP-1503"));
    let (status, page) = world.json("POST", path, &admin, asked("memory")).await;
    assert_eq!((status, page["items"][0]["id"].as_str()), (200, Some("memory")));
    let last = world.events().len() as u64;
    world.api.given.views.catch_up().expect("a home");
    let (_, page) = world.json("GET", "/v1/views/status", &admin, None).await;
    let row = &page["items"][0];
    assert_eq!((row["state"].as_str(), row["position"].as_u64()), (Some("following"), Some(last)));
    assert_eq!(row["chains"][0]["chain"], "control");
    assert!(row["chains"][0]["seq"].as_u64() >= row["chains"][0]["begins"].as_u64());
}

/// Between the drop and the first step nobody is told that the views are where they were.
#[tokio::test]
async fn what_is_dropped_is_not_said_to_follow() {
    let world = World::new().await;
    let home = Told::default();
    let views = Arc::new(Views::new(&name("gw-1"), world.memory.clone(), Box::new(home.clone())));
    views.catch_up().expect("a home");
    let last = world.events().len() as u64;
    let status = views.status().remove(0);
    assert_eq!((status.state.as_str(), status.position), ("following", last));

    let seen = Arc::new(Mutex::new(Vec::new()));
    let (looking, told) = (seen.clone(), Arc::downgrade(&views));
    *home.looks.lock() = Some(Box::new(move |what| {
        let status = told.upgrade().expect("it is there").status().remove(0);
        let said = format!("{what}: {}", status.state);
        looking.lock().push((said, status.position, status.behind));
    }));
    assert!(views.rebuild("postgres", None));
    assert_eq!(views.status()[0].state, "rebuilding");
    views.catch_up().expect("a home");
    let expected =
        [("dropped: rebuilding".to_owned(), last, 0), ("step: catching up".to_owned(), 0, last)];
    assert_eq!(*seen.lock(), expected);
    let status = views.status().remove(0);
    assert_eq!((status.state.as_str(), status.position), ("following", last));
}

/// A record whose chain does not hold together: the views stop there, and say where.
#[tokio::test]
async fn a_fork_is_told() {
    let world = World::new().await;
    let home = Told::default();
    let follower = Follower::new(&name("gw-1"), world.memory.clone(), Box::new(home.clone()));
    follower.catch_up().expect("a home");
    // What is folded already says another hash than the record does.
    let cursors = home.clone().cursors().expect("cursors");
    let (chain, from) = cursors.into_iter().find(|(chain, _)| chain == "control").expect("one");
    let to = Cursor { hash: proto::ids::Digest([9; 32]), ..from.clone() };
    let moves = vec![store_views::Move { chain, from: Some(from), to }];
    let step = Step { moves, ..Step::default() };
    home.clone().take(&step).expect("taken");
    let follower = Follower::new(&name("gw-1"), world.memory.clone(), Box::new(home));
    world.people(Vec::new());
    follower.catch_up().expect("a home");
    let status = follower.status();
    assert_eq!(status.state, "held");
    assert_eq!(status.problem.as_ref().map(|told| told.code), Some(Code::ViewsHeld));
}
