//! The embedded home: the suite that every home passes, killed processes, power cuts and damage.

use std::sync::Arc;

use store_views::conformance::{
    a_rebuild_is_killed_at_each_step, a_step_is_whole_or_not_at_all, any_delivery_gives_the_same,
    deliver, expected, record, rows_are_read_back, scans_are_in_order, tables,
};
use store_views::{Begins, Home as _, HomeError, Projector};

use crate::storage::Simulated;
use crate::storage::simulated::Faults;
use crate::views::{ViewsHome, sealed, unsealed};

fn home(disk: &Simulated) -> ViewsHome {
    ViewsHome::open(Arc::new(disk.clone())).unwrap()
}

fn fresh() -> ViewsHome {
    home(&Simulated::new(1))
}

#[test]
fn it_conforms() {
    a_step_is_whole_or_not_at_all(fresh);
    rows_are_read_back(fresh);
    scans_are_in_order(fresh);
    any_delivery_gives_the_same(fresh, |events| events.reverse());
}

#[test]
fn a_killed_rebuild_goes_on() {
    let mut disk = Simulated::new(1);
    a_rebuild_is_killed_at_each_step(|| {
        disk = disk.killed();
        home(&disk)
    });
}

/// Whenever the power fails: what is there is some earlier state, whole, and folding goes on to
/// the same tables.
#[test]
fn after_a_power_cut_the_tables_come_out_the_same() {
    let record = record(8).events;
    let expected = expected(&record).unwrap();
    for at in 1..60 {
        let disk = Simulated::new(at);
        disk.set_faults(Faults { power_off_at: Some(at * 7), ..Faults::default() });
        let begun = ViewsHome::open(Arc::new(disk.clone())).map(|home| {
            let mut projector = Projector::new(home, "test", Begins::AtOne);
            deliver(&mut projector, record.iter().cloned())
        });
        drop(begun);
        let disk = disk.power_cut();
        let mut projector = Projector::new(home(&disk), "test", Begins::AtOne);
        projector.look().unwrap();
        deliver(&mut projector, record.iter().cloned()).unwrap();
        assert_eq!(tables(projector.home()).unwrap(), expected, "power off at {at}");
    }
}

/// A byte is flipped: it is an error or the whole file is dropped, and nothing changed is shown.
#[test]
fn damage_is_never_shown() {
    let record = record(8).events;
    let expected = expected(&record).unwrap();
    let disk = Simulated::new(3);
    let mut projector = Projector::new(home(&disk), "test", Begins::AtOne);
    deliver(&mut projector, record.iter().cloned()).unwrap();
    drop(projector);
    let length = disk.names().iter().find(|(name, _)| name == "views.redb").unwrap().1;
    let mut dropped = 0;
    for at in (0..length).step_by(length / 300) {
        let disk = disk.copy();
        disk.tamper("views.redb", |bytes| bytes[at] ^= 4);
        let Ok(mut home) = ViewsHome::open(Arc::new(disk.clone())) else { continue };
        match tables(&mut home) {
            Ok(rows) if rows == expected => {}
            // It was dropped whole, and is to be folded anew.
            Ok(rows) => {
                assert_eq!(rows, [], "byte {at}");
                dropped += 1;
            }
            Err(error) => {
                assert!(matches!(error, HomeError::Damaged(_)), "{error}");
                home.start_anew().unwrap();
                assert_eq!(tables(&mut home).unwrap(), []);
            }
        }
    }
    assert!(dropped > 50, "a flipped byte is found: {dropped}");
}

/// A row that is changed, or stands where another was, is not read.
#[test]
fn a_row_is_bound_to_its_place() {
    let value = sealed("sessions\0gw-1\0a", &"what it says").ok().unwrap();
    let read = |place: &str, value: &[u8]| unsealed(place, value).is_ok();
    assert!(read("sessions\0gw-1\0a", &value));
    assert!(!read("sessions\0gw-1\0b", &value));
    for at in 0..value.len() {
        let mut changed = value.clone();
        changed[at] ^= 1;
        assert!(!read("sessions\0gw-1\0a", &changed), "byte {at}");
    }
    assert!(!read("sessions\0gw-1\0a", &value[..3]));
}
