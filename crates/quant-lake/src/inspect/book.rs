//! Order book files, message by message: Bybit `ob200` and `ob500`, OKX `400lv` and `5000lv`.

use quant_core::market::book::{BybitSync, LocalBook, Step};
use quant_core::market::{BookLevel, Market, Side, Symbol, Venue};
use quant_core::time::UnixMicros;
use serde::Serialize;

use super::input::{self, Head};
use super::measure::{Counts, Silences, Spread, Times};
use super::report::{Column, Inspection, Silence};
use super::soundness::Course;
use super::{InspectOptions, Subject, exchange_of, rows};
use crate::schema::Dataset;
use crate::sniff::{bybit_market, okx_market};
use crate::venues::book_flow::{BookOptions, DEFAULT_CADENCE};
use crate::venues::bybit::book::BookFile;
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{need, not_negative_text, positive_text, set};
use crate::venues::okx::book::{OkxBookOptions, book_parser};
use crate::venues::rows::{RowProblem, excerpt};
use crate::venues::stamp::{self, StampUnit, parse_stamp};

type Read<T> = Result<T, RowProblem>;

/// What only Bybit's messages have.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BybitIds {
    /// First and last `u`.
    pub u: Option<(i64, i64)>,
    /// Every `u` is the one before plus one, snapshots aside.
    pub u_contiguous: bool,
    /// Places where deltas are missing.
    pub u_gaps: u64,
    /// Snapshots with `u` 1: the venue restarted.
    pub u_restarts: u64,
    /// `seq` never falls.
    pub seq_monotone: bool,
    /// Places where it falls.
    pub seq_falls: u64,
    /// Messages with `cts`.
    pub with_cts: u64,
    /// `ts - cts`, milliseconds: matching engine to push.
    pub cts_lag_ms: Option<Spread>,
}

/// A book file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BookSummary {
    /// Usable messages.
    pub messages: u64,
    /// Messages that replace the book.
    pub snapshots: u64,
    /// Messages that change it.
    pub deltas: u64,
    /// Lines that cannot be used.
    pub refused: u64,
    /// Messages of other instruments.
    pub other_instruments: u64,
    /// Snapshots without a level.
    pub empty_snapshots: u64,
    /// Smallest and largest time.
    pub times: Option<(UnixMicros, UnixMicros)>,
    /// Unit of time as written, and how it becomes microseconds.
    pub time_unit: String,
    /// Messages earlier than the one before.
    pub times_fall: u64,
    /// Milliseconds between messages.
    pub cadence_ms: Option<Spread>,
    /// Silences longer than the limit, the longest ten.
    pub gaps: Vec<Silence>,
    /// How many there are.
    pub n_gaps: u64,
    /// Levels of the bid side after each message.
    pub bid_depth: Option<Spread>,
    /// Levels of the ask side after each message.
    pub ask_depth: Option<Spread>,
    /// Levels named in a message.
    pub levels_per_message: Option<Spread>,
    /// Mean length of a line.
    pub mean_bytes: f64,
    /// Messages after which the best bid was above the best ask.
    pub crossed: u64,
    /// Share of them among the messages that went into the book.
    pub crossed_share: f64,
    /// Messages after which both were equal.
    pub locked: u64,
    /// Places where the chain of messages breaks: the book is void from there to the next snapshot.
    pub breaks: u64,
    /// Messages that came while the book was void.
    pub lost: u64,
    /// Images that an ingest at the default cadence makes.
    pub images: u64,
    /// Bybit's ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bybit: Option<BybitIds>,
    /// Which cadence of images fits.
    pub advice: String,
}

/// One message.
#[derive(Default)]
struct Message {
    ts: i64,
    unit: Option<StampUnit>,
    cts: Option<i64>,
    is_snapshot: bool,
    instrument: String,
    ids: Option<(i64, i64)>,
}

/// Everything that is counted.
struct Meter {
    out: BookSummary,
    book: LocalBook,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
    times: Times,
    units: [u64; 3],
    cadence: Counts,
    silences: Silences,
    bid_depth: Counts,
    ask_depth: Counts,
    levels: Counts,
    bytes: u64,
    sync: BybitSync,
    synced: bool,
    prev: Option<(i64, i64)>,
    cts_lag: Counts,
    first_refused: Option<String>,
    breaks: Vec<String>,
    /// Messages before the first snapshot.
    waited: u64,
    has_begun: bool,
    applied: u64,
}

impl Meter {
    fn new(venue: Venue) -> Self {
        Self {
            out: BookSummary {
                messages: 0,
                snapshots: 0,
                deltas: 0,
                refused: 0,
                other_instruments: 0,
                empty_snapshots: 0,
                times: None,
                time_unit: String::new(),
                times_fall: 0,
                cadence_ms: None,
                gaps: Vec::new(),
                n_gaps: 0,
                bid_depth: None,
                ask_depth: None,
                levels_per_message: None,
                mean_bytes: 0.0,
                crossed: 0,
                crossed_share: 0.0,
                locked: 0,
                breaks: 0,
                lost: 0,
                images: 0,
                bybit: (venue == Venue::Bybit).then_some(BybitIds {
                    u: None,
                    u_contiguous: true,
                    u_gaps: 0,
                    u_restarts: 0,
                    seq_monotone: true,
                    seq_falls: 0,
                    with_cts: 0,
                    cts_lag_ms: None,
                }),
                advice: String::new(),
            },
            book: LocalBook::new(),
            bids: Vec::new(),
            asks: Vec::new(),
            times: Times::default(),
            units: [0; 3],
            cadence: Counts::default(),
            silences: Silences::default(),
            bid_depth: Counts::default(),
            ask_depth: Counts::default(),
            levels: Counts::default(),
            bytes: 0,
            sync: BybitSync::default(),
            synced: venue != Venue::Bybit,
            prev: None,
            cts_lag: Counts::default(),
            first_refused: None,
            breaks: Vec::new(),
            waited: 0,
            has_begun: false,
            applied: 0,
        }
    }

    fn refuse(&mut self, number: u64, line: &[u8], problem: &RowProblem) {
        self.out.refused += 1;
        if self.first_refused.is_none() {
            let text = excerpt(line, 80);
            let text = text.escape_debug();
            self.first_refused = Some(format!("row {number}: {problem} (`{text}`)"));
        }
    }

    fn take(&mut self, number: u64, line: &[u8], message: &Message, options: &InspectOptions) {
        self.out.messages += 1;
        self.bytes += line.len() as u64;
        if let Some(unit) = message.unit {
            self.units[unit as usize] += 1;
        }
        let before = self.times.last;
        if let Some(step) = self.times.see(message.ts) {
            self.cadence.add(step.abs());
            if let Some(before) = before {
                self.silences.see(before, message.ts, options.gap_us);
            }
        }
        let named = self.bids.len() + self.asks.len();
        self.levels.add(i64::try_from(named).unwrap_or(i64::MAX));
        if message.is_snapshot {
            self.out.snapshots += 1;
            self.out.empty_snapshots += u64::from(named == 0);
        } else {
            self.out.deltas += 1;
        }
        if let (Some(ids), Some((u, seq))) = (&mut self.out.bybit, message.ids) {
            if let Some(cts) = message.cts {
                ids.with_cts += 1;
                self.cts_lag.add(message.ts - cts);
            }
            ids.u = Some((ids.u.map_or(u, |(first, _)| first), u));
            ids.u_restarts += u64::from(message.is_snapshot && u == 1);
            if let Some((prev_u, prev_seq)) = self.prev.replace((u, seq)) {
                let goes_on = message.is_snapshot || u == prev_u + 1;
                if !goes_on {
                    ids.u_gaps += 1;
                    ids.u_contiguous = false;
                    if self.breaks.len() < 3 {
                        self.breaks
                            .push(format!("row {number}: u {u} after {prev_u}"));
                    }
                }
                let falls = seq < prev_seq && !(message.is_snapshot && u == 1);
                ids.seq_falls += u64::from(falls);
                ids.seq_monotone &= !falls;
            }
            match self.sync.on_message(message.is_snapshot, u, seq) {
                Step::Replace => self.book.clear(),
                Step::Duplicate => return,
                Step::Break(_) => {
                    self.out.breaks += 1;
                    // A snapshot is whole by itself: it begins a new chain.
                    if message.is_snapshot
                        && matches!(self.sync.on_message(true, u, seq), Step::Replace)
                    {
                        self.book.clear();
                    }
                }
                _ => {}
            }
            self.synced = self.sync.is_synced();
        } else if message.is_snapshot {
            self.book.clear();
        }
        self.apply();
    }

    /// Keeps the book and measures it.
    fn apply(&mut self) {
        if !self.synced {
            if self.has_begun {
                self.out.lost += 1;
            } else {
                self.waited += 1;
            }
            return;
        }
        self.has_begun = true;
        self.applied += 1;
        for (side, levels) in [(Side::Buy, &self.bids), (Side::Sell, &self.asks)] {
            for level in levels {
                let _ = self.book.apply(side, level.px, level.qty);
            }
        }
        let depth = |side| i64::try_from(self.book.n_levels(side)).unwrap_or(i64::MAX);
        let (bids, asks) = (depth(Side::Buy), depth(Side::Sell));
        self.bid_depth.add(bids);
        self.ask_depth.add(asks);
        self.out.crossed += u64::from(self.book.is_crossed());
        self.out.locked += u64::from(self.book.is_locked());
    }

    /// Books the summary and the checks; `parsed` is what the parser of an ingest made of the file, if it took it.
    fn finish(mut self, parsed: Option<Course>, inspection: &mut Inspection) {
        let out = &mut self.out;
        out.times = self.times.first_at().zip(self.times.last_at());
        out.times_fall = self.times.down;
        out.cadence_ms = self.cadence.spread(1_000.0);
        out.n_gaps = self.silences.n;
        out.gaps = self.silences.list();
        out.bid_depth = self.bid_depth.spread(1.0);
        out.ask_depth = self.ask_depth.spread(1.0);
        out.levels_per_message = self.levels.spread(1.0);
        out.mean_bytes = self.bytes as f64 / out.messages.max(1) as f64;
        let names = [
            "seconds x 1,000,000",
            "milliseconds x 1,000",
            "microseconds as they are",
        ];
        let used: Vec<&str> = self
            .units
            .iter()
            .zip(names)
            .filter(|(n, _)| **n > 0)
            .map(|(_, t)| t)
            .collect();
        out.time_unit = used.join(" and ");
        out.advice = advice(out.cadence_ms);
        if let Some(ids) = &mut out.bybit {
            ids.cts_lag_ms = self.cts_lag.spread(1_000.0);
        }
        let rows = out.messages + out.refused;
        match self.first_refused {
            None => inspection.ok("messages", &format!("all {} readable", out.messages)),
            Some(first) => {
                let text = format!("{} of {rows} unusable, {first}", out.refused);
                if out.refused as f64 > 0.01 * rows as f64 {
                    inspection.fail("messages", &text);
                } else {
                    inspection.warn("messages", &text);
                }
            }
        }
        if used.len() > 1 {
            inspection.warn(
                "unit of time",
                &format!("changes inside the file: {}", out.time_unit),
            );
        }
        if out.snapshots == 0 && out.messages > 0 {
            inspection.fault(
                "snapshot",
                "there is none, so no book can be built: an ingest takes the file and makes nothing of it",
            );
        } else if self.waited > 0 {
            inspection.warn(
                "snapshot",
                &format!(
                    "{} messages cannot be applied: they wait for a snapshot",
                    self.waited
                ),
            );
        }
        if let Some(ids) = &out.bybit {
            if ids.u_contiguous {
                inspection.ok("u", "contiguous");
            } else {
                inspection.warn(
                    "u",
                    &format!("{} gaps; {}", ids.u_gaps, self.breaks.join("; ")),
                );
            }
            if ids.seq_monotone {
                inspection.ok("seq", "never falls");
            } else {
                inspection.warn("seq", &format!("falls {} times", ids.seq_falls));
            }
        }
        let course = Course {
            applied: self.applied,
            breaks: out.breaks.max(parsed.map_or(0, |p| p.breaks)),
            lost: out.lost,
            crossed: out.crossed,
            times_fall: out.times_fall,
            images: parsed.map_or(0, |p| p.images),
        };
        course.judge(inspection);
        (out.breaks, out.images) = (course.breaks, course.images);
        out.crossed_share = course.crossed_share();
        if out.empty_snapshots > 0 {
            inspection.warn("empty snapshots", &out.empty_snapshots.to_string());
        }
        inspection.book = Some(self.out);
    }
}

/// Says which cadence of images the messages allow.
fn advice(cadence: Option<Spread>) -> String {
    let Some(cadence) = cadence else {
        return "too few messages to tell".to_owned();
    };
    let finest = [10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0]
        .into_iter()
        .find(|ms| *ms >= cadence.median)
        .unwrap_or(1_000.0);
    format!(
        "a message every {} ms (median): images finer than {finest} ms repeat themselves; --book-cadence-ms {} sees {:.0} messages an image, {:.0} images a day",
        cadence.median,
        finest.max(1_000.0),
        finest.max(1_000.0) / cadence.median.max(0.001),
        86_400_000.0 / finest.max(1_000.0),
    )
}

/// Inspects a Bybit book file.
pub(super) fn bybit(
    subject: &Subject<'_>,
    head: &Head,
    symbol: &str,
    depth: Option<u32>,
    out: &mut Inspection,
) {
    out.exchange = Some(exchange_of(subject, Venue::Bybit));
    let (market, by) = if let Some(market) = subject.facts.market {
        (market, format!("the folder `{market}` it lies in"))
    } else {
        let (market, by) = bybit_market(symbol);
        let by = format!("{by}; spot books look alike, only a folder tells them apart");
        (market, by)
    };
    out.market = Some(market.name().to_owned());
    out.market_by = Some(by);
    named(subject, symbol, "the topic of its first message", out);
    let levels = depth.map_or("?".to_owned(), |d| d.to_string());
    out.format = format!("Bybit order book, {levels} levels (ob{levels})");
    if let (Some(depth), Some(named)) = (depth, subject.facts.depth)
        && depth != named
    {
        out.warn(
            "depth of the name",
            &format!("the name says {named}, the topic {depth}"),
        );
    }
    columns(
        &[
            "topic", "type", "ts", "data.s", "data.b", "data.a", "data.u", "data.seq", "cts",
        ],
        out,
    );
    let mut meter = Meter::new(Venue::Bybit);
    measure(subject, head, symbol, read_bybit, &mut meter, out);
    let parsed = symbol.parse::<Symbol>().ok().and_then(|symbol| {
        let datasets = vec![Dataset::L2Snapshots];
        let file = BookFile {
            symbol,
            depth: subject.facts.depth.and_then(|d| u16::try_from(d).ok()),
            book: BookOptions {
                levels: 50,
                cadence: DEFAULT_CADENCE,
                unit: unit_of(market),
            },
            datasets: datasets.clone(),
        };
        rows::run(
            subject,
            head,
            &datasets,
            false,
            &|parse| Ok(crate::venues::bybit::book::book_parser(&file, parse)),
            out,
        )
    });
    meter.finish(parsed.as_ref().map(Course::of), out);
    book_inside(subject, out);
}

/// Returns a unit under which quantities of a market are counted as they are.
fn unit_of(market: Market) -> QtyUnit {
    match market {
        Market::Inverse => QtyUnit::Inverse { usd: 1.0 },
        _ => QtyUnit::Base,
    }
}

/// Inspects an OKX book file.
pub(super) fn okx(
    subject: &Subject<'_>,
    head: &Head,
    inst_id: &str,
    actions: bool,
    out: &mut Inspection,
) {
    out.exchange = Some(exchange_of(subject, Venue::Okx));
    let name = if inst_id.is_empty() {
        subject.facts.symbol.clone().unwrap_or_default()
    } else {
        inst_id.to_owned()
    };
    let (market, by) = okx_market(&name);
    out.market = Some(market.name().to_owned());
    out.market_by = Some(by);
    named(subject, &name, "its first message", out);
    let depth = subject.facts.depth;
    let levels = depth.map_or_else(String::new, |d| format!(", {d} levels"));
    let style = if actions {
        "snapshots and updates"
    } else {
        "whole books"
    };
    out.format = format!("OKX order book{levels}, {style}");
    columns(&["instId", "action", "ts", "asks", "bids"], out);
    let mut meter = Meter::new(Venue::Okx);
    measure(subject, head, &name, read_okx, &mut meter, out);
    if market == Market::Swap {
        out.note("sizes are contracts".to_owned());
    }
    // The parser compares every snapshot with the book that the updates have built.
    let options = OkxBookOptions {
        inst_id: name,
        unit: QtyUnit::Base,
        levels: 50,
        cadence: DEFAULT_CADENCE,
        depth: depth.and_then(|d| usize::try_from(d).ok()).unwrap_or(400),
        shared: true,
    };
    let datasets = [Dataset::L2Snapshots];
    let parsed = rows::run(
        subject,
        head,
        &datasets,
        false,
        &|parse| Ok(book_parser(&options, &datasets, parse)),
        out,
    );
    meter.finish(parsed.as_ref().map(Course::of), out);
    book_inside(subject, out);
}

fn named(subject: &Subject<'_>, symbol: &str, by: &str, out: &mut Inspection) {
    out.symbol = Some(symbol.to_owned());
    out.symbol_by = Some(by.to_owned());
    out.period = subject.facts.period.map(|p| p.to_string());
    if let Some(expected) = &subject.facts.symbol
        && expected != symbol
        && symbol.parse::<Symbol>().is_ok()
        && !symbol.starts_with(expected.as_str())
    {
        out.fail(
            "instrument of the name",
            &format!("the name says {expected}, the messages {symbol}"),
        );
    }
}

fn columns(names: &[&str], out: &mut Inspection) {
    out.columns = names
        .iter()
        .map(|name| Column {
            name: (*name).to_owned(),
            unit: match *name {
                "ts" => Some("publication".to_owned()),
                "cts" => Some("matching engine".to_owned()),
                _ => None,
            },
        })
        .collect();
}

type ReadMessage = fn(&[u8], &mut Vec<BookLevel>, &mut Vec<BookLevel>) -> Read<Message>;

fn measure(
    subject: &Subject<'_>,
    head: &Head,
    symbol: &str,
    read: ReadMessage,
    meter: &mut Meter,
    out: &mut Inspection,
) {
    let (ended, result) = input::lines(subject, &head.spec, |number, line| {
        match read(line, &mut meter.bids, &mut meter.asks) {
            Ok(message) if message.instrument != symbol && !message.instrument.is_empty() => {
                meter.out.other_instruments += 1;
            }
            Ok(message) => meter.take(number, line, &message, subject.options),
            Err(problem) => meter.refuse(number, line, &problem),
        }
    });
    rows::ending(subject, ended, &result, out);
    if meter.out.other_instruments > 0 {
        out.note(format!(
            "{} messages of other instruments",
            meter.out.other_instruments
        ));
    }
}

/// Checks that messages lie in the day of the name.
fn book_inside(subject: &Subject<'_>, out: &mut Inspection) {
    let Some((first, last)) = out.book.as_ref().and_then(|b| b.times) else {
        return;
    };
    let table = super::report::TableSummary {
        first: Some(first),
        last: Some(last),
        ..super::report::TableSummary::default()
    };
    out.tables.push(table);
    rows::inside_period(subject, out);
    out.tables.pop();
}

fn read_levels(json: &mut Json<'_>, out: &mut Vec<BookLevel>) -> Read<()> {
    out.clear();
    json.array()?;
    while json.element()? {
        json.array()?;
        let mut pair = [None; 2];
        let mut i = 0;
        while json.element()? {
            let text = json.number_text()?;
            if let Some(slot) = pair.get_mut(i) {
                *slot = Some(if i == 0 {
                    positive_text(text, "price")?
                } else {
                    not_negative_text(text, "size")?
                });
            }
            i += 1;
        }
        out.push(BookLevel {
            px: need(pair[0], "price")?,
            qty: need(pair[1], "size")?,
        });
    }
    Ok(())
}

fn read_stamp(json: &mut Json<'_>, column: &'static str) -> Read<(i64, StampUnit)> {
    parse_stamp(json.number_text()?).ok_or(RowProblem::NotATime {
        column,
        expected: stamp::EXPECTED,
    })
}

fn kind_of(text: &[u8], snapshot: &[u8], change: &[u8], expected: &'static str) -> Read<bool> {
    if text == snapshot {
        Ok(true)
    } else if text == change {
        Ok(false)
    } else {
        Err(RowProblem::UnknownName {
            column: "type",
            expected,
        })
    }
}

/// Reads one message of Bybit.
fn read_bybit(line: &[u8], bids: &mut Vec<BookLevel>, asks: &mut Vec<BookLevel>) -> Read<Message> {
    let mut json = Json::new(line);
    json.object()?;
    let (mut kind, mut ts, mut cts, mut data) = (None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"type" => set(&mut kind, "type", json.string()?)?,
            b"ts" => set(&mut ts, "ts", read_stamp(&mut json, "ts")?)?,
            b"cts" => set(&mut cts, "cts", read_stamp(&mut json, "cts")?.0)?,
            b"data" => set(&mut data, "data", json.value()?)?,
            _ => json.skip()?,
        }
    }
    json.end()?;
    let is_snapshot = kind_of(
        need(kind, "type")?,
        b"snapshot",
        b"delta",
        "snapshot or delta",
    )?;
    let (ts, unit) = need(ts, "ts")?;
    let mut json = Json::new(need(data, "data")?);
    json.object()?;
    let (mut s, mut u, mut seq, mut b, mut a) = (None, None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"s" => set(&mut s, "s", json.string()?)?,
            b"u" => set(&mut u, "u", json.integer("u")?)?,
            b"seq" => set(&mut seq, "seq", json.integer("seq")?)?,
            b"b" => set(&mut b, "b", read_levels(&mut json, bids)?)?,
            b"a" => set(&mut a, "a", read_levels(&mut json, asks)?)?,
            _ => json.skip()?,
        }
    }
    need(b, "b")?;
    need(a, "a")?;
    Ok(Message {
        ts,
        unit: Some(unit),
        cts,
        is_snapshot,
        instrument: String::from_utf8_lossy(need(s, "s")?).into_owned(),
        ids: Some((need(u, "u")?, need(seq, "seq")?)),
    })
}

/// Reads one message of OKX's archive; a line without `action` is a whole book.
fn read_okx(line: &[u8], bids: &mut Vec<BookLevel>, asks: &mut Vec<BookLevel>) -> Read<Message> {
    let mut json = Json::new(line);
    json.object()?;
    let (mut kind, mut ts, mut inst, mut b, mut a) = (None, None, None, None, None);
    while let Some(key) = json.key()? {
        match key {
            b"action" => set(&mut kind, "action", json.string()?)?,
            b"ts" => set(&mut ts, "ts", read_stamp(&mut json, "ts")?)?,
            b"instId" => set(&mut inst, "instId", json.string()?)?,
            b"bids" => set(&mut b, "bids", read_levels(&mut json, bids)?)?,
            b"asks" => set(&mut a, "asks", read_levels(&mut json, asks)?)?,
            _ => json.skip()?,
        }
    }
    json.end()?;
    if b.is_none() {
        bids.clear();
    }
    if a.is_none() {
        asks.clear();
    }
    let is_snapshot = match kind {
        Some(kind) => kind_of(kind, b"snapshot", b"update", "snapshot or update")?,
        None => true,
    };
    let (ts, unit) = need(ts, "ts")?;
    let instrument = inst.map(|i| String::from_utf8_lossy(i).into_owned());
    Ok(Message {
        ts,
        unit: Some(unit),
        instrument: instrument.unwrap_or_default(),
        is_snapshot,
        ..Message::default()
    })
}
