//! What a session channel was asked for, in which order, and what is answered.
//!
//! Pure: one request in, one [`Answer`] out. A command is served, with or without a terminal, a
//! shell in a terminal, and file transfer. What a client waits on (a shell without a terminal,
//! another subsystem) is accepted so that the reason can be said on standard error and by an exit
//! status; everything else is refused by the protocol's own failure.

use node_session::names;
use proto::refusal::{Code, Told};
use zeroize::Zeroizing;

use crate::{environment, terminal};

/// How many bytes of a name that a client chose go into the record.
const NAME_BYTES: usize = 64;

/// One request on a channel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Request<'a> {
    /// A command.
    Exec(&'a [u8]),
    /// An interactive shell.
    Shell,
    /// A subsystem, e.g. `sftp`.
    Subsystem(&'a str),
    /// A terminal; none when what was asked for is no terminal.
    Terminal(Option<&'a terminal::Request>),
    /// A forwarded display; whether that is granted was judged before.
    Display(bool),
    /// A forwarded key agent; whether that is granted was judged before.
    Agent(bool),
    /// An environment variable.
    Variable(&'a str, &'a str),
}

/// What the channel's task does from now on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Judges a command, and runs it if it may.
    Exec {
        /// The raw command, wiped when dropped.
        command: Zeroizing<Vec<u8>>,
        /// Variables that may be passed on.
        environment: Vec<(String, String)>,
        /// The terminal that it runs in.
        terminal: Option<terminal::Request>,
    },
    /// Opens a shell in a terminal, if it may.
    Shell {
        /// Variables that may be passed on.
        environment: Vec<(String, String)>,
        /// The terminal.
        terminal: terminal::Request,
    },
    /// Serves a file transfer, if it may.
    Files {
        /// Variables that may be passed on.
        environment: Vec<(String, String)>,
    },
    /// Says why not.
    Refuse(Told),
}

/// A refusal for the record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) asked: String,
    pub(crate) told: Told,
    pub(crate) reason: &'static str,
}

/// What is answered.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Success or failure, if the client wants a reply.
    pub(crate) accepted: bool,
    /// What begins with this request.
    pub(crate) start: Option<Start>,
    /// What goes into the record.
    pub(crate) refused: Option<Refused>,
}

/// What a channel was asked for so far.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    environment: Vec<(String, String)>,
    terminal: Option<terminal::Request>,
    started: bool,
}

impl Asking {
    /// Of a channel on which nothing may be asked for: one that is forwarded.
    pub(crate) fn nothing() -> Self {
        Self { started: true, ..Self::default() }
    }

    /// Whether something may still begin on it.
    pub(crate) fn is_open(&self) -> bool {
        !self.started
    }

    /// Takes the next request.
    pub(crate) fn ask(&mut self, request: Request<'_>) -> Answer {
        // RFC 4254, 6.5: one program to a channel, and what configures it comes before it.
        if self.started {
            return Answer::default();
        }
        match request {
            // No shell is given such a command, and what is judged within a session begins so.
            Request::Exec([0, ..]) => {
                let text = "A command does not begin with a zero byte.";
                self.refuse_aloud("exec".to_owned(), text, "it begins with a zero byte")
            }
            Request::Exec(command) => {
                self.started = true;
                let command = Zeroizing::new(command.to_vec());
                let environment = std::mem::take(&mut self.environment);
                let terminal = self.terminal.take();
                let start = Some(Start::Exec { command, environment, terminal });
                Answer { accepted: true, start, refused: None }
            }
            Request::Shell => self.shell(),
            Request::Subsystem("sftp") => {
                self.started = true;
                let environment = std::mem::take(&mut self.environment);
                let start = Some(Start::Files { environment });
                Answer { accepted: true, start, refused: None }
            }
            Request::Subsystem(name) => {
                // What a client is told is recorded too, so it says no name that is not known.
                let text = "That subsystem is not served here.";
                let asked = format!("subsystem {}", names::printable(name, NAME_BYTES));
                self.refuse_aloud(asked, text, "no such subsystem is served")
            }
            Request::Terminal(Some(terminal)) => {
                // A later one takes the place of an earlier one, as with OpenSSH's server.
                self.terminal = Some(terminal.clone());
                Answer { accepted: true, ..Answer::default() }
            }
            Request::Terminal(None) => quietly("pty-req", "not a kind of terminal"),
            // What is not granted is in the record.
            Request::Display(accepted) | Request::Agent(accepted) => {
                Answer { accepted, ..Answer::default() }
            }
            Request::Variable(name, value) => self.variable(name, value),
        }
    }

    /// What is given to a shell without a terminal is a script that nobody sees before it runs.
    fn shell(&mut self) -> Answer {
        let Some(terminal) = self.terminal.take() else {
            return self.refuse_aloud(
                "shell".to_owned(),
                "A shell is served in a terminal only: give the command to run, as in \
                 `ssh TARGET COMMAND`, or ask for a terminal, as in `ssh -t TARGET`.",
                "a shell without a terminal",
            );
        };
        self.started = true;
        let environment = std::mem::take(&mut self.environment);
        let start = Some(Start::Shell { environment, terminal });
        Answer { accepted: true, start, refused: None }
    }

    fn variable(&mut self, name: &str, value: &str) -> Answer {
        let reason = if !environment::passes(name, value) {
            "not a variable, or not a value, that is passed on"
        } else if self.environment.len() >= environment::VARIABLES {
            "too many variables"
        } else {
            self.environment.push((name.to_owned(), value.to_owned()));
            return Answer { accepted: true, ..Answer::default() };
        };
        let asked = format!("env {}", names::printable(name, NAME_BYTES));
        let told = Told::plain(Code::EnvironmentRefused);
        Answer { refused: Some(Refused { asked, told, reason }), ..Answer::default() }
    }

    fn refuse_aloud(&mut self, asked: String, text: &str, reason: &'static str) -> Answer {
        self.started = true;
        let told = Told::new(Code::ChannelRefused, text);
        let refused = Some(Refused { asked, told: told.clone(), reason });
        Answer { accepted: true, start: Some(Start::Refuse(told)), refused }
    }
}

fn quietly(asked: &str, reason: &'static str) -> Answer {
    let told = Told::plain(Code::ChannelRefused);
    let refused = Some(Refused { asked: asked.to_owned(), told, reason });
    Answer { refused, ..Answer::default() }
}
