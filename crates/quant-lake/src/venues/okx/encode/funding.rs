//! Funding-rate archives: a daily file of all swaps, a monthly file per family.

use super::names::Module;
use super::trades::CsvZip;
use crate::venues::binance::Period;
use crate::venues::pack::{PackError, PackedFile};
use crate::venues::wire::{Digits, push_int};

/// Decimals of a rate: the venue shows up to sixteen.
pub(super) const RATE: Digits = Digits::UpTo(16);

/// A settled funding rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRow<'a> {
    /// Swap.
    pub inst_id: &'a str,
    /// Settlement, milliseconds UTC.
    pub ts_ms: i64,
    /// Rate as a fraction; positive means longs pay.
    pub rate: f64,
}

/// A funding file under construction.
pub struct FundingZip {
    csv: CsvZip,
}

impl FundingZip {
    /// Begins the file of a day (all swaps) or of a month (the family of `inst_id`), in UTC+8.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(inst_id: &str, period: Period) -> Result<Self, PackError> {
        let header = "instrument_name,funding_rate,funding_time";
        Ok(Self {
            csv: CsvZip::new(Module::Funding, inst_id, period, header)?,
        })
    }

    /// Appends a rate.
    ///
    /// # Errors
    /// `Row`, `RowOutsideFile`, `Container`.
    pub fn push(&mut self, row: &FundingRow<'_>) -> Result<(), PackError> {
        self.csv.admit(row.ts_ms, &[("funding_rate", row.rate)])?;
        let out = &mut self.csv.text;
        out.extend_from_slice(row.inst_id.as_bytes());
        out.push(b',');
        RATE.push(out, row.rate);
        out.push(b',');
        push_int(out, row.ts_ms);
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
