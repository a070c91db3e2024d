//! No look-ahead, end to end: two markets that agree up to a minute give the same decisions and trades up to it.

use std::path::Path;

use crate::support::{Frame, run};
use crate::walk::{walk, write_config, write_csv};

/// Candidates and trades of a run, as (time it was known, whole row).
struct Known {
    candidates: Vec<(i64, String)>,
    trades: Vec<(i64, String)>,
}

fn run_on(dir: &Path, fork: Option<usize>) -> Known {
    std::fs::create_dir_all(dir).unwrap();
    write_csv(&dir.join("bars.csv"), &walk("2024-03-01", 4, fork));
    write_config(dir, "2024-03-01", "2024-03-05", "");
    let answer = run(dir, &["run-all", "--json", "--config", "csv.yaml"])
        .code(0)
        .json();
    let folder = dir.join(answer["dir"].as_str().unwrap());
    let known = |name: &str, time: &str| {
        let frame = Frame::read(&folder.join(name));
        frame.ts(time).into_iter().zip(frame.lines()).collect()
    };
    Known {
        candidates: known("entries_5m.parquet", "ts_decision"),
        trades: known("trades_baseline.parquet", "ts_known"),
    }
}

fn until(rows: &[(i64, String)], ts: i64) -> Vec<&str> {
    rows.iter()
        .filter(|(known, _)| *known <= ts)
        .map(|(_, line)| line.as_str())
        .collect()
}

#[test]
fn the_future_changes_nothing_that_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let whole = run_on(&dir.path().join("whole"), None);
    assert!(whole.trades.len() > 10, "{} trades", whole.trades.len());
    // The first day only fills windows. In a five-minute bar, on its edge, near midnight, at midnight.
    for fork in [2_500, 3_303, 4_319, 4_320, 5_105] {
        let bars = walk("2024-03-01", 4, None);
        let other = walk("2024-03-01", 4, Some(fork));
        assert!(bars[..fork] == other[..fork] && bars[fork..] != other[fork..]);
        let forked = run_on(&dir.path().join(fork.to_string()), Some(fork));

        // The first other minute opens here; a decision of its close comes later than this.
        let known = bars[fork].ts_open.0 + 250_000;
        let (a, b) = (
            until(&whole.candidates, known),
            until(&forked.candidates, known),
        );
        assert!(a.len() > 5, "fork {fork}: {} candidates", a.len());
        assert_eq!(a, b, "fork {fork}");
        let (a, b) = (until(&whole.trades, known), until(&forked.trades, known));
        assert!(!a.is_empty(), "fork {fork}: no trade before it");
        assert_eq!(a, b, "fork {fork}");
        // The two do part: this test would notice.
        assert_ne!(
            until(&whole.candidates, i64::MAX),
            until(&forked.candidates, i64::MAX)
        );
    }
}
