//! What is decided without waiting, as tables.

mod codec;
mod login;
