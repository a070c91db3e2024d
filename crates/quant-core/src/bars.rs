//! Tier 1: one row of sufficient statistics per minute, and coarser bars made of those rows.

use serde::{Deserialize, Serialize};

mod builder;
mod error;
mod five;
mod market_state;
mod ohlcv;
mod segment;
mod sources;
mod stat;
pub mod stats;

pub use builder::{DayBars, MinuteBuilder, Opening, OpeningState};
pub use error::BarsError;
pub use five::{BarN, Resampler};
pub use market_state::{GRID_US, MarketInputs, QuoteSource};
pub use ohlcv::Ohlcv;
pub use segment::{SegmentState, Segmenter};
pub use sources::{BookSource, ImageCadence, MadeOf, STAT_MADE_OF, StatSources, UnknownSource};
pub use stat::{
    GapScope, MinuteClose, MinuteStat, RowWriter, StatColumn, StatInputs, StatSet, StatSpec,
    StateUse, StateValues,
};
pub use stats::{Microstructure, N_STAT_COLUMNS, STAT_COLUMNS, STATS, stat_column, touch_flow};

use crate::time::{MICROS_PER_MINUTE, UnixMicros};

/// What a minute row was made of; better sources come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BarSource {
    /// Raw trades.
    Trades,
    /// Venue klines.
    Klines,
    /// Venue-aggregated trades.
    AggTrades,
}

impl BarSource {
    /// Returns the name written to the lake.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trades => "trades",
            Self::Klines => "klines",
            Self::AggTrades => "agg_trades",
        }
    }
}

/// One minute of one instrument, half-open `[ts_open, ts_open + 60 s)`.
///
/// # Units
/// Prices quote per base; volumes base units; `quote_volume` quote units.
///
/// # Shapes
/// Prices are `None` only before the first price of the instrument's known history. An empty minute has
/// `open = high = low = close = previous close`, zero volume and `is_filled`. Volume splits and counts are `None`
/// when the source does not know them, never 0 in their place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MinuteRow {
    /// Inclusive start, a multiple of one minute.
    pub ts_open: UnixMicros,
    /// First price.
    pub open: Option<f64>,
    /// Highest price.
    pub high: Option<f64>,
    /// Lowest price.
    pub low: Option<f64>,
    /// Last price.
    pub close: Option<f64>,
    /// Base units traded.
    pub volume: f64,
    /// Quote units traded.
    pub quote_volume: Option<f64>,
    /// Number of trades.
    pub n_trades: Option<u64>,
    /// Base units bought by aggressors; the rest of `volume` was sold by them.
    pub buy_volume: Option<f64>,
    /// `quote_volume / volume`; `None` without volume.
    pub vwap: Option<f64>,
    /// What the row was made of.
    pub bar_source: BarSource,
    /// Nothing was traded: the row repeats the previous close.
    pub is_filled: bool,
}

impl MinuteRow {
    /// Returns the exclusive end of the minute.
    pub const fn ts_close(&self) -> UnixMicros {
        self.ts_open.plus(MICROS_PER_MINUTE)
    }
}

#[cfg(test)]
mod tests;
