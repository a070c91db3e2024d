//! The terms of the run's instruments: from the table in the binary or a file, and into the lake.

use std::path::Path;

use quant_core::market::{Instrument, InstrumentKey};
use quant_core::time::{TimeRange, UnixMicros};
use quant_lake::commit::{DatasetWriter, WriterOptions};
use quant_lake::instruments::{InstrumentTable, to_batch};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::manifest::{IngestParams, Source, SourceKind};
use quant_lake::quality::Quality;
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::write::PartitionMeta;
use serde::Deserialize;

use super::identity::sha256_hex;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// The offline table, part of the binary so that it is there wherever the binary is.
const BUILT_IN: &str = include_str!("../../configs/instruments.yaml");
/// Version of the writer of the `instruments` dataset.
const WRITER_VERSION: &str = "instruments-yaml-1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InstrumentsFile {
    instruments: Vec<Instrument>,
}

/// Returns the table of `file`, or the built-in one.
///
/// # Errors
/// Configuration errors: unreadable, not the expected shape, or contradicting itself.
pub fn load(file: Option<&Path>) -> CommandResult<InstrumentTable> {
    let (name, text) = match file {
        None => (
            "configs/instruments.yaml (built in)".to_owned(),
            BUILT_IN.to_owned(),
        ),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                CommandError::text(
                    ErrorKind::Config,
                    &format!("cannot read instruments table `{}`: {e}", path.display()),
                )
            })?;
            (path.display().to_string(), text)
        }
    };
    let parsed: InstrumentsFile = serde_saphyr::from_str(&text).map_err(|e| {
        CommandError::text(
            ErrorKind::Config,
            &format!("instruments table `{name}`: {e}"),
        )
    })?;
    InstrumentTable::new(parsed.instruments).config_error()
}

/// Returns the terms of `key` that hold over the whole of `range`.
///
/// # Errors
/// Configuration error if there are none, or if they change inside the range.
pub fn terms_over(
    table: &InstrumentTable,
    key: &InstrumentKey,
    range: TimeRange,
) -> CommandResult<Instrument> {
    let terms = table.at(key, range.start).config_error()?;
    match terms.valid_to {
        Some(to) if to < range.end => Err(CommandError::text(
            ErrorKind::Config,
            &format!("the terms of `{key}` change at {to}, inside the evaluated range {range}"),
        )
        .hint(format!("evaluate up to {to} and from {to} in two runs"))),
        _ => Ok(terms.clone()),
    }
}

/// Writes the known terms of `key` into the lake's `instruments` dataset, one partition per day they begin.
///
/// # Errors
/// Data errors of the lake.
pub fn write_to_lake(
    lake: &Lake,
    table: &InstrumentTable,
    key: &InstrumentKey,
    created_at: UnixMicros,
) -> CommandResult<()> {
    let rows = table.rows_of(key);
    if rows.is_empty() {
        return Ok(());
    }
    let dataset = DatasetKey {
        instrument: key.clone(),
        dataset: Dataset::Instruments,
    };
    let writer = DatasetWriter::open(
        lake,
        PartitionSetSpec::raw(&dataset, DEFAULT_BOOK_LEVELS),
        WriterOptions::new(WRITER_VERSION, IngestParams::new(), created_at),
    )
    .data_error()?;
    let mut start = 0;
    while start < rows.len() {
        let day = rows[start].valid_from.day();
        let n = rows[start..]
            .iter()
            .take_while(|r| r.valid_from.day() == day)
            .count();
        let slice = &rows[start..start + n];
        start += n;
        let body = serde_json::to_vec(slice).internal_error()?;
        let source = Source {
            kind: SourceKind::Derived,
            name: "instruments table".to_owned(),
            url: None,
            bytes: body.len() as u64,
            sha256: sha256_hex(&body),
            checksum_verified: true,
            context: None,
        };
        if writer.is_current(day, &[source.sha256.as_str()]) {
            continue;
        }
        let mut partition = writer.begin(day).data_error()?;
        partition
            .write(&to_batch(key, slice).data_error()?)
            .data_error()?;
        let rows_in = partition.rows();
        let meta = PartitionMeta {
            sources: vec![source],
            rows_in,
            quality: Quality::default(),
        };
        writer
            .commit(partition.finish(meta).data_error()?)
            .data_error()?;
    }
    Ok(())
}
