//! What a market tells us: events, the instruments they belong to, and the one order they are read in.

pub mod book;
mod event;
mod instrument;
mod merge;
mod stream;
mod touch;
mod trade_ids;

pub use event::{
    Bar, BookDelta, BookLevel, BookSnapshot, DepthBands, Event, Funding, Gap, Heartbeat,
    Liquidation, Lost, MarkPrice, OpenInterest, Quote, Side, Trade,
};
pub use instrument::{Exchange, Instrument, InstrumentKey, Market, MarketError, Symbol, Venue};
pub use merge::WatermarkMerge;
pub use stream::{StreamKey, source_rank};
pub use touch::{Touch, TouchAt};
pub use trade_ids::{LOST_TRADE_IDS, TradeIds};

#[cfg(test)]
mod tests;
