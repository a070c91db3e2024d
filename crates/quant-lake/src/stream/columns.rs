//! Cursors over the columns of the three big sources: trades, quotes, books. The inner loops of tier 1 are here.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrowPrimitiveType, BooleanArray, Float64Array, Int64Array, RecordBatch,
};
use arrow_buffer::ScalarBuffer;
use quant_core::bars::{BarsError, MinuteBuilder, StatSet};
use quant_core::market::book::TOP_LEVELS;
use quant_core::market::{BookLevel, BookSnapshot, Event, Gap, Lost, Quote, Side, TradeIds};
use quant_core::time::UnixMicros;

use super::chain::{ChainRule, Link};
use super::prefetch::Batches;
use crate::read::ReadError;

/// Place of an event among books and quotes: time and update id. Ends are [`END`].
pub(super) type Key = (i64, i64);

/// Key of a source that has ended.
pub(super) const END: Key = (i64::MAX, i64::MAX);

/// Returns the values of a column without nulls.
fn values<T: ArrowPrimitiveType>(batch: &RecordBatch, column: usize) -> ScalarBuffer<T::Native> {
    batch.column(column).as_primitive::<T>().values().clone()
}

/// Returns which rows came too late, if any did.
fn late(batch: &RecordBatch, column: usize) -> Option<BooleanArray> {
    let flags = batch.column(column).as_boolean();
    (flags.true_count() > 0).then(|| flags.clone())
}

#[inline]
fn is_late(late: Option<&BooleanArray>, row: usize) -> bool {
    late.is_some_and(|flags| flags.is_valid(row) && flags.value(row))
}

const fn side_of(sign: i8) -> Side {
    if sign > 0 { Side::Buy } else { Side::Sell }
}

/// Trades, or aggregates of them.
#[derive(Debug)]
pub(super) struct TradeCursor {
    batches: Option<Batches>,
    rows: Option<TradeRows>,
    at: usize,
    needs: TradeNeeds,
    ids: TradeIds,
    pub(super) n_late: u64,
    pub(super) n_losses: u64,
}

/// What is read of trades besides time, price, quantity and side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TradeNeeds {
    /// Rows are aggregates: how many trades they stand for.
    pub(super) aggregates: bool,
    /// Rows that came too late are left out.
    pub(super) late: bool,
    /// Trades are numbered, and missing numbers are losses.
    pub(super) numbers: bool,
}

impl TradeNeeds {
    /// Returns the columns to open a partition with.
    pub(super) fn columns(self) -> Vec<&'static str> {
        let mut out = vec!["ts_event", "price", "qty", "aggressor"];
        if self.late {
            out.push("late");
        }
        if self.numbers {
            out.push("trade_id");
        }
        if self.aggregates {
            out.extend(["first_id", "last_id"]);
        }
        out
    }
}

#[derive(Debug)]
struct TradeRows {
    ts: ScalarBuffer<i64>,
    price: ScalarBuffer<f64>,
    qty: ScalarBuffer<f64>,
    aggressor: ScalarBuffer<i8>,
    /// First and last trade id of aggregates.
    stands_for: Option<(ScalarBuffer<i64>, ScalarBuffer<i64>)>,
    /// Numbers of numbered trades.
    numbers: Option<ScalarBuffer<i64>>,
    late: Option<BooleanArray>,
}

impl TradeRows {
    fn of(batch: &RecordBatch, needs: TradeNeeds) -> Self {
        let mut next = 3;
        let mut optional = |is_there: bool| {
            next += usize::from(is_there);
            is_there.then_some(next)
        };
        let late_at = optional(needs.late);
        let numbers_at = optional(needs.numbers);
        let first_at = optional(needs.aggregates);
        let last_at = optional(needs.aggregates);
        let integers = |at: usize| values::<Int64Type>(batch, at);
        Self {
            ts: values::<TimestampMicrosecondType>(batch, 0),
            price: values::<Float64Type>(batch, 1),
            qty: values::<Float64Type>(batch, 2),
            aggressor: values::<Int8Type>(batch, 3),
            stands_for: first_at.map(integers).zip(last_at.map(integers)),
            numbers: numbers_at.map(integers),
            late: late_at.and_then(|at| late(batch, at)),
        }
    }
}

impl TradeCursor {
    pub(super) fn new(batches: Option<Batches>, needs: TradeNeeds) -> Self {
        Self {
            batches,
            rows: None,
            at: 0,
            needs,
            ids: TradeIds::default(),
            n_late: 0,
            n_losses: 0,
        }
    }

    /// Returns the time of the next trade.
    pub(super) fn next_ts(&mut self) -> Result<i64, ReadError> {
        loop {
            if let Some(rows) = &self.rows {
                while self.at < rows.ts.len() && is_late(rows.late.as_ref(), self.at) {
                    self.at += 1;
                    self.n_late += 1;
                }
                if let Some(ts) = rows.ts.get(self.at) {
                    return Ok(*ts);
                }
            }
            self.rows = None;
            self.at = 0;
            let Some(batches) = &mut self.batches else {
                return Ok(i64::MAX);
            };
            match batches.next()? {
                None => self.batches = None,
                Some(batch) => self.rows = Some(TradeRows::of(&batch, self.needs)),
            }
        }
    }

    /// Feeds the trades of the batch at hand up to and including `until`.
    pub(super) fn drain<X: StatSet>(
        &mut self,
        builder: &mut MinuteBuilder<X>,
        until: i64,
    ) -> Result<(), BarsError> {
        let Some(rows) = &self.rows else {
            return Ok(());
        };
        let n = rows.ts.len();
        let (ts, price) = (&rows.ts[..n], &rows.price[..n]);
        let (qty, aggressor) = (&rows.qty[..n], &rows.aggressor[..n]);
        let mut i = self.at;
        while i < n && ts[i] <= until {
            if is_late(rows.late.as_ref(), i) {
                self.n_late += 1;
                i += 1;
                continue;
            }
            // An aggregate holds the raw trades first_id..=last_id; ids left out by the venue make this an upper bound.
            let n_trades = rows.stands_for.as_ref().map_or(1, |(first, last)| {
                u32::try_from((last[i] - first[i]).saturating_add(1).max(1)).unwrap_or(u32::MAX)
            });
            if let Some(numbers) = &rows.numbers
                && self.ids.lost_before(numbers[i])
            {
                builder.on_lost_trades(UnixMicros(ts[i]))?;
                self.n_losses += 1;
            }
            let sign = side_of(aggressor[i]).sign();
            builder.on_trade_fields(ts[i], price[i], qty[i], sign, n_trades)?;
            i += 1;
        }
        self.at = i;
        Ok(())
    }
}

/// Best bid and ask.
#[derive(Debug)]
pub(super) struct QuoteCursor {
    batches: Option<Batches>,
    rows: Option<QuoteRows>,
    at: usize,
    shares_ids: bool,
    pub(super) n_late: u64,
}

#[derive(Debug)]
struct QuoteRows {
    ts: ScalarBuffer<i64>,
    id: ScalarBuffer<i64>,
    /// Bid price and quantity, ask price and quantity.
    values: [ScalarBuffer<f64>; 4],
    late: Option<BooleanArray>,
}

impl QuoteCursor {
    pub(super) const COLUMNS: [&str; 7] = [
        "ts_event",
        "update_id",
        "bid_px",
        "bid_qty",
        "ask_px",
        "ask_qty",
        "late",
    ];

    pub(super) const fn new(batches: Option<Batches>, shares_ids: bool) -> Self {
        Self {
            batches,
            rows: None,
            at: 0,
            shares_ids,
            n_late: 0,
        }
    }

    /// Without shared ids quotes come after the books of their instant.
    const fn id(shares_ids: bool, id: i64) -> i64 {
        if shares_ids { id } else { 1 }
    }

    pub(super) fn next_key(&mut self) -> Result<Key, ReadError> {
        loop {
            if let Some(rows) = &self.rows {
                while self.at < rows.ts.len() && is_late(rows.late.as_ref(), self.at) {
                    self.at += 1;
                    self.n_late += 1;
                }
                if let Some(ts) = rows.ts.get(self.at) {
                    return Ok((*ts, Self::id(self.shares_ids, rows.id[self.at])));
                }
            }
            self.rows = None;
            self.at = 0;
            let Some(batches) = &mut self.batches else {
                return Ok(END);
            };
            match batches.next()? {
                None => self.batches = None,
                Some(batch) => {
                    self.rows = Some(QuoteRows {
                        ts: values::<TimestampMicrosecondType>(&batch, 0),
                        id: values::<Int64Type>(&batch, 1),
                        values: [2, 3, 4, 5].map(|i| values::<Float64Type>(&batch, i)),
                        late: late(&batch, 6),
                    });
                }
            }
        }
    }

    /// Feeds the quotes of the batch at hand up to and including `until`, and before the book message at `book`.
    pub(super) fn drain<X: StatSet>(
        &mut self,
        builder: &mut MinuteBuilder<X>,
        until: i64,
        book: Key,
    ) -> Result<(), BarsError> {
        let Some(rows) = &self.rows else {
            return Ok(());
        };
        let n = rows.ts.len();
        let (ts, ids) = (&rows.ts[..n], &rows.id[..n]);
        let [bid_px, bid_qty, ask_px, ask_qty] = &rows.values;
        let mut i = self.at;
        while i < n && ts[i] <= until && (ts[i], Self::id(self.shares_ids, ids[i])) < book {
            if is_late(rows.late.as_ref(), i) {
                self.n_late += 1;
            } else {
                builder.on_quote(&Quote {
                    ts_event: UnixMicros(ts[i]),
                    ts_recv: None,
                    bid_px: bid_px[i],
                    bid_qty: bid_qty[i],
                    ask_px: ask_px[i],
                    ask_qty: ask_qty[i],
                    update_id: ids[i],
                    ts_inferred: false,
                })?;
            }
            i += 1;
        }
        self.at = i;
        Ok(())
    }
}

/// Levels of book messages.
#[derive(Debug)]
pub(crate) struct LevelCursor {
    batches: Option<Batches>,
    rows: Option<LevelRows>,
    at: usize,
    shares_ids: bool,
    rule: ChainRule,
    link: Option<Link>,
    /// The next row begins a message.
    at_start: bool,
    last_ts: i64,
    pub(super) n_late: u64,
    pub(super) n_gaps: u64,
}

/// Columns of book levels, for whoever goes through them.
#[derive(Debug)]
pub(crate) struct LevelRows {
    pub(crate) ts: ScalarBuffer<i64>,
    pub(crate) is_snapshot: BooleanArray,
    pub(crate) side: ScalarBuffer<i8>,
    pub(crate) price: ScalarBuffer<f64>,
    pub(crate) qty: ScalarBuffer<f64>,
    pub(crate) first_id: ScalarBuffer<i64>,
    pub(crate) last_id: ScalarBuffer<i64>,
    pub(crate) prev_id: Int64Array,
    pub(crate) msg_end: BooleanArray,
    late: Option<BooleanArray>,
}

impl LevelRows {
    pub(crate) const COLUMNS: [&str; 10] = [
        "ts_event",
        "is_snapshot",
        "side",
        "price",
        "qty",
        "first_id",
        "last_id",
        "prev_id",
        "msg_end",
        "late",
    ];

    pub(crate) fn of(batch: &RecordBatch) -> Self {
        Self {
            ts: values::<TimestampMicrosecondType>(batch, 0),
            is_snapshot: batch.column(1).as_boolean().clone(),
            side: values::<Int8Type>(batch, 2),
            price: values::<Float64Type>(batch, 3),
            qty: values::<Float64Type>(batch, 4),
            first_id: values::<Int64Type>(batch, 5),
            last_id: values::<Int64Type>(batch, 6),
            prev_id: batch.column(7).as_primitive::<Int64Type>().clone(),
            msg_end: batch.column(8).as_boolean().clone(),
            late: late(batch, 9),
        }
    }

    pub(crate) fn is_late(&self, row: usize) -> bool {
        is_late(self.late.as_ref(), row)
    }

    pub(crate) fn side(&self, row: usize) -> Side {
        side_of(self.side[row])
    }

    /// Returns whether the message that begins at `row` follows; a snapshot always does.
    pub(crate) fn follows(&self, row: usize, rule: ChainRule, link: Option<Link>) -> bool {
        let Some(link) = link.filter(|_| !self.is_snapshot.value(row)) else {
            return true;
        };
        let prev = self.prev_id.is_valid(row).then(|| self.prev_id.value(row));
        rule.follows(link, self.first_id[row], self.last_id[row], prev)
    }

    pub(crate) fn link(&self, row: usize) -> Link {
        Link {
            last_id: self.last_id[row],
            is_snapshot: self.is_snapshot.value(row),
        }
    }
}

impl LevelCursor {
    /// Returns a cursor that goes on after the message of `link`.
    pub(super) const fn new(
        batches: Option<Batches>,
        shares_ids: bool,
        rule: ChainRule,
        link: Option<Link>,
    ) -> Self {
        Self {
            batches,
            rows: None,
            at: 0,
            shares_ids,
            rule,
            link,
            at_start: true,
            last_ts: i64::MAX,
            n_late: 0,
            n_gaps: 0,
        }
    }

    /// Without shared ids books come before the quotes of their instant.
    const fn id(shares_ids: bool, id: i64) -> i64 {
        if shares_ids { id } else { 0 }
    }

    pub(super) fn next_key(&mut self) -> Result<Key, ReadError> {
        loop {
            if let Some(rows) = &self.rows {
                while self.at < rows.ts.len() && rows.is_late(self.at) {
                    self.at += 1;
                    self.n_late += 1;
                }
                if let Some(ts) = rows.ts.get(self.at) {
                    return Ok((*ts, Self::id(self.shares_ids, rows.last_id[self.at])));
                }
            }
            self.rows = None;
            self.at = 0;
            let Some(batches) = &mut self.batches else {
                return Ok(END);
            };
            match batches.next()? {
                None => self.batches = None,
                Some(batch) => self.rows = Some(LevelRows::of(&batch)),
            }
        }
    }

    /// Feeds the messages of the batch at hand up to and including `until`, and not after the quote at `quote`.
    pub(super) fn drain<X: StatSet>(
        &mut self,
        builder: &mut MinuteBuilder<X>,
        until: i64,
        quote: Key,
    ) -> Result<(), BarsError> {
        let Some(rows) = &self.rows else {
            return Ok(());
        };
        let n = rows.ts.len();
        let (ts, price, qty) = (&rows.ts[..n], &rows.price[..n], &rows.qty[..n]);
        let (side, last_id) = (&rows.side[..n], &rows.last_id[..n]);
        let mut i = self.at;
        while i < n {
            if rows.is_late(i) {
                self.n_late += 1;
                i += 1;
                continue;
            }
            if self.at_start {
                if ts[i] > until || (ts[i], Self::id(self.shares_ids, last_id[i])) > quote {
                    break;
                }
                if rows.follows(i, self.rule, self.link) {
                    // Without a book nothing can break; the next snapshot makes one.
                    if self.link.is_some() || rows.is_snapshot.value(i) {
                        self.link = Some(rows.link(i));
                    }
                } else {
                    let gap = Event::Gap(Gap {
                        from: UnixMicros(self.last_ts.min(ts[i])),
                        to: UnixMicros(ts[i]),
                        lost: Lost::Everything,
                    });
                    builder.on_other_at(&gap, UnixMicros(ts[i]))?;
                    self.n_gaps += 1;
                    self.link = None;
                }
                self.last_ts = ts[i];
            }
            let is_end = rows.msg_end.value(i);
            let side = side_of(side[i]);
            builder.on_level_fields(
                ts[i],
                rows.is_snapshot.value(i),
                side,
                price[i],
                qty[i],
                is_end,
            )?;
            self.at_start = is_end;
            i += 1;
        }
        self.at = i;
        Ok(())
    }
}

/// Images of the first levels.
#[derive(Debug)]
pub(super) struct ImageCursor {
    batches: Option<Batches>,
    rows: Option<ImageRows>,
    at: usize,
    shares_ids: bool,
    /// Refilled for each row, so that nothing is allocated.
    event: Event,
}

#[derive(Debug)]
pub(crate) struct ImageRows {
    pub(crate) ts: ScalarBuffer<i64>,
    seq: ScalarBuffer<i64>,
    update_id: Int64Array,
    /// Per level: bid price and quantity, ask price and quantity.
    levels: Vec<[Float64Array; 4]>,
}

impl ImageRows {
    /// Returns the columns of the first levels.
    pub(crate) fn columns() -> Vec<String> {
        let mut out: Vec<String> = ["ts_event", "seq", "update_id"].map(str::to_owned).into();
        for level in 0..TOP_LEVELS {
            for name in ["bid_px", "bid_qty", "ask_px", "ask_qty"] {
                out.push(format!("{name}_{level:02}"));
            }
        }
        out
    }

    pub(crate) fn of(batch: &RecordBatch) -> Self {
        let float = |i: usize| batch.column(i).as_primitive::<Float64Type>().clone();
        Self {
            ts: values::<TimestampMicrosecondType>(batch, 0),
            seq: values::<Int64Type>(batch, 1),
            update_id: batch.column(2).as_primitive::<Int64Type>().clone(),
            levels: (0..TOP_LEVELS)
                .map(|k| [0, 1, 2, 3].map(|j| float(3 + 4 * k + j)))
                .collect(),
        }
    }

    pub(crate) fn id(&self, row: usize) -> i64 {
        if self.update_id.is_valid(row) {
            self.update_id.value(row)
        } else {
            self.seq[row]
        }
    }

    /// Writes a row over an image.
    pub(crate) fn read(&self, row: usize, image: &mut BookSnapshot) {
        image.ts_event = UnixMicros(self.ts[row]);
        image.seq = self.seq[row];
        image.bids.clear();
        image.asks.clear();
        for [bid_px, bid_qty, ask_px, ask_qty] in &self.levels {
            for (side, px, qty) in [
                (&mut image.bids, bid_px, bid_qty),
                (&mut image.asks, ask_px, ask_qty),
            ] {
                if px.is_valid(row) && qty.is_valid(row) {
                    side.push(BookLevel {
                        px: px.value(row),
                        qty: qty.value(row),
                    });
                }
            }
        }
    }
}

/// Returns an image without levels.
pub(crate) fn empty_image() -> BookSnapshot {
    BookSnapshot {
        ts_event: UnixMicros(0),
        ts_recv: None,
        seq: 0,
        bids: Vec::with_capacity(TOP_LEVELS),
        asks: Vec::with_capacity(TOP_LEVELS),
    }
}

impl ImageCursor {
    pub(super) fn new(batches: Option<Batches>, shares_ids: bool) -> Self {
        Self {
            batches,
            rows: None,
            at: 0,
            shares_ids,
            event: Event::BookSnapshot(empty_image()),
        }
    }

    fn key(rows: &ImageRows, row: usize, shares_ids: bool) -> Key {
        (rows.ts[row], if shares_ids { rows.id(row) } else { 0 })
    }

    pub(super) fn next_key(&mut self) -> Result<Key, ReadError> {
        loop {
            if let Some(rows) = self.rows.as_ref().filter(|r| self.at < r.ts.len()) {
                return Ok(Self::key(rows, self.at, self.shares_ids));
            }
            self.rows = None;
            self.at = 0;
            let Some(batches) = &mut self.batches else {
                return Ok(END);
            };
            match batches.next()? {
                None => self.batches = None,
                Some(batch) => self.rows = Some(ImageRows::of(&batch)),
            }
        }
    }

    /// Feeds the images of the batch at hand up to and including `until`, and not after the quote at `quote`.
    pub(super) fn drain<X: StatSet>(
        &mut self,
        builder: &mut MinuteBuilder<X>,
        until: i64,
        quote: Key,
    ) -> Result<(), BarsError> {
        let Some(rows) = &self.rows else {
            return Ok(());
        };
        while self.at < rows.ts.len() {
            let key = Self::key(rows, self.at, self.shares_ids);
            if key.0 > until || key > quote {
                break;
            }
            if let Event::BookSnapshot(image) = &mut self.event {
                rows.read(self.at, image);
            }
            builder.on_other_at(&self.event, UnixMicros(key.0))?;
            self.at += 1;
        }
        Ok(())
    }
}
