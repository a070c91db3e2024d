//! Datasets of one day against one another: trades with klines, mark with index.

use quant_core::time::{MICROS_PER_DAY, MICROS_PER_MINUTE};

use super::slices::{
    Kline, Trade, each, klines, names, scan_klines, scan_trades, start, subject, trades_of,
};
use crate::quality::minutes::Minutes;
use crate::quality::{Finding, Severity, cross};
use crate::schema::Dataset;

/// Compares a day of klines with trades.
fn compare(klines: &[Kline], trades: &[Trade]) -> Vec<Finding> {
    let (_, k) = scan_klines(Dataset::Klines1m, klines);
    let (_, t) = scan_trades(Dataset::Trades, trades, None);
    cross::trades_and_klines(
        (subject(Dataset::Trades), &t),
        (subject(Dataset::Klines1m), &k),
    )
}

#[test]
fn trades_against_klines() {
    let with_counts = |mut rows: Vec<Kline>| {
        each(&mut rows, |k| k.trades = 4);
        rows
    };
    let clean = with_counts(klines());
    let trades = trades_of(&clean);
    assert!(
        compare(&clean, &trades).is_empty(),
        "{:?}",
        compare(&clean, &trades)
    );

    for by in [MICROS_PER_MINUTE, -MICROS_PER_MINUTE] {
        let mut shifted = clean.clone();
        each(&mut shifted, |k| k.ts += by);
        shifted.retain(|k| (start()..start() + MICROS_PER_DAY).contains(&k.ts));
        let found = compare(&shifted, &trades);
        assert_eq!(names(&found), ["label_shift"]);
        let word = if by > 0 { "late" } else { "early" };
        assert!(found[0].text.contains(word), "{}", found[0].text);
    }
    for factor in [100.0, 1e-3] {
        let mut rows = trades.clone();
        each(&mut rows, |t| t.qty *= factor);
        assert_eq!(names(&compare(&clean, &rows)), ["volume_ratio"]);
        // Klines in contracts too: their turnover still tells what a trade is worth.
        let mut mixed = clean.clone();
        each(&mut mixed, |k| k.volume *= factor);
        assert_eq!(names(&compare(&mixed, &rows)), ["volume_ratio"]);
    }
    let mut rows = trades.clone();
    rows.retain(|t| {
        !(start() + 50 * MICROS_PER_MINUTE..start() + 53 * MICROS_PER_MINUTE).contains(&t.ts)
    });
    let found = compare(&clean, &rows);
    assert_eq!(
        (names(&found), found[0].rows),
        (vec!["minutes_without_trades"], 12)
    );
    // Klines that do not count trades: they have volume, which is enough in a stretch and no proof in a minute.
    let mut uncounted = clean.clone();
    each(&mut uncounted, |k| k.trades = 0);
    assert!(compare(&uncounted, &trades).is_empty());
    let found = compare(&uncounted, &rows);
    let said = (names(&found), found[0].rows, found[0].severity);
    assert_eq!(said, (vec!["minutes_without_trades"], 0, Severity::Fail));
    assert!(
        found[0].text.contains("klines have volume"),
        "{}",
        found[0].text
    );
    let mut rows = trades.clone();
    let minute = start() + 50 * MICROS_PER_MINUTE;
    rows.retain(|t| !(minute..minute + MICROS_PER_MINUTE).contains(&t.ts));
    assert_eq!(compare(&uncounted, &rows)[0].severity, Severity::Warn);
    assert_eq!(compare(&clean, &rows)[0].severity, Severity::Fail);

    let mut still = clean.clone();
    for k in &mut still[60..70] {
        k.prices = [100.0; 4];
        (k.volume, k.turnover, k.trades) = (0.0, 0.0, 0);
    }
    assert_eq!(names(&compare(&still, &trades)), ["minutes_without_kline"]);
    let mut fewer = clean.clone();
    each(&mut fewer, |k| k.trades = 5);
    assert_eq!(names(&compare(&fewer, &trades)), ["trade_count"]);
    let mut narrow = clean.clone();
    for k in narrow.iter_mut().step_by(3) {
        (k.prices[1], k.prices[2]) = (k.prices[0].max(k.prices[3]), k.prices[0].min(k.prices[3]));
    }
    assert_eq!(
        names(&compare(&narrow, &trades))[..2],
        ["price_range", "kline_prices"]
    );
}

#[test]
fn klines_of_the_right_volume_with_wrong_prices_or_sides() {
    let owned = |found: &[Finding]| -> Vec<String> {
        names(found).into_iter().map(str::to_owned).collect()
    };
    let mut clean = klines();
    each(&mut clean, |k| k.trades = 4);
    let trades = trades_of(&clean);
    let found = |change: &dyn Fn(&mut Kline)| {
        let mut rows = clean.clone();
        change(&mut rows[700]);
        let found = compare(&rows, &trades);
        let minutes: u64 = found.iter().map(|f| f.rows).sum();
        (owned(&found), minutes)
    };
    let one = (vec!["kline_prices".to_owned()], 1);
    assert_eq!(found(&|k| k.prices[1] *= 10.0), one);
    assert_eq!(found(&|k| k.prices[2] *= 0.95), one);
    assert_eq!(found(&|k| k.prices[0] = k.prices[1] + 1.0), one);
    assert_eq!(found(&|k| k.prices[3] *= 1.0 + 1e-6), one);
    // Another volume or count is of other trades, and judged by its own rules.
    for change in [
        (&|k: &mut Kline| (k.prices[1], k.volume) = (k.prices[1] * 10.0, k.volume * 1.01))
            as &dyn Fn(&mut Kline),
        &|k| (k.prices[1], k.trades) = (k.prices[1] * 10.0, 5),
    ] {
        assert!(!found(change).0.contains(&one.0[0]));
    }
    // All trades buy here. Klines that do not say who bought, that agree, and that say the opposite.
    let judged = |share: Option<f64>| {
        let (_, mut k) = scan_klines(Dataset::Klines1m, &clean);
        for at in 0..1_440 {
            if let (Some(minute), Some(share)) = (k.at(start() + at * MICROS_PER_MINUTE), share) {
                minute.bought = share * minute.volume;
            }
        }
        let (_, t) = scan_trades(Dataset::Trades, &trades, None);
        let found = cross::trades_and_klines(
            (subject(Dataset::Trades), &t),
            (subject(Dataset::Klines1m), &k),
        );
        owned(&found)
    };
    assert!(judged(None).is_empty());
    assert!(judged(Some(1.0)).is_empty());
    assert_eq!(judged(Some(0.0)), ["taker_side"]);
}

#[test]
fn reference_prices_a_minute_apart() {
    let (_, mark) = scan_klines(Dataset::MarkKlines, &klines());
    let (_, index) = scan_klines(Dataset::IndexKlines, &klines());
    let pair = |a: &Minutes, b: &Minutes| {
        cross::reference_shift(
            (subject(Dataset::MarkKlines), a),
            (subject(Dataset::IndexKlines), b),
        )
    };
    assert_eq!(pair(&mark, &index), None);
    let mut shifted = klines();
    each(&mut shifted, |k| k.ts += MICROS_PER_MINUTE);
    let (_, late) = scan_klines(Dataset::MarkKlines, &shifted);
    let found = pair(&late, &index).unwrap();
    assert_eq!(found.detector, "label_shift");
    assert!(found.text.contains("late"), "{}", found.text);
}
