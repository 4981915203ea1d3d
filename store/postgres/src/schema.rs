//! The schema: numbered migrations, each applied once, and what the auditors' role may read.
//!
//! A database that a newer program has migrated is used as it is: columns are only ever added.

use store_views::HomeError;
use tokio_postgres::{Client, Transaction};

use crate::error::said;

/// The schema of everything.
pub const SCHEMA: &str = "sallyport_audit";
/// The role that may read everything in it, and nothing else.
pub const AUDITOR: &str = "sallyport_auditor";

/// Every migration, in order; one that was released is never changed.
const MIGRATIONS: &[(&str, &str)] = &[
    ("tables", include_str!("../migrations/0001_tables.sql")),
    ("states", include_str!("../migrations/0002_states.sql")),
];

/// Nodes that start at once migrate one after the other: an arbitrary number for their lock.
const LOCK: i64 = 0x5a11_9047;

/// What auditors may do. The role is made by whoever owns the server; without it nobody is granted
/// anything.
const GRANTS: &str = "
    do $$ begin
        if exists (select from pg_roles where rolname = 'sallyport_auditor') then
            grant usage on schema sallyport_audit to sallyport_auditor;
            grant select on all tables in schema sallyport_audit to sallyport_auditor;
            grant execute on all functions in schema sallyport_audit to sallyport_auditor;
        end if;
    end $$";

/// Brings the schema up to date, and checks that it is this cluster's.
///
/// # Errors
/// [`HomeError::Unfit`] when the role may not, or it is another cluster's.
pub(crate) async fn migrate(client: &mut Client, cluster: &str) -> Result<(), HomeError> {
    let encoding = client.query_one("show server_encoding", &[]).await.map_err(|e| said(&e))?;
    let encoding: &str = encoding.try_get(0).map_err(|error| said(&error))?;
    if encoding != "UTF8" {
        let text = format!("PostgreSQL: the database's encoding is {encoding}, expected UTF8");
        return Err(HomeError::Unfit(text));
    }
    let done = applied(client, cluster).await.map_err(|error| said(&error))?;
    match done {
        Ok(()) => Ok(()),
        Err(other) => Err(HomeError::Unfit(format!(
            "PostgreSQL: the database holds the views of cluster {other}, not of {cluster}"
        ))),
    }
}

/// Whether the auditors' role is there by now and may not read yet.
async fn lacking(transaction: &Transaction<'_>) -> Result<bool, tokio_postgres::Error> {
    let text = "select not has_schema_privilege(oid, 'sallyport_audit', 'usage') from pg_roles
                where rolname = 'sallyport_auditor'";
    let row = transaction.query_opt(text, &[]).await?;
    row.map_or(Ok(false), |row| row.try_get(0))
}

/// Everything in one transaction; the cluster whose views are there, when it is another.
async fn applied(
    client: &mut Client,
    cluster: &str,
) -> Result<Result<(), String>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    transaction.execute("select pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let there = "select to_regclass('sallyport_audit.migrations') is not null";
    let there: bool = transaction.query_one(there, &[]).await?.try_get(0)?;
    if !there {
        transaction
            .batch_execute(
                "create schema if not exists sallyport_audit;
                 revoke all on schema sallyport_audit from public;
                 create table sallyport_audit.migrations (
                     number integer primary key,
                     name text not null,
                     applied_at timestamptz not null default now()
                 )",
            )
            .await?;
    }
    let last = "select coalesce(max(number), 0) from sallyport_audit.migrations";
    let last: i32 = transaction.query_one(last, &[]).await?.try_get(0)?;
    let mut fresh = false;
    for (number, (name, text)) in (1_i32..).zip(MIGRATIONS) {
        if number > last {
            transaction.batch_execute(text).await?;
            let noted = "insert into sallyport_audit.migrations (number, name) values ($1, $2)";
            transaction.execute(noted, &[&number, name]).await?;
            fresh = true;
        }
    }
    if fresh || lacking(&transaction).await? {
        transaction.batch_execute(GRANTS).await?;
    }
    let mine = "insert into sallyport_audit.about (cluster) values ($1) on conflict do nothing";
    let mine = transaction.execute(mine, &[&cluster]).await? == 1;
    let owner = transaction.query_one("select cluster from sallyport_audit.about", &[]).await?;
    let owner: String = owner.try_get(0)?;
    if !mine && owner != cluster {
        return Ok(Err(owner));
    }
    transaction.commit().await?;
    Ok(Ok(()))
}
