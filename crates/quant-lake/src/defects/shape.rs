//! How the rows of the files of an archive look, as far as planting defects needs it.

use crate::venues::binance::VisionType;

/// What the lines of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Binance klines of any kind: open time first, close time in the seventh column.
    Klines,
    /// Binance aggregated trades.
    AggTrades,
    /// Binance trades.
    Trades,
    /// Binance best bid and ask.
    BookTicker,
    /// Binance depth bands: twelve rows a sample.
    BookDepth,
    /// Binance metrics.
    Metrics,
    /// Binance funding.
    FundingRate,
    /// Binance liquidations.
    Liquidations,
    /// Bybit derivative trades: time first.
    BybitTrades,
    /// Bybit spot trades: time second.
    BybitSpotTrades,
    /// OKX trades.
    OkxTrades,
    /// OKX candles.
    OkxCandles,
    /// OKX funding.
    OkxFunding,
    /// Book messages as JSON lines (Bybit, OKX).
    Book,
    /// Raw recording, `<recv> <json>` lines.
    Recording,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Self; 15] = [
        Self::Klines,
        Self::AggTrades,
        Self::Trades,
        Self::BookTicker,
        Self::BookDepth,
        Self::Metrics,
        Self::FundingRate,
        Self::Liquidations,
        Self::BybitTrades,
        Self::BybitSpotTrades,
        Self::OkxTrades,
        Self::OkxCandles,
        Self::OkxFunding,
        Self::Book,
        Self::Recording,
    ];

    /// Returns the shape of a product of the Binance archive.
    pub const fn vision(kind: VisionType) -> Self {
        match kind {
            VisionType::Klines
            | VisionType::MarkPriceKlines
            | VisionType::PremiumIndexKlines
            | VisionType::IndexPriceKlines => Self::Klines,
            VisionType::AggTrades => Self::AggTrades,
            VisionType::Trades => Self::Trades,
            VisionType::BookTicker => Self::BookTicker,
            VisionType::BookDepth => Self::BookDepth,
            VisionType::Metrics => Self::Metrics,
            VisionType::FundingRate => Self::FundingRate,
            VisionType::LiquidationSnapshot => Self::Liquidations,
        }
    }

    /// Returns a word for messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Klines => "klines",
            Self::AggTrades => "aggTrades",
            Self::Trades => "trades",
            Self::BookTicker => "bookTicker",
            Self::BookDepth => "bookDepth",
            Self::Metrics => "metrics",
            Self::FundingRate => "fundingRate",
            Self::Liquidations => "liquidationSnapshot",
            Self::BybitTrades => "Bybit trading",
            Self::BybitSpotTrades => "Bybit spot trading",
            Self::OkxTrades => "OKX trades",
            Self::OkxCandles => "OKX candles",
            Self::OkxFunding => "OKX funding",
            Self::Book => "book",
            Self::Recording => "recording",
        }
    }

    /// Returns whether the lines are comma-separated columns.
    pub const fn is_table(self) -> bool {
        !matches!(self, Self::Book | Self::Recording)
    }

    /// Returns whether the venue publishes a checksum beside such files.
    pub const fn has_checksum(self) -> bool {
        matches!(
            self,
            Self::Klines
                | Self::AggTrades
                | Self::Trades
                | Self::BookTicker
                | Self::BookDepth
                | Self::Metrics
                | Self::FundingRate
                | Self::Liquidations
        )
    }

    /// Returns the columns that hold times, the one that orders the rows first; none for JSON lines.
    pub(super) const fn time_columns(self) -> &'static [usize] {
        match self {
            Self::Klines => &[0, 6],
            Self::AggTrades | Self::OkxTrades => &[5],
            Self::Trades => &[4],
            Self::BookTicker => &[5, 6],
            Self::BookDepth
            | Self::Metrics
            | Self::FundingRate
            | Self::Liquidations
            | Self::BybitTrades => &[0],
            Self::BybitSpotTrades => &[1],
            Self::OkxCandles => &[8],
            Self::OkxFunding => &[2],
            Self::Book | Self::Recording => &[],
        }
    }

    /// Returns the columns that hold quantities, where the shape has some.
    pub(super) const fn quantity_columns(self) -> &'static [usize] {
        match self {
            Self::Klines => &[5, 9],
            Self::AggTrades | Self::Trades => &[2],
            Self::BybitTrades | Self::BybitSpotTrades => &[3],
            Self::OkxTrades => &[4],
            Self::OkxCandles => &[5, 6],
            _ => &[],
        }
    }

    /// Returns the columns that hold what klines and quotes say, times and ids apart.
    pub(super) const fn value_columns(self) -> &'static [usize] {
        match self {
            Self::Klines => &[1, 2, 3, 4, 5, 7, 8, 9, 10],
            Self::OkxCandles => &[1, 2, 3, 4, 5, 6, 7],
            Self::BookTicker => &[1, 2, 3, 4],
            _ => &[],
        }
    }

    /// Returns whether times are counts of a unit, not text.
    pub(super) const fn has_epoch(self) -> bool {
        self.is_table() && !matches!(self, Self::BookDepth | Self::Metrics)
    }

    /// Returns how many rows belong together: a gap never leaves part of them.
    pub(super) const fn rows_per_sample(self) -> usize {
        match self {
            Self::BookDepth => 12,
            _ => 1,
        }
    }
}
