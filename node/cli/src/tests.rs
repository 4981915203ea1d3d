//! The command line: its shape, its output, and what is derived without a server.

mod archive;
mod output;
mod rederive;
mod shape;
mod terminal;
