//! Tests of manifests: what is written, and every kind of inconsistency that is refused.

use super::*;
use crate::write::fixture::{day, lake_with, spec};

fn stored() -> (tempfile::TempDir, PathBuf, serde_json::Value) {
    let dir = tempfile::tempdir().unwrap();
    let (lake, _) = lake_with(dir.path(), &[1, 2, 5]);
    let path = lake.manifest_path(&spec());
    let value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    (dir, path, value)
}

/// Changes one place of a stored manifest and reads it again.
fn altered(pointer: &str, to: serde_json::Value) -> ManifestError {
    let (_dir, path, mut value) = stored();
    *value.pointer_mut(pointer).unwrap() = to;
    std::fs::write(&path, value.to_string()).unwrap();
    Manifest::load(path.parent().unwrap(), &spec()).unwrap_err()
}

#[test]
fn holds_every_documented_field() {
    let (_dir, path, value) = stored();
    let names = |v: &serde_json::Value| -> Vec<String> {
        let mut names: Vec<String> = v.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names
    };
    assert_eq!(
        names(&value),
        [
            "created_at",
            "earlier_ingest_params",
            "ingest_params",
            "ingest_params_hash",
            "parser_version",
            "partitions",
            "row_count",
            "schema_version",
            "set",
            "simulated",
            "time_range_covered"
        ]
    );
    let partition = &value["partitions"][0];
    assert_eq!(
        names(&partition["quality"]),
        [
            "duplicates",
            "filtered",
            "gaps",
            "late",
            "other_day",
            "out_of_order",
            "quarantined",
            "stale_runs"
        ]
    );
    assert_eq!(
        names(&partition["sources"][0]),
        [
            "bytes",
            "checksum_verified",
            "kind",
            "name",
            "sha256",
            "url"
        ]
    );
    let start = day().start().0;
    assert_eq!(partition["ts_min"], start + 1);
    assert_eq!(partition["ts_max"], start + 5);
    assert_eq!(value["time_range_covered"]["end"], start + 6);
    assert_eq!(
        (&value["row_count"], &partition["rows_in"]),
        (&3.into(), &3.into())
    );
    let loaded = Manifest::load(path.parent().unwrap(), &spec())
        .unwrap()
        .unwrap();
    assert_eq!(loaded.to_json().unwrap(), std::fs::read(&path).unwrap());
}

#[test]
fn refuses_paths_in_file_names() {
    for name in [
        "../part-000.parquet",
        "/etc/passwd",
        "a\\part-000.parquet",
        "part-0.parquet",
        "",
    ] {
        let error = altered("/partitions/0/file", name.into());
        assert!(
            matches!(
                &error,
                ManifestError::Inconsistent { problem: Inconsistency::FileName { file, .. }, .. } if file == name
            ),
            "{error}"
        );
    }
}

#[test]
fn counts_beyond_the_largest_number_are_not_conserved() {
    let (_dir, path, mut value) = stored();
    let set = |value: &mut serde_json::Value, pointer: &str, to: u64| {
        *value.pointer_mut(pointer).unwrap() = to.into();
    };
    for name in ["/row_count", "/partitions/0/rows", "/partitions/0/rows_in"] {
        set(&mut value, name, u64::MAX);
    }
    let parse = |value: &serde_json::Value| {
        Manifest::parse(value.to_string().as_bytes(), &path, spec().interval_us)
    };
    parse(&value).unwrap();
    // One row more than can be counted.
    let mut more = value.clone();
    set(&mut more, "/partitions/0/quality/filtered", 1);
    let error = parse(&more).unwrap_err();
    assert!(
        matches!(
            &error,
            ManifestError::Inconsistent { problem: Inconsistency::RowsNotConserved { rows_in: u64::MAX, accounted, .. }, .. }
                if *accounted == 1 << 64
        ),
        "{error}"
    );
    let mut second = value["partitions"][0].clone();
    second["date"] = "2024-01-03".into();
    second["rows"] = 1.into();
    second["rows_in"] = 1.into();
    value["partitions"].as_array_mut().unwrap().push(second);
    let error = parse(&value).unwrap_err();
    assert!(
        matches!(
            &error,
            ManifestError::Inconsistent {
                problem: Inconsistency::Total {
                    field: "row_count",
                    ..
                },
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn refuses_contradictions() {
    let problem = |pointer, to: serde_json::Value| match altered(pointer, to) {
        ManifestError::Inconsistent { problem, .. } => problem,
        other => panic!("{other}"),
    };
    assert!(matches!(
        problem("/row_count", 4.into()),
        Inconsistency::Total { .. }
    ));
    assert!(matches!(
        problem("/time_range_covered", serde_json::Value::Null),
        Inconsistency::Total { .. }
    ));
    assert!(matches!(
        problem("/partitions/0/rows_in", 9.into()),
        Inconsistency::RowsNotConserved {
            rows_in: 9,
            accounted: 3,
            ..
        }
    ));
    assert!(matches!(
        problem("/partitions/0/sha256", "x".into()),
        Inconsistency::Hash { .. }
    ));
    assert!(matches!(
        problem("/ingest_params", serde_json::json!({"other": 1})),
        Inconsistency::Total {
            field: "ingest_params_hash",
            ..
        }
    ));
    assert!(matches!(
        problem("/partitions/0/ingest_params_hash", "x".into()),
        Inconsistency::Params { .. }
    ));
    assert!(matches!(
        problem("/simulated", true.into()),
        Inconsistency::Simulated { .. }
    ));
    assert!(matches!(
        problem("/set", "raw/x".into()),
        Inconsistency::Set { .. }
    ));
    let (_dir, _path, value) = stored();
    let twice = serde_json::json!([value["partitions"][0], value["partitions"][0]]);
    assert!(matches!(
        problem("/partitions", twice),
        Inconsistency::Order { .. }
    ));
    // Absurd counts must not overflow.
    assert!(matches!(
        problem("/partitions/0/quality/filtered", u64::MAX.into()),
        Inconsistency::RowsNotConserved { .. }
    ));
}

#[test]
fn names_version_and_syntax_problems() {
    for found in ["2.0", "1.9", "0.9", "", "one"] {
        let error = altered("/schema_version", found.into());
        assert!(
            matches!(&error, ManifestError::Version { found: f, .. } if f == found),
            "{error}"
        );
        assert!(error.to_string().contains("\nhint: "));
    }
    let (_dir, path, mut value) = stored();
    value["colour"] = "blue".into();
    std::fs::write(&path, value.to_string()).unwrap();
    let dir = path.parent().unwrap();
    let error = Manifest::load(dir, &spec()).unwrap_err().to_string();
    assert!(error.contains("colour"), "{error}");
    std::fs::write(&path, b"{\"schema_version\": \"1.0\"").unwrap();
    assert!(matches!(
        Manifest::load(dir, &spec()),
        Err(ManifestError::Malformed { .. })
    ));
    let deep = vec![b'['; 100_000];
    std::fs::write(&path, deep).unwrap();
    assert!(matches!(
        Manifest::load(dir, &spec()),
        Err(ManifestError::Malformed { .. })
    ));
}

#[test]
fn params_hash_follows_values_not_key_order() {
    let params = |text: &str| -> IngestParams { serde_json::from_str(text).unwrap() };
    let a = ingest_params_hash(&params(
        r#"{"a": {"x": 1, "y": [1, {"p": 1, "q": 2}]}, "b": 2}"#,
    ));
    let b = ingest_params_hash(&params(
        r#"{"b": 2, "a": {"y": [1, {"q": 2, "p": 1}], "x": 1}}"#,
    ));
    assert_eq!(a, b);
    assert_ne!(a, ingest_params_hash(&params(r#"{"a": {"x": 1}, "b": 2}"#)));
    // sha256 of `{}`.
    assert_eq!(
        ingest_params_hash(&IngestParams::new()),
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}
