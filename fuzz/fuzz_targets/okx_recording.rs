//! Feeds libFuzzer's bytes to the target `okx_recording` of `quant_lake::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quant_fuzz::run("okx_recording", bytes));
