//! The whole system with real parts: OpenSSH's `ssh` and `sshd`, and between them a `sallyport dev`
//! or, in `fleet`, several `sallyport serve`.
//!
//! Each test has a scene of its own on loopback, or a fleet to itself in a network of its own, and
//! depends on no other. Tests that must hold for a long time are in `chaos` and `fleet`, and take
//! their rounds from the environment.

mod api;
mod audit;
mod auditors;
mod bulk;
mod chaos;
mod codes;
mod compat;
mod documents;
mod exec;
mod files;
mod fleet;
mod forwards;
mod front;
mod masking;
mod multiplex;
mod postgres;
mod refused;
mod rekey;
mod respelled;
mod screens;
mod silent;
mod strangers;
mod tampering;
mod target_faults;
mod terminal;
mod views;
mod views_postgres;
mod within;
