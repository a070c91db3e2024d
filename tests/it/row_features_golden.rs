//! Row features against the golden vector of the Python oracle: same rows by the same rule, every column compared.
//!
//! `crates/quant-core/tests/golden/row_features.json` is written by `scripts/oracles/row_features.py --golden`. It holds the rule that makes the
//! rows (integers over powers of two: nothing can round differently), the specification of the set and what each column then is.

use std::collections::BTreeMap;

use quant_core::bars::{BarSource, MinuteRow, N_STAT_COLUMNS, STAT_COLUMNS};
use quant_core::features::{FeatureSet, FeatureSetParams};
use quant_core::time::{MICROS_PER_MINUTE, MINUTES_PER_DAY, UnixMicros};
use serde_json::Value;

const GOLDEN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/crates/quant-core/tests/golden/row_features.json"
);
/// Any day will do for the first one.
const FIRST_DAY: i64 = 19_000;
/// Differences shown of a failed comparison.
const MAX_SHOWN: usize = 40;

/// The congruential generator of the rule.
struct Draws(u64);

impl Draws {
    /// Returns a number in `0..k`.
    fn draw(&mut self, k: i32) -> i32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let k = u64::try_from(k).unwrap();
        i32::try_from((self.0 >> 33) % k).unwrap()
    }
}

/// One minute of one instrument.
struct Minute {
    row: Option<MinuteRow>,
    stats: Vec<f64>,
}

fn int(value: &Value) -> i32 {
    i32::try_from(value.as_i64().unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn is_inside(ranges: &Value, t: i32) -> bool {
    list(ranges)
        .iter()
        .any(|r| (int(&r[0])..int(&r[1])).contains(&t))
}

fn stat(name: &str) -> usize {
    STAT_COLUMNS
        .iter()
        .position(|c| *c == name)
        .unwrap_or_else(|| panic!("`{name}` is no column of the minute rows"))
}

/// Draws the statistics of a group and returns them.
fn group(draws: &mut Draws, group: &Value, close: f64) -> Vec<(String, f64)> {
    let named = |name: &str, value: f64| (name.to_owned(), value);
    match group["name"].as_str().unwrap() {
        "flow" => {
            let [mut n, mut x, mut y, mut xx, mut xy, mut yy] = [0; 6];
            for _ in 0..6 {
                let exists = draws.draw(50) > 0;
                let a = draws.draw(257) - 128;
                let c = draws.draw(33) - 16 + a.div_euclid(8);
                if exists {
                    n += 1;
                    x += a;
                    y += c;
                    xx += a * a;
                    xy += a * c;
                    yy += c * c;
                }
            }
            vec![
                named("flow_n", f64::from(n)),
                named("flow_x", f64::from(x) / 16.0),
                named("flow_y", f64::from(y) / 16.0),
                named("flow_xx", f64::from(xx) / 256.0),
                named("flow_xy", f64::from(xy) / 256.0),
                named("flow_yy", f64::from(yy) / 256.0),
            ]
        }
        "vpin" => {
            let buckets = draws.draw(4);
            let imbalance = draws.draw(64 * buckets + 1);
            vec![
                named("vpin_buckets", f64::from(buckets)),
                named("vpin_imbalance", f64::from(imbalance) / 64.0),
            ]
        }
        "refills" => {
            let emptied = draws.draw(6);
            let filled = draws.draw(emptied + 1);
            let secs = draws.draw(640 * filled + 1);
            vec![
                named("n_depletions", f64::from(emptied)),
                named("n_refills", f64::from(filled)),
                named("refill_secs", f64::from(secs) / 64.0),
            ]
        }
        _ => list(&group["columns"])
            .iter()
            .map(|column| {
                let mut x = int(&column["offset"]) + draws.draw(int(&column["range"]));
                if column["flag"] == "clip" {
                    x = x.max(0);
                }
                let base = if column["flag"] == "relative" {
                    close
                } else {
                    0.0
                };
                let unit = (1_u64 << int(&column["shift"])) as f64;
                (
                    column["name"].as_str().unwrap().to_owned(),
                    f64::from(x) / unit + base,
                )
            })
            .collect(),
    }
}

/// Makes all minutes of instrument `i` by the rule of the file.
fn generate(golden: &Value, i: usize) -> Vec<Minute> {
    let plan = &golden["plan"];
    let mut draws = Draws(plan["seeds"][i].as_u64().unwrap());
    let mut ticks = int(&plan["start_ticks"][i]);
    let jumps: Vec<i32> = list(&plan["jumps"][i]).iter().map(int).collect();
    let n = int(&plan["days"]) * i32::try_from(MINUTES_PER_DAY).unwrap();
    let price = |ticks: i32| f64::from(ticks) / 16.0;
    let places: BTreeMap<&str, usize> = STAT_COLUMNS.iter().copied().zip(0..).collect();
    let mut minutes = Vec::new();
    for t in 0..n {
        if jumps.contains(&t) {
            ticks += ticks / 2;
        }
        let mut open = ticks + draws.draw(5) - 2;
        let mut close = open + draws.draw(21) - 10;
        let mut high = open.max(close) + draws.draw(6);
        let mut low = open.min(close) - draws.draw(6);
        let k = 1 + draws.draw(4096);
        let b = draws.draw(65);
        let drawn_filled = draws.draw(100) < 6;
        let drawn_no_quote = draws.draw(100) < 3;
        let drawn_no_split = draws.draw(400) < 1;
        let is_filled = drawn_filled || is_inside(&plan["filled"][i], t);
        if is_filled || is_inside(&plan["flat"][i], t) {
            (open, high, low, close) = (ticks, ticks, ticks, ticks);
        }
        let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
        for spec in list(&golden["groups"]) {
            let is_known = draws.draw(1000) >= int(&spec["null_permille"]);
            for (name, value) in group(&mut draws, spec, price(close)) {
                if is_known {
                    stats[places[name.as_str()]] = value;
                }
            }
        }
        if is_inside(&plan["absent"][i], t) {
            stats.fill(f64::NAN);
            minutes.push(Minute { row: None, stats });
            continue;
        }
        let (mut volume, mut quote, mut bought) = (0.0, 0.0, 0.0);
        if !is_filled {
            ticks = close;
            volume = f64::from(k) / 64.0;
            bought = f64::from(k * b) / 4096.0;
            quote = volume * f64::from(open + close) / 32.0;
        }
        let has_quote = is_filled || !drawn_no_quote;
        let has_split = is_filled || !drawn_no_split;
        let row = MinuteRow {
            ts_open: ts_open(t),
            open: Some(price(open)),
            high: Some(price(high)),
            low: Some(price(low)),
            close: Some(price(close)),
            volume,
            quote_volume: has_quote.then_some(quote),
            n_trades: None,
            buy_volume: has_split.then_some(bought),
            vwap: (has_quote && !is_filled).then(|| quote / volume),
            bar_source: BarSource::Trades,
            is_filled,
        };
        minutes.push(Minute {
            row: Some(row),
            stats,
        });
    }
    minutes
}

fn ts_open(t: i32) -> UnixMicros {
    let minutes_per_day = i64::try_from(MINUTES_PER_DAY).unwrap();
    UnixMicros((FIRST_DAY * minutes_per_day + i64::from(t)) * MICROS_PER_MINUTE)
}

/// Returns a column of the rows, nulls left out.
fn known(minutes: &[Minute], name: &str) -> Vec<f64> {
    let of_row = |row: &MinuteRow| match name {
        "open" => row.open,
        "high" => row.high,
        "low" => row.low,
        "close" => row.close,
        "volume" => Some(row.volume),
        "quote_volume" => row.quote_volume,
        "buy_volume" => row.buy_volume,
        "vwap" => row.vwap,
        _ => None,
    };
    let rows = minutes.iter().filter_map(|m| Some((m.row?, &m.stats)));
    if STAT_COLUMNS.contains(&name) {
        rows.map(|(_, stats)| stats[stat(name)])
            .filter(|v| !v.is_nan())
            .collect()
    } else {
        rows.filter_map(|(row, _)| of_row(&row)).collect()
    }
}

/// Compares one column of one day: the first wrong null and the first wrong value go to `wrong`; returns the values compared.
fn compare(
    column: &Value,
    day: &Value,
    minutes: &Value,
    ours: &[Option<f64>],
    wrong: &mut Vec<String>,
) -> usize {
    let place = format!("{} of day {}", column["name"], day["day"]);
    let mut is_null = true;
    let mut toggles = list(&day["null_toggles"]).iter().map(int).peekable();
    for (t, value) in (0..).zip(ours) {
        if toggles.next_if_eq(&t).is_some() {
            is_null = !is_null;
        }
        if value.is_none() != is_null {
            wrong.push(format!(
                "{place}, minute {t}: found {value:?}, expected null: {is_null}"
            ));
            break;
        }
    }
    let scale = column["scale"].as_f64().unwrap();
    let mut n_values = 0;
    for (t, value) in list(minutes).iter().zip(list(&day["values"])) {
        let found = ours[usize::try_from(int(t)).unwrap()];
        let (Some(found), Some(value)) = (found, value.as_f64()) else {
            continue;
        };
        n_values += 1;
        let allowed = (1e-9 * value.abs()).max(1e-12 * scale);
        if (found - value).abs() > allowed || !found.is_finite() {
            wrong.push(format!(
                "{place}, minute {t}: found {found:e}, expected {value:e}"
            ));
            break;
        }
    }
    n_values
}

#[test]
fn row_features_equal_the_golden_vector() {
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(GOLDEN).unwrap()).unwrap();
    let instruments = [generate(&golden, 0), generate(&golden, 1)];
    // First the rows: a slip in the rule must not look like one in a feature.
    for (name, check) in golden["row_checks"].as_object().unwrap() {
        let values = known(&instruments[0], name);
        let sum = values.iter().fold(0.0, |sum, v| sum + v);
        assert_eq!(values.len() as u64, check[0].as_u64().unwrap(), "{name}");
        assert_eq!(
            f64::to_bits(sum),
            check[1].as_f64().unwrap().to_bits(),
            "{name}"
        );
    }

    let params: FeatureSetParams = serde_json::from_value(golden["spec"].clone()).unwrap();
    let mut set = FeatureSet::new(&params, 2, 0).unwrap();
    let mut expected: Vec<&str> = list(&golden["columns"])
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    let mut found: Vec<&str> = set.columns().iter().map(String::as_str).collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    let names = set.columns().to_vec();

    let mut table: Vec<Vec<Option<f64>>> = Vec::new();
    for (t, (traded, other)) in (0..).zip(instruments[0].iter().zip(&instruments[1])) {
        let stats = [traded.stats.as_slice(), other.stats.as_slice()].concat();
        let row = set
            .push_with_stats(ts_open(t), &[traded.row, other.row], &stats, &[])
            .unwrap();
        table.push(row.values.clone());
    }

    let mut wrong = Vec::new();
    let mut n_values = 0;
    for column in list(&golden["columns"]) {
        let at = names.iter().position(|n| column["name"] == *n).unwrap();
        for (day, moments) in list(&column["days"]).iter().zip(list(&golden["at"])) {
            assert_eq!(day["day"], moments["day"]);
            let first = usize::try_from(int(&day["day"])).unwrap() * MINUTES_PER_DAY;
            let ours: Vec<Option<f64>> = table[first..first + MINUTES_PER_DAY]
                .iter()
                .map(|values| values[at])
                .collect();
            n_values += compare(column, day, &moments["minutes"], &ours, &mut wrong);
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} columns and days differ:\n{}",
        wrong.len(),
        2 * names.len(),
        wrong[..wrong.len().min(MAX_SHOWN)].join("\n")
    );
    assert!(n_values > 4_000, "{n_values} values compared");
}
