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
    /// Rows seen, wanted or not.
    pub(super) rows: u64,
    /// Rows outside of the wanted range.
    pub(super) filtered: u64,
    pub(super) days: BTreeMap<Day, DayCounts>,
    pub(super) conflicts: Vec<Quarantined>,
}

impl Totals {
    /// Adds what a table counted to what the tables around it did.
    pub(super) fn absorb(&mut self, counted: Counted) {
        self.rows += counted.rows;
        self.filtered += counted.filtered;
        for (day, counts) in counted.days {
            self.days.entry(day).or_default().add(&counts);
        }
        self.quarantined.extend(counted.conflicts);
        // Days that only counters know have no partition.
        self.days.retain(|_, c| c.kept > 0 || c.duplicates > 0);
    }
}

/// What becomes of a row.
enum Verdict {
    Keep,
    /// It repeats the row before, or contradicts it; counted.
    Drop,
    Fail(ParseError),
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
    last: Option<(R, R::Key)>,
    day: Option<Day>,
    /// First and end time of `day`, empty without one.
    day_range: (i64, i64),
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
            last: None,
            day: None,
            day_range: (0, 0),
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

    /// Counts a row; returns whether it is kept.
    #[inline]
    pub(super) fn count(&mut self, wanted: bool) -> bool {
        self.counted.rows += 1;
        self.counted.filtered += u64::from(!wanted);
        wanted
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
        let mut last = self.last;
        // Rows are spread over the columns in runs: from `from` on they are kept and of one day.
        let mut from = 0;
        for (i, row) in pending[..n].iter().enumerate() {
            let key = row.sort_key();
            match self.judge(row, key, last.as_ref(), line) {
                Verdict::Keep => {}
                Verdict::Drop => {
                    self.keep(&pending[from..i]);
                    from = i + 1;
                    continue;
                }
                Verdict::Fail(error) => {
                    *failed = Some(error);
                    break;
                }
            }
            if !(self.day_range.0 <= row.ts() && row.ts() < self.day_range.1) {
                self.keep(&pending[from..i]);
                from = i;
                self.enter(UnixMicros(row.ts()).day(), ready, failed);
            }
            last = Some((*row, key));
        }
        if failed.is_none() {
            self.keep(&pending[from..n]);
        }
        self.last = last;
        pending.drain(..n);
        self.pending = pending;
        self.flush(ready, failed);
    }

    /// Compares a row in order with the one before it.
    #[inline]
    fn judge(&mut self, row: &R, key: R::Key, last: Option<&(R, R::Key)>, line: u64) -> Verdict {
        let Some((last, last_key)) = last else {
            return Verdict::Keep;
        };
        let (id, last_id) = (row.unique_id(), last.unique_id());
        if key > *last_key && (id > last_id || id.is_none()) {
            return Verdict::Keep;
        }
        let same = match id {
            Some(_) => id == last_id,
            None => key == *last_key,
        };
        if !same {
            return Verdict::Fail(ParseError::OutOfOrder {
                file: self.file.clone(),
                line,
                dataset: R::DATASET,
            });
        }
        let day = UnixMicros(row.ts()).day();
        let counts = self.counted.days.entry(day).or_default();
        if row.same(last) {
            counts.duplicates += 1;
        } else {
            counts.quarantined += 1;
            self.counted.conflicts.push(Quarantined {
                line,
                day: Some(day),
                reason: RowProblem::Conflict,
                text: format!("{row:?}"),
            });
        }
        Verdict::Drop
    }

    /// Spreads rows of the open day over the columns and counts them.
    fn keep(&mut self, rows: &[R]) {
        let Some(day) = self.day.filter(|_| !rows.is_empty()) else {
            return;
        };
        let counts = self.counted.days.entry(day).or_default();
        counts.kept += rows.len() as u64;
        counts.late += rows.iter().filter(|r| r.is_late()).count() as u64;
        self.columns.extend(rows);
    }

    /// Leaves the open day for another one.
    fn enter(&mut self, day: Day, ready: &mut Vec<Parsed>, failed: &mut Option<ParseError>) {
        self.flush(ready, failed);
        if let Some(before) = self.day {
            ready.push(Parsed::DayEnd {
                dataset: R::DATASET,
                day: before,
                counts: self.counted.days.get(&before).copied().unwrap_or_default(),
            });
        }
        self.day = Some(day);
        self.day_range = (day.start().0, day.end().0);
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
