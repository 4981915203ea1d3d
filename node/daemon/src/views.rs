//! The homes of the audit views that a node folds: one of its own, and others it is told of.

use std::path::Path;
use std::sync::Arc;

use node_api::{Follower, Views};
use proto::ids::Name;
use store_disk::{Files, Journal, ViewsHome};
use store_postgres::{Options, Password, PostgresHome};
use store_views::HomeError;
use zeroize::Zeroizing;

use crate::config::{PasswordFrom, PostgresViews};
use crate::errors::Error;
use crate::secrets;

/// The views of a node, none of them looked at yet. The node's own file is dropped and folded anew
/// when it is damaged; a database may come later.
///
/// # Errors
/// [`Error::Views`] when the node's own disk takes none.
pub(crate) fn views(
    directory: &Path,
    (cluster, node): (&Name, &Name),
    log: &Arc<Journal>,
    postgres: Option<&PostgresViews>,
) -> Result<Views, Error> {
    let failed = |why: String| Error::Views(HomeError::Unreachable(why).into());
    let files = Files::open(directory).map_err(|error| failed(error.to_string()))?;
    let home = ViewsHome::open(Arc::new(files)).map_err(|error| Error::Views(error.into()))?;
    let views = Views::new(node, log.clone(), Box::new(home));
    let Some(postgres) = postgres else { return Ok(views) };
    let password = postgres.password.clone().map(password);
    let options = Options::new(&postgres.url, password, postgres.tls.clone(), cluster.as_str());
    let options = options.map_err(|error| failed(error.to_string()))?;
    let home = PostgresHome::new(options).map_err(|error| failed(error.to_string()))?;
    Ok(views.and(Follower::new(node, log.clone(), Box::new(home)).beating()))
}

/// Reads the password whenever it is asked for: it may be changed while the node runs.
fn password(from: PasswordFrom) -> Password {
    Arc::new(move || match &from {
        PasswordFrom::File(path) => {
            let read = secrets::read(path).map_err(|error| error.to_string())?;
            let bytes = read.ok_or_else(|| format!("{} is not there", path.display()))?;
            let text = std::str::from_utf8(bytes.trim_ascii_end());
            let text = text.map_err(|_| format!("{} holds no text", path.display()))?;
            Ok(Zeroizing::new(text.to_owned()))
        }
        PasswordFrom::Environment(name) => {
            std::env::var(name).map(Zeroizing::new).map_err(|_| format!("{name} is not set"))
        }
    })
}
