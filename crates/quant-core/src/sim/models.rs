//! The four seams of the simulated venue: latency, what fills, fees, slippage.

use core::fmt::Debug;

use serde::Serialize;

use crate::market::{Event, Side};
use crate::time::UnixMicros;
use crate::units::{BPS, Micros};

/// What a fill price was read from; better data first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LevelUsed {
    /// A best bid or ask.
    Quote,
    /// A public trade.
    Trade,
    /// The open of a bar.
    BarOpen,
    /// A barrier price inside a bar.
    Barrier,
    /// The last known price, because the data ended.
    LastPrice,
}

impl LevelUsed {
    /// Returns the name written to trade tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quote => "quote",
            Self::Trade => "trade",
            Self::BarOpen => "bar_open",
            Self::Barrier => "barrier",
            Self::LastPrice => "last_price",
        }
    }
}

/// Whether our order rested in the book or crossed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Liquidity {
    /// Resting limit order.
    Maker,
    /// Market or triggered stop order.
    Taker,
}

/// A price a market order can get, before slippage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Executable {
    /// Instant of the price.
    pub ts: UnixMicros,
    /// Quote per base.
    pub px: f64,
    /// Where it was read.
    pub level_used: LevelUsed,
}

/// How long messages take. `&mut self` so that a seeded sampler fits behind it.
pub trait LatencyModel: Debug + Send {
    /// Returns the time from a decision at `at` to the order's arrival at the venue.
    fn entry(&mut self, at: UnixMicros) -> Micros;
    /// Returns the time from a fill at `at` to our knowing of it.
    fn response(&mut self, at: UnixMicros) -> Micros;
}

/// The same latency always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConstantLatency {
    /// Decision to venue.
    pub entry: Micros,
    /// Venue to us.
    pub response: Micros,
}

impl LatencyModel for ConstantLatency {
    fn entry(&mut self, _at: UnixMicros) -> Micros {
        self.entry
    }

    fn response(&mut self, _at: UnixMicros) -> Micros {
        self.response
    }
}

/// Which events give a market order its price.
pub trait FillModel: Debug + Send {
    /// Returns the price `event` offers a market order on `side` that arrived at `arrival`, if any.
    ///
    /// # Causality
    /// Never a price from before `arrival`.
    fn market(&self, event: &Event, arrival: UnixMicros, side: Side) -> Option<Executable>;
}

/// The first executable price at or after arrival: a quote's far side, a trade's price, or a bar's open. A quote without that side,
/// or a crossed one, has none.
///
/// A bar is delivered at its close but its open was the first price of `[ts_open, ts_close)`, so a bar counts if it
/// *opened* at or after the arrival. A bar without volume has no executable price: its four prices repeat an older
/// trade, and nobody traded at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstExecutable;

impl FillModel for FirstExecutable {
    fn market(&self, event: &Event, arrival: UnixMicros, side: Side) -> Option<Executable> {
        let (ts, px, level_used) = match event {
            Event::Bar(x) if x.volume > 0.0 => (x.ts_open, x.open, LevelUsed::BarOpen),
            Event::Trade(x) => (x.ts_event, x.price, LevelUsed::Trade),
            Event::Quote(x) => (x.ts_event, x.price_for(side)?, LevelUsed::Quote),
            _ => return None,
        };
        (ts >= arrival && px > 0.0).then_some(Executable { ts, px, level_used })
    }
}

/// What a fill costs in fees.
pub trait FeeModel: Debug + Send {
    /// Returns the fee of a fill worth `notional` quote units on an instrument; negative is a rebate.
    fn fee(&self, instrument_idx: usize, liquidity: Liquidity, notional: f64) -> f64;
}

/// Maker and taker fee in basis points, the same for every instrument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BpsFee {
    /// Maker fee, bps of notional.
    pub maker_bps: f64,
    /// Taker fee, bps of notional.
    pub taker_bps: f64,
}

impl FeeModel for BpsFee {
    fn fee(&self, _instrument_idx: usize, liquidity: Liquidity, notional: f64) -> f64 {
        let bps = match liquidity {
            Liquidity::Maker => self.maker_bps,
            Liquidity::Taker => self.taker_bps,
        };
        notional * bps * BPS
    }
}

/// How much worse than the reference price a taker fills.
pub trait SlippageModel: Debug + Send {
    /// Returns the price move against us, quote per base, at least 0, for `qty` base units at `px`.
    fn against_us(&self, px: f64, qty: f64) -> f64;
    /// Returns the source's name, written on each fill.
    fn name(&self) -> &'static str;
}

/// A fixed number of basis points of the price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FixedBpsSlippage {
    /// Basis points, at least 0.
    pub slippage_bps: f64,
}

impl SlippageModel for FixedBpsSlippage {
    fn against_us(&self, px: f64, _qty: f64) -> f64 {
        px * self.slippage_bps * BPS
    }

    fn name(&self) -> &'static str {
        "fixed_bps"
    }
}

/// The four models of one venue.
#[derive(Debug)]
pub struct VenueModels {
    /// Message latency.
    pub latency: Box<dyn LatencyModel>,
    /// What fills a market order.
    pub fill: Box<dyn FillModel>,
    /// Fees.
    pub fee: Box<dyn FeeModel>,
    /// Slippage of taker fills.
    pub slippage: Box<dyn SlippageModel>,
}
