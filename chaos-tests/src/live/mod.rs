//! Real parts: an `sshd`, a `sallyport dev` or a fleet of `sallyport serve`, `ssh` clients, each a
//! process of ours, on loopback or in a network of namespaces that is ours too.
//!
//! Everything lies in one temporary folder and ends with its guard. It must never signal a process
//! that it did not start, listen on an address of the machine that is not loopback, or read a key
//! of the user.

pub mod broker;
mod client;
mod clock;
mod database;
pub mod fleet;
mod keys;
pub mod network;
mod node;
mod postgres;
mod process;
mod scene;
mod secrets;
mod talk;
mod target;
mod wait;
pub mod wire;

pub use client::{Client, Ended};
pub use clock::since_boot;
pub use database::{DATABASE, DatabaseScene, PERSON_PASSWORD};
pub use keys::Key;
pub use node::{Node, Ready, sallyport};
pub use postgres::{PASSWORD, Postgres};
pub use process::{Process, Reaped, run};
pub use scene::{PERSON, POLICY, Scene, TARGET};
pub use secrets::{Secret, fresh_secrets, marker};
pub use talk::{Said, Talk};
pub use target::{Ran, Target};
pub use wait::{LONG, SHORT, until};

#[cfg(test)]
mod tests;
