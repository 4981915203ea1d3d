//! One connection, made when it is needed and thrown away after anything went wrong: what a server
//! that answers late means is not guessed.

use std::future::Future;
use std::time::Duration;

use store_views::HomeError;
use tokio::runtime::Runtime;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, NoTls, Socket};

use crate::error::said;
use crate::options::{Options, Tls};
use crate::schema;
use crate::statements::Statements;
use crate::tls::Rustls;

/// How long connecting may take, migrations included.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// How long anything else may take.
pub(crate) const WORK_DEADLINE: Duration = Duration::from_secs(30);
/// How long dropping all rows of a chain may take.
pub(crate) const FORGET_DEADLINE: Duration = Duration::from_secs(60 * 60);

/// What every session sets: times as text are UTC, and the server gives up when this side has.
const SETTINGS: &str = "set timezone = 'UTC'; set datestyle = 'ISO, MDY'; \
                        set search_path = pg_catalog; set lock_timeout = '10s'; \
                        set statement_timeout = '30s'; \
                        set idle_in_transaction_session_timeout = '60s'";

/// A connection that works.
pub(crate) struct Live {
    pub(crate) client: Client,
    pub(crate) statements: Statements,
}

/// A connection, or the way to one.
pub(crate) struct Connection {
    options: Options,
    /// Taken only when it is dropped.
    runtime: Option<Runtime>,
    live: Option<Live>,
}

impl Connection {
    /// The way to a database. It is not looked at yet.
    ///
    /// # Errors
    /// What the system says about a new runtime.
    pub(crate) fn new(options: Options) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { options, runtime: Some(runtime), live: None })
    }

    /// Works with a connection, within a deadline; afterwards it is kept only if all went well.
    pub(crate) fn work<T>(
        &mut self,
        deadline: Duration,
        work: impl AsyncFnOnce(&mut Live) -> Result<T, HomeError>,
    ) -> Result<T, HomeError> {
        let gone = || HomeError::Unreachable("the connection was closed".to_owned());
        let runtime = self.runtime.as_ref().ok_or_else(gone)?;
        let (live, options) = (&mut self.live, &self.options);
        let result = runtime.block_on(async {
            if live.as_ref().is_none_or(|live| live.client.is_closed()) {
                let connecting = within(CONNECT_DEADLINE, "connecting", connect(options));
                *live = Some(connecting.await?);
            }
            let live = live.as_mut().ok_or_else(gone)?;
            within(deadline, "an answer", work(live)).await
        });
        if result.is_err() {
            self.live = None;
        }
        result
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // It may be dropped where nobody may wait.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn within<T>(
    deadline: Duration,
    what: &str,
    work: impl Future<Output = Result<T, HomeError>>,
) -> Result<T, HomeError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result,
        Err(_) => {
            let text = format!("PostgreSQL: {what} took more than {} s", deadline.as_secs());
            Err(HomeError::Unreachable(text))
        }
    }
}

async fn connect(options: &Options) -> Result<Live, HomeError> {
    let mut config = options.config.clone();
    config
        .application_name("sallyport")
        .connect_timeout(CONNECT_DEADLINE)
        .keepalives_idle(WORK_DEADLINE)
        .tcp_user_timeout(WORK_DEADLINE);
    if let Some(password) = &options.password {
        let password = password().map_err(HomeError::Unfit)?;
        config.password(password.as_bytes());
    }
    let mut client = match &options.tls {
        Tls::Disable => {
            config.ssl_mode(tokio_postgres::config::SslMode::Disable);
            start(&config, NoTls).await?
        }
        Tls::VerifyFull { authorities } => {
            config.ssl_mode(tokio_postgres::config::SslMode::Require);
            let tls = Rustls::trusting(authorities).map_err(HomeError::Unfit)?;
            start(&config, tls).await?
        }
    };
    client.batch_execute(SETTINGS).await.map_err(|error| said(&error))?;
    schema::migrate(&mut client, &options.cluster).await?;
    let statements = Statements::prepare(&client).await?;
    Ok(Live { client, statements })
}

async fn start<T>(config: &tokio_postgres::Config, tls: T) -> Result<Client, HomeError>
where
    T: MakeTlsConnect<Socket> + 'static,
    T::Stream: Send,
{
    let (client, connection) = config.connect(tls).await.map_err(|error| said(&error))?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection of the views ended");
        }
    });
    Ok(client)
}
