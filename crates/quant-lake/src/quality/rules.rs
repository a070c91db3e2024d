//! Every detector with its threshold and the reason for it; one constant each.

use super::finding::Rule;
use super::finding::Severity::{Fail, Note, Warn};
use crate::schema::Dataset::{
    self, AggTrades, BookTicker, DepthBands, Funding, IndexKlines, Klines1m, L2Deltas, L2Snapshots,
    Liquidations, MarkKlines, Metrics, OpenInterest, PremiumKlines, Trades,
};

const REFERENCE_KLINES: [Dataset; 3] = [MarkKlines, PremiumKlines, IndexKlines];
const ALL_KLINES: [Dataset; 4] = [Klines1m, MarkKlines, PremiumKlines, IndexKlines];
const BOTH_TRADES: [Dataset; 2] = [AggTrades, Trades];
const BOOKS: [Dataset; 2] = [BookTicker, L2Snapshots];

macro_rules! rules {
    ($($(#[$doc:meta])* $id:ident = $name:literal, $datasets:expr, $measures:literal, $threshold:expr, $severity:expr;)*) => {
        $($(#[$doc])* pub const $id: Rule = Rule {
            name: $name, datasets: $datasets, measures: $measures, threshold: $threshold, severity: $severity,
        };)*
        /// Every rule.
        pub const ALL: &[Rule] = &[$($id),*];
    };
}

rules! {
    /// The lake has no partition of the day. One day is enough: it is the largest gap there is.
    ABSENT_DAY = "absent_day", &Dataset::ALL, "days", 1.0, Fail;
    /// The partition of the day has no row: a header without rows, or a day that is missing from a monthly file. In a market
    /// that is open somebody trades within a day. Klines are counted by minutes instead. A book without a row never got its
    /// first image of the venue, or was never sound.
    EMPTY_DAY = "empty_day", &[AggTrades, Trades, BookTicker, L2Deltas, L2Snapshots, DepthBands, Metrics, OpenInterest], "days", 1.0, Fail;
    /// Stretches in which the book is known to be unknown: a broken chain of ids, a lost connection, an image of the venue that
    /// contradicts the book. One is enough: without ids nobody knows what was missed. Messages before the first image of a
    /// recording are none.
    BOOK_GAP = "book_gap", &[L2Deltas, L2Snapshots], "stretches", 1.0, Fail;
    /// Stretches of a recorded stream that are known to be missing: a lost connection, a file that ends too early. A warning:
    /// what is missing may be nothing, and ids or silence tell where it is much; of trades also by a silence to the end of the
    /// day that would be chance without this counter (`silence`).
    STREAM_GAP = "stream_gap", &[AggTrades, Trades, BookTicker, Liquidations, OpenInterest], "stretches", 1.0, Warn;
    /// A stretch without an image of the book, at least a minute and five times the images' own cadence. In a book that has an image in 98 of 100
    /// intervals no minute is quiet; elsewhere the pace of the day decides, as of trades (`silence`). Shorter ones, from ten
    /// seconds on, are warnings in a book that otherwise lacks no more than two images of a thousand.
    IMAGE_GAP = "image_gap", &[L2Snapshots], "seconds", 60.0, Fail;
    /// Intervals at whose end level changes tell of the stream and no image is there: the book is crossed or empty, and makes none.
    /// One in a hundred is beyond any race; less is a warning from ten seconds and two images on. Intervals below a second
    /// count as one.
    IMAGES_MISSING = "images_missing", &[L2Snapshots], "share of intervals", 0.01, Fail;
    /// Trades have prices and no sizes, as the history of Deepcoin: no bar is made of them, no flow can be.
    PRICES_ONLY = "prices_only", &[Trades], "days", 1.0, Warn;
    /// Rows of another day stood in the file (they are left out). One such row means that the file is not what its name says;
    /// a note where sources are not cut at UTC midnight (OKX), or not by day at all (pages, recordings, a user's own files).
    OTHER_DAY_ROWS = "other_day_rows", &Dataset::ALL, "rows", 1.0, Warn;
    /// Repeated rows (left out). A share above 1 % is no accident of a writer but a file that was put together twice.
    DUPLICATE_ROWS = "duplicate_rows", &Dataset::ALL, "share of rows", 0.01, Warn;
    /// Rows out of order (sorted in). Metrics never are in order, pages come newest first, Bybit's old files run backwards;
    /// elsewhere above 1 % two files were interleaved.
    UNSORTED_ROWS = "unsorted_rows", &Dataset::ALL, "share of rows", 0.01, Warn;
    /// Rows refused at ingest: each was unreadable or contradicted another.
    QUARANTINED_ROWS = "quarantined_rows", &Dataset::ALL, "rows", 1.0, Warn;
    /// A minute without its kline. Venues write a row also for a minute in which nothing traded.
    MISSING_MINUTES = "missing_minutes", &ALL_KLINES, "minutes", 1.0, Fail;
    /// Klines that repeat the one before while time goes on. With volume, four equal ones in a row have not been seen
    /// in any market; three repetitions are the bound.
    FROZEN_KLINES = "frozen_klines", &ALL_KLINES, "repetitions", 3.0, Fail;
    /// Flat reference klines: an index without ticks stands still for a while, half an hour is a broken feed.
    FLAT_KLINES = "flat_klines", &REFERENCE_KLINES, "minutes", 30.0, Warn;
    /// Interval length other than one minute, in rows.
    KLINE_LENGTH = "kline_length", &ALL_KLINES, "rows", 1.0, Warn;
    /// Turnover over volume outside of [low, high]: volume and turnover are in units that do not belong together
    /// (contracts against base). 1 % of the rows leaves room for rounding of tiny volumes.
    KLINE_UNITS = "kline_units", &[Klines1m], "share of rows", 0.01, Fail;
    /// One price far off both of its neighbours, which agree: 5 % is beyond any wick that is gone one row later.
    PRICE_OUTLIER = "price_outlier", &[Klines1m, AggTrades, Trades, MarkKlines, IndexKlines], "relative distance", 0.05, Warn;
    /// Missing ids of aggregated trades or trades. Five in a row: shorter holes of `trades` are normal on Binance
    /// (insurance fund and ADL trades are left out), and are notes there.
    ID_GAP = "id_gap", &BOTH_TRADES, "ids", 5.0, Fail;
    /// Ids that fall while time rises.
    ID_ORDER = "id_order", &BOTH_TRADES, "rows", 1.0, Warn;
    /// A silent stretch: no row where the day's own pace, slowed four times, promised 40. Below that, silence is chance:
    /// markets cluster, so the pace of a quiet hour may well be a quarter of the day's. A warning up to ten times as much
    /// and for quotes; of trades that bars are made of a failure beyond. Before the first and after the last row the pace between
    /// them counts, if it is known (30 instants), and a failure begins where 400 rows were due at full pace: the day is cut off.
    /// So it does within the day, where no ids tell, by the hours before and after, the slower of the two: a market does not pause for the time of 400
    /// trades between two hours of that pace. If rows are known to be missing, 40 due at full pace before midnight are a failure.
    SILENCE = "silence", &[AggTrades, Trades, BookTicker], "expected rows", 40.0, Fail;
    /// The same trade over and over (price, quantity, side): 100 rows over half an hour.
    STALE_TRADES = "stale_trades", &BOTH_TRADES, "minutes", 30.0, Warn;
    /// Best bid above best ask: more than a race between two sides. A failure from one row in a hundred on.
    CROSSED_BOOK = "crossed_book", &BOOKS, "rows", 1.0, Fail;
    /// A best level without quantity or price, or a side without levels. A failure from one row in a hundred on.
    EMPTY_LEVEL = "empty_level", &BOOKS, "rows", 1.0, Fail;
    /// Quotes repeated while ids and times go on. A quote is published when something changed: five equal ones are stale.
    FROZEN_QUOTES = "frozen_quotes", &[BookTicker], "repetitions", 5.0, Fail;
    /// Book images repeated while their sequence goes on, for five minutes: a book deep enough to move changes its top.
    FROZEN_BOOK = "frozen_book", &[L2Snapshots], "seconds", 300.0, Fail;
    /// Trades far from any quote: a trade changes the best level, so a quote follows. On recorded days every trade has a
    /// quote within 543 ms; a second is the bound. Trades against hidden orders leave no quote, so this is a warning.
    MISSING_QUOTES = "missing_quotes", &[BookTicker], "seconds", 1.0, Warn;
    /// The offset of receive times jumps and stays: the smallest delay of half a minute before and after differ by 200 ms.
    /// Networks delay single rows, never the fastest one of half a minute by that much for long. Images of the book are stamped with the end of their interval,
    /// which is after their last message came: their level changes tell.
    CLOCK_JUMP = "clock_jump", &[Trades, AggTrades, BookTicker, L2Deltas], "milliseconds", 200.0, Warn;
    /// Receive times lie before event times: the recorder's clock runs behind. A note: decisions use event time.
    CLOCK_BEHIND = "clock_behind", &[Trades, AggTrades, BookTicker, L2Deltas], "milliseconds", 1.0, Note;
    /// Depth bands that repeat the sample before, all bands. Quiet books hold still for up to four samples (two minutes);
    /// eight are the bound.
    FROZEN_BANDS = "frozen_bands", &[DepthBands], "repetitions", 8.0, Fail;
    /// Missing samples of depth bands: three cadences (about 90 s) without one.
    BAND_GAP = "band_gap", &[DepthBands], "cadences", 3.0, Warn;
    /// Samples with another set of bands, or whose cumulative depth falls with the distance.
    BAND_SHAPE = "band_shape", &[DepthBands], "samples", 1.0, Warn;
    /// Missing five-minute rows.
    MISSING_SAMPLES = "missing_samples", &[Metrics, OpenInterest], "rows", 1.0, Warn;
    /// Open interest and its value both repeated: the value contains the price, so it never stands still in a market that
    /// is open. One repetition is the seam of a stretch whose open interest is stamped five minutes early; more are frozen.
    REPEATED_OI = "repeated_oi", &[Metrics, OpenInterest], "repetitions", 1.0, Warn;
    /// Price implied by open interest (value over quantity) fits the mark price five minutes off better than now,
    /// in rows: half an hour in a row.
    OI_SHIFT = "oi_shift", &[Metrics], "rows", 6.0, Warn;
    /// A settlement that is missing. Rows that do not say their interval tell it: the longest of 8, 4, 2 and 1 hours that fits them
    /// all. A hole that one change of the interval in the course of the day explains is then a warning.
    FUNDING_GAP = "funding_gap", &[Funding], "settlements", 1.0, Fail;
    /// A settlement outside of the grid of its interval, or a second one at the same instant: it would be paid twice.
    FUNDING_EXTRA = "funding_extra", &[Funding], "settlements", 1.0, Fail;
    /// Klines fit trades one minute off: at least half of the minutes have the same high and low there, and at most a
    /// quarter where they stand.
    LABEL_SHIFT = "label_shift", &ALL_KLINES, "share of minutes", 0.5, Fail;
    /// Traded quantity over the kline's, median of minutes, away from 1 by 10 %: contracts against base, or another unit.
    VOLUME_RATIO = "volume_ratio", &BOTH_TRADES, "relative difference", 0.1, Fail;
    /// Minutes whose trades lie outside of the kline's high and low. Aggregated trades cross minute edges in 8 % of the
    /// minutes of a busy day, so 20 % are the bound.
    PRICE_RANGE = "price_range", &BOTH_TRADES, "share of minutes", 0.2, Warn;
    /// Minutes in which a kline has volume and the file of trades no row. A warning of a single minute if the klines do not
    /// count trades: then one trade at the edge of a minute may be all.
    MINUTES_WITHOUT_TRADES = "minutes_without_trades", &BOTH_TRADES, "minutes", 1.0, Fail;
    /// Minutes in which trades happened and the kline says that nothing traded.
    MINUTES_WITHOUT_KLINE = "minutes_without_kline", &[Klines1m], "minutes", 1.0, Fail;
    /// Klines with the volume, and the count where there is one, of the trades of their minute, whose open, high, low or close is
    /// not that of the trades.
    KLINE_PRICES = "kline_prices", &[Klines1m], "minutes", 1.0, Fail;
    /// Minutes in which klines and trades have one volume and differ in what takers bought: sides are mixed up.
    TAKER_SIDE = "taker_side", &[Klines1m], "share of minutes", 0.01, Fail;
    /// Trades of the day over what klines count, away from 1 by 1 %.
    TRADE_COUNT = "trade_count", &BOTH_TRADES, "relative difference", 0.01, Warn;
}
