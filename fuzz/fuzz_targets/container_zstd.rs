//! Feeds libFuzzer's bytes to the target `container_zstd` of `quant_lake::fuzzing`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| quant_fuzz::run("container_zstd", bytes));
