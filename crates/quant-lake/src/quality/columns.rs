//! Typed columns of a batch by name; a column that is absent or of another type is a broken lake, not a finding.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, BooleanArray, RecordBatch};

/// A float column that may hold nulls.
#[derive(Clone, Copy)]
pub(super) struct Floats<'a>(&'a arrow_array::Float64Array);

impl Floats<'_> {
    pub(super) fn at(self, row: usize) -> Option<f64> {
        (!self.0.is_null(row)).then(|| self.0.value(row))
    }
}

/// A time column that may hold nulls.
#[derive(Clone, Copy)]
pub(super) struct Stamps<'a>(&'a arrow_array::TimestampMicrosecondArray);

impl Stamps<'_> {
    pub(super) fn at(self, row: usize) -> Option<i64> {
        (!self.0.is_null(row)).then(|| self.0.value(row))
    }
}

/// An integer column that may hold nulls.
#[derive(Clone, Copy)]
pub(super) enum Integers<'a> {
    Wide(&'a arrow_array::Int64Array),
    Middle(&'a arrow_array::Int32Array),
    Narrow(&'a arrow_array::Int8Array),
}

impl Integers<'_> {
    pub(super) fn at(self, row: usize) -> Option<i64> {
        match self {
            Self::Wide(c) => (!c.is_null(row)).then(|| c.value(row)),
            Self::Middle(c) => (!c.is_null(row)).then(|| i64::from(c.value(row))),
            Self::Narrow(c) => (!c.is_null(row)).then(|| i64::from(c.value(row))),
        }
    }
}

/// The columns of one batch.
#[derive(Clone, Copy)]
pub(super) struct Batch<'a>(pub(super) &'a RecordBatch);

impl<'a> Batch<'a> {
    pub(super) fn rows(self) -> usize {
        self.0.num_rows()
    }

    fn column(self, name: &str) -> Option<&'a dyn Array> {
        self.0.column_by_name(name).map(AsRef::as_ref)
    }

    /// Values of a required time column; empty if there is none.
    pub(super) fn times(self, name: &str) -> &'a [i64] {
        self.column(name)
            .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
            .map_or(&[], |c| c.values())
    }

    /// A nullable time column, if it is there.
    pub(super) fn stamps(self, name: &str) -> Option<Stamps<'a>> {
        self.column(name)
            .and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>())
            .map(Stamps)
    }

    /// Values of a required float column; empty if there is none.
    pub(super) fn values(self, name: &str) -> &'a [f64] {
        self.column(name)
            .and_then(|c| c.as_primitive_opt::<Float64Type>())
            .map_or(&[], |c| c.values())
    }

    /// A nullable float column, if it is there.
    pub(super) fn floats(self, name: &str) -> Option<Floats<'a>> {
        self.column(name)
            .and_then(|c| c.as_primitive_opt::<Float64Type>())
            .map(Floats)
    }

    /// A column of flags, if it is there.
    pub(super) fn flags(self, name: &str) -> Option<&'a BooleanArray> {
        self.column(name).and_then(AsArray::as_boolean_opt)
    }

    /// Values of a required integer column; empty if there is none.
    pub(super) fn ints(self, name: &str) -> &'a [i64] {
        self.column(name)
            .and_then(|c| c.as_primitive_opt::<Int64Type>())
            .map_or(&[], |c| c.values())
    }

    /// A nullable integer column of any width, if it is there.
    pub(super) fn integers(self, name: &str) -> Option<Integers<'a>> {
        let column = self.column(name)?;
        column
            .as_primitive_opt::<Int64Type>()
            .map(Integers::Wide)
            .or_else(|| column.as_primitive_opt::<Int32Type>().map(Integers::Middle))
            .or_else(|| column.as_primitive_opt::<Int8Type>().map(Integers::Narrow))
    }
}
