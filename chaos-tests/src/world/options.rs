//! What kind of world a seed makes.

use std::time::Duration;

use super::network::Weather;
use super::runtime::Dice;

/// What may be broken in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process dies, or the power goes.
    Crash,
    /// A process dies at a certain point, and perhaps again while it recovers.
    Trap,
    /// A sync fails.
    Disk,
    /// A process stands still.
    Stall,
    /// One machine is alone, or half of them.
    Partition,
    /// Messages arrive one way only.
    OneWay,
    /// Each machine hears the next one only.
    Ring,
    /// A link comes and goes.
    Flap,
    /// Some of what comes to one machine takes long.
    Slow,
    /// The same, and then nothing comes any more.
    Fading,
    /// A wall clock is wrong, jumps, or stands.
    Clock,
    /// A leader gives its leadership away.
    StepDown,
    /// A machine is added, or one is taken out.
    Members,
}

const ALL: &[Fault] = &[
    Fault::Crash,
    Fault::Trap,
    Fault::Disk,
    Fault::Stall,
    Fault::Partition,
    Fault::OneWay,
    Fault::Ring,
    Fault::Flap,
    Fault::Slow,
    Fault::Fading,
    Fault::Clock,
    Fault::StepDown,
    Fault::Members,
];

/// What kind of world it is.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    /// How many machines it begins with.
    pub(crate) machines: u64,
    /// How long things break.
    pub(crate) unsafe_for: Duration,
    /// T, in milliseconds.
    pub(crate) contact_ms: u64,
    pub(crate) weather: Weather,
    /// A sync of a disk takes at most so many milliseconds, mostly.
    pub(crate) sync_ms: u64,
    pub(crate) snapshot_entries: u64,
    pub(crate) entries_kept: u64,
    /// What breaks, and how many milliseconds pass until the next thing does, at most.
    pub(crate) faults: Vec<Fault>,
    pub(crate) fault_every_ms: u64,
    /// How many people run commands that are held.
    pub(crate) holders: u64,
}

impl Options {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5a11_7907);
        let mut faults: Vec<_> = ALL.iter().copied().filter(|_| dice.permille(550)).collect();
        if faults.is_empty() {
            faults.push(Fault::Crash);
        }
        let weather = match dice.below(4) {
            0 => Weather { delay_ms: 2, lost: 0, doubled: 0 },
            1 => Weather { delay_ms: 20, lost: 5, doubled: 20 },
            2 => Weather { delay_ms: 5, lost: 50, doubled: 100 },
            _ => Weather { delay_ms: 60, lost: 10, doubled: 50 },
        };
        Self {
            seed,
            machines: if dice.permille(150) { 5 } else { 3 },
            unsafe_for: Duration::from_secs(dice.between(15, 40)),
            contact_ms: dice.between(1000, 4000),
            weather,
            sync_ms: dice.between(1, 15),
            snapshot_entries: dice.between(10, 120),
            entries_kept: dice.between(1, 60),
            faults,
            fault_every_ms: dice.between(800, 4000),
            holders: dice.between(2, 4),
        }
    }

    pub(crate) fn contact(&self) -> Duration {
        Duration::from_millis(self.contact_ms)
    }
}
