//! What a database says of itself, asked on the side connection.

use std::str::FromStr;

use node_enforce::policy::ColumnMask;
use node_enforce::sql::lineage::{self, Catalog, Function, Lineage, Relation, Rows};

use super::side::{NoAnswer, Row, Side};
use crate::surroundings::Lookup;

/// How often materialized views of materialized views are gone through.
const ROUNDS: usize = 16;

/// Changes whenever something is defined, altered or dropped: whatever replaces a row of a catalog
/// has a later transaction's number than all that were there.
const VERSION: &str = "select \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_class \
    where oid >= 16384 and relpersistence <> 't') || '/' || \
    (select count(*)::text || ':' || coalesce(sum(a.xmin::text::bigint), 0) from pg_attribute a \
    join pg_class c on c.oid = a.attrelid where a.attrelid >= 16384 and a.attnum > 0 \
    and c.relpersistence <> 't' and c.relkind in ('r', 'v', 'm', 'f', 'p', 'S')) || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_rewrite \
    where oid >= 16384) || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_proc) || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_operator) \
    || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_namespace \
    where nspname not like 'pg\\_%') || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_inherits) \
    || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_attrdef) \
    || '/' || \
    (select count(*)::text || ':' || coalesce(sum(xmin::text::bigint), 0) from pg_description \
    where classoid = 'pg_class'::regclass)";

const RELATIONS: &str = "select c.oid, n.nspname, c.relname, a.attnum, a.attname, \
    case when a.attnum is null then null else col_description(c.oid, a.attnum) end \
    from pg_class c join pg_namespace n on n.oid = c.relnamespace \
    left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
    where c.oid >= 16384 and c.relpersistence <> 't' \
    and c.relkind in ('r', 'v', 'm', 'f', 'p', 'S') \
    order by c.oid, a.attnum";

const INHERITS: &str = "select inhrelid, inhparent from pg_inherits";

const READS: &str = "select distinct r.ev_class, d.refobjid from pg_rewrite r join pg_depend d \
    on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid \
    and d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class";

// What a generated column is made of is noted of its default, or of itself by other versions.
const GENERATED: &str = "select a.attrelid, a.attnum, d.refobjsubid from pg_attribute a \
    join pg_attrdef f on f.adrelid = a.attrelid and f.adnum = a.attnum \
    join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = a.attrelid \
    and d.refobjsubid > 0 and d.refobjsubid <> a.attnum and \
    (d.classid = 'pg_attrdef'::regclass and d.objid = f.oid \
    or d.classid = 'pg_class'::regclass and d.objid = a.attrelid and d.objsubid = a.attnum) \
    where a.attgenerated <> ''";

const FUNCTIONS: &str = "select p.oid, n.nspname, p.proname, p.prokind, l.lanname, p.provolatile \
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace \
    join pg_language l on l.oid = p.prolang";

const OPERATORS: &str = "select oid, oprcode::oid from pg_operator";

const KEPT: &str = "select oid from pg_class where relkind = 'm'";

/// What says whether anything is defined otherwise than before.
pub(super) async fn version(side: &mut Side) -> Result<String, NoAnswer> {
    let rows = side.rows(VERSION).await?;
    let first = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    first.ok_or(NoAnswer::Refused)
}

/// Reads a database's catalog, and puts masks on it.
pub(super) async fn load(side: &mut Side, masks: &[ColumnMask]) -> Result<Catalog, NoAnswer> {
    let mut rows = Rows { relations: relations(side.rows(RELATIONS).await?)?, ..Rows::default() };
    rows.inherits = all(&side.rows(INHERITS).await?, |row| Some((cell(row, 0)?, cell(row, 1)?)))?;
    rows.reads = all(&side.rows(READS).await?, |row| Some((cell(row, 0)?, cell(row, 1)?)))?;
    rows.generated = all(&side.rows(GENERATED).await?, |row| {
        Some((cell(row, 0)?, cell(row, 1)?, cell(row, 2)?))
    })?;
    rows.functions = all(&side.rows(FUNCTIONS).await?, function)?;
    rows.operators = all(&side.rows(OPERATORS).await?, |row| Some((cell(row, 0)?, cell(row, 1)?)))?;
    rows.kept_views = all(&side.rows(KEPT).await?, |row| cell(row, 0))?;
    let mut catalog = Catalog::new(rows, masks);
    for _ in 0..ROUNDS {
        let mut changed = false;
        for view in catalog.kept_views().to_vec() {
            let query = kept(side, &catalog, view).await?;
            changed |= catalog.mask_view(view, query.as_ref());
        }
        if !changed {
            return Ok(catalog);
        }
    }
    for view in catalog.kept_views().to_vec() {
        catalog.mask_view(view, None);
    }
    Ok(catalog)
}

/// What a materialized view keeps, when that is known.
async fn kept(side: &mut Side, catalog: &Catalog, view: u32) -> Result<Option<Lineage>, NoAnswer> {
    let rows = side.rows(&format!("select pg_get_viewdef({view}::oid)")).await?;
    let text = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
    let Some(text) = text else { return Ok(None) };
    match side.tree(text.trim().trim_end_matches(';'), &[], &Lookup::default()).await {
        Ok(tree) => Ok(lineage::trace(&tree, catalog).ok().and_then(Result::ok)),
        Err(NoAnswer::Refused) => Ok(None),
        Err(lost) => Err(lost),
    }
}

fn relations(rows: Vec<Row>) -> Result<Vec<Relation>, NoAnswer> {
    let mut relations: Vec<Relation> = Vec::new();
    for row in &rows {
        let oid = cell(row, 0).ok_or(NoAnswer::Refused)?;
        if relations.last().is_none_or(|last| last.oid != oid) {
            let named = text(row, 1).zip(text(row, 2)).ok_or(NoAnswer::Refused)?;
            let (schema, name) = named;
            relations.push(Relation { oid, schema, name, columns: Vec::new() });
        }
        if let (Some(number), Some(name), Some(last)) =
            (cell(row, 3), text(row, 4), relations.last_mut())
        {
            last.columns.push((number, name, text(row, 5).unwrap_or_default()));
        }
    }
    Ok(relations)
}

fn function(row: &Row) -> Option<Function> {
    Some(Function {
        oid: cell(row, 0)?,
        name: [text(row, 1)?, text(row, 2)?],
        kind: text(row, 3)?.chars().next()?,
        language: text(row, 4)?,
        volatility: text(row, 5)?.chars().next()?,
    })
}

fn all<T>(rows: &[Row], read: impl Fn(&Row) -> Option<T>) -> Result<Vec<T>, NoAnswer> {
    rows.iter().map(|row| read(row).ok_or(NoAnswer::Refused)).collect()
}

fn cell<T: FromStr>(row: &Row, at: usize) -> Option<T> {
    row.get(at)?.as_ref()?.parse().ok()
}

fn text(row: &Row, at: usize) -> Option<String> {
    row.get(at)?.clone()
}
