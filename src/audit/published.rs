//! The truth's own times: no record of a simulated market may count as available before it was published.

use std::collections::BTreeSet;
use std::path::Path;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::PartitionSet;
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::truth::TruthReader;
use serde::Serialize;

use super::cut::Availability;
use crate::error::{CommandResult, Kinded as _};

/// Days of the longest file.
const MONTH_DAYS: i32 = 31;

/// What was found in the records of one dataset of one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedRow {
    /// Instrument as the truth names it.
    pub instrument: String,
    /// Dataset.
    pub dataset: String,
    /// Records looked at.
    pub records: u64,
    /// Records that count as available before they were published.
    pub early: u64,
    /// Time of the first of them.
    pub first_early: Option<UnixMicros>,
    /// Largest lead of a publication over the availability, microseconds; negative: every record was published before.
    pub worst_lead_us: Option<i64>,
}

/// What truths tell of the publication of records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publications {
    /// What was found, one entry per dataset of an instrument and truth.
    pub rows: Vec<PublishedRow>,
    /// Instruments, as simulated or real, datasets and days of which a truth tells.
    told: BTreeSet<(String, Dataset, Day)>,
}

impl Publications {
    /// Adds what another truth tells.
    pub fn add(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.told.extend(other.told);
    }
}

/// Days with rows of a simulated instrument of which no truth tells when they were published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UntoldRow {
    /// Instrument.
    pub instrument: String,
    /// Dataset.
    pub dataset: Dataset,
    /// The days, ascending.
    pub days: Vec<Day>,
}

/// Returns the days of simulated data that a lake holds and no truth tells of.
///
/// # Errors
/// Of reading manifests.
pub fn untold(
    lake: &Lake,
    days: &[Day],
    read: &[(InstrumentKey, Dataset)],
    publications: &Publications,
) -> CommandResult<Vec<UntoldRow>> {
    let mut out = Vec::new();
    for (instrument, dataset) in read {
        if !instrument.exchange.simulated {
            continue;
        }
        let key = DatasetKey {
            instrument: instrument.clone(),
            dataset: *dataset,
        };
        let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? else {
            continue;
        };
        let name = instrument.to_string();
        let is_untold = |day: &Day| {
            let has_rows = (set.manifest().partition(*day)).is_some_and(|p| p.rows > 0);
            let place = (plain(&name).to_owned(), *dataset, *day);
            has_rows && !publications.told.contains(&place)
        };
        let days: Vec<Day> = days.iter().copied().filter(is_untold).collect();
        if !days.is_empty() {
            out.push(UntoldRow {
                instrument: name,
                dataset: *dataset,
                days,
            });
        }
    }
    Ok(out)
}

/// Compares the availability of the records of a truth file with their publication: of the datasets that are read, of files that begin
/// on the days or in the month before them.
///
/// # Errors
/// Data errors of the file.
pub fn check_published(
    truth: &Path,
    days: &[Day],
    read: &[(InstrumentKey, Dataset)],
    availability: &Availability,
) -> CommandResult<Publications> {
    let reader = TruthReader::open(truth).data_error()?;
    let mut told = BTreeSet::new();
    let mut out: Vec<PublishedRow> = Vec::new();
    let mut seen = BTreeSet::new();
    for file in reader.files().data_error()? {
        let Ok(dataset) = file.dataset.parse::<Dataset>() else {
            continue;
        };
        // A monthly file begins before the first day and holds the days after.
        let near = |d: &Day| file.day.plus(-1) < *d && *d < file.day.plus(MONTH_DAYS);
        let is_read = |(key, of): &(InstrumentKey, Dataset)| {
            *of == dataset && plain(&key.to_string()) == plain(&file.instrument)
        };
        let is_wanted = days.iter().any(near) && read.iter().any(is_read);
        if !is_wanted || !seen.insert((file.instrument.clone(), file.dataset.clone(), file.day)) {
            continue;
        }
        let at = out
            .iter()
            .position(|r| r.instrument == file.instrument && r.dataset == file.dataset)
            .unwrap_or_else(|| {
                out.push(PublishedRow {
                    instrument: file.instrument.clone(),
                    dataset: file.dataset.clone(),
                    records: 0,
                    early: 0,
                    first_early: None,
                    worst_lead_us: None,
                });
                out.len() - 1
            });
        let row = &mut out[at];
        let place = |day: Day| (plain(&file.instrument).to_owned(), dataset, day);
        // Funding comes in files of a month; all others hold the day they are named after.
        let is_monthly = dataset == Dataset::Funding;
        if !is_monthly {
            told.insert(place(file.day));
        }
        let period = if dataset.interval_us().is_some() {
            MICROS_PER_MINUTE
        } else {
            0
        };
        let lag = availability.lag_us.get(&dataset).copied().unwrap_or(0);
        for record in reader
            .records(&file.instrument, &file.dataset, file.day)
            .data_error()?
        {
            let record = record.data_error()?;
            if is_monthly {
                told.insert(place(record.ts_event.day()));
            }
            let lead = record.published_at.0 - (record.ts_event.0 + period + lag);
            row.records += 1;
            row.worst_lead_us = Some(row.worst_lead_us.map_or(lead, |w| w.max(lead)));
            if lead > 0 {
                row.early += 1;
                row.first_early.get_or_insert(record.ts_event);
            }
        }
    }
    Ok(Publications { rows: out, told })
}

/// Returns an instrument's name without the mark of simulated markets, which truth files carry or not.
fn plain(name: &str) -> &str {
    name.strip_prefix("sim-").unwrap_or(name)
}

#[cfg(test)]
mod tests;
