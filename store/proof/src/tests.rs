//! Every way to tamper with a record, and the exact findings; and that honest records have none.

mod approvals;
mod bounds;
mod flips;
mod gaps;
mod honest;
mod notes;
mod sealed;
mod sessions;
mod tamperings;
mod trees;
mod world;
