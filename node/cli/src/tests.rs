//! The command line: its shape, its output, and what is derived without a server.

mod approvals;
mod archive;
mod diff;
mod listings;
mod output;
mod rederive;
mod shape;
mod spans;
mod terminal;
