//! `quant synth-facts` as a user runs it: verdicts, exit codes, sameness over threads, refusals.

use serde_json::Value;

use crate::support::run;

/// A day of one look at a tenth of its events: seconds in a debug build.
const SMALL: [&str; 8] = [
    "synth-facts",
    "--looks",
    "alt",
    "--days",
    "1",
    "--rate",
    "0.1",
    "--json",
];

fn with<'a>(args: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    [args, more].concat()
}

fn row<'a>(answer: &'a Value, fact: &str) -> &'a Value {
    let rows = answer["facts"].as_array().unwrap();
    rows.iter().find(|row| row["fact"] == fact).unwrap()
}

#[test]
fn facts_are_the_same_with_any_number_of_threads_and_verdicts_follow_bands() {
    let dir = tempfile::tempdir().unwrap();
    let args = with(&SMALL, &["--seeds", "1,2"]);
    let one = run(dir.path(), &with(&args, &["--jobs", "1"]));
    let two = run(dir.path(), &with(&args, &["--jobs", "2"]));
    assert_eq!(one.stdout, two.stdout);
    assert_eq!((one.code, one.stderr.as_str()), (two.code, ""));

    let answer = one.json();
    assert_eq!(answer["simulated"], true);
    assert_eq!(answer["profile"], "mixed");
    let rows = answer["facts"].as_array().unwrap();
    assert!(rows.len() > 25, "{}", rows.len());
    let mut all_ok = true;
    for row in rows {
        let cells = row["cells"].as_array().unwrap();
        let seeds: Vec<u64> = cells.iter().map(|c| c["seed"].as_u64().unwrap()).collect();
        assert_eq!(seeds, [1, 2], "{row}");
        assert!(row["reason"].as_str().unwrap().len() > 20, "{row}");
        for cell in cells {
            let inside = cell["value"].as_f64().is_some_and(|x| {
                let band = &row["band"];
                band["low"].as_f64().is_none_or(|low| x >= low)
                    && band["high"].as_f64().is_none_or(|high| x <= high)
            });
            assert_eq!(cell["ok"].as_bool(), Some(inside), "{row}");
            all_ok &= inside;
        }
    }
    assert_eq!(answer["ok"].as_bool(), Some(all_ok));
    assert_eq!(one.code, if all_ok { 0 } else { 4 });
    let minutes = &row(&answer, "kurtosis_1m")["cells"];
    assert_eq!(minutes[0]["n"].as_u64().map(|n| n <= 1_439), Some(true));
    assert_ne!(minutes[0]["value"], minutes[1]["value"], "seeds differ");
}

#[test]
fn a_planted_edge_is_seen_by_its_natural_feature_and_by_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "synth-facts",
        "--profile",
        "planted_flow",
        "--looks",
        "alt",
        "--seeds",
        "1",
        "--days",
        "2",
        "--rate",
        "0.2",
        "--json",
    ];
    let answer = run(dir.path(), &args).json();
    for fact in ["ic_ofi_5m_next_5m", "ic_truth_edge_next_1m"] {
        let row = row(&answer, fact);
        assert_eq!(row["gated"], true, "{row}");
        // Five standard errors of two days.
        let ic = row["cells"][0]["value"].as_f64().unwrap();
        assert!(ic > 0.1, "{row}");
    }
    assert_eq!(row(&answer, "acf_return_1")["gated"], false);
}

#[test]
fn the_null_run_passes_on_the_null_market_and_refuses_a_planted_one() {
    let dir = tempfile::tempdir().unwrap();
    let args = [
        "synth-facts",
        "--null-minutes",
        "6000",
        "--worlds",
        "2",
        "--look",
        "alt",
        "--rate",
        "0.1",
    ];
    let null = run(dir.path(), &args).code(0);
    assert!(
        null.stdout
            .contains("SIMULATED null alt: 6000 minutes in 2 worlds (seeds 1 to 2), rate 0.1")
    );
    assert!(null.stdout.contains("minutes with a true edge: 0"));
    assert!(null.stdout.contains("0 features beyond the limit"));
    for feature in [
        "tfi_1",
        "volume_median_24",
        "ofi_5m",
        "imbalance_20",
        "wmid_minus_mid",
    ] {
        assert!(null.stdout.contains(feature), "{feature}");
    }
    let planted = run(
        dir.path(),
        &with(&args, &["--profile", "planted_flow", "--json"]),
    )
    .code(4)
    .json();
    assert_eq!(planted["ok"], false);
    assert!(planted["runs"][0]["minutes_with_edge"].as_u64().unwrap() > 1_000);
    let rows = planted["runs"][0]["rows"].as_array().unwrap();
    let found = rows
        .iter()
        .any(|r| r["name"] == "ofi_5m" && r["ok"] == false);
    assert!(found, "{rows:#?}");
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (args, words) in [
        (
            ["--profile", "nul"],
            "unknown profile `nul`; known: null, planted_flow",
        ),
        (["--looks", "eth"], "unknown look `eth`; known: btc, alt"),
        (["--days", "0"], "--days is 0; expected 1 to 3660"),
        (["--rate", "0"], "--rate is 0; expected above 0"),
        (["--rate", "NaN"], "--rate is NaN"),
        (["--rate", "0.0001"], "trades_per_day"),
        (["--seeds", "3,3"], "names a value twice"),
        (
            ["--null-minutes", "10"],
            "--null-minutes is 10; expected 1000",
        ),
        (["--worlds", "3"], "--null-minutes"),
    ] {
        run(dir.path(), &with(&["synth-facts"], &args))
            .code(2)
            .says(&[words]);
    }
    run(
        dir.path(),
        &["synth-facts", "--null-minutes", "2000", "--worlds", "9"],
    )
    .code(2)
    .says(&["--worlds is 9; expected 1 to 4"]);
}
