//! Rows of raw partitions as events, one by one, without the lake's stream: the other way from the lake to tier 1.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::market::book::TOP_LEVELS;
use quant_core::market::{
    Bar, BookDelta, BookLevel, BookSnapshot, DepthBands, Event, Funding, Liquidation, MarkPrice,
    OpenInterest, Quote, Side, Trade,
};
use quant_core::time::UnixMicros;
use quant_lake::schema::Dataset;

/// The columns of a batch by name.
struct Row<'a> {
    batch: &'a RecordBatch,
    at: usize,
}

impl Row<'_> {
    fn number(&self, name: &str) -> Option<f64> {
        let array = self
            .batch
            .column_by_name(name)?
            .as_primitive::<Float64Type>();
        array.is_valid(self.at).then(|| array.value(self.at))
    }

    fn value(&self, name: &str) -> f64 {
        self.number(name).unwrap_or(f64::NAN)
    }

    fn time(&self, name: &str) -> Option<UnixMicros> {
        let array = self.batch.column_by_name(name)?;
        let array = array.as_primitive::<TimestampMicrosecondType>();
        array
            .is_valid(self.at)
            .then(|| UnixMicros(array.value(self.at)))
    }

    fn ts(&self, name: &str) -> UnixMicros {
        self.time(name).unwrap_or(UnixMicros(0))
    }

    fn int(&self, name: &str) -> Option<i64> {
        let array = self.batch.column_by_name(name)?.as_primitive::<Int64Type>();
        array.is_valid(self.at).then(|| array.value(self.at))
    }

    fn id(&self, name: &str) -> i64 {
        self.int(name).unwrap_or(0)
    }

    fn side(&self, name: &str) -> Side {
        let array = self.batch.column_by_name(name);
        let sign = array.map_or(0, |a| a.as_primitive::<Int8Type>().value(self.at));
        if sign > 0 { Side::Buy } else { Side::Sell }
    }

    fn flag(&self, name: &str) -> bool {
        self.batch.column_by_name(name).is_some_and(|a| {
            let flags = a.as_boolean();
            flags.is_valid(self.at) && flags.value(self.at)
        })
    }

    fn mark(&self, mark: Option<f64>, index: Option<f64>, premium: Option<f64>) -> Event {
        Event::MarkPrice(MarkPrice {
            ts_event: self.ts("ts_close"),
            mark,
            index,
            premium,
            predicted_funding: None,
        })
    }

    /// The first levels of an image; of its two ids the one that quotes share, where there is one.
    fn image(&self) -> Event {
        let levels = |side: &str| {
            (0..TOP_LEVELS)
                .filter_map(|k| {
                    Some(BookLevel {
                        px: self.number(&format!("{side}_px_{k:02}"))?,
                        qty: self.number(&format!("{side}_qty_{k:02}"))?,
                    })
                })
                .collect()
        };
        Event::BookSnapshot(BookSnapshot {
            ts_event: self.ts("ts_event"),
            ts_recv: self.time("ts_recv"),
            seq: self.int("update_id").unwrap_or_else(|| self.id("seq")),
            bids: levels("bid"),
            asks: levels("ask"),
        })
    }

    fn trade(&self, n_trades: u32) -> Event {
        Event::Trade(Trade {
            ts_event: self.ts("ts_event"),
            ts_recv: self.time("ts_recv"),
            price: self.value("price"),
            qty: self.value("qty"),
            aggressor: self.side("aggressor"),
            trade_id: self.id("trade_id"),
            n_trades,
        })
    }
}

/// Returns a row as an event; `None` for datasets that are no events, and for records without the value that would be one.
pub fn event_of(dataset: Dataset, batch: &RecordBatch, at: usize) -> Option<Event> {
    let row = Row { batch, at };
    Some(match dataset {
        Dataset::Trades => row.trade(1),
        Dataset::AggTrades => {
            let n = row.id("last_id").saturating_sub(row.id("first_id")) + 1;
            row.trade(u32::try_from(n.max(1)).unwrap_or(u32::MAX))
        }
        Dataset::BookTicker => Event::Quote(Quote {
            ts_event: row.ts("ts_event"),
            ts_recv: row.time("ts_recv"),
            bid_px: row.value("bid_px"),
            bid_qty: row.value("bid_qty"),
            ask_px: row.value("ask_px"),
            ask_qty: row.value("ask_qty"),
            update_id: row.id("update_id"),
            ts_inferred: row.flag("ts_inferred"),
        }),
        Dataset::L2Deltas => Event::BookDelta(BookDelta {
            ts_event: row.ts("ts_event"),
            ts_recv: row.time("ts_recv"),
            msg_seq: row.id("msg_seq"),
            is_snapshot: row.flag("is_snapshot"),
            side: row.side("side"),
            level: BookLevel {
                px: row.value("price"),
                qty: row.value("qty"),
            },
            first_id: row.id("first_id"),
            last_id: row.id("last_id"),
            prev_id: row.int("prev_id"),
            msg_end: row.flag("msg_end"),
        }),
        Dataset::Klines1m => Event::Bar(Bar {
            ts_open: row.ts("ts_open"),
            ts_close: row.ts("ts_close"),
            open: row.value("open"),
            high: row.value("high"),
            low: row.value("low"),
            close: row.value("close"),
            volume: row.value("volume"),
            quote_volume: row.number("quote_volume"),
            n_trades: row.int("n_trades").and_then(|n| u64::try_from(n).ok()),
            taker_buy_volume: row.number("taker_buy_volume"),
        }),
        Dataset::DepthBands => Event::DepthBands(DepthBands {
            ts_event: row.ts("ts_event"),
            percentage: row.value("percentage"),
            depth: row.value("depth"),
            notional: row.value("notional"),
        }),
        Dataset::MarkKlines => row.mark(row.number("close"), None, None),
        Dataset::IndexKlines => row.mark(None, row.number("close"), None),
        Dataset::PremiumKlines => row.mark(None, None, row.number("close")),
        Dataset::Funding => {
            let hours = batch.column_by_name("interval_h").and_then(|a| {
                let hours = a.as_primitive::<Int32Type>();
                hours.is_valid(at).then(|| hours.value(at))
            });
            Event::Funding(Funding {
                ts_event: row.ts("ts_event"),
                rate: row.value("rate"),
                interval_h: hours.and_then(|h| u32::try_from(h).ok()).unwrap_or(0),
            })
        }
        Dataset::OpenInterest | Dataset::Metrics => Event::OpenInterest(OpenInterest {
            ts_event: row.ts("ts_event"),
            open_interest: row.number("open_interest")?,
            notional: None,
        }),
        Dataset::Liquidations => Event::Liquidation(Liquidation {
            ts_event: row.ts("ts_event"),
            side: row.side("side"),
            price: row
                .number("average_price")
                .filter(|px| *px > 0.0)
                .unwrap_or_else(|| row.value("price")),
            qty: row.value("qty"),
        }),
        Dataset::L2Snapshots => row.image(),
        Dataset::Instruments => return None,
    })
}

/// Returns when what a row says was known at the venue, where the row has a time for it beside its own.
pub fn known_of(batch: &RecordBatch, at: usize) -> Option<UnixMicros> {
    let row = Row { batch, at };
    row.time("ts_published").or_else(|| row.time("ts_close"))
}

/// Returns whether ingestion found that a row had come after the watermark.
pub fn flagged_late(batch: &RecordBatch, at: usize) -> bool {
    Row { batch, at }.flag("late")
}

/// Returns when a row was received.
pub fn received_of(batch: &RecordBatch, at: usize) -> Option<UnixMicros> {
    Row { batch, at }.time("ts_recv")
}

#[cfg(test)]
mod tests;
