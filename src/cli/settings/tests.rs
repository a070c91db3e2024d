//! Overrides without a config are obeyed or refused, never ignored.

use super::*;

fn load(sets: &[&str]) -> CommandResult<Settings> {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Settings::load(None, &sets)
}

#[test]
fn keys_of_an_ingest_are_obeyed_without_a_config() {
    let found = load(&[
        "ingest.max_quarantine_share=0.25",
        "ingest.keep_sources=true",
        "ingest.vision.retries=2",
        "ingest.vision.timeout_s=7",
        "paths.instruments=mine.yaml",
    ])
    .unwrap();
    assert!((found.max_quarantine_share - 0.25).abs() < 1e-12);
    assert!(found.keep_sources);
    assert_eq!((found.vision.retries, found.vision.timeout_s), (2, 7));
    assert_eq!(found.vision.base_url, "https://data.binance.vision");
    assert_eq!(found.instruments, Some(PathBuf::from("mine.yaml")));
}

#[test]
fn nothing_set_is_what_is_built_in() {
    let found = load(&[]).unwrap();
    assert!((found.max_quarantine_share - 0.01).abs() < 1e-12);
    assert!(!found.keep_sources && found.csv.is_none() && found.instruments.is_none());
}

#[test]
fn what_would_be_ignored_is_refused_with_a_hint() {
    for set in [
        "nonsense=1",
        "ingest.nonsense=1",
        "paths.lake=elsewhere",
        "run.start=2024-01-01",
        "ingest.max_quarantine_share=2",
        "ingest.max_quarantine_share=-0.1",
        "ingest.max_quarantine_share=.nan",
        "ingest.max_quarantine_share=many",
        "ingest.vision.timeout_s=0",
        "ingest.csv.path=x.csv",
        "no equals sign",
    ] {
        let error = load(&[set]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Config, "{set}");
        assert!(!error.hints.is_empty(), "{set}: {error}");
    }
}
