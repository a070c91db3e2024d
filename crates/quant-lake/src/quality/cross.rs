//! Compares datasets of the same day: trades with klines, mark with index.

use quant_core::time::MINUTES_PER_DAY;

use super::finding::{Finding, Severity, Stretch, Stretches, Subject};
use super::minutes::{Minute, Minutes};
use super::rules::{
    KLINE_PRICES, LABEL_SHIFT, MINUTES_WITHOUT_KLINE, MINUTES_WITHOUT_TRADES, PRICE_RANGE,
    TAKER_SIDE, TRADE_COUNT, VOLUME_RATIO,
};
use crate::schema::Dataset;

/// Fewest minutes with trades from which anything is concluded.
const MIN_MINUTES: usize = 30;

/// Relative difference up to which sums of the same trades are the same.
const SAME: f64 = 1e-9;

/// Trades of a minute that an aggregate of the minute before can hold: it crosses the edge by at most 100 ms.
const EDGE_TRADES: u64 = 20;

/// Compares trades (or aggregated trades) with klines of the same day.
pub(super) fn trades_and_klines(
    trades: (Subject, &Minutes),
    klines: (Subject, &Minutes),
) -> Vec<Finding> {
    let (subject, trades) = trades;
    let (kline_subject, klines) = klines;
    let (t, k) = (trades.slots(), klines.slots());
    let mut out = Vec::new();
    if let Some(finding) = label_shift(kline_subject, t, k) {
        // Minute by minute nothing else can be compared.
        return vec![finding];
    }
    out.extend(volume_ratio(subject, t, k));
    out.extend(price_range(subject, t, k));
    out.extend(kline_prices(kline_subject, trades, klines));
    out.extend(taker_side(kline_subject, t, k));

    let aggregated = subject.dataset == Dataset::AggTrades;
    // Many sources do not count trades: null or 0 in every row.
    let counted = k.iter().any(|m| m.trades > 0);
    let (mut without_trades, mut at_edges) = (Stretches::default(), Stretches::default());
    for (from, to) in trades.runs(|i| k[i].volume > 0.0 && t[i].rows == 0) {
        let due: u64 = k[from..to].iter().map(|m| m.trades).sum();
        let stretch = minutes(trades, from, to, due);
        if to - from > 1 || (counted && !(aggregated && due <= EDGE_TRADES)) {
            without_trades.push(stretch);
        } else if !counted {
            at_edges.push(stretch);
        }
    }
    let text = |s: &Stretch| {
        if counted {
            format!(
                "{:.0} minutes without a row, in which klines count {} trades",
                s.measured, s.rows
            )
        } else {
            format!(
                "{:.0} minutes without a row, in which klines have volume",
                s.measured
            )
        }
    };
    out.extend(without_trades.findings(subject, &MINUTES_WITHOUT_TRADES, text));
    // One trade that two clocks put on either side of an edge looks the same, where nothing says how many there were.
    out.extend(
        at_edges
            .findings(subject, &MINUTES_WITHOUT_TRADES, text)
            .into_iter()
            .map(|f| f.softened(Severity::Warn)),
    );
    let mut without_kline = Stretches::default();
    for (from, to) in
        trades.runs(|i| t[i].rows > 0 && t[i].volume > 0.0 && k[i].rows > 0 && k[i].volume <= 0.0)
    {
        let rows = t[from..to].iter().map(|m| m.rows).sum();
        without_kline.push(minutes(trades, from, to, rows));
    }
    out.extend(
        without_kline.findings(kline_subject, &MINUTES_WITHOUT_KLINE, |s| {
            format!(
                "{:.0} minutes in which {} {} rows stand against a kline without volume",
                s.measured, s.rows, subject.dataset
            )
        }),
    );
    out.extend(trade_count(subject, t, k));
    out
}

fn minutes(of: &Minutes, from: usize, to: usize, rows: u64) -> Stretch {
    Stretch {
        from: of.start(from),
        to: of.start(to),
        rows,
        measured: (to - from) as f64,
    }
}

/// Returns the share of minutes with trades whose high and low are those of the kline `shift` minutes later.
fn same_prices(t: &[Minute], k: &[Minute], shift: isize) -> Option<f64> {
    let (mut n, mut same) = (0_usize, 0_usize);
    for (i, minute) in t.iter().enumerate().filter(|(_, m)| m.rows > 0) {
        let Some(other) = i.checked_add_signed(shift).and_then(|i| k.get(i)) else {
            continue;
        };
        n += 1;
        let equal = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        same += usize::from(
            other.volume > 0.0 && equal(minute.high, other.high) && equal(minute.low, other.low),
        );
    }
    (n >= MIN_MINUTES).then(|| same as f64 / n as f64)
}

fn label_shift(subject: Subject, t: &[Minute], k: &[Minute]) -> Option<Finding> {
    let now = same_prices(t, k, 0)?;
    [(1, "late"), (-1, "early")]
        .into_iter()
        .filter_map(|(shift, word)| Some((same_prices(t, k, shift)?, word)))
        .filter(|(share, _)| *share >= LABEL_SHIFT.threshold && now <= 0.25)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(share, word)| {
            let text = format!(
                "klines are labelled one minute {word}: {:.0} % of the minutes have the prices of their trades there, {:.0} % where they stand",
                100.0 * share,
                100.0 * now
            );
            subject.find_day(&LABEL_SHIFT, MINUTES_PER_DAY as u64, share, text)
        })
}

fn volume_ratio(subject: Subject, t: &[Minute], k: &[Minute]) -> Option<Finding> {
    let mut ratios: Vec<f64> = t
        .iter()
        .zip(k)
        .filter(|(t, k)| t.volume > 0.0 && t.turnover > 0.0 && k.volume > 0.0)
        .map(|(t, k)| {
            // The kline's turnover says how much base it stands for, whatever the unit of its volume is.
            let base = if k.turnover > 0.0 {
                k.turnover / (t.turnover / t.volume)
            } else {
                k.volume
            };
            t.volume / base
        })
        .collect();
    if ratios.len() < MIN_MINUTES {
        return None;
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    let off = (median - 1.0).abs();
    (off >= VOLUME_RATIO.threshold).then(|| {
        let text = format!(
            "the quantity is {median:.6} times that of the klines (median of {} minutes): contracts against base, or another unit",
            ratios.len()
        );
        subject.find_day(&VOLUME_RATIO, t.iter().map(|m| m.rows).sum(), off, text)
    })
}

fn price_range(subject: Subject, t: &[Minute], k: &[Minute]) -> Option<Finding> {
    let both = || {
        t.iter()
            .zip(k)
            .filter(|(t, k)| t.rows > 0 && k.rows > 0 && k.volume > 0.0)
    };
    let n = both().count();
    let outside = both()
        .filter(|(t, k)| t.high > k.high * (1.0 + 1e-9) || t.low < k.low * (1.0 - 1e-9))
        .count();
    let share = outside as f64 / n.max(1) as f64;
    (n >= MIN_MINUTES && share >= PRICE_RANGE.threshold).then(|| {
        let text = format!("in {outside} of {n} minutes trades lie outside of the kline's prices");
        subject.find_day(&PRICE_RANGE, outside as u64, share, text)
    })
}

/// Returns whether a kline is of the very trades of a minute: only then must everything else agree.
fn is_of(k: &Minute, t: &Minute) -> bool {
    let is_counted = k.trades == 0 || k.trades == t.trades;
    t.rows > 0 && k.rows > 0 && is_counted && (t.volume - k.volume).abs() <= SAME * k.volume
}

/// Finds klines of the right volume whose prices are not those of their trades.
fn kline_prices(subject: Subject, trades: &Minutes, klines: &Minutes) -> Vec<Finding> {
    let (t, k) = (trades.slots(), klines.slots());
    let prices = |m: &Minute| [m.open, m.high, m.low, m.close];
    let differs = |i: usize| {
        let mut pairs = prices(&t[i]).into_iter().zip(prices(&k[i]));
        is_of(&k[i], &t[i]) && pairs.any(|(a, b)| (a / b - 1.0).abs() > SAME)
    };
    let mut found = Stretches::default();
    for (from, to) in klines.runs(differs) {
        found.push(minutes(klines, from, to, (to - from) as u64));
    }
    found.findings(subject, &KLINE_PRICES, |s| {
        format!(
            "in {:.0} minutes a kline has the volume of its trades and other prices",
            s.measured
        )
    })
}

/// Compares who bought: a flag read the wrong way round leaves everything else as it is.
fn taker_side(subject: Subject, t: &[Minute], k: &[Minute]) -> Option<Finding> {
    let both = || {
        t.iter()
            .zip(k)
            .filter(|(t, k)| k.volume > 0.0 && k.bought.is_finite() && is_of(k, t))
    };
    let n = both().count();
    let off = both()
        .filter(|(t, k)| (t.bought - k.bought).abs() > 1e-6 * k.volume)
        .count();
    let share = off as f64 / n.max(1) as f64;
    (n >= MIN_MINUTES && share >= TAKER_SIDE.threshold).then(|| {
        let text = format!(
            "in {off} of {n} minutes the volume bought by takers is not that of the trades"
        );
        subject.find_day(&TAKER_SIDE, off as u64, share, text)
    })
}

fn trade_count(subject: Subject, t: &[Minute], k: &[Minute]) -> Option<Finding> {
    let (mut ours, mut theirs) = (0_u64, 0_u64);
    for (t, k) in t.iter().zip(k).filter(|(_, k)| k.rows > 0 && k.trades > 0) {
        ours += t.trades;
        theirs += k.trades;
    }
    if theirs < 100 {
        return None;
    }
    let off = (ours as f64 / theirs as f64 - 1.0).abs();
    (off >= TRADE_COUNT.threshold).then(|| {
        let text = format!("{ours} trades, of which klines count {theirs}");
        subject.find_day(&TRADE_COUNT, ours.abs_diff(theirs), off, text)
    })
}

/// Compares one-minute returns of two reference prices: they move together, so a shift by a minute shows.
pub(super) fn reference_shift(
    (subject, a): (Subject, &Minutes),
    (other, b): (Subject, &Minutes),
) -> Option<Finding> {
    let returns = |m: &Minutes| -> Vec<Option<f64>> {
        m.slots()
            .windows(2)
            .map(|w| {
                (w[0].rows > 0 && w[1].rows > 0 && w[0].close > 0.0)
                    .then(|| w[1].close / w[0].close - 1.0)
            })
            .collect()
    };
    let (x, y) = (returns(a), returns(b));
    let distance = |shift: isize| {
        let (mut sum, mut n) = (0.0, 0_usize);
        for (i, x) in x.iter().enumerate() {
            let y = i.checked_add_signed(shift).and_then(|i| y.get(i));
            if let (Some(x), Some(Some(y))) = (x, y) {
                sum += (x - y) * (x - y);
                n += 1;
            }
        }
        (n >= 10 * MIN_MINUTES).then(|| sum / n as f64)
    };
    let now = distance(0)?;
    let best = [(1, "early"), (-1, "late")]
        .into_iter()
        .filter_map(|(shift, word)| Some((distance(shift)?, word)))
        .min_by(|p, q| p.0.total_cmp(&q.0))?;
    // Half the distance is far beyond what chance does to a thousand minutes.
    (best.0 < now / 2.0).then(|| {
        let text = format!(
            "moves one minute {} of {}: the distance of their returns falls to {:.0} % when shifted",
            best.1,
            other.dataset,
            100.0 * best.0 / now
        );
        subject.find_day(
            &LABEL_SHIFT,
            MINUTES_PER_DAY as u64,
            1.0 - best.0 / now,
            text,
        )
    })
}
