//! Small result tables: named columns gathered row by row or whole, turned into one Arrow batch.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, Field, Schema};
use quant_core::time::UnixMicros;
use quant_lake::schema::ColumnType;

/// A table under construction; columns keep the order they are added in.
#[derive(Debug, Default)]
pub struct Table {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Table {
    /// Returns an empty table.
    pub fn new() -> Self {
        Self::default()
    }

    fn push(mut self, name: &str, ty: ColumnType, column: ArrayRef) -> Self {
        self.fields.push(Field::new(name, ty.arrow(), true));
        self.columns.push(column);
        self
    }

    /// Adds a column of instants.
    #[must_use]
    pub fn ts(self, name: &str, values: impl Iterator<Item = Option<UnixMicros>>) -> Self {
        let array: TimestampMicrosecondArray = values.map(|v| v.map(|t| t.0)).collect();
        self.push(name, ColumnType::Ts, Arc::new(array.with_timezone("UTC")))
    }

    /// Adds a column of numbers; what is not finite becomes null.
    #[must_use]
    pub fn f64(self, name: &str, values: impl Iterator<Item = Option<f64>>) -> Self {
        let array: Float64Array = values.map(|v| v.filter(|x| x.is_finite())).collect();
        self.push(name, ColumnType::F64, Arc::new(array))
    }

    /// Adds a column of integers.
    #[must_use]
    pub fn i64(self, name: &str, values: impl Iterator<Item = Option<i64>>) -> Self {
        let array: Int64Array = values.collect();
        self.push(name, ColumnType::I64, Arc::new(array))
    }

    /// Adds a column of flags.
    #[must_use]
    pub fn bool(self, name: &str, values: impl Iterator<Item = bool>) -> Self {
        let array: BooleanArray = values.map(Some).collect();
        self.push(name, ColumnType::Bool, Arc::new(array))
    }

    /// Adds a column of text.
    #[must_use]
    pub fn text<S: AsRef<str>>(self, name: &str, values: impl Iterator<Item = Option<S>>) -> Self {
        let array: StringArray = values.collect();
        self.push(name, ColumnType::Text, Arc::new(array))
    }

    /// Returns the batch.
    ///
    /// # Errors
    /// If the columns differ in length.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.columns)
    }
}
