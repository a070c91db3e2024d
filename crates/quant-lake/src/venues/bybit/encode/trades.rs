//! Trade archives: `trading/` (linear, inverse) and `spot/`, one gzipped CSV per symbol and day.

use quant_core::time::{Day, MICROS_PER_DAY};

use super::{Category, Terms, TradeRow, push_match_id, side_word};
use crate::venues::pack::{Effort, FileName, GzFile, PackError, PackedFile};
use crate::venues::wire::{Digits, WireError, push_int, push_product, push_scaled};

/// Flush the text to the compressor past this many bytes.
const CHUNK: usize = 64 * 1024;

/// What differs between the files of different years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TradeForm {
    /// The last column `RPI` (`rpi` on spot) is there.
    pub rpi: bool,
    /// Rows run from the last to the first.
    pub descending: bool,
}

/// First day of ascending `trading/` files. Files of 2020 descend; the exact day of the change is not documented.
const TRADING_ASCENDS_FROM: Day = Day(18_628); // 2021-01-01

/// First day of `trading/` files with the column `RPI`. Seen in 2026; the exact day is not documented.
const TRADING_RPI_FROM: Day = Day(20_454); // 2026-01-01

/// First day of `spot/` files with the column `rpi`. Absent 2025-03-13, present 2025-05-19; the day is not documented.
const SPOT_RPI_FROM: Day = Day(20_179); // 2025-04-01

impl TradeForm {
    /// Returns the form the venue uses on a day.
    pub fn on(category: Category, day: Day) -> Self {
        match category {
            Category::Spot => Self {
                rpi: day >= SPOT_RPI_FROM,
                descending: false,
            },
            Category::Linear | Category::Inverse => Self {
                rpi: day >= TRADING_RPI_FROM,
                descending: day < TRADING_ASCENDS_FROM,
            },
        }
    }
}

/// A day of trades as `trading/{SYM}/{SYM}{date}.csv.gz` or `spot/{SYM}/{SYM}_{date}.csv.gz`, under construction.
///
/// Rows are pushed in time order whatever the form. A descending file is held as text until its end.
pub struct TradesCsv {
    gz: GzFile,
    terms: Terms,
    form: TradeForm,
    day: Day,
    name: String,
    rows: u64,
    text: Vec<u8>,
    /// Line starts in `text`; kept for a descending file only.
    starts: Vec<usize>,
}

impl TradesCsv {
    /// Begins the file of a day.
    ///
    /// # Errors
    /// `Container`.
    pub fn new(terms: &Terms, day: Day, form: TradeForm) -> Result<Self, PackError> {
        let symbol = &terms.symbol;
        let (file, header) = match terms.category {
            Category::Spot => (
                FileName {
                    folder: format!("spot/{symbol}"),
                    name: format!("{symbol}_{day}.csv.gz"),
                },
                "id,timestamp,price,volume,side",
            ),
            Category::Linear | Category::Inverse => (
                FileName {
                    folder: format!("trading/{symbol}"),
                    name: format!("{symbol}{day}.csv.gz"),
                },
                "timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional",
            ),
        };
        let name = file.name.clone();
        let mut gz = GzFile::new(file, Effort::Normal);
        gz.push(header.as_bytes())?;
        gz.push(match (form.rpi, terms.category) {
            (false, _) => b"\n".as_slice(),
            (true, Category::Spot) => b",rpi\n",
            (true, _) => b",RPI\n",
        })?;
        Ok(Self {
            gz,
            terms: terms.clone(),
            form,
            day,
            name,
            rows: 0,
            text: Vec::with_capacity(2 * CHUNK),
            starts: Vec::new(),
        })
    }

    /// Appends a trade.
    ///
    /// # Errors
    /// `Row` for a number that is not finite, `RowOutsideFile` for another day's trade, `Container`.
    pub fn push(&mut self, t: &TradeRow) -> Result<(), PackError> {
        let row = self.rows;
        for (field, value) in [("price", t.price), ("size", t.qty)] {
            if !value.is_finite() {
                let source = WireError::BadNumber { field, value };
                return Err(PackError::Row { row, source });
            }
        }
        if t.ts_us.div_euclid(MICROS_PER_DAY) != i64::from(self.day.0) {
            return Err(PackError::RowOutsideFile {
                row,
                ts_ms: t.ts_us.div_euclid(1_000),
                name: self.name.clone(),
                start_ms: self.day.start().0 / 1_000,
                end_ms: self.day.end().0 / 1_000,
            });
        }
        self.rows += 1;
        if self.form.descending {
            self.starts.push(self.text.len());
        }
        match self.terms.category {
            Category::Spot => self.spot_line(t),
            Category::Linear | Category::Inverse => self.contract_line(t),
        }
        if !self.form.descending && self.text.len() >= CHUNK {
            self.gz.push(&self.text)?;
            self.text.clear();
        }
        Ok(())
    }

    fn spot_line(&mut self, t: &TradeRow) {
        let out = &mut self.text;
        // The file numbers its own rows from 1; the venue's trade id is not in it.
        push_int(out, self.rows.cast_signed());
        out.push(b',');
        push_int(out, t.ts_us.div_euclid(1_000));
        out.push(b',');
        self.terms.price.trimmed().push(out, t.price);
        out.push(b',');
        self.terms.qty.trimmed().push(out, t.qty);
        out.push(b',');
        out.extend_from_slice(match t.side {
            quant_core::market::Side::Buy => b"buy",
            quant_core::market::Side::Sell => b"sell",
        });
        self.end_line(t.is_rpi);
    }

    fn contract_line(&mut self, t: &TradeRow) {
        let (price, qty) = (self.terms.price, self.terms.qty);
        let out = &mut self.text;
        // Seconds with up to four decimals, from integers: 100 us is the venue's resolution.
        push_scaled(out, t.ts_us.div_euclid(100), 4, Digits::UpTo(4));
        out.push(b',');
        out.extend_from_slice(self.terms.symbol.as_str().as_bytes());
        out.push(b',');
        out.extend_from_slice(side_word(t.side).as_bytes());
        out.push(b',');
        qty.push(out, t.qty);
        out.push(b',');
        price.push(out, t.price);
        out.push(b',');
        out.extend_from_slice(t.tick.name().as_bytes());
        out.push(b',');
        push_match_id(out, &self.terms.symbol, t.id);
        out.push(b',');
        if self.terms.category == Category::Inverse {
            // Size is in USD: the coin value is size / price, in satoshis for the gross value.
            let home = if t.price == 0.0 { 0.0 } else { t.qty / t.price };
            Digits::UpTo(0).push(out, home * 1e8);
            out.push(b',');
            Digits::UpTo(8).push(out, home);
            out.push(b',');
            qty.trimmed().push(out, t.qty);
        } else {
            push_product(out, (t.price, price), (t.qty, qty), 8);
            out.push(b',');
            qty.trimmed().push(out, t.qty);
            out.push(b',');
            push_product(out, (t.price, price), (t.qty, qty), 0);
        }
        self.end_line(t.is_rpi);
    }

    fn end_line(&mut self, is_rpi: bool) {
        if self.form.rpi {
            self.text
                .extend_from_slice(if is_rpi { b",1" } else { b",0" });
        }
        self.text.push(b'\n');
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Container`.
    pub fn finish(mut self) -> Result<PackedFile, PackError> {
        if self.form.descending {
            let mut end = self.text.len();
            for start in self.starts.into_iter().rev() {
                self.gz.push(&self.text[start..end])?;
                end = start;
            }
        } else {
            self.gz.push(&self.text)?;
        }
        self.gz.finish()
    }
}
