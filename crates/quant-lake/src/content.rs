//! The content hash of a partition: a fingerprint of its values, not of its Parquet bytes.
//!
//! ```text
//! hash   = sha256("quant-content-1\n" ++ u64 rows ++ digest(column) for each column that has a value)
//! digest = sha256(text(name) ++ text(type) ++ sha256(validity bits) ++ sha256(values))
//! text   = u32 length ++ UTF-8; integers little-endian
//! ```
//!
//! Validity is one bit per row, first row in the lowest bit. Values are fixed-width little-endian with nulls zeroed,
//! one byte (0 or 1) per flag, `text` per string. So the hash does not depend on batches, time, machine, threads or
//! encoding, and a column without any value changes nothing.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow_buffer::{ArrowNativeType, NullBuffer};
use sha2::{Digest, Sha256};

use crate::schema::{Column, ColumnType};

const DOMAIN: &[u8] = b"quant-content-1\n";

/// The batch does not have the columns the hasher was made for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("batch does not match the schema at column `{column}`")]
pub struct ColumnMismatch {
    /// First column that differs.
    pub column: String,
}

/// Builds the content hash of rows fed in sort order.
#[derive(Clone, Debug)]
pub struct ContentHasher {
    columns: Vec<ColumnState>,
    rows: u64,
}

#[derive(Clone, Debug)]
struct ColumnState {
    name: String,
    ty: ColumnType,
    has_value: bool,
    /// Rows of leading nulls not fed yet: a column that never gets a value costs nothing.
    pending_nulls: u64,
    bits: BitHasher,
    values: Sha256,
}

impl ContentHasher {
    /// Returns the hasher of rows with these columns.
    pub fn new(columns: &[Column]) -> Self {
        let state = |c: &Column| ColumnState {
            name: c.name.clone(),
            ty: c.ty,
            has_value: false,
            pending_nulls: 0,
            bits: BitHasher::default(),
            values: Sha256::new(),
        };
        Self {
            columns: columns.iter().map(state).collect(),
            rows: 0,
        }
    }

    /// Adds the rows of a batch. Floats are hashed as they are: the writer has refused NaN and removed -0.0 before.
    ///
    /// # Errors
    /// `ColumnMismatch` if number, order or types of the columns differ from those given to [`Self::new`].
    pub fn update(&mut self, batch: &RecordBatch) -> Result<(), ColumnMismatch> {
        let schema = batch.schema_ref();
        for (i, state) in self.columns.iter().enumerate() {
            let same = schema.fields().get(i).is_some_and(|f| {
                *f.name() == state.name && ColumnType::from_arrow(f.data_type()) == Some(state.ty)
            });
            if !same {
                return Err(ColumnMismatch {
                    column: state.name.clone(),
                });
            }
        }
        if let Some(extra) = schema.fields().get(self.columns.len()) {
            return Err(ColumnMismatch {
                column: extra.name().clone(),
            });
        }
        for (state, array) in self.columns.iter_mut().zip(batch.columns()) {
            state.update(array);
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Returns the hash in lower-case hex.
    pub fn finish(self) -> String {
        let mut all = Sha256::new();
        all.update(DOMAIN);
        all.update(self.rows.to_le_bytes());
        for column in self.columns.into_iter().filter(|c| c.has_value) {
            let mut one = Sha256::new();
            for text in [column.name.as_str(), column.ty.name()] {
                one.update(text_len(text).to_le_bytes());
                one.update(text.as_bytes());
            }
            one.update(column.bits.finish());
            one.update(column.values.finalize());
            all.update(one.finalize());
        }
        hex(&all.finalize())
    }
}

impl ColumnState {
    fn update(&mut self, array: &ArrayRef) {
        let rows = array.len() as u64;
        if !self.has_value {
            if array.null_count() == array.len() {
                self.pending_nulls += rows;
                return;
            }
            self.has_value = true;
            let nulls = std::mem::take(&mut self.pending_nulls);
            self.bits.push_run(false, nulls);
            let width: u64 = match self.ty {
                ColumnType::Ts | ColumnType::F64 | ColumnType::I64 => 8,
                ColumnType::I32 | ColumnType::Text => 4,
                ColumnType::I8 | ColumnType::Bool => 1,
            };
            feed_zeros(&mut self.values, nulls * width);
        }
        let nulls = array.nulls().filter(|n| n.null_count() > 0);
        match nulls {
            None => self.bits.push_run(true, rows),
            Some(nulls) => nulls.iter().for_each(|valid| self.bits.push(valid)),
        }
        let out = &mut self.values;
        match self.ty {
            ColumnType::Ts => feed::<TimestampMicrosecondType>(out, array, nulls),
            ColumnType::F64 => feed::<Float64Type>(out, array, nulls),
            ColumnType::I64 => feed::<Int64Type>(out, array, nulls),
            ColumnType::I32 => feed::<Int32Type>(out, array, nulls),
            ColumnType::I8 => feed::<Int8Type>(out, array, nulls),
            ColumnType::Bool => {
                let bytes: Vec<u8> = array
                    .as_boolean()
                    .iter()
                    .map(|v| u8::from(v.unwrap_or(false)))
                    .collect();
                out.update(&bytes);
            }
            ColumnType::Text => {
                for text in array.as_string::<i32>() {
                    let text = text.unwrap_or("");
                    out.update(text_len(text).to_le_bytes());
                    out.update(text.as_bytes());
                }
            }
        }
    }
}

/// Feeds the little-endian values of an array, nulls zeroed.
fn feed<T: ArrowPrimitiveType>(out: &mut Sha256, array: &ArrayRef, nulls: Option<&NullBuffer>) {
    let values = array.as_primitive::<T>().values();
    let Some(nulls) = nulls else {
        feed_values(out, values.inner().as_slice(), size_of::<T::Native>());
        return;
    };
    // Null slots may hold anything: they are zeroed in a copy.
    let cleaned: arrow_buffer::ScalarBuffer<T::Native> = values
        .iter()
        .zip(nulls.iter())
        .map(|(&v, valid)| if valid { v } else { T::Native::usize_as(0) })
        .collect();
    feed_values(out, cleaned.inner().as_slice(), size_of::<T::Native>());
}

/// Feeds the bytes of native values as little-endian.
fn feed_values(out: &mut Sha256, native: &[u8], width: usize) {
    if cfg!(target_endian = "little") || width == 1 {
        out.update(native);
    } else {
        let swapped: Vec<u8> = native
            .chunks_exact(width)
            .flat_map(|v| v.iter().rev().copied())
            .collect();
        out.update(&swapped);
    }
}

fn feed_zeros(out: &mut Sha256, mut n: u64) {
    const ZEROS: [u8; 4096] = [0; 4096];
    while n > 0 {
        let step = n.min(ZEROS.len() as u64);
        out.update(&ZEROS[..usize::try_from(step).unwrap_or(ZEROS.len())]);
        n -= step;
    }
}

fn text_len(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

/// Hashes a stream of bits packed into bytes, lowest bit first, independent of how it is fed.
#[derive(Clone, Debug, Default)]
struct BitHasher {
    hash: Sha256,
    byte: u8,
    used: u8,
}

impl BitHasher {
    fn push(&mut self, bit: bool) {
        self.byte |= u8::from(bit) << self.used;
        self.used += 1;
        if self.used == 8 {
            self.hash.update([self.byte]);
            (self.byte, self.used) = (0, 0);
        }
    }

    fn push_run(&mut self, bit: bool, mut n: u64) {
        while n > 0 && (self.used > 0 || n < 8) {
            self.push(bit);
            n -= 1;
        }
        let filler = [if bit { 0xff } else { 0 }; 4096];
        while n >= 8 {
            let bytes = (n / 8).min(filler.len() as u64);
            self.hash
                .update(&filler[..usize::try_from(bytes).unwrap_or(filler.len())]);
            n -= bytes * 8;
        }
        (0..n).for_each(|_| self.push(bit));
    }

    fn finish(mut self) -> impl AsRef<[u8]> {
        if self.used > 0 {
            self.hash.update([self.byte]);
        }
        self.hash.finalize()
    }
}

/// Returns lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]])
        .map(char::from)
        .collect()
}

#[cfg(test)]
mod tests;
