//! Small sources: state records at their places, forced orders, depth bands, klines. A day of them fits in memory.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::market::{
    Bar, DepthBands, Event, Funding, Liquidation, MarkPrice, OpenInterest, Side, source_rank,
};
use quant_core::time::{Day, MICROS_PER_DAY, TimeRange, UnixMicros};

use super::plan::StreamSets;
use super::spec::{MicroSpec, STATE_DATASETS, max_age_us, moved};
use crate::manifest::Source;
use crate::read::{HashMemo, ReadError};
use crate::schema::Dataset;

/// Rows per batch.
const BATCH_ROWS: usize = 16_384;
/// Bands nearer or farther than this many percent from the mid have no column.
const BAND_PERCENT: f64 = 1.0;

/// An event and its place in the stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    /// Time of its place.
    pub(crate) at: i64,
    /// Rank of its source.
    pub(crate) rank: u8,
    /// The event.
    pub(crate) event: Event,
}

impl Placed {
    fn new(at: i64, event: Event) -> Self {
        Self {
            at,
            rank: source_rank(&event),
            event,
        }
    }
}

/// Returns the state datasets that count at a day: of the two that tell open interest, the one that the day has.
fn datasets_of(sets: &StreamSets, day: Day) -> impl Iterator<Item = Dataset> + use<> {
    let has_samples = sets.partition(Dataset::OpenInterest, day).is_some();
    STATE_DATASETS.into_iter().filter(move |d| match d {
        Dataset::OpenInterest => has_samples,
        Dataset::Metrics => !has_samples,
        _ => true,
    })
}

/// Returns the times of the records whose places may lie in a range. Samples may have been published up to a day late.
fn times_of(spec: &MicroSpec, dataset: Dataset, places: TimeRange) -> TimeRange {
    let shift = spec.shift_us(dataset);
    let late = if dataset == Dataset::OpenInterest {
        MICROS_PER_DAY
    } else {
        0
    };
    TimeRange {
        start: moved(places.start, -shift - late),
        end: moved(places.end, -shift),
    }
}

/// Returns the lineage of the state records whose places lie in a range.
pub(super) fn state_sources(
    sets: &StreamSets,
    spec: &MicroSpec,
    places: TimeRange,
    day: Day,
) -> Vec<Source> {
    datasets_of(sets, day)
        .flat_map(|d| sets.sources_in(d, times_of(spec, d, places)))
        .collect()
}

/// Returns the lineage of [`last_before`].
pub(crate) fn opening_sources(sets: &StreamSets, spec: &MicroSpec, day: Day) -> Vec<Source> {
    datasets_of(sets, day.plus(-1))
        .flat_map(|d| sets.sources_in(d, times_of(spec, d, before(day, d))))
        .collect()
}

/// Returns the places before a day at which a record of a dataset still counts in it.
fn before(day: Day, dataset: Dataset) -> TimeRange {
    TimeRange {
        start: moved(day.start(), -max_age_us(dataset)),
        end: day.start(),
    }
}

/// Returns the last state record of each dataset before a day, at their places.
///
/// # Errors
/// A partition that cannot be read.
pub(crate) fn last_before(
    sets: &StreamSets,
    spec: &MicroSpec,
    day: Day,
    memo: &HashMemo,
) -> Result<Vec<Placed>, ReadError> {
    let mut out = Vec::new();
    for dataset in datasets_of(sets, day.plus(-1)) {
        let mut found = Vec::new();
        read_state(sets, spec, dataset, before(day, dataset), memo, &mut found)?;
        // Of equal places the later row counts, as in the stream.
        let last = found.into_iter().max_by_key(|p| p.at);
        out.extend(last);
    }
    Ok(out)
}

/// Reads everything small of a day, in order of place and rank.
pub(super) fn read_day(
    sets: &StreamSets,
    spec: Option<&MicroSpec>,
    day: Day,
    klines: bool,
    memo: &HashMemo,
) -> Result<Vec<Placed>, ReadError> {
    let mut out = Vec::new();
    if let Some(spec) = spec {
        for dataset in datasets_of(sets, day) {
            read_state(sets, spec, dataset, day.range(), memo, &mut out)?;
        }
        let columns = ["ts_event", "side", "price", "qty", "average_price"];
        each(
            sets,
            Dataset::Liquidations,
            day.range(),
            &columns,
            memo,
            |row| {
                let ts_event = row.time(0);
                let sign = row.batch.column(1).as_primitive::<Int8Type>().value(row.at);
                let event = Event::Liquidation(Liquidation {
                    ts_event,
                    side: if sign > 0 { Side::Buy } else { Side::Sell },
                    // What was paid, where the venue tells it; else the price of the order.
                    price: row
                        .optional(4)
                        .filter(|px| *px > 0.0)
                        .unwrap_or(row.float(2)),
                    qty: row.float(3),
                });
                out.push(Placed::new(ts_event.0, event));
            },
        )?;
        let columns = ["ts_event", "percentage", "depth", "notional"];
        each(
            sets,
            Dataset::DepthBands,
            day.range(),
            &columns,
            memo,
            |row| {
                let percentage = row.float(1);
                if (percentage.abs() - BAND_PERCENT).abs() < f64::EPSILON {
                    let ts_event = row.time(0);
                    let event = Event::DepthBands(DepthBands {
                        ts_event,
                        percentage,
                        depth: row.float(2),
                        notional: row.float(3),
                    });
                    out.push(Placed::new(ts_event.0, event));
                }
            },
        )?;
    }
    if klines {
        read_klines(sets, day, memo, &mut out)?;
    }
    // Stable: records of one place and rank keep the order of their rows.
    out.sort_by_key(|p| (p.at, p.rank));
    Ok(out)
}

/// Reads the records of a state dataset whose places lie in a range.
fn read_state(
    sets: &StreamSets,
    spec: &MicroSpec,
    dataset: Dataset,
    places: TimeRange,
    memo: &HashMemo,
    out: &mut Vec<Placed>,
) -> Result<(), ReadError> {
    let shift = spec.shift_us(dataset);
    let range = times_of(spec, dataset, places);
    let columns: &[&str] = match dataset {
        Dataset::Funding => &["ts_event", "rate", "interval_h"],
        Dataset::OpenInterest => &["ts_event", "open_interest", "notional", "ts_published"],
        Dataset::Metrics => &["ts_event", "open_interest", "open_interest_notional"],
        _ => &["ts_open", "close", "ts_close"],
    };
    each(sets, dataset, range, columns, memo, |row| {
        let ts = row.time(0);
        let event = match dataset {
            Dataset::Funding => {
                let hours = row.batch.column(2).as_primitive::<Int32Type>();
                let hours = hours.is_valid(row.at).then(|| hours.value(row.at));
                Event::Funding(Funding {
                    ts_event: ts,
                    rate: row.float(1),
                    interval_h: hours.and_then(|h| u32::try_from(h).ok()).unwrap_or(0),
                })
            }
            Dataset::OpenInterest | Dataset::Metrics => {
                let Some(open_interest) = row.optional(1) else {
                    return;
                };
                Event::OpenInterest(OpenInterest {
                    ts_event: ts,
                    open_interest,
                    notional: row.optional(2),
                })
            }
            _ => {
                let close = row.float(1);
                let of = |d| (d == dataset).then_some(close);
                Event::MarkPrice(MarkPrice {
                    ts_event: row.time(2),
                    mark: of(Dataset::MarkKlines),
                    index: of(Dataset::IndexKlines),
                    premium: of(Dataset::PremiumKlines),
                    predicted_funding: None,
                })
            }
        };
        let known = if dataset == Dataset::OpenInterest && !row.is_null(3) {
            row.time(3)
        } else {
            ts
        };
        let at = moved(known, shift);
        if places.contains(at) {
            out.push(Placed::new(at.0, event));
        }
    })
}

/// Reads the klines of a day as bars, each just before the end of its minute.
fn read_klines(
    sets: &StreamSets,
    day: Day,
    memo: &HashMemo,
    out: &mut Vec<Placed>,
) -> Result<(), ReadError> {
    let columns = [
        "ts_open",
        "ts_close",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "quote_volume",
        "n_trades",
        "taker_buy_volume",
    ];
    each(
        sets,
        Dataset::Klines1m,
        day.range(),
        &columns,
        memo,
        |row| {
            let n_trades = row.batch.column(8).as_primitive::<Int64Type>();
            let bar = Bar {
                ts_open: row.time(0),
                ts_close: row.time(1),
                open: row.float(2),
                high: row.float(3),
                low: row.float(4),
                close: row.float(5),
                volume: row.float(6),
                quote_volume: row.optional(7),
                n_trades: n_trades
                    .is_valid(row.at)
                    .then(|| u64::try_from(n_trades.value(row.at)).unwrap_or(0)),
                taker_buy_volume: row.optional(9),
            };
            out.push(Placed::new(bar.ts_close.0 - 1, Event::Bar(bar)));
        },
    )
}

/// One row of a batch.
struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    fn time(&self, column: usize) -> UnixMicros {
        let times = self.batch.column(column);
        UnixMicros(
            times
                .as_primitive::<TimestampMicrosecondType>()
                .value(self.at),
        )
    }

    fn float(&self, column: usize) -> f64 {
        self.batch
            .column(column)
            .as_primitive::<Float64Type>()
            .value(self.at)
    }

    fn is_null(&self, column: usize) -> bool {
        self.batch.column(column).is_null(self.at)
    }

    fn optional(&self, column: usize) -> Option<f64> {
        (!self.is_null(column)).then(|| self.float(column))
    }
}

/// Calls `take` for every row of a dataset in a range, if the lake has the dataset.
fn each(
    sets: &StreamSets,
    dataset: Dataset,
    range: TimeRange,
    columns: &[&str],
    memo: &HashMemo,
    mut take: impl FnMut(&Row<'_>),
) -> Result<(), ReadError> {
    let Some(set) = sets.get(dataset) else {
        return Ok(());
    };
    for batch in set.read(range, Some(columns), BATCH_ROWS, memo)? {
        let batch = batch?;
        for at in 0..batch.num_rows() {
            take(&Row { batch: &batch, at });
        }
    }
    Ok(())
}
