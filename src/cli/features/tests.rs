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

/// Names of what a name leads to, with their tiers.
fn led_to(name: &str) -> Vec<(u8, String)> {
    let entries = catalogue::entries().unwrap();
    find(name, &entries)
        .iter()
        .map(|e| (e.tier.number(), e.name.clone()))
        .collect()
}

#[test]
fn names_that_people_know_lead_to_what_they_mean() {
    for (name, expected) in [
        ("tobi", &[(1, "imbalance")][..]),
        ("lpi", &[(2, "liquidation_pressure")]),
        ("microprice", &[(1, "wmid"), (2, "wmid_dev")]),
        ("wmid", &[(1, "wmid")]),
        ("vpin_signed", &[(1, "vpin"), (2, "vpin")]),
        ("obi", &[(1, "obi"), (2, "obi")]),
        (
            "kyle_lambda",
            &[(1, "kyle"), (2, "kyle"), (2, "kyle_minute")],
        ),
        ("ofi", &[(1, "ofi"), (2, "ofi")]),
        ("mlofi", &[(1, "mlofi")]),
        ("session_vwap", &[(2, "session_vwap")]),
        ("Realized-Vol", &[(2, "realised_vol")]),
        // A column of another config.
        ("tfi_15", &[(2, "tfi")]),
        ("vpin_pct_20_1440", &[(2, "vpin")]),
        ("kyle_lambda_90", &[(2, "kyle")]),
        ("spread_stress_5_1d", &[(2, "spread_stress")]),
        ("nothing_5", &[]),
    ] {
        let found = led_to(name);
        let found: Vec<(u8, &str)> = found.iter().map(|(t, n)| (*t, n.as_str())).collect();
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn synonyms_are_sorted_mean_something_and_hide_no_name() {
    let entries = catalogue::entries().unwrap();
    let table = synonyms::SYNONYMS;
    assert!(table.windows(2).all(|w| w[0].0 < w[1].0));
    for (name, meant) in table {
        for target in *meant {
            assert!(
                entries.iter().any(|e| e.name == *target),
                "{name}: {target}"
            );
        }
        let is_name = |e: &Entry| e.name == *name || e.columns.iter().any(|c| c.name == *name);
        assert!(!entries.iter().any(is_name), "{name}");
    }
}
