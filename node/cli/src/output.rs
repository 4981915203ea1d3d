//! Lists, printed for a person or for a program.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use proto::refusal::Code;
use serde::Serialize;
use serde_json::Value;

use crate::failure::{Failure, Outcome};
use crate::terminal::safe;

/// How a list is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for a person
    Table,
    /// One array
    Json,
    /// One object a line
    Jsonl,
    /// One document
    Yaml,
}

impl Format {
    /// What was asked for, or what fits where the output goes.
    pub(crate) fn or_fitting(asked: Option<Self>) -> Self {
        let fitting = if io::stdout().is_terminal() { Self::Table } else { Self::Jsonl };
        asked.unwrap_or(fitting)
    }
}

/// A column of a table: its title, and where its value is in a row (a JSON pointer).
pub(crate) type Column = (&'static str, &'static str);

/// Prints rows on standard output.
pub(crate) fn rows<T: Serialize>(asked: Option<Format>, columns: &[Column], rows: &[T]) -> Outcome {
    let rows: Result<Vec<Value>, _> = rows.iter().map(serde_json::to_value).collect();
    let rows = rows.map_err(|error| Failure::new(Code::Internal, error))?;
    let text = render(Format::or_fitting(asked), columns, &rows)?;
    print(&text)
}

/// Prints one value: as a table, one line for each of its fields.
pub(crate) fn one<T: Serialize>(asked: Option<Format>, value: &T) -> Outcome {
    let value = serde_json::to_value(value).map_err(|error| Failure::new(Code::Internal, error))?;
    print(&render_one(Format::or_fitting(asked), &value)?)
}

/// One value as text.
pub(crate) fn render_one(format: Format, value: &Value) -> Outcome<String> {
    Ok(match format {
        Format::Table => {
            let mut table = plain_table();
            for (name, value) in value.as_object().into_iter().flatten() {
                table.add_row([name.clone(), cell(value)]);
            }
            finish(&table)
        }
        Format::Json => format!("{value:#}\n"),
        Format::Jsonl => format!("{value}\n"),
        Format::Yaml => yaml(value)?,
    })
}

/// Says something beside the output, on standard error.
pub(crate) fn tell(text: &str) {
    // Nobody may listen.
    drop(writeln!(io::stderr(), "{}", safe(text)));
}

/// Writes text to standard output.
pub(crate) fn print(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Rows as text.
pub(crate) fn render(format: Format, columns: &[Column], rows: &[Value]) -> Outcome<String> {
    Ok(match format {
        Format::Table => {
            let mut table = plain_table();
            table.set_header(columns.iter().map(|(title, _)| *title));
            for row in rows {
                table.add_row(
                    columns.iter().map(|(_, at)| row.pointer(at).map_or_else(String::new, cell)),
                );
            }
            finish(&table)
        }
        Format::Json => format!("{:#}\n", Value::Array(rows.to_vec())),
        Format::Jsonl => rows.iter().map(|row| format!("{row}\n")).collect(),
        Format::Yaml => yaml(&rows)?,
    })
}

fn yaml<T: Serialize>(value: &T) -> Outcome<String> {
    serde_saphyr::to_string(value).map_err(|error| Failure::new(Code::Internal, error))
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table without the space that columns leave at the end of lines.
fn finish(table: &Table) -> String {
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

/// A value in one cell, safe for a terminal.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => safe(text).into_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| format!("{}={}", safe(name), cell(value));
            fields.iter().map(pair).collect::<Vec<_>>().join(", ")
        }
        plain => plain.to_string(),
    }
}
