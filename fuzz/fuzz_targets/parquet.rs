//! Feeds libFuzzer's bytes to the target `parquet` of `quant_lake::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(init: quant_fuzz::allow_caught_panics(), |bytes: &[u8]| quant_fuzz::run("parquet", bytes));
