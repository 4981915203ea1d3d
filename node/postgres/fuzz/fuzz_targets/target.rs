//! A database's bytes; the first one chooses what was asked of it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_postgres::fuzzing::target(bytes));
