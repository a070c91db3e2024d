//! One day: its opening, its lineage, and its bars if they are stale.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampMicrosecondType};
use quant_core::bars::{DayBars, Microstructure, MinuteBuilder, MinuteRow, Opening, StatInputs};
use quant_core::time::{TimeRange, UnixMicros};
use quant_lake::bars::{write_bar_day, write_stat_day};
use quant_lake::commit::DatasetWriter;
use quant_lake::layout::Lake;
use quant_lake::manifest::{Partition, Source};
use quant_lake::openings::{
    DayOpening, OpeningKind, OpeningPlan, OpeningRow, VolumeMemo, derived_source, read_opening,
    write_opening,
};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::Dataset;
use quant_lake::stream::{DayPlan, DayStream, MicroSpec, StreamSets};

use super::BarSetSpec;
use crate::error::{CommandResult, Kinded as _};

/// Rows per batch when the end of a raw partition is read.
const BATCH_ROWS: usize = 65_536;

/// What the days of one instrument share.
pub(super) struct Shared<'a> {
    pub(super) lake: &'a Lake,
    pub(super) spec: &'a BarSetSpec,
    pub(super) sets: &'a StreamSets,
    pub(super) openings: &'a DatasetWriter,
    pub(super) bars: &'a DatasetWriter,
    pub(super) memo: &'a HashMemo,
    pub(super) volumes: &'a VolumeMemo,
    pub(super) force: bool,
}

impl Shared<'_> {
    /// Builds a day unless it was made from exactly what it would be made from now; says whether it did.
    pub(super) fn build(&self, plan: &DayPlan) -> CommandResult<bool> {
        match &self.spec.microstructure {
            None => self.build_plain(plan),
            Some(micro) => self.build_micro(plan, micro),
        }
    }

    fn build_plain(&self, plan: &DayPlan) -> CommandResult<bool> {
        let mut sources = plan.sources(self.sets, None);
        let mut opening = Opening::default();
        if let Some((made, price)) = self.plain_opening(plan)? {
            sources.push(derived_source(self.openings.spec(), &made));
            opening.last_price = price;
        }
        if self.is_current(plan, &sources) {
            return Ok(false);
        }
        let mut builder: MinuteBuilder = MinuteBuilder::new(plan.day, plan.bar_source(), &opening);
        DayStream::open(self.sets, plan, None, None, self.memo)
            .and_then(|stream| stream.drive(&mut builder))
            .data_error()?;
        let day = builder.finish(plan.day.end());
        let gaps = quiet_stretches(&day.rows);
        write_bar_day(self.bars, plan.day, &day.rows, sources, gaps).data_error()?;
        Ok(true)
    }

    fn build_micro(&self, plan: &DayPlan, micro: &MicroSpec) -> CommandResult<bool> {
        let mut sources = plan.sources(self.sets, Some(micro));
        let opening_plan = OpeningPlan {
            sets: self.sets,
            day: plan,
            bars: &self.spec.sources,
            spec: micro,
        };
        let found = self.openings.partition(plan.day).filter(|made| {
            let wanted = opening_plan.sources(made);
            !self.force && is_made_of(self.openings, made, &wanted)
        });
        let (made, opening) = match found {
            Some(made) => (Some(made), None),
            None => self.make_opening(&opening_plan)?,
        };
        sources.extend(made.map(|made| derived_source(self.openings.spec(), &made)));
        if self.is_current(plan, &sources) {
            return Ok(false);
        }
        let opening = match opening {
            Some(opening) => opening,
            None => self.read_opening(plan)?,
        };
        let day = self.drive(plan, micro, &opening)?;
        let gaps = quiet_stretches(&day.rows);
        write_stat_day(self.bars, &day, plan.stat_sources(), sources, gaps).data_error()?;
        Ok(true)
    }

    fn drive(
        &self,
        plan: &DayPlan,
        micro: &MicroSpec,
        opening: &DayOpening,
    ) -> CommandResult<DayBars> {
        let inputs = StatInputs {
            vpin_bucket: opening.volume_bucket,
        };
        let mut builder = MinuteBuilder::with_stats(
            plan.day,
            plan.bar_source(),
            plan.inputs,
            &opening.opening,
            Microstructure::new(&inputs),
        );
        DayStream::open(self.sets, plan, Some(micro), opening.link, self.memo)
            .and_then(|stream| stream.drive(&mut builder))
            .data_error()?;
        Ok(builder.finish(plan.day.end()))
    }

    /// Makes an opening and writes it, unless nothing is known of the days before.
    fn make_opening(
        &self,
        plan: &OpeningPlan<'_>,
    ) -> CommandResult<(Option<Partition>, Option<DayOpening>)> {
        let (opening, sources) = plan.make(self.volumes, self.memo).data_error()?;
        if sources.is_empty() {
            return Ok((None, Some(opening)));
        }
        let day = plan.day.day;
        let rows = opening.to_rows(day);
        let made = write_opening(self.openings, day, &rows, sources).data_error()?;
        Ok((Some(made), Some(opening)))
    }

    fn read_opening(&self, plan: &DayPlan) -> CommandResult<DayOpening> {
        let set = PartitionSet::open(self.lake, self.openings.spec()).data_error()?;
        let rows = read_opening(&set, plan.day, self.memo).data_error()?;
        Ok(DayOpening::from_rows(&rows.unwrap_or_default()))
    }

    /// Writes the opening of a set without statistics, unless it is there already: the last price of the day before.
    fn plain_opening(&self, plan: &DayPlan) -> CommandResult<Option<(Partition, Option<f64>)>> {
        let before = plan.day.plus(-1);
        let Some(dataset) = self.sets.choose(&self.spec.sources, before) else {
            return Ok(None);
        };
        let raw = self.sets.get(dataset);
        let Some((set, partition)) = raw.zip(self.sets.partition(dataset, before)) else {
            return Ok(None);
        };
        let last = last_row(set, dataset, partition, self.memo)?;
        let price = last.map(|(_, px)| px);
        let sources = vec![derived_source(set.spec(), partition)];
        if !self.force
            && let Some(made) = self.openings.partition(plan.day)
            && is_made_of(self.openings, &made, &sources)
        {
            return Ok(Some((made, price)));
        }
        let rows: Vec<OpeningRow> = last
            .map(|(ts_event, px)| OpeningRow {
                kind: OpeningKind::LastTrade,
                ts_event,
                seq: 0,
                px: Some(px),
                qty: None,
            })
            .into_iter()
            .collect();
        let made = write_opening(self.openings, plan.day, &rows, sources).data_error()?;
        Ok(Some((made, price)))
    }

    /// Returns whether the bars of a day were made of exactly these sources, by this code.
    fn is_current(&self, plan: &DayPlan, sources: &[Source]) -> bool {
        let made = self.bars.partition(plan.day);
        !self.force && made.is_some_and(|made| is_made_of(self.bars, &made, sources))
    }
}

/// Returns whether a partition was made of exactly `wanted`, by this code; manifests keep sources in an order of their own.
fn is_made_of(writer: &DatasetWriter, made: &Partition, wanted: &[Source]) -> bool {
    let hashes: Vec<&str> = wanted.iter().map(|s| s.sha256.as_str()).collect();
    made.sources.len() == wanted.len()
        && wanted.iter().all(|s| made.sources.contains(s))
        && writer.is_current(made.date, &hashes)
}

/// Returns the number of stretches of minutes in which nothing traded.
fn quiet_stretches(rows: &[MinuteRow]) -> u64 {
    let runs = rows.chunk_by(|a, b| a.is_filled == b.is_filled);
    runs.filter(|run| run[0].is_filled).count() as u64
}

/// Returns time and price of the last row of a raw partition.
fn last_row(
    set: &PartitionSet,
    dataset: Dataset,
    partition: &Partition,
    memo: &HashMemo,
) -> CommandResult<Option<(UnixMicros, f64)>> {
    let Some(last) = partition.ts_max else {
        return Ok(None);
    };
    let (time, price) = if dataset == Dataset::Klines1m {
        ("ts_open", "close")
    } else {
        ("ts_event", "price")
    };
    // Only the rows of the last instant are wanted; row groups before it are pruned.
    let range = TimeRange {
        start: last,
        end: partition.date.end(),
    };
    let mut found = None;
    for batch in set
        .read(range, Some(&[time, price]), BATCH_ROWS, memo)
        .data_error()?
    {
        let batch = batch.data_error()?;
        let times = batch
            .column(0)
            .as_primitive::<TimestampMicrosecondType>()
            .values();
        let prices = batch.column(1).as_primitive::<Float64Type>().values();
        if let (Some(ts), Some(px)) = (times.last(), prices.last()) {
            found = Some((UnixMicros(*ts), *px));
        }
    }
    Ok(found)
}
