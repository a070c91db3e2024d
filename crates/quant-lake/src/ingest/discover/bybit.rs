//! The files of public.bybit.com and quote-saver.bycsi.com: all cut at midnight UTC.

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::{Day, TimeRange};

use super::{FileKind, FileUnit, NotArchived, whole_days, with_unpacked};
use crate::schema::Dataset;
use crate::venues::binance::Period;
use crate::venues::bybit::encode::Category;
use crate::venues::bybit::encode::book::depth_on;

/// Returns the files that hold `datasets` of an instrument over `range` (whole UTC days), by product, then time.
///
/// The two book datasets share their files. The depth of a day's book is not documented, so 500 and 200 levels are both
/// looked for, the likelier first.
///
/// # Errors
/// `NotArchived` for the first dataset the venue has no archive of.
pub fn plan_bybit(
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: &TimeRange,
) -> Result<Vec<FileUnit>, NotArchived> {
    let unpublished = |dataset| NotArchived {
        exchange: key.exchange,
        dataset,
        market: key.market,
        has: match key.market {
            Market::Spot | Market::Linear | Market::Inverse => {
                "give `--datasets` of trades, l2_snapshots, l2_deltas; klines are made of trades by `quant build-bars`"
            }
            _ => "its markets are `--market spot`, `--market linear` and `--market inverse`",
        },
    };
    let category = match key.market {
        Market::Spot => Category::Spot,
        Market::Linear => Category::Linear,
        Market::Inverse => Category::Inverse,
        _ => {
            return datasets
                .first()
                .map_or(Ok(Vec::new()), |&dataset| Err(unpublished(dataset)));
        }
    };
    let is_book = |d: &Dataset| matches!(d, Dataset::L2Deltas | Dataset::L2Snapshots);
    if let Some(&other) = datasets
        .iter()
        .find(|d| **d != Dataset::Trades && !is_book(d))
    {
        return Err(unpublished(other));
    }
    let Some(whole) = whole_days(range) else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    if datasets.contains(&Dataset::Trades) {
        trades(&mut out, key, category, &whole);
    }
    let books: Vec<Dataset> = datasets.iter().copied().filter(is_book).collect();
    if !books.is_empty() {
        out.extend(whole.days().map(|day| book(key, category, &books, day)));
    }
    Ok(out)
}

fn trades(out: &mut Vec<FileUnit>, key: &InstrumentKey, category: Category, whole: &TimeRange) {
    let symbol = &key.symbol;
    let unit = |kind, path: String, covers: TimeRange, is_fallback| FileUnit {
        kind,
        datasets: vec![Dataset::Trades],
        paths: with_unpacked(vec![path], ".csv"),
        category: None,
        covers,
        asked: covers.intersection(whole).unwrap_or(covers),
        is_fallback,
    };
    for day in whole.days() {
        let (kind, path) = match category {
            Category::Spot => (
                FileKind::BybitSpotTrades,
                format!("spot/{symbol}/{symbol}_{day}.csv.gz"),
            ),
            Category::Linear | Category::Inverse => (
                FileKind::BybitTrades,
                format!("trading/{symbol}/{symbol}{day}.csv.gz"),
            ),
        };
        out.push(unit(kind, path, day.range(), false));
    }
    if category != Category::Spot {
        return;
    }
    let mut months: Vec<Period> = whole.days().map(Period::month_of).collect();
    months.dedup();
    for month in months {
        let (first, end) = month.days();
        let covers = TimeRange {
            start: first.start(),
            end: end.start(),
        };
        let path = format!("spot/{symbol}/{symbol}-{month}.csv.gz");
        out.push(unit(FileKind::BybitSpotTrades, path, covers, true));
    }
}

fn book(key: &InstrumentKey, category: Category, datasets: &[Dataset], day: Day) -> FileUnit {
    let symbol = &key.symbol;
    let folder = category.name();
    let depths = if depth_on(day) == 500 {
        [500, 200]
    } else {
        [200, 500]
    };
    let packed = depths
        .iter()
        .map(|depth| format!("orderbook/{folder}/{symbol}/{day}_{symbol}_ob{depth}.data.zip"))
        .collect();
    FileUnit {
        kind: FileKind::BybitBook,
        datasets: datasets.to_vec(),
        paths: with_unpacked(packed, ".data"),
        category: Some(folder),
        covers: day.range(),
        asked: day.range(),
        is_fallback: false,
    }
}
