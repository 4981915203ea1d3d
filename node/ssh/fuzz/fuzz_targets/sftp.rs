//! Packets of both sides; the first two bytes choose what the server is and how all is cut.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| node_ssh::fuzzing::sftp(bytes));
