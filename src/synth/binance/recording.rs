//! Raw recordings of a simulated instrument's sockets: `<recv_ns> <json>` lines in gzip, one file per UTC day.

use quant_core::market::Side;
use quant_core::synth::derive::{BookConsumer, BookReplay, BookUpdate, Conflator, SnapshotSampler};
use quant_core::synth::{SimBook, SimLiquidation, SimMark, SimMatch, SimMinute, SimQuote};
use quant_core::time::{Day, UnixMicros};
use quant_lake::schema::Dataset;
use quant_lake::venues::binance::encode::{
    BookTickerFrame, DepthSnapshot, DepthUpdateFrame, ForceOrderFrame, MarkPriceFrame,
    RecordingOptions, RecordingWriter, Stamp, StreamEncoder, TradeFrame, push_combined,
};

use super::{RecordLog, StoredFile, Terms};
use crate::error::{CommandResult, Kinded as _};
use crate::synth::request::BookOptions;

/// Time from the venue's stamp to our receipt, microseconds: a nearby machine.
const TRANSIT_US: i64 = 1_500;
/// Time between settlements.
const FUNDING_US: i64 = 8 * quant_core::time::MICROS_PER_HOUR;
/// Levels per side of a REST snapshot.
const REST_LEVELS: usize = 1_000;

/// One gzip of lines, its times and its receive clock.
struct Tape {
    writer: RecordingWriter<Vec<u8>>,
    encoder: StreamEncoder,
    records: RecordLog,
    last_recv_ns: i64,
    frame: Vec<u8>,
}

impl Tape {
    fn new(terms: &Terms) -> CommandResult<Self> {
        let options = RecordingOptions {
            stamp: Stamp::Nanos,
            clock_offset_ns: 0,
            frames_per_member: None,
        };
        Ok(Self {
            writer: RecordingWriter::new(Vec::new(), options),
            encoder: StreamEncoder::new(terms.market, &terms.symbol, terms.decimals)
                .config_error()?,
            records: RecordLog::new(),
            last_recv_ns: 0,
            frame: Vec::new(),
        })
    }

    /// Writes the pending frame, which the venue sent at `ts_us`.
    fn push(&mut self, ts_us: i64) -> CommandResult<()> {
        // Two frames of one instant are received one after the other.
        let recv = ((ts_us + TRANSIT_US) * 1_000).max(self.last_recv_ns + 200);
        self.last_recv_ns = recv;
        self.writer.push(recv, &self.frame).internal_error()?;
        self.frame.clear();
        self.records.push_point(UnixMicros(ts_us));
        Ok(())
    }

    fn close(
        self,
        terms: &Terms,
        day: Day,
        what: &str,
        dataset: Dataset,
    ) -> CommandResult<StoredFile> {
        let date = day.to_string().replace('-', "");
        let symbol = terms.symbol.as_str().to_lowercase();
        Ok(StoredFile {
            path: format!(
                "recordings/binance/{}/{symbol}{what}_{date}.gz",
                terms.market
            ),
            bytes: self.writer.finish().internal_error()?,
            checksum: None,
            instrument: terms.key.clone(),
            dataset,
            day,
            sums: None,
            records: self.records,
        })
    }
}

/// Depth updates at a cadence, trades, best prices, mark prices and forced orders, with one REST snapshot inside: what a recorder of the sockets has.
pub(super) struct SocketTape {
    frames: Frames,
    updates: Conflator,
    /// The book before the first update; becomes the REST snapshot once that is applied.
    book: Option<SimBook>,
    order: Vec<(i64, u8, usize)>,
}

impl SocketTape {
    /// Returns the tape of a day; `before` are the updates of the day before, whose chain of ids goes on.
    pub(super) fn new(
        terms: &Terms,
        options: BookOptions,
        replay: &BookReplay,
        before: Option<Conflator>,
    ) -> CommandResult<Self> {
        let every_us = i64::from(options.cadence_ms) * 1_000;
        let tape = Tape::new(terms)?;
        let depth = format!("depth@{}ms", options.cadence_ms);
        let streams = [
            tape.encoder.stream_name(&depth),
            tape.encoder.stream_name("trade"),
            tape.encoder.stream_name("bookTicker"),
            tape.encoder.stream_name("markPrice@1s"),
            tape.encoder.stream_name("forceOrder"),
        ];
        let mut book = SimBook::default();
        for side in [Side::Buy, Side::Sell] {
            for (ticks, lots) in replay.book().levels(side) {
                book.set(side, ticks, lots);
            }
        }
        Ok(Self {
            frames: Frames { tape, streams },
            updates: before.unwrap_or_else(|| Conflator::following(every_us, None, &book)),
            book: Some(book),
            order: Vec::new(),
        })
    }

    pub(super) fn consumer(&mut self) -> &mut dyn BookConsumer {
        &mut self.updates
    }

    /// Writes the frames of the minute that the book was just replayed over.
    pub(super) fn minute(&mut self, terms: &Terms, minute: &SimMinute) -> CommandResult<()> {
        let updates: Vec<_> = self.updates.updates().collect();
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        order.extend(
            minute
                .matches
                .iter()
                .enumerate()
                .map(|(i, m)| (m.ts.0, 0, i)),
        );
        order.extend(
            minute
                .quotes
                .iter()
                .enumerate()
                .map(|(i, q)| (q.ts.0, 1, i)),
        );
        order.extend(updates.iter().enumerate().map(|(i, u)| (u.ts.0, 2, i)));
        order.extend(minute.marks.iter().enumerate().map(|(i, m)| (m.ts.0, 3, i)));
        let forced = minute.liquidations.iter().enumerate();
        order.extend(forced.map(|(i, l)| (l.ts.0, 4, i)));
        order.sort_unstable();
        for &(ts_us, rank, i) in &order {
            match rank {
                0 => self.frames.trade(terms, &minute.matches[i]),
                1 => self.frames.quote(terms, &minute.quotes[i]),
                2 => {
                    self.frames.book(terms, &updates[i], &mut self.book)?;
                    continue;
                }
                3 => self.frames.mark(&minute.marks[i]),
                _ => self.frames.liquidation(terms, &minute.liquidations[i]),
            }
            self.frames.tape.push(ts_us)?;
        }
        self.order = order;
        Ok(())
    }

    /// Ends the file with the changes since its last update, so that it leads to the book at midnight and they are in no
    /// other day's; returns what the file of the next day goes on from.
    pub(super) fn close(
        mut self,
        terms: &Terms,
        day: Day,
        replay: &BookReplay,
    ) -> CommandResult<(StoredFile, Conflator)> {
        // No multiple of a cadence: what was published at one stays apart.
        let at = day.end().plus(-1);
        self.updates.flush(at, replay);
        for update in self.updates.updates().filter(|u| u.ts == at) {
            self.frames.book(terms, &update, &mut self.book)?;
        }
        let file = self.frames.tape.close(terms, day, "", Dataset::L2Deltas)?;
        Ok((file, self.updates))
    }
}

/// Puts what happened into the frame of a tape, under its stream's name.
struct Frames {
    tape: Tape,
    streams: [String; 5],
}

impl Frames {
    /// Writes an update and, after the first one, the answer of the depth request that a recorder sends once its socket is
    /// open: the book right after that update, so that the documented rule finds the update that holds its id.
    fn book(
        &mut self,
        terms: &Terms,
        u: &BookUpdate<'_>,
        before: &mut Option<SimBook>,
    ) -> CommandResult<()> {
        self.update(terms, u);
        self.tape.push(u.ts.0)?;
        let Some(mut book) = before.take() else {
            return Ok(());
        };
        for (side, changes) in [(Side::Buy, u.bids), (Side::Sell, u.asks)] {
            for (ticks, lots) in changes {
                book.set(side, *ticks, *lots);
            }
        }
        let [bids, asks] = [Side::Buy, Side::Sell].map(|side| {
            let best: Vec<(i64, i64)> = book.levels(side).take(REST_LEVELS).collect();
            terms.levels(&best)
        });
        let frame = DepthSnapshot {
            last_update_id: terms.update_id(u.last_id),
            event_us: u.ts.0,
            transaction_us: u.message_ts.0,
            bids: &bids,
            asks: &asks,
        };
        let tape = &mut self.tape;
        tape.encoder.depth_snapshot(&mut tape.frame, &frame);
        tape.push(u.ts.0)
    }

    fn update(&mut self, terms: &Terms, u: &BookUpdate<'_>) {
        let (bids, asks) = (terms.levels(u.bids), terms.levels(u.asks));
        let frame = DepthUpdateFrame {
            event_us: u.ts.0,
            transaction_us: u.message_ts.0,
            first_id: terms.update_id(u.first_id),
            last_id: terms.update_id(u.last_id),
            prev_last_id: terms.update_id(u.prev_last_id),
            bids: &bids,
            asks: &asks,
        };
        let tape = &mut self.tape;
        push_combined(&mut tape.frame, &self.streams[0], |out| {
            tape.encoder.depth_update(out, &frame);
        });
    }

    fn trade(&mut self, terms: &Terms, m: &SimMatch) {
        let frame = TradeFrame {
            event_us: m.ts.0,
            ts_us: m.ts.0,
            id: m.id,
            price: terms.price(m.price_ticks),
            qty: terms.qty(m.qty_lots),
            is_buyer_maker: m.aggressor == Side::Sell,
        };
        let tape = &mut self.tape;
        push_combined(&mut tape.frame, &self.streams[1], |out| {
            tape.encoder.trade(out, &frame);
        });
    }

    fn quote(&mut self, terms: &Terms, q: &SimQuote) {
        let frame = BookTickerFrame {
            update_id: terms.update_id(q.update_id),
            bid_px: terms.price(q.bid_ticks),
            bid_qty: terms.qty(q.bid_lots),
            ask_px: terms.price(q.ask_ticks),
            ask_qty: terms.qty(q.ask_lots),
            transaction_us: q.ts.0,
            event_us: q.ts.0,
        };
        let tape = &mut self.tape;
        push_combined(&mut tape.frame, &self.streams[2], |out| {
            tape.encoder.book_ticker(out, &frame);
        });
    }

    fn mark(&mut self, m: &SimMark) {
        let frame = MarkPriceFrame {
            event_us: m.ts.0,
            mark: m.mark,
            average: None,
            index: m.index,
            settle: m.index,
            funding_rate: Some(m.predicted_funding),
            next_funding_us: m.ts.floor_to(FUNDING_US).plus(FUNDING_US).0,
        };
        let tape = &mut self.tape;
        push_combined(&mut tape.frame, &self.streams[3], |out| {
            tape.encoder.mark_price(out, &frame);
        });
    }

    fn liquidation(&mut self, terms: &Terms, l: &SimLiquidation) {
        let qty = terms.qty(l.qty_lots);
        let frame = ForceOrderFrame {
            event_us: l.ts.0,
            ts_us: l.ts.0,
            side: l.side,
            qty,
            price: terms.price(l.price_ticks),
            average_price: l.average_price,
            last_qty: qty,
            filled_qty: qty,
        };
        let tape = &mut self.tape;
        push_combined(&mut tape.frame, &self.streams[4], |out| {
            tape.encoder.force_order(out, &frame);
        });
    }
}

/// Images of the first levels at a cadence, as the partial-depth stream sends them.
pub(super) struct ImageTape {
    tape: Tape,
    sampler: SnapshotSampler,
    stream: String,
}

impl ImageTape {
    pub(super) fn new(terms: &Terms, options: BookOptions) -> CommandResult<Self> {
        let tape = Tape::new(terms)?;
        let stream = tape
            .encoder
            .stream_name(&format!("depth{}@{}ms", options.levels, options.cadence_ms));
        Ok(Self {
            sampler: SnapshotSampler::new(
                usize::from(options.levels),
                i64::from(options.cadence_ms) * 1_000,
            ),
            tape,
            stream,
        })
    }

    pub(super) fn consumer(&mut self) -> &mut dyn BookConsumer {
        &mut self.sampler
    }

    pub(super) fn minute(&mut self, terms: &Terms) -> CommandResult<()> {
        let id = |id| terms.update_id(id);
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for image in self.sampler.images() {
            bids.clear();
            asks.clear();
            let level = |(ticks, lots): &(i64, i64)| (terms.price(*ticks), terms.qty(*lots));
            bids.extend(image.bids.iter().map(level));
            asks.extend(image.asks.iter().map(level));
            let frame = DepthUpdateFrame {
                event_us: image.ts.0,
                transaction_us: image.message_ts.0,
                first_id: id(image.update_id),
                last_id: id(image.update_id),
                prev_last_id: id(image.update_id - 1),
                bids: &bids,
                asks: &asks,
            };
            let tape = &mut self.tape;
            push_combined(&mut tape.frame, &self.stream, |out| {
                tape.encoder.partial_depth(out, &frame);
            });
            tape.push(image.ts.0)?;
        }
        Ok(())
    }

    pub(super) fn close(self, terms: &Terms, day: Day) -> CommandResult<StoredFile> {
        self.tape.close(terms, day, "_images", Dataset::L2Snapshots)
    }
}
