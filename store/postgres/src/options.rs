//! Which database, as whom, and how the way to it is protected.

use std::path::PathBuf;
use std::sync::Arc;

use tokio_postgres::Config;
use zeroize::Zeroizing;

/// Gives the password when a connection is made, so that it may be changed meanwhile.
pub type Password = Arc<dyn Fn() -> Result<Zeroizing<String>, String> + Send + Sync>;

/// How the way to the database is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Not at all: for a socket, or a database on the same machine.
    Disable,
    /// TLS; the server's certificate must be by one of these authorities, and for its host.
    VerifyFull {
        /// Certificates of the authorities, in PEM.
        authorities: PathBuf,
    },
}

/// A database.
#[derive(Clone)]
pub struct Options {
    /// Host, port, database and user, without a password.
    pub(crate) config: Config,
    pub(crate) password: Option<Password>,
    pub(crate) tls: Tls,
    /// The cluster whose views it holds.
    pub(crate) cluster: String,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Options({:?}, {:?})", self.config.get_hosts(), self.config.get_dbname())
    }
}

/// What is wrong with a URL of a database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It is none.
    #[error("expected postgres://USER@HOST[:PORT]/DATABASE: {0}")]
    Url(String),
    /// It holds a password, and would be shown.
    #[error("the URL holds a password, expected it in `password`")]
    Password,
    /// It names no user, host or database.
    #[error("expected a {0} in the URL: postgres://USER@HOST[:PORT]/DATABASE")]
    Missing(&'static str),
}

impl Options {
    /// What a URL means.
    ///
    /// # Errors
    /// [`Wrong`] when it means nothing, or more than it may.
    pub fn new(
        url: &str,
        password: Option<Password>,
        tls: Tls,
        cluster: &str,
    ) -> Result<Self, Wrong> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Wrong::Url("it is no URL".to_owned()));
        }
        let config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            Wrong::Url(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_password().is_some() {
            return Err(Wrong::Password);
        }
        let named = [
            ("user", config.get_user().is_some_and(|user| !user.is_empty())),
            ("host", !config.get_hosts().is_empty()),
            ("database", config.get_dbname().is_some_and(|name| !name.is_empty())),
        ];
        if let Some((missing, _)) = named.iter().find(|(_, is_there)| !is_there) {
            return Err(Wrong::Missing(missing));
        }
        Ok(Self { config, password, tls, cluster: cluster.to_owned() })
    }
}
