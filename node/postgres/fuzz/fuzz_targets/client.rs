//! A client's bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_postgres::fuzzing::client(bytes));
