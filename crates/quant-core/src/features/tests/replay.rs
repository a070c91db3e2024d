//! A feature may declare that it needs less of its days than all: nothing may depend on what it leaves out.

use super::*;
use crate::bars::{BookSource, QuoteSource, StatSources, stat_column};

/// Two midnights with two whole days before them, and the hours after in which a window that is too short shows.
const N_MINUTES: usize = 3 * MINUTES_PER_DAY + 400;

/// A feature that declares another replay than its own.
#[derive(Debug)]
struct Declares {
    feature: Box<dyn RowFeature>,
    replay: Replay,
    /// Replays by the whole update.
    is_full: bool,
}

impl RowFeature for Declares {
    fn spec(&self) -> &FeatureSpec {
        self.feature.spec()
    }

    fn replay(&self) -> Replay {
        self.replay
    }

    fn reset(&mut self) {
        self.feature.reset();
    }

    fn update(&mut self, frame: &MinuteFrame<'_>, out: &mut [Option<f64>]) {
        self.feature.update(frame, out);
    }

    fn observe(&mut self, frame: &MinuteFrame<'_>, sink: &mut [Option<f64>]) {
        if self.replay == self.feature.replay() && !self.is_full {
            self.feature.observe(frame, sink);
        } else {
            self.feature.update(frame, sink);
        }
    }
}

/// The registry's examples, rebuilt from two days wherever the days are a parameter.
pub(super) fn two_days() -> Vec<FeatureParams> {
    kinds()
        .iter()
        .map(|kind| {
            let mut json = serde_json::to_value(kind.example).unwrap();
            for key in ["days_back", "days"] {
                if let Some(days) = json.get_mut(key) {
                    *days = 2.into();
                }
            }
            // Random statistics have many zeros: what would be null tells nothing of replays.
            if let Some(share) = json.get_mut("max_zero_share") {
                *share = 1.0.into();
            }
            serde_json::from_value(json).unwrap()
        })
        .collect()
}

/// Rows whose segments outlast the windows: single quiet or absent minutes, seldom a gap, one of each near midnight.
fn rows(seed: u64, n_minutes: usize) -> Vec<Option<MinuteRow>> {
    let mut dice = Dice(seed);
    let mut close = 100.0;
    let mut quiet = 0;
    (0..n_minutes)
        .map(|m| {
            if quiet == 0 {
                quiet = match dice.below(2_000) {
                    0 => 25,
                    1..=60 => 1 + dice.below(3),
                    _ => 0,
                };
            }
            let open = close;
            let is_filled = quiet > 0;
            quiet = quiet.saturating_sub(1);
            if is_filled && dice.below(3) == 0 {
                return None;
            }
            if !is_filled {
                close += dice.unit() - 0.5;
            }
            let volume = if is_filled { 0.0 } else { 1.0 + dice.unit() };
            let spread = if is_filled { 0.0 } else { 0.2 * dice.unit() };
            Some(MinuteRow {
                ts_open: minute_at(m),
                open: Some(open),
                high: Some(open.max(close) + spread),
                low: Some(open.min(close) - spread),
                close: Some(close),
                volume,
                quote_volume: (dice.below(50) > 0).then_some(volume * close),
                n_trades: Some(u64::from(!is_filled)),
                buy_volume: (dice.below(50) > 0).then(|| volume * dice.unit()),
                vwap: (!is_filled).then_some(close),
                bar_source: BarSource::Trades,
                is_filled,
            })
        })
        .collect()
}

/// Statistics of which few are null, so that the windows are known.
fn stats(m: usize, row: Option<&MinuteRow>) -> Vec<f64> {
    let mut dice = Dice(m as u64);
    let mut stats = random_stats(m, row);
    for x in &mut stats {
        if row.is_some() && x.is_nan() && dice.below(20) > 0 {
            *x = 0.5 + dice.unit();
        }
    }
    if row.is_some() {
        // Six intervals a minute that have a line, and one that is no noise.
        stats[stat_column("flow_n")] = 6.0;
        for name in ["flow_xx", "flow_yy"] {
            stats[stat_column(name)] = 5.0 + dice.unit();
        }
        stats[stat_column("flow_xy")] = 1.0 + dice.unit();
    }
    stats
}

/// The values of every day from the third on, one row of bits per minute, with what `declared` makes of each declaration.
fn values(
    seed: u64,
    features: &[FeatureParams],
    is_full: bool,
    declared: impl Fn(Replay) -> Replay,
) -> (FeatureSet, Vec<Vec<Option<u64>>>) {
    values_of_days(
        seed,
        features,
        is_full,
        [StatSources::default(); 4],
        declared,
    )
}

/// The same with the sources of each day's statistics.
fn values_of_days(
    seed: u64,
    features: &[FeatureParams],
    is_full: bool,
    sources: [StatSources; 4],
    declared: impl Fn(Replay) -> Replay,
) -> (FeatureSet, Vec<Vec<Option<u64>>>) {
    let params = params(features.to_vec());
    let built = params.build(2, 0).unwrap();
    let built = built
        .into_iter()
        .map(|feature| {
            let replay = declared(feature.replay());
            Box::new(Declares {
                feature,
                replay,
                is_full,
            }) as Box<dyn RowFeature>
        })
        .collect();
    let mut set = FeatureSet::of(&params, built, 2, 0).unwrap();
    let (traded, other) = (rows(seed, N_MINUTES), rows(!seed, N_MINUTES));
    let mut out = Vec::new();
    for (m, pair) in traded.into_iter().zip(other).enumerate() {
        let pair = [pair.0, pair.1];
        let stats = pair.map(|row| stats(m, row.as_ref())).concat();
        let of_day = [sources[m / MINUTES_PER_DAY]; 2];
        let row = set
            .push_with_stats(minute_at(m), &pair, &stats, &of_day)
            .unwrap();
        // What differs does so in the first hours: a window that is full of its own day agrees again.
        if m >= 2 * MINUTES_PER_DAY && m % MINUTES_PER_DAY < 400 {
            out.push(row.values.iter().map(|v| v.map(f64::to_bits)).collect());
        }
    }
    (set, out)
}

fn shorter(replay: Replay, by: impl Fn(u32) -> u32) -> Replay {
    match replay {
        Replay::All => Replay::All,
        Replay::Minutes(n) => Replay::Minutes(by(n)),
        Replay::Bars(n) => Replay::Bars(by(n)),
    }
}

/// The columns in which two runs differ.
fn differing(a: &[Vec<Option<u64>>], b: &[Vec<Option<u64>>]) -> Vec<usize> {
    (0..a[0].len())
        .filter(|i| a.iter().zip(b).any(|(a, b)| a[*i] != b[*i]))
        .collect()
}

/// The kinds in sets in which each one's own declaration can be told: a reader would lengthen the replay of what it reads.
fn apart() -> [Vec<FeatureParams>; 2] {
    let all = two_days();
    let reads = |p: &&FeatureParams| !p.parts().is_empty();
    let mut readers: Vec<FeatureParams> = all.iter().filter(reads).copied().collect();
    let parts: Vec<FeatureParams> = readers
        .iter()
        .flat_map(FeatureParams::parts)
        .map(|part| part.feature)
        .collect();
    readers.extend(all.iter().filter(|p| parts.contains(p)));
    let alone = all.into_iter().filter(|p| !reads(&p)).collect();
    [alone, readers]
}

#[test]
fn a_declared_replay_gives_the_bits_of_the_full_one() {
    let all = two_days();
    let (set, full) = values(3, &all, true, |_| Replay::All);
    let (_, declared) = values(3, &all, false, |replay| replay);
    let names: Vec<&String> = differing(&full, &declared)
        .into_iter()
        .map(|i| &set.columns()[i])
        .collect();
    assert_eq!(names, Vec::<&String>::new());
}

#[test]
fn a_declared_replay_gives_the_bits_of_the_full_one_where_sources_change() {
    let all = two_days();
    let of = |quotes| StatSources {
        quotes,
        book: BookSource::Deltas,
        has_trades: true,
    };
    let (a, b) = (of(QuoteSource::BookTicker), of(QuoteSource::Book));
    let sources = [a, b, a, b];
    let (set, full) = values_of_days(3, &all, true, sources, |_| Replay::All);
    let (_, declared) = values_of_days(3, &all, false, sources, |replay| replay);
    let names: Vec<&String> = differing(&full, &declared)
        .into_iter()
        .map(|i| &set.columns()[i])
        .collect();
    assert_eq!(names, Vec::<&String>::new());
    // Each day sees one of its days and not the other.
    let (_, plain) = values(3, &all, true, |_| Replay::All);
    assert!(!differing(&full, &plain).is_empty());
}

#[test]
fn a_replay_shorter_than_declared_does_not() {
    let (mut n_declared, mut n_tight) = (0, 0);
    let [alone, readers] = apart();
    let n_readers = readers.iter().filter(|p| !p.parts().is_empty()).count();
    // Of the set with readers, they alone are judged: they stand first.
    for (features, n_judged) in [(&alone, alone.len()), (&readers, n_readers)] {
        let (set, full) = values(3, features, false, |replay| replay);
        // The plant: half of what is declared is told apart for every kind, two units less for most. (One less is what the
        // first minute of the day makes up for, and a value may be null in the only minute that two less concern.)
        let (_, half) = values(3, features, false, |replay| shorter(replay, |n| n / 2));
        let (_, by_two) = values(3, features, false, |replay| {
            shorter(replay, |n| n.saturating_sub(2))
        });
        let (half, by_two) = (differing(&full, &half), differing(&full, &by_two));
        let mut first = 0;
        for (spec, params) in set.specs().iter().zip(features).take(n_judged) {
            let columns = first..first + spec.columns.len();
            first = columns.end;
            let replay = params.build().unwrap().replay();
            if matches!(replay, Replay::All | Replay::Minutes(0)) {
                continue;
            }
            n_declared += 1;
            let is_red = |red: &[usize]| columns.clone().any(|i| red.contains(&i));
            assert!(
                is_red(&half),
                "{}: half of {replay:?} changes nothing",
                spec.name
            );
            n_tight += u32::from(is_red(&by_two));
        }
    }
    assert!(n_declared >= 35, "{n_declared} kinds declare a replay");
    assert!(n_tight >= 25, "{n_tight} of {n_declared} are tight");
}

#[test]
fn a_reader_has_the_same_bits_with_what_it_reads_in_the_set_and_without() {
    let [_, all] = apart();
    let (alone, _): (Vec<_>, Vec<_>) = all.iter().partition(|p| !p.parts().is_empty());
    assert!(alone.len() >= 3 && alone.len() < all.len());
    let (set, hidden) = values(5, &alone, false, |replay| replay);
    let n = set.columns().len();
    assert_eq!(set.specs().len(), alone.len());
    // Readers first and last: what they read comes before them in either set.
    let (_, shown) = values(5, &all, false, |replay| replay);
    let reversed: Vec<FeatureParams> = all.iter().rev().copied().collect();
    let (other, last) = values(5, &reversed, false, |replay| replay);
    for (i, column) in set.columns().iter().enumerate() {
        let at = other.columns().iter().position(|c| c == column).unwrap();
        let values_of = |rows: &[Vec<Option<u64>>], i: usize| -> Vec<Option<u64>> {
            rows.iter().map(|row| row[i]).collect()
        };
        let expected = values_of(&hidden, i);
        assert!(expected.iter().any(Option::is_some), "{column}");
        assert_eq!(values_of(&shown, i), expected, "{column}");
        assert_eq!(values_of(&last, at), expected, "{column}");
    }
    assert!(hidden.iter().all(|row| row.len() == n));
}

#[test]
fn what_a_feature_reads_exists_and_has_the_same_replay_window() {
    for params in two_days() {
        for part in params.parts() {
            let spec = part.feature.build().unwrap().spec().clone();
            assert!(part.column < spec.columns.len());
            assert_eq!(spec.days_back, params.days_back());
            assert_eq!(part.feature.other(), None);
        }
    }
}
