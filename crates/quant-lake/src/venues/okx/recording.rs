//! Recordings of OKX v5 sockets: books, best prices, trades, candles, open interest and forced orders of one instrument.
//!
//! | channel | becomes |
//! |---|---|
//! | `books`, `books-l2-tbt`, `books50-l2-tbt` | `l2_deltas`, `l2_snapshots`; of several the first seen, or the one asked for |
//! | `bbo-tbt` | `book_ticker` |
//! | `trades`, `trades-all` | `trades`; of both the first seen: their ids mean different things |
//! | `candle1m` | `klines_1m`, closed ones |
//! | `open-interest` | `open_interest` |
//! | `liquidation-orders` | `liquidations` |
//! | `books5`, `tickers`, `mark-price`, `funding-rate` (a prediction) and others | nothing; counted |
//!
//! Messages of other instruments are passed over.

mod book;
mod rows;

use quant_core::market::InstrumentKey;
use serde_json::json;

use self::book::LiveBook;
use self::rows::LiveRows;
use super::encode::InstType;
use super::encode::book::BookChannel;
use super::encode::live::inst_type_of;
use super::instruments::find_instrument;
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::Cadence;
use crate::venues::capture::{Capture, Frame};
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{set, unit_words};
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

/// Version of this parser.
pub const RECORDING_VERSION: &str = "okx-recording-5";

/// Rows older than the newest time seen minus this are late.
const WATERMARK_US: i64 = 250_000;

/// How a recording is read.
#[derive(Clone, Debug, PartialEq)]
pub struct OkxRecordingOptions {
    /// The venue's instrument id.
    pub inst_id: String,
    /// Unit of quantities. If absent, it is coins on spot and else taken from the answers of
    /// `/public/instruments` that the capture holds.
    pub unit: Option<QtyUnit>,
    /// Levels per side of an image.
    pub levels: u16,
    /// When images are taken.
    pub cadence: Cadence,
    /// Channel the book is taken from; the first seen if absent.
    pub book_channel: Option<BookChannel>,
}

impl OkxRecordingOptions {
    /// Datasets a recording can fill.
    pub const DATASETS: [Dataset; 7] = [
        Dataset::Trades,
        Dataset::BookTicker,
        Dataset::L2Deltas,
        Dataset::L2Snapshots,
        Dataset::Klines1m,
        Dataset::OpenInterest,
        Dataset::Liquidations,
    ];

    /// Returns the options of an instrument with terms of its own, if they are known.
    pub fn new(key: &InstrumentKey, unit: Option<QtyUnit>, levels: u16, cadence: Cadence) -> Self {
        Self {
            inst_id: key.symbol.as_str().to_owned(),
            unit,
            levels,
            cadence,
            book_channel: None,
        }
    }

    /// Returns everything that decides the rows.
    pub fn params(&self) -> IngestParams {
        let unit = self.unit.map_or("of the capture".to_owned(), unit_words);
        IngestParams::from([
            ("format".to_owned(), json!("okx recording")),
            ("inst_id".to_owned(), json!(self.inst_id)),
            ("unit".to_owned(), json!(unit)),
            ("levels".to_owned(), json!(self.levels)),
            ("cadence".to_owned(), json!(format!("{:?}", self.cadence))),
            (
                "book_channel".to_owned(),
                json!(self.book_channel.map(BookChannel::name)),
            ),
            ("watermark_us".to_owned(), json!(WATERMARK_US)),
        ])
    }
}

/// Returns the parser of one recording.
pub fn recording_parser(
    options: &OkxRecordingOptions,
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

/// A push of a channel, its rows unread.
#[derive(Clone, Copy, Debug, Default)]
struct Push<'a> {
    channel: Option<&'a [u8]>,
    inst_id: Option<&'a [u8]>,
    action: Option<&'a [u8]>,
    data: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
}

/// One message in its surroundings.
#[derive(Clone, Copy, Debug)]
struct Context<'a> {
    /// The message, for the quarantine.
    text: &'a [u8],
    received: Option<i64>,
    conn: Option<&'a [u8]>,
    unit: QtyUnit,
    inst_id: &'a str,
}

/// The messages of one recording.
#[derive(Debug)]
pub struct Recording {
    options: OkxRecordingOptions,
    unit: Option<QtyUnit>,
    capture: Capture,
    book: LiveBook,
    rows: LiveRows,
    terms_differ: bool,
}

impl Recording {
    /// Returns the format at the start of a recording.
    pub fn new(options: OkxRecordingOptions) -> Self {
        let is_spot = inst_type_of(&options.inst_id) == InstType::Spot;
        let unit = options.unit.or(is_spot.then_some(QtyUnit::Base));
        Self {
            unit,
            capture: Capture::default(),
            book: LiveBook::new(&options),
            rows: LiveRows::default(),
            terms_differ: false,
            options,
        }
    }

    fn frame(&mut self, frame: Frame<'_>, out: &mut Tables) -> Result<(), RowProblem> {
        match frame {
            Frame::Other => Ok(()),
            Frame::Http { body } => {
                self.terms(body);
                Ok(())
            }
            Frame::Connected { conn } => {
                self.book.connection_lost(conn, out);
                self.rows.connection_lost(conn, out);
                Ok(())
            }
            Frame::Message {
                received,
                conn,
                body,
            } => self.push(body, received, conn, out),
        }
    }

    /// Looks for the terms of the instrument in the answer to a request, which may be of any route.
    fn terms(&mut self, body: &[u8]) {
        if memchr::memmem::find(body, self.options.inst_id.as_bytes()).is_none() {
            return;
        }
        if let Ok(Some(found)) = find_instrument(body, &self.options.inst_id)
            && let Some(unit) = found.unit()
        {
            self.terms_differ |= *self.unit.get_or_insert(unit) != unit;
        }
    }

    fn push(
        &mut self,
        body: &[u8],
        received: Option<i64>,
        conn: Option<&[u8]>,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        if matches!(body, b"pong" | b"ping") {
            return Ok(());
        }
        let push = match read_push(body) {
            Ok(push) => push,
            Err(problem) => {
                self.book.unreadable(received, out);
                return Err(problem);
            }
        };
        match push.inst_id {
            Some(id) if id == self.options.inst_id.as_bytes() => out.of_asked(),
            Some(id) => out.of_other(id),
            None => {}
        }
        if let Some(event) = push.event {
            self.rows.events += 1;
            self.rows.errors += u64::from(event == b"error");
            return Ok(());
        }
        let (Some(channel), Some(data)) = (push.channel, push.data) else {
            return Err(RowProblem::Field {
                field: if push.channel.is_none() {
                    "arg"
                } else {
                    "data"
                },
                problem: "missing",
            });
        };
        // Forced orders are pushed by kind of instrument.
        let is_mine = push
            .inst_id
            .is_none_or(|id| id == self.options.inst_id.as_bytes());
        if !is_mine {
            self.rows.of_others += 1;
            return Ok(());
        }
        let Some(unit) = self.unit else {
            return Err(RowProblem::Field {
                field: "ctVal",
                problem: "unknown: the worth of a contract is neither given nor in the recording",
            });
        };
        let cx = Context {
            text: body,
            received,
            conn,
            unit,
            inst_id: &self.options.inst_id,
        };
        if let Some(channel) = BookChannel::ALL
            .into_iter()
            .find(|c| !c.is_snapshots() && c.name().as_bytes() == channel)
        {
            self.book.push(channel, push.action, data, &cx, out);
            Ok(())
        } else {
            self.rows.push(channel, data, &cx, out)
        }
    }
}

impl MessageFormat for Recording {
    fn name(&self) -> &'static str {
        "OKX recording"
    }

    fn asked(&self) -> Option<&str> {
        Some(&self.options.inst_id)
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let mut capture = core::mem::take(&mut self.capture);
        let read = match capture.read(line) {
            Ok(frame) => self.frame(frame, out),
            Err(problem) => {
                self.book.unreadable(None, out);
                Err(problem)
            }
        };
        self.capture = capture;
        read
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        self.book.finish(out);
        self.rows.finish(out);
        if self.terms_differ {
            let given = self.unit.map_or_else(String::new, unit_words);
            for dataset in OkxRecordingOptions::DATASETS {
                out.remark(
                    dataset,
                    format!("quantities are read as {given}, the instruments list in the recording says otherwise"),
                );
            }
        }
        Ok(())
    }
}

/// Reads the frame of a push in whatever order its fields come.
fn read_push(body: &[u8]) -> Result<Push<'_>, RowProblem> {
    let mut json = Json::new(body);
    let mut push = Push::default();
    json.object()?;
    let mut arg = None;
    while let Some(key) = json.key()? {
        match key {
            b"arg" => {
                set(&mut arg, "arg", ())?;
                json.object()?;
                while let Some(key) = json.key()? {
                    match key {
                        b"channel" => set(&mut push.channel, "channel", json.string()?)?,
                        b"instId" => set(&mut push.inst_id, "instId", json.string()?)?,
                        _ => json.skip()?,
                    }
                }
            }
            b"action" => set(&mut push.action, "action", json.string()?)?,
            b"event" => set(&mut push.event, "event", json.string()?)?,
            b"data" => set(&mut push.data, "data", json.value()?)?,
            _ => json.skip()?,
        }
    }
    json.end()?;
    Ok(push)
}

#[cfg(test)]
mod tests;
