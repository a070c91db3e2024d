//! The truth's own times: no record of a simulated market may count as available before it was published.

use std::path::Path;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE, UnixMicros};
use quant_lake::schema::Dataset;
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
) -> CommandResult<Vec<PublishedRow>> {
    let reader = TruthReader::open(truth).data_error()?;
    let mut out: Vec<PublishedRow> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
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
            let lead = record.published_at.0 - (record.ts_event.0 + period + lag);
            row.records += 1;
            row.worst_lead_us = Some(row.worst_lead_us.map_or(lead, |w| w.max(lead)));
            if lead > 0 {
                row.early += 1;
                row.first_early.get_or_insert(record.ts_event);
            }
        }
    }
    Ok(out)
}

/// Returns an instrument's name without the mark of simulated markets, which truth files carry or not.
fn plain(name: &str) -> &str {
    name.strip_prefix("sim-").unwrap_or(name)
}

#[cfg(test)]
mod tests;
