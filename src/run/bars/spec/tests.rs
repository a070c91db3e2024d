//! What a bar set is changes with everything its rows depend on: the lags of all events it may read, too.

use std::collections::BTreeSet;
use std::path::Path;

use quant_core::features::FeatureSet;
use quant_core::units::Micros;
use quant_lake::stream::EVENT_DATASETS;

use super::*;
use crate::config::Config;

fn load(sets: &[&str]) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/default.yaml");
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    Config::load(&path, &sets).unwrap()
}

/// Decision lag, bar set id, feature set id and run identity.
fn ids(sets: &[&str]) -> (Micros, String, String, String) {
    let config = load(sets);
    let params = core_params::feature_set(&config.raw);
    let features = FeatureSet::new(&params, 1, 0).unwrap();
    assert_eq!(params.watermark, core_params::watermark(&config.raw));
    (
        params.watermark,
        BarSetSpec::of(&config.raw).unwrap().id().unwrap(),
        features.id().to_owned(),
        config.identity().to_string(),
    )
}

#[test]
fn what_a_day_may_read_is_bars_events_and_states() {
    let spec = BarSetSpec::of(&load(&[]).raw).unwrap();
    let read: BTreeSet<Dataset> = spec.datasets().into_iter().collect();
    let known: BTreeSet<Dataset> = (spec.sources.iter().copied())
        .chain(EVENT_DATASETS)
        .chain(STATE_DATASETS)
        .collect();
    assert_eq!(read, known);
    // States are placed by their lags, everything else has to be waited for.
    assert!(EVENT_DATASETS.iter().all(|d| !STATE_DATASETS.contains(d)));
}

#[test]
fn a_minute_waits_for_the_slowest_event_it_may_hold() {
    let (lag, bars, features, run) = ids(&[]);
    assert_eq!(lag, Micros(250_000));
    let config = load(&[]);
    let spec = BarSetSpec::of(&config.raw).unwrap();
    let events = (spec.datasets().into_iter()).filter(|d| !STATE_DATASETS.contains(d));
    for dataset in events {
        let late = ids(&[&format!("availability.{dataset}={{lag_ms: 2000}}")]);
        assert_eq!(late.0, Micros(2_000_000), "{dataset}");
        assert_ne!(late.1, bars, "{dataset}");
        assert_ne!(late.2, features, "{dataset}");
        assert_ne!(late.3, run, "{dataset}");
        // Within the watermark everything is known by then, and the rows are what they were.
        let soon = ids(&[&format!("availability.{dataset}={{lag_ms: 250}}")]);
        assert_eq!(
            (soon.0, soon.1, soon.2),
            (lag, bars.clone(), features.clone())
        );
    }
    // The largest of several.
    let two = ids(&[
        "availability.depth_bands={lag_ms: 60000}",
        "availability.book_ticker={lag_ms: 2000}",
    ]);
    assert_eq!(two.0, Micros(60_000_000));
    // A state comes later and nobody waits for it.
    let state = ids(&["availability.funding={lag_ms: 60000}"]);
    assert_eq!(state.0, lag);
    assert_ne!(state.1, bars);
}

#[test]
fn nobody_waits_for_what_is_not_read() {
    let plain = ids(&["bars.microstructure=null", "features.extra=[]"]);
    let late = ids(&[
        "bars.microstructure=null",
        "features.extra=[]",
        "availability.book_ticker={lag_ms: 2000}",
    ]);
    assert_eq!((late.0, late.1, late.2), (plain.0, plain.1, plain.2));
    let klines = ids(&[
        "bars.sources=[klines_1m]",
        "availability.trades={lag_ms: 9000}",
    ]);
    assert_eq!(klines.0, Micros(250_000));
}
