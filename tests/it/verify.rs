//! `quant verify` on a sound lake and on every kind of damage; what reads a damaged lake refuses it too.

use std::path::Path;

use crate::bad_archives::{Bench, DAY, GOOD_DAY, good_text};
use crate::support::{AGG_SET, Ran, data_file, listing, manifest, put_text};

/// A lake with two good days.
fn two_days() -> Bench {
    let bench = Bench::new();
    put_text(&bench.path("archive"), DAY, &good_text());
    bench.ingest().code(0);
    bench
}

fn verify(bench: &Bench) -> Ran {
    bench.run(&["verify", "--lake", "lake", "--json"])
}

/// Expects exit code 3, one problem of this kind for this day, and nothing written.
#[track_caller]
fn finds(bench: &Bench, kind: &str, date: Option<&str>, words: &[&str]) {
    let before = listing(&bench.path("lake"));
    let ran = verify(bench).code(3).says(&["problem(s)", "hint"]);
    let problems = ran.json()["problems"].as_array().unwrap().clone();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(problems[0]["set"], AGG_SET);
    assert_eq!(problems[0]["kind"], kind);
    assert_eq!(problems[0]["date"].as_str(), date);
    let detail = problems[0]["detail"].as_str().unwrap();
    for word in words {
        assert!(detail.contains(word), "`{word}` is not in: {detail}");
    }
    assert_eq!(listing(&bench.path("lake")), before);
}

fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[track_caller]
fn replace_in_manifest(bench: &Bench, from: &str, to: &str) {
    let path = bench.path("lake").join(AGG_SET).join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_sound_lake_passes() {
    let bench = two_days();
    let before = listing(&bench.path("lake"));
    for extra in [&[][..], &["--shallow"]] {
        let mut args = vec!["verify", "--lake", "lake", "--json"];
        args.extend(extra);
        let report = bench.run(&args).code(0).json();
        // Two days of trades and the terms of the instrument.
        assert_eq!(report["n_sets"], 2);
        assert_eq!(report["n_partitions"], 3);
        assert_eq!(report["n_rows"], 2_001);
        assert!(report["problems"].as_array().unwrap().is_empty());
    }
    assert_eq!(listing(&bench.path("lake")), before);
}

#[test]
fn one_flipped_bit_is_found_and_named() {
    for at in [0.01, 0.3, 0.6, 0.99] {
        let bench = two_days();
        let path = data_file(&bench.path("lake"), AGG_SET, DAY);
        edit(&path, |bytes| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a share of a small file"
            )]
            let at = (bytes.len() as f64 * at) as usize;
            bytes[at] ^= 1;
        });
        finds(
            &bench,
            "hash",
            Some(DAY),
            &["part-000.parquet", "date=2024-01-02"],
        );
        bench
            .run(&["verify", "--lake", "lake", "--shallow"])
            .code(3);
    }
}

#[test]
fn a_shorter_file_is_found_and_named() {
    let bench = two_days();
    let path = data_file(&bench.path("lake"), AGG_SET, GOOD_DAY);
    edit(&path, |bytes| bytes.truncate(bytes.len() - 1));
    finds(
        &bench,
        "size",
        Some(GOOD_DAY),
        &["part-000.parquet", "date=2024-01-01"],
    );
}

#[test]
fn a_missing_file_is_found_and_named() {
    let bench = two_days();
    std::fs::remove_file(data_file(&bench.path("lake"), AGG_SET, DAY)).unwrap();
    finds(
        &bench,
        "missing_file",
        Some(DAY),
        &["part-000.parquet", "date=2024-01-02"],
    );
}

#[test]
fn a_manifest_that_points_out_of_the_lake_is_refused() {
    let bench = two_days();
    std::fs::write(bench.path("lake/secret.parquet"), "x").unwrap();
    replace_in_manifest(&bench, "part-000.parquet", "../../secret.parquet");
    finds(
        &bench,
        "manifest",
        None,
        &["manifest.json", "../../secret.parquet"],
    );
}

#[test]
fn an_altered_manifest_is_refused() {
    for (from, to, words) in [
        (
            "\"row_count\": 2000",
            "\"row_count\": 2001",
            &["row_count", "2001"][..],
        ),
        ("\"rows_in\": 1000", "\"rows_in\": 999", &["999"]),
        (
            "\"simulated\": false",
            "\"simulated\": true",
            &["simulated"],
        ),
        (
            "\"date\": \"2024-01-02\"",
            "\"date\": \"2024-01-01\"",
            &["2024-01-01"],
        ),
        ("\"row_count\"", "\"row_total\"", &["row_total"]),
        ("{", "", &["manifest.json"]),
    ] {
        let bench = two_days();
        replace_in_manifest(&bench, from, to);
        finds(&bench, "manifest", None, words);
    }
}

#[test]
fn other_rows_with_a_matching_file_hash_are_found_by_their_content() {
    let bench = two_days();
    let lake = bench.path("lake");
    let content = manifest(&lake, AGG_SET)["partitions"][1]["content_sha256"].clone();
    replace_in_manifest(&bench, content.as_str().unwrap(), &"0".repeat(64));
    finds(
        &bench,
        "content_hash",
        Some(DAY),
        &["part-000.parquet", &"0".repeat(64)],
    );
    // Not looking at rows, it cannot know.
    bench
        .run(&["verify", "--lake", "lake", "--shallow"])
        .code(0);
}

#[test]
fn files_that_nothing_lists_are_warnings() {
    let bench = two_days();
    let day = bench.path("lake").join(AGG_SET).join("date=2024-01-02");
    std::fs::write(day.join("part-009.parquet"), "x").unwrap();
    let report = verify(&bench).code(0).json();
    assert_eq!(report["problems"][0]["kind"], "orphan");
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn a_damaged_lake_is_refused_by_those_who_read_it() {
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/configs/binance_btcusdt.yaml");
    let args = |command: &'static str| {
        let mut args = vec![command, "--config", config];
        for set in [
            "paths.lake=lake",
            "ingest.source=lake",
            "run.start=2024-01-01",
            "run.end=2024-01-03",
            "run.warmup_days=0",
        ] {
            args.extend(["--set", set]);
        }
        args
    };
    for missing in [true, false] {
        let bench = two_days();
        let path = data_file(&bench.path("lake"), AGG_SET, DAY);
        if missing {
            std::fs::remove_file(&path).unwrap();
        } else {
            edit(&path, |bytes| bytes[100] ^= 1);
        }
        let before = listing(&bench.path("lake/raw"));
        for command in ["build-bars", "run-all"] {
            bench
                .run(&args(command))
                .code(3)
                .says(&["part-000.parquet", "date=2024-01-02"]);
            assert_eq!(listing(&bench.path("lake/raw")), before);
        }
        assert!(!bench.path("artifacts/runs").join("report.md").exists());
    }
    let bench = two_days();
    replace_in_manifest(&bench, "part-000.parquet", "../part-000.parquet");
    bench
        .run(&args("run-all"))
        .code(3)
        .says(&["manifest.json", "../part-000.parquet"]);
    // An ingest does not build on it either.
    let before = listing(&bench.path("lake"));
    bench.ingest().code(3).says(&["manifest.json"]);
    assert_eq!(listing(&bench.path("lake")), before);
}

#[test]
fn no_lake_at_all() {
    let dir = tempfile::tempdir().unwrap();
    crate::support::run(dir.path(), &["verify", "--lake", "nowhere"])
        .code(2)
        .says(&["there is no lake at `nowhere`", "--lake DIR"]);
}
