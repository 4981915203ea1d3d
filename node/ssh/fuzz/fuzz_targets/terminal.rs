//! Keys and a screen; the first two bytes choose what the target is and how all is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_ssh::fuzzing::terminal(bytes));
