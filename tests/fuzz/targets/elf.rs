#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kmm_preflight_fuzz::elf(bytes));
