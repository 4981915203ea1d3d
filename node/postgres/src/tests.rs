//! What is decided without waiting, as tables.

mod codec;
mod conversation;
mod login;
mod surroundings;
mod unsent;
mod veil;
