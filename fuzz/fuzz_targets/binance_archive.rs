//! Feeds libFuzzer's bytes to the target `binance_archive` of `quant_lake::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quant_fuzz::run("binance_archive", bytes));
