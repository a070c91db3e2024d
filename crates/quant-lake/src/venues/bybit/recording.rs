//! Recordings of v5 public streams: captured frames to trades, books, 1m klines and liquidations of one instrument.
//!
//! # Rules
//! Rows of other symbols, topics, depths and markets are not counted as rows, only as diagnostics. A connection that
//! begins again, or a snapshot on another one, voids the book (a gap). Of several book depths the deepest whose snapshot
//! came counts, unless one is asked for. `tickers` make no rows: their best prices come without the matching engine's
//! time, and the book has them. A message of many trades is refused as a whole and counts as one row then.

use std::collections::{BTreeMap, BTreeSet};

use quant_core::market::{Market, Symbol};

use self::line::{Line, read_line};
use self::values::{TradeIds, read_klines, read_liquidations, read_trades, trade_row};
use super::book::book_params;
use super::frame::{Sides, book_topic, read_book};
use super::stream::BookStream;
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::BookOptions;
use crate::venues::json::Json;
use crate::venues::message_order::MessageOrder;
use crate::venues::records::{Kline, LiquidationRow};
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

mod line;
mod values;

/// Version of the parser: part of the idempotence key, raised when the same bytes give other rows.
pub const PARSER_VERSION: &str = "bybit-recording-4";

/// Rows this much older than the newest one are flagged as late.
pub const WATERMARK_US: i64 = 250_000;

/// Datasets a recording can fill.
pub const DATASETS: [Dataset; 5] = [
    Dataset::Trades,
    Dataset::L2Deltas,
    Dataset::L2Snapshots,
    Dataset::Klines1m,
    Dataset::Liquidations,
];

/// Connections remembered; a recorder has a few.
const MAX_CONNECTIONS: usize = 10_000;

/// How a recording is read.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Market whose connections are read: `linear`, `inverse` or `spot`.
    pub market: Market,
    /// Symbol whose messages are read.
    pub symbol: Symbol,
    /// The only book depth to read; `None`: the deepest there is.
    pub depth: Option<u16>,
    /// Unit of quantities of all streams, levels and cadence of the images.
    pub book: BookOptions,
    /// Datasets to make, of [`DATASETS`]; the first takes the lines nobody can read.
    pub datasets: Vec<Dataset>,
}

impl Recording {
    /// Returns everything besides the bytes and the version that decides the rows.
    pub fn ingest_params(&self) -> IngestParams {
        let mut params = book_params(&self.book);
        params.insert("watermark_us".to_owned(), WATERMARK_US.into());
        if let Some(depth) = self.depth {
            params.insert("book_depth".to_owned(), depth.into());
        }
        params
    }
}

/// Returns a parser of one recording.
pub fn recording_parser(recording: &Recording, parse: ParseOptions) -> Box<dyn RowParser> {
    let tables = TableOptions {
        datasets: recording.datasets.clone(),
        book_levels: recording.book.levels,
        watermark_us: Some(WATERMARK_US),
    };
    let format = Capture {
        file: parse.file.clone(),
        symbol: recording.symbol.as_str().to_owned(),
        state: State {
            market: recording.market,
            options: recording.book,
            reported: recording
                .datasets
                .first()
                .copied()
                .unwrap_or(Dataset::Trades),
            fixed_depth: recording.depth,
            depth: None,
            book_conn: Vec::new(),
            stream: BookStream::new(recording.book),
            has_book: false,
            connections: BTreeMap::new(),
            first_connection: 0,
            sides: Sides::default(),
            ids: TradeIds::default(),
            times: MessageOrder::default(),
            klines: Vec::new(),
            liquidations: Vec::new(),
            counts: BTreeMap::new(),
        },
        buffer: Vec::new(),
    };
    Box::new(MessageParser::new(format, &tables, parse))
}

/// What is known of a connection.
#[derive(Debug, Default)]
struct Connection {
    /// Last part of its address: `linear`, `spot` ...
    category: Option<String>,
    /// It brought messages of the instrument.
    was_used: bool,
}

struct Capture {
    file: String,
    symbol: String,
    state: State,
    buffer: Vec<u8>,
}

struct State {
    market: Market,
    options: BookOptions,
    reported: Dataset,
    fixed_depth: Option<u16>,
    depth: Option<u16>,
    /// Connection the book comes from.
    book_conn: Vec<u8>,
    stream: BookStream,
    has_book: bool,
    connections: BTreeMap<Vec<u8>, Connection>,
    /// Line of the first connection.
    first_connection: u64,
    sides: Sides,
    ids: TradeIds,
    /// Refuses times of trades, klines and liquidations that cannot be.
    times: MessageOrder,
    klines: Vec<Kline>,
    liquidations: Vec<LiquidationRow>,
    counts: BTreeMap<&'static str, u64>,
}

impl MessageFormat for Capture {
    fn name(&self) -> &'static str {
        "Bybit recording"
    }

    fn asked(&self) -> Option<&str> {
        Some(&self.symbol)
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let state = &mut self.state;
        match read_line(line, &mut self.buffer)? {
            Line::Frame {
                conn,
                ts_recv,
                text,
            } => state.frame((conn, ts_recv), text, &self.symbol, line, out),
            Line::Connect { conn, addr } => {
                state.connect(conn, addr, out);
                Ok(())
            }
            Line::Send { conn, addr } => {
                if !addr.is_empty() {
                    state.learn(conn, addr);
                }
                state.count("requests");
                Ok(())
            }
            Line::Other(what) => {
                state.count(what);
                Ok(())
            }
        }
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        let state = &mut self.state;
        state.check_market(&self.file)?;
        if state.has_book {
            state.stream.finish(&self.file, out)?;
        }
        for (name, n) in &state.counts {
            out.diagnose(state.reported, name, *n);
        }
        Ok(())
    }
}

impl State {
    fn count(&mut self, name: &'static str) {
        *self.counts.entry(name).or_default() += 1;
    }

    /// Notes the market of a connection.
    fn learn(&mut self, conn: &[u8], addr: &[u8]) -> &mut Connection {
        if !self.connections.contains_key(conn) && self.connections.len() >= MAX_CONNECTIONS {
            self.connections.pop_first();
        }
        let known = self.connections.entry(conn.to_vec()).or_default();
        let at = memchr::memmem::rfind(addr, b"/v5/public/").map(|at| at + 11);
        known.category = at.map(|at| String::from_utf8_lossy(&addr[at..]).into_owned());
        known
    }

    /// A connection begins: what it brought before is over.
    fn connect(&mut self, conn: &[u8], addr: &[u8], out: &mut Tables) {
        self.count("connections");
        if self.first_connection == 0 {
            self.first_connection = out.line();
        }
        let was_used = std::mem::take(&mut self.learn(conn, addr).was_used);
        if !was_used {
            return;
        }
        self.count("reconnections");
        out.gap(Dataset::Trades);
        out.gap(Dataset::Klines1m);
        out.gap(Dataset::Liquidations);
        if self.book_conn == conn {
            self.stream.disconnect(None, out);
        }
    }

    fn frame(
        &mut self,
        (conn, ts_recv): (&[u8], Option<i64>),
        text: &[u8],
        symbol: &str,
        line: &[u8],
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        let wanted = self.market.name();
        let known = self.connections.get_mut(conn);
        if let Some(category) = known.and_then(|known| known.category.as_deref())
            && category != wanted
        {
            self.count("other_markets");
            return Ok(());
        }
        let topic = match topic_of(text)? {
            Topic::Of(topic) => topic,
            Topic::Answer => {
                self.count("answers");
                return Ok(());
            }
            Topic::None => {
                self.count("messages_without_topic");
                out.of_nobody(text);
                return Ok(());
            }
        };
        let of = memchr::memrchr(b'.', topic).map_or(&b""[..], |at| &topic[at + 1..]);
        if of != symbol.as_bytes() {
            self.count("other_symbols");
            if !of.is_empty() {
                out.of_other(of);
            }
            return Ok(());
        }
        out.of_asked();
        if let Some(known) = self.connections.get_mut(conn) {
            known.was_used = true;
        }
        let refused = if let Some((depth, _)) = book_topic(topic) {
            if !out.wants(Dataset::L2Deltas) && !out.wants(Dataset::L2Snapshots) {
                return Ok(());
            }
            let dataset = if out.wants(Dataset::L2Deltas) {
                Dataset::L2Deltas
            } else {
                Dataset::L2Snapshots
            };
            let read = self.book(depth, (conn, ts_recv), text, out);
            read.map_err(|reason| (dataset, reason))
        } else if topic.starts_with(b"publicTrade.") {
            self.trades(ts_recv, text, symbol, out)
                .map_err(|reason| (Dataset::Trades, reason))
        } else if topic.starts_with(b"kline.1.") {
            self.klines(ts_recv, text, out)
                .map_err(|reason| (Dataset::Klines1m, reason))
        } else if topic.starts_with(b"allLiquidation.") {
            self.liquidations(ts_recv, text, symbol, out)
                .map_err(|reason| (Dataset::Liquidations, reason))
        } else {
            self.count(if topic.starts_with(b"tickers.") {
                "tickers"
            } else {
                "other_topics"
            });
            Ok(())
        };
        if let Err((dataset, reason)) = refused {
            out.refuse(dataset, line, reason);
        }
        Ok(())
    }

    fn book(
        &mut self,
        depth: u16,
        (conn, ts_recv): (&[u8], Option<i64>),
        text: &[u8],
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        let current = self.fixed_depth.or(self.depth);
        if current.is_some_and(|d| depth < d) || self.fixed_depth.is_some_and(|d| depth != d) {
            self.count("other_depths");
            return Ok(());
        }
        let frame = read_book(text, &mut self.sides)?;
        let (mut is_anew, mut is_gap) = (false, false);
        if self.depth != Some(depth) {
            if self.depth.is_some() {
                if !frame.is_snapshot {
                    self.count("other_depths");
                    return Ok(());
                }
                self.count("depth_switches");
                is_anew = true;
            }
            self.depth = Some(depth);
        }
        if !self.has_book {
            self.has_book = true;
            self.book_conn = conn.to_vec();
        } else if self.book_conn != conn {
            if !frame.is_snapshot {
                // Another connection's deltas do not follow ours.
                self.count("other_connections");
                let levels = (self.sides.bids.len() + self.sides.asks.len()) as u64;
                out.leave_out(Dataset::L2Deltas, levels);
                return Ok(());
            }
            self.count("connection_switches");
            (is_anew, is_gap) = (true, true);
            self.book_conn = conn.to_vec();
        }
        if is_anew {
            return self
                .stream
                .take_anew(is_gap, &frame, &self.sides, ts_recv, out);
        }
        self.stream.take(&frame, &self.sides, ts_recv, out)
    }

    fn trades(
        &mut self,
        ts_recv: Option<i64>,
        text: &[u8],
        symbol: &str,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        if !out.wants(Dataset::Trades) {
            return Ok(());
        }
        let trades = read_trades(text, symbol)?;
        let unit = self.options.unit;
        for trade in &trades {
            self.times.check(trade.ts, ts_recv, "T")?;
        }
        // All of them must be rows before the first one is.
        let rows: Result<Vec<_>, RowProblem> = trades
            .iter()
            .map(|trade| trade_row(trade, 0, ts_recv, unit))
            .collect();
        for (trade, mut row) in trades.iter().zip(rows?) {
            if trade.is_block {
                self.count("block_trades");
            }
            match self.ids.next(trade) {
                Ok(Some(id)) => {
                    row.trade_id = id;
                    out.trade(row);
                }
                Ok(None) => out.duplicates(Dataset::Trades, trade.ts, 1),
                Err(reason) => out.refuse(Dataset::Trades, text, reason),
            }
        }
        Ok(())
    }

    fn klines(
        &mut self,
        ts_recv: Option<i64>,
        text: &[u8],
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        if !out.wants(Dataset::Klines1m) {
            return Ok(());
        }
        let forming = read_klines(text, self.options.unit, &mut self.klines)?;
        for row in &self.klines {
            self.times.check(row.ts_close.0, ts_recv, "end")?;
        }
        *self.counts.entry("forming_klines").or_default() += forming;
        for row in self.klines.drain(..) {
            out.kline(row);
        }
        Ok(())
    }

    fn liquidations(
        &mut self,
        ts_recv: Option<i64>,
        text: &[u8],
        symbol: &str,
        out: &mut Tables,
    ) -> Result<(), RowProblem> {
        if !out.wants(Dataset::Liquidations) {
            return Ok(());
        }
        read_liquidations(text, symbol, self.options.unit, &mut self.liquidations)?;
        for row in &self.liquidations {
            self.times.check(row.ts_event.0, ts_recv, "T")?;
        }
        for row in self.liquidations.drain(..) {
            out.liquidation(row);
        }
        Ok(())
    }

    /// Refuses a recording all of whose connections are of other markets.
    fn check_market(&self, file: &str) -> Result<(), ParseError> {
        let expected = self.market.name();
        let found: BTreeSet<&str> = self
            .connections
            .values()
            .filter_map(|known| known.category.as_deref())
            .collect();
        if found.is_empty() || found.contains(expected) {
            return Ok(());
        }
        let found: Vec<&str> = found.into_iter().collect();
        Err(ParseError::OtherSource {
            file: file.to_owned(),
            line: self.first_connection,
            found: format!("connections of market {}", found.join(", ")),
            asked: expected.to_owned(),
            hint: "pass the market that was recorded with --market",
        })
    }
}

/// What a frame says it is about.
enum Topic<'a> {
    Of(&'a [u8]),
    /// It answers a request, as after subscribing.
    Answer,
    None,
}

fn topic_of(text: &[u8]) -> Result<Topic<'_>, RowProblem> {
    let mut json = Json::new(text);
    json.object()?;
    let mut is_answer = false;
    while let Some(key) = json.key()? {
        if key == b"topic" {
            return json.string().map(Topic::Of);
        }
        is_answer |= matches!(
            key,
            b"op" | b"success" | b"ret_msg" | b"conn_id" | b"req_id"
        );
        json.skip()?;
    }
    json.end()?;
    Ok(if is_answer {
        Topic::Answer
    } else {
        Topic::None
    })
}

#[cfg(test)]
mod tests;
