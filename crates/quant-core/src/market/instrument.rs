//! Venues, markets, symbols and the terms of an instrument over time.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::time::UnixMicros;
use crate::units::{Step, decimal_product};

/// Why a name of the market vocabulary is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    /// Unknown exchange name.
    #[error(
        "unknown exchange `{name}`; known: binance, okx, bybit, deepcoin, hyperliquid, csv, each also as `sim-...`"
    )]
    UnknownExchange {
        /// The offending name.
        name: String,
    },
    /// Unknown market name.
    #[error("unknown market `{name}`; known: spot, um, cm, swap, linear, inverse")]
    UnknownMarket {
        /// The offending name.
        name: String,
    },
    /// The symbol cannot be a venue symbol.
    #[error("symbol `{}` is not a venue symbol; expected 1 to 40 letters, digits, `_` or `-`; Hyperliquid's `@107` or `dex:NAME`", symbol.escape_debug())]
    BadSymbol {
        /// The offending text.
        symbol: String,
    },
}

/// An exchange or trading place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Venue {
    /// Binance.
    Binance,
    /// OKX.
    Okx,
    /// Bybit.
    Bybit,
    /// Deepcoin.
    Deepcoin,
    /// Hyperliquid.
    Hyperliquid,
    /// A user's own CSV files, of any origin.
    Csv,
}

impl Venue {
    /// Every venue, in path order.
    pub const ALL: [Self; 6] = [
        Self::Binance,
        Self::Okx,
        Self::Bybit,
        Self::Deepcoin,
        Self::Hyperliquid,
        Self::Csv,
    ];

    /// Returns the lower-case name used in paths and configs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Okx => "okx",
            Self::Bybit => "bybit",
            Self::Deepcoin => "deepcoin",
            Self::Hyperliquid => "hyperliquid",
            Self::Csv => "csv",
        }
    }
}

/// A venue, and whether its data is simulated; simulated data never shares a folder with real data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange {
    /// The venue whose formats and rules apply.
    pub venue: Venue,
    /// Made by the simulator: lives under `sim-<venue>`.
    pub simulated: bool,
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            if self.simulated { "sim-" } else { "" },
            self.venue.name()
        )
    }
}

impl FromStr for Exchange {
    type Err = MarketError;

    fn from_str(text: &str) -> Result<Self, MarketError> {
        let (simulated, name) = match text.strip_prefix("sim-") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        Venue::ALL
            .into_iter()
            .find(|v| v.name() == name)
            .map(|venue| Self { venue, simulated })
            .ok_or_else(|| MarketError::UnknownExchange {
                name: text.to_owned(),
            })
    }
}

/// The part of a venue an instrument trades on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Market {
    /// Spot.
    Spot,
    /// Binance USD-margined futures.
    Um,
    /// Binance coin-margined futures.
    Cm,
    /// OKX and Deepcoin swaps.
    Swap,
    /// Bybit linear.
    Linear,
    /// Bybit inverse.
    Inverse,
}

impl Market {
    /// Every market, in path order.
    pub const ALL: [Self; 6] = [
        Self::Spot,
        Self::Um,
        Self::Cm,
        Self::Swap,
        Self::Linear,
        Self::Inverse,
    ];

    /// Returns the lower-case name used in paths and configs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Um => "um",
            Self::Cm => "cm",
            Self::Swap => "swap",
            Self::Linear => "linear",
            Self::Inverse => "inverse",
        }
    }
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Market {
    type Err = MarketError;

    fn from_str(text: &str) -> Result<Self, MarketError> {
        Self::ALL
            .into_iter()
            .find(|m| m.name() == text)
            .ok_or_else(|| MarketError::UnknownMarket {
                name: text.to_owned(),
            })
    }
}

/// A venue's own name of an instrument (`raw_symbol`), checked to be harmless in a path.
///
/// Letters are ASCII or CJK: venues list both, while other scripts contain look-alikes of ASCII letters. Hyperliquid's
/// spot pairs are `@` and a number, the perpetuals of its builders `dex:NAME`; a colon is no part of a portable folder
/// name, so that whoever makes one escapes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Symbol(String);

impl Symbol {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Symbol {
    type Err = MarketError;

    fn from_str(text: &str) -> Result<Self, MarketError> {
        let ok = (1..=40).contains(&text.chars().count())
            && (is_plain(text) || is_numbered(text) || is_of_dex(text));
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(MarketError::BadSymbol {
                symbol: text.to_owned(),
            })
        }
    }
}

fn is_plain(text: &str) -> bool {
    let allowed =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\u{4e00}'..='\u{9fff}');
    !text.is_empty() && text.chars().all(allowed) && !text.starts_with('-')
}

/// `@107`.
fn is_numbered(text: &str) -> bool {
    let digits = text.strip_prefix('@').unwrap_or("");
    (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `xyz:TSLA`. One letter and a colon would be a drive.
fn is_of_dex(text: &str) -> bool {
    text.split_once(':').is_some_and(|(dex, name)| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        (2..=12).contains(&dex.len())
            && dex.bytes().all(allowed)
            && dex.starts_with(|c: char| c.is_ascii_lowercase())
            && is_plain(name)
    })
}

macro_rules! serde_as_text {
    ($($name:ty),+) => {$(
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}
serde_as_text!(Exchange, Market, Symbol);

/// Where an instrument's data lives: exchange, market and raw symbol.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InstrumentKey {
    /// Exchange, simulated or real.
    pub exchange: Exchange,
    /// Market of the exchange.
    pub market: Market,
    /// The venue's own symbol.
    pub symbol: Symbol,
}

impl fmt::Display for InstrumentKey {
    /// Writes the instrument id used in reports and entry ids: `binance:um:BTCUSDT`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.exchange, self.market, self.symbol)
    }
}

/// The terms of an instrument during `[valid_from, valid_to)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instrument {
    /// Which instrument.
    #[serde(flatten)]
    pub key: InstrumentKey,
    /// First instant these terms hold.
    pub valid_from: UnixMicros,
    /// First instant they no longer hold; open if absent.
    pub valid_to: Option<UnixMicros>,
    /// Price step, quote currency.
    pub tick_size: Step,
    /// Quantity step, base units (contracts for inverse instruments).
    pub lot_size: Step,
    /// Smallest order value, quote currency.
    pub min_notional: f64,
    /// Base units per contract (quote units per contract if `inverse`); 1 where quantities are coins.
    pub contract_value: f64,
    /// Contracts are worth a fixed amount of quote currency.
    pub inverse: bool,
    /// Hours between funding settlements; `None` for instruments without funding.
    pub funding_interval_h: Option<u32>,
    /// Maker fee in bps of notional; a rebate is negative.
    pub maker_bps: f64,
    /// Taker fee in bps of notional.
    pub taker_bps: f64,
    /// First trading instant, where known.
    pub onboard: Option<UnixMicros>,
    /// Delisting instant, where known.
    pub delist: Option<UnixMicros>,
    /// Where these terms were read.
    pub source: String,
}

impl Instrument {
    /// Returns whether these terms hold at `at`.
    pub fn is_valid_at(&self, at: UnixMicros) -> bool {
        self.valid_from <= at && self.valid_to.is_none_or(|to| at < to)
    }

    /// Returns base units for a venue quantity: contracts become coins, coins stay.
    ///
    /// # Units
    /// Linear: `qty_raw * contract_value`. Inverse: `qty_raw * contract_value / price`. The product is that of decimals.
    pub fn base_qty(&self, qty_raw: f64, price: f64) -> f64 {
        let product = decimal_product(qty_raw, self.contract_value);
        if self.inverse {
            product / price
        } else {
            product
        }
    }
}
