//! One struct per lake dataset and the column builders that turn rows into typed batches.
//!
//! The columns follow [`Dataset::columns`] exactly (a test compares both). Parsing lives with each venue.

mod events;

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, Float64Array, Int8Array, Int32Array, Int64Array,
    PrimitiveArray, RecordBatch, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, SchemaRef};

pub use self::events::AsEvent;
use crate::schema::Dataset;

/// One row of a dataset.
pub trait Record: Copy + PartialEq + core::fmt::Debug + Send + 'static {
    /// The dataset it belongs to.
    const DATASET: Dataset;
    /// Its column builders.
    type Columns: Columns<Self>;

    /// Returns the time that decides its day, microseconds UTC.
    fn ts(&self) -> i64;
    /// Its sort key as integers in the same order.
    type Key: Copy + Ord + Send;

    /// Returns its sort key.
    fn sort_key(&self) -> Self::Key;
    /// Returns whether another row tells the same of the venue: when it was received does not count.
    fn same(&self, other: &Self) -> bool;
    /// Returns whether the row came after the watermark had passed it.
    fn is_late(&self) -> bool {
        false
    }
    /// Flags the row as late; without effect on datasets that do not tell.
    fn mark_late(&mut self) {}
    /// Returns the venue's id where that alone identifies the row.
    fn unique_id(&self) -> Option<i64> {
        None
    }
}

/// Column builders of one dataset.
pub trait Columns<R>: Default + Send {
    /// Appends rows.
    fn extend(&mut self, rows: &[R]);
    /// Returns the number of rows held.
    fn len(&self) -> usize;
    /// Returns whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Takes everything held as a batch of `schema`, leaving the builders empty.
    ///
    /// # Errors
    /// Arrow's, if the schema is not the dataset's.
    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError>;
}

/// Returns an integer ordered like the float (negative below positive, -0 = 0).
pub fn ordered_bits(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits().cast_signed();
    if bits < 0 { !bits ^ i64::MIN } else { bits }
}

/// A builder of one nullable column that costs nothing while every value is null.
#[derive(Debug)]
pub struct OptColumn<T> {
    values: Vec<T>,
    valid: Vec<bool>,
    len: usize,
    n_valid: usize,
}

impl<T> Default for OptColumn<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            valid: Vec::new(),
            len: 0,
            n_valid: 0,
        }
    }
}

impl<T: Copy + Default> OptColumn<T> {
    #[inline]
    fn extend(&mut self, values: impl ExactSizeIterator<Item = Option<T>> + Clone) {
        // Most nullable columns are all null in a given file: then only the length changes.
        if self.n_valid == 0 && values.clone().all(|v| v.is_none()) {
            self.len += values.len();
        } else if self.n_valid == self.len && values.clone().all(|v| v.is_some()) {
            // As often every value is there: no marks are needed then.
            let n = values.len();
            self.values.extend(values.map(Option::unwrap_or_default));
            self.len += n;
            self.n_valid += n;
        } else {
            values.for_each(|value| self.push(value));
        }
    }

    /// Appends one value.
    pub(super) fn push(&mut self, value: Option<T>) {
        if let Some(value) = value {
            // The first value after nulls: give the nulls their place.
            self.values.resize(self.len, T::default());
            self.values.push(value);
            if self.n_valid < self.len || !self.valid.is_empty() {
                if self.n_valid == 0 {
                    self.valid.resize(self.len, false);
                }
                self.valid.push(true);
            }
            self.n_valid += 1;
        } else if self.n_valid > 0 {
            if self.valid.is_empty() {
                self.valid.resize(self.len, true);
            }
            self.values.push(T::default());
            self.valid.push(false);
        }
        self.len += 1;
    }

    /// Takes the values and their validity; `None` if every value is null.
    pub(super) fn take_parts(&mut self) -> Option<(Vec<T>, Option<NullBuffer>)> {
        let taken = std::mem::take(self);
        if taken.n_valid == 0 {
            return None;
        }
        // The next batch will likely be as long.
        self.values.reserve_exact(taken.len);
        let nulls = (taken.n_valid < taken.len).then(|| NullBuffer::from(taken.valid));
        Some((taken.values, nulls))
    }
}

/// What a field of a record is stored in, and how it becomes an array.
trait Cell {
    type Builder: Default;
    fn extend(to: &mut Self::Builder, values: impl ExactSizeIterator<Item = Self> + Clone);
    fn finish(from: &mut Self::Builder, len: usize, ty: &DataType) -> ArrayRef;
}

/// Microseconds UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ts(pub i64);

fn array<P: ArrowPrimitiveType>(values: Vec<P::Native>) -> PrimitiveArray<P> {
    PrimitiveArray::new(ScalarBuffer::from(values), None)
}

macro_rules! plain_cell {
    ($($rust:ty => $array:ty),+) => {$(
        impl Cell for $rust {
            type Builder = Vec<$rust>;
            #[inline]
            fn extend(to: &mut Vec<$rust>, values: impl ExactSizeIterator<Item = Self> + Clone) {
                to.extend(values);
            }
            fn finish(from: &mut Vec<$rust>, len: usize, _: &DataType) -> ArrayRef {
                let taken = std::mem::replace(from, Vec::with_capacity(len));
                Arc::new(<$array>::new(ScalarBuffer::from(taken), None))
            }
        }
    )+};
}
plain_cell!(f64 => Float64Array, i64 => Int64Array, i32 => Int32Array, i8 => Int8Array);

impl Cell for Ts {
    type Builder = Vec<i64>;
    #[inline]
    fn extend(to: &mut Vec<i64>, values: impl ExactSizeIterator<Item = Self> + Clone) {
        to.extend(values.map(|ts| ts.0));
    }
    fn finish(from: &mut Vec<i64>, len: usize, _: &DataType) -> ArrayRef {
        let taken = std::mem::replace(from, Vec::with_capacity(len));
        Arc::new(array::<TimestampMicrosecondType>(taken).with_timezone("UTC"))
    }
}

macro_rules! optional_cell {
    ($($rust:ty => $prim:ty),+) => {$(
        impl Cell for Option<$rust> {
            type Builder = OptColumn<$rust>;
            #[inline]
            fn extend(
                to: &mut OptColumn<$rust>,
                values: impl ExactSizeIterator<Item = Self> + Clone,
            ) {
                to.extend(values);
            }
            fn finish(from: &mut OptColumn<$rust>, len: usize, ty: &DataType) -> ArrayRef {
                match from.take_parts() {
                    None => new_null_array(ty, len),
                    Some((values, nulls)) => {
                        Arc::new(PrimitiveArray::<$prim>::new(ScalarBuffer::from(values), nulls))
                    }
                }
            }
        }
    )+};
}
optional_cell!(f64 => Float64Type, i64 => Int64Type, i32 => Int32Type);

impl Cell for Option<Ts> {
    type Builder = OptColumn<i64>;
    #[inline]
    fn extend(to: &mut OptColumn<i64>, values: impl ExactSizeIterator<Item = Self> + Clone) {
        to.extend(values.map(|ts| ts.map(|ts| ts.0)));
    }
    fn finish(from: &mut OptColumn<i64>, len: usize, ty: &DataType) -> ArrayRef {
        match from.take_parts() {
            None => new_null_array(ty, len),
            Some((values, nulls)) => Arc::new(
                TimestampMicrosecondArray::new(ScalarBuffer::from(values), nulls)
                    .with_timezone("UTC"),
            ),
        }
    }
}

impl Cell for bool {
    type Builder = Vec<bool>;
    #[inline]
    fn extend(to: &mut Vec<bool>, values: impl ExactSizeIterator<Item = Self> + Clone) {
        to.extend(values);
    }
    fn finish(from: &mut Vec<bool>, len: usize, _: &DataType) -> ArrayRef {
        let taken = std::mem::replace(from, Vec::with_capacity(len));
        Arc::new(BooleanArray::from(taken))
    }
}

impl Cell for Option<bool> {
    type Builder = OptColumn<bool>;
    #[inline]
    fn extend(to: &mut OptColumn<bool>, values: impl ExactSizeIterator<Item = Self> + Clone) {
        to.extend(values);
    }
    fn finish(from: &mut OptColumn<bool>, len: usize, ty: &DataType) -> ArrayRef {
        match from.take_parts() {
            None => new_null_array(ty, len),
            Some((values, nulls)) => Arc::new(BooleanArray::new(values.into(), nulls)),
        }
    }
}

/// Applies one part of a sort key; tells the compiler the type of the closure's argument.
#[inline]
fn part_of<R>(row: &R, part: impl Fn(&R) -> i64) -> i64 {
    part(row)
}

macro_rules! record {
    ($(#[$doc:meta])* $name:ident, $columns:ident = $dataset:expr; $time:ident;
     [$($key:expr),+ $(,)?] $(; id $id:ident)? $(; recv $recv:ident $late:ident)?; { $($field:ident : $ty:ty),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[expect(missing_docs, reason = "fields are the columns of the dataset, documented in the schema")]
        pub struct $name { $(pub $field: $ty),+ }

        /// Column builders.
        #[derive(Default)]
        pub struct $columns { len: usize, $($field: <$ty as Cell>::Builder),+ }

        impl core::fmt::Debug for $columns {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{} x {}", self.len, $dataset)
            }
        }

        impl Columns<$name> for $columns {
            fn extend(&mut self, rows: &[$name]) {
                // Column by column: a loop over one field has no branch per value.
                $(<$ty as Cell>::extend(&mut self.$field, rows.iter().map(|row| row.$field));)+
                self.len += rows.len();
            }
            fn len(&self) -> usize {
                self.len
            }
            fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
                let len = std::mem::take(&mut self.len);
                let mut types = schema.fields().iter().map(|f| f.data_type());
                let mut columns = Vec::with_capacity(schema.fields().len());
                $(
                    let ty = types.next().unwrap_or(&DataType::Null);
                    columns.push(<$ty as Cell>::finish(&mut self.$field, len, ty));
                )+
                RecordBatch::try_new(Arc::clone(schema), columns)
            }
        }

        impl Record for $name {
            const DATASET: Dataset = $dataset;
            type Columns = $columns;
            #[inline]
            fn ts(&self) -> i64 {
                self.$time.0
            }
            type Key = [i64; <[&str]>::len(&[$(stringify!($key)),+])];
            #[inline]
            fn sort_key(&self) -> Self::Key {
                [$(part_of(self, $key)),+]
            }
            fn same(&self, other: &Self) -> bool {
                let like = Self { $($recv: other.$recv, $late: other.$late,)? ..*self };
                like == *other
            }
            $(fn is_late(&self) -> bool {
                self.$late == Some(true)
            }
            fn mark_late(&mut self) {
                self.$late = Some(true);
            })?
            $(#[inline]
            fn unique_id(&self) -> Option<i64> {
                Some(self.$id)
            })?
        }
    };
}

record!(
    /// A venue kline of one minute.
    Kline, KlineColumns = Dataset::Klines1m; ts_open; [|r| r.ts_open.0]; {
        ts_open: Ts, ts_close: Ts, open: f64, high: f64, low: f64, close: f64, volume: f64, volume_raw: Option<f64>,
        quote_volume: Option<f64>, n_trades: Option<i64>, taker_buy_volume: Option<f64>,
        taker_buy_quote_volume: Option<f64>,
    }
);
record!(
    /// A venue-aggregated trade.
    AggTrade, AggTradeColumns = Dataset::AggTrades; ts_event; [|r| r.ts_event.0, |r| r.trade_id]; id trade_id; recv ts_recv late; {
        ts_event: Ts, ts_recv: Option<Ts>, trade_id: i64, price: f64, qty: f64, qty_raw: Option<f64>, aggressor: i8,
        first_id: i64, last_id: i64, late: Option<bool>,
    }
);
record!(
    /// A raw trade.
    TradeRow, TradeColumns = Dataset::Trades; ts_event; [|r| r.ts_event.0, |r| r.trade_id]; id trade_id; recv ts_recv late; {
        ts_event: Ts, ts_recv: Option<Ts>, trade_id: i64, price: f64, qty: f64, qty_raw: Option<f64>, aggressor: i8,
        late: Option<bool>,
    }
);
record!(
    /// A best bid and ask.
    BookTickerRow, BookTickerColumns = Dataset::BookTicker; ts_event; [|r| r.ts_event.0, |r| r.update_id]; recv ts_recv late; {
        ts_event: Ts, ts_recv: Option<Ts>, ts_gateway: Option<Ts>, ts_inferred: Option<bool>, update_id: i64,
        bid_px: f64, bid_qty: f64, ask_px: f64, ask_qty: f64, late: Option<bool>,
    }
);
record!(
    /// One level of a book message; a message is complete at `msg_end`.
    L2DeltaRow, L2DeltaColumns = Dataset::L2Deltas; ts_event;
    [|r| r.ts_event.0, |r| r.msg_seq, |r| i64::from(r.side), |r| ordered_bits(r.price)]; recv ts_recv late; {
        ts_event: Ts, ts_recv: Option<Ts>, msg_seq: i64, is_snapshot: bool, side: i8, price: f64, qty: f64,
        first_id: i64, last_id: i64, prev_id: Option<i64>, msg_end: bool, late: Option<bool>,
    }
);
record!(
    /// Cumulative depth inside one percent band.
    DepthBandRow, DepthBandColumns = Dataset::DepthBands; ts_event;
    [|r| r.ts_event.0, |r| ordered_bits(r.percentage)]; {
        ts_event: Ts, percentage: f64, depth: f64, notional: f64,
    }
);
macro_rules! reference_kline {
    ($(#[$doc:meta])* $name:ident, $columns:ident, $dataset:expr) => {
        record!($(#[$doc])* $name, $columns = $dataset; ts_open; [|r| r.ts_open.0]; {
            ts_open: Ts, ts_close: Ts, open: f64, high: f64, low: f64, close: f64, n_ticks: Option<i64>,
        });
    };
}
reference_kline!(
    /// A mark price kline.
    MarkKline, MarkKlineColumns, Dataset::MarkKlines
);
reference_kline!(
    /// A premium index kline.
    PremiumKline, PremiumKlineColumns, Dataset::PremiumKlines
);
reference_kline!(
    /// An index price kline.
    IndexKline, IndexKlineColumns, Dataset::IndexKlines
);
record!(
    /// A settled funding payment.
    FundingRow, FundingColumns = Dataset::Funding; ts_event; [|r| r.ts_event.0]; {
        ts_event: Ts, rate: f64, interval_h: Option<i32>, mark_price: Option<f64>,
    }
);
record!(
    /// An open interest sample.
    OpenInterestRow, OpenInterestColumns = Dataset::OpenInterest; ts_event; [|r| r.ts_event.0]; {
        ts_event: Ts, ts_published: Option<Ts>, open_interest: f64, notional: Option<f64>,
    }
);
record!(
    /// Five-minute open interest and ratios.
    MetricsRow, MetricsColumns = Dataset::Metrics; ts_event; [|r| r.ts_event.0]; {
        ts_event: Ts, open_interest: Option<f64>, open_interest_notional: Option<f64>,
        toptrader_account_ls_ratio: Option<f64>, toptrader_position_ls_ratio: Option<f64>,
        account_ls_ratio: Option<f64>, taker_ls_volume_ratio: Option<f64>,
    }
);
record!(
    /// A forced order; equal ones are told apart by `occurrence`.
    LiquidationRow, LiquidationColumns = Dataset::Liquidations; ts_event;
    [
        |r| r.ts_event.0, |r| i64::from(r.side), |r| ordered_bits(r.price), |r| ordered_bits(r.qty),
        |r| i64::from(r.occurrence),
    ]; {
        ts_event: Ts, side: i8, price: f64, average_price: Option<f64>, qty: f64, qty_raw: Option<f64>, occurrence: i32,
    }
);

#[cfg(test)]
mod tests;
