//! The whole system with real parts: OpenSSH's `ssh` and `sshd`, and a `sallyport dev` between.
//!
//! Each test has a scene of its own on loopback and depends on no other. Tests that must hold for
//! a long time are in `chaos` and take their rounds from the environment.

mod api;
mod audit;
mod bulk;
mod chaos;
mod codes;
mod documents;
mod exec;
mod masking;
mod multiplex;
mod refused;
mod silent;
mod strangers;
mod target_faults;
