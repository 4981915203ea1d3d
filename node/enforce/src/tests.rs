//! Tests of more than one reader.

mod fuzz;
