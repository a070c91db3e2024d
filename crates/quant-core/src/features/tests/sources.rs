//! Statistics of days with other sources never stand in the windows of a day.

use super::*;
use crate::bars::{
    BookSource, ImageCadence, MadeOf, QuoteSource, STAT_COLUMNS, STAT_MADE_OF, StatSources,
};

const DAY: usize = MINUTES_PER_DAY;

/// Touches of the venue beside a delta stream.
const EVENTS: StatSources = StatSources {
    quotes: QuoteSource::BookTicker,
    book: BookSource::Deltas,
    has_trades: true,
};
/// Images once a second and nothing else.
const IMAGES: StatSources = StatSources {
    quotes: QuoteSource::Book,
    book: BookSource::Images(ImageCadence::EveryUs(1_000_000)),
    has_trades: true,
};
/// Touches of the venue beside images.
const QUOTES_AND_IMAGES: StatSources = StatSources {
    quotes: QuoteSource::BookTicker,
    ..IMAGES
};
/// Trades alone.
const TRADES: StatSources = StatSources {
    quotes: QuoteSource::None,
    book: BookSource::None,
    has_trades: true,
};

/// What is hidden of a day.
type Hide = &'static [MadeOf];

const NOTHING: Hide = &[];
const MARKET: Hide = &[MadeOf::Touches, MadeOf::Books, MadeOf::GridPrices];
const BOOKS: Hide = &[MadeOf::Books];

/// Bits of day `target`, `sources` by day; statistics of a day before are hidden by hand as told, which is not told to the set.
fn bits_of_day(
    rows: &[Option<MinuteRow>],
    features: &[FeatureParams],
    target: usize,
    sources: &[StatSources],
    by_hand: &[Hide],
    from: usize,
) -> Vec<(i64, Vec<Option<u64>>)> {
    let mut set = FeatureSet::new(&params(features.to_vec()), 1, 0).unwrap();
    let mut out = Vec::new();
    for (m, row) in rows.iter().enumerate().skip(from * DAY) {
        let day = m / DAY;
        if day > target {
            break;
        }
        let mut stats = random_stats(m, row.as_ref());
        for (x, made_of) in stats.iter_mut().zip(&STAT_MADE_OF) {
            if by_hand.get(day).is_some_and(|hide| hide.contains(made_of)) {
                *x = f64::NAN;
            }
        }
        let of_day: Vec<StatSources> = sources.get(day).copied().into_iter().collect();
        let values = set
            .push_with_stats(minute_at(m), &[*row], &stats, &of_day)
            .unwrap()
            .clone();
        if day == target {
            out.push(values);
        }
    }
    bits(&out)
}

#[test]
fn days_of_other_sources_are_null_to_a_day_and_to_that_day_only() {
    let rows = random_rows(11, 3 * DAY + 300);
    let mut features = replay::two_days();
    features.retain(|p| p.other().is_none());
    let changes: [(&[StatSources; 4], &[Hide; 3]); 6] = [
        // Nothing changes.
        (&[EVENTS; 4], &[NOTHING; 3]),
        // From events to images, and back: what was hidden from the days between is there again.
        (
            &[EVENTS, EVENTS, IMAGES, IMAGES],
            &[MARKET, MARKET, NOTHING],
        ),
        (
            &[EVENTS, IMAGES, IMAGES, EVENTS],
            &[NOTHING, MARKET, MARKET],
        ),
        (
            &[IMAGES, EVENTS, IMAGES, EVENTS],
            &[MARKET, NOTHING, MARKET],
        ),
        // The book alone.
        (
            &[EVENTS, QUOTES_AND_IMAGES, EVENTS, QUOTES_AND_IMAGES],
            &[BOOKS, NOTHING, BOOKS],
        ),
        // Prices of trades and of touches.
        (
            &[TRADES, EVENTS, EVENTS, TRADES],
            &[NOTHING, MARKET, MARKET],
        ),
    ];
    let plain = bits_of_day(&rows, &features, 3, &[], &[NOTHING; 3], 0);
    for (sources, hidden) in changes {
        let found = bits_of_day(&rows, &features, 3, sources, &[], 0);
        let expected = bits_of_day(&rows, &features, 3, &[], hidden, 0);
        assert!(found == expected, "{sources:?}");
        assert_eq!(found == plain, *hidden == [NOTHING; 3], "{sources:?}");
        // A day rebuilt alone, from the two days it needs, has the bits of the unbroken run.
        let alone = bits_of_day(&rows, &features, 3, sources, &[], 1);
        assert!(found == alone, "{sources:?}");
    }
}

#[test]
fn order_flow_of_events_is_not_summed_with_that_of_images() {
    let ofi = FeatureParams::Ofi(OfiParams {
        minutes: 60,
        min_valid_share: 0.5,
        days_back: 1,
    });
    let at = |name: &str| STAT_COLUMNS.iter().position(|c| *c == name).unwrap();
    let row = |m: usize| MinuteRow {
        ts_open: minute_at(m),
        open: Some(100.0),
        high: Some(100.0),
        low: Some(100.0),
        close: Some(100.0),
        volume: 1.0,
        quote_volume: Some(100.0),
        n_trades: Some(1),
        buy_volume: Some(1.0),
        vwap: Some(100.0),
        bar_source: BarSource::Trades,
        is_filled: false,
    };
    let ofi_at = |sources: [StatSources; 2], minute: usize| {
        let mut set = FeatureSet::new(&params(vec![ofi]), 1, 0).unwrap();
        for m in 0..=DAY + minute {
            let mut stats = vec![f64::NAN; N_STAT_COLUMNS];
            // 3 a minute on the first day, 2 on the second.
            stats[at("ofi")] = if m < DAY { 3.0 } else { 2.0 };
            set.push_with_stats(minute_at(m), &[Some(row(m))], &stats, &[sources[m / DAY]])
                .unwrap();
        }
        set.row().values[0]
    };
    // 00:10, 11 minutes of today: 49 minutes of 3 and 11 of 2.
    assert_eq!(ofi_at([EVENTS, EVENTS], 10), Some(49.0 * 3.0 + 22.0));
    assert_eq!(
        ofi_at([EVENTS, QUOTES_AND_IMAGES], 10),
        Some(49.0 * 3.0 + 22.0)
    );
    let slow = StatSources {
        book: BookSource::Images(ImageCadence::EveryUs(10_000_000)),
        ..IMAGES
    };
    for before in [EVENTS, slow, TRADES, StatSources::default()] {
        // 29 valid minutes of 60 are too few, 30 are not; nothing of the day before is in the sum.
        assert_eq!(ofi_at([before, IMAGES], 28), None);
        assert_eq!(ofi_at([before, IMAGES], 29), Some(60.0));
    }
}

#[test]
fn sources_are_those_of_the_whole_day_and_of_every_instrument() {
    let mut set = FeatureSet::new(&params(first_kinds()), 1, 0).unwrap();
    set.push_with_stats(minute_at(0), &[None], &[], &[EVENTS])
        .unwrap();
    for other in [&[IMAGES][..], &[]] {
        let refused = set.push_with_stats(minute_at(1), &[None], &[], other);
        assert_eq!(
            refused.unwrap_err(),
            FeatureError::OtherSources {
                found: minute_at(1)
            }
        );
    }
    let refused = set.push_with_stats(minute_at(1), &[None], &[], &[EVENTS; 2]);
    assert!(matches!(refused, Err(FeatureError::WrongWidth { .. })));
    for m in 1..DAY {
        set.push_with_stats(minute_at(m), &[None], &[], &[EVENTS])
            .unwrap();
    }
    // The next day may have others, or say nothing.
    set.push_with_stats(minute_at(DAY), &[None], &[], &[])
        .unwrap();
    set.push_with_stats(minute_at(DAY + 1), &[None], &[], &[StatSources::default()])
        .unwrap();
}
