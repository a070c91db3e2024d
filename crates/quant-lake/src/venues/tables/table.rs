//! One table of a [`Tables`](super::Tables): sorts within a window, drops repetitions, cuts batches by day.

use std::collections::BTreeMap;

use arrow_schema::SchemaRef;
use quant_core::time::{Day, UnixMicros};

use crate::schema::Dataset;
use crate::venues::records::{Columns as _, Record};
use crate::venues::rows::{DayCounts, ParseError, Parsed, Quarantined, RowProblem, Totals};

/// Rows handed on together.
const BATCH_ROWS: usize = 32_768;

/// Rows held back so that late ones can be sorted in.
const WINDOW_ROWS: usize = 8_192;

/// What a table counted.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) days: BTreeMap<Day, DayCounts>,
    pub(super) conflicts: Vec<Quarantined>,
}

impl Totals {
    /// Adds what a table counted to what the tables around it did.
    pub(super) fn absorb(&mut self, counted: Counted) {
        for (day, counts) in counted.days {
            self.days.entry(day).or_default().add(&counts);
        }
        self.quarantined.extend(counted.conflicts);
        // Days that only counters know have no partition.
        self.days.retain(|_, c| c.kept > 0 || c.duplicates > 0);
    }
}

/// Rows of one dataset on their way to batches.
pub(super) struct Table<R: Record> {
    file: String,
    schema: SchemaRef,
    collect: bool,
    pending: Vec<R>,
    lines: Vec<u64>,
    /// The pending rows are in order so far.
    sorted: bool,
    columns: R::Columns,
    /// Rows kept and not yet spread over the columns.
    staged: Vec<R>,
    last: Option<(R, R::Key)>,
    day: Option<Day>,
    counted: Counted,
    /// Largest key pushed, to count rows that were not in order.
    largest: Option<R::Key>,
}

impl<R: Record> Table<R> {
    pub(super) fn new(file: &str, collect: bool) -> Self {
        Self {
            file: file.to_owned(),
            schema: R::DATASET.arrow_schema(0),
            collect,
            pending: Vec::new(),
            lines: Vec::new(),
            sorted: true,
            columns: R::Columns::default(),
            staged: Vec::new(),
            last: None,
            day: None,
            counted: Counted::default(),
            largest: None,
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "the same call serves tables of every kind"
    )]
    pub(super) fn dataset(&self) -> Dataset {
        R::DATASET
    }

    #[inline]
    pub(super) fn push(
        &mut self,
        row: R,
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let key = row.sort_key();
        match self.largest {
            Some(largest) if key < largest => {
                self.sorted = false;
                let day = UnixMicros(row.ts()).day();
                self.counted.days.entry(day).or_default().out_of_order += 1;
            }
            _ => self.largest = Some(key),
        }
        self.pending.push(row);
        if self.collect {
            self.lines.push(line);
        }
        if self.pending.len() >= BATCH_ROWS + WINDOW_ROWS {
            self.emit(BATCH_ROWS, line, ready, failed);
        }
    }

    /// Hands on the first `n` pending rows.
    fn emit(
        &mut self,
        n: usize,
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        if self.collect {
            self.emit_collected(n, ready, failed);
            return;
        }
        if !self.sorted {
            self.pending.sort_by_key(R::sort_key);
            self.sorted = true;
        }
        let mut pending = std::mem::take(&mut self.pending);
        for row in pending.drain(..n) {
            if failed.is_some() {
                break;
            }
            self.take(row, line, ready, failed);
        }
        self.pending = pending;
        self.flush(ready, failed);
    }

    /// Takes a row in order: compares it with the one before, keeps it.
    fn take(
        &mut self,
        row: R,
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let key = row.sort_key();
        let day = UnixMicros(row.ts()).day();
        if let Some((last, last_key)) = &self.last {
            let (id, last_id) = (row.unique_id(), last.unique_id());
            let rises = key > *last_key && (id > last_id || id.is_none());
            if !rises {
                let same = match id {
                    Some(_) => id == last_id,
                    None => key == *last_key,
                };
                if !same {
                    *failed = Some(ParseError::OutOfOrder {
                        file: self.file.clone(),
                        line,
                        dataset: R::DATASET,
                    });
                } else if row.same(last) {
                    self.counted.days.entry(day).or_default().duplicates += 1;
                } else {
                    self.counted.days.entry(day).or_default().quarantined += 1;
                    self.counted.conflicts.push(Quarantined {
                        line,
                        day: Some(day),
                        reason: RowProblem::Conflict,
                        text: format!("{row:?}"),
                    });
                }
                return;
            }
        }
        if self.day != Some(day) {
            self.flush(ready, failed);
            if let Some(before) = self.day {
                ready.push(Parsed::DayEnd {
                    dataset: R::DATASET,
                    day: before,
                    counts: self.counted.days.get(&before).copied().unwrap_or_default(),
                });
            }
            self.day = Some(day);
        }
        let counts = self.counted.days.entry(day).or_default();
        counts.kept += 1;
        counts.late += u64::from(row.is_late());
        self.staged.push(row);
        self.last = Some((row, key));
    }

    /// Hands on rows as they came, for the caller to sort.
    fn emit_collected(
        &mut self,
        n: usize,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let mut by_day: BTreeMap<Day, (Vec<R>, Vec<u64>)> = BTreeMap::new();
        for (row, line) in self.pending.drain(..n).zip(self.lines.drain(..n)) {
            let day = UnixMicros(row.ts()).day();
            let counts = self.counted.days.entry(day).or_default();
            counts.kept += 1;
            counts.late += u64::from(row.is_late());
            let (rows, lines) = by_day.entry(day).or_default();
            rows.push(row);
            lines.push(line);
        }
        for (day, (rows, lines)) in by_day {
            self.columns.extend(&rows);
            self.batch(day, lines, ready, failed);
        }
    }

    fn flush(&mut self, ready: &mut Vec<Parsed>, failed: &mut Option<ParseError>) {
        self.columns.extend(&self.staged);
        self.staged.clear();
        if let Some(day) = self.day
            && !self.columns.is_empty()
        {
            self.batch(day, Vec::new(), ready, failed);
        }
    }

    fn batch(
        &mut self,
        day: Day,
        lines: Vec<u64>,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        match self.columns.take(&self.schema) {
            Ok(batch) => ready.push(Parsed::Rows {
                dataset: R::DATASET,
                day,
                batch,
                lines,
            }),
            Err(source) => {
                *failed = Some(ParseError::Batch {
                    file: self.file.clone(),
                    source,
                });
            }
        }
    }

    /// Hands on everything held; returns what was counted.
    pub(super) fn finish(
        &mut self,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) -> Counted {
        while !self.pending.is_empty() && failed.is_none() {
            let n = self.pending.len().min(BATCH_ROWS);
            self.emit(n, 0, ready, failed);
        }
        std::mem::take(&mut self.counted)
    }
}
