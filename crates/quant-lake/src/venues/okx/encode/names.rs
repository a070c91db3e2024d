//! Names and folders of the archive, and the days its files cover.
//!
//! Trades, candles, funding and borrow rates are cut at midnight of UTC+8: a trades file of day D holds 16:00 UTC of
//! D-1 to 16:00 UTC of D. Order books are cut at midnight UTC.

use quant_core::time::Day;

use super::{InstType, family_of};
use crate::venues::binance::Period;
use crate::venues::pack::FileName;

/// Milliseconds in a day.
const DAY_MS: i64 = 86_400_000;

/// UTC+8 in milliseconds.
const HONG_KONG_MS: i64 = 8 * 3_600_000;

/// Root of the folders of trades, candles and rates.
const RECORDS: &str = "cdn/okex/traderecords";

/// Root of the folders of order books: another one.
const BOOKS: &str = "cdn/okx/match/orderbook/L2";

/// A product of the archive, numbered as `market-data-history` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Module {
    /// 1: trades.
    Trades,
    /// 2: one-minute candles.
    Candles,
    /// 3: funding rates.
    Funding,
    /// 4: order book of 400 levels.
    Book400,
    /// 5: order book of 5,000 levels, from 2025-11-01.
    Book5000,
    /// 6: order book of 50 levels.
    Book50,
    /// 11: borrow rates.
    Borrow,
}

impl Module {
    /// Every product.
    pub const ALL: [Self; 7] = [
        Self::Trades,
        Self::Candles,
        Self::Funding,
        Self::Book400,
        Self::Book5000,
        Self::Book50,
        Self::Borrow,
    ];

    /// Returns the number the venue gives it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Trades => 1,
            Self::Candles => 2,
            Self::Funding => 3,
            Self::Book400 => 4,
            Self::Book5000 => 5,
            Self::Book50 => 6,
            Self::Borrow => 11,
        }
    }

    /// Returns the product of a number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.number() == number)
    }

    /// Returns whether its days are days of UTC+8 (else of UTC).
    pub const fn is_hong_kong(self) -> bool {
        matches!(
            self,
            Self::Trades | Self::Candles | Self::Funding | Self::Borrow
        )
    }

    /// Returns the day on which the venue files an instant, milliseconds UTC.
    pub fn day_of(self, ts_ms: i64) -> Day {
        let shift = if self.is_hong_kong() { HONG_KONG_MS } else { 0 };
        Day(i32::try_from((ts_ms + shift).div_euclid(DAY_MS)).unwrap_or(i32::MAX))
    }

    /// Returns the half-open range of milliseconds UTC that a file covers.
    pub fn span_ms(self, period: Period) -> (i64, i64) {
        let shift = if self.is_hong_kong() { HONG_KONG_MS } else { 0 };
        let (first, end) = period.days();
        (
            i64::from(first.0) * DAY_MS - shift,
            i64::from(end.0) * DAY_MS - shift,
        )
    }

    /// Returns folder and name of a file.
    ///
    /// `inst_id` is ignored by products that hold all instruments in one daily file (funding, borrow).
    pub fn file_name(self, inst_id: &str, period: Period) -> FileName {
        let (cadence, folder_date) = match period {
            Period::Day(day) => ("daily", compact(day, true)),
            Period::Month(first) => ("monthly", compact(first, false)),
        };
        let day_file = matches!(period, Period::Day(_));
        let book = |levels: u16| FileName {
            folder: format!("{BOOKS}/{levels}lv/{cadence}/{folder_date}"),
            name: format!("{inst_id}-L2orderbook-{levels}lv-{period}.tar.gz"),
        };
        match self {
            Self::Trades => FileName {
                folder: format!("{RECORDS}/trades/{cadence}/{folder_date}"),
                name: format!("{inst_id}-trades-{period}.zip"),
            },
            Self::Candles => FileName {
                folder: format!("{RECORDS}/candlesticks/{cadence}/{folder_date}"),
                name: format!("{inst_id}-candlesticks-{period}.zip"),
            },
            Self::Funding => FileName {
                folder: format!("{RECORDS}/swaprates/{cadence}/{folder_date}"),
                name: if day_file {
                    format!("allswap-fundingrates-{period}.zip")
                } else {
                    // The monthly name is not documented beyond "per family".
                    format!("{}-fundingrates-{period}.zip", family_of(inst_id))
                },
            },
            Self::Borrow => FileName {
                folder: format!("{RECORDS}/borrowrates/{cadence}/{folder_date}"),
                name: format!("allmargin-borrowrates-{period}.zip"),
            },
            Self::Book400 => book(400),
            Self::Book5000 => book(5_000),
            Self::Book50 => book(50),
        }
    }
}

/// Returns the name of the CSV or `.data` member inside a file.
pub(super) fn member_of(file: &FileName) -> String {
    let stem = |suffix: &str| file.name.strip_suffix(suffix);
    if let Some(stem) = stem(".tar.gz") {
        format!("{stem}.data")
    } else {
        format!("{}.csv", stem(".zip").unwrap_or(&file.name))
    }
}

/// Returns the name under which the archive files an instrument.
///
/// All dated futures of an underlying share `{family}-futureschain`; leaving that word out names another series.
pub fn archive_id(inst_id: &str, inst_type: InstType) -> String {
    match inst_type {
        InstType::Futures => format!("{}-futureschain", family_of(inst_id)),
        InstType::Spot | InstType::Swap => inst_id.to_owned(),
    }
}

/// Writes `YYYYMMDD` or `YYYYMM`.
fn compact(day: Day, with_day: bool) -> String {
    let (y, m, d) = day.ymd();
    if with_day {
        format!("{y:04}{m:02}{d:02}")
    } else {
        format!("{y:04}{m:02}")
    }
}
