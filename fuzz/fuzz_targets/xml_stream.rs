//! Fuzz target: see `fuzz::xml_stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::xml_stream(bytes));
