//! Fuzz target: see `fuzz::sip_uri`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::sip_uri(bytes));
