//! The statements for rows of each table, made from its columns and prepared once a connection.
//!
//! Rows that are there already travel as JSON, whose names are the columns'; so a column that only
//! a newer program knows keeps its value.

use std::collections::BTreeMap;

use store_views::{HomeError, Table};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Statement};

use crate::error::said;

/// What is done with rows of one table.
pub(crate) struct OfTable {
    /// Takes rows that are new, by `COPY`.
    pub(crate) copy: String,
    /// The types of its columns, the place first.
    pub(crate) types: Vec<Type>,
    /// `$1`: an array of rows. Puts them, over older versions of themselves.
    pub(crate) put: Statement,
    /// `$1`: the chain, `$2`: places. Rows as JSON.
    pub(crate) get: Statement,
    /// `$1`: the chain, `$2`: the place behind which, `$3`: how many. Rows as JSON, in order.
    pub(crate) scan: Statement,
    /// `$1`: the chain, `$2`: how many. Rows as JSON, the last first.
    pub(crate) newest: Statement,
    /// `$1`: chains. Drops their rows.
    pub(crate) forget: Statement,
}

/// Of each table.
pub(crate) struct Statements(BTreeMap<Table, OfTable>);

impl Statements {
    pub(crate) async fn prepare(client: &Client) -> Result<Self, HomeError> {
        let mut all = BTreeMap::new();
        for table in Table::ALL {
            let of = of_table(client, *table).await.map_err(|error| said(&error))?;
            all.insert(*table, of);
        }
        Ok(Self(all))
    }

    pub(crate) fn of(&self, table: Table) -> Result<&OfTable, HomeError> {
        let unknown = || HomeError::Unfit(format!("no statements for {}", table.name()));
        self.0.get(&table).ok_or_else(unknown)
    }
}

async fn of_table(client: &Client, table: Table) -> Result<OfTable, tokio_postgres::Error> {
    let name = format!("sallyport_audit.{}", table.name());
    let columns: Vec<_> = table.columns().iter().map(|name| column(name)).collect();
    let listed = columns.join(", ");
    let set = |name: &String| format!("{name} = excluded.{name}");
    let set = columns.iter().map(set).collect::<Vec<_>>().join(", ");
    let all = client.prepare(&format!("select place, {listed} from {name}")).await?;
    Ok(OfTable {
        copy: format!("copy {name} (place, {listed}) from stdin (format binary)"),
        types: all.columns().iter().map(|column| column.type_().clone()).collect(),
        put: client
            .prepare(&format!(
                "insert into {name} (place, {listed})
                 select place, {listed} from json_populate_recordset(null::{name}, $1::text::json)
                 on conflict (chain, place) do update set {set}"
            ))
            .await?,
        get: client
            .prepare(&format!(
                // Key by key, whatever the planner knows of a table that was just filled.
                "select t.text from unnest($2::text[]) wanted (place) cross join lateral
                 (select row_to_json(one)::text as text from {name} one
                  where one.chain = $1 and one.place = wanted.place collate \"C\" limit 1) t"
            ))
            .await?,
        scan: client
            .prepare(&format!(
                "select row_to_json(t)::text from {name} t where chain = $1 and place > $2
                 order by place limit $3"
            ))
            .await?,
        newest: client
            .prepare(&format!(
                "select row_to_json(t)::text from {name} t where chain = $1
                 order by place desc limit $2"
            ))
            .await?,
        forget: client.prepare(&format!("delete from {name} where chain = any($1)")).await?,
    })
}

fn column(name: &str) -> String {
    format!("\"{name}\"")
}
