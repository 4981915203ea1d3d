//! Every way to tamper with a record, and the exact findings; and that honest records have none.

mod bounds;
mod flips;
mod honest;
mod sessions;
mod tamperings;
mod world;
