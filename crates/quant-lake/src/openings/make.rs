//! Makes the opening of a day with microstructure out of the raw partitions of the days before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, RecordBatch};
use quant_core::market::book::LocalBook;
use quant_core::market::{BookLevel, BookSnapshot, Event, Side, Touch, TouchAt};
use quant_core::time::{Day, MICROS_PER_HOUR, MICROS_PER_MINUTE, TimeRange, UnixMicros};

use super::{DayOpening, OpeningError};
use crate::manifest::{Partition, Source};
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::Dataset;
use crate::stream::{
    BookKind, ChainRule, DayPlan, ImageRows, LevelRows, Link, MicroSpec, StreamSets, empty_image,
    last_before, opening_sources,
};

/// Rows per batch.
const BATCH_ROWS: usize = 65_536;
/// Days whose volumes make the size of a bucket.
const VOLUME_DAYS: u8 = 7;
/// Days that are gone through backwards for the last snapshot message of a book.
const BOOK_DAYS: usize = 7;
/// The last quote is looked for in this much time before the last row first.
const TAIL_US: i64 = 10 * MICROS_PER_MINUTE;

/// Volumes of partitions by content hash, so that a job reads each of them once.
#[derive(Debug, Default)]
pub struct VolumeMemo(Mutex<BTreeMap<String, Arc<Mutex<Option<f64>>>>>);

impl VolumeMemo {
    fn of(
        &self,
        set: &PartitionSet,
        partition: &Partition,
        memo: &HashMemo,
    ) -> Result<f64, ReadError> {
        let slot = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(partition.content_sha256.clone()).or_default())
        };
        // Held while reading: who else wants this day waits for it instead of reading it too.
        let mut value = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(volume) = *value {
            return Ok(volume);
        }
        let mut volume = 0.0;
        for batch in set.read_day(partition.date, Some(&["qty"]), BATCH_ROWS, memo)? {
            for qty in batch?.column(0).as_primitive::<Float64Type>().values() {
                volume += qty;
            }
        }
        *value = Some(volume);
        Ok(volume)
    }
}

/// What the opening of one day is made of.
#[derive(Clone, Copy, Debug)]
pub struct OpeningPlan<'a> {
    /// Raw sets.
    pub sets: &'a StreamSets,
    /// What the day itself reads: the opening holds what that goes on from.
    pub day: &'a DayPlan,
    /// Bar sources in order of preference.
    pub bars: &'a [Dataset],
    /// Parameters.
    pub spec: &'a MicroSpec,
}

/// Returns whether trades reach from the first hour of a day into its last: part of a day would make buckets too small.
fn spans_day(partition: &Partition) -> bool {
    let range = partition.date.range();
    partition
        .ts_min
        .zip(partition.ts_max)
        .is_some_and(|(first, last)| {
            first < range.start.plus(MICROS_PER_HOUR) && last >= range.end.plus(-MICROS_PER_HOUR)
        })
}

impl OpeningPlan<'_> {
    fn before(&self) -> Day {
        self.day.day.plus(-1)
    }

    /// Returns the days whose trades make the size of a volume bucket.
    fn volume_days(&self) -> impl Iterator<Item = (u8, Dataset, &Partition)> {
        (1..=VOLUME_DAYS).filter_map(|back| {
            let day = self.day.day.plus(-i32::from(back));
            let dataset = self.sets.choose(self.bars, day)?;
            let partition = self.sets.partition(dataset, day)?;
            let is_whole = dataset != Dataset::Klines1m && spans_day(partition);
            is_whole.then_some((back, dataset, partition))
        })
    }

    /// Returns the lineage. How far back the book was replayed follows from the content of the days it was replayed
    /// over, so it is taken from `made`, the opening that is there; if one of them changed, the lineage does too.
    pub fn sources(&self, made: &Partition) -> Vec<Source> {
        let n_days = self.deltas().map_or(0, |set| {
            let prefix = format!("{}/", set.spec().dir);
            made.sources
                .iter()
                .filter(|s| s.name.starts_with(&prefix))
                .count()
        });
        self.sources_with(n_days.max(1))
    }

    fn deltas(&self) -> Option<&PartitionSet> {
        let is_deltas = self.day.book == Some(BookKind::Deltas);
        self.sets.get(Dataset::L2Deltas).filter(|_| is_deltas)
    }

    fn sources_with(&self, book_days: usize) -> Vec<Source> {
        let before = self.before();
        let bars = self.sets.choose(self.bars, before);
        let mut out: Vec<Source> = bars
            .and_then(|dataset| self.sets.source(dataset, before))
            .into_iter()
            .collect();
        let quotes = self.day.quotes;
        out.extend(quotes.and_then(|dataset| self.sets.source(dataset, before)));
        match self.day.book {
            Some(BookKind::Images) => out.extend(self.sets.source(Dataset::L2Snapshots, before)),
            Some(BookKind::Deltas) => {
                let days = (0..book_days).map_while(|back| {
                    let back = i32::try_from(back).ok()?;
                    self.sets.source(Dataset::L2Deltas, before.plus(-back))
                });
                out.extend(days);
            }
            None => {}
        }
        out.extend(opening_sources(self.sets, self.spec, self.day.day));
        for (_, dataset, partition) in self.volume_days() {
            out.extend(self.sets.source(dataset, partition.date));
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out.dedup();
        out
    }

    /// Makes the opening; returns it with its lineage, which is empty if nothing is known.
    ///
    /// # Errors
    /// A partition that cannot be read.
    pub fn make(
        &self,
        volumes: &VolumeMemo,
        memo: &HashMemo,
    ) -> Result<(DayOpening, Vec<Source>), OpeningError> {
        let mut out = DayOpening::default();
        let mut book_days = 1;
        let mut gap = None;
        match self.day.book {
            None => {}
            Some(BookKind::Images) => out.opening.book = self.last_image(memo)?,
            Some(BookKind::Deltas) => {
                let replayed = self.replay(memo)?;
                book_days = replayed.n_days.max(1);
                gap = replayed.gap;
                (out.opening.book, out.link) = replayed.book.unzip();
            }
        }
        if let Some((ts, px)) = self.last_trade(memo)? {
            out.opening.last_price = Some(px);
            out.opening.last_trade_ts = Some(ts);
        }
        // What was lost ended the touch that was in force.
        out.opening.touch = (self.last_quote(memo)?)
            .filter(|(_, place)| gap.is_none_or(|gap| *place >= gap))
            .map(|(touch, _)| touch);
        self.read_state(&mut out, memo)?;
        for (back, dataset, partition) in self.volume_days() {
            if let Some(set) = self.sets.get(dataset) {
                out.volumes.push((back, volumes.of(set, partition, memo)?));
            }
        }
        if !out.volumes.is_empty() {
            let sum: f64 = out.volumes.iter().map(|(_, v)| v).sum();
            let mean = sum / out.volumes.len() as f64;
            let size = self.spec.vpin_bucket_share * mean;
            out.volume_bucket = (size > 0.0).then_some(size);
        }
        Ok((out, self.sources_with(book_days)))
    }

    fn read_state(&self, out: &mut DayOpening, memo: &HashMemo) -> Result<(), ReadError> {
        let state = &mut out.opening.state;
        for placed in last_before(self.sets, self.spec, self.day.day, memo)? {
            let at = UnixMicros(placed.at);
            match placed.event {
                Event::MarkPrice(x) => {
                    state.mark = x.mark.map(|px| (at, px)).or(state.mark);
                    state.index = x.index.map(|px| (at, px)).or(state.index);
                    state.premium = x.premium.map(|px| (at, px)).or(state.premium);
                }
                Event::Funding(mut funding) => {
                    funding.ts_event = at;
                    state.funding = Some(funding);
                }
                Event::OpenInterest(x) => state.open_interest = Some((at, x.open_interest)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns time and price of the last trade of the day before; of klines their last close.
    fn last_trade(&self, memo: &HashMemo) -> Result<Option<(UnixMicros, f64)>, ReadError> {
        let Some(dataset) = self.sets.choose(self.bars, self.before()) else {
            return Ok(None);
        };
        let columns: &[&str] = if dataset == Dataset::Klines1m {
            &["ts_open", "close"]
        } else {
            &["ts_event", "price", "late"]
        };
        self.last_row(dataset, columns, columns.len() - 1, memo, |batch, row| {
            (time(batch, row), float(batch, 1, row))
        })
    }

    /// Returns the last quote of the day before, if it is valid, and its place among the messages of the book: after all of its
    /// time where ids tell nothing.
    fn last_quote(&self, memo: &HashMemo) -> Result<Option<(TouchAt, Place)>, ReadError> {
        let Some(dataset) = self.day.quotes else {
            return Ok(None);
        };
        let columns = [
            "ts_event",
            "bid_px",
            "bid_qty",
            "ask_px",
            "ask_qty",
            "late",
            "update_id",
        ];
        let shares_ids = ChainRule::shares_ids(self.sets.instrument());
        let last = self.last_row(dataset, &columns, 5, memo, |batch, row| {
            let level = |px, qty| BookLevel {
                px: float(batch, px, row),
                qty: float(batch, qty, row),
            };
            let ts = time(batch, row);
            let id = if shares_ids {
                batch.column(6).as_primitive::<Int64Type>().value(row)
            } else {
                i64::MAX
            };
            Touch::of(level(1, 2), level(3, 4)).map(|touch| (TouchAt { ts, touch }, (ts.0, id)))
        })?;
        Ok(last.flatten())
    }

    /// Returns the last row of the day before that is not late, or the last one if the dataset does not know of it.
    fn last_row<T>(
        &self,
        dataset: Dataset,
        columns: &[&str],
        late: usize,
        memo: &HashMemo,
        take: impl Fn(&RecordBatch, usize) -> T,
    ) -> Result<Option<T>, ReadError> {
        let before = self.before();
        let partition = self.sets.partition(dataset, before);
        let Some((set, last)) = self.sets.get(dataset).zip(partition.and_then(|p| p.ts_max)) else {
            return Ok(None);
        };
        let has_late = columns[late] == "late";
        // Row groups before the tail are not read unless every row of it was late.
        for start in [last.plus(-TAIL_US).max(before.start()), before.start()] {
            let range = TimeRange {
                start,
                end: before.end(),
            };
            let mut found = None;
            for batch in set.read(range, Some(columns), BATCH_ROWS, memo)? {
                let batch = batch?;
                let is_late = |row: usize| {
                    let flags = batch.column(late);
                    has_late && flags.is_valid(row) && flags.as_boolean().value(row)
                };
                let row = (0..batch.num_rows()).rev().find(|row| !is_late(*row));
                found = row.map(|row| take(&batch, row)).or(found);
            }
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Returns the last image of the day before.
    fn last_image(&self, memo: &HashMemo) -> Result<Option<BookSnapshot>, ReadError> {
        let columns = ImageRows::columns();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let at = self.last_row(Dataset::L2Snapshots, &columns, 0, memo, |batch, row| {
            let mut image = empty_image();
            ImageRows::of(batch).read(row, &mut image);
            image
        })?;
        Ok(at)
    }

    /// Replays the messages from the last snapshot before the day.
    fn replay(&self, memo: &HashMemo) -> Result<Replayed, ReadError> {
        let mut out = Replayed::default();
        let Some(set) = self.deltas() else {
            return Ok(out);
        };
        // Backwards over days without a hole between them, for the snapshot to start from.
        let mut from = None;
        let mut day = self.before();
        while out.n_days < BOOK_DAYS && set.manifest().partition(day).is_some() {
            out.n_days += 1;
            from = last_snapshot(set, day, memo)?;
            if from.is_some() {
                break;
            }
            day = day.plus(-1);
        }
        let Some(start) = from else {
            return Ok(out);
        };
        let range = TimeRange {
            start,
            end: self.day.day.start(),
        };
        let rule = ChainRule::of(self.sets.instrument());
        let mut book = LocalBook::new();
        let mut last: Option<(UnixMicros, Link)> = None;
        let mut at_start = true;
        for batch in set.read(range, Some(&LevelRows::COLUMNS), BATCH_ROWS, memo)? {
            let rows = LevelRows::of(&batch?);
            for row in 0..rows.ts.len() {
                if rows.is_late(row) {
                    continue;
                }
                if at_start {
                    let is_snapshot = rows.is_snapshot.value(row);
                    if is_snapshot {
                        book.clear();
                    } else if !rows.follows(row, rule, last.map(|(_, link)| link)) {
                        out.gap = Some((rows.ts[row], rows.last_id[row]));
                        book.clear();
                        last = None;
                    }
                    if is_snapshot || last.is_some() {
                        last = Some((UnixMicros(rows.ts[row]), rows.link(row)));
                    }
                }
                if last.is_some() {
                    book.apply(rows.side(row), rows.price[row], rows.qty[row]);
                }
                at_start = rows.msg_end.value(row);
                // A snapshot message that leaves nothing says that the book was lost.
                if at_start && book.is_empty() && last.is_some_and(|(_, link)| link.is_snapshot) {
                    out.gap = Some((rows.ts[row], rows.last_id[row]));
                    last = None;
                }
            }
        }
        out.book = last.map(|(ts_event, link)| {
            let image = BookSnapshot {
                ts_event,
                ts_recv: None,
                seq: link.last_id,
                bids: book.levels(Side::Buy).collect(),
                asks: book.levels(Side::Sell).collect(),
            };
            (image, link)
        });
        Ok(out)
    }
}

/// Time and update id, which order books and quotes of venues that share them.
type Place = (i64, i64);

/// What a replay came to.
#[derive(Default)]
struct Replayed {
    book: Option<(BookSnapshot, Link)>,
    /// Last message that did not follow, or that said that the book was lost.
    gap: Option<Place>,
    /// Days that were looked at.
    n_days: usize,
}

/// Returns the time of the last snapshot message of a day.
fn last_snapshot(
    set: &PartitionSet,
    day: Day,
    memo: &HashMemo,
) -> Result<Option<UnixMicros>, ReadError> {
    let mut found = None;
    for batch in set.read_day(day, Some(&["ts_event", "is_snapshot"]), BATCH_ROWS, memo)? {
        let batch = batch?;
        let flags = batch.column(1).as_boolean();
        if flags.true_count() == 0 {
            continue;
        }
        let last = (0..batch.num_rows()).rev().find(|row| flags.value(*row));
        found = last.map(|row| time(&batch, row)).or(found);
    }
    Ok(found)
}

fn time(batch: &RecordBatch, row: usize) -> UnixMicros {
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    UnixMicros(times.value(row))
}

fn float(batch: &RecordBatch, column: usize, row: usize) -> f64 {
    batch
        .column(column)
        .as_primitive::<Float64Type>()
        .value(row)
}
