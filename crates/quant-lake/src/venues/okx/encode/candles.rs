//! Candle archives (one-minute candles, UTC+8 days or months) and the candle as a JSON array.

use super::Terms;
use super::names::Module;
use super::trades::CsvZip;
use crate::venues::binance::Period;
use crate::venues::pack::{PackError, PackedFile};
use crate::venues::wire::{Digits, Json, push_int};

/// One candle.
///
/// # Units
/// `open_ms` milliseconds UTC; prices quote currency; `vol` contracts on swaps and futures, coins on spot; `vol_ccy`
/// coins; `vol_quote` quote currency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandleRow {
    /// Start of the candle.
    pub open_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Volume in the venue's unit.
    pub vol: f64,
    /// Volume in coins.
    pub vol_ccy: f64,
    /// Volume in quote currency.
    pub vol_quote: f64,
    /// The candle has closed.
    pub confirm: bool,
}

/// Decimals of the two derived volumes.
const VOLUME: Digits = Digits::UpTo(8);

impl CandleRow {
    fn numbers(&self, terms: &Terms) -> [(&'static str, f64, Digits); 7] {
        [
            ("open", self.open, terms.price),
            ("high", self.high, terms.price),
            ("low", self.low, terms.price),
            ("close", self.close, terms.price),
            ("vol", self.vol, terms.qty),
            ("volCcy", self.vol_ccy, VOLUME),
            ("volCcyQuote", self.vol_quote, VOLUME),
        ]
    }
}

/// A candles file under construction.
pub struct CandlesZip {
    csv: CsvZip,
    terms: Terms,
}

impl CandlesZip {
    /// Begins the file of a day or month of UTC+8.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(terms: &Terms, period: Period) -> Result<Self, PackError> {
        let header = "instrument_name,open,high,low,close,vol,vol_ccy,vol_quote,open_time,confirm";
        Ok(Self {
            csv: CsvZip::new(Module::Candles, &terms.inst_id, period, header)?,
            terms: terms.clone(),
        })
    }

    /// Appends a candle.
    ///
    /// # Errors
    /// `Row`, `RowOutsideFile`, `Container`.
    pub fn push(&mut self, row: &CandleRow) -> Result<(), PackError> {
        let numbers = row.numbers(&self.terms);
        self.csv.admit(
            row.open_ms,
            &numbers.map(|(field, value, _)| (field, value)),
        )?;
        let out = &mut self.csv.text;
        out.extend_from_slice(self.terms.inst_id.as_bytes());
        for (_, value, digits) in numbers {
            out.push(b',');
            digits.push(out, value);
        }
        out.push(b',');
        push_int(out, row.open_ms);
        out.push(b',');
        push_int(out, i64::from(row.confirm));
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

/// Appends `["ts","o","h","l","c","vol","volCcy","volCcyQuote","confirm"]`.
pub(super) fn candle(j: &mut Json<'_>, terms: &Terms, row: &CandleRow) {
    j.raw("[").int_text(row.open_ms);
    for (field, value, digits) in row.numbers(terms) {
        j.raw(",").num_text(field, value, digits);
    }
    j.raw(if row.confirm { ",\"1\"]" } else { ",\"0\"]" });
}
