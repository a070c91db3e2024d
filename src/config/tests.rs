//! Tests of config layers and rules, on the shipped files.
use std::path::PathBuf;

use quant_core::features::FeatureSet;

use super::*;

fn shipped(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("configs")
        .join(name)
}

fn load(sets: &[&str]) -> CommandResult<Config> {
    let sets: Vec<String> = sets.iter().map(|s| (*s).to_owned()).collect();
    let tree = layers::resolve(&shipped("default.yaml"), &[], &sets).config_error()?;
    Config::from_tree(&tree, &shipped("default.yaml"))
}

fn error(sets: &[&str]) -> String {
    let error = load(sets).expect_err("must be refused");
    assert_eq!(error.kind.exit_code(), 2);
    error.to_string()
}

#[test]
fn every_shipped_config_is_valid() {
    for name in ["default.yaml", "csv_klines.yaml", "binance_btcusdt.yaml"] {
        let tree = layers::resolve(&shipped(name), &[], &[]).unwrap();
        Config::from_tree(&tree, &shipped(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn the_checked_in_schema_is_current() {
    let path = shipped("schema.json");
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found.replace("\r\n", "\n") == schema_json().unwrap(),
        "configs/schema.json is stale: run `just schema`"
    );
}

#[test]
fn layers_override_each_other_in_order() {
    let env = [
        ("QUANT__RISK__TRADE_NOTIONAL".to_owned(), "1".to_owned()),
        ("QUANT__RISK__START_EQUITY".to_owned(), "2".to_owned()),
        ("OTHER".to_owned(), "x".to_owned()),
    ];
    let sets = ["risk.trade_notional=3".to_owned()];
    let tree = layers::resolve(&shipped("default.yaml"), &env, &sets).unwrap();
    assert_eq!(tree["risk"]["trade_notional"], 3);
    assert_eq!(tree["risk"]["start_equity"], 2);
}

#[test]
fn unknown_keys_and_wrong_types_name_the_key() {
    let text = error(&["risk.start_equty=1"]);
    assert!(
        text.contains("start_equty") && text.contains("`risk"),
        "{text}"
    );
    let text = error(&["risk.start_equity=lots"]);
    assert!(text.contains("`risk.start_equity`"), "{text}");
    let text = error(&["risk.start_equity=.nan"]);
    assert!(text.contains("`risk.start_equity`"), "{text}");
    let text = error(&["instruments.0.symbol=../../x"]);
    assert!(
        text.contains("instruments[0].symbol") && text.contains("../../x"),
        "{text}"
    );
}

#[test]
fn every_violation_is_named_at_once() {
    let text = error(&[
        "run.end=2024-01-01",
        "execution.slippage_bps=-1",
        "gates.min_coverage=2",
        "features.ema_fast_bars=0",
        "instruments.0.role=reference",
        "regime.trend.ema_gap.leave=9",
        "entries.trend_breakout.min_tfi=7",
    ]);
    for key in [
        "run.end",
        "execution.slippage_bps",
        "gates.min_coverage",
        "features.ema_fast_bars",
        "`instruments`",
        "regime.trend.ema_gap.leave",
        "entries.trend_breakout.min_tfi",
    ] {
        assert!(text.contains(key), "{key} missing in {text}");
    }
}

#[test]
fn extra_features_are_checked_and_bound_by_kind() {
    let config = load(&[]).unwrap();
    let columns = core_params::columns(&config.raw);
    let regime = &columns.regime;
    assert_eq!(regime.spread_stress.as_deref(), Some("spread_stress_15_2d"));
    assert_eq!(regime.depth_stress.as_deref(), Some("depth_stress_15_2d"));
    assert_eq!(regime.vpin.as_deref(), Some("vpin_20"));
    assert_eq!(regime.vpin_pct.as_deref(), Some("vpin_pct_20_1440"));
    assert_eq!(regime.jump_share.as_deref(), Some("jump_share_60"));
    // Every bound column is one the set writes.
    let set = core_params::feature_set(&config.raw);
    let built = FeatureSet::new(&set, 1, 0).unwrap();
    columns.regime.bind(built.columns()).unwrap();
    columns.entries.bind(built.columns()).unwrap();
    // Without them the inputs have no source; the first of a kind counts.
    let none = load(&["features.extra=[]"]).unwrap();
    let columns = core_params::columns(&none.raw);
    assert_eq!(columns.regime.spread_stress, None);
    assert_eq!(columns.regime.vpin, None);
    assert_eq!(columns.regime.jump_share, None);
    let two = load(&["features.extra=[\
         {kind: spread_stress, minutes: 5, days: 1, min_valid_share: 1}, \
         {kind: spread_stress, minutes: 6, days: 1, min_valid_share: 0.5}, \
         {kind: ema, bars: 99, days_back: 1}]"])
    .unwrap();
    let columns = core_params::columns(&two.raw);
    assert_eq!(
        columns.regime.spread_stress.as_deref(),
        Some("spread_stress_5_1d")
    );
    // An extra feature never replaces one of the entries.
    assert_eq!(columns.entries.fast_ema.as_deref(), Some("ema_12"));
    assert_ne!(two.identity(), none.identity());
    let text = error(&["features.extra=[\
         {kind: edge, bars: 2, days_back: 0}, \
         {kind: atr, bars: 14, days_back: 0}, \
         {kind: roll, minutes: 30, days_back: 61}]"]);
    for part in [
        "features.extra.0.edge.bars",
        "features.extra.2.roll.days_back",
        "`atr_14` twice",
    ] {
        assert!(text.contains(part), "{part} missing in {text}");
    }
    let text = error(&["features.extra=[{kind: sorcery, bars: 2}]"]);
    assert!(
        text.contains("features.extra") && text.contains("sorcery"),
        "{text}"
    );
    let text = error(&["features.extra=[{kind: edge, bars: 9, days_back: 0, typo: 1}]"]);
    assert!(
        text.contains("features.extra") && text.contains("typo"),
        "{text}"
    );
}

#[test]
fn simulated_sources_and_real_exchanges_do_not_mix() {
    assert!(error(&["instruments.0.exchange=binance"]).contains("instruments.0.exchange"));
    assert!(error(&["ingest.source=vision"]).contains("instruments.0.exchange"));
}

#[test]
fn identity_forgets_places_and_keeps_everything_else() {
    let base = load(&[]).unwrap().identity();
    for place in [
        "paths.lake=elsewhere",
        "ingest.vision.root=/x",
        "ingest.vision.base_url=http://y",
    ] {
        assert_eq!(load(&[place]).unwrap().identity(), base, "{place}");
    }
    for choice in [
        "run.end=2024-01-17",
        "risk.start_equity=5",
        "ingest.synth.seed=9",
        "bars.watermark_ms=251",
    ] {
        assert_ne!(load(&[choice]).unwrap().identity(), base, "{choice}");
    }
}

#[test]
fn an_unquoted_null_names_the_null_profile() {
    let config = load(&["ingest.synth.profile=null"]).unwrap();
    assert_eq!(config.raw.ingest.synth.unwrap().profile, "null");
}

#[test]
fn hostile_yaml_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.yaml");
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n";
    for (text, word) in [
        (bomb, "not valid YAML"),
        ("run: {start: 1}\nrun: {start: 2}\n", "not valid YAML"),
        ("- a\n- b\n", "not a mapping"),
        ("extends: c.yaml\n", "circular"),
        ("extends: 3\n", "not a file name"),
        ("{", "not valid YAML"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = layers::resolve(&path, &[], &[])
            .expect_err(word)
            .to_string();
        assert!(error.contains(word) && error.contains("c.yaml"), "{error}");
    }
    assert!(layers::resolve(&dir.path().join("none.yaml"), &[], &[]).is_err());
    let sets = ["no_equals".to_owned()];
    assert!(layers::resolve(&shipped("default.yaml"), &[], &sets).is_err());
    let sets = ["run.start.deep=1".to_owned()];
    assert!(layers::resolve(&shipped("default.yaml"), &[], &sets).is_err());
}
