//! The faults of the record's storm.

use std::time::Duration;

use anyhow::Result;
use chaos_tests::live::fleet::Fleet;
use chaos_tests::live::{LONG, since_boot, until};
use rand::RngExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

use super::judged::{EVENTS, RECORD};

/// How long one fault stays, in milliseconds.
const STAYS_MS: std::ops::Range<u64> = 100..2500;

/// How long a broker stays away that is known to be away, in milliseconds.
const AWAY_MS: std::ops::Range<u64> = 3500..5500;

/// Something that is done to the parts that keep the record.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// A gateway is killed.
    Gateway(String),
    /// The broker is killed; it may be down for a while.
    Broker,
    /// It is down for so long that nobody waits for it any more.
    BrokerAway,
    /// Its disk is replaced by an empty one.
    BrokerWiped,
    /// An earlier image of its disk is put back: numbers of messages are used again.
    BrokerSetBack,
    /// The end of its files is cut off, of one stream or of all; so many thousandths are left.
    BrokerCut(Option<&'static str>, u64),
    /// The database is killed.
    Database,
}

/// Does faults for a while; gives which ones.
pub(super) fn storm(fleet: &Fleet, random: &mut StdRng, lasts: Duration) -> Result<Vec<Fault>> {
    let (begun, mut faults) = (since_boot(), Vec::new());
    while since_boot() < begun + lasts {
        if random.random_bool(0.5) || !fleet.broker(|broker| Ok(broker.has_image()))? {
            fleet.broker(|broker| broker.take_image())?;
        }
        rest(random.random_range(STAYS_MS) / 2)?;
        let mut stays = random.random_range(STAYS_MS);
        // Often two at a time.
        for _ in 0..random.random_range(1..=2) {
            let fault = draw(fleet, random);
            begin(fleet, &fault)?;
            if matches!(fault, Fault::BrokerAway) {
                stays = random.random_range(AWAY_MS);
            }
            faults.push(fault);
        }
        rest(stays)?;
        fleet.heal()?;
    }
    Ok(faults)
}

/// Lets time pass: that is what is waited for.
fn rest(milliseconds: u64) -> Result<()> {
    let end = since_boot() + Duration::from_millis(milliseconds);
    until("time passes", LONG, || Ok((since_boot() > end).then_some(())))
}

fn draw(fleet: &Fleet, random: &mut StdRng) -> Fault {
    let names = fleet.names();
    match random.random_range(0..20) {
        0..5 => Fault::Gateway(names.choose(random).cloned().unwrap_or_default()),
        5..8 => Fault::Broker,
        8..9 => Fault::BrokerAway,
        9..11 => Fault::BrokerWiped,
        11..15 => Fault::BrokerSetBack,
        15..17 => {
            let only = [None, Some(RECORD), Some(EVENTS)][random.random_range(0..3)];
            Fault::BrokerCut(only, random.random_range(0..1000))
        }
        _ => Fault::Database,
    }
}

fn begin(fleet: &Fleet, fault: &Fault) -> Result<()> {
    match fault {
        Fault::Gateway(name) => {
            let gateway = fleet.gateway(name);
            if gateway.runs()? { gateway.kill() } else { Ok(()) }
        }
        Fault::Broker | Fault::BrokerAway => fleet.broker(|broker| broker.kill()),
        Fault::Database => fleet.database(|database| database.kill()),
        Fault::BrokerWiped | Fault::BrokerSetBack | Fault::BrokerCut(..) => {
            fleet.broker(|broker| {
                broker.kill()?;
                match fault {
                    Fault::BrokerWiped => broker.wipe()?,
                    Fault::BrokerSetBack => broker.put_image_back()?,
                    Fault::BrokerCut(only, left) => broker.cut(*only, *left)?,
                    _ => {}
                }
                broker.again()
            })
        }
    }
}
