//! The vocabulary of Sallyport: what its parts say to each other, and to the world.
//!
//! No I/O, no clock, no randomness. Two formats live here. JSON is for everyone (events,
//! [`event`]; HTTP bodies, [`api`]); rkyv is for what only nodes of this product read (replicated
//! entries, [`entry`]). Every persisted kind has golden bytes of every version ever written.

pub mod api;
pub mod entry;
pub mod event;
pub mod ids;
pub mod peer;
pub mod person;
pub mod reading;
pub mod refusal;
pub mod target;
pub mod time;

#[cfg(test)]
mod tests;
