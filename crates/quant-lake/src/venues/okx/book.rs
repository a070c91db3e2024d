//! OKX order book archives (400 and 5,000 levels) and exports of book images: one JSON message per line.
//!
//! Lines have no ids, so nothing proves that none is missing but the snapshot of every 15 minutes: it must equal the book
//! that the updates have built. Where it does not, the stretch before it is reported as a gap and the snapshot counts.
//! A file whose lines have no `action` holds whole books.

use quant_core::market::book::{LocalBook, OkxSync, Step};
use quant_core::market::{BookLevel, Side};
use serde_json::json;

use super::levels::read_levels;
use crate::manifest::IngestParams;
use crate::schema::Dataset;
use crate::venues::book_flow::{BookFlow, BookMessage, BookOptions, Cadence, Loss};
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{millis, need, set, text_of, unit_words};
use crate::venues::message_order::MessageOrder;
use crate::venues::rows::{ParseError, ParseOptions, RowParser, RowProblem};
use crate::venues::tables::{MessageFormat, MessageParser, TableOptions, Tables};

/// Version of this parser.
pub const BOOK_VERSION: &str = "okx-book-3";

/// How a file of book messages is read.
#[derive(Clone, Debug, PartialEq)]
pub struct OkxBookOptions {
    /// The venue's instrument id.
    pub inst_id: String,
    /// Unit of sizes: contracts for swaps and futures.
    pub unit: QtyUnit,
    /// Levels per side of an image.
    pub levels: u16,
    /// When images are taken.
    pub cadence: Cadence,
    /// Levels per side that the product promises, and that a snapshot is compared over: 400 or 5,000.
    pub depth: usize,
    /// The file holds several instruments (dated futures of one underlying): lines of others are left out, not refused.
    pub shared: bool,
}

impl OkxBookOptions {
    /// Datasets a file can fill.
    pub const DATASETS: [Dataset; 2] = [Dataset::L2Deltas, Dataset::L2Snapshots];

    /// Returns everything that decides the rows.
    pub fn params(&self) -> IngestParams {
        IngestParams::from([
            ("format".to_owned(), json!("okx order book")),
            ("inst_id".to_owned(), json!(self.inst_id)),
            ("unit".to_owned(), json!(unit_words(self.unit))),
            ("levels".to_owned(), json!(self.levels)),
            ("cadence".to_owned(), json!(format!("{:?}", self.cadence))),
            ("depth".to_owned(), json!(self.depth)),
            ("shared".to_owned(), json!(self.shared)),
        ])
    }
}

/// Returns the parser of one file.
pub fn book_parser(
    options: &OkxBookOptions,
    datasets: &[Dataset],
    parse: ParseOptions,
) -> Box<dyn RowParser> {
    let tables = TableOptions {
        datasets: datasets.to_vec(),
        book_levels: options.levels,
        watermark_us: None,
    };
    Box::new(MessageParser::new(
        BookLines::new(options.clone()),
        &tables,
        parse,
    ))
}

/// What the lines of a file are; the first usable one tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// Snapshots and updates.
    Actions,
    /// Whole books.
    Images,
}

/// The lines of one file.
#[derive(Debug)]
pub struct BookLines {
    options: OkxBookOptions,
    style: Option<Style>,
    sync: OkxSync,
    flow: Option<BookFlow>,
    order: MessageOrder,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    /// A snapshot, to be compared with the running book.
    shown: LocalBook,
    compared: u64,
    mismatches: u64,
    waited: u64,
}

/// What a line says beside its levels.
struct Head {
    ts: i64,
    is_snapshot: bool,
}

impl BookLines {
    /// Returns the format at the start of a file.
    pub fn new(options: OkxBookOptions) -> Self {
        Self {
            options,
            style: None,
            sync: OkxSync::new(),
            flow: None,
            order: MessageOrder::default(),
            bids: Vec::new(),
            asks: Vec::new(),
            shown: LocalBook::new(),
            compared: 0,
            mismatches: 0,
            waited: 0,
        }
    }

    /// Reads a line into `bids` and `asks`.
    fn read(&mut self, line: &[u8]) -> Result<Head, RowProblem> {
        let mut json = Json::new(line);
        json.object()?;
        let (mut inst_id, mut action, mut ts) = (None, None, None);
        let (mut asks, mut bids) = (None, None);
        while let Some(key) = json.key()? {
            match key {
                b"instId" => set(&mut inst_id, "instId", json.string()?)?,
                b"action" => set(&mut action, "action", json.string()?)?,
                b"ts" => set(&mut ts, "ts", millis(&mut json, "ts")?)?,
                b"asks" => {
                    set(&mut asks, "asks", ())?;
                    read_levels(&mut json, self.options.unit, &mut self.asks)?;
                }
                b"bids" => {
                    set(&mut bids, "bids", ())?;
                    read_levels(&mut json, self.options.unit, &mut self.bids)?;
                }
                _ => json.skip()?,
            }
        }
        json.end()?;
        need(asks, "asks")?;
        need(bids, "bids")?;
        // Exports of one instrument may leave its name out.
        if inst_id.is_some_and(|id| id != self.options.inst_id.as_bytes()) {
            return Err(RowProblem::OtherSymbol {
                expected: self.options.inst_id.clone(),
            });
        }
        let style = match action {
            Some(_) => Style::Actions,
            None => Style::Images,
        };
        if self.style.is_some_and(|usual| usual != style) {
            return Err(RowProblem::Field {
                field: "action",
                problem: "there in some lines of the file and missing in others",
            });
        }
        let is_snapshot = match action {
            None | Some(b"snapshot") => true,
            Some(b"update") => false,
            Some(_) => {
                return Err(RowProblem::UnknownName {
                    column: "action",
                    expected: "snapshot or update",
                });
            }
        };
        let ts = need(ts, "ts")?;
        self.order.check(ts, None, "ts")?;
        self.style = Some(style);
        Ok(Head { ts, is_snapshot })
    }

    /// Compares a snapshot with the book that the updates have built.
    fn compare(&mut self, flow: &BookFlow, out: &mut Tables) {
        let unit = self.options.unit;
        let base = |l: &BookLevel| BookLevel {
            px: l.px,
            qty: unit.base(l.qty, l.px),
        };
        self.shown
            .replace_with(self.bids.iter().map(base), self.asks.iter().map(base));
        let n = self.options.depth;
        let is_same = [Side::Buy, Side::Sell].into_iter().all(|side| {
            let built = flow.book().levels(side).take(n);
            built.eq(self.shown.levels(side).take(n))
        });
        self.compared += 1;
        out.diagnose(flow.reported_under(), "snapshots_compared", 1);
        if !is_same {
            self.mismatches += 1;
            out.diagnose(flow.reported_under(), "snapshot_mismatches", 1);
            out.gap(Dataset::L2Deltas);
            out.gap(Dataset::L2Snapshots);
        }
    }
}

impl MessageFormat for BookLines {
    fn name(&self) -> &'static str {
        "OKX order book"
    }

    fn asked(&self) -> Option<&str> {
        Some(&self.options.inst_id)
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let mut flow = match self.flow.take() {
            Some(flow) => flow,
            None => BookFlow::new(
                BookOptions {
                    levels: self.options.levels,
                    cadence: self.options.cadence,
                    unit: self.options.unit,
                },
                out,
            ),
        };
        let read = self.read(line);
        let read = match read {
            Ok(head) => {
                out.of_asked();
                self.take(&head, &mut flow, out);
                Ok(())
            }
            Err(RowProblem::OtherSymbol { .. }) if self.options.shared => {
                let levels = (self.bids.len() + self.asks.len()) as u64;
                out.leave_out(Dataset::L2Deltas, levels);
                out.diagnose(flow.reported_under(), "lines_of_other_instruments", 1);
                out.of_other(text_of(line, "instId").unwrap_or_default());
                Ok(())
            }
            Err(problem @ RowProblem::OtherSymbol { .. }) => Err(problem),
            Err(problem) => {
                // It may have been an update: without ids only the next snapshot is sure again.
                if self.sync.is_synced() && self.style != Some(Style::Images) {
                    self.sync.reset();
                    flow.void(Loss::default(), out);
                }
                Err(problem)
            }
        };
        self.flow = Some(flow);
        read
    }

    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        let Some(flow) = self.flow.take() else {
            return Ok(());
        };
        let under = flow.reported_under();
        if self.mismatches > 0 {
            let text = format!(
                "{} of {} snapshots differ from the book that the updates before them had built",
                self.mismatches, self.compared
            );
            out.remark(under, text);
        }
        if self.waited > 0 {
            let text = format!(
                "{} updates came without a snapshot before them",
                self.waited
            );
            out.remark(under, text);
        }
        Ok(())
    }
}

impl BookLines {
    fn take(&mut self, head: &Head, flow: &mut BookFlow, out: &mut Tables) {
        let seq = self.order.number(head.ts, None);
        if head.is_snapshot && self.sync.is_synced() && self.style == Some(Style::Actions) {
            out.saw(head.ts);
            self.compare(flow, out);
        }
        let message = BookMessage {
            ts_event: head.ts,
            ts_recv: None,
            msg_seq: seq,
            ids: (seq, seq),
            prev_id: None,
            update_id: None,
            is_snapshot: head.is_snapshot,
            bids: &self.bids,
            asks: &self.asks,
        };
        match self.sync.on_message(head.is_snapshot, None, None) {
            Step::Replace | Step::Apply => flow.apply(&message, out),
            _ => {
                self.waited += 1;
                flow.leave_out(&message, "messages_before_snapshot", out);
            }
        }
    }
}

#[cfg(test)]
mod tests;
