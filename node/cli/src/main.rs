//! The one binary, `sallyport`: a node, and the command line of everybody who talks to one.
//!
//! It reads the arguments, runs one command, and says how it went: 0 done, 1 refused, failed or
//! tampering found, 2 usage, 3 not verified. Everything else is in the file of its command.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod archive;
mod arguments;
mod backtest;
mod client;
mod commands;
mod context;
mod corpus;
mod diff;
mod documents;
mod failure;
mod output;
mod private;
mod readings;
mod rederive;
mod replay;
mod source;
mod spans;
mod terminal;
mod texts;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    match commands::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}
