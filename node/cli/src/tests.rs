//! The command line: its shape, its output, and what is derived without a server.

mod approvals;
mod archive;
mod backtest;
mod corpus;
mod diff;
mod listings;
mod masking;
mod output;
mod page;
mod rederive;
mod shape;
mod spans;
mod terminal;
