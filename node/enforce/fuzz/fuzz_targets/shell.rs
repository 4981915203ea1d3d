//! The text of a command.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_enforce::fuzzing::shell(bytes));
