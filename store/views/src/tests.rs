//! Folds of small records: what the rows say, and what a replay shows.
#![allow(clippy::unwrap_used)]

mod cast;
mod replay;
mod rows;
mod world;
