//! What venues publish about a simulated minute: aggregates, klines, depth bands, book images, conflated updates.
//!
//! Everything here is a streaming, causal function of [`SimMinute`](crate::synth::SimMinute)s in ticks and lots. It
//! writes no format and turns nothing into floats but reference prices; encoders do that with the steps of the
//! instrument.
//!
//! Cadence: whatever is stamped T shows every message before T and none at or after it. A minute's run yields the stamps
//! in `[start, start + 60 s)`, so rows belong to the day of their stamp.

mod bands;
mod conflate;
mod kline;
mod level_book;
mod replay;
mod sampler;
mod sums;
mod trades;

pub use bands::{BAND_BPS, BandRow, DepthBands};
pub use conflate::{BookUpdate, Conflator, UpdateKind};
pub use kline::{KlineBuilder, MinuteKline, ReferenceKline, ReferenceKlines, reference_klines};
pub use level_book::LevelBook;
pub use replay::{BookConsumer, BookReplay, MessageStamp};
pub use sampler::{BookView, SnapshotSampler};
pub use sums::{TradeSums, decimal_text, decimal_value};
pub use trades::{SimAgg, aggregate};

#[cfg(test)]
mod tests;
