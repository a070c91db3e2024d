//! From book messages in order to rows: keeps the local book, writes level changes, takes images at a cadence.
//!
//! Whether a message may be applied is the venue's rule (`quant_core::market::book`); here it is only applied. Shared by
//! recordings and archives of all venues.
//!
//! # Images
//! With a cadence of c, the image stamped b (a multiple of c) holds every message with `ts_event < b`: what was known
//! when the interval ended. Nothing is emitted before the first book, while the book is void or crossed, or when its last
//! message is older than `max_stale_us`: a silent book is not a book.
//!
//! # Lost books
//! A lost book ends in the rows with one of its own: a snapshot message of one level without quantity, which leaves any
//! book empty. Rows that follow at its time or with an earlier one are put behind it; images know nothing of it.

use quant_core::bars::ImageCadence;
use quant_core::market::book::LocalBook;
use quant_core::market::{BookLevel, Side};

use super::contracts::QtyUnit;
use super::records::{L2DeltaRow, Ts};
use super::tables::{BookImage, Tables};
use crate::manifest::IngestParams;
use crate::schema::Dataset;

/// When images of the book are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// At every multiple of this many microseconds.
    Every {
        /// Length of the interval, positive.
        us: i64,
        /// Largest age of the last message at the end of the interval.
        max_stale_us: i64,
    },
    /// After every message.
    EveryMessage,
    /// After every image the venue sends.
    EverySnapshot,
}

/// Deepest side of a book: the full books of the busiest markets have some ten thousand levels, and what grows beyond
/// costs memory and, level by level, time.
const MAX_DEPTH: usize = 1 << 17;

/// Images 1 s apart, from books whose last message is at most 10 s old.
pub const DEFAULT_CADENCE: Cadence = Cadence::Every {
    us: 1_000_000,
    max_stale_us: 10_000_000,
};

/// Ingest parameter that says when images are taken.
const CADENCE_PARAM: &str = "book_cadence";

/// How books become rows.
#[derive(Clone, Copy, Debug)]
pub struct BookOptions {
    /// Levels per side of an image.
    pub levels: u16,
    /// When images are taken.
    pub cadence: Cadence,
    /// Unit of the venue's quantities.
    pub unit: QtyUnit,
}

impl BookOptions {
    /// Returns everything about books that decides rows, for the manifest.
    pub fn params(&self) -> IngestParams {
        // [`image_cadence`] reads it.
        let cadence = match self.cadence {
            Cadence::Every { us, max_stale_us } => {
                serde_json::json!({"every_us": us, "max_stale_us": max_stale_us})
            }
            Cadence::EveryMessage => serde_json::json!("message"),
            Cadence::EverySnapshot => serde_json::json!("snapshot"),
        };
        let unit = match self.unit {
            QtyUnit::Base => serde_json::json!("base"),
            QtyUnit::Linear { ctval } => serde_json::json!({"base_per_contract": ctval}),
            QtyUnit::Inverse { usd } => serde_json::json!({"quote_per_contract": usd}),
        };
        IngestParams::from([
            (CADENCE_PARAM.to_owned(), cadence),
            ("book_levels".to_owned(), self.levels.into()),
            ("unit".to_owned(), unit),
        ])
    }
}

/// Returns when the images of a partition with these parameters were taken.
pub fn image_cadence(params: &IngestParams) -> ImageCadence {
    let Some(cadence) = params.get(CADENCE_PARAM) else {
        return ImageCadence::Unknown;
    };
    if let Some(us) = cadence.get("every_us").and_then(serde_json::Value::as_u64) {
        return ImageCadence::EveryUs(us);
    }
    match cadence.as_str() {
        Some("message") => ImageCadence::Message,
        Some("snapshot") => ImageCadence::Snapshot,
        _ => ImageCadence::Unknown,
    }
}

/// One message about a book, levels in the venue's units and order.
#[derive(Clone, Copy, Debug)]
pub struct BookMessage<'a> {
    /// Venue time, microseconds UTC.
    pub ts_event: i64,
    /// When it was received, where known.
    pub ts_recv: Option<i64>,
    /// Its place among messages of one time: rises strictly along the stream.
    pub msg_seq: i64,
    /// First and last update id.
    pub ids: (i64, i64),
    /// Last id of the message before, where the venue sends it.
    pub prev_id: Option<i64>,
    /// Update id kept beside `msg_seq` in images, where the venue has two.
    pub update_id: Option<i64>,
    /// It replaces the book.
    pub is_snapshot: bool,
    /// Bids; quantity 0 removes.
    pub bids: &'a [BookLevel],
    /// Asks; quantity 0 removes.
    pub asks: &'a [BookLevel],
}

/// What told that a book is lost. What is not known of it is that of the newest message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loss {
    /// Venue time of the message that told it, microseconds UTC.
    pub ts_event: Option<i64>,
    /// When that was received.
    pub ts_recv: Option<i64>,
    /// Its last update id.
    pub last_id: Option<i64>,
}

/// Ids of the last message in the book.
#[derive(Clone, Copy, Debug)]
struct Last {
    ts_event: i64,
    ts_recv: Option<i64>,
    msg_seq: i64,
    id: i64,
    update_id: Option<i64>,
}

/// The book of one instrument and what is made of it.
#[derive(Clone, Debug)]
pub struct BookFlow {
    options: BookOptions,
    wants_deltas: bool,
    wants_images: bool,
    book: LocalBook,
    last: Option<Last>,
    /// Newest message time ever: later messages are never put before it.
    newest: i64,
    /// Next multiple of the cadence to take an image at.
    next_image: i64,
    /// Time and number of the newest row that tells of a lost book, or was put behind one: later rows come after it.
    floor: (i64, i64),
    /// First and previous id of messages that changed no level since the last one with rows.
    unwritten: Option<(i64, Option<i64>)>,
    scratch: Vec<BookLevel>,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
}

impl BookFlow {
    /// Returns an empty book that makes what `out` wants.
    pub fn new(options: BookOptions, out: &Tables) -> Self {
        Self {
            options,
            wants_deltas: out.wants(Dataset::L2Deltas),
            wants_images: out.wants(Dataset::L2Snapshots),
            book: LocalBook::new(),
            last: None,
            newest: i64::MIN,
            next_image: i64::MIN,
            floor: (i64::MIN, i64::MIN),
            unwritten: None,
            scratch: Vec::new(),
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// Returns the book as of the last message; void books are empty.
    pub const fn book(&self) -> &LocalBook {
        &self.book
    }

    /// Returns the time of the newest message that was applied.
    pub const fn newest(&self) -> i64 {
        self.newest
    }

    /// Returns the dataset that counts of the stream are reported under.
    pub const fn reported_under(&self) -> Dataset {
        if self.wants_images {
            Dataset::L2Snapshots
        } else {
            Dataset::L2Deltas
        }
    }

    /// Takes a message that follows by the venue's rule.
    pub fn apply(&mut self, message: &BookMessage<'_>, out: &mut Tables) {
        let mut message = *message;
        if message.ts_event < self.newest {
            // The order of the stream is the truth; a time that runs backwards would put the row before its cause.
            out.diagnose(self.reported_under(), "times_moved_forward", 1);
            message.ts_event = self.newest;
        }
        self.newest = message.ts_event;
        out.saw(message.ts_event);
        self.take_images(message.ts_event, out);
        if self.wants_deltas {
            let mut linked = self.bridged(&message);
            (linked.ts_event, linked.msg_seq) = self.place(message.ts_event, message.msg_seq);
            if linked.ts_event != message.ts_event {
                out.diagnose(Dataset::L2Deltas, "rows_moved_behind_a_lost_book", 1);
            }
            self.write_levels(&linked, out);
        }
        let unit = self.options.unit;
        let base = |l: &BookLevel| BookLevel {
            px: l.px,
            qty: unit.base(l.qty, l.px),
        };
        if message.is_snapshot {
            self.book
                .replace_with(message.bids.iter().map(base), message.asks.iter().map(base));
        } else {
            for (side, levels) in [(Side::Buy, message.bids), (Side::Sell, message.asks)] {
                self.book.apply_all(side, levels.iter().map(base));
            }
        }
        let depth = [Side::Buy, Side::Sell].map(|side| self.book.n_levels(side));
        if let Some(levels) = depth.into_iter().find(|n| *n > MAX_DEPTH) {
            self.book.clear();
            out.fail_too_deep(levels);
            return;
        }
        self.last = Some(Last {
            ts_event: message.ts_event,
            ts_recv: message.ts_recv,
            msg_seq: message.msg_seq,
            id: message.ids.1,
            update_id: message.update_id,
        });
        let now = match self.options.cadence {
            Cadence::Every { .. } => false,
            Cadence::EveryMessage => true,
            Cadence::EverySnapshot => message.is_snapshot,
        };
        if now {
            self.image(message.ts_event, out);
        }
        out.diagnose(self.reported_under(), "messages_applied", 1);
        if self.book.is_crossed() {
            out.diagnose(self.reported_under(), "crossed_books", 1);
        }
    }

    /// Lets the ids of a message reach back over those before it that changed no level: they have no rows, and a reader of
    /// the rows could not tell their hole from a lost message.
    fn bridged<'a>(&mut self, message: &BookMessage<'a>) -> BookMessage<'a> {
        let mut out = *message;
        // Ids that only number messages link nothing.
        let is_linked = message.prev_id.is_some() || message.ids.1 != message.msg_seq;
        if message.is_snapshot || !is_linked {
            self.unwritten = None;
        } else if message.bids.is_empty() && message.asks.is_empty() {
            let own = (message.ids.0, message.prev_id);
            self.unwritten.get_or_insert(own);
        } else if let Some((first, prev)) = self.unwritten.take() {
            out.ids.0 = first;
            out.prev_id = prev;
        }
        out
    }

    /// Gives up the book, which is lost: what follows cannot be applied until the next image of the venue. If there was a
    /// book, a row says so.
    pub fn void(&mut self, loss: Loss, out: &mut Tables) {
        self.write_loss(loss, out);
        self.forget(out);
    }

    /// Forgets the book without a row of it: the message that tells the loss replaces the book at once.
    pub fn forget(&mut self, out: &mut Tables) {
        self.book.clear();
        self.last = None;
        self.unwritten = None;
        out.gap(Dataset::L2Deltas);
        out.gap(Dataset::L2Snapshots);
        out.diagnose(self.reported_under(), "resyncs", 1);
    }

    /// Writes the row of a lost book, where the loss was told: not before the newest message, and not so late that readers
    /// pass it over.
    fn write_loss(&mut self, loss: Loss, out: &mut Tables) {
        let Some(last) = self.last.filter(|_| self.wants_deltas) else {
            return;
        };
        let (side, level) = match (self.book.best_bid(), self.book.best_ask()) {
            (Some(bid), _) => (1, bid),
            (None, Some(ask)) => (-1, ask),
            (None, None) => return,
        };
        let told = loss.ts_event.unwrap_or_else(|| out.newest());
        let at = out.on_time(told.max(self.newest));
        self.floor = self.place(at, last.msg_seq.saturating_add(1));
        let (ts_event, msg_seq) = self.floor;
        let id = loss.last_id.unwrap_or(last.id);
        out.delta(L2DeltaRow {
            ts_event: Ts(ts_event),
            ts_recv: loss.ts_recv.map(Ts),
            msg_seq,
            is_snapshot: true,
            side,
            price: level.px,
            qty: 0.0,
            first_id: id,
            last_id: id,
            prev_id: None,
            msg_end: true,
            late: None,
        });
    }

    /// Returns time and number for the rows of a message: behind the row of a book lost before it.
    fn place(&mut self, ts_event: i64, msg_seq: i64) -> (i64, i64) {
        let (floor_ts, floor_seq) = self.floor;
        if ts_event > floor_ts {
            return (ts_event, msg_seq);
        }
        self.floor.1 = msg_seq.max(floor_seq.saturating_add(1));
        self.floor
    }

    /// Counts the levels of a message that cannot be applied.
    pub fn leave_out(&self, message: &BookMessage<'_>, why: &'static str, out: &mut Tables) {
        let levels = (message.bids.len() + message.asks.len()) as u64;
        out.leave_out(Dataset::L2Deltas, levels);
        out.diagnose(self.reported_under(), why, 1);
        // There was a stream: a day of it without a book is not a day without data.
        out.expect(Dataset::L2Deltas, message.ts_event);
        out.expect(Dataset::L2Snapshots, message.ts_event);
    }

    /// Takes the images of all intervals that end at or before `ts`, which is the time of the next message. The interval
    /// that the last message of a stream lies in never ends: its image would miss what came after.
    fn take_images(&mut self, ts: i64, out: &mut Tables) {
        let Cadence::Every { us, max_stale_us } = self.options.cadence else {
            return;
        };
        if !self.wants_images || ts < self.next_image {
            return;
        }
        if let Some(last) = self.last {
            let mut at = self.next_image;
            while at <= ts {
                if at - last.ts_event > max_stale_us {
                    let skipped = (ts - at) / us + 1;
                    out.diagnose(
                        Dataset::L2Snapshots,
                        "images_skipped_stale",
                        skipped.cast_unsigned(),
                    );
                    break;
                }
                self.image(at, out);
                at += us;
            }
        }
        // The first multiple after `ts`.
        self.next_image = (ts.div_euclid(us) + 1) * us;
    }

    fn image(&mut self, at: i64, out: &mut Tables) {
        let Some(last) = self.last.filter(|_| self.wants_images) else {
            return;
        };
        if self.book.is_crossed() {
            out.diagnose(Dataset::L2Snapshots, "images_skipped_crossed", 1);
            out.expect(Dataset::L2Snapshots, at);
            return;
        }
        let n = usize::from(self.options.levels);
        self.bids.clear();
        self.bids.extend(self.book.levels(Side::Buy).take(n));
        self.asks.clear();
        self.asks.extend(self.book.levels(Side::Sell).take(n));
        if self.bids.is_empty() && self.asks.is_empty() {
            out.diagnose(Dataset::L2Snapshots, "images_skipped_empty", 1);
            out.expect(Dataset::L2Snapshots, at);
            return;
        }
        if self.bids.is_empty() || self.asks.is_empty() {
            out.diagnose(Dataset::L2Snapshots, "one_sided_images", 1);
        }
        out.image(&BookImage {
            ts_event: at,
            ts_recv: last.ts_recv,
            seq: last.msg_seq,
            update_id: last.update_id,
            bids: &self.bids,
            asks: &self.asks,
        });
    }

    /// Writes the levels of a message in the order of the dataset: asks, then bids, prices rising.
    fn write_levels(&mut self, message: &BookMessage<'_>, out: &mut Tables) {
        let mut left = message.bids.len() + message.asks.len();
        let mut repeated = 0;
        for (side, levels) in [(-1_i8, message.asks), (1, message.bids)] {
            let mut levels = levels;
            if !levels.windows(2).all(|w| w[0].px < w[1].px) {
                self.scratch.clear();
                self.scratch.extend_from_slice(levels);
                // Stable, so that of two entries of one price the later one counts, as it does in the book.
                self.scratch.sort_by(|a, b| a.px.total_cmp(&b.px));
                self.scratch.reverse();
                self.scratch.dedup_by(|a, b| a.px.total_cmp(&b.px).is_eq());
                self.scratch.reverse();
                let n = levels.len() - self.scratch.len();
                repeated += n as u64;
                left -= n;
                levels = &self.scratch;
            }
            left -= levels.len();
            let row = L2DeltaRow {
                ts_event: Ts(message.ts_event),
                ts_recv: message.ts_recv.map(Ts),
                msg_seq: message.msg_seq,
                is_snapshot: message.is_snapshot,
                side,
                price: 0.0,
                qty: 0.0,
                first_id: message.ids.0,
                last_id: message.ids.1,
                prev_id: message.prev_id,
                msg_end: false,
                late: None,
            };
            let unit = self.options.unit;
            let levels = levels.iter().map(|level| BookLevel {
                px: level.px,
                qty: unit.base(level.qty, level.px),
            });
            out.deltas_of(row, levels, left == 0);
        }
        if repeated > 0 {
            out.duplicates(Dataset::L2Deltas, message.ts_event, repeated);
        }
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_shared;
