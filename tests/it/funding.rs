//! Settled funding reaches the account: ingested from a monthly archive, charged to the trades that were open.

use std::fmt::Write as _;

use crate::support::{Frame, checksum_path, run, sha256, zip_of};

const CONFIG: &str = concat!(
    "extends: ",
    env!("CARGO_MANIFEST_DIR"),
    "/configs/default.yaml\n",
    "run: {start: 2024-01-10, end: 2024-01-12, warmup_days: 1}\n",
    "paths: {lake: lake, artifacts: artifacts}\n",
    "ingest: {datasets: [klines_1m, trades], synth: {trades_per_day: 12000, quotes_per_day: 20000}}\n",
    "features: {realized_vol_median_days: 1}\n",
    "gates: {min_coverage: 0.5}\n",
);
const RATE: f64 = 0.0125;
const HOUR_US: i64 = 3_600_000_000;
const JANUARY_MS: i64 = 1_704_067_200_000;

/// Writes a month of hourly settlements as the venue publishes it.
fn put_month(root: &std::path::Path) {
    let mut text = "calc_time,funding_interval_hours,last_funding_rate\n".to_owned();
    for hour in 0..31 * 24 {
        writeln!(text, "{},1,{RATE}", JANUARY_MS + hour * 3_600_000).unwrap();
    }
    let zip = zip_of(&[("BTCUSDT-fundingRate-2024-01.csv", text.as_bytes())]);
    let folder = root.join("data/futures/um/monthly/fundingRate/BTCUSDT");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("BTCUSDT-fundingRate-2024-01.zip");
    std::fs::write(&path, &zip).unwrap();
    let line = format!("{}  BTCUSDT-fundingRate-2024-01.zip\n", sha256(&zip));
    std::fs::write(checksum_path(&path), line).unwrap();
}

#[test]
fn open_trades_pay_each_settlement_they_live_through() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    std::fs::write(dir.join("run.yaml"), CONFIG).unwrap();
    let args = ["run-all", "--config", "run.yaml", "--json"];
    let without = run(dir, &args).code(0).json();
    put_month(&dir.join("archive"));
    let mut ingest = vec![
        "build-dataset",
        "--exchange",
        "sim-binance",
        "--market",
        "um",
    ];
    ingest.extend([
        "--symbol",
        "BTCUSDT",
        "--start",
        "2024-01-09",
        "--end",
        "2024-01-12",
    ]);
    ingest.extend([
        "--root",
        "archive",
        "--datasets",
        "funding",
        "--lake",
        "lake",
        "--json",
    ]);
    let report = run(dir, &ingest).code(0).json();
    assert_eq!(report["rows"]["written"], 72, "{report}");
    let with = run(dir, &args).code(0).json();
    assert_ne!(
        without["run_id"], with["run_id"],
        "funding is an input of the run"
    );

    let folder = dir.join(with["dir"].as_str().unwrap());
    let trades = Frame::read(&folder.join("trades_baseline.parquet"));
    let (entry, exit) = (trades.ts("ts_entry"), trades.ts("ts_exit"));
    let (funding, qty, px) = (
        trades.f64("funding"),
        trades.f64("qty"),
        trades.f64("px_entry"),
    );
    let side = trades.i64("side");
    let mut charged = 0;
    for i in 0..trades.rows() {
        // Settlements after the entry, up to the exit. At the very instant of a fill inside a bar either is right.
        let lived = (exit[i] - 1).div_euclid(HOUR_US) - entry[i].div_euclid(HOUR_US);
        let expected = lived as f64 * RATE * qty[i].unwrap() * px[i].unwrap() * side[i] as f64;
        let found = funding[i].unwrap();
        if exit[i] % HOUR_US != 0 {
            // The notional is taken at the price of the settlement, a few per mille from the entry's.
            assert!(
                (found - expected).abs() <= 0.02 * expected.abs() + 1e-9,
                "{i}: {found} vs {expected}"
            );
        }
        charged += i64::from(found != 0.0);
    }
    assert!(
        charged > 0,
        "no trade lived through a settlement: the test shows nothing"
    );
    let equity = Frame::read(&folder.join("equity_baseline.parquet"));
    let net: f64 = trades.f64("pnl_net").into_iter().flatten().sum();
    let last = equity.f64("equity").into_iter().flatten().last().unwrap();
    assert!((100_000.0 + net - last).abs() < 1e-6);
}
