//! The row engine of text formats: whole lines in, column batches per UTC day out.
//!
//! Counts every row exactly once as written, duplicate, filtered or quarantined. Knows no venue: a [`RowFormat`] turns
//! the fields of a line into a [`Record`]. It neither reads files nor decides what is committed.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use memchr::memchr;
use quant_core::time::{Day, TimeRange, UnixMicros};

use super::records::{Columns as _, Record};
use super::tables::Tap;
use crate::schema::Dataset;

mod fields;
mod holds;
mod notes;
mod problem;
mod refused;
pub use fields::{Fields, MAX_FIELDS};
pub(in crate::venues) use holds::Holds;
pub use notes::{LeftOut, Notes};
pub use problem::{ParseError, RowProblem};
pub use refused::{Quarantined, too_many_refused};

/// Rows per batch: large enough to amortise a batch, small enough to stay in cache.
const BATCH_ROWS: usize = 32_768;

/// Rows that wait to be spread over the columns together; they stay in the first-level cache.
const STAGED_ROWS: usize = 128;

/// Longest excerpt of a rejected line that is kept.
const MAX_EXCERPT: usize = 256;

/// Rejected rows kept in memory for one file; beyond it the file is refused whatever its size.
const MAX_QUARANTINED: usize = 100_000;

/// Turns the fields of one line into a row.
pub trait RowFormat: Send {
    /// The row.
    type Record: Record;

    /// Returns the name used in messages.
    fn name(&self) -> &'static str;
    /// Returns the instrument that is asked for, where the file may hold others.
    fn asked(&self) -> Option<&str> {
        None
    }
    /// Returns the instrument of a row that was left out as another's.
    fn instrument<'a>(&self, fields: &Fields<'a>) -> &'a [u8] {
        fields.get(0)
    }
    /// Returns the field separator.
    fn delimiter(&self) -> u8 {
        b','
    }
    /// Returns the expected column names, in the order [`RowFormat::parse`] asks for them.
    fn columns(&self) -> Vec<&str>;
    /// Returns the columns that may be absent, in the order they follow [`RowFormat::columns`] in [`RowFormat::parse`];
    /// an absent one reads as empty.
    fn optional(&self) -> &[&'static str] {
        &[]
    }
    /// Reads a header that names its columns in another way (older files of a vendor); returns the field of each column
    /// and optional column, `usize::MAX` where absent. Asked only if the names are not the usual ones.
    fn place(&self, _header: &Fields<'_>) -> Option<Vec<usize>> {
        None
    }
    /// Returns whether ids are provisional: made while collecting, to be replaced when the whole day is in order.
    fn has_provisional_ids(&self) -> bool {
        false
    }
    /// Returns whether extra columns are allowed (a user's own file), or must be refused (a vendor's).
    fn allows_extra(&self) -> bool {
        false
    }
    /// Returns whether a first line is a data row rather than a header.
    fn is_data(&self, fields: &Fields<'_>) -> bool;
    /// Reads one row.
    ///
    /// # Errors
    /// Why the row cannot be used.
    fn parse(&mut self, fields: &Fields<'_>, notes: &mut Notes)
    -> Result<Self::Record, RowProblem>;
    /// Reads the line at the front of `text`, columns in the usual order, if it is spelled in the plainest way; returns
    /// the row and the length of the line. `None` says nothing about the line: [`RowFormat::parse`] decides.
    fn plain(&mut self, _text: &[u8], _notes: &mut Notes) -> Option<(Self::Record, usize)> {
        None
    }
    /// Returns, for a file without a header, the field of each column and the number of fields; `None` if in order.
    fn positions(&self) -> Option<(Vec<usize>, usize)> {
        None
    }
}

/// Every row of a file, once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Data rows in the file: the sum of `filtered`, `quarantined` and, over the days, `kept` and `duplicates`. Without a usable row `days` is empty.
    pub rows: u64,
    /// Rows outside the wanted time range, and rows the format leaves out (`notes` says which).
    pub filtered: u64,
    /// First and last time of the rows outside the wanted time range, in files of rows.
    pub outside: Option<(UnixMicros, UnixMicros)>,
    /// Rows refused.
    pub quarantined: Vec<Quarantined>,
    /// Those of the filtered rows that are of a wanted day but cannot be used, as a book update before the first
    /// image of the book; `remarks` tell why.
    pub unwanted: u64,
    /// What happened day by day.
    pub days: BTreeMap<Day, DayCounts>,
    /// Observations.
    pub notes: Notes,
    /// Observations in words, one line each.
    pub remarks: Vec<String>,
    /// Counters of the format's own, for the report.
    pub diagnostics: BTreeMap<&'static str, u64>,
}

/// Rows of one day of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayCounts {
    /// Rows handed on.
    pub kept: u64,
    /// Exact repetitions dropped.
    pub duplicates: u64,
    /// Rows refused.
    pub quarantined: u64,
    /// Rows that came after a row with a larger key.
    pub out_of_order: u64,
    /// Rows that came after the watermark had passed them.
    pub late: u64,
    /// Stretches that are known to be missing.
    pub gaps: u64,
}

impl DayCounts {
    /// Adds the counts of another part of the same day.
    pub const fn add(&mut self, other: &Self) {
        self.kept += other.kept;
        self.duplicates += other.duplicates;
        self.quarantined += other.quarantined;
        self.out_of_order += other.out_of_order;
        self.late += other.late;
        self.gaps += other.gaps;
    }
}

/// What a parser hands on.
#[derive(Clone, Debug)]
pub enum Parsed {
    /// Rows of one UTC day.
    Rows {
        /// Dataset of the rows.
        dataset: Dataset,
        /// The day all rows lie in.
        day: Day,
        /// The rows, in file order.
        batch: RecordBatch,
        /// Line of each row; filled only when collecting.
        lines: Vec<u64>,
    },
    /// No further row of this day follows; sent between two days of a file in order, not when collecting.
    DayEnd {
        /// Dataset that is done with the day.
        dataset: Dataset,
        /// The day.
        day: Day,
        /// Its counts.
        counts: DayCounts,
    },
}

/// How a parser treats a file.
#[derive(Clone, Debug)]
pub struct ParseOptions {
    /// Name of the file in messages.
    pub file: String,
    /// Rows outside are filtered.
    pub range: TimeRange,
    /// Largest share of unusable rows.
    pub max_quarantine_share: f64,
    /// Datasets whose rows are accepted in any order, line numbers kept, instead of stopping at the first row out of
    /// order.
    pub collect: Vec<Dataset>,
}

impl ParseOptions {
    /// Returns whether rows of a dataset are accepted in any order.
    pub fn collects(&self, dataset: Dataset) -> bool {
        self.collect.contains(&dataset)
    }
}

/// What a file held, per dataset it can hold.
pub type FileTotals = Vec<(Dataset, Totals)>;

/// A parser of one file, whatever its datasets.
pub trait RowParser: Send {
    /// Reads a chunk of whole lines.
    ///
    /// # Errors
    /// Why the file is refused.
    fn feed(&mut self, lines: &[u8], out: &mut Vec<Parsed>) -> Result<(), ParseError>;
    /// Ends the file: hands out what is left and the counts.
    ///
    /// # Errors
    /// Why the file is refused.
    fn finish(&mut self, out: &mut Vec<Parsed>) -> Result<FileTotals, ParseError>;
    /// Asks to be told every row as it arrives; returns false if the format has no messages.
    fn tap(&mut self, tap: Tap) -> bool {
        drop(tap);
        false
    }
}

/// The engine: one file, one format.
pub struct Parser<F: RowFormat> {
    format: F,
    options: ParseOptions,
    schema: SchemaRef,
    /// Field of the line for each column of the format; `None` = in order.
    order: Option<Vec<usize>>,
    n_fields: usize,
    /// The file has the format's columns in the usual order.
    usual: bool,
    columns: <F::Record as Record>::Columns,
    /// Latest rows of the day, not yet in `columns`.
    staged: Vec<F::Record>,
    lines: Vec<u64>,
    day: Option<Day>,
    /// The day of the first usable row, which also counts what came before it.
    first_day: Option<Day>,
    /// First and end time of `day`, empty without one.
    day_range: (i64, i64),
    counts: DayCounts,
    prev: Option<(F::Record, <F::Record as Record>::Key)>,
    /// Latest time kept.
    latest: i64,
    line: u64,
    totals: Totals,
    holds: Holds,
    started: bool,
    collect: bool,
}

impl<F: RowFormat> Parser<F> {
    /// Returns a parser of one file.
    pub fn new(format: F, options: ParseOptions) -> Self {
        Self {
            schema: F::Record::DATASET.arrow_schema(0),
            n_fields: format.columns().len(),
            format,
            collect: options.collects(F::Record::DATASET),
            options,
            order: None,
            usual: false,
            columns: Default::default(),
            staged: Vec::with_capacity(STAGED_ROWS),
            lines: Vec::new(),
            day: None,
            first_day: None,
            day_range: (0, 0),
            counts: DayCounts::default(),
            prev: None,
            latest: i64::MIN,
            line: 0,
            totals: Totals::default(),
            holds: Holds::default(),
            started: false,
        }
    }

    fn file(&self) -> String {
        self.options.file.clone()
    }

    /// Looks at the first line; returns whether it was a header.
    fn start(&mut self, line: &[u8]) -> Result<bool, ParseError> {
        if line.contains(&b'\r') {
            return Err(ParseError::CarriageReturns { file: self.file() });
        }
        let fields = Fields::split(line, self.format.delimiter());
        let expected = self.format.columns();
        if self.format.is_data(&fields) {
            let (order, n_fields) = match self.format.positions() {
                Some((order, n_fields)) => (Some(order), n_fields),
                None => (None, expected.len()),
            };
            if fields.len() != n_fields || fields.overflowed() {
                return Err(ParseError::Arity {
                    file: self.file(),
                    line: self.line,
                    format: self.format.name(),
                    expected: n_fields,
                    found: fields.len(),
                });
            }
            self.totals.notes.no_header = true;
            (self.order, self.n_fields) = (order, n_fields);
            return Ok(false);
        }
        let names: Vec<String> = (0..fields.len())
            .map(|i| String::from_utf8_lossy(fields.get(i)).into_owned())
            .collect();
        let missing: Vec<String> = expected
            .iter()
            .filter(|name| !names.iter().any(|n| n == *name))
            .map(|&name| name.to_owned())
            .collect();
        let optional = self.format.optional();
        let mut unknown = Vec::new();
        for (i, name) in names.iter().enumerate() {
            let known = expected.contains(&name.as_str()) || optional.contains(&name.as_str());
            if (!known && !self.format.allows_extra()) || (known && names[..i].contains(name)) {
                unknown.push(excerpt(name.as_bytes(), 64));
            }
        }
        if !missing.is_empty() || !unknown.is_empty() || fields.overflowed() {
            if let Some(order) = self.format.place(&fields).filter(|_| !fields.overflowed()) {
                self.totals.notes.other_header = true;
                self.order = Some(order);
                self.n_fields = fields.len();
                return Ok(true);
            }
            unknown.truncate(MAX_FIELDS);
            return Err(ParseError::Header {
                file: self.file(),
                format: self.format.name(),
                expected: expected.join(","),
                missing,
                unknown,
            });
        }
        let place = |name: &&str| names.iter().position(|n| n == name);
        let mut order: Vec<usize> = expected.iter().filter_map(place).collect();
        // Optional columns may stand anywhere; only the order among the others is a trait of the format.
        let is_usual = if optional.is_empty() {
            order.iter().enumerate().all(|(i, &at)| i == at)
        } else {
            order.is_sorted()
        };
        self.totals.notes.reordered_header = !is_usual;
        if !is_usual || !optional.is_empty() {
            order.extend(
                optional
                    .iter()
                    .map(|name| place(name).unwrap_or(usize::MAX)),
            );
            self.order = Some(order);
        }
        self.n_fields = names.len();
        Ok(true)
    }

    fn quarantine(&mut self, line: &[u8], reason: RowProblem) -> Result<(), ParseError> {
        self.counts.quarantined += 1;
        self.totals.quarantined.push(Quarantined {
            line: self.line,
            day: self.day,
            reason,
            text: excerpt(line, MAX_EXCERPT),
        });
        if self.totals.quarantined.len() > MAX_QUARANTINED {
            Err(self.too_many())
        } else {
            Ok(())
        }
    }

    fn too_many(&self) -> ParseError {
        ParseError::TooManyBadRows {
            file: self.file(),
            quarantined: self.totals.quarantined.len() as u64,
            rows: self.totals.rows,
            share: self.options.max_quarantine_share,
            first: self.totals.quarantined.iter().take(3).cloned().collect(),
        }
    }

    fn flush(&mut self, out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        let Some(day) = self.day else { return Ok(()) };
        self.columns.extend(&self.staged);
        self.staged.clear();
        if self.columns.is_empty() {
            return Ok(());
        }
        let batch = self
            .columns
            .take(&self.schema)
            .map_err(|source| ParseError::Batch {
                file: self.options.file.clone(),
                source,
            })?;
        out.push(Parsed::Rows {
            dataset: F::Record::DATASET,
            day,
            batch,
            lines: std::mem::take(&mut self.lines),
        });
        Ok(())
    }

    /// Reads the line that is the first `len` bytes of `text`.
    fn row(&mut self, text: &[u8], len: usize, out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        let line = text.get(..len).unwrap_or(text);
        self.totals.rows += 1;
        if line.is_empty() {
            return self.quarantine(line, RowProblem::Blank);
        }
        let mut fields = Fields::split_front(text, len, self.format.delimiter());
        if fields.len() != self.n_fields {
            let (expected, found) = (self.n_fields, fields.len());
            return self.quarantine(line, RowProblem::FieldCount { expected, found });
        }
        if let Some(order) = &self.order {
            fields = fields.permuted(order);
        }
        let row = match self.format.parse(&fields, &mut self.totals.notes) {
            Ok(row) => row,
            Err(RowProblem::LeftOut(why)) => {
                self.totals.filtered += 1;
                self.totals.notes.leave_out(why);
                if why == LeftOut::OtherInstrument {
                    self.holds.saw_other(self.format.instrument(&fields));
                }
                return Ok(());
            }
            Err(reason) => return self.quarantine(line, reason),
        };
        self.accept(line, row, out)
    }

    /// Takes a readable row: filters, compares with the row before, keeps.
    #[inline]
    fn accept(
        &mut self,
        line: &[u8],
        row: F::Record,
        out: &mut Vec<Parsed>,
    ) -> Result<(), ParseError> {
        let ts = row.ts();
        if !self.options.range.contains(UnixMicros(ts)) {
            self.totals.filtered += 1;
            let at = UnixMicros(ts);
            let (first, last) = self.totals.outside.unwrap_or((at, at));
            self.totals.outside = Some((first.min(at), last.max(at)));
            return Ok(());
        }
        let key = row.sort_key();
        if let Some((prev, prev_key)) = &self.prev {
            let rises = key > *prev_key
                && (row.unique_id() > prev.unique_id() || row.unique_id().is_none());
            if !rises {
                if self.collect {
                    // The caller sorts and drops repetitions; the largest key so far stays the yardstick.
                    let is_late = if self.format.has_provisional_ids() {
                        ts < self.latest
                    } else {
                        key < *prev_key
                    };
                    if is_late {
                        self.counts.out_of_order += 1;
                    }
                    return self.keep(row, (*prev_key).max(key), out);
                }
                let same = match row.unique_id() {
                    Some(id) => Some(id) == prev.unique_id(),
                    None => key == *prev_key,
                };
                if !same {
                    return Err(ParseError::OutOfOrder {
                        file: self.file(),
                        dataset: F::Record::DATASET,
                        line: self.line,
                    });
                }
                if row == *prev {
                    self.counts.duplicates += 1;
                    return Ok(());
                }
                return self.quarantine(line, RowProblem::Conflict);
            }
        }
        self.keep(row, key, out)
    }

    /// Books what was counted so far under the day just left.
    fn enter(&mut self, day: Day) {
        // Counts before the first usable row belong to the first day.
        let booked = self.day.unwrap_or(day);
        self.first_day.get_or_insert(booked);
        let counts = std::mem::take(&mut self.counts);
        let sum = self.totals.days.entry(booked).or_default();
        sum.add(&counts);
        self.day = Some(day);
        self.day_range = (day.start().0, day.end().0);
    }

    #[inline]
    fn keep(
        &mut self,
        row: F::Record,
        key: <F::Record as Record>::Key,
        out: &mut Vec<Parsed>,
    ) -> Result<(), ParseError> {
        let ts = row.ts();
        if self.staged.len() == STAGED_ROWS {
            self.columns.extend(&self.staged);
            self.staged.clear();
        }
        let in_day = self.day_range.0 <= ts && ts < self.day_range.1;
        // `STAGED_ROWS` divides `BATCH_ROWS`, so the columns are full exactly when nothing is staged.
        if !in_day || self.columns.len() == BATCH_ROWS {
            self.flush(out)?;
            let (before, day) = (self.day, UnixMicros(ts).day());
            self.enter(day);
            if let Some(before) = before
                && before != day
                && !self.collect
            {
                let counts = self.totals.days.get(&before).copied().unwrap_or_default();
                out.push(Parsed::DayEnd {
                    dataset: F::Record::DATASET,
                    day: before,
                    counts,
                });
            }
        }
        self.staged.push(row);
        if self.collect {
            self.lines.push(self.line);
        }
        self.counts.kept += 1;
        self.prev = Some((row, key));
        self.latest = self.latest.max(ts);
        Ok(())
    }
}

impl<F: RowFormat> RowParser for Parser<F> {
    fn feed(&mut self, lines: &[u8], out: &mut Vec<Parsed>) -> Result<(), ParseError> {
        let mut rest = lines;
        if self.line == 0
            && let Some(stripped) = rest.strip_prefix(b"\xef\xbb\xbf")
        {
            self.totals.notes.bom = true;
            rest = stripped;
        }
        while !rest.is_empty() {
            if self.usual
                && let Some((row, len)) = self.format.plain(rest, &mut self.totals.notes)
            {
                let line = &rest[..len];
                rest = &rest[len + 1..];
                self.line += 1;
                self.totals.rows += 1;
                self.accept(line, row, out)?;
                continue;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let text = rest;
            let mut line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            self.line += 1;
            if let Some(stripped) = line.strip_suffix(b"\r") {
                line = stripped;
                self.totals.notes.crlf += 1;
            }
            if !self.started {
                self.started = true;
                let is_header = self.start(line)?;
                self.usual = self.order.is_none() && self.n_fields == self.format.columns().len();
                if is_header {
                    continue;
                }
            }
            self.row(text, line.len(), out)?;
        }
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<Parsed>) -> Result<FileTotals, ParseError> {
        if !self.started {
            return Err(ParseError::Empty { file: self.file() });
        }
        let of_others = self.totals.notes.other_instruments;
        if self.totals.rows > of_others + self.totals.quarantined.len() as u64 {
            self.holds.saw_asked();
        }
        let (what, asked) = (self.format.name(), self.format.asked());
        if let Some(refusal) = self.holds.refusal(&self.options.file, what, asked) {
            return Err(refusal);
        }
        let allowed = self.options.max_quarantine_share * self.totals.rows as f64;
        if self.totals.quarantined.len() as f64 > allowed {
            return Err(self.too_many());
        }
        self.flush(out)?;
        if let Some(day) = self.day {
            self.enter(day);
        }
        let mut totals = std::mem::take(&mut self.totals);
        for row in totals.quarantined.iter_mut().filter(|q| q.day.is_none()) {
            row.day = self.first_day;
        }
        Ok(vec![(F::Record::DATASET, totals)])
    }
}

/// Returns at most `max` bytes of a line as text, control characters escaped.
pub fn excerpt(line: &[u8], max: usize) -> String {
    let cut = &line[..line.len().min(max)];
    let mut out = String::with_capacity(cut.len());
    for c in String::from_utf8_lossy(cut).chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Boxes a parser of `format`.
pub fn boxed<F: RowFormat + 'static>(format: F, options: ParseOptions) -> Box<dyn RowParser> {
    Box::new(Parser::new(format, options))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_shared;
