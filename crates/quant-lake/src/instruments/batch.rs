//! Instruments as rows of the `instruments` dataset, and back; one batch holds one instrument.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Float64Type, Int32Type, TimestampMicrosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, PrimitiveArray, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::UnixMicros;
use quant_core::units::Step;

use super::InstrumentsError;
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};

/// Writes the rows of one instrument as a batch of the `instruments` schema, in the order given.
///
/// # Errors
/// `BadCell` if a row belongs to another instrument, or its funding interval is beyond the column's range.
pub fn to_batch(key: &InstrumentKey, rows: &[Instrument]) -> Result<RecordBatch, InstrumentsError> {
    let bad = |row, column, expected, value| InstrumentsError::BadCell {
        key: key.clone(),
        row,
        column,
        expected,
        value,
    };
    let mut hours = Vec::with_capacity(rows.len());
    for (i, r) in rows.iter().enumerate() {
        if r.key != *key {
            return Err(bad(
                i,
                "key",
                "the instrument of the batch",
                r.key.to_string(),
            ));
        }
        hours.push(match r.funding_interval_h {
            Some(h) => Some(i32::try_from(h).map_err(|_| {
                bad(
                    i,
                    "funding_interval_h",
                    "a 32-bit signed integer",
                    h.to_string(),
                )
            })?),
            None => None,
        });
    }
    let ts = |of: fn(&Instrument) -> Option<UnixMicros>| -> ArrayRef {
        let values = rows.iter().map(|r| of(r).map(|t| t.0));
        Arc::new(
            values
                .collect::<TimestampMicrosecondArray>()
                .with_timezone("UTC"),
        )
    };
    let float = |of: fn(&Instrument) -> f64| -> ArrayRef {
        // -0.0 is written as 0, as everywhere in the lake.
        Arc::new(
            rows.iter()
                .map(|r| Some(of(r) + 0.0))
                .collect::<Float64Array>(),
        )
    };
    let text = |of: fn(&Instrument) -> String| -> ArrayRef {
        Arc::new(rows.iter().map(|r| Some(of(r))).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        ts(|r| Some(r.valid_from)),
        ts(|r| r.valid_to),
        text(|r| r.tick_size.to_string()),
        text(|r| r.lot_size.to_string()),
        float(|r| r.min_notional),
        float(|r| r.contract_value),
        Arc::new(
            rows.iter()
                .map(|r| Some(r.inverse))
                .collect::<BooleanArray>(),
        ),
        Arc::new(hours.into_iter().collect::<Int32Array>()),
        float(|r| r.maker_bps),
        float(|r| r.taker_bps),
        ts(|r| r.onboard),
        ts(|r| r.delist),
        text(|r| r.source.clone()),
    ];
    let schema = Dataset::Instruments.arrow_schema(DEFAULT_BOOK_LEVELS);
    RecordBatch::try_new(schema, columns).map_err(|e| InstrumentsError::BadColumn {
        key: key.clone(),
        column: "(all)",
        expected: "the columns of the instruments schema",
        found: e.to_string(),
    })
}

/// Reads the rows of one instrument from a batch of the `instruments` schema.
///
/// # Errors
/// `BadColumn` if a column is missing or of another type, `BadCell` if a required cell is null or out of range.
pub fn from_batch(
    key: &InstrumentKey,
    batch: &RecordBatch,
) -> Result<Vec<Instrument>, InstrumentsError> {
    let reader = Reader { key, batch };
    let [valid_from, valid_to, onboard, delist] =
        ["valid_from", "valid_to", "onboard", "delist"].map(|c| reader.instants(c));
    let (valid_from, valid_to, onboard, delist) = (valid_from?, valid_to?, onboard?, delist?);
    let [tick, lot, source] = ["tick_size", "lot_size", "source"].map(|c| reader.texts(c));
    let (tick, lot, source) = (tick?, lot?, source?);
    let [notional, contract, maker, taker] =
        ["min_notional", "contract_value", "maker_bps", "taker_bps"]
            .map(|c| reader.numbers::<Float64Type>(c, "float64"));
    let (notional, contract, maker, taker) = (notional?, contract?, maker?, taker?);
    let hours = reader.numbers::<Int32Type>("funding_interval_h", "int32")?;
    let inverse = reader.flags("inverse")?;

    let mut rows = Vec::with_capacity(batch.num_rows());
    for i in 0..batch.num_rows() {
        let from = reader.required(i, "valid_from", cell(valid_from, i))?;
        let row_hours = match cell(hours, i) {
            None => None,
            Some(h) => Some(u32::try_from(h).map_err(|_| {
                reader.bad_cell(
                    i,
                    "funding_interval_h",
                    "hours, zero or above",
                    h.to_string(),
                )
            })?),
        };
        rows.push(Instrument {
            key: key.clone(),
            valid_from: UnixMicros(from),
            valid_to: cell(valid_to, i).map(UnixMicros),
            tick_size: reader.step(i, "tick_size", tick)?,
            lot_size: reader.step(i, "lot_size", lot)?,
            min_notional: reader.required(i, "min_notional", cell(notional, i))?,
            contract_value: reader.required(i, "contract_value", cell(contract, i))?,
            inverse: reader.required(
                i,
                "inverse",
                inverse.is_valid(i).then(|| inverse.value(i)),
            )?,
            funding_interval_h: row_hours,
            maker_bps: reader.required(i, "maker_bps", cell(maker, i))?,
            taker_bps: reader.required(i, "taker_bps", cell(taker, i))?,
            onboard: cell(onboard, i).map(UnixMicros),
            delist: cell(delist, i).map(UnixMicros),
            source: reader
                .required(i, "source", text_cell(source, i))?
                .to_owned(),
        });
    }
    Ok(rows)
}

fn cell<T: ArrowPrimitiveType>(column: &PrimitiveArray<T>, row: usize) -> Option<T::Native> {
    column.is_valid(row).then(|| column.value(row))
}

fn text_cell(column: &StringArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

struct Reader<'a> {
    key: &'a InstrumentKey,
    batch: &'a RecordBatch,
}

impl<'a> Reader<'a> {
    fn column(
        &self,
        column: &'static str,
        expected: &'static str,
    ) -> Result<&'a ArrayRef, InstrumentsError> {
        self.batch
            .column_by_name(column)
            .ok_or_else(|| self.bad_column(column, expected, "missing".to_owned()))
    }

    fn bad_column(
        &self,
        column: &'static str,
        expected: &'static str,
        found: String,
    ) -> InstrumentsError {
        InstrumentsError::BadColumn {
            key: self.key.clone(),
            column,
            expected,
            found,
        }
    }

    fn bad_cell(
        &self,
        row: usize,
        column: &'static str,
        expected: &'static str,
        value: String,
    ) -> InstrumentsError {
        InstrumentsError::BadCell {
            key: self.key.clone(),
            row,
            column,
            expected,
            value,
        }
    }

    fn numbers<T: ArrowPrimitiveType>(
        &self,
        column: &'static str,
        expected: &'static str,
    ) -> Result<&'a PrimitiveArray<T>, InstrumentsError> {
        let array = self.column(column, expected)?;
        array
            .as_primitive_opt::<T>()
            .ok_or_else(|| self.bad_column(column, expected, array.data_type().to_string()))
    }

    fn instants(
        &self,
        column: &'static str,
    ) -> Result<&'a PrimitiveArray<TimestampMicrosecondType>, InstrumentsError> {
        self.numbers(column, "timestamp in microseconds")
    }

    fn texts(&self, column: &'static str) -> Result<&'a StringArray, InstrumentsError> {
        let array = self.column(column, "utf8")?;
        array
            .as_string_opt::<i32>()
            .ok_or_else(|| self.bad_column(column, "utf8", array.data_type().to_string()))
    }

    fn flags(&self, column: &'static str) -> Result<&'a BooleanArray, InstrumentsError> {
        let array = self.column(column, "bool")?;
        array
            .as_boolean_opt()
            .ok_or_else(|| self.bad_column(column, "bool", array.data_type().to_string()))
    }

    fn required<T>(
        &self,
        row: usize,
        column: &'static str,
        value: Option<T>,
    ) -> Result<T, InstrumentsError> {
        value.ok_or_else(|| self.bad_cell(row, column, "a value", "null".to_owned()))
    }

    fn step(
        &self,
        row: usize,
        column: &'static str,
        texts: &StringArray,
    ) -> Result<Step, InstrumentsError> {
        let text = self.required(row, column, text_cell(texts, row))?;
        let expected = "a positive decimal step such as `0.10`";
        text.parse()
            .map_err(|_| self.bad_cell(row, column, expected, text.to_owned()))
    }
}
