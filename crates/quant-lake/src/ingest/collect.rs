//! Sorts a day that did not arrive in order, drops repetitions, and merges it with slices already in the lake.
//!
//! Works on columns of any dataset. The result does not depend on the order of slices.

use core::cmp::Ordering;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, UInt32Array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take;

use crate::schema::Dataset;
use crate::venues::numbering::TradeNumbers;
use crate::venues::records::ordered_bits;

/// A row of the input: which batch, which row of it. Ordered as the rows came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    batch: u32,
    row: u32,
}

/// Returns every row of some batches, as they came.
fn all_rows(batches: &[RecordBatch]) -> Vec<At> {
    let mut out = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for (batch, of) in (0..).zip(batches) {
        let rows = u32::try_from(of.num_rows()).unwrap_or(u32::MAX);
        out.extend((0..rows).map(|row| At { batch, row }));
    }
    out
}

/// A sorted day: the rows as they came, and in which order they are to be written.
///
/// Large days are not copied: sorting needs 24 bytes a row besides the rows themselves.
#[derive(Debug)]
pub(super) struct SortedDay {
    /// Strictly ascending by the sort key, one per dedupe key.
    kept: Vec<At>,
    /// Rows equal to another one, dropped.
    pub(super) duplicates: u64,
    /// Rows whose key is taken by a different row, as they came.
    pub(super) conflicts: Vec<At>,
    input: Vec<RecordBatch>,
}

impl SortedDay {
    /// Returns how many rows came.
    pub(super) fn rows_in(&self) -> usize {
        self.input.iter().map(RecordBatch::num_rows).sum()
    }

    /// Returns how many rows stay.
    pub(super) const fn rows(&self) -> usize {
        self.kept.len()
    }

    /// Returns the position of a row among all that came.
    pub(super) fn position(&self, at: At) -> usize {
        let before = self.input.iter().take(at.batch as usize);
        before.map(RecordBatch::num_rows).sum::<usize>() + at.row as usize
    }

    /// Returns a row as text, for the quarantine.
    pub(super) fn render(&self, at: At) -> String {
        let batch = self.input.get(at.batch as usize);
        batch.map_or_else(String::new, |batch| render(batch, at.row as usize))
    }

    /// Returns the rows that stay, in order, `size` at a time.
    pub(super) fn chunks(
        &self,
        size: usize,
    ) -> impl Iterator<Item = Result<RecordBatch, ArrowError>> + '_ {
        let input: Vec<&RecordBatch> = self.input.iter().collect();
        self.kept.chunks(size.max(1)).map(move |rows| {
            let at = |a: &At| (a.batch as usize, a.row as usize);
            let rows: Vec<(usize, usize)> = rows.iter().map(at).collect();
            interleave_record_batch(&input, &rows)
        })
    }
}

/// Which of two different rows with one key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    /// The one that came first: rows of one file.
    First,
    /// The smaller one by its columns: rows of different slices, whose order must not matter.
    Smallest,
}

/// The values of a column in one batch.
enum Values<'a> {
    I64(&'a [i64]),
    I32(&'a [i32]),
    I8(&'a [i8]),
    F64(&'a [f64]),
    Flags(&'a BooleanArray),
}

/// A column in all batches, as integers that sort and compare like its values; `None` = null, below all others.
struct Comparable<'a>(Vec<(Values<'a>, Option<&'a NullBuffer>)>);

impl<'a> Comparable<'a> {
    fn new<'b: 'a>(arrays: impl Iterator<Item = &'b ArrayRef>) -> Result<Self, ArrowError> {
        let part = |array: &'b ArrayRef| {
            let values = match array.data_type() {
                DataType::Int64 => Values::I64(array.as_primitive::<Int64Type>().values()),
                DataType::Timestamp(_, _) => {
                    Values::I64(array.as_primitive::<TimestampMicrosecondType>().values())
                }
                DataType::Int32 => Values::I32(array.as_primitive::<Int32Type>().values()),
                DataType::Int8 => Values::I8(array.as_primitive::<Int8Type>().values()),
                DataType::Float64 => Values::F64(array.as_primitive::<Float64Type>().values()),
                DataType::Boolean => Values::Flags(array.as_boolean()),
                other => {
                    return Err(ArrowError::NotYetImplemented(format!("comparing {other}")));
                }
            };
            Ok((values, array.nulls()))
        };
        Ok(Self(arrays.map(part).collect::<Result<_, _>>()?))
    }

    /// Returns the column of this name.
    fn named(batches: &'a [RecordBatch], name: &str) -> Result<Self, ArrowError> {
        let of = |batch: &'a RecordBatch| {
            let column = batch.column_by_name(name);
            column.ok_or_else(|| ArrowError::SchemaError(format!("no column `{name}`")))
        };
        let arrays: Vec<&ArrayRef> = batches.iter().map(of).collect::<Result<_, _>>()?;
        Self::new(arrays.into_iter())
    }

    fn get(&self, at: At) -> Option<i64> {
        let (values, nulls) = &self.0[at.batch as usize];
        let row = at.row as usize;
        if nulls.is_some_and(|n| n.is_null(row)) {
            return None;
        }
        Some(match values {
            Values::I64(v) => v[row],
            Values::I32(v) => v[row].into(),
            Values::I8(v) => v[row].into(),
            Values::F64(v) => ordered_bits(v[row]),
            Values::Flags(v) => v.value(row).into(),
        })
    }
}

/// Compares two rows by some columns, the first one first.
fn by(columns: &[Comparable<'_>], a: At, b: At) -> Ordering {
    columns
        .iter()
        .map(|c| c.get(a).cmp(&c.get(b)))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Sorts rows, keeping one per dedupe key.
///
/// Forced orders that are equal but for `occurrence` are all kept: with `number_occurrences` they are numbered.
pub(super) fn sort_day(
    dataset: Dataset,
    mut input: Vec<RecordBatch>,
    winner: Winner,
    number_occurrences: bool,
) -> Result<SortedDay, ArrowError> {
    input.retain(|batch| batch.num_rows() > 0);
    if dataset == Dataset::Liquidations && number_occurrences && !input.is_empty() {
        let one = concat_batches(&input[0].schema(), &input)?;
        input = vec![numbered(&one)?];
    }
    let (kept, duplicates, conflicts) = order(dataset, &input, winner)?;
    Ok(SortedDay {
        kept,
        duplicates,
        conflicts,
        input,
    })
}

/// Returns the rows that stay, in order; the number of repeated ones; those whose key is taken.
fn order(
    dataset: Dataset,
    input: &[RecordBatch],
    winner: Winner,
) -> Result<(Vec<At>, u64, Vec<At>), ArrowError> {
    let Some(first) = input.first() else {
        return Ok((Vec::new(), 0, Vec::new()));
    };
    let keys = |names: &[&str]| {
        names
            .iter()
            .map(|name| Comparable::named(input, name))
            .collect::<Result<Vec<_>, _>>()
    };
    let (sort, dedupe) = (keys(dataset.sort_key())?, keys(dataset.dedupe_key())?);
    let schema = first.schema();
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let all = keys(&names)?;
    // When a row was received says nothing about whether two rows tell the same.
    let is_told = |name: &&&str| !matches!(**name, "ts_recv" | "late");
    let told = keys(&names.iter().filter(is_told).copied().collect::<Vec<_>>())?;

    // Groups of one dedupe key, each in the order that decides who stays.
    let mut order = all_rows(input);
    order.sort_unstable_by(|&a, &b| {
        let tie = || match winner {
            Winner::First => a.cmp(&b),
            Winner::Smallest => by(&told, a, b).then_with(|| by(&all, a, b)).then(a.cmp(&b)),
        };
        by(&dedupe, a, b).then_with(tie)
    });
    let (mut duplicates, mut conflicts) = (0, Vec::new());
    let mut last: Option<At> = None;
    order.retain(|&at| match last {
        Some(first) if by(&dedupe, first, at).is_eq() => {
            if by(&told, first, at).is_eq() {
                duplicates += 1;
            } else {
                conflicts.push(at);
            }
            false
        }
        _ => {
            last = Some(at);
            true
        }
    });
    order.sort_unstable_by(|&a, &b| by(&sort, a, b).then(a.cmp(&b)));
    conflicts.sort_unstable();
    Ok((order, duplicates, conflicts))
}

/// Gives the trades of a day, collected with provisional ids, the ids that follow from their time and position.
///
/// The rows come in file order; with `descending` they (and `lines`) are turned around first, so that the position counts
/// in true time order. Rows of one time that share a provisional id are one trade and get one id: sorting then counts
/// them as a duplicate or a conflict.
pub(super) fn number_trades(
    mut batches: Vec<RecordBatch>,
    lines: &mut [u64],
    descending: bool,
) -> Result<Vec<RecordBatch>, ArrowError> {
    if descending {
        batches.reverse();
        for batch in &mut batches {
            *batch = backward(batch)?;
        }
        lines.reverse();
    }
    let times = Comparable::named(&batches, "ts_event")?;
    let provisional = Comparable::named(&batches, "trade_id")?;
    let time = |at: At| times.get(at).unwrap_or(i64::MIN);
    let mut order = all_rows(&batches);
    // Rows of one time keep their order.
    order.sort_unstable_by_key(|&at| (time(at), at));
    let mut ids: Vec<Vec<i64>> = batches.iter().map(|b| vec![0; b.num_rows()]).collect();
    let mut numbers = TradeNumbers::default();
    for at in order {
        let id = numbers.next(time(at), provisional.get(at).unwrap_or(0));
        ids[at.batch as usize][at.row as usize] = id;
    }
    let with_ids = |(batch, ids): (&RecordBatch, Vec<i64>)| {
        let at = batch.schema().index_of("trade_id")?;
        let mut arrays = batch.columns().to_vec();
        arrays[at] = std::sync::Arc::new(Int64Array::from(ids));
        RecordBatch::try_new(batch.schema(), arrays)
    };
    batches.iter().zip(ids).map(with_ids).collect()
}

fn backward(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let rows = u32::try_from(batch.num_rows()).unwrap_or(u32::MAX);
    let indices = UInt32Array::from_iter_values((0..rows).rev());
    let columns = batch
        .columns()
        .iter()
        .map(|c| take(c, &indices, None))
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

/// Numbers equal forced orders 0, 1, 2 ... in the order they came.
fn numbered(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let batches = std::slice::from_ref(batch);
    let columns: Vec<Comparable<'_>> = ["ts_event", "side", "price", "qty"]
        .iter()
        .map(|name| Comparable::named(batches, name))
        .collect::<Result<_, _>>()?;
    let mut order = all_rows(batches);
    order.sort_unstable_by(|&a, &b| by(&columns, a, b).then(a.cmp(&b)));
    let mut numbers = vec![0_i32; batch.num_rows()];
    for pair in order.windows(2) {
        if by(&columns, pair[0], pair[1]).is_eq() {
            numbers[pair[1].row as usize] = numbers[pair[0].row as usize].saturating_add(1);
        }
    }
    let at = batch.schema().index_of("occurrence")?;
    let mut arrays = batch.columns().to_vec();
    arrays[at] = std::sync::Arc::new(Int32Array::from(numbers));
    RecordBatch::try_new(batch.schema(), arrays)
}

/// Returns a row as `name=value` text, for the quarantine.
fn render(batch: &RecordBatch, row: usize) -> String {
    let schema = batch.schema();
    let mut out = Vec::new();
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        if array.is_null(row) {
            continue;
        }
        let value = match array.data_type() {
            DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
            DataType::Timestamp(_, _) => quant_core::time::UnixMicros(
                array.as_primitive::<TimestampMicrosecondType>().value(row),
            )
            .to_string(),
            DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
            DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
            DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
            DataType::Boolean => array.as_boolean().value(row).to_string(),
            _ => continue,
        };
        out.push(format!("{}={value}", field.name()));
    }
    out.join(" ")
}

#[cfg(test)]
mod tests;
