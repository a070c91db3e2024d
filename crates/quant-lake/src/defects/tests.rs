//! Every kind plants exactly what it reports, and nothing else; existing parsers see it.

mod ingest;
mod makers;
mod planted;

use super::*;
use makers::*;

#[test]
fn rate_0_changes_no_byte() {
    let none: [(&str, f64); 0] = [];
    let zeros = DefectKind::ALL.map(|kind| (kind.name(), 0.0));
    for plan in [
        DefectPlan::new(3, &none).unwrap(),
        DefectPlan::new(3, &zeros).unwrap(),
    ] {
        assert!(plan.is_empty());
        for (path, shape, text) in samples() {
            let clean = stored(&path, &text);
            let (file, defect) = plant(&plan, &path, shape, clean.clone()).unwrap();
            assert!(file == clean && defect.is_none(), "{path}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    for kind in DefectKind::ALL {
        for (path, shape, text) in samples()
            .into_iter()
            .filter(|(_, s, _)| kind.applies_to(*s))
        {
            let run = |seed| plant(&only(seed, kind), &path, shape, stored(&path, &text)).unwrap();
            assert_eq!(run(1), run(1), "{kind} {path}");
            if !matches!(kind, DefectKind::WrongChecksum | DefectKind::MissingHeader)
                && run(1).1.is_some()
            {
                assert!((2..22).any(|seed| run(seed) != run(1)), "{kind} {path}");
            }
        }
    }
}

#[test]
fn a_rate_is_the_share_of_files() {
    let plan = DefectPlan::new(
        11,
        &[("gap", 0.2), ("duplicate", 0.3), ("frozen_bands", 0.5)],
    )
    .unwrap();
    let mut counts = std::collections::BTreeMap::new();
    for i in 0..4_000 {
        let kind = plan.kind_for(&format!("data/{i}.zip"), Shape::Trades);
        *counts.entry(kind).or_insert(0) += 1;
    }
    // Four sigma of a share of 4,000 files are 126 files at most.
    assert!((counts[&Some(DefectKind::Gap)] - 800_i32).abs() < 126);
    assert!((counts[&Some(DefectKind::Duplicate)] - 1_200_i32).abs() < 126);
    // Trades have no bands.
    assert!((counts[&None] - 2_000_i32).abs() < 126);
    // The order of the rates does not matter.
    let turned = DefectPlan::new(
        11,
        &[("frozen_bands", 0.5), ("duplicate", 0.3), ("gap", 0.2)],
    )
    .unwrap();
    assert_eq!(plan, turned);
}

#[test]
fn impossible_plans_name_what_is_wrong() {
    let error = DefectPlan::new(1, &[("gaps", 0.1)])
        .unwrap_err()
        .to_string();
    assert!(error.contains("`gaps`"), "{error}");
    for kind in DefectKind::ALL {
        assert!(error.contains(kind.name()), "{error}");
        assert_eq!(DefectKind::from_name(kind.name()), Some(kind));
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
    for rate in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let error = DefectPlan::new(1, &[("gap", rate)]).unwrap_err();
        assert!(matches!(
            error,
            DefectError::BadRate {
                kind: DefectKind::Gap,
                ..
            }
        ));
    }
    let error = DefectPlan::new(1, &[("gap", 0.1), ("gap", 0.1)]).unwrap_err();
    assert!(matches!(error, DefectError::TwoRates { .. }));
    let error = DefectPlan::new(1, &[("gap", 0.6), ("frozen_bands", 0.5)]).unwrap_err();
    assert!(
        error.to_string().contains("bookDepth files add up to 1.1"),
        "{error}"
    );
    // Kinds that fit no common file may exceed 1 together; ten tenths may not.
    assert!(
        DefectPlan::new(
            1,
            &[
                ("clock_offset", 1.0),
                ("frozen_bands", 1.0),
                ("shifted_oi", 1.0)
            ]
        )
        .is_ok()
    );
    let tenths = [
        "gap",
        "duplicate",
        "unsorted",
        "other_day",
        "missing_header",
        "reordered_header",
        "crossed_book",
        "zero_size_level",
        "wrong_checksum",
        "truncated_archive",
    ];
    assert!(DefectPlan::new(1, &tenths.map(|kind| (kind, 0.1))).is_ok());
}

#[test]
fn what_is_no_archive_is_an_error() {
    let file = StoredFile {
        bytes: b"no zip".to_vec(),
        checksum: None,
    };
    for path in ["a/b.zip", "a/b.tar.gz", "a/b.csv.gz"] {
        let error =
            plant(&only(1, DefectKind::Gap), path, Shape::Trades, file.clone()).unwrap_err();
        assert!(
            matches!(&error, DefectError::Unpack { path: p, .. } if p == path),
            "{error}"
        );
    }
}

#[test]
fn short_files_stay_as_they_are() {
    for kind in DefectKind::ALL.into_iter().filter(|kind| {
        !matches!(
            kind,
            DefectKind::WrongChecksum
                | DefectKind::TruncatedArchive
                | DefectKind::MissingHeader
                | DefectKind::ReorderedHeader
        )
    }) {
        for (path, shape, text) in samples()
            .into_iter()
            .filter(|(_, s, _)| kind.applies_to(*s))
        {
            // A header and at most two rows; of a book two updates.
            let lines: Vec<_> = text.split_inclusive('\n').collect();
            let keep = if shape.is_table() { 0..3 } else { 1..3 };
            let short = lines[keep].concat();
            let clean = stored(&path, &short);
            let (file, defect) = plant(&only(1, kind), &path, shape, clean.clone()).unwrap();
            assert!(file == clean && defect.is_none(), "{kind} {path}");
        }
    }
}
