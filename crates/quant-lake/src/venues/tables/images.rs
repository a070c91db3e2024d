//! The table of book images: as many columns as the set has levels, null beyond the depth of the book.

use std::sync::Arc;

use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{
    ArrayRef, Int64Array, PrimitiveArray, RecordBatch, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::ScalarBuffer;
use arrow_schema::{ArrowError, DataType, SchemaRef};
use quant_core::market::BookLevel;
use quant_core::time::{Day, UnixMicros};

use super::table::Counted;
use crate::schema::{ColumnType, Dataset};
use crate::venues::records::OptColumn;
use crate::venues::rows::{ParseError, Parsed};

/// Rows handed on together: a row of 50 levels has 1.6 kB.
const BATCH_ROWS: usize = 2_048;

/// A book at one moment, best levels first; levels beyond those of the table are not looked at.
#[derive(Clone, Copy, Debug)]
pub struct BookImage<'a> {
    /// Microseconds UTC.
    pub ts_event: i64,
    /// When the last message in it was received, where known.
    pub ts_recv: Option<i64>,
    /// Sequence number of the last message in it.
    pub seq: i64,
    /// Update id of the last message in it, where the venue has one beside the sequence.
    pub update_id: Option<i64>,
    /// Bids, descending.
    pub bids: &'a [BookLevel],
    /// Asks, ascending.
    pub asks: &'a [BookLevel],
}

/// Images on their way to batches.
pub(super) struct ImageTable {
    file: String,
    schema: SchemaRef,
    levels: usize,
    collect: bool,
    ts_event: Vec<i64>,
    ts_recv: OptColumn<i64>,
    seq: Vec<i64>,
    update_id: OptColumn<i64>,
    /// Bid price, bid quantity, ask price, ask quantity of each level.
    cells: Vec<OptColumn<f64>>,
    lines: Vec<u64>,
    last: Option<(i64, i64)>,
    day: Option<Day>,
    counted: Counted,
}

impl ImageTable {
    pub(super) fn new(file: &str, levels: u16, collect: bool) -> Self {
        let levels_n = usize::from(levels);
        Self {
            file: file.to_owned(),
            schema: Dataset::L2Snapshots.arrow_schema(levels),
            levels: levels_n,
            collect,
            ts_event: Vec::new(),
            ts_recv: OptColumn::default(),
            seq: Vec::new(),
            update_id: OptColumn::default(),
            cells: (0..4 * levels_n).map(|_| OptColumn::default()).collect(),
            lines: Vec::new(),
            last: None,
            day: None,
            counted: Counted::default(),
        }
    }

    #[expect(
        clippy::unused_self,
        reason = "the same call serves tables of every kind"
    )]
    pub(super) fn dataset(&self) -> Dataset {
        Dataset::L2Snapshots
    }

    /// Counts an image; returns whether it is kept.
    pub(super) fn count(&mut self, wanted: bool) -> bool {
        self.counted.rows += 1;
        self.counted.filtered += u64::from(!wanted);
        wanted
    }

    pub(super) fn push(
        &mut self,
        image: &BookImage<'_>,
        line: u64,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) {
        let key = (image.ts_event, image.seq);
        let day = UnixMicros(image.ts_event).day();
        if let Some(last) = self.last
            && key <= last
            && !self.collect
        {
            if key == last {
                // The same moment of the same book twice.
                self.counted.days.entry(day).or_default().duplicates += 1;
            } else {
                *failed = Some(ParseError::OutOfOrder {
                    file: self.file.clone(),
                    line,
                    dataset: Dataset::L2Snapshots,
                });
            }
            return;
        }
        self.last = Some(key);
        if self.day != Some(day) || self.ts_event.len() == BATCH_ROWS {
            self.flush(ready, failed);
            if let Some(before) = self.day
                && before != day
                && !self.collect
            {
                ready.push(Parsed::DayEnd {
                    dataset: Dataset::L2Snapshots,
                    day: before,
                    counts: self.counted.days.get(&before).copied().unwrap_or_default(),
                });
            }
            self.day = Some(day);
        }
        self.counted.days.entry(day).or_default().kept += 1;
        self.ts_event.push(image.ts_event);
        self.ts_recv.push(image.ts_recv);
        self.seq.push(image.seq);
        self.update_id.push(image.update_id);
        let mut cells = self.cells.iter_mut();
        for level in 0..self.levels {
            for side in [image.bids, image.asks] {
                let at = side.get(level);
                for value in [at.map(|l| l.px), at.map(|l| l.qty)] {
                    if let Some(cell) = cells.next() {
                        cell.push(value);
                    }
                }
            }
        }
        if self.collect {
            self.lines.push(line);
        }
    }

    fn flush(&mut self, ready: &mut Vec<Parsed>, failed: &mut Option<ParseError>) {
        let Some(day) = self.day.filter(|_| !self.ts_event.is_empty()) else {
            return;
        };
        match self.take() {
            Ok(batch) => ready.push(Parsed::Rows {
                dataset: Dataset::L2Snapshots,
                day,
                batch,
                lines: std::mem::take(&mut self.lines),
            }),
            Err(source) => {
                *failed = Some(ParseError::Batch {
                    file: self.file.clone(),
                    source,
                });
            }
        }
    }

    fn take(&mut self) -> Result<RecordBatch, ArrowError> {
        let len = self.ts_event.len();
        let ts_type = ColumnType::Ts.arrow();
        let times = |values: Vec<i64>, nulls| -> ArrayRef {
            Arc::new(
                TimestampMicrosecondArray::new(ScalarBuffer::from(values), nulls)
                    .with_timezone("UTC"),
            )
        };
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(4 + self.cells.len());
        columns.push(times(std::mem::take(&mut self.ts_event), None));
        columns.push(match self.ts_recv.take_parts() {
            None => new_null_array(&ts_type, len),
            Some((values, nulls)) => times(values, nulls),
        });
        columns.push(Arc::new(Int64Array::from(std::mem::take(&mut self.seq))));
        columns.push(match self.update_id.take_parts() {
            None => new_null_array(&DataType::Int64, len),
            Some((values, nulls)) => Arc::new(PrimitiveArray::<Int64Type>::new(
                ScalarBuffer::from(values),
                nulls,
            )),
        });
        for cell in &mut self.cells {
            columns.push(match cell.take_parts() {
                None => new_null_array(&DataType::Float64, len),
                Some((values, nulls)) => Arc::new(PrimitiveArray::<Float64Type>::new(
                    ScalarBuffer::from(values),
                    nulls,
                )),
            });
        }
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
    }

    /// Hands on everything held; returns what was counted.
    pub(super) fn finish(
        &mut self,
        ready: &mut Vec<Parsed>,
        failed: &mut Option<ParseError>,
    ) -> Counted {
        self.flush(ready, failed);
        std::mem::take(&mut self.counted)
    }
}
