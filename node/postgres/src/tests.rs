//! What is decided without waiting, as tables.

mod codec;
mod conversation;
mod login;
mod unsent;
