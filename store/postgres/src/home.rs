//! The home itself: steps in transactions. Rows that are new are copied in, others are put as JSON
//! over what is there.

use std::collections::HashSet;

use proto::ids::Digest;
use proto::time::Utc;
use serde::Serialize;
use store_views::{Cursor, Home, HomeError, Key, Move, Reached, Row, Step, Table, Taken, natural};
use tokio_postgres::{IsolationLevel, Transaction};

use crate::connection::{Connection, FORGET_DEADLINE, Live, WORK_DEADLINE};
use crate::copy::copied;
use crate::error::said;
use crate::options::Options;

/// A time as PostgreSQL keeps it, in microseconds since 1970 and exactly.
const MICROS: &str = "(extract(epoch from at) * 1000000)::bigint";

/// Where chains stand, as [`cursor`] reads it.
const CURSOR: &str = "select chain, seq, epoch, hash, (extract(epoch from at) * 1000000)::bigint, \
                      begins from sallyport_audit.cursors";

/// The tables in a database.
///
/// Other nodes fold into them too, and drop chains to fold them anew. So a step is taken only when
/// its rows were read of the very place that it goes on from: rows that were read while a chain was
/// further, and that was dropped since, already hold what the step would add.
pub struct PostgresHome {
    connection: Connection,
    /// Where chains stood when rows of them were read for the next step.
    read_of: Vec<(String, Option<Cursor>)>,
    /// Rows that were found there then: all others of the next step are taken for new.
    found: HashSet<(String, Key)>,
}

impl PostgresHome {
    /// The way to a database. It is not looked at yet, and may come later.
    ///
    /// # Errors
    /// What the system says about a new runtime.
    pub fn new(options: Options) -> std::io::Result<Self> {
        Ok(Self {
            connection: Connection::new(options)?,
            read_of: Vec::new(),
            found: HashSet::new(),
        })
    }
}

impl Home for PostgresHome {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn cursors(&mut self) -> Result<Vec<(String, Cursor)>, HomeError> {
        self.connection.work(WORK_DEADLINE, async |live| {
            let text = format!("{CURSOR} order by chain");
            let rows = live.client.query(&text, &[]).await.map_err(|error| said(&error))?;
            rows.iter().map(|row| Ok((get(row, 0)?, cursor(row)?))).collect()
        })
    }

    fn reached(&mut self, source: &str) -> Result<Option<Reached>, HomeError> {
        self.connection.work(WORK_DEADLINE, async |live| {
            let text = format!(
                "select position, last, {MICROS} from sallyport_audit.sources where source = $1"
            );
            let row = live.client.query_opt(&text, &[&source]).await.map_err(|e| said(&e))?;
            let Some(row) = row else { return Ok(None) };
            let (position, last) = (whole(get(&row, 0)?), whole(get(&row, 1)?));
            Ok(Some(Reached { position, last, at: Utc(get(&row, 2)?) }))
        })
    }

    fn rows(&mut self, chain: &str, keys: &[Key]) -> Result<Vec<Row>, HomeError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (stands, rows) = self.connection.work(WORK_DEADLINE, async |live| {
            let Live { client, statements } = live;
            // One snapshot for the cursor and all tables.
            let snapshot = client.build_transaction().read_only(true);
            let snapshot = snapshot.isolation_level(IsolationLevel::RepeatableRead).start().await;
            let snapshot = snapshot.map_err(|error| said(&error))?;
            let text = format!("{CURSOR} where chain = $1");
            let stands = snapshot.query_opt(&text, &[&chain]).await.map_err(|e| said(&e))?;
            let stands = stands.as_ref().map(cursor).transpose()?;
            let mut rows = Vec::new();
            for table in Table::ALL {
                let places = keys.iter().filter(|key| key.table == *table);
                let places: Vec<_> = places.map(|key| natural(&key.id)).collect();
                if !places.is_empty() {
                    let statement = &statements.of(*table)?.get;
                    let found = snapshot.query(statement, &[&chain, &places]).await;
                    rows.extend(read(*table, &found.map_err(|error| said(&error))?)?);
                }
            }
            snapshot.commit().await.map_err(|error| said(&error))?;
            Ok((stands, rows))
        })?;
        let of = (chain.to_owned(), stands);
        if !self.read_of.contains(&of) {
            self.read_of.push(of);
        }
        self.found.extend(rows.iter().map(named));
        Ok(rows)
    }

    fn take(&mut self, step: &Step) -> Result<Taken, HomeError> {
        let read_of = std::mem::take(&mut self.read_of);
        let found = std::mem::take(&mut self.found);
        let elsewhere = |one: &Move| {
            read_of.iter().any(|(chain, stood)| *chain == one.chain && *stood != one.from)
        };
        if step.moves.iter().any(elsewhere) {
            return Ok(Taken::Moved);
        }
        let (there, new): (Vec<_>, Vec<_>) =
            step.rows.iter().partition(|row| found.contains(&named(row)));
        self.connection.work(WORK_DEADLINE, async |live| {
            if let Some(taken) = taken(live, step, &there, &new).await? {
                return Ok(taken);
            }
            // Somebody took a row for new without looking.
            let all: Vec<_> = step.rows.iter().collect();
            let taken = taken(live, step, &all, &[]).await?;
            taken.ok_or_else(|| HomeError::Refused("a row is there twice".to_owned()))
        })
    }

    fn forget(&mut self, chains: &[String], source: &str) -> Result<(), HomeError> {
        self.connection.work(FORGET_DEADLINE, async |live| {
            let Live { client, statements } = live;
            let transaction = client.transaction().await.map_err(|error| said(&error))?;
            let dropped = async {
                transaction.batch_execute("set local statement_timeout = 0").await?;
                // First, so that whoever folds these chains now comes before or after: also who
                // begins one, whose cursor cannot be seen yet, and cannot be there beside another.
                let begun = "insert into sallyport_audit.cursors
                    (chain, seq, epoch, hash, at, begins)
                    select chain, 0, 0, '', now(), 0 from unnest($1::text[]) chain order by 1
                    on conflict do nothing";
                transaction.execute(begun, &[&chains]).await?;
                let cursors = "delete from sallyport_audit.cursors where chain = any($1)";
                transaction.execute(cursors, &[&chains]).await?;
                let sources = "delete from sallyport_audit.sources where source = $1";
                transaction.execute(sources, &[&source]).await
            };
            dropped.await.map_err(|error| said(&error))?;
            for table in Table::ALL {
                let statement = &statements.of(*table)?.forget;
                let dropped = transaction.execute(statement, &[&chains]).await;
                dropped.map_err(|error| said(&error))?;
            }
            transaction.commit().await.map_err(|error| said(&error))
        })
    }

    fn start_anew(&mut self) -> Result<(), HomeError> {
        let text = "PostgreSQL: a row cannot be read; `sallyport views rebuild --home postgres`";
        Err(HomeError::Unfit(text.to_owned()))
    }

    fn scan(
        &mut self,
        table: Table,
        chain: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Row>, HomeError> {
        let (after, limit) = (after.map(natural).unwrap_or_default(), count(limit));
        self.connection.work(WORK_DEADLINE, async |live| {
            let statement = &live.statements.of(table)?.scan;
            let found = live.client.query(statement, &[&chain, &after, &limit]).await;
            read(table, &found.map_err(|error| said(&error))?)
        })
    }

    fn newest(&mut self, table: Table, chain: &str, limit: usize) -> Result<Vec<Row>, HomeError> {
        let limit = count(limit);
        self.connection.work(WORK_DEADLINE, async |live| {
            let statement = &live.statements.of(table)?.newest;
            let found = live.client.query(statement, &[&chain, &limit]).await;
            read(table, &found.map_err(|error| said(&error))?)
        })
    }
}

/// Takes a step with these rows; nothing if one that is said to be new is there already.
async fn taken(
    live: &mut Live,
    step: &Step,
    there: &[&Row],
    new: &[&Row],
) -> Result<Option<Taken>, HomeError> {
    let Live { client, statements } = live;
    let transaction = client.transaction().await.map_err(|error| said(&error))?;
    // In one order, so that two nodes that take steps at once never wait for each other in a ring.
    let mut moves: Vec<_> = step.moves.iter().collect();
    moves.sort_by(|one, other| one.chain.cmp(&other.chain));
    for one in moves {
        if !moved(&transaction, one).await? {
            return Ok(Some(Taken::Moved));
        }
    }
    for table in Table::ALL {
        let of = statements.of(*table)?;
        let rows = of_table(new, *table);
        if !rows.is_empty() && !copied(&transaction, of, &rows).await? {
            return Ok(None);
        }
        let rows: Vec<_> = of_table(there, *table).into_iter().map(Placed::of).collect();
        if rows.is_empty() {
            continue;
        }
        let json = serde_json::to_string(&rows);
        let json = json.map_err(|error| HomeError::Refused(error.to_string()))?;
        let put = transaction.execute(&of.put, &[&json]).await;
        put.map_err(|error| said(&error))?;
    }
    if let Some((source, reached)) = &step.source {
        let text = "insert into sallyport_audit.sources (source, position, last, at, looked_at)
             values ($1, $2, $3, $4::text::timestamptz, now())
             on conflict (source) do update set position = excluded.position,
                 last = excluded.last, at = excluded.at, looked_at = excluded.looked_at";
        let (position, last, at) =
            (signed(reached.position), signed(reached.last), reached.at.to_string());
        let noted = transaction.execute(text, &[source, &position, &last, &at]).await;
        noted.map_err(|error| said(&error))?;
    }
    transaction.commit().await.map_err(|error| said(&error))?;
    Ok(Some(Taken::Whole))
}

fn of_table<'a>(rows: &[&'a Row], table: Table) -> Vec<&'a Row> {
    rows.iter().copied().filter(|row| row.table() == table).collect()
}

fn named(row: &Row) -> (String, Key) {
    (row.chain().to_owned(), Key::new(row.table(), row.id()))
}

/// Moves the cursor of one chain, if it stands where it is thought to.
async fn moved(transaction: &Transaction<'_>, one: &Move) -> Result<bool, HomeError> {
    let locked = format!("{CURSOR} where chain = $1 for update");
    let stands = transaction.query_opt(&locked, &[&one.chain]).await.map_err(|e| said(&e))?;
    let stands = stands.as_ref().map(cursor).transpose()?;
    if stands != one.from {
        return Ok(false);
    }
    let text = if stands.is_some() {
        "update sallyport_audit.cursors set seq = $2, epoch = $3, hash = $4,
             at = $5::text::timestamptz, begins = $6, folded_at = now() where chain = $1"
    } else {
        "insert into sallyport_audit.cursors (chain, seq, epoch, hash, at, begins)
         values ($1, $2, $3, $4, $5::text::timestamptz, $6) on conflict do nothing"
    };
    let to = &one.to;
    let (seq, epoch, begins) = (signed(to.seq), signed(to.epoch), signed(to.begins));
    let (hash, at) = (to.hash.to_string(), to.at.to_string());
    let changed = transaction.execute(text, &[&one.chain, &seq, &epoch, &hash, &at, &begins]).await;
    // Somebody else may have begun the chain in between.
    Ok(changed.map_err(|error| said(&error))? == 1)
}

/// A row with what orders it.
#[derive(Serialize)]
struct Placed<'a> {
    place: String,
    #[serde(flatten)]
    row: &'a Row,
}

impl<'a> Placed<'a> {
    fn of(row: &'a Row) -> Self {
        Self { place: natural(row.id()), row }
    }
}

fn cursor(row: &tokio_postgres::Row) -> Result<Cursor, HomeError> {
    let hash: String = get(row, 3)?;
    let hash: Digest = hash.parse().map_err(|_| HomeError::Damaged("a hash".to_owned()))?;
    let (seq, epoch) = (whole(get(row, 1)?), whole(get(row, 2)?));
    let (at, begins) = (Utc(get(row, 4)?), whole(get(row, 5)?));
    Ok(Cursor { seq, epoch, hash, at, begins })
}

fn read(table: Table, rows: &[tokio_postgres::Row]) -> Result<Vec<Row>, HomeError> {
    let one = |row: &tokio_postgres::Row| {
        let json: &str = row.try_get(0).map_err(|error| said(&error))?;
        let read = Row::from_json(table, json.as_bytes());
        read.map_err(|error| HomeError::Damaged(format!("{}: {error}", table.name())))
    };
    rows.iter().map(one).collect()
}

fn get<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a tokio_postgres::Row,
    at: usize,
) -> Result<T, HomeError> {
    row.try_get(at).map_err(|error| said(&error))
}

fn whole(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
