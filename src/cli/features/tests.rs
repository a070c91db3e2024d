//! Tests of the catalogue and of what is suggested for an unknown name.
use super::*;

#[test]
fn edits_are_counted_as_levenshtein_did() {
    for (a, b, n) in [
        ("", "", 0),
        ("", "ofi", 3),
        ("kitten", "sitting", 3),
        ("flaw", "lawn", 2),
        ("tfi_5", "tfi_5", 0),
        ("größe", "große", 1),
    ] {
        assert_eq!((edits(a, b), edits(b, a)), (n, n), "{a} {b}");
    }
}

#[test]
fn every_entry_is_complete_and_columns_of_minute_rows_are_unique() {
    let entries = catalogue::entries().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for entry in &entries {
        for text in [
            &entry.name,
            &entry.doc,
            &entry.formula,
            &entry.units,
            &entry.window,
            &entry.warmup,
            &entry.inputs,
            &entry.null_policy,
            &entry.causality,
            &entry.reference,
        ] {
            assert!(!text.is_empty(), "{}", entry.name);
        }
        assert!(!entry.columns.is_empty());
        assert_eq!(entry.example.is_some(), entry.tier == Tier::Row);
        if entry.tier == Tier::Minute {
            assert!(entry.columns.iter().all(|c| seen.insert(c.name.clone())));
        }
    }
    assert_eq!(seen.len(), quant_core::bars::N_STAT_COLUMNS);
}

#[test]
fn the_nearest_names_are_suggested() {
    let entries = catalogue::entries().unwrap();
    let error = unknown("efficiency_ration", &entries);
    assert_eq!(error.kind, ErrorKind::Config);
    assert!(
        error.hints[0].starts_with("nearest: `efficiency_ratio`, "),
        "{:?}",
        error.hints
    );
}
