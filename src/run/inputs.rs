//! What a run reads: every partition it would use, with its content hash, or `absent`.

use std::collections::BTreeSet;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::Partition;
use quant_lake::quality::Quality;
use quant_lake::read::PartitionSet;
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::stream::StreamSets;
use serde::Serialize;

use super::bars::BarSetSpec;
use super::identity::{ABSENT, Input};
use crate::error::{CommandResult, Kinded as _};

/// Totals of one dataset of one instrument over the days a run reads, from its manifest.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetHealth {
    /// Folder of the set in the lake.
    pub set: String,
    /// Days present.
    pub days_present: u64,
    /// Days absent.
    pub days_absent: u64,
    /// Rows the sources had.
    pub rows_in: u64,
    /// Rows in the lake.
    pub rows: u64,
    /// Quality counters, summed.
    pub quality: Quality,
    /// Every row is accounted for.
    pub rows_conserved: bool,
    /// Made by the simulator.
    pub simulated: bool,
}

/// Inputs of a run and what is known of their quality.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// One entry per instrument, dataset and day.
    pub inputs: Vec<Input>,
    /// One entry per instrument and dataset.
    pub health: Vec<DatasetHealth>,
}

/// Collects the inputs of `instruments` over `range` (whole days).
///
/// # Errors
/// Data errors: a manifest that cannot be read.
pub fn collect(
    lake: &Lake,
    instruments: &[InstrumentKey],
    datasets: &[Dataset],
    range: TimeRange,
) -> CommandResult<Inputs> {
    let mut out = Inputs::default();
    for instrument in instruments {
        for &dataset in datasets {
            let key = DatasetKey {
                instrument: instrument.clone(),
                dataset,
            };
            let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
            let set = PartitionSet::open_if_present(lake, &spec).data_error()?;
            let mut health = DatasetHealth {
                set: spec.dir.clone(),
                days_present: 0,
                days_absent: 0,
                rows_in: 0,
                rows: 0,
                quality: Quality::default(),
                rows_conserved: true,
                simulated: instrument.exchange.simulated,
            };
            for day in range.days() {
                let partition = set.as_ref().and_then(|s| s.manifest().partition(day));
                if let Some(p) = partition {
                    health.days_present += 1;
                    health.rows_in += p.rows_in;
                    health.rows += p.rows;
                    health.quality.add(&p.quality);
                    health.rows_conserved &= p.rows_in
                        == p.rows
                            + p.quality.duplicates
                            + p.quality.filtered
                            + p.quality.quarantined;
                } else {
                    health.days_absent += 1;
                }
                out.inputs.push(Input {
                    set: spec.dir.clone(),
                    date: day,
                    content_sha256: partition
                        .map_or_else(|| ABSENT.to_owned(), |p| p.content_sha256.clone()),
                    rows: partition.map_or(0, |p| p.rows),
                    provenance: partition.map_or_else(String::new, provenance),
                });
            }
            out.health.push(health);
        }
    }
    Ok(out)
}

/// Days before the range whose volumes size the buckets of VPIN, and whose books are replayed.
const DAYS_BEFORE: i32 = 8;
/// Days after it with records that are known before the last minute is decided.
const DAYS_AFTER: i32 = 1;

/// Adds every partition that the statistics of a bar set read besides what is there already. Days that are not in the lake
/// are left out here: a dataset that nobody has is no input.
///
/// # Errors
/// Data errors: a manifest that cannot be read.
pub fn collect_statistics(
    lake: &Lake,
    instruments: &[InstrumentKey],
    spec: &BarSetSpec,
    range: TimeRange,
    out: &mut Inputs,
) -> CommandResult<()> {
    if spec.microstructure.is_none() {
        return Ok(());
    }
    let known: BTreeSet<(String, Day)> = out
        .inputs
        .iter()
        .map(|input| (input.set.clone(), input.date))
        .collect();
    let first = range.start.day().plus(-DAYS_BEFORE);
    let last = range.end.plus(-1).day().plus(DAYS_AFTER);
    for instrument in instruments {
        let sets = StreamSets::open(lake, instrument, &spec.datasets()).data_error()?;
        for dataset in spec.datasets() {
            let Some(set) = sets.get(dataset) else {
                continue;
            };
            let dir = &set.spec().dir;
            let partitions = set.manifest().partitions.iter();
            let used = partitions.filter(|p| first <= p.date && p.date <= last);
            for p in used.filter(|p| !known.contains(&(dir.clone(), p.date))) {
                out.inputs.push(Input {
                    set: dir.clone(),
                    date: p.date,
                    content_sha256: p.content_sha256.clone(),
                    rows: p.rows,
                    provenance: provenance(p),
                });
            }
        }
    }
    Ok(())
}

/// Returns the counters of a partition that a report shows, as one line.
fn provenance(partition: &Partition) -> String {
    let q = &partition.quality;
    format!(
        "in {} gaps {} duplicates {} out_of_order {} quarantined {} other_day {} filtered {} late {} stale_runs {}",
        partition.rows_in,
        q.gaps,
        q.duplicates,
        q.out_of_order,
        q.quarantined,
        q.other_day,
        q.filtered,
        q.late,
        q.stale_runs
    )
}
