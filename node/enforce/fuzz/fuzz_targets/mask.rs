//! A stream; the first three bytes choose what is masked, how it is cut, where a secret stands.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_enforce::fuzzing::mask(bytes));
