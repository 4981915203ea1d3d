//! Each oracle holds on a good run and fails on a seeded bad one.

mod approvals;
mod behaviour;
mod chains;
mod orders;
mod record;
mod stream;
mod views;
