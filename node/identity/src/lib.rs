//! Who is calling: people, their SSH keys, passwords and certificates, logins by signature, API
//! tokens.
//!
//! Nothing here opens a socket, reads a file, asks a clock or draws a random number: texts, time,
//! salts and nonces are given by the caller. A secret is held in a type that does not print and is
//! wiped; of tokens and passwords only digests stay. An error's text is precise and is for the
//! record: a stranger is told no more than that the login was refused.

pub mod certificates;
pub mod challenge;
pub mod directory;
pub mod document;
pub mod issued;
pub mod keys;
pub mod password;
pub mod people;
pub mod scram;
pub mod targets;
pub mod tokens;

pub use challenge::{Challenges, LoginError, NAMESPACE, SignError, sign_challenge};
pub use directory::{Directory, Subject};
pub use document::{Problem, Problems};
pub use issued::IssuingKey;
pub use tokens::{AdminToken, Principal, Token, TokenKey, Tokens};

#[cfg(test)]
mod tests;
