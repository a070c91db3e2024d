//! Columns of `truth.parquet`: pools of rows of one kind, and the batches and Parquet settings made of them.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int8Array, Int32Array,
    Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use quant_core::synth::MinuteTruth;
use quant_core::time::UnixMicros;

use super::{GROUP_ROWS, TruthFile};

pub(super) const MINUTE: &str = "minute";
pub(super) const HAZARD: &str = "hazard";
pub(super) const FILE: &str = "file";
pub(super) const RECORD: &str = "record";

/// Names and whether the column is text that repeats, in file order.
pub(super) fn schema() -> SchemaRef {
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let ts = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let fields = [
        ("kind", text(), false),
        ("instrument", text(), false),
        ("dataset", text(), true),
        ("day", DataType::Date32, false),
        ("row", DataType::Int64, true),
        ("ts_event", ts(), true),
        ("published_at", ts(), true),
        ("regime", text(), true),
        ("edge", DataType::Float64, true),
        ("volatility", DataType::Float64, true),
        ("efficient", DataType::Float64, true),
        ("is_halted", DataType::Boolean, true),
        ("hazard_sign", DataType::Int8, true),
        ("path", DataType::Utf8, true),
        ("rows", DataType::Int64, true),
        ("volume", DataType::Float64, true),
        ("volume_exact", DataType::Utf8, true),
        ("quote", DataType::Float64, true),
        ("quote_exact", DataType::Utf8, true),
    ]
    .map(|(name, ty, nullable)| Field::new(name, ty, nullable));
    Arc::new(Schema::new(fields.to_vec()))
}

pub(super) fn writer<W: Write + Send>(out: W) -> Result<ArrowWriter<W>, ParquetError> {
    let schema = schema();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_write_batch_size(1 << 14)
        .set_offset_index_disabled(true)
        .set_created_by("quant".to_owned());
    for field in schema.fields() {
        let path = ColumnPath::new(vec![field.name().clone()]);
        builder = match field.data_type() {
            DataType::Int64 | DataType::Timestamp(_, _) | DataType::Date32 => builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
            DataType::Dictionary(_, _) => builder.set_column_dictionary_enabled(path, true),
            // Prices, sums and paths hardly repeat.
            _ => builder.set_column_dictionary_enabled(path, false),
        };
    }
    let options = ArrowWriterOptions::new()
        .with_properties(builder.build())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(out, schema, options)
}

/// A text column as codes into the texts seen.
#[derive(Debug, Default)]
struct Texts {
    codes: Vec<i32>,
    /// Code of the last text: rows come in runs.
    last: i32,
    values: Vec<String>,
    known: BTreeMap<String, i32>,
}

impl Texts {
    fn push(&mut self, text: &str) {
        if usize::try_from(self.last)
            .ok()
            .and_then(|i| self.values.get(i))
            .is_none_or(|last| last != text)
        {
            self.last = self.known.get(text).copied().unwrap_or_else(|| {
                let code = i32::try_from(self.values.len()).unwrap_or(i32::MAX);
                self.values.push(text.to_owned());
                self.known.insert(text.to_owned(), code);
                code
            });
        }
        self.codes.push(self.last);
    }

    fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let this = core::mem::take(self);
        let values: ArrayRef = Arc::new(StringArray::from(this.values));
        let keys = Int32Array::from(this.codes);
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(
            keys, values,
        )?))
    }
}

/// Rows of one kind; vectors of the other kinds stay empty and become null columns.
#[derive(Debug, Default)]
pub(super) struct Rows {
    instrument: Texts,
    dataset: Texts,
    day: Vec<i32>,
    row: Vec<i64>,
    ts_event: Vec<i64>,
    published_at: Vec<i64>,
    regime: Texts,
    edge: Vec<f64>,
    volatility: Vec<f64>,
    efficient: Vec<f64>,
    is_halted: Vec<bool>,
    hazard_sign: Vec<i8>,
    path: Vec<String>,
    file_len: Vec<i64>,
    volume: Vec<Option<String>>,
    quote: Vec<Option<String>>,
}

impl Rows {
    pub(super) const fn len(&self) -> usize {
        self.day.len()
    }

    pub(super) fn push_minute(&mut self, instrument: &str, start: UnixMicros, truth: &MinuteTruth) {
        self.instrument.push(instrument);
        self.day.push(start.day().0);
        self.ts_event.push(start.0);
        self.regime.push(truth.regime.name());
        // -0.0 reads like a sign; there is none.
        self.edge.push(truth.edge + 0.0);
        self.volatility.push(truth.volatility);
        self.efficient.push(truth.efficient);
        self.is_halted.push(truth.is_halted);
    }

    pub(super) fn push_hazard(&mut self, instrument: &str, onset: UnixMicros, sign: i8) {
        self.instrument.push(instrument);
        self.day.push(onset.day().0);
        self.ts_event.push(onset.0);
        self.hazard_sign.push(sign);
    }

    pub(super) fn push_file(&mut self, file: &TruthFile<'_>, rows: u64) {
        self.instrument.push(file.instrument);
        self.dataset.push(file.dataset);
        self.day.push(file.day.0);
        self.path.push(file.path.to_owned());
        self.file_len.push(i64::try_from(rows).unwrap_or(i64::MAX));
        self.volume.push(file.volume.map(str::to_owned));
        self.quote.push(file.quote.map(str::to_owned));
    }

    pub(super) fn push_record(
        &mut self,
        file: &TruthFile<'_>,
        row: i64,
        ts_event: UnixMicros,
        published_at: UnixMicros,
    ) {
        self.instrument.push(file.instrument);
        self.dataset.push(file.dataset);
        self.day.push(file.day.0);
        self.row.push(row);
        self.ts_event.push(ts_event.0);
        self.published_at.push(published_at.0);
    }

    /// Makes a batch of the rows and empties them.
    pub(super) fn take_batch(&mut self, kind: &str) -> Result<RecordBatch, ArrowError> {
        use core::mem::take;
        let (schema, n) = (schema(), self.len());
        let texts = |texts: &mut Texts| (texts.codes.len() == n).then(|| texts.take()).transpose();
        let mut kinds = Texts::default();
        (0..n).for_each(|_| kinds.push(kind));
        let i64s = |v: Vec<i64>| (v.len() == n).then(|| Arc::new(Int64Array::from(v)) as ArrayRef);
        let f64s =
            |v: Vec<f64>| (v.len() == n).then(|| Arc::new(Float64Array::from(v)) as ArrayRef);
        let ts = |v: Vec<i64>| {
            (v.len() == n).then(|| {
                Arc::new(TimestampMicrosecondArray::from(v).with_timezone("UTC")) as ArrayRef
            })
        };
        let sums = |v: Vec<Option<String>>| {
            if v.len() != n {
                return (None, None);
            }
            // The text was checked when it came in: `parse` rounds it to the nearest float.
            let near: Float64Array = v
                .iter()
                .map(|text| text.as_ref().and_then(|t| t.parse::<f64>().ok()))
                .collect();
            let exact: ArrayRef = Arc::new(StringArray::from(v));
            (Some(Arc::new(near) as ArrayRef), Some(exact))
        };
        let (volume, volume_exact) = sums(take(&mut self.volume));
        let (quote, quote_exact) = sums(take(&mut self.quote));
        let (halted, sign, path) = (
            take(&mut self.is_halted),
            take(&mut self.hazard_sign),
            take(&mut self.path),
        );
        let columns: [Option<ArrayRef>; 19] = [
            texts(&mut kinds)?,
            texts(&mut self.instrument)?,
            texts(&mut self.dataset)?,
            Some(Arc::new(Date32Array::from(take(&mut self.day)))),
            i64s(take(&mut self.row)),
            ts(take(&mut self.ts_event)),
            ts(take(&mut self.published_at)),
            texts(&mut self.regime)?,
            f64s(take(&mut self.edge)),
            f64s(take(&mut self.volatility)),
            f64s(take(&mut self.efficient)),
            (halted.len() == n).then(|| Arc::new(BooleanArray::from(halted)) as ArrayRef),
            (sign.len() == n).then(|| Arc::new(Int8Array::from(sign)) as ArrayRef),
            (path.len() == n).then(|| Arc::new(StringArray::from(path)) as ArrayRef),
            i64s(take(&mut self.file_len)),
            volume,
            volume_exact,
            quote,
            quote_exact,
        ];
        let columns = columns
            .into_iter()
            .zip(schema.fields())
            .map(|(column, field)| column.unwrap_or_else(|| new_null_array(field.data_type(), n)))
            .collect();
        RecordBatch::try_new(schema, columns)
    }
}
