//! One table of a [`Tables`](super::Tables): sorts within a window, drops repetitions, cuts batches by day.

use std::cmp::Ordering;
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

/// Rows spread over the columns at once: few enough that each column finds them in the fastest cache.
const SPREAD_ROWS: usize = 128;

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
    /// Pending rows up to the last that did not rise above all before it; those after it need no judgement.
    unclear: usize,
    columns: R::Columns,
    last: Option<(R, R::Key)>,
    day: Option<Day>,
    /// First and end time of `day`, empty without one.
    day_range: (i64, i64),
    counted: Counted,
    /// Largest key pushed, to count rows that were not in order.
    largest: Option<R::Key>,
    /// Largest id pushed, where rows have one.
    largest_id: Option<i64>,
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
            unclear: 0,
            columns: R::Columns::default(),
            last: None,
            day: None,
            day_range: (0, 0),
            counted: Counted::default(),
            largest: None,
            largest_id: None,
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
        self.pending.push(row);
        self.rank(self.pending.len() - 1);
        if self.collect {
            self.lines.push(line);
        }
        if self.pending.len() >= BATCH_ROWS + WINDOW_ROWS {
            self.emit(BATCH_ROWS, line, ready, failed);
        }
    }

    /// Counts as many rows; returns whether they are kept.
    #[inline]
    pub(super) fn count_all(&mut self, n: usize, wanted: bool) -> bool {
        self.counted.rows += n as u64;
        self.counted.filtered += if wanted { 0 } else { n as u64 };
        wanted
    }

    /// Pushes `n` rows that are mostly alike: copies of `row` where they stay, which `fill` then makes different.
    #[inline]
    pub(super) fn push_all(
        &mut self,
        row: R,
        n: usize,
        fill: impl FnOnce(&mut [R]),
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let from = self.pending.len();
        self.pending.resize(from + n, row);
        fill(&mut self.pending[from..]);
        for i in from..from + n {
            self.rank(i);
        }
        if self.collect {
            self.lines.resize(from + n, line);
        }
        while self.pending.len() >= BATCH_ROWS + WINDOW_ROWS {
            self.emit(BATCH_ROWS, line, ready, failed);
        }
    }

    /// Compares a pending row with all before it.
    #[inline]
    fn rank(&mut self, i: usize) {
        let row = &self.pending[i];
        let (key, id) = (row.sort_key(), row.unique_id());
        let order = self.largest.map(|largest| key.cmp(&largest));
        if order.is_none_or(Ordering::is_gt) && (id > self.largest_id || id.is_none()) {
            self.largest = Some(key);
            self.largest_id = id;
        } else {
            self.rank_unclear(i, key, order);
        }
    }

    #[cold]
    fn rank_unclear(&mut self, i: usize, key: R::Key, order: Option<Ordering>) {
        let row = &self.pending[i];
        self.unclear = i + 1;
        if order.is_some_and(Ordering::is_lt) {
            self.sorted = false;
            let day = UnixMicros(row.ts()).day();
            self.counted.days.entry(day).or_default().out_of_order += 1;
        } else {
            self.largest = Some(key);
        }
        self.largest_id = self.largest_id.max(row.unique_id());
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
        let unclear = self.unclear.min(n);
        self.unclear -= unclear;
        self.judge_all(&pending[..unclear], line, ready, failed);
        if failed.is_none() {
            let rows = &pending[unclear..n];
            self.spread(rows, ready, failed);
            if let Some(row) = rows.last() {
                self.last = Some((*row, row.sort_key()));
            }
        }
        pending.drain(..n);
        self.pending = pending;
        self.flush(ready, failed);
    }

    /// Hands on those of the rows that do not repeat or contradict the one before.
    fn judge_all(
        &mut self,
        rows: &[R],
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let mut last = self.last;
        // Rows are handed on in runs: from `from` on they are kept.
        let mut from = 0;
        for (i, row) in rows.iter().enumerate() {
            let key = row.sort_key();
            match self.judge(row, key, last.as_ref(), line) {
                Verdict::Keep => last = Some((*row, key)),
                Verdict::Drop => {
                    self.spread(&rows[from..i], ready, failed);
                    from = i + 1;
                }
                Verdict::Fail(error) => {
                    *failed = Some(error);
                    break;
                }
            }
        }
        if failed.is_none() {
            self.spread(&rows[from..], ready, failed);
        }
        self.last = last;
    }

    /// Hands on rows in order, day by day.
    fn spread(&mut self, rows: &[R], ready: &mut Vec<Parsed>, failed: &mut Option<ParseError>) {
        for rows in rows.chunks(SPREAD_ROWS) {
            let mut rest = rows;
            while let Some(first) = rest.first() {
                if !self.is_of_day(first) {
                    self.enter(UnixMicros(first.ts()).day(), ready, failed);
                }
                let n = rest.iter().position(|row| !self.is_of_day(row));
                let (of_day, others) = rest.split_at(n.unwrap_or(rest.len()));
                self.keep(of_day);
                rest = others;
            }
        }
    }

    /// Returns whether a row is of the open day.
    #[inline]
    fn is_of_day(&self, row: &R) -> bool {
        self.day_range.0 <= row.ts() && row.ts() < self.day_range.1
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
