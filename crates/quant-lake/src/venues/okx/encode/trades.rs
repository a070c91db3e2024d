//! Trade archives: one zipped CSV per instrument and day or month of UTC+8.

use quant_core::time::Day;

use super::names::{Module, member_of};
use super::{Terms, TradeRow, side_word};
use crate::venues::binance::Period;
use crate::venues::pack::{Effort, PackError, PackedFile, ZipFile};
use crate::venues::wire::{WireError, push_int};

/// First day of files with the column `source`. Seen in 2026; the exact day is not documented.
const SOURCE_FROM: Day = Day(20_454); // 2026-01-01

/// Text is handed to the compressor past this many bytes.
pub(super) const CHUNK: usize = 64 * 1024;

/// A CSV zip of a day or month, under construction: what trades, candles and funding share.
pub(super) struct CsvZip {
    zip: ZipFile,
    name: String,
    span: (i64, i64),
    rows: u64,
    pub(super) text: Vec<u8>,
}

impl CsvZip {
    pub(super) fn new(
        module: Module,
        inst_id: &str,
        period: Period,
        header: &str,
    ) -> Result<Self, PackError> {
        let file = module.file_name(inst_id, period);
        let name = file.name.clone();
        let member = member_of(&file);
        let mut text = Vec::with_capacity(CHUNK + 1_024);
        text.extend_from_slice(header.as_bytes());
        text.push(b'\n');
        Ok(Self {
            zip: ZipFile::new(file, &member, Effort::Normal)?,
            name,
            span: module.span_ms(period),
            rows: 0,
            text,
        })
    }

    /// Admits a row: its time lies in the file, its numbers are finite.
    pub(super) fn admit(
        &mut self,
        ts_ms: i64,
        numbers: &[(&'static str, f64)],
    ) -> Result<(), PackError> {
        let row = self.rows;
        let (start_ms, end_ms) = self.span;
        if !(start_ms..end_ms).contains(&ts_ms) {
            return Err(PackError::RowOutsideFile {
                row,
                ts_ms,
                name: self.name.clone(),
                start_ms,
                end_ms,
            });
        }
        for &(field, value) in numbers {
            if !value.is_finite() {
                let source = WireError::BadNumber { field, value };
                return Err(PackError::Row { row, source });
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Ends a line.
    pub(super) fn end_line(&mut self) -> Result<(), PackError> {
        self.text.push(b'\n');
        if self.text.len() >= CHUNK {
            self.zip.push(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<PackedFile, PackError> {
        self.zip.push(&self.text)?;
        self.zip.finish()
    }
}

/// A trades file under construction.
pub struct TradesZip {
    csv: CsvZip,
    terms: Terms,
    has_source: bool,
}

impl TradesZip {
    /// Begins the file of a day or month of UTC+8, in the form of that time.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(terms: &Terms, period: Period) -> Result<Self, PackError> {
        Self::with_source(terms, period, period.days().0 >= SOURCE_FROM)
    }

    /// Begins a file with or without the column `source`.
    ///
    /// # Errors
    /// `Container`.
    pub fn with_source(terms: &Terms, period: Period, has_source: bool) -> Result<Self, PackError> {
        let header = if has_source {
            "instrument_name,trade_id,side,price,size,created_time,source"
        } else {
            "instrument_name,trade_id,side,price,size,created_time"
        };
        Ok(Self {
            csv: CsvZip::new(Module::Trades, &terms.inst_id, period, header)?,
            terms: terms.clone(),
            has_source,
        })
    }

    /// Appends a trade.
    ///
    /// # Errors
    /// `Row`, `RowOutsideFile`, `Container`.
    pub fn push(&mut self, t: &TradeRow) -> Result<(), PackError> {
        self.csv
            .admit(t.ts_ms, &[("price", t.price), ("size", t.qty)])?;
        let out = &mut self.csv.text;
        out.extend_from_slice(self.terms.inst_id.as_bytes());
        out.push(b',');
        push_int(out, t.trade_id);
        out.push(b',');
        out.extend_from_slice(side_word(t.side).as_bytes());
        out.push(b',');
        self.terms.price.push(out, t.price);
        out.push(b',');
        self.terms.qty.push(out, t.qty);
        out.push(b',');
        push_int(out, t.ts_ms);
        if self.has_source {
            out.push(b',');
            push_int(out, i64::from(t.source));
        }
        self.csv.end_line()
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container`.
    pub fn finish(self) -> Result<PackedFile, PackError> {
        self.csv.finish()
    }
}
