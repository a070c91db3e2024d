//! Prints how long one large archive takes; never asserts a time. `RUN_SLOW_TESTS=1`, and `QUANT_BENCH_ARCHIVE` = a
//! folder with `BTCUSDT-aggTrades-2025-01-01.zip` and its checksum.

use std::io::Write as _;
use std::time::Instant;

use super::fixture::{Fixture, key};
use crate::ingest::FileStatus;
use crate::schema::Dataset;

#[test]
fn one_large_archive() {
    let (Some(_), Some(folder)) = (
        std::env::var_os("RUN_SLOW_TESTS"),
        std::env::var_os("QUANT_BENCH_ARCHIVE"),
    ) else {
        return;
    };
    let name = "BTCUSDT-aggTrades-2025-01-01.zip";
    for jobs in [1, 2, 3, 1, 2, 3] {
        let mut fixture = Fixture::new();
        fixture.options.jobs = jobs;
        let to = fixture.archive_path("data/futures/um/daily/aggTrades/BTCUSDT");
        std::fs::create_dir_all(&to).unwrap();
        for suffix in ["", ".CHECKSUM"] {
            let file = format!("{name}{suffix}");
            std::fs::copy(std::path::Path::new(&folder).join(&file), to.join(&file)).unwrap();
        }
        let key = key("um", "BTCUSDT");
        let request = fixture.request(&key, Dataset::AggTrades, "2025-01-01", "2025-01-02");
        let began = Instant::now();
        let report = fixture.ingest(&request);
        let seconds = began.elapsed().as_secs_f64();
        assert!(
            matches!(report.files[0].status, FileStatus::Written { .. }),
            "{report:?}"
        );
        let mut err = std::io::stderr();
        writeln!(
            err,
            "jobs {jobs}: {seconds:.3} s, {} rows",
            report.counts().written
        )
        .unwrap();
    }
}
