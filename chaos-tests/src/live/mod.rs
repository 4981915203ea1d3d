//! Real parts on loopback: an `sshd`, a `sallyport dev`, `ssh` clients, each a process of ours.
//!
//! Everything lies in one temporary folder and ends with its guard. It must never signal a process
//! that it did not start, listen on an address that is not loopback, or read a key of the user.

mod client;
mod keys;
mod node;
mod process;
mod scene;
mod secrets;
mod target;
mod wait;

pub use client::{Client, Ended};
pub use keys::Key;
pub use node::{Node, Ready, sallyport};
pub use process::{Process, Reaped, run};
pub use scene::{PERSON, POLICY, Scene, TARGET};
pub use secrets::{Secret, fresh_secrets, marker};
pub use target::{Ran, Target};
pub use wait::{LONG, SHORT, until};

#[cfg(test)]
mod tests;
