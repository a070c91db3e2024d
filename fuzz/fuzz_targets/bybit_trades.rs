//! Feeds libFuzzer's bytes to the target `bybit_trades` of `quant_lake::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quant_fuzz::run("bybit_trades", bytes));
