//! Rows of several datasets made from one stream of messages: recordings, book archives, pages of answers.
//!
//! A [`MessageFormat`] turns one line into rows and pushes them into [`Tables`]; [`MessageParser`] drives it as a
//! [`RowParser`], so that files of messages and files of rows become partitions in the same way. Every row is counted
//! once as written, duplicate, filtered or quarantined, per dataset. Nothing here opens a file or commits.
//!
//! Rows need not come in order: each table holds back a window of rows and sorts it. A row that comes later than the
//! window ends the attempt with `OutOfOrder`; the caller reads the file again, collecting that dataset.

mod images;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use memchr::memchr;
use quant_core::market::{BookLevel, Event, Heartbeat};
use quant_core::time::{Day, TimeRange, UnixMicros};

pub use self::images::BookImage;
use self::images::ImageTable;
use self::table::{Counted, Table};
use super::records::{
    AggTrade, AsEvent as _, BookTickerRow, DepthBandRow, FundingRow, IndexKline, Kline, L2DeltaRow,
    LiquidationRow, MarkKline, OpenInterestRow, PremiumKline, Record, TradeRow,
};
use super::rows::{
    FileTotals, Holds, ParseError, ParseOptions, Parsed, Quarantined, RowParser, RowProblem,
    Totals, excerpt, too_many_refused,
};
use crate::schema::Dataset;

/// Longest excerpt of a rejected line that is kept.
const MAX_EXCERPT: usize = 256;

/// Rejected rows kept in memory for one file; beyond it the file is refused whatever its size.
const MAX_QUARANTINED: usize = 100_000;

/// Turns one message (a line) into rows.
pub trait MessageFormat: Send {
    /// Returns the name used in messages.
    fn name(&self) -> &'static str;

    /// Returns the instrument that is asked for, where the file may hold others.
    fn asked(&self) -> Option<&str> {
        None
    }

    /// Reads one line without its line end; rows go to `out`.
    ///
    /// # Errors
    /// Why the line cannot be used: it is counted as one row of the primary dataset and kept in the quarantine. A
    /// format that knows the dataset of the line calls [`Tables::refuse`] itself and returns `Ok`.
    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem>;

    /// The file has ended: hands out what was held back.
    ///
    /// # Errors
    /// Why the whole file is refused, e.g. because it never made sense under the rule it was read with.
    fn finish(&mut self, out: &mut Tables) -> Result<(), ParseError> {
        let _ = out;
        Ok(())
    }
}

/// How rows of messages are judged, besides [`ParseOptions`].
#[derive(Clone, Debug)]
pub struct TableOptions {
    /// Datasets to make; rows of others are dropped without being counted.
    pub datasets: Vec<Dataset>,
    /// Levels per side of `l2_snapshots`.
    pub book_levels: u16,
    /// Rows older than the newest time seen so far minus this are flagged `late` (recordings); `None`: never.
    pub watermark_us: Option<i64>,
}

/// The tables being filled from one file.
pub struct Tables {
    file: String,
    range: TimeRange,
    primary: Dataset,
    line: u64,
    watermark_us: Option<i64>,
    newest: i64,
    klines: Option<Table<Kline>>,
    agg_trades: Option<Table<AggTrade>>,
    trades: Option<Table<TradeRow>>,
    book_ticker: Option<Table<BookTickerRow>>,
    deltas: Option<Table<L2DeltaRow>>,
    images: Option<ImageTable>,
    bands: Option<Table<DepthBandRow>>,
    mark: Option<Table<MarkKline>>,
    premium: Option<Table<PremiumKline>>,
    index: Option<Table<IndexKline>>,
    funding: Option<Table<FundingRow>>,
    open_interest: Option<Table<OpenInterestRow>>,
    liquidations: Option<Table<LiquidationRow>>,
    totals: BTreeMap<Dataset, Totals>,
    /// Days that get a partition even if they have no row.
    expected: BTreeSet<(Dataset, Day)>,
    holds: Holds,
    n_quarantined: usize,
    ready: Vec<Parsed>,
    failed: Option<ParseError>,
    tap: Option<Tap>,
}

/// Told every row as it arrives, with its dataset, in the order of the messages, whatever becomes of it in the tables; times of
/// messages come as heartbeats.
pub struct Tap(pub Box<dyn FnMut(Dataset, Event) + Send>);

/// Returns an empty table if it is wanted.
fn table<R: Record>(want: bool, parse: &ParseOptions) -> Option<Table<R>> {
    want.then(|| Table::new(&parse.file, parse.collects(R::DATASET)))
}

/// Methods that add a row: flag it if late, count it, keep it if it is in the wanted range.
macro_rules! pushers {
    ($($(#[$doc:meta])* $name:ident($field:ident: $row:ty);)+) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&mut self, mut row: $row) {
            if self.$field.is_none() {
                return;
            }
            let ts = row.ts();
            if self.is_late(ts) {
                row.mark_late();
            }
            let wanted = self.range.contains(UnixMicros(ts));
            if let Some(tap) = &mut self.tap {
                tap.0(<$row as Record>::DATASET, row.as_event());
            }
            if let Some(table) = &mut self.$field
                && table.count(wanted)
            {
                table.push(row, self.line, &mut self.ready, &mut self.failed);
            }
        }
    )+};
}

impl Tables {
    /// Returns empty tables for the datasets asked for. The first of them takes the lines nobody can read.
    pub fn new(options: &TableOptions, parse: &ParseOptions) -> Self {
        let want = |d: Dataset| options.datasets.contains(&d);
        let mut totals = BTreeMap::new();
        for &dataset in &options.datasets {
            totals.insert(dataset, Totals::default());
        }
        Self {
            file: parse.file.clone(),
            range: parse.range,
            primary: options.datasets.first().copied().unwrap_or(Dataset::Trades),
            line: 0,
            watermark_us: options.watermark_us,
            newest: i64::MIN,
            klines: table(want(Dataset::Klines1m), parse),
            agg_trades: table(want(Dataset::AggTrades), parse),
            trades: table(want(Dataset::Trades), parse),
            book_ticker: table(want(Dataset::BookTicker), parse),
            deltas: table(want(Dataset::L2Deltas), parse),
            images: want(Dataset::L2Snapshots).then(|| {
                ImageTable::new(
                    &parse.file,
                    options.book_levels,
                    parse.collects(Dataset::L2Snapshots),
                )
            }),
            bands: table(want(Dataset::DepthBands), parse),
            mark: table(want(Dataset::MarkKlines), parse),
            premium: table(want(Dataset::PremiumKlines), parse),
            index: table(want(Dataset::IndexKlines), parse),
            funding: table(want(Dataset::Funding), parse),
            open_interest: table(want(Dataset::OpenInterest), parse),
            liquidations: table(want(Dataset::Liquidations), parse),
            totals,
            expected: BTreeSet::new(),
            holds: Holds::default(),
            n_quarantined: 0,
            ready: Vec::new(),
            failed: None,
            tap: None,
        }
    }

    /// Returns whether rows of a dataset are asked for: a format may skip the work of making others.
    pub fn wants(&self, dataset: Dataset) -> bool {
        self.totals.contains_key(&dataset)
    }

    /// Returns the line being read, from 1.
    pub const fn line(&self) -> u64 {
        self.line
    }

    /// Tells the time of a message that makes no row, so that the watermark advances.
    #[inline]
    pub fn saw(&mut self, ts_event: i64) {
        if let Some(tap) = &mut self.tap {
            let ts_event = UnixMicros(ts_event);
            tap.0(self.primary, Event::Heartbeat(Heartbeat { ts_event }));
        }
        self.newest = self.newest.max(ts_event);
    }

    /// Returns the newest time seen, `i64::MIN` before the first.
    pub const fn newest(&self) -> i64 {
        self.newest
    }

    /// Returns the earliest time from `ts` on that is not late by now.
    pub fn on_time(&self, ts: i64) -> i64 {
        self.watermark_us
            .map_or(ts, |lag| ts.max(self.newest.saturating_sub(lag)))
    }

    /// Returns whether a time lies behind the watermark, then lets it advance the watermark.
    #[inline]
    fn is_late(&mut self, ts: i64) -> bool {
        let late = self
            .watermark_us
            .is_some_and(|lag| ts < self.newest.saturating_sub(lag));
        self.newest = self.newest.max(ts);
        late
    }

    pushers! {
        /// Adds a closed 1m kline.
        kline(klines: Kline);
        /// Adds a venue-aggregated trade.
        agg_trade(agg_trades: AggTrade);
        /// Adds a trade.
        trade(trades: TradeRow);
        /// Adds a best bid and ask.
        quote(book_ticker: BookTickerRow);
        /// Adds one level of a book message.
        delta(deltas: L2DeltaRow);
        /// Adds a percent band of depth.
        band(bands: DepthBandRow);
        /// Adds a mark price kline.
        mark_kline(mark: MarkKline);
        /// Adds a premium index kline.
        premium_kline(premium: PremiumKline);
        /// Adds an index price kline.
        index_kline(index: IndexKline);
        /// Adds a settled funding payment.
        funding(funding: FundingRow);
        /// Adds an open interest sample.
        open_interest(open_interest: OpenInterestRow);
        /// Adds a forced order.
        liquidation(liquidations: LiquidationRow);
    }

    /// Adds levels of one book message: each is `row` with its own price and quantity, and where `ends` says so the last of
    /// them ends the message. As many calls of [`Self::delta`].
    #[inline]
    pub fn deltas_of(
        &mut self,
        mut row: L2DeltaRow,
        levels: impl ExactSizeIterator<Item = BookLevel>,
        ends: bool,
    ) {
        let n = levels.len();
        if self.tap.is_some() {
            for (i, BookLevel { px, qty }) in levels.enumerate() {
                let msg_end = ends && i + 1 == n;
                self.delta(L2DeltaRow {
                    price: px,
                    qty,
                    msg_end,
                    ..row
                });
            }
            return;
        }
        if n == 0 || self.deltas.is_none() {
            return;
        }
        let ts = row.ts();
        if self.is_late(ts) {
            row.mark_late();
        }
        row.msg_end = false;
        let wanted = self.range.contains(UnixMicros(ts));
        if let Some(table) = &mut self.deltas
            && table.count_all(n, wanted)
        {
            let fill = |rows: &mut [L2DeltaRow]| {
                for (row, level) in rows.iter_mut().zip(levels) {
                    row.price = level.px;
                    row.qty = level.qty;
                }
                if let Some(last) = rows.last_mut() {
                    last.msg_end = ends;
                }
            };
            table.push_all(row, n, fill, self.line, &mut self.ready, &mut self.failed);
        }
    }

    /// Adds an image of the book. Images are derived and must come in time order.
    pub fn image(&mut self, image: &BookImage<'_>) {
        let wanted = self.range.contains(UnixMicros(image.ts_event));
        if let Some(table) = &mut self.images
            && table.count(wanted)
        {
            table.push(image, self.line, &mut self.ready, &mut self.failed);
        }
    }

    /// Counts well-formed rows of a dataset that cannot be used (e.g. book levels before the first image).
    pub fn leave_out(&mut self, dataset: Dataset, rows: u64) {
        if let Some(totals) = self.totals.get_mut(&dataset) {
            totals.rows += rows;
            totals.filtered += rows;
            totals.unwanted += rows;
        }
    }

    /// Tells that the day of `ts` should have rows of a dataset: without any, its partition is an empty one and no absent one.
    pub fn expect(&mut self, dataset: Dataset, ts: i64) {
        let ts = UnixMicros(ts);
        if self.range.contains(ts) && self.wants(dataset) {
            self.expected.insert((dataset, ts.day()));
        }
    }

    /// Counts rows of a dataset that repeat an earlier one exactly, found by the format itself.
    pub fn duplicates(&mut self, dataset: Dataset, ts_event: i64, rows: u64) {
        if !self.range.contains(UnixMicros(ts_event)) {
            if let Some(totals) = self.totals.get_mut(&dataset) {
                totals.rows += rows;
                totals.filtered += rows;
            }
            return;
        }
        let day = self.open_day().unwrap_or(UnixMicros(ts_event).day());
        if let Some(totals) = self.totals.get_mut(&dataset) {
            totals.rows += rows;
            totals.days.entry(day).or_default().duplicates += rows;
        }
    }

    /// Refuses a row of a known dataset: one row in, one row quarantined.
    pub fn refuse(&mut self, dataset: Dataset, line: &[u8], reason: RowProblem) {
        let dataset = if self.wants(dataset) {
            dataset
        } else {
            self.primary
        };
        let day = self.open_day();
        let Some(totals) = self.totals.get_mut(&dataset) else {
            return;
        };
        totals.rows += 1;
        if let Some(day) = day {
            totals.days.entry(day).or_default().quarantined += 1;
        }
        totals.quarantined.push(Quarantined {
            line: self.line,
            day,
            reason,
            text: excerpt(line, MAX_EXCERPT),
        });
        self.n_quarantined += 1;
    }

    /// Returns the day of the newest time seen, if it is wanted: no table has ended it yet.
    fn open_day(&self) -> Option<Day> {
        let newest = UnixMicros(self.newest);
        self.range.contains(newest).then(|| newest.day())
    }

    /// Notes a message of the asked instrument, whether or not it makes rows.
    #[inline]
    pub const fn of_asked(&mut self) {
        self.holds.saw_asked();
    }

    /// Returns whether a message of the asked instrument was noted.
    #[inline]
    pub const fn has_asked(&self) -> bool {
        self.holds.has_asked()
    }

    /// Notes a message of another instrument. A file that holds nothing else is refused.
    #[inline]
    pub fn of_other(&mut self, name: &[u8]) {
        self.holds.saw_other(name);
    }

    /// Notes a message that is none of the venue's. A file that holds nothing else is refused.
    pub fn of_nobody(&mut self, text: &[u8]) {
        self.holds.saw_strange(text);
    }

    /// Records that a stretch before the message being read is missing.
    pub fn gap(&mut self, dataset: Dataset) {
        if let Some(day) = self.open_day()
            && let Some(totals) = self.totals.get_mut(&dataset)
        {
            totals.days.entry(day).or_default().gaps += 1;
        }
    }

    /// Refuses the whole file; what follows is not read.
    pub fn fail(&mut self, error: ParseError) {
        self.failed.get_or_insert(error);
    }

    /// Refuses the whole file for a book that grew too deep with the message being read.
    pub fn fail_too_deep(&mut self, levels: usize) {
        self.fail(ParseError::BookTooDeep {
            file: self.file.clone(),
            line: self.line,
            levels,
        });
    }

    /// Returns the name of the file in messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Adds a remark to the report of a dataset.
    pub fn remark(&mut self, dataset: Dataset, text: String) {
        if let Some(totals) = self.totals.get_mut(&dataset) {
            totals.remarks.push(text);
        }
    }

    /// Adds to a named counter of the report of a dataset.
    pub fn diagnose(&mut self, dataset: Dataset, name: &'static str, by: u64) {
        if let Some(totals) = self.totals.get_mut(&dataset) {
            *totals.diagnostics.entry(name).or_default() += by;
        }
    }

    /// Hands on all that the tables hold; returns what they counted.
    fn flush_all(&mut self) -> Vec<(Dataset, Counted)> {
        let mut counted = Vec::new();
        macro_rules! flush {
            ($($field:ident),+) => {$(
                if let Some(table) = &mut self.$field {
                    let done = table.finish(&mut self.ready, &mut self.failed);
                    counted.push((table.dataset(), done));
                }
            )+};
        }
        flush!(
            klines,
            agg_trades,
            trades,
            book_ticker,
            deltas,
            images,
            bands,
            mark,
            premium,
            index,
            funding,
            open_interest,
            liquidations
        );
        counted
    }
}

/// Drives a [`MessageFormat`] over a file.
pub struct MessageParser<F> {
    format: F,
    tables: Tables,
    options: ParseOptions,
    lines: u64,
    crlf: u64,
    bom: bool,
}

impl<F: MessageFormat> MessageParser<F> {
    /// Returns a parser of one file.
    pub fn new(format: F, tables: &TableOptions, options: ParseOptions) -> Self {
        Self {
            format,
            tables: Tables::new(tables, &options),
            options,
            lines: 0,
            crlf: 0,
            bom: false,
        }
    }

    fn too_many(&self) -> ParseError {
        let with_bad = || {
            let all = self.tables.totals.values();
            all.filter(|t| !t.quarantined.is_empty())
        };
        let mut first: Vec<Quarantined> = with_bad()
            .flat_map(|t| t.quarantined.iter().take(3).cloned())
            .collect();
        first.sort_by_key(|q| q.line);
        first.truncate(3);
        ParseError::TooManyBadRows {
            file: self.options.file.clone(),
            quarantined: with_bad().map(|t| t.quarantined.len() as u64).sum(),
            rows: with_bad().map(|t| t.rows).sum(),
            share: self.options.max_quarantine_share,
            first,
        }
    }

    /// Passes on what the tables have ready.
    fn drain(&mut self, out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        if let Some(error) = self.tables.failed.take() {
            return Err(error);
        }
        for mut parsed in self.tables.ready.drain(..) {
            // What was counted outside of the table belongs to the day as well.
            if let Parsed::DayEnd {
                dataset,
                day,
                counts,
            } = &mut parsed
                && let Some(extra) = self
                    .tables
                    .totals
                    .get(dataset)
                    .and_then(|t| t.days.get(day))
            {
                counts.add(extra);
            }
            out.push(parsed);
        }
        if self.tables.n_quarantined > MAX_QUARANTINED {
            return Err(self.too_many());
        }
        Ok(())
    }
}

impl<F: MessageFormat> RowParser for MessageParser<F> {
    fn tap(&mut self, tap: Tap) -> bool {
        self.tables.tap = Some(tap);
        true
    }

    fn feed(&mut self, lines: &[u8], out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        let mut rest = lines;
        if self.lines == 0
            && let Some(stripped) = rest.strip_prefix(b"\xef\xbb\xbf")
        {
            self.bom = true;
            rest = stripped;
        }
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let mut line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            self.lines += 1;
            self.tables.line = self.lines;
            if let Some(stripped) = line.strip_suffix(b"\r") {
                line = stripped;
                self.crlf += 1;
            }
            let read = if line.is_empty() {
                Err(RowProblem::Blank)
            } else {
                self.format.message(line, &mut self.tables)
            };
            if let Err(reason) = read {
                self.tables.refuse(self.tables.primary, line, reason);
            }
            if self.tables.failed.is_some() {
                break;
            }
        }
        self.drain(out)
    }

    fn finish(&mut self, out: &mut Vec<Parsed>) -> Result<FileTotals, ParseError> {
        if self.lines == 0 {
            return Err(ParseError::Empty {
                file: self.options.file.clone(),
            });
        }
        self.format.finish(&mut self.tables)?;
        let (what, asked) = (self.format.name(), self.format.asked());
        if let Some(refusal) = self.tables.holds.refusal(&self.options.file, what, asked) {
            return Err(refusal);
        }
        let counted = self.tables.flush_all();
        self.drain(out)?;
        // Only now: days that have just ended must not count their rows twice.
        for (dataset, counted) in counted {
            let totals = self.tables.totals.entry(dataset).or_default();
            let expected = (self.tables.expected.iter())
                .filter(|(of, _)| *of == dataset)
                .map(|(_, day)| (*day, totals.days.get(day).copied().unwrap_or_default()));
            let expected: Vec<_> = expected.collect();
            totals.absorb(counted);
            for (day, counts) in expected {
                totals.days.entry(day).or_insert(counts);
            }
        }
        let share = self.options.max_quarantine_share;
        let counts = self.tables.totals.values();
        if too_many_refused(share, counts.map(|t| (t.rows, &t.quarantined[..]))) {
            return Err(self.too_many());
        }
        let mut all: FileTotals = std::mem::take(&mut self.tables.totals)
            .into_iter()
            .collect();
        for (dataset, totals) in &mut all {
            if *dataset == self.tables.primary {
                totals.notes.crlf = self.crlf;
                totals.notes.bom = self.bom;
            }
            // Lines before the first usable row count to the first day.
            if let Some((&first, counts)) = totals.days.iter_mut().next() {
                for row in totals.quarantined.iter_mut().filter(|q| q.day.is_none()) {
                    row.day = Some(first);
                    counts.quarantined += 1;
                }
            }
        }
        Ok(all)
    }
}

impl core::fmt::Debug for Tables {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tables")
            .field("file", &self.file)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
