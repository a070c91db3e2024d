//! Recordings of Hyperliquid's socket: book images, best prices, trades, candles and open interest of one coin.
//!
//! | channel | becomes |
//! |---|---|
//! | `l2Book` | `l2_deltas` and `l2_snapshots`: every message is a whole book of up to 20 levels a side |
//! | `bbo` | `book_ticker` |
//! | `trades` | `trades`; the first push after a subscription is history |
//! | `candle` of `1m` | `klines_1m`: a bar is closed when the next one begins |
//! | `activeAssetCtx` | `open_interest`, stamped with the receipt: the message has no time |
//!
//! An answer of `/info` `l2Book` (the book alone, without a channel) counts as an image too. Quantities are coins. Trade ids
//! (`tid`) are hashes of 50 bits: they do not rise with time.

mod rows;

use quant_core::market::{BookLevel, InstrumentKey};
use serde_json::json;

use self::rows::Rows;
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookFlow, BookMessage, BookOptions, Cadence, Loss};
use crate::venues::capture::{Capture, Frame, Via};
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{level, millis, need, not_negative, set, text_of};
use crate::venues::message_order::MessageOrder;
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

type Read<T> = Result<T, RowProblem>;

/// Version of this parser.
pub const RECORDING_VERSION: &str = "hyperliquid-recording-4";

/// Rows older than the newest time seen minus this are late.
const WATERMARK_US: i64 = 250_000;

/// How a recording is read.
#[derive(Clone, Debug, PartialEq)]
pub struct HyperliquidOptions {
    /// The venue's coin: `BTC`, `@107`, `dex:NAME`.
    pub coin: String,
    /// Levels per side of an image; the venue sends at most 20.
    pub levels: u16,
    /// When images are taken.
    pub cadence: Cadence,
}

impl HyperliquidOptions {
    /// Datasets a recording can fill.
    pub const DATASETS: [Dataset; 6] = [
        Dataset::Trades,
        Dataset::BookTicker,
        Dataset::L2Deltas,
        Dataset::L2Snapshots,
        Dataset::Klines1m,
        Dataset::OpenInterest,
    ];

    /// Returns the options of an instrument.
    pub fn new(key: &InstrumentKey, levels: u16, cadence: Cadence) -> Self {
        Self {
            coin: key.symbol.as_str().to_owned(),
            levels,
            cadence,
        }
    }

    /// Returns everything that decides the rows.
    pub fn params(&self) -> IngestParams {
        IngestParams::from([
            ("format".to_owned(), json!("hyperliquid recording")),
            ("coin".to_owned(), json!(self.coin)),
            ("levels".to_owned(), json!(self.levels)),
            ("cadence".to_owned(), json!(format!("{:?}", self.cadence))),
            ("watermark_us".to_owned(), json!(WATERMARK_US)),
        ])
    }
}

/// Returns the parser of one recording.
pub fn recording_parser(
    options: &HyperliquidOptions,
    datasets: &[Dataset],
    parse: ParseOptions,
) -> Box<dyn RowParser> {
    let tables = TableOptions {
        datasets: datasets.to_vec(),
        book_levels: options.levels,
        watermark_us: Some(WATERMARK_US),
    };
    Box::new(MessageParser::new(
        Recording::new(options.clone()),
        &tables,
        parse,
    ))
}

/// One message in its surroundings.
#[derive(Clone, Copy, Debug)]
struct Context<'a> {
    received: Option<i64>,
    conn: Option<&'a [u8]>,
    coin: &'a str,
}

/// The messages of one recording.
#[derive(Debug)]
pub struct Recording {
    options: HyperliquidOptions,
    capture: Capture,
    book: Book,
    rows: Rows,
}

impl Recording {
    /// Returns the format at the start of a recording.
    pub fn new(options: HyperliquidOptions) -> Self {
        Self {
            options,
            capture: Capture::default(),
            book: Book::default(),
            rows: Rows::default(),
        }
    }

    fn frame(&mut self, frame: Frame<'_>, out: &mut Tables) -> Read<()> {
        let (received, conn, body) = match frame {
            Frame::Other | Frame::Http { .. } => return Ok(()),
            Frame::Connected { conn } => {
                self.rows.connection_lost(conn, out);
                self.book.connection_lost(conn, out);
                return Ok(());
            }
            Frame::Message {
                received,
                conn,
                body,
            } => (received, conn, body),
        };
        let mut json = Json::new(body);
        json.object()?;
        let (mut channel, mut data, mut levels) = (None, None, false);
        while let Some(key) = json.key()? {
            match key {
                b"channel" => set(&mut channel, "channel", json.string()?)?,
                b"data" => set(&mut data, "data", json.value()?)?,
                b"levels" => {
                    levels = true;
                    json.skip()?;
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        let cx = Context {
            received,
            conn,
            coin: &self.options.coin,
        };
        if !out.has_asked() {
            // Whatever is asked of it, and whatever channels it holds.
            let about = data.unwrap_or(body);
            // Candles name their coin `s`.
            match text_of(about, "coin").or_else(|| text_of(about, "s")) {
                Some(coin) if coin == self.options.coin.as_bytes() => out.of_asked(),
                Some(coin) => out.of_other(coin),
                None => {}
            }
        }
        match (channel, data) {
            (Some(b"l2Book"), Some(data)) => {
                self.book.via.saw(conn);
                self.image(data, received, out);
                Ok(())
            }
            (None, None) if levels => {
                self.image(body, received, out);
                Ok(())
            }
            (Some(channel), Some(data)) => self.rows.push(channel, data, &cx, out),
            (Some(b"pong"), None) => Ok(()),
            _ => Err(RowProblem::Field {
                field: if channel.is_none() { "channel" } else { "data" },
                problem: "missing",
            }),
        }
    }

    fn image(&mut self, data: &[u8], received: Option<i64>, out: &mut Tables) {
        if !out.wants(Dataset::L2Deltas) && !out.wants(Dataset::L2Snapshots) {
            return;
        }
        let options = BookOptions {
            levels: self.options.levels,
            cadence: self.options.cadence,
            unit: QtyUnit::Base,
        };
        let flow = match self.book.flow.take() {
            Some(flow) => flow,
            None => BookFlow::new(options, out),
        };
        let under = flow.reported_under();
        self.book.flow = Some(flow);
        match self.book.image(data, received, &self.options.coin, out) {
            Ok(true) => {}
            Ok(false) => self.rows.of_others += 1,
            Err(problem) => out.refuse(under, data, problem),
        }
    }
}

impl MessageFormat for Recording {
    fn name(&self) -> &'static str {
        "Hyperliquid recording"
    }

    fn asked(&self) -> Option<&str> {
        Some(&self.options.coin)
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Read<()> {
        let mut capture = core::mem::take(&mut self.capture);
        let read = match capture.read(line) {
            Ok(frame) => self.frame(frame, out),
            Err(problem) => Err(problem),
        };
        self.capture = capture;
        read
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        self.rows.finish(out);
        Ok(())
    }
}

/// The book, which every message replaces.
#[derive(Debug, Default)]
struct Book {
    flow: Option<BookFlow>,
    via: Via,
    order: MessageOrder,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    /// Time and levels of the image before.
    last: Option<(i64, Vec<BookLevel>, Vec<BookLevel>)>,
}

impl Book {
    /// Takes an image; returns whether it is of this coin.
    fn image(
        &mut self,
        data: &[u8],
        received: Option<i64>,
        coin: &str,
        out: &mut Tables,
    ) -> Read<bool> {
        let mut json = Json::new(data);
        json.object()?;
        let (mut found, mut ts, mut sides) = (None, None, None);
        while let Some(key) = json.key()? {
            match key {
                b"coin" => set(&mut found, "coin", json.string()?)?,
                b"time" => set(&mut ts, "time", millis(&mut json, "time")?)?,
                b"levels" => {
                    set(&mut sides, "levels", ())?;
                    json.array()?;
                    for side in [&mut self.bids, &mut self.asks] {
                        need(json.element()?.then_some(()), "levels")?;
                        read_side(&mut json, side)?;
                    }
                    if json.element()? {
                        return Err(RowProblem::FieldCount {
                            expected: 2,
                            found: 3,
                        });
                    }
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        if need(found, "coin")? != coin.as_bytes() {
            return Ok(false);
        }
        need(sides, "levels")?;
        let ts = need(ts, "time")?;
        self.order.check(ts, received, "time")?;
        let Some(flow) = &mut self.flow else {
            return Ok(true);
        };
        if let Some((last_ts, bids, asks)) = &mut self.last {
            if *last_ts == ts && *bids == self.bids && *asks == self.asks {
                // Sent again on a new subscription.
                let levels = (bids.len() + asks.len()) as u64;
                out.duplicates(Dataset::L2Deltas, ts, levels);
                out.diagnose(flow.reported_under(), "images_sent_twice", 1);
                return Ok(true);
            }
            *last_ts = ts;
            bids.clone_from(&self.bids);
            asks.clone_from(&self.asks);
        } else {
            self.last = Some((ts, self.bids.clone(), self.asks.clone()));
        }
        let seq = self.order.number(ts, None);
        flow.apply(
            &BookMessage {
                ts_event: ts,
                ts_recv: received,
                msg_seq: seq,
                ids: (seq, seq),
                prev_id: None,
                update_id: None,
                is_snapshot: true,
                bids: &self.bids,
                asks: &self.asks,
            },
            out,
        );
        Ok(true)
    }

    fn connection_lost(&mut self, conn: Option<&[u8]>, out: &mut Tables) {
        if self.via.is_cut_by(conn)
            && let Some(flow) = &mut self.flow
            && !flow.book().is_empty()
        {
            flow.void(Loss::default(), out);
        }
    }
}

/// Reads the levels `{"px","sz","n"}` of a side.
fn read_side(json: &mut Json<'_>, out: &mut Vec<BookLevel>) -> Read<()> {
    out.clear();
    json.array()?;
    while json.element()? {
        let (px, qty) = read_level(json)?;
        out.push(level(px, qty, QtyUnit::Base, "sz")?);
    }
    Ok(())
}

/// Reads the price and size of a level.
fn read_level(json: &mut Json<'_>) -> Read<(f64, f64)> {
    let (px, sz) = read_quoted(json)?;
    if px > 0.0 {
        Ok((px, sz))
    } else {
        Err(RowProblem::BadSign {
            column: "px",
            required: "positive",
        })
    }
}

/// As [`read_level`], of a quote, whose price may be 0.
fn read_quoted(json: &mut Json<'_>) -> Read<(f64, f64)> {
    json.object()?;
    let (mut px, mut sz) = (None, None);
    while let Some(key) = json.key()? {
        match key {
            b"px" => set(&mut px, "px", not_negative(json, "px")?)?,
            b"sz" => set(&mut sz, "sz", not_negative(json, "sz")?)?,
            _ => json.skip()?,
        }
    }
    Ok((need(px, "px")?, need(sz, "sz")?))
}

#[cfg(test)]
mod tests;
