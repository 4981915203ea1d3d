//! The suite that every home passes, each check in a database of its own.

use store_views::conformance::{
    a_rebuild_is_killed_at_each_step, a_step_is_whole_or_not_at_all, any_delivery_gives_the_same,
    rows_are_read_back, scans_are_in_order, two_fold_into_one_home,
};

use super::home;
use super::server::Postgres;

#[test]
fn it_conforms() {
    let server = Postgres::start().unwrap();
    let fresh = || home(&server, &server.database().unwrap());
    a_step_is_whole_or_not_at_all(fresh);
    rows_are_read_back(fresh);
    scans_are_in_order(fresh);
    any_delivery_gives_the_same(fresh, |events| events.reverse());
    let shared = server.database().unwrap();
    two_fold_into_one_home(|| home(&server, &shared));
    let rebuilt = server.database().unwrap();
    a_rebuild_is_killed_at_each_step(|| home(&server, &rebuilt));
}
