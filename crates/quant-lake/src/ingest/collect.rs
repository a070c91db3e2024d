//! Sorts a day that did not arrive in order, drops repetitions, and merges it with slices already in the lake.
//!
//! Works on columns of any dataset. The result does not depend on the order of slices.

use core::cmp::Ordering;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, Int32Array, Int64Array, RecordBatch, UInt64Array};
use arrow_schema::{ArrowError, DataType};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;

use crate::schema::Dataset;
use crate::venues::numbering::TradeNumbers;
use crate::venues::records::ordered_bits;

/// A sorted day.
#[derive(Debug)]
pub(super) struct SortedDay {
    /// Rows, strictly ascending by the sort key, one per dedupe key.
    pub(super) batch: RecordBatch,
    /// Rows equal to another one, dropped.
    pub(super) duplicates: u64,
    /// Positions (in the concatenated input) of rows whose key is taken by a different row.
    pub(super) conflicts: Vec<usize>,
    /// The input, for rendering conflicts.
    pub(super) input: RecordBatch,
}

/// Which of two different rows with one key stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Winner {
    /// The one that came first: rows of one file.
    First,
    /// The smaller one by its columns: rows of different slices, whose order must not matter.
    Smallest,
}

/// A column as integers that sort and compare like its values; `None` = null.
struct Comparable {
    values: Vec<i64>,
    valid: Option<Vec<bool>>,
}

impl Comparable {
    fn new(array: &ArrayRef) -> Result<Self, ArrowError> {
        let values = match array.data_type() {
            DataType::Int64 => array.as_primitive::<Int64Type>().values().to_vec(),
            DataType::Timestamp(_, _) => array
                .as_primitive::<TimestampMicrosecondType>()
                .values()
                .to_vec(),
            DataType::Int32 => array
                .as_primitive::<Int32Type>()
                .values()
                .iter()
                .map(|&v| v.into())
                .collect(),
            DataType::Int8 => array
                .as_primitive::<Int8Type>()
                .values()
                .iter()
                .map(|&v| v.into())
                .collect(),
            DataType::Float64 => array
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .map(|&v| ordered_bits(v))
                .collect(),
            DataType::Boolean => {
                let flags = array.as_boolean();
                (0..flags.len())
                    .map(|i| i64::from(flags.value(i)))
                    .collect()
            }
            other => return Err(ArrowError::NotYetImplemented(format!("comparing {other}"))),
        };
        let valid = array.nulls().map(|nulls| nulls.iter().collect());
        Ok(Self { values, valid })
    }

    fn cmp(&self, a: usize, b: usize) -> Ordering {
        match &self.valid {
            Some(valid) if !(valid[a] && valid[b]) => valid[a].cmp(&valid[b]),
            _ => self.values[a].cmp(&self.values[b]),
        }
    }
}

fn column(batch: &RecordBatch, name: &str) -> Result<Comparable, ArrowError> {
    let array = batch
        .column_by_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("no column `{name}`")))?;
    Comparable::new(array)
}

/// Sorts rows, keeping one per dedupe key.
///
/// Forced orders that are equal but for `occurrence` are all kept: with `number_occurrences` they are numbered.
pub(super) fn sort_day(
    dataset: Dataset,
    batches: &[RecordBatch],
    winner: Winner,
    number_occurrences: bool,
) -> Result<SortedDay, ArrowError> {
    let schema = batches
        .first()
        .map_or_else(|| dataset.arrow_schema(0), RecordBatch::schema);
    let mut input = concat_batches(&schema, batches)?;
    if dataset == Dataset::Liquidations && number_occurrences {
        input = numbered(&input)?;
    }
    let all: Vec<Comparable> = input
        .columns()
        .iter()
        .map(Comparable::new)
        .collect::<Result<_, _>>()?;
    // When a row was received says nothing about whether two rows tell the same.
    let schema = input.schema();
    let told: Vec<bool> = schema
        .fields()
        .iter()
        .map(|f| !matches!(f.name().as_str(), "ts_recv" | "late"))
        .collect();
    let keys = |names: &[&str]| {
        names
            .iter()
            .map(|name| column(&input, name))
            .collect::<Result<Vec<_>, _>>()
    };
    let (sort, dedupe) = (keys(dataset.sort_key())?, keys(dataset.dedupe_key())?);
    let by = |columns: &[Comparable], a: usize, b: usize| {
        columns
            .iter()
            .map(|c| c.cmp(a, b))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    };

    let tells = |a: usize, b: usize| {
        let told = all.iter().zip(&told).filter(|(_, told)| **told);
        told.map(|(c, _)| c.cmp(a, b))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    };

    // Groups of one dedupe key, each in the order that decides who stays.
    let mut order: Vec<usize> = (0..input.num_rows()).collect();
    order.sort_by(|&a, &b| {
        let tie = || match winner {
            Winner::First => a.cmp(&b),
            Winner::Smallest => tells(a, b).then_with(|| by(&all, a, b)),
        };
        by(&dedupe, a, b).then_with(tie)
    });
    let mut kept: Vec<usize> = Vec::with_capacity(order.len());
    let (mut duplicates, mut conflicts) = (0, Vec::new());
    for at in order {
        match kept.last() {
            Some(&first) if by(&dedupe, first, at).is_eq() => {
                if tells(first, at).is_eq() {
                    duplicates += 1;
                } else {
                    conflicts.push(at);
                }
            }
            _ => kept.push(at),
        }
    }
    kept.sort_by(|&a, &b| by(&sort, a, b).then(a.cmp(&b)));
    conflicts.sort_unstable();
    let batch = take_rows(&input, &kept)?;
    Ok(SortedDay {
        batch,
        duplicates,
        conflicts,
        input,
    })
}

/// Gives the trades of a day, collected with provisional ids, the ids that follow from their time and position.
///
/// The rows come in file order; with `descending` they (and `lines`) are turned around first, so that the position counts
/// in true time order. Rows of one time that share a provisional id are one trade and get one id: sorting then counts
/// them as a duplicate or a conflict.
pub(super) fn number_trades(
    batches: &[RecordBatch],
    lines: &mut [u64],
    descending: bool,
) -> Result<RecordBatch, ArrowError> {
    let schema = batches
        .first()
        .map_or_else(|| Dataset::Trades.arrow_schema(0), RecordBatch::schema);
    let mut input = concat_batches(&schema, batches)?;
    if descending {
        let backward: Vec<usize> = (0..input.num_rows()).rev().collect();
        input = take_rows(&input, &backward)?;
        lines.reverse();
    }
    let times = column(&input, "ts_event")?.values;
    let mut ids = column(&input, "trade_id")?.values;
    let mut order: Vec<usize> = (0..input.num_rows()).collect();
    // Stable: rows of one time keep their order.
    order.sort_by_key(|&i| times[i]);
    let mut numbers = TradeNumbers::default();
    for i in order {
        ids[i] = numbers.next(times[i], ids[i]);
    }
    let at = schema.index_of("trade_id")?;
    let mut arrays = input.columns().to_vec();
    arrays[at] = std::sync::Arc::new(Int64Array::from(ids));
    RecordBatch::try_new(schema, arrays)
}

fn take_rows(batch: &RecordBatch, rows: &[usize]) -> Result<RecordBatch, ArrowError> {
    let indices = UInt64Array::from_iter_values(rows.iter().map(|&i| i as u64));
    let columns = batch
        .columns()
        .iter()
        .map(|c| take(c, &indices, None))
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(batch.schema(), columns)
}

/// Numbers equal forced orders 0, 1, 2 ... in the order they came.
fn numbered(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let names = ["ts_event", "side", "price", "qty"];
    let columns: Vec<Comparable> = names
        .iter()
        .map(|n| column(batch, n))
        .collect::<Result<_, _>>()?;
    let by = |a: usize, b: usize| {
        columns
            .iter()
            .map(|c| c.cmp(a, b))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    order.sort_by(|&a, &b| by(a, b).then(a.cmp(&b)));
    let mut numbers = vec![0_i32; batch.num_rows()];
    for pair in order.windows(2) {
        if by(pair[0], pair[1]).is_eq() {
            numbers[pair[1]] = numbers[pair[0]].saturating_add(1);
        }
    }
    let at = batch.schema().index_of("occurrence")?;
    let mut arrays = batch.columns().to_vec();
    arrays[at] = std::sync::Arc::new(Int32Array::from(numbers));
    RecordBatch::try_new(batch.schema(), arrays)
}

/// Returns a row as `name=value` text, for the quarantine.
pub(super) fn render(batch: &RecordBatch, row: usize) -> String {
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
