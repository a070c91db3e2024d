//! Typed access to the cells of truth: every cell its kind must have, or an error that names it.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, ArrayAccessor as _, DictionaryArray, RecordBatch, StringArray};
use quant_core::time::{Day, UnixMicros};

use super::TruthError;

/// Typed access to the cells of a batch.
pub(super) struct Cells<'a> {
    pub(super) batch: &'a RecordBatch,
    pub(super) kind: &'static str,
}

impl Cells<'_> {
    pub(super) fn bad(&self, column: &'static str, row: usize) -> TruthError {
        TruthError::Cell {
            row,
            kind: self.kind,
            column,
        }
    }

    pub(super) fn is_null(&self, column: &str, i: usize) -> bool {
        self.batch
            .column_by_name(column)
            .is_none_or(|c| c.is_null(i))
    }

    fn column(&self, name: &'static str, i: usize) -> Result<&dyn Array, TruthError> {
        let column = self.batch.column_by_name(name);
        column
            .filter(|c| c.is_valid(i))
            .map(AsRef::as_ref)
            .ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn text(&self, name: &'static str, i: usize) -> Result<&str, TruthError> {
        let column = self.column(name, i)?;
        if let Some(texts) = column.as_string_opt::<i32>() {
            return Ok(texts.value(i));
        }
        // Readers may keep the dictionary of the file.
        column
            .as_dictionary_opt::<Int32Type>()
            .and_then(DictionaryArray::downcast_dict::<StringArray>)
            .map(|d| d.value(i))
            .ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn time(&self, name: &'static str, i: usize) -> Result<UnixMicros, TruthError> {
        let column = self.column(name, i)?;
        let times = column.as_primitive_opt::<TimestampMicrosecondType>();
        times
            .map(|c| UnixMicros(c.value(i)))
            .ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn number(&self, name: &'static str, i: usize) -> Result<f64, TruthError> {
        let column = self.column(name, i)?;
        let numbers = column.as_primitive_opt::<Float64Type>();
        numbers
            .map(|c| c.value(i))
            .filter(|x| x.is_finite())
            .ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn flag(&self, name: &'static str, i: usize) -> Result<bool, TruthError> {
        let column = self.column(name, i)?;
        let flags = column.as_boolean_opt();
        flags.map(|c| c.value(i)).ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn sign(&self, name: &'static str, i: usize) -> Result<i8, TruthError> {
        let column = self.column(name, i)?;
        let signs = column.as_primitive_opt::<Int8Type>();
        signs.map(|c| c.value(i)).ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn day(&self, name: &'static str, i: usize) -> Result<Day, TruthError> {
        let column = self.column(name, i)?;
        let days = column.as_primitive_opt::<Date32Type>();
        days.map(|c| Day(c.value(i)))
            .ok_or_else(|| self.bad(name, i))
    }

    pub(super) fn count(&self, name: &'static str, i: usize) -> Result<u64, TruthError> {
        let column = self.column(name, i)?;
        let counts = column.as_primitive_opt::<Int64Type>();
        counts
            .and_then(|c| u64::try_from(c.value(i)).ok())
            .ok_or_else(|| self.bad(name, i))
    }
}
