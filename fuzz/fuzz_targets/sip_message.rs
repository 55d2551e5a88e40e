//! Fuzz target: see `fuzz::sip_message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::sip_message(bytes));
