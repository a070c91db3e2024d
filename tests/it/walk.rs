//! A random walk as a CSV of 1m bars, and the config that reads it. No test of its own.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};

/// Numbers that look random; the same seed gives the same ones.
#[derive(Clone, Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Returns the next 64 bits (splitmix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number in `0..n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Returns a number in `-n..=n`.
    fn around(&mut self, n: i64) -> i64 {
        i64::try_from(self.below(u64::try_from(2 * n + 1).unwrap())).unwrap() - n
    }
}

/// One minute in whole dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minute {
    pub(crate) ts_open: UnixMicros,
    pub(crate) open: i64,
    pub(crate) high: i64,
    pub(crate) low: i64,
    pub(crate) close: i64,
    pub(crate) volume: i64,
}

/// Returns bars of whole days: a walk whose drift changes every hour and a half, so that it has trends and ranges. From
/// minute `fork` on it goes on with other numbers.
pub(crate) fn walk(first: &str, days: u64, fork: Option<usize>) -> Vec<Minute> {
    let start = first.parse::<Day>().unwrap().start();
    let mut dice = Dice(11);
    let (mut price, mut drift) = (40_000, 0);
    (0..days * 1_440)
        .zip(0_i64..)
        .map(|(i, k)| {
            if fork == Some(usize::try_from(i).unwrap()) {
                dice = Dice(12);
            }
            if i % 90 == 0 {
                drift = [-9, 0, 9][usize::try_from(dice.below(3)).unwrap()];
            }
            let open = price;
            price = (price + drift + dice.around(24)).max(1_000);
            let high = open.max(price) + dice.around(6).abs();
            let low = open.min(price) - dice.around(6).abs();
            let volume = 500_000 + dice.around(400_000);
            Minute {
                ts_open: start.plus(k * MICROS_PER_MINUTE),
                open,
                high,
                low,
                close: price,
                volume,
            }
        })
        .collect()
}

/// Writes bars with the stamp of their open, `YYYY-MM-DDTHH:MM:SSZ`.
pub(crate) fn write_csv(path: &Path, bars: &[Minute]) {
    let mut text = "timestamp,open,high,low,close,volume\n".to_owned();
    for bar in bars {
        let Minute {
            ts_open,
            open,
            high,
            low,
            close,
            volume,
        } = bar;
        writeln!(text, "{ts_open},{open},{high},{low},{close},{volume}").unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// Writes a config that evaluates `[start, end)` of `bars.csv`, without warm-up; returns its path.
pub(crate) fn write_config(dir: &Path, start: &str, end: &str, more: &str) -> PathBuf {
    let base = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/csv_klines.yaml");
    let text = format!(
        "extends: {base}\nrun: {{start: {start}, end: {end}, warmup_days: 0}}\n\
         ingest: {{csv: {{path: bars.csv, stamp: open}}}}\n\
         paths: {{lake: lake, artifacts: artifacts}}\n{more}"
    );
    let path = dir.join("csv.yaml");
    std::fs::write(&path, text).unwrap();
    path
}
