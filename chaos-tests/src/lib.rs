//! What holds the house together, checked: [`tidy`] reads the sources and says where a house rule
//! is broken, [`invariants`] judge what a run left behind, [`live`] runs the real parts (an sshd,
//! a `sallyport` or a fleet of them, ssh clients) on loopback or in a network of its own.
//!
//! Nothing here is linked into the product. It must never touch a process that it did not start,
//! nor an address of the machine that is not loopback.

pub mod invariants;
pub mod live;
pub mod tidy;
#[cfg(test)]
mod world;
