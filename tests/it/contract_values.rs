//! What a contract is worth changes: every day is read with the worth of its own, or refused.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value;

use crate::support::{Ran, contents, manifest, run};

const DATASETS: [&str; 3] = ["trades", "l2_deltas", "l2_snapshots"];
const FIRST: &str = "2026-01-05";
const CHANGE: &str = "2026-01-06";
const END: &str = "2026-01-07";

/// Writes a table: what a contract is worth and from when.
fn put_table(path: &Path, exchange: &str, worths: &[(&str, f64)]) {
    let mut out = "instruments:\n".to_owned();
    for (i, (from, worth)) in worths.iter().enumerate() {
        let to = worths.get(i + 1).map(|(to, _)| format!("\"{to}\""));
        let to = to.unwrap_or_else(|| "null".to_owned());
        writeln!(
            out,
            "  - {{exchange: {exchange}, market: swap, symbol: BTC-USDT-SWAP, valid_from: \"{from}\", valid_to: {to}, \
             tick_size: \"0.1\", lot_size: \"0.001\", min_notional: 0.0, contract_value: {worth}, inverse: false, \
             funding_interval_h: 8, maker_bps: 2.0, taker_bps: 5.0, onboard: null, delist: null, source: test}}"
        )
        .unwrap();
    }
    std::fs::write(path, out).unwrap();
}

fn ingest(cwd: &Path, lake: &str, table: &str, start: &str, end: &str) -> Ran {
    let command = format!(
        "build-dataset --exchange sim-okx --market swap --symbol BTC-USDT-SWAP --source okx-manual --root host --json \
         --datasets {} --book-images snapshot --instruments {table} --lake {lake} --start {start} --end {end}",
        DATASETS.join(",")
    );
    run(cwd, &command.split(' ').collect::<Vec<_>>())
}

/// Every status of an answer once.
fn statuses(answer: &Value) -> Vec<&str> {
    let files = answer["files"].as_array().unwrap();
    let mut out: Vec<&str> = files
        .iter()
        .map(|f| f["status"].as_str().unwrap())
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}

#[test]
fn days_of_two_worths_in_one_command_are_what_they_are_day_by_day() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let synth = format!(
        "synth --exchange okx --days 2 --start {FIRST} --instruments swap:BTC-USDT-SWAP:btc --set trades_per_day=400 --set \
         quotes_per_day=400 --book-cadence-ms 60000 --out host -q"
    );
    run(cwd, &synth.split(' ').collect::<Vec<_>>()).code(0);
    let table = |name: &str, worths: &[(&str, f64)]| put_table(&cwd.join(name), "sim-okx", worths);
    table("changing.yaml", &[("2019-01-01", 0.01), (CHANGE, 0.1)]);
    table("low.yaml", &[("2019-01-01", 0.01)]);
    table("high.yaml", &[("2019-01-01", 0.1)]);

    // Files of trades are cut at midnight of UTC+8, so one of them has rows of both days.
    let whole = ingest(cwd, "whole", "changing.yaml", FIRST, END);
    assert_eq!(statuses(&whole.code(0).json()), ["written"]);
    for (start, end) in [(FIRST, CHANGE), (CHANGE, END)] {
        ingest(cwd, "daily", "changing.yaml", start, end).code(0);
    }
    ingest(cwd, "low", "low.yaml", FIRST, END).code(0);
    ingest(cwd, "high", "high.yaml", FIRST, END).code(0);
    let of = |lake: &str, dataset: &str| {
        let set = format!(
            "raw/sim-okx/swap/BTC-USDT-SWAP/{}",
            set_of(cwd, lake, dataset)
        );
        contents(&cwd.join(lake), &set)
    };
    for dataset in DATASETS {
        let (found, low, high) = (
            of("whole", dataset),
            of("low", dataset),
            of("high", dataset),
        );
        assert_eq!(found.len(), 2, "{dataset}");
        assert_eq!(found, of("daily", dataset), "{dataset}");
        assert_eq!(found[FIRST], low[FIRST], "{dataset}");
        assert_eq!(found[CHANGE], high[CHANGE], "{dataset}");
        assert_ne!(low[CHANGE], high[CHANGE], "{dataset}");
    }
    let set = format!(
        "raw/sim-okx/swap/BTC-USDT-SWAP/{}",
        set_of(cwd, "whole", "l2_deltas")
    );
    let manifest = manifest(&cwd.join("whole"), &set);
    // The unit is part of what a day was made with.
    assert_eq!(manifest["ingest_params"]["unit"], "contracts of 0.1 base");
    let partitions = manifest["partitions"].as_array().unwrap();
    let made_with = |i: usize| &partitions[i]["ingest_params_hash"];
    assert_eq!(made_with(1), &manifest["ingest_params_hash"]);
    assert_ne!(made_with(0), made_with(1));

    // Nothing is left to do, until the table is corrected.
    let again = ingest(cwd, "whole", "changing.yaml", FIRST, END)
        .code(0)
        .json();
    assert_eq!(statuses(&again), ["current"]);
    let corrected = ingest(cwd, "whole", "low.yaml", FIRST, END).code(0).json();
    assert!(statuses(&corrected).contains(&"written"), "{corrected}");
    let back = ingest(cwd, "low", "changing.yaml", FIRST, END)
        .code(0)
        .json();
    assert!(statuses(&back).contains(&"written"), "{back}");
    for dataset in DATASETS {
        assert_eq!(of("low", dataset), of("daily", dataset), "{dataset}");
        assert_eq!(of("whole", dataset)[FIRST], of("daily", dataset)[FIRST]);
        assert_ne!(of("whole", dataset)[CHANGE], of("daily", dataset)[CHANGE]);
    }

    // A day of two worths has none.
    table(
        "inside.yaml",
        &[("2019-01-01", 0.01), ("2026-01-06T08:00:00Z", 0.1)],
    );
    ingest(cwd, "inside", "inside.yaml", FIRST, END)
        .code(2)
        .says(&[
            "0.01 base units and, from 2026-01-06T08:00:00",
            "0.1 base units",
            "hints",
        ]);
    assert!(!cwd.join("inside/raw").exists());
    ingest(cwd, "inside", "inside.yaml", FIRST, CHANGE).code(0);
}

/// The folder of a dataset, whose name may carry its levels.
fn set_of(cwd: &Path, lake: &str, dataset: &str) -> String {
    let at = cwd.join(lake).join("raw/sim-okx/swap/BTC-USDT-SWAP");
    let mut names = std::fs::read_dir(&at)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    names.find(|n| n.starts_with(dataset)).unwrap()
}

#[test]
fn a_session_of_two_worths_is_refused_and_its_days_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let cwd = dir.path();
    let worths = [("2019-01-01", 0.01), (CHANGE, 0.1)];
    put_table(&cwd.join("terms.yaml"), "okx", &worths);
    // One trade a minute before and after the change.
    let midnight = 1_767_657_600_000_i64;
    let frame = |ts: i64, id: i64| {
        format!(
            r#"{ts}000000 {{"arg":{{"channel":"trades","instId":"BTC-USDT-SWAP"}},"data":[{{"instId":"BTC-USDT-SWAP","tradeId":"{id}","px":"100","sz":"3","side":"buy","ts":"{ts}","count":"1"}}]}}"#
        )
    };
    let frames = [frame(midnight - 60_000, 1), frame(midnight + 60_000, 2)];
    std::fs::write(cwd.join("session.log"), frames.join("\n")).unwrap();
    let ingest = |lake: &str, days: &str| {
        let command = format!(
            "build-dataset --exchange okx --market swap --symbol BTC-USDT-SWAP --source recording --input session.log --lake \
             {lake} --instruments terms.yaml --datasets trades --json{days}"
        );
        run(cwd, &command.split(' ').collect::<Vec<_>>())
    };
    for days in ["", " --start 2026-01-05 --end 2026-01-07"] {
        ingest("lake", days).code(2).says(&[
            "0.01 base units and, from 2026-01-06, 0.1 base units",
            "hints\":[\"ingest the days before 2026-01-06",
            "--start 2026-01-06",
        ]);
    }
    assert!(!cwd.join("lake/raw").exists());
    let set = "raw/okx/swap/BTC-USDT-SWAP/trades";
    for (start, end, qty) in [(FIRST, CHANGE, 0.03), (CHANGE, END, 0.3)] {
        let days = format!(" --start {start} --end {end}");
        let answer = ingest("lake", &days).code(0).json();
        assert_eq!(answer["rows"]["written"], 1, "{answer}");
        let file = crate::support::data_file(&cwd.join("lake"), set, start);
        let found = crate::support::Frame::read(&file).f64("qty");
        assert_eq!(found, [Some(qty)]);
    }
}
