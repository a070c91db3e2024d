//! Recorded Binance frames, one `<receive time> <json>` a line, to rows: trades, quotes, the book and what else streams.
//!
//! One instrument is taken out of a recording; frames of others are counted, not kept. The book needs the REST image that
//! the recorder wrote between the frames: frames before it wait, those it already holds are left out, and after a
//! broken chain everything waits for the next image (`quant_core::market::book`, SPEC of the venue's local book).
//!
//! Times: `T` (matching) over `E` (gateway); spot depth has `E` only, spot bookTicker none: it takes the last venue time
//! of the recording and is flagged `ts_inferred`. The receive time is stored, never trusted: recorders' clocks are off.

mod frame;
mod unnamed;
mod usual;
mod values;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quant_core::market::book::{BinanceRule, BinanceSync, Step};
use quant_core::market::{Market, Symbol};

use self::frame::{Channel, Frame, Levels, Owner};
use self::unnamed::{Held, Unnamed};
use self::values::{aggressor, digits, epoch, id, n_levels, positive, size, split_stamp};
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookFlow, BookMessage, BookOptions, Loss};
use crate::venues::contracts::QtyUnit;
use crate::venues::number::parse_flag;
use crate::venues::quote_sides;
use crate::venues::records::{AggTrade, BookTickerRow, Kline, LiquidationRow, TradeRow, Ts};
use crate::venues::row_values::check_candle;
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

/// Version of this parser.
pub const RECORDING_VERSION: &str = "binance-recording-5";

/// Datasets a recording can fill.
pub const RECORDED: [Dataset; 7] = [
    Dataset::Trades,
    Dataset::AggTrades,
    Dataset::BookTicker,
    Dataset::L2Deltas,
    Dataset::L2Snapshots,
    Dataset::Klines1m,
    Dataset::Liquidations,
];

/// Frames that wait for an image at most; beyond it the oldest go, which the next image would have made stale anyway.
const MAX_WAITING: usize = 50_000;

/// How a recording is read.
#[derive(Clone, Debug)]
pub struct RecordingOptions {
    /// Market whose rules the streams follow.
    pub market: Market,
    /// Symbol as the venue writes it.
    pub symbol: Symbol,
    /// How the book becomes rows.
    pub book: BookOptions,
}

impl RecordingOptions {
    /// Returns everything that decides the rows besides the bytes.
    pub fn params(&self) -> IngestParams {
        self.book.params()
    }
}

/// Rows older than the newest time seen minus this are late.
const WATERMARK_US: i64 = 250_000;

/// Where recordings of one session leave their book for the next one, by the name of the file.
#[derive(Debug, Default)]
pub struct Session(Mutex<BTreeMap<String, State>>);

impl Session {
    /// Returns the last of these recordings that was read to its end.
    pub fn last_of<'a>(&self, names: &'a [String]) -> Option<&'a str> {
        let states = self.states();
        let mut names = names.iter().rev().map(String::as_str);
        names.find(|name| states.contains_key(*name))
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<String, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What goes on from one recording to the next.
#[derive(Clone, Debug)]
struct State {
    sync: BinanceSync,
    flow: Option<BookFlow>,
    waiting: VecDeque<Waiting>,
    venue_ts: Option<i64>,
    other_symbol: Option<Vec<u8>>,
}

/// Returns the parser of one recording that may go on where `before` ended.
pub fn recording_parser(
    options: RecordingOptions,
    datasets: &[Dataset],
    parse: ParseOptions,
    session: &Arc<Session>,
    before: Option<&str>,
) -> Box<dyn RowParser> {
    let tables = TableOptions {
        datasets: datasets.to_vec(),
        book_levels: options.book.levels,
        watermark_us: Some(WATERMARK_US),
    };
    let mut recording = Recording::new(options);
    recording.session = Arc::clone(session);
    if let Some(state) = before.and_then(|name| session.states().get(name).cloned()) {
        recording.sync = state.sync;
        recording.flow = state.flow;
        recording.waiting = state.waiting;
        recording.venue_ts = state.venue_ts;
        recording.unnamed.other = state.other_symbol;
        recording.goes_on = true;
    }
    Box::new(MessageParser::new(recording, &tables, parse))
}

/// A depth update that waits for an image.
#[derive(Clone, Debug)]
struct Waiting {
    line: Vec<u8>,
    recv: Option<i64>,
}

struct Recording {
    rule: BinanceRule,
    unit: QtyUnit,
    options: RecordingOptions,
    sync: BinanceSync,
    flow: Option<BookFlow>,
    waiting: VecDeque<Waiting>,
    /// Newest venue time of any frame.
    venue_ts: Option<i64>,
    levels: Levels,
    unnamed: Unnamed,
    depth_frames: u64,
    images: u64,
    session: Arc<Session>,
    /// The book goes on from an earlier recording.
    goes_on: bool,
}

/// Ids and time of a depth update.
struct Update {
    ts: i64,
    first: i64,
    last: i64,
    prev: Option<i64>,
}

type Row<T> = Result<T, RowProblem>;

impl Recording {
    fn new(options: RecordingOptions) -> Self {
        let rule = if options.market == Market::Spot {
            BinanceRule::Spot
        } else {
            BinanceRule::Futures
        };
        Self {
            rule,
            unit: options.book.unit,
            options,
            sync: BinanceSync::new(rule),
            flow: None,
            waiting: VecDeque::new(),
            venue_ts: None,
            levels: Levels::default(),
            unnamed: Unnamed::default(),
            depth_frames: 0,
            images: 0,
            session: Arc::default(),
            goes_on: false,
        }
    }

    /// Refuses the recording: a frame has the shape of the other kind of market.
    fn wrong_market(&self, what: &str, out: &mut Tables) {
        let (found, hint) = match self.rule {
            BinanceRule::Spot => (
                "futures",
                "ingest it with `--market um` (or cm): its book follows the futures rule",
            ),
            BinanceRule::Futures => (
                "spot",
                "ingest it with `--market spot`: its book follows the spot rule",
            ),
        };
        out.fail(ParseError::OtherSource {
            file: out.file().to_owned(),
            line: out.line(),
            found: format!("a {what} of a {found} stream"),
            asked: format!("one of `{}`", self.options.market),
            hint,
        });
    }

    /// Images of futures have times, those of spot have none.
    fn is_other_markets_image(&self, frame: &Frame<'_>) -> bool {
        (frame.trade_time.is_some() || frame.event_time.is_some()) == self.is_spot()
    }

    fn is_spot(&self) -> bool {
        self.rule == BinanceRule::Spot
    }

    /// Reads the time that a frame of this market must have.
    fn time(&mut self, frame: &Frame<'_>, out: &mut Tables) -> Row<i64> {
        let event = frame.event_time.map(|t| epoch(t, "E")).transpose()?;
        let ts = match frame.trade_time {
            Some(text) => epoch(text, "T")?,
            None => event.ok_or(MISSING_TIME)?,
        };
        let seen = event.unwrap_or(ts);
        self.venue_ts = Some(self.venue_ts.map_or(seen, |known| known.max(seen)));
        out.saw(ts);
        Ok(ts)
    }

    fn trade(&mut self, frame: &Frame<'_>, recv: Option<i64>, out: &mut Tables) -> Row<()> {
        let ts = self.time(frame, out)?;
        if frame.kind.is_some_and(|x| x != b"MARKET") {
            // Insurance fund and deleveraging are no trades of the book; their price may be 0.
            out.leave_out(Dataset::Trades, 1);
            out.diagnose(Dataset::Trades, "not_market", 1);
            return Ok(());
        }
        let price = positive(frame.price, "p")?;
        let raw = positive(frame.qty, "q")?;
        out.trade(TradeRow {
            ts_event: Ts(ts),
            ts_recv: recv.map(Ts),
            trade_id: digits(frame.id, "t")?,
            price,
            qty: self.unit.base(raw, price),
            qty_raw: self.unit.raw(raw),
            aggressor: aggressor(frame.maker)?,
            late: None,
        });
        Ok(())
    }

    fn agg_trade(&mut self, frame: &Frame<'_>, recv: Option<i64>, out: &mut Tables) -> Row<()> {
        let ts = self.time(frame, out)?;
        let price = positive(frame.price, "p")?;
        let raw = positive(frame.qty, "q")?;
        out.agg_trade(AggTrade {
            ts_event: Ts(ts),
            ts_recv: recv.map(Ts),
            trade_id: digits(frame.ask, "a")?,
            price,
            qty: self.unit.base(raw, price),
            qty_raw: self.unit.raw(raw),
            aggressor: aggressor(frame.maker)?,
            first_id: digits(frame.first_trade, "f")?,
            last_id: digits(frame.last_trade, "l")?,
            late: None,
        });
        Ok(())
    }

    fn quote(&mut self, frame: &Frame<'_>, recv: Option<i64>, out: &mut Tables) -> Row<()> {
        let timed = frame.event_time.is_some() || frame.trade_time.is_some();
        if timed == self.is_spot() {
            self.wrong_market("bookTicker", out);
            return Ok(());
        }
        let (ts, gateway, inferred) = if timed {
            let ts = self.time(frame, out)?;
            let gateway = frame.event_time.map(|t| epoch(t, "E")).transpose()?;
            (ts, gateway.map(Ts), None)
        } else {
            let Some(ts) = self.venue_ts else {
                // No frame with a time came before it: its place in time is unknown.
                out.leave_out(Dataset::BookTicker, 1);
                out.diagnose(Dataset::BookTicker, "before_first_time", 1);
                return Ok(());
            };
            (ts, None, Some(true))
        };
        let base = |qty, px| self.unit.base(qty, px);
        let (bid, qty) = (size(frame.bid, "b")?, size(frame.bid_qty, "B")?);
        let (bid_px, bid_qty) = quote_sides::side(bid, qty, "B", base)?;
        let (ask, qty) = (size(frame.ask, "a")?, size(frame.ask_qty, "A")?);
        let (ask_px, ask_qty) = quote_sides::side(ask, qty, "A", base)?;
        out.quote(BookTickerRow {
            ts_event: Ts(ts),
            ts_recv: recv.map(Ts),
            ts_gateway: gateway,
            ts_inferred: inferred,
            update_id: digits(frame.last_id, "u")?,
            bid_px,
            bid_qty,
            ask_px,
            ask_qty,
            late: None,
        });
        Ok(())
    }

    fn kline(&mut self, frame: &Frame<'_>, out: &mut Tables) -> Row<()> {
        let Some(k) = frame.kline(&[
            b"x", b"i", b"t", b"T", b"o", b"h", b"l", b"c", b"v", b"n", b"q", b"V", b"Q",
        ])?
        else {
            return Err(RowProblem::Field {
                field: "k",
                problem: "missing",
            });
        };
        let [
            closed,
            interval,
            start,
            end,
            o,
            h,
            l,
            c,
            v,
            n,
            q,
            taker,
            taker_quote,
        ] = k;
        if interval != Some(b"1m") || parse_flag(closed.unwrap_or_default()) != Some(true) {
            out.diagnose(Dataset::Klines1m, "not_closed_or_not_1m", 1);
            return Ok(());
        }
        let (open, high, low, close) = (
            positive(o, "o")?,
            positive(h, "h")?,
            positive(l, "l")?,
            positive(c, "c")?,
        );
        check_candle(open, high, low, close)?;
        let (ts_open, last) = (
            epoch(start.unwrap_or_default(), "t")?,
            epoch(end.unwrap_or_default(), "T")?,
        );
        let inverse = matches!(self.unit, QtyUnit::Inverse { .. });
        let (volume, quote) = (size(v, "v")?, size(q, "q")?);
        let (taker, taker_quote) = (size(taker, "V")?, size(taker_quote, "Q")?);
        // Coin-margined: volume counts contracts, and what is called quote volume is base volume.
        let row = Kline {
            ts_open: Ts(ts_open),
            ts_close: Ts(last + 1_000),
            open,
            high,
            low,
            close,
            volume: if inverse { quote } else { volume },
            volume_raw: inverse.then_some(volume),
            quote_volume: Some(if inverse {
                self.unit.quote(volume, close)
            } else {
                quote
            }),
            n_trades: Some(digits(n, "n")?),
            taker_buy_volume: Some(if inverse { taker_quote } else { taker }),
            taker_buy_quote_volume: Some(if inverse {
                self.unit.quote(taker, close)
            } else {
                taker_quote
            }),
        };
        out.kline(row);
        Ok(())
    }

    fn liquidation(&mut self, frame: &Frame<'_>, out: &mut Tables) -> Row<()> {
        let Some(o) = frame.order(&[b"S", b"q", b"p", b"ap", b"T", b"s"])? else {
            return Err(RowProblem::Field {
                field: "o",
                problem: "missing",
            });
        };
        let [side, qty, price, average, time, symbol] = o;
        if symbol == Some(self.options.symbol.as_str().as_bytes()) {
            out.of_asked();
        } else {
            out.of_other(symbol.unwrap_or_default());
            out.diagnose(Dataset::Liquidations, "other_symbols", 1);
            return Ok(());
        }
        let ts = epoch(time.unwrap_or_default(), "T")?;
        out.saw(ts);
        let (price, raw) = (positive(price, "p")?, positive(qty, "q")?);
        let average = average
            .map(|a| size(Some(a), "ap"))
            .transpose()?
            .filter(|a| *a > 0.0);
        out.liquidation(LiquidationRow {
            ts_event: Ts(ts),
            side: match side {
                Some(b"BUY") => 1,
                Some(b"SELL") => -1,
                _ => {
                    return Err(RowProblem::UnknownName {
                        column: "S",
                        expected: "BUY or SELL",
                    });
                }
            },
            price,
            average_price: average,
            qty: self.unit.base(raw, average.unwrap_or(price)),
            qty_raw: self.unit.raw(raw),
            occurrence: 0,
        });
        Ok(())
    }

    /// Takes a diff depth update.
    fn depth(
        &mut self,
        frame: &Frame<'_>,
        line: &[u8],
        recv: Option<i64>,
        out: &mut Tables,
    ) -> Row<()> {
        let prev = frame.prev_id.map(|t| id(t, "pu")).transpose()?;
        let update = Update {
            ts: self.time(frame, out)?,
            first: digits(frame.first_id, "U")?,
            last: digits(frame.last_id, "u")?,
            prev,
        };
        self.depth_frames += 1;
        self.update(&update, line, recv, out);
        Ok(())
    }

    /// Lets the sync rule decide about an update whose levels are in `self.levels`.
    fn update(&mut self, update: &Update, line: &[u8], recv: Option<i64>, out: &mut Tables) {
        let step = if self.is_repeated(update) {
            Step::Duplicate
        } else {
            self.sync.on_update(update.first, update.last, update.prev)
        };
        let message = BookMessage {
            ts_event: update.ts,
            ts_recv: recv,
            // Images and updates may end with the same id: an image of id n comes before the update that ends with n.
            msg_seq: 2 * update.last + 1,
            ids: (update.first, update.last),
            prev_id: update.prev,
            update_id: Some(update.last),
            is_snapshot: false,
            bids: &self.levels.bids,
            asks: &self.levels.asks,
        };
        let book = self.options.book;
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(book, out));
        match step {
            Step::Apply => flow.apply(&message, out),
            Step::Stale => flow.leave_out(&message, "updates_older_than_the_image", out),
            Step::Duplicate => flow.leave_out(&message, "updates_repeated", out),
            Step::Wait | Step::Break(_) => {
                if let Step::Break(reason) = step {
                    let loss = Loss {
                        ts_event: Some(update.ts),
                        ts_recv: recv,
                        last_id: Some(update.last),
                    };
                    flow.void(loss, out);
                    if out.wants(flow.reported_under()) {
                        out.remark(
                            flow.reported_under(),
                            format!("row {}: {}", out.line(), reason.kind),
                        );
                    }
                }
                if self.waiting.len() >= MAX_WAITING {
                    let levels = self.waiting.pop_front().map_or(0, |w| n_levels(&w.line));
                    out.leave_out(Dataset::L2Deltas, levels);
                    out.diagnose(flow.reported_under(), "updates_without_an_image", 1);
                }
                // There was a stream: a day of it without a book is not a day without data.
                out.expect(Dataset::L2Deltas, update.ts);
                out.expect(Dataset::L2Snapshots, update.ts);
                self.waiting.push_back(Waiting {
                    line: line.to_owned(),
                    recv,
                });
            }
            Step::WrongRule { .. } => self.wrong_market("depthUpdate", out),
            // Answers of other venues' rules.
            Step::Replace | Step::Ignored | Step::KeepAlive => {}
        }
    }

    /// Returns whether the running book holds an update already: recorded over two connections, or in two files that overlap.
    /// By ids and by time: ids that begin anew, later in time, are no repetition.
    fn is_repeated(&self, update: &Update) -> bool {
        let is_of_rule = update.prev.is_some() == (self.rule == BinanceRule::Futures);
        let newest = self.flow.as_ref().map(BookFlow::newest);
        is_of_rule
            && self.sync.is_synced()
            && update.first <= update.last
            && self.sync.last_id().is_some_and(|last| update.last <= last)
            && newest.is_some_and(|newest| update.ts <= newest)
    }

    /// Takes a REST image of the book.
    fn rest_image(&mut self, frame: &Frame<'_>, recv: Option<i64>, out: &mut Tables) -> Row<()> {
        let last = digits(frame.last_update_id, "lastUpdateId")?;
        let own = match (frame.trade_time, frame.event_time) {
            (Some(text), _) => Some(epoch(text, "T")?),
            (None, Some(text)) => Some(epoch(text, "E")?),
            (None, None) => None,
        };
        if self.is_other_markets_image(frame) {
            self.wrong_market("REST image", out);
            return Ok(());
        }
        let Some(known) = own.or(self.venue_ts) else {
            out.leave_out(Dataset::L2Deltas, self.levels.len());
            out.diagnose(Dataset::L2Deltas, "images_before_first_time", 1);
            return Ok(());
        };
        self.images += 1;
        let book = self.options.book;
        let step = self.sync.on_snapshot(last);
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(book, out));
        let mut message = BookMessage {
            ts_event: known,
            ts_recv: recv,
            msg_seq: 2 * last,
            ids: (last, last),
            prev_id: None,
            update_id: Some(last),
            is_snapshot: true,
            bids: &self.levels.bids,
            asks: &self.levels.asks,
        };
        if step != Step::Replace {
            flow.leave_out(&message, "images_of_a_book_in_step", out);
            return Ok(());
        }
        // It must not be put after the updates that follow it, whose time may be a little earlier.
        let waiting = std::mem::take(&mut self.waiting);
        for w in &waiting {
            let mut scratch = Levels::default();
            if let Ok(frame) = Frame::read(&w.line, &mut scratch)
                && let Ok(u) = digits(frame.last_id, "u")
                && u >= last
                && let Some(text) = frame.trade_time.or(frame.event_time)
            {
                message.ts_event = message.ts_event.min(epoch(text, "T")?);
                break;
            }
        }
        flow.apply(&message, out);
        for w in waiting {
            // These lines were read before, so they are well-formed.
            let mut levels = std::mem::take(&mut self.levels);
            let read = Frame::read(&w.line, &mut levels).and_then(|frame| {
                Ok(Update {
                    ts: epoch(
                        frame.trade_time.or(frame.event_time).unwrap_or_default(),
                        "T",
                    )?,
                    first: digits(frame.first_id, "U")?,
                    last: digits(frame.last_id, "u")?,
                    prev: frame.prev_id.map(|t| id(t, "pu")).transpose()?,
                })
            });
            self.levels = levels;
            self.update(&read?, &w.line, w.recv, out);
        }
        Ok(())
    }

    /// Decides whether a frame is of the asked symbol; takes the image that waited for the first of them.
    fn is_ours(
        &mut self,
        frame: &Frame<'_>,
        channel: Channel,
        recv: Option<i64>,
        text: &[u8],
        out: &mut Tables,
    ) -> Row<bool> {
        let asked = self.options.symbol.as_str();
        match (frame.owner(&self.options.symbol), channel) {
            (Owner::Asked, _) => {
                out.of_asked();
                if let Some(held) = self.unnamed.saw_asked(asked, out) {
                    self.held_image(&held, out);
                }
                Ok(true)
            }
            (Owner::Other(name), _) => {
                out.of_other(name);
                out.diagnose(Dataset::Trades, "other_symbols", 1);
                self.unnamed.saw_other(name, asked, out);
                Ok(false)
            }
            (Owner::Market(name), _) => {
                if let Some(name) = name {
                    out.of_other(name);
                }
                out.diagnose(Dataset::Trades, "other_symbols", 1);
                Ok(false)
            }
            (Owner::Nobody, Channel::RestImage) => {
                if self.is_other_markets_image(frame) {
                    self.wrong_market("REST image", out);
                    return Ok(false);
                }
                Ok(self.unnamed.may_use(text, recv, asked, out))
            }
            // Whose forced order it is stands inside of it.
            (Owner::Nobody, Channel::ForceOrder) => Ok(true),
            (Owner::Nobody, Channel::Other) => {
                if !frame.is_answer() {
                    out.of_nobody(text);
                }
                Ok(true)
            }
            (Owner::Nobody, _) => Err(RowProblem::Field {
                field: "s",
                problem: "missing",
            }),
        }
    }

    /// Takes an image that came before the first frame of the asked symbol.
    fn held_image(&mut self, held: &Held, out: &mut Tables) {
        let mut levels = Levels::default();
        let Ok(frame) = Frame::read(&held.text, &mut levels) else {
            // It was read before.
            return;
        };
        // The levels of the frame being read are needed again.
        let current = std::mem::replace(&mut self.levels, levels);
        if let Err(reason) = self.rest_image(&frame, held.recv, out) {
            refuse(Dataset::L2Deltas, &held.text, reason, out);
        }
        self.levels = current;
    }

    /// Takes an image of the partial-depth stream.
    fn partial_image(&mut self, frame: &Frame<'_>, recv: Option<i64>, out: &mut Tables) -> Row<()> {
        let last = digits(frame.last_id.or(frame.last_update_id), "u")?;
        let ts = match (frame.trade_time.or(frame.event_time), self.venue_ts) {
            (Some(_), _) => self.time(frame, out)?,
            (None, Some(known)) => known,
            (None, None) => {
                out.leave_out(Dataset::L2Deltas, self.levels.len());
                return Ok(());
            }
        };
        let book = self.options.book;
        let flow = self.flow.get_or_insert_with(|| BookFlow::new(book, out));
        flow.apply(
            &BookMessage {
                ts_event: ts,
                ts_recv: recv,
                msg_seq: 2 * last,
                ids: (last, last),
                prev_id: None,
                update_id: Some(last),
                is_snapshot: true,
                bids: &self.levels.bids,
                asks: &self.levels.asks,
            },
            out,
        );
        Ok(())
    }
}

impl MessageFormat for Recording {
    fn name(&self) -> &'static str {
        "a Binance recording"
    }

    fn asked(&self) -> Option<&str> {
        Some(self.options.symbol.as_str())
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let (recv, text) = split_stamp(line)?;
        let mut levels = std::mem::take(&mut self.levels);
        let mut frame = Frame::default();
        let read = frame.fill(text, &mut levels);
        self.levels = levels;
        match read {
            Ok(()) => {}
            // Only frames about the book have levels, so it is the book that lacks it.
            Err(
                reason @ (RowProblem::NotANumber {
                    column: "price" | "qty",
                }
                | RowProblem::BadSign {
                    column: "price" | "qty",
                    ..
                }),
            ) => {
                out.refuse(Dataset::L2Deltas, line, reason);
                return Ok(());
            }
            Err(reason) => return Err(reason),
        }
        let channel = frame.channel();
        if !self.is_ours(&frame, channel, recv, text, out)? {
            return Ok(());
        }
        let (dataset, read) = match channel {
            Channel::Trade => (Dataset::Trades, self.trade(&frame, recv, out)),
            Channel::AggTrade => (Dataset::AggTrades, self.agg_trade(&frame, recv, out)),
            Channel::BookTicker => (Dataset::BookTicker, self.quote(&frame, recv, out)),
            Channel::Depth => (Dataset::L2Deltas, self.depth(&frame, text, recv, out)),
            Channel::PartialDepth => (Dataset::L2Deltas, self.partial_image(&frame, recv, out)),
            Channel::RestImage => (Dataset::L2Deltas, self.rest_image(&frame, recv, out)),
            Channel::Kline => (Dataset::Klines1m, self.kline(&frame, out)),
            Channel::ForceOrder => (Dataset::Liquidations, self.liquidation(&frame, out)),
            Channel::Other => {
                // Only `E` is a time of now in all of them: a mark price's `T` is its next funding.
                if let Some(ts) = frame.event_time.and_then(|t| epoch(t, "E").ok()) {
                    self.venue_ts = Some(self.venue_ts.map_or(ts, |known| known.max(ts)));
                    out.saw(ts);
                }
                out.diagnose(Dataset::Trades, "frames_of_other_streams", 1);
                return Ok(());
            }
        };
        if let Err(reason) = read {
            refuse(dataset, line, reason, out);
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        let left: u64 = self.waiting.iter().map(|w| n_levels(&w.line)).sum();
        out.leave_out(Dataset::L2Deltas, left);
        // What waits has been counted here; the next recording only needs the state of the book.
        self.unnamed.finish(out);
        self.session.states().insert(
            out.file().to_owned(),
            State {
                sync: self.sync.clone(),
                flow: self.flow.clone(),
                waiting: VecDeque::new(),
                venue_ts: self.venue_ts,
                other_symbol: self.unnamed.other.clone(),
            },
        );
        for dataset in [Dataset::L2Deltas, Dataset::L2Snapshots] {
            out.diagnose(dataset, "depth_updates", self.depth_frames);
            out.diagnose(dataset, "rest_images", self.images);
            if self.depth_frames > 0 && self.images == 0 && !self.goes_on {
                out.remark(
                    dataset,
                    "no REST image of the book in the recording: no update can be applied"
                        .to_owned(),
                );
            }
        }
        Ok(())
    }
}

/// Refuses a frame: the table that would have had its rows is the one that lacks them.
fn refuse(dataset: Dataset, line: &[u8], reason: RowProblem, out: &mut Tables) {
    let dataset = match dataset {
        Dataset::L2Deltas if !out.wants(dataset) => Dataset::L2Snapshots,
        other => other,
    };
    if out.wants(dataset) {
        out.refuse(dataset, line, reason);
    } else {
        out.diagnose(Dataset::Trades, "bad_frames_of_datasets_not_asked_for", 1);
    }
}

const MISSING_TIME: RowProblem = RowProblem::Field {
    field: "E",
    problem: "missing",
};

#[cfg(test)]
mod tests;
