//! Checks of a batch before it is written: schema, nulls, finite floats, strict order, day. Fixes only -0.0.

use core::cmp::Ordering;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow_schema::SchemaRef;
use quant_core::time::{Day, UnixMicros};

use super::WriteError;
use crate::coverage::GapFinder;
use crate::layout::{DayRule, PartitionSetSpec};
use crate::schema::ColumnType;

/// One sort-key value kept between batches.
#[derive(Clone, Debug, PartialEq)]
enum KeyValue {
    Int(i64),
    Float(f64),
    Text(String),
}

/// One sort-key column of a batch.
enum KeyColumn<'a> {
    I64(&'a [i64]),
    I32(&'a [i32]),
    I8(&'a [i8]),
    F64(&'a [f64]),
    Bool(&'a arrow_array::BooleanArray),
    Text(&'a arrow_array::StringArray),
}

impl KeyColumn<'_> {
    fn cmp_rows(&self, a: usize, b: usize) -> Ordering {
        match self {
            Self::I64(v) => v[a].cmp(&v[b]),
            Self::I32(v) => v[a].cmp(&v[b]),
            Self::I8(v) => v[a].cmp(&v[b]),
            Self::F64(v) => v[a].total_cmp(&v[b]),
            Self::Bool(v) => v.value(a).cmp(&v.value(b)),
            Self::Text(v) => v.value(a).cmp(v.value(b)),
        }
    }

    fn value(&self, row: usize) -> KeyValue {
        match self {
            Self::I64(v) => KeyValue::Int(v[row]),
            Self::I32(v) => KeyValue::Int(v[row].into()),
            Self::I8(v) => KeyValue::Int(v[row].into()),
            Self::F64(v) => KeyValue::Float(v[row]),
            Self::Bool(v) => KeyValue::Int(v.value(row).into()),
            Self::Text(v) => KeyValue::Text(v.value(row).to_owned()),
        }
    }
}

impl KeyValue {
    fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Float(a), Self::Float(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            // One column has one type.
            _ => Ordering::Equal,
        }
    }
}

/// Carries what must hold across the batches of one partition.
#[derive(Debug)]
pub(crate) struct BatchChecker {
    types: Vec<ColumnType>,
    nullable: Vec<bool>,
    key: Vec<usize>,
    key_text: String,
    time: usize,
    rule: DayRule,
    day: Day,
    last_key: Option<Vec<KeyValue>>,
    rows: u64,
    ts_min: Option<i64>,
    ts_max: Option<i64>,
    /// Missing intervals of a day that holds one row per interval.
    gaps: Option<GapFinder>,
}

impl BatchChecker {
    pub(crate) fn new(spec: &PartitionSetSpec, day: Day) -> Self {
        let position = |name: &String| spec.columns.iter().position(|c| c.name == *name);
        Self {
            types: spec.columns.iter().map(|c| c.ty).collect(),
            nullable: spec.columns.iter().map(|c| c.nullable).collect(),
            key: spec.sort_key.iter().filter_map(position).collect(),
            key_text: spec.sort_key.join(", "),
            time: position(&spec.time_column).unwrap_or(0),
            rule: spec.day_rule,
            day,
            last_key: None,
            rows: 0,
            ts_min: None,
            ts_max: None,
            gaps: spec.interval_us.map(|us| GapFinder::new(day.range(), us)),
        }
    }

    /// Returns the stretches of missing intervals; 0 for sets of point events.
    pub(crate) fn n_gaps(&self) -> u64 {
        self.gaps
            .clone()
            .map_or(0, |gaps| gaps.finish().len() as u64)
    }

    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    pub(crate) fn time_bounds(&self) -> (Option<UnixMicros>, Option<UnixMicros>) {
        (self.ts_min.map(UnixMicros), self.ts_max.map(UnixMicros))
    }

    /// Returns the batch under the set's own schema, with -0.0 replaced by 0.
    pub(crate) fn check(
        &mut self,
        schema: &SchemaRef,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, WriteError> {
        check_schema(schema, batch)?;
        let mut columns = batch.columns().to_vec();
        for (i, array) in columns.iter_mut().enumerate() {
            let name = || schema.field(i).name().clone();
            if !self.nullable[i]
                && let Some(row) = first_null(array)
            {
                return Err(WriteError::Null {
                    row: self.rows + row as u64,
                    column: name(),
                });
            }
            if self.types[i] == ColumnType::F64 {
                match check_floats(array.as_primitive::<Float64Type>()) {
                    Floats::Fine => {}
                    Floats::Fixed(fixed) => *array = Arc::new(fixed),
                    Floats::NotFinite { row, value } => {
                        let row = self.rows + row as u64;
                        return Err(WriteError::NotFinite {
                            row,
                            column: name(),
                            value,
                        });
                    }
                }
            }
        }
        self.check_order(&columns)?;
        self.check_day(&columns)?;
        self.rows += batch.num_rows() as u64;
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| WriteError::Schema {
            index: 0,
            found: e.to_string(),
            expected: "columns of one length".to_owned(),
        })
    }

    fn check_order(&mut self, columns: &[ArrayRef]) -> Result<(), WriteError> {
        let keys: Vec<KeyColumn<'_>> = self
            .key
            .iter()
            .map(|&i| key_column(self.types[i], &columns[i]))
            .collect();
        let rows = columns.first().map_or(0, Array::len);
        let (Some((first, rest)), true) = (keys.split_first(), rows > 0) else {
            return Ok(());
        };
        let not_sorted = |row: usize, order: Ordering| WriteError::NotSorted {
            row: self.rows + row as u64,
            key: self.key_text.clone(),
            equal: order == Ordering::Equal,
        };
        if let Some(last) = &self.last_key {
            let order = last
                .iter()
                .zip(&keys)
                .map(|(value, column)| value.order(&column.value(0)))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal);
            if order.is_ge() {
                return Err(not_sorted(0, order));
            }
        }
        let order_at = |row: usize| {
            rest.iter()
                .map(|c| c.cmp_rows(row - 1, row))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        // Trades and quotes, the largest datasets, are keyed by a time and an id: one branch-free pass settles them.
        let rises = match (first, rest) {
            (KeyColumn::I64(a), [KeyColumn::I64(b)]) => pairs_rise(a, b),
            _ => false,
        };
        let unsorted = if rises {
            None
        } else {
            (1..rows).find_map(|row| {
                let order = first.cmp_rows(row - 1, row).then_with(|| order_at(row));
                order.is_ge().then_some((row, order))
            })
        };
        if let Some((row, order)) = unsorted {
            return Err(not_sorted(row, order));
        }
        self.last_key = Some(keys.iter().map(|c| c.value(rows - 1)).collect());
        Ok(())
    }

    fn check_day(&mut self, columns: &[ArrayRef]) -> Result<(), WriteError> {
        let times = columns[self.time]
            .as_primitive::<TimestampMicrosecondType>()
            .values();
        // Days that hold their own times are led by them in the sort key, and the order was checked before.
        let bounds = match self.rule {
            DayRule::Inside => times.first().zip(times.last()),
            DayRule::Before => times.iter().min().zip(times.iter().max()),
        };
        let Some((min, max)) = bounds else {
            return Ok(());
        };
        let range = self.day.range();
        let allowed = |ts: i64| match self.rule {
            DayRule::Inside => range.contains(UnixMicros(ts)),
            DayRule::Before => ts < range.start.0,
        };
        if !(allowed(*min) && allowed(*max)) {
            let row = times.iter().position(|&ts| !allowed(ts)).unwrap_or(0);
            return Err(WriteError::OtherDay {
                row: self.rows + row as u64,
                at: UnixMicros(times[row]),
                day: self.day,
            });
        }
        if let Some(gaps) = &mut self.gaps {
            times.iter().for_each(|ts| gaps.see(UnixMicros(*ts)));
        }
        self.ts_min = Some(self.ts_min.map_or(*min, |m| m.min(*min)));
        self.ts_max = Some(self.ts_max.map_or(*max, |m| m.max(*max)));
        Ok(())
    }
}

fn check_schema(schema: &SchemaRef, batch: &RecordBatch) -> Result<(), WriteError> {
    let found = batch.schema_ref().fields();
    let text = |f: Option<&Arc<arrow_schema::Field>>| {
        f.map_or("nothing".to_owned(), |f| {
            format!("{} {}", f.name(), f.data_type())
        })
    };
    for index in 0..schema.fields().len().max(found.len()) {
        let (want, have) = (schema.fields().get(index), found.get(index));
        let same = want
            .zip(have)
            .is_some_and(|(w, h)| w.name() == h.name() && w.data_type() == h.data_type());
        if !same {
            return Err(WriteError::Schema {
                index,
                found: text(have),
                expected: text(want),
            });
        }
    }
    Ok(())
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "without branches the loop is vectorised"
)]
fn pairs_rise(a: &[i64], b: &[i64]) -> bool {
    let earlier = a.iter().zip(b);
    let later = a.iter().zip(b).skip(1);
    earlier
        .zip(later)
        .fold(true, |rises, ((a0, b0), (a1, b1))| {
            rises & ((a0 < a1) | ((a0 == a1) & (b0 < b1)))
        })
}

fn first_null(array: &ArrayRef) -> Option<usize> {
    if array.null_count() == 0 {
        return None;
    }
    (0..array.len()).find(|&row| array.is_null(row))
}

enum Floats {
    Fine,
    Fixed(Float64Array),
    NotFinite { row: usize, value: f64 },
}

fn check_floats(array: &Float64Array) -> Floats {
    const NEGATIVE_ZERO: u64 = 1 << 63;
    // One branch-free pass; the rare cases are looked at again with the nulls in mind.
    let (odd, negative_zero) = array
        .values()
        .iter()
        .fold((false, false), |(odd, zero), v| {
            (odd | !v.is_finite(), zero | (v.to_bits() == NEGATIVE_ZERO))
        });
    if odd
        && let Some(row) =
            (0..array.len()).find(|&row| array.is_valid(row) && !array.value(row).is_finite())
    {
        return Floats::NotFinite {
            row,
            value: array.value(row),
        };
    }
    // Adding positive zero turns -0.0 into 0.0 and leaves every other value alone.
    if negative_zero {
        Floats::Fixed(array.unary(|v| v + 0.0))
    } else {
        Floats::Fine
    }
}

fn key_column(ty: ColumnType, array: &ArrayRef) -> KeyColumn<'_> {
    match ty {
        ColumnType::Ts => KeyColumn::I64(array.as_primitive::<TimestampMicrosecondType>().values()),
        ColumnType::I64 => KeyColumn::I64(array.as_primitive::<Int64Type>().values()),
        ColumnType::I32 => KeyColumn::I32(array.as_primitive::<Int32Type>().values()),
        ColumnType::I8 => KeyColumn::I8(array.as_primitive::<Int8Type>().values()),
        ColumnType::F64 => KeyColumn::F64(array.as_primitive::<Float64Type>().values()),
        ColumnType::Bool => KeyColumn::Bool(array.as_boolean()),
        ColumnType::Text => KeyColumn::Text(array.as_string()),
    }
}
