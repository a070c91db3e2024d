//! Why tier 1 refuses an event. It does not decide what becomes of the refused row: that is ingestion's job.

use crate::bars::BarSource;
use crate::time::{Day, UnixMicros};

/// Why an event cannot become part of a minute row.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BarsError {
    /// An event lies outside the day being built.
    #[error("event at `{ts}` does not belong to `{day}`")]
    OtherDay {
        /// The day being built.
        day: Day,
        /// Time of the event.
        ts: UnixMicros,
    },
    /// An event lies before the one fed just before it.
    #[error(
        "event at `{found}` comes after one at `{last}`\nhint: sort the partition by `ts_event` and sequence"
    )]
    OutOfOrder {
        /// Time of the event before.
        last: UnixMicros,
        /// Time of the refused event.
        found: UnixMicros,
    },
    /// A price or quantity is not a usable number.
    #[error("{field} {value} at `{ts}` is not usable; expected {expected}")]
    BadValue {
        /// Time of the event.
        ts: UnixMicros,
        /// Which number.
        field: &'static str,
        /// The number as text, so that NaN and infinity can be shown.
        value: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// A kline is not one whole UTC minute.
    #[error("kline `[{ts_open}, {ts_close})` is not one whole UTC minute")]
    NotAMinute {
        /// Start of the kline.
        ts_open: UnixMicros,
        /// End of the kline.
        ts_close: UnixMicros,
    },
    /// A kline whose open or close lies outside its low and high.
    #[error("kline at `{ts_open}` has open or close outside its low and high")]
    InconsistentBar {
        /// Start of the kline.
        ts_open: UnixMicros,
    },
    /// Trades were fed to a builder of klines, or the other way round.
    #[error("a builder of `{}` was fed {found}", source_kind.name())]
    WrongSource {
        /// What the builder was made for.
        source_kind: BarSource,
        /// What it was fed.
        found: &'static str,
    },
    /// The interval of a resampler does not divide a day.
    #[error("bar interval of {minutes} minutes does not divide a day")]
    BadInterval {
        /// The refused interval.
        minutes: u32,
    },
}
