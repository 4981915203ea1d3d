//! A world: machines, a network, disks, clocks and people on one thread, around the product's own
//! state machine and replica, in which everything that happens by chance is drawn from a seed.
//!
//! First things break, then all is mended and must heal. The oracles are those of the invariants,
//! which runs with real faults share, and a few that can see more than a real run shows. It must
//! never depend on anything but its seed: whatever fails is then played again by its number.

#[cfg(feature = "seeded-bugs")]
mod bugs;
mod clients;
mod disk;
mod faults;
mod machine;
mod network;
mod options;
mod oracles;
mod run;
mod runtime;
mod stage;
mod tests;
