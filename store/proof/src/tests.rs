//! Every way to tamper with a record, and the exact findings; and that honest records have none.
#![allow(clippy::unwrap_used)]

mod bounds;
mod flips;
mod honest;
mod sessions;
mod tamperings;
mod world;
