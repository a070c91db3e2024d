//! What is in force in the market while a day is built: touch, book, state records, the price grid.
//!
//! It decides what is valid and fresh, cuts time into pieces and tells the statistics; it computes no statistic.

use crate::bars::{GapScope, MinuteClose, Opening, RowWriter, StatSet, StateUse, StateValues};
use crate::market::book::{LocalBook, TopBook};
use crate::market::{
    BookLevel, BookSnapshot, DepthBands, Event, Funding, Lost, MarkPrice, OpenInterest, Quote,
    Side, Touch, Trade,
};
use crate::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use crate::units::Micros;

/// Distance of the instants prices are sampled at.
pub const GRID_US: i64 = 5_000_000;

/// Oldest mark, index and premium that still count.
const MARK_MAX_AGE_US: i64 = 10 * MICROS_PER_MINUTE;
/// Oldest open interest that still counts.
const OI_MAX_AGE_US: i64 = 60 * MICROS_PER_MINUTE;
/// Oldest funding that still counts.
const FUNDING_MAX_AGE_US: i64 = 24 * 60 * MICROS_PER_MINUTE;
/// The band that counts as depth: within 1 % of the mid.
const BAND_PERCENT: f64 = 1.0;

/// Where touches come from on a day.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum QuoteSource {
    /// There are none.
    #[default]
    None,
    /// The venue's best bid and ask.
    BookTicker,
    /// The first level of the book.
    Book,
}

/// What a day has, and from when on things are too old; fixed before its first event.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct MarketInputs {
    /// Where touches come from.
    pub quotes: QuoteSource,
    /// There are book messages or images.
    pub has_book: bool,
    /// There are trades.
    pub has_trades: bool,
    /// There are forced orders.
    pub has_liquidations: bool,
    /// A touch, book, last trade or depth band older than this is stale.
    pub stale_after: Micros,
}

impl Default for MarketInputs {
    /// Trades only; a minute without news is stale.
    fn default() -> Self {
        Self {
            quotes: QuoteSource::None,
            has_book: false,
            has_trades: true,
            has_liquidations: false,
            stale_after: Micros(MICROS_PER_MINUTE),
        }
    }
}

/// Something in force since an instant, with the bookkeeping of its pieces of time.
#[derive(Clone, Copy, Debug)]
struct InForce {
    is_valid: bool,
    /// Last event that set or confirmed it.
    last_us: i64,
    /// Time up to which it was handed to the statistics.
    held_to_us: i64,
    n_events: u64,
    valid_us: i64,
    at_open: bool,
}

impl InForce {
    const fn none(now_us: i64) -> Self {
        Self {
            is_valid: false,
            last_us: now_us,
            held_to_us: now_us,
            n_events: 0,
            valid_us: 0,
            at_open: false,
        }
    }

    const fn is_fresh(&self, at_us: i64, stale_us: i64) -> bool {
        self.is_valid && at_us <= self.last_us.saturating_add(stale_us)
    }

    /// Returns the microseconds since the last piece that something fresh was in force.
    #[inline]
    fn settle(&mut self, to_us: i64, stale_us: i64) -> i64 {
        let end = to_us.min(self.last_us.saturating_add(stale_us));
        let us = if self.is_valid {
            (end - self.held_to_us).max(0)
        } else {
            0
        };
        self.held_to_us = to_us;
        self.valid_us += us;
        us
    }

    /// Ends the minute and returns what it did.
    fn close<T>(&mut self, close_us: i64, stale_us: i64, is_known: bool, what: T) -> StateUse<T> {
        let is_fresh = self.is_fresh(close_us, stale_us);
        let used = StateUse {
            is_known,
            at_close: is_fresh.then_some(what),
            at_open: self.at_open,
            n_events: self.n_events,
            valid_us: self.valid_us,
            age_us: self.is_valid.then_some(close_us - self.last_us),
        };
        self.at_open = is_fresh;
        self.n_events = 0;
        self.valid_us = 0;
        used
    }
}

/// Where in a stream of book levels it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    /// Between two messages.
    Between,
    /// Inside one that changes levels.
    Change,
    /// Inside one that replaces the book.
    Snapshot,
}

/// A value and when it became known.
type Known<T> = Option<(i64, T)>;

/// The market of one instrument during one day.
#[derive(Clone, Debug)]
pub(super) struct MarketState {
    inputs: MarketInputs,
    stale_us: i64,
    touch: Touch,
    touch_use: InForce,
    /// The book of a delta stream, all levels.
    local: LocalBook,
    /// A delta stream needs a snapshot before its changes mean anything.
    is_local_ready: bool,
    message: Message,
    /// Something within the levels shown was changed since they were read.
    is_seen: bool,
    /// Worst prices within the levels shown of bids and asks; infinite where a side shows all it has.
    worst_seen: (f64, f64),
    tops: [TopBook; 2],
    /// Which of `tops` is in force.
    current: usize,
    book_use: InForce,
    last_trade: Known<f64>,
    next_grid_us: i64,
    mark: Known<f64>,
    index: Known<f64>,
    premium: Known<f64>,
    funding: Known<Funding>,
    open_interest: Known<f64>,
    band_bid: Known<f64>,
    band_ask: Known<f64>,
}

const NO_TOUCH: Touch = Touch {
    bid_px: 0.0,
    bid_qty: 0.0,
    ask_px: 0.0,
    ask_qty: 0.0,
};

impl MarketState {
    /// Returns the market at 00:00 UTC of a day and shows what is in force to the statistics.
    pub(super) fn new<X: StatSet>(
        day: Day,
        inputs: MarketInputs,
        opening: &Opening,
        stats: &mut X,
    ) -> Self {
        let start = day.start().0;
        let state = &opening.state;
        let mut market = Self {
            inputs,
            stale_us: inputs.stale_after.0,
            touch: NO_TOUCH,
            touch_use: InForce::none(start),
            local: LocalBook::new(),
            is_local_ready: false,
            message: Message::Between,
            is_seen: true,
            worst_seen: (f64::NEG_INFINITY, f64::INFINITY),
            tops: [TopBook::empty(); 2],
            current: 0,
            book_use: InForce::none(start),
            last_trade: opening
                .last_price
                .zip(opening.last_trade_ts)
                .map(|(px, ts)| (ts.0, px)),
            next_grid_us: start,
            mark: state.mark.map(|(ts, x)| (ts.0, x)),
            index: state.index.map(|(ts, x)| (ts.0, x)),
            premium: state.premium.map(|(ts, x)| (ts.0, x)),
            funding: state.funding.map(|f| (f.ts_event.0, f)),
            open_interest: state.open_interest.map(|(ts, x)| (ts.0, x)),
            band_bid: None,
            band_ask: None,
        };
        if X::IS_ACTIVE {
            market.open(start, opening, stats);
        }
        market
    }

    fn open<X: StatSet>(&mut self, start: i64, opening: &Opening, stats: &mut X) {
        if let Some(image) = opening.book.as_ref().filter(|_| self.inputs.has_book) {
            self.local
                .replace_with(image.bids.iter().copied(), image.asks.iter().copied());
            self.is_local_ready = true;
            self.tops[self.current].read(&self.local);
            if self.tops[self.current].touch().is_some() {
                self.book_use.is_valid = true;
                self.book_use.last_us = image.ts_event.0;
                self.book_use.at_open = self.book_use.is_fresh(start, self.stale_us);
                if self.book_use.at_open {
                    stats.on_book(UnixMicros(start), None, &self.tops[self.current]);
                }
            }
        }
        let touch = match self.inputs.quotes {
            QuoteSource::None => None,
            QuoteSource::BookTicker => opening.touch.map(|t| (t.ts.0, t.touch)),
            QuoteSource::Book => self.tops[self.current]
                .touch()
                .filter(|_| self.book_use.is_valid)
                .map(|t| (self.book_use.last_us, t)),
        };
        if let Some((last_us, touch)) = touch {
            self.touch = touch;
            self.touch_use.is_valid = true;
            self.touch_use.last_us = last_us;
            self.touch_use.at_open = self.touch_use.is_fresh(start, self.stale_us);
            if self.touch_use.at_open {
                stats.on_touch(UnixMicros(start), None, &touch);
            }
        }
        // The first return and the first interval of the day start from what the day before left in force.
        self.run_grid(start, stats);
    }

    /// Returns the first instant at which prices are to be sampled again: no event at or after it may be taken before
    /// [`Self::run_grid`].
    #[inline]
    pub(super) const fn next_grid_us(&self) -> i64 {
        self.next_grid_us
    }

    /// Samples the price at every grid instant up to and including `now_us`.
    pub(super) fn run_grid<X: StatSet>(&mut self, now_us: i64, stats: &mut X) {
        while self.next_grid_us <= now_us {
            let at = self.next_grid_us;
            let price = if self.inputs.quotes == QuoteSource::None {
                known(self.last_trade, at, self.stale_us)
            } else {
                self.touch_use
                    .is_fresh(at, self.stale_us)
                    .then(|| self.touch.mid())
            };
            stats.on_grid(UnixMicros(at), price);
            self.next_grid_us += GRID_US;
        }
    }

    #[inline]
    pub(super) fn on_trade<X: StatSet>(&mut self, trade: &Trade, stats: &mut X) {
        self.last_trade = Some((trade.ts_event.0, trade.price));
        stats.on_trade(trade);
    }

    /// Takes a quote; ignored unless touches come from quotes.
    #[inline]
    pub(super) fn on_quote<X: StatSet>(&mut self, quote: &Quote, stats: &mut X) {
        if self.inputs.quotes == QuoteSource::BookTicker {
            self.touch_use.n_events += 1;
            self.set_touch(quote.ts_event.0, Touch::of_quote(quote), false, stats);
        }
    }

    #[inline]
    fn set_touch<X: StatSet>(
        &mut self,
        ts_us: i64,
        new: Option<Touch>,
        is_reset: bool,
        stats: &mut X,
    ) {
        let was_fresh = self.touch_use.is_fresh(ts_us, self.stale_us);
        if was_fresh && !is_reset && new == Some(self.touch) {
            self.touch_use.last_us = ts_us;
            return;
        }
        let us = self.touch_use.settle(ts_us, self.stale_us);
        if us > 0 {
            stats.hold_touch(us, &self.touch);
        }
        let Some(touch) = new else {
            self.touch_use.is_valid = false;
            return;
        };
        let before = (was_fresh && !is_reset).then_some(self.touch);
        self.touch = touch;
        self.touch_use.is_valid = true;
        self.touch_use.last_us = ts_us;
        stats.on_touch(UnixMicros(ts_us), before.as_ref(), &touch);
    }

    /// Takes one level of an atomic message; the book is looked at after the last one only.
    #[inline]
    #[expect(
        clippy::too_many_arguments,
        reason = "the columns of a level as the lake has them; called per level"
    )]
    pub(super) fn on_level<X: StatSet>(
        &mut self,
        ts_us: i64,
        is_snapshot: bool,
        side: Side,
        px: f64,
        qty: f64,
        msg_end: bool,
        stats: &mut X,
    ) {
        if self.message == Message::Between {
            self.message = Message::Change;
            if is_snapshot {
                self.message = Message::Snapshot;
                self.local.clear();
                self.is_local_ready = true;
            }
        }
        if self.is_local_ready {
            self.local.apply(side, px, qty);
            // A change below a side that shows all its levels is not seen.
            self.is_seen |= match side {
                Side::Buy => px >= self.worst_seen.0,
                Side::Sell => px <= self.worst_seen.1,
            };
        }
        if msg_end {
            let is_reset = self.message == Message::Snapshot;
            self.message = Message::Between;
            if self.is_local_ready {
                self.on_message_end(ts_us, is_reset, stats);
            } else {
                self.book_use.n_events += 1;
            }
        }
    }

    fn on_message_end<X: StatSet>(&mut self, ts_us: i64, is_reset: bool, stats: &mut X) {
        if is_reset && self.local.is_empty() {
            // The stream says that it lost its book.
            self.on_gap(ts_us, stats);
            return;
        }
        let is_same = !is_reset && !self.is_seen;
        if is_same && self.book_use.is_fresh(ts_us, self.stale_us) {
            self.renew(ts_us);
            return;
        }
        let next = 1 - self.current;
        self.tops[next].read(&self.local);
        let top = &self.tops[next];
        let worst = |side, levels: &[BookLevel], unlimited: f64| match levels.last() {
            Some(level) if top.is_full(side) => level.px,
            _ => unlimited,
        };
        self.worst_seen = (
            worst(Side::Buy, top.bids(), f64::NEG_INFINITY),
            worst(Side::Sell, top.asks(), f64::INFINITY),
        );
        self.is_seen = false;
        self.set_book(ts_us, is_reset, stats);
    }

    /// Confirms the fresh book in force, and the touch that is its first level.
    const fn renew(&mut self, ts_us: i64) {
        self.book_use.n_events += 1;
        self.book_use.last_us = ts_us;
        if matches!(self.inputs.quotes, QuoteSource::Book) {
            self.touch_use.last_us = ts_us;
        }
    }

    /// Takes a full image of the first levels, one of a series: the change from the image before is a change.
    pub(super) fn on_image<X: StatSet>(&mut self, image: &BookSnapshot, stats: &mut X) {
        self.tops[1 - self.current].read_image(image);
        self.set_book(image.ts_event.0, false, stats);
    }

    /// Puts the other one of `tops` in force.
    fn set_book<X: StatSet>(&mut self, ts_us: i64, is_reset: bool, stats: &mut X) {
        let next = 1 - self.current;
        let has_before = self.book_use.is_fresh(ts_us, self.stale_us) && !is_reset;
        if has_before && self.tops[next] == self.tops[self.current] {
            self.renew(ts_us);
            return;
        }
        self.book_use.n_events += 1;
        let us = self.book_use.settle(ts_us, self.stale_us);
        if us > 0 {
            stats.hold_book(us, &self.tops[self.current]);
        }
        let touch = self.tops[next].touch();
        self.book_use.is_valid = touch.is_some();
        if touch.is_some() {
            self.book_use.last_us = ts_us;
            let before = has_before.then_some(&self.tops[self.current]);
            stats.on_book(UnixMicros(ts_us), before, &self.tops[next]);
        }
        let is_first_level_new = !self.tops[next].has_same_best(&self.tops[self.current]);
        self.current = next;
        if self.inputs.quotes == QuoteSource::Book {
            // A message that leaves the first level alone confirms the touch, but is no event of it.
            self.touch_use.n_events += u64::from(is_first_level_new);
            self.set_touch(ts_us, touch, is_reset, stats);
        }
    }

    /// Takes what is neither a trade nor a quote nor a book level; `at_us` is its place in the stream.
    pub(super) fn on_other<X: StatSet>(&mut self, event: &Event, at_us: i64, stats: &mut X) {
        match event {
            Event::Liquidation(order) => stats.on_liquidation(order),
            Event::MarkPrice(MarkPrice {
                mark,
                index,
                premium,
                ..
            }) => {
                let at = |x: &f64| (at_us, *x);
                self.mark = mark.as_ref().map(at).or(self.mark);
                self.index = index.as_ref().map(at).or(self.index);
                self.premium = premium.as_ref().map(at).or(self.premium);
            }
            Event::Funding(funding) => self.funding = Some((at_us, *funding)),
            Event::OpenInterest(OpenInterest { open_interest, .. }) => {
                self.open_interest = Some((at_us, *open_interest));
            }
            Event::DepthBands(DepthBands {
                percentage, depth, ..
            }) => {
                if percentage.abs() <= BAND_PERCENT && percentage.abs() >= BAND_PERCENT {
                    let band = if *percentage < 0.0 {
                        &mut self.band_bid
                    } else {
                        &mut self.band_ask
                    };
                    *band = Some((at_us, *depth));
                }
            }
            Event::Gap(gap) => match gap.lost {
                Lost::Everything => self.on_gap(at_us, stats),
                Lost::Trades => self.on_lost_trades(stats),
            },
            Event::BookSnapshot(image) => self.on_image(image, stats),
            Event::Trade(_)
            | Event::Quote(_)
            | Event::BookDelta(_)
            | Event::Bar(_)
            | Event::Heartbeat(_) => {}
        }
    }

    fn on_gap<X: StatSet>(&mut self, at_us: i64, stats: &mut X) {
        let us = self.touch_use.settle(at_us, self.stale_us);
        if us > 0 {
            stats.hold_touch(us, &self.touch);
        }
        let us = self.book_use.settle(at_us, self.stale_us);
        if us > 0 {
            stats.hold_book(us, &self.tops[self.current]);
        }
        self.touch_use.is_valid = false;
        self.book_use.is_valid = false;
        self.is_local_ready = false;
        self.message = Message::Between;
        self.local.clear();
        self.last_trade = None;
        stats.on_gap(GapScope::All);
    }

    /// Ends what is made of trades; touch and book were not lost.
    fn on_lost_trades<X: StatSet>(&mut self, stats: &mut X) {
        self.last_trade = None;
        stats.on_gap(if self.inputs.quotes == QuoteSource::None {
            GapScope::TradesAndPrices
        } else {
            GapScope::Trades
        });
    }

    /// Closes a minute: hands over the last pieces and has the statistics write their columns.
    pub(super) fn close_minute<X: StatSet>(
        &mut self,
        open_us: i64,
        close_us: i64,
        stats: &mut X,
        out: &mut Vec<f64>,
    ) {
        self.run_grid(close_us, stats);
        let us = self.touch_use.settle(close_us, self.stale_us);
        if us > 0 {
            stats.hold_touch(us, &self.touch);
        }
        let us = self.book_use.settle(close_us, self.stale_us);
        if us > 0 {
            stats.hold_book(us, &self.tops[self.current]);
        }
        let state = self.state_at(close_us);
        let minute = MinuteClose {
            ts_open: UnixMicros(open_us),
            ts_close: UnixMicros(close_us),
            has_trades: self.inputs.has_trades,
            has_liquidations: self.inputs.has_liquidations,
            touch: self.touch_use.close(
                close_us,
                self.stale_us,
                self.inputs.quotes != QuoteSource::None,
                self.touch,
            ),
            book: self.book_use.close(
                close_us,
                self.stale_us,
                self.inputs.has_book,
                &self.tops[self.current],
            ),
            state: &state,
        };
        stats.close(&minute, &mut RowWriter::new(out));
    }

    fn state_at(&self, at_us: i64) -> StateValues {
        let funding = known(self.funding, at_us, FUNDING_MAX_AGE_US);
        StateValues {
            mark: known(self.mark, at_us, MARK_MAX_AGE_US),
            index: known(self.index, at_us, MARK_MAX_AGE_US),
            premium: known(self.premium, at_us, MARK_MAX_AGE_US),
            funding_rate: funding.map(|f| f.rate),
            funding_interval_h: funding
                .map(|f| f64::from(f.interval_h))
                .filter(|h| *h > 0.0),
            open_interest: known(self.open_interest, at_us, OI_MAX_AGE_US),
            band_bid: known(self.band_bid, at_us, self.stale_us),
            band_ask: known(self.band_ask, at_us, self.stale_us),
        }
    }
}

/// Returns a value that is not older than `max_age_us`.
fn known<T: Copy>(value: Known<T>, at_us: i64, max_age_us: i64) -> Option<T> {
    value
        .filter(|(since, _)| at_us - since <= max_age_us)
        .map(|(_, x)| x)
}
