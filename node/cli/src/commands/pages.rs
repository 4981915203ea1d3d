//! Completions and man pages, made from the command tree.

use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::failure::{Failure, Outcome};

/// Print completions for a shell, e.g. `source <(sallyport completions bash)`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Write man pages into a directory, one for each command.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Where to; it must be there
    directory: PathBuf,
}

/// Prints completions.
pub(crate) fn completions(completions: &Completions) -> Outcome {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(completions.shell, &mut command, "sallyport", &mut text);
    io::Write::write_all(&mut io::stdout(), &text)?;
    Ok(())
}

/// Writes man pages.
pub(crate) fn man(man: &Man) -> Outcome {
    clap_mangen::generate_to(Arguments::command(), &man.directory)
        .map_err(|error| Failure::file(&man.directory, &error))
}
