//! Functions of PostgreSQL and of its well-known extensions that do more than compute or read what
//! they are given: the one table of their effects.
//!
//! A function is known by the last part of its name: extensions live in any schema. What a function
//! does that is not here cannot be seen, and is not said to be known.

use proto::reading::Effect::{self, Admin, Ddl, Execute, File, Remote, Session, Write};

/// What is special about a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// It has these effects.
    Does(&'static [Effect]),
    /// It runs the SQL in this argument.
    RunsSql(usize),
    /// It reads the table that this argument names.
    Reads(usize),
    /// It sets the parameter that its first argument names.
    Sets,
    /// It has these effects, and what it runs or reads cannot be seen.
    Hidden(&'static [Effect]),
}

use Special::{Does, Hidden, Reads, RunsSql, Sets};

/// Families of functions by how their names start.
const FAMILIES: &[(&str, Special)] = &[
    ("dblink", Does(&[Remote])),
    ("http_", Does(&[Remote])),
    ("pg_advisory_", Does(&[Session])),
    ("pg_try_advisory_", Does(&[Session])),
    ("pg_backup_", Does(&[Admin])),
    ("pg_clear_", Does(&[Admin])),
    ("pg_create_", Does(&[Admin])),
    ("pg_drop_replication_", Does(&[Admin])),
    ("pg_file_", Does(&[File])),
    ("pg_logical_", Does(&[Admin])),
    ("pg_ls_", Does(&[File])),
    ("pg_read_", Does(&[File])),
    ("pg_replication_", Does(&[Admin])),
    ("pg_restore_", Does(&[Admin])),
    ("pg_stat_reset", Does(&[Admin])),
    ("pg_wal_replay_", Does(&[Admin])),
    ("postgres_fdw_", Does(&[Remote])),
];

/// Functions by name, in alphabetical order; with their schema where the name alone is a common
/// word.
const FUNCTIONS: &[(&str, Special)] = &[
    ("brin_page_items", Does(&[File])),
    ("bt_page_items", Does(&[File])),
    ("connectby", Reads(0)),
    ("cron.schedule", Hidden(&[Execute])),
    ("cron.schedule_in_database", Hidden(&[Execute])),
    ("crosstab", RunsSql(0)),
    ("crosstab2", RunsSql(0)),
    ("crosstab3", RunsSql(0)),
    ("crosstab4", RunsSql(0)),
    ("database_to_xml", Hidden(&[])),
    ("database_to_xml_and_xmlschema", Hidden(&[])),
    ("get_raw_page", Does(&[File])),
    ("heap_page_items", Does(&[File])),
    ("http", Does(&[Remote])),
    ("lo_creat", Does(&[Write])),
    ("lo_create", Does(&[Write])),
    ("lo_export", Does(&[File, Effect::Read])),
    ("lo_from_bytea", Does(&[Write])),
    ("lo_get", Does(&[Effect::Read])),
    ("lo_import", Does(&[File, Write])),
    ("lo_open", Does(&[Effect::Read, Write])),
    ("lo_put", Does(&[Write])),
    ("lo_truncate", Does(&[Write])),
    ("lo_truncate64", Does(&[Write])),
    ("lo_unlink", Does(&[Write])),
    ("loread", Does(&[Effect::Read])),
    ("lowrite", Does(&[Write])),
    ("nextval", Does(&[Write])),
    ("pg_background_launch", RunsSql(0)),
    ("pg_cancel_backend", Does(&[Admin])),
    ("pg_copy_logical_replication_slot", Does(&[Admin])),
    ("pg_copy_physical_replication_slot", Does(&[Admin])),
    ("pg_current_logfile", Does(&[File])),
    ("pg_export_snapshot", Does(&[Session])),
    ("pg_hba_file_rules", Does(&[File])),
    ("pg_ident_file_mappings", Does(&[File])),
    ("pg_import_system_collations", Does(&[Ddl])),
    ("pg_log_backend_memory_contexts", Does(&[Admin])),
    ("pg_logdir_ls", Does(&[File])),
    ("pg_notify", Does(&[Session])),
    ("pg_promote", Does(&[Admin])),
    ("pg_reload_conf", Does(&[Admin])),
    ("pg_rotate_logfile", Does(&[Admin])),
    ("pg_set_attribute_stats", Does(&[Admin])),
    ("pg_set_relation_stats", Does(&[Admin])),
    ("pg_show_all_file_settings", Does(&[File])),
    ("pg_start_backup", Does(&[Admin])),
    ("pg_stat_file", Does(&[File])),
    ("pg_stat_statements_reset", Does(&[Admin])),
    ("pg_stop_backup", Does(&[Admin])),
    ("pg_switch_wal", Does(&[Admin])),
    ("pg_sync_replication_slots", Does(&[Admin])),
    ("pg_terminate_backend", Does(&[Admin])),
    ("query_export_to_s3", Hidden(&[Remote])),
    ("query_to_xml", RunsSql(0)),
    ("query_to_xml_and_xmlschema", RunsSql(0)),
    ("query_to_xmlschema", RunsSql(0)),
    ("schema_to_xml", Hidden(&[])),
    ("schema_to_xml_and_xmlschema", Hidden(&[])),
    ("set_config", Sets),
    ("setval", Does(&[Write])),
    ("table_import_from_s3", Hidden(&[Remote, Write])),
    ("table_to_xml", Reads(0)),
    ("table_to_xml_and_xmlschema", Reads(0)),
    ("ts_rewrite", Hidden(&[])),
    ("ts_stat", RunsSql(0)),
    ("xpath_table", Hidden(&[])),
];

/// What is special about a function of this name, if anything is.
pub(super) fn special(parts: &[String]) -> Option<Special> {
    let known = |name: &str| {
        let at = FUNCTIONS.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
        Some(FUNCTIONS[at].1)
    };
    let name = parts.last()?;
    if let Some(special) = known(name).or_else(|| known(&parts.join("."))) {
        return Some(special);
    }
    let family = FAMILIES.iter().find(|(start, _)| name.starts_with(start));
    family.map(|(_, special)| *special)
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|(name, _)| *name)
}
