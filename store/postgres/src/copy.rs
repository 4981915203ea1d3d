//! Rows that are new, as `COPY` takes them: binary, so that the server parses no text of a number,
//! a time or a list. Source: the binary formats of PostgreSQL's types and of `COPY`.

use std::error::Error;
use std::pin::pin;

use bytes::{BufMut as _, BytesMut};
use proto::time::Utc;
use store_views::{Cell, HomeError, Row, natural};
use tokio_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, WrongType};

use crate::error::said;
use crate::statements::OfTable;

/// 2000-01-01, in microseconds since 1970: where PostgreSQL counts times from.
const EPOCH: i64 = 946_684_800_000_000;
/// The version that stands before the text of a `jsonb`.
const JSONB: u8 = 1;

/// Copies rows into their table; false if one of them is there already, which ends the transaction.
pub(crate) async fn copied(
    transaction: &Transaction<'_>,
    of: &OfTable,
    rows: &[&Row],
) -> Result<bool, HomeError> {
    let sink = transaction.copy_in(&of.copy).await.map_err(|error| said(&error))?;
    let mut writer = pin!(BinaryCopyInWriter::new(sink, &of.types));
    for row in rows {
        let place = natural(row.id());
        let cells = row.cells().map_err(|error| HomeError::Refused(error.to_string()))?;
        let place = [Value(Cell::Text(&place))];
        let values: Vec<_> = place.into_iter().chain(cells.into_iter().map(Value)).collect();
        let written = writer.as_mut().write_raw(&values).await;
        written.map_err(|error| said(&error))?;
    }
    match writer.finish().await {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
        Err(error) => Err(said(&error)),
    }
}

/// A cell, as a value of a column.
#[derive(Debug)]
struct Value<'a>(Cell<'a>);

impl Value<'_> {
    fn fits(&self, kind: &Type) -> bool {
        match &self.0 {
            Cell::Null => true,
            Cell::Flag(_) => *kind == Type::BOOL,
            Cell::Whole(_) => *kind == Type::INT8,
            Cell::Time(_) => *kind == Type::TIMESTAMPTZ,
            Cell::Text(_) => *kind == Type::TEXT,
            Cell::Texts(_) => *kind == Type::TEXT_ARRAY,
            Cell::Json(_) => *kind == Type::JSONB,
        }
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match &self.0 {
            Cell::Null => return Ok(IsNull::Yes),
            Cell::Flag(flag) => return flag.to_sql(kind, out),
            Cell::Whole(whole) => return whole.to_sql(kind, out),
            Cell::Text(text) => return text.to_sql(kind, out),
            Cell::Texts(texts) => return texts.to_sql(kind, out),
            Cell::Time(Utc(micros)) => out.put_i64(micros.saturating_sub(EPOCH)),
            Cell::Json(text) => {
                out.put_u8(JSONB);
                out.extend_from_slice(text.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        // What fits depends on the value: it is looked at below.
        true
    }

    fn to_sql_checked(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if !self.fits(kind) {
            return Err(Box::new(WrongType::new::<Self>(kind.clone())));
        }
        self.to_sql(kind, out)
    }
}
