//! Tests of feature partitions: what is written is found, described and verified without knowing the feature set.

use super::*;
use crate::layout::Lake;
use crate::read::{HashMemo, PartitionSet};
use crate::verify::{Depth, verify_lake};
use crate::write::fixture::{day, options, source};
use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};

fn universe(traded: &str) -> FeatureUniverse {
    let member = |instrument: &str, role: &str| Member {
        instrument: instrument.to_owned(),
        role: role.to_owned(),
    };
    FeatureUniverse(vec![
        member(traded, "traded"),
        member("binance:spot:BTCUSDT", "reference"),
    ])
}

fn columns() -> Vec<String> {
    ["ema_12", "basis_pct_1"].map(str::to_owned).to_vec()
}

/// Writes a day and returns its lake and specification.
fn written(traded: &str) -> (tempfile::TempDir, PartitionSetSpec) {
    let dir = tempfile::tempdir().unwrap();
    let universe = universe(traded);
    let spec = feature_set_spec(&universe, "0af3", &columns()).unwrap();
    let set = FeatureSetParams {
        watermark: quant_core::units::Micros(250_000),
        segment_gap_minutes: 10,
        features: Vec::new(),
    };
    let mut options = options();
    options.ingest_params = feature_set_params(&universe, &columns(), "b0b0", &set);
    let writer = DatasetWriter::open(&Lake::new(dir.path()), spec.clone(), options).unwrap();
    let mut values = FeatureDay::new(2);
    for i in 0..1_440_i64 {
        let ts_open = day().start().plus(i * MICROS_PER_MINUTE);
        let ts_avail = ts_open.plus(MICROS_PER_MINUTE + 250_000);
        let ema = (i >= 60).then_some(0.1 * i as f64);
        values.push(ts_open, ts_avail, &[ema, None]).unwrap();
    }
    assert_eq!((values.missing(), values.rows()), (&[60, 1_440][..], 1_440));
    let bars = Source {
        kind: crate::manifest::SourceKind::Derived,
        ..source('a')
    };
    write_feature_day(&writer, day(), values, vec![bars]).unwrap();
    (dir, spec)
}

#[test]
fn features_come_back_as_they_were() {
    let (dir, spec) = written("binance:um:BTCUSDT");
    let set = PartitionSet::open(&Lake::new(dir.path()), &spec).unwrap();
    let memo = HashMemo::default();
    let mut reader = set.read_day(day(), None, 2_000, &memo).unwrap();
    let batch = reader.next().unwrap().unwrap();
    let times = |i: usize| batch.column(i).as_primitive::<TimestampMicrosecondType>();
    let start = day().start().0;
    assert_eq!(times(0).value(1), start + 60_000_000);
    assert_eq!(times(1).value(1), start + 120_000_000);
    assert_eq!(times(2).value(1), start + 120_250_000);
    let ema = batch.column(3).as_primitive::<Float64Type>();
    assert_eq!((ema.null_count(), ema.value(100)), (60, 0.1 * 100.0));
    assert_eq!(batch.column(4).null_count(), 1_440);
}

#[test]
fn a_set_is_verified_by_what_its_manifest_says() {
    for (traded, simulated) in [("binance:um:BTCUSDT", false), ("sim-binance:um:X", true)] {
        let (dir, spec) = written(traded);
        assert_eq!(spec.simulated, simulated);
        let lake = Lake::new(dir.path());
        let names: Vec<&str> = spec.dir.split('/').collect();
        assert_eq!(
            spec_of_folder(&lake.set_dir(&spec), &names),
            Ok(spec.clone())
        );
        let verify = || verify_lake(&lake, 20, Depth::Rows, &HashMemo::default());
        let report = verify();
        assert!(report.is_ok(), "{report:?}");
        assert_eq!((report.n_sets, report.n_rows), (1, 1_440));
        // A folder that claims another universe is nobody's.
        let moved = dir.path().join("features/0123456789abcdef/0af3");
        std::fs::create_dir_all(moved.parent().unwrap()).unwrap();
        std::fs::rename(lake.set_dir(&spec), &moved).unwrap();
        let problems = verify().problems;
        assert!(
            problems
                .iter()
                .any(|p| p.detail.contains("its folder is 0123456789abcdef")),
            "{problems:?}"
        );
    }
}

#[test]
fn the_universe_id_knows_instruments_roles_and_order() {
    let base = universe("binance:um:BTCUSDT");
    // printf 'binance:um:BTCUSDT traded\nbinance:spot:BTCUSDT reference\n' | sha256sum | cut -c1-16
    assert_eq!(base.id(), "31afe4a2c0c2e00b");
    let mut swapped = base.clone();
    swapped.0.swap(0, 1);
    let mut roles = base.clone();
    roles.0[1].role = "traded".to_owned();
    let ids = [&base, &swapped, &roles, &universe("okx:swap:X")].map(FeatureUniverse::id);
    for (i, id) in ids.iter().enumerate() {
        assert!(ids[..i].iter().all(|other| other != id));
    }
}

#[test]
fn a_row_of_another_width_is_refused() {
    let mut values = FeatureDay::new(2);
    let at = day().start();
    assert!(matches!(
        values.push(at, at, &[Some(1.0)]),
        Err(FeatureSetError::Width {
            expected: 2,
            found: 1,
            ..
        })
    ));
    assert_eq!(values.rows(), 0);
}
