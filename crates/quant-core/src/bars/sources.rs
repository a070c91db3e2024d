//! What the statistics of a day are made of, and which statistics of two days can stand in one window.
//!
//! A sum over events is not the sum over images of the same market, nor over images of another cadence: such days never mix.

use core::fmt;
use core::str::FromStr;

use serde::Serialize;

use crate::bars::stats::{N_STAT_COLUMNS, STATS};
use crate::bars::{BarSource, QuoteSource};

/// When images of a book were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageCadence {
    /// Nobody wrote it down.
    #[default]
    Unknown,
    /// At multiples of this many microseconds.
    EveryUs(u64),
    /// After every message.
    Message,
    /// Whenever the venue sent an image.
    Snapshot,
}

/// Where the book of a day comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BookSource {
    /// There is none.
    #[default]
    None,
    /// Changes of levels.
    Deltas,
    /// Images at a cadence.
    Images(ImageCadence),
}

/// What a statistic is made of, as far as days differ in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MadeOf {
    /// Touches.
    Touches,
    /// Books.
    Books,
    /// Prices on the grid: of touches where the day has them, else of trades.
    GridPrices,
    /// Neither: trades, forced orders, state records.
    Other,
}

/// What the statistics of one instrument and day are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatSources {
    /// Where touches come from.
    pub quotes: QuoteSource,
    /// Where books come from.
    pub book: BookSource,
    /// There are trades.
    pub has_trades: bool,
}

impl StatSources {
    /// Returns whether statistics made of this on a day can be in one window with those of a day with `other` sources.
    pub fn agree(self, other: Self, made_of: MadeOf) -> bool {
        match made_of {
            MadeOf::Touches => self.touch() == other.touch(),
            MadeOf::Books => self.book == other.book,
            MadeOf::GridPrices => self.grid() == other.grid(),
            MadeOf::Other => true,
        }
    }

    /// Returns where touches come from; the book only where they are its first level.
    fn touch(self) -> (QuoteSource, BookSource) {
        let book = match self.quotes {
            QuoteSource::Book => self.book,
            QuoteSource::None | QuoteSource::BookTicker => BookSource::None,
        };
        (self.quotes, book)
    }

    /// Returns where grid prices come from; trades count only where there are no touches.
    fn grid(self) -> ((QuoteSource, BookSource), bool) {
        let is_of_trades = self.quotes == QuoteSource::None && self.has_trades;
        (self.touch(), is_of_trades)
    }
}

/// What each column of the statistics is made of, in their order.
pub static STAT_MADE_OF: [MadeOf; N_STAT_COLUMNS] = made_of();

const fn made_of() -> [MadeOf; N_STAT_COLUMNS] {
    let mut out = [MadeOf::Other; N_STAT_COLUMNS];
    let (mut n, mut i) = (0, 0);
    while i < STATS.len() {
        let mut k = 0;
        while k < STATS[i].columns.len() {
            out[n] = STATS[i].made_of;
            n += 1;
            k += 1;
        }
        i += 1;
    }
    out
}

impl BarSource {
    /// Returns whether the bars are made of trades, one by one or in aggregates.
    pub const fn is_trades(self) -> bool {
        !matches!(self, Self::Klines)
    }
}

impl QuoteSource {
    /// Returns the name in the lake.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::BookTicker => "book_ticker",
            Self::Book => "book",
        }
    }
}

/// A text that names no source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a source of statistics")]
pub struct UnknownSource;

impl FromStr for QuoteSource {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        [Self::None, Self::BookTicker, Self::Book]
            .into_iter()
            .find(|source| source.name() == text)
            .ok_or(UnknownSource)
    }
}

/// Names of book sources in the lake; images have `@` and their cadence behind them.
const DELTAS: &str = "l2_deltas";
const IMAGES: &str = "l2_snapshots";
const NOTHING: &str = "none";

/// Units of cadences, the largest first.
const UNITS: [(&str, u64); 3] = [("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl fmt::Display for BookSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str(NOTHING),
            Self::Deltas => f.write_str(DELTAS),
            Self::Images(ImageCadence::Unknown) => f.write_str(IMAGES),
            Self::Images(ImageCadence::Message) => write!(f, "{IMAGES}@message"),
            Self::Images(ImageCadence::Snapshot) => write!(f, "{IMAGES}@snapshot"),
            Self::Images(ImageCadence::EveryUs(us)) => {
                let whole = UNITS.iter().find(|(_, unit)| us % unit == 0);
                let (name, unit) = whole.unwrap_or(&UNITS[2]);
                write!(f, "{IMAGES}@{}{name}", us / unit)
            }
        }
    }
}

impl FromStr for BookSource {
    type Err = UnknownSource;

    /// Reads what `Display` writes, and nothing else.
    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        match text {
            NOTHING => return Ok(Self::None),
            DELTAS => return Ok(Self::Deltas),
            IMAGES => return Ok(Self::Images(ImageCadence::Unknown)),
            _ => {}
        }
        let cadence = text
            .strip_prefix(IMAGES)
            .and_then(|rest| rest.strip_prefix('@'))
            .ok_or(UnknownSource)?;
        Ok(Self::Images(match cadence {
            "message" => ImageCadence::Message,
            "snapshot" => ImageCadence::Snapshot,
            every => {
                let n = every.trim_end_matches(|c: char| c.is_ascii_lowercase());
                let unit = UNITS.iter().find(|(name, _)| *name == &every[n.len()..]);
                let n: u64 = n.parse().map_err(|_| UnknownSource)?;
                let us = unit.and_then(|(_, unit)| n.checked_mul(*unit));
                ImageCadence::EveryUs(us.filter(|us| *us > 0).ok_or(UnknownSource)?)
            }
        }))
    }
}

#[cfg(test)]
mod tests;
