//! Folds of small records: what the rows say, and what a replay shows.

mod cast;
mod orders;
mod replay;
mod rows;
mod world;
