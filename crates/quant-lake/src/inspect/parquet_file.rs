//! Parquet: partitions of a lake with their manifest, and files of others.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use quant_core::time::Day;

use super::batches::BatchMeter;
use super::report::{Column, Inspection, TableSummary};
use super::{InspectOptions, Subject, first_line};
use crate::layout::{Lake, MANIFEST_FILE, PartitionSetSpec, parse_day_folder};
use crate::manifest::{Manifest, Partition};
use crate::read::HashMemo;
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use crate::verify::{Depth, SET_KINDS, levels_of, spec_of_folder, verify_set};

/// A partition set of a lake.
struct Set {
    lake: Lake,
    spec: PartitionSetSpec,
    manifest: Manifest,
}

/// Finds the set whose folder this is, and its manifest.
fn set_at(dir: &Path) -> Option<Result<Set, String>> {
    let dir = std::path::absolute(dir).ok()?;
    if !dir.join(MANIFEST_FILE).is_file() {
        return None;
    }
    let names: Vec<String> = dir
        .components()
        .map(|c| c.as_os_str().to_string_lossy().into_owned())
        .collect();
    // The nearest folder from which the place makes sense is the lake.
    let at = names
        .iter()
        .rposition(|n| SET_KINDS.contains(&n.as_str()))?;
    let parts: Vec<&str> = names[at..].iter().map(String::as_str).collect();
    let levels = levels_of(&dir).map_or(DEFAULT_BOOK_LEVELS, |n| n.max(DEFAULT_BOOK_LEVELS));
    let spec = match spec_of_folder(&dir, &parts, levels) {
        Ok(spec) => spec,
        Err(problem) => return Some(Err(problem)),
    };
    let root: PathBuf = dir.ancestors().nth(parts.len())?.to_owned();
    Some(match Manifest::load(&dir, &spec) {
        Ok(Some(manifest)) => Ok(Set {
            lake: Lake::new(root),
            spec,
            manifest,
        }),
        Ok(None) => Err("its manifest is gone".to_owned()),
        Err(e) => Err(first_line(&e.to_string())),
    })
}

/// Inspects a dataset folder, a day folder or a manifest.
pub(super) fn folder(path: &Path, out: &mut Inspection) {
    let path = if path.is_dir() {
        path.to_owned()
    } else {
        path.parent().unwrap_or(path).to_owned()
    };
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    let day = name.as_deref().and_then(parse_day_folder);
    let dir = if day.is_some() {
        path.parent().unwrap_or(&path).to_owned()
    } else {
        path.clone()
    };
    match set_at(&dir) {
        None => {
            "folder".clone_into(&mut out.format);
            out.fail("format", "neither a dataset nor a day of a lake: name one file, or use `quant verify --lake DIR`");
        }
        Some(Err(problem)) => {
            "lake partitions".clone_into(&mut out.format);
            out.fail("manifest", &problem);
        }
        Some(Ok(set)) => describe(&set, day, out),
    }
}

/// Says what the manifest says of a set or one day, and verifies it row by row.
fn describe(set: &Set, day: Option<Day>, out: &mut Inspection) {
    let parts: Vec<&str> = set.spec.dir.split('/').collect();
    out.format = format!("lake partition of {}", set.spec.dir);
    if parts.len() > 3 {
        // A feature set is of several instruments; its folder names none.
        out.exchange = parts.get(1).map(|s| (*s).to_owned());
        out.market = parts.get(2).map(|s| (*s).to_owned());
        out.symbol = parts.get(3).map(|s| (*s).to_owned());
    }
    out.period = day.map(|d| d.to_string());
    out.columns = set
        .spec
        .columns
        .iter()
        .map(|c| Column {
            name: c.name.clone(),
            unit: Some(c.ty.name().to_owned()),
        })
        .collect();
    out.note(format!("sorted by {}", set.spec.sort_key.join(", ")));
    let listed: Vec<&Partition> = set
        .manifest
        .partitions
        .iter()
        .filter(|p| day.is_none_or(|d| p.date == d))
        .collect();
    if listed.is_empty() {
        return out.fail(
            "manifest",
            "it lists no such day: what lies there does not count",
        );
    }
    let mut table = TableSummary {
        dataset: parts.last().map_or(String::new(), |s| (*s).to_owned()),
        ..TableSummary::default()
    };
    for partition in &listed {
        entry(partition, &mut table);
        if listed.len() == 1 {
            entry_notes(partition, out);
        }
    }
    "ascending".clone_into(&mut table.order);
    table.time_unit = Some("microseconds".to_owned());
    let rows = table.rows;
    out.tables.push(table);
    let report = verify_set(&set.lake, &set.spec, Depth::Rows, &HashMemo::default());
    let problems: Vec<_> = report
        .problems
        .iter()
        .filter(|p| day.is_none() || p.date.is_none() || p.date == day)
        .collect();
    for problem in &problems {
        let date = problem.date.map_or_else(String::new, |d| format!("{d}: "));
        let text = format!("{date}{}", first_line(&problem.detail));
        if problem.kind.is_warning() {
            out.warn("partition", &text);
        } else {
            out.fail("partition", &text);
        }
    }
    if problems.is_empty() {
        out.ok(
            "partition",
            &format!("{} day(s), {rows} rows: file hashes, schema, order, times, values and content hash as the manifest says", listed.len()),
        );
    }
}

fn entry(partition: &Partition, table: &mut TableSummary) {
    table.rows += partition.rows;
    table.rows_in += partition.rows_in;
    table.first = table.first.or(partition.ts_min);
    table.last = partition.ts_max.or(table.last);
    table.days.insert(partition.date, partition.rows);
}

fn entry_notes(partition: &Partition, out: &mut Inspection) {
    out.note(format!(
        "parser {}, schema {}, content sha256 {}",
        partition.parser_version, partition.schema_version, partition.content_sha256
    ));
    for source in &partition.sources {
        out.note(format!(
            "made from {} {} (sha256 {}{})",
            source.kind.name(),
            source.name,
            source.sha256,
            if source.checksum_verified {
                ", published checksum matched"
            } else {
                ""
            }
        ));
    }
}

/// Inspects one Parquet file.
pub(super) fn file(subject: &Subject<'_>, out: &mut Inspection) {
    "Parquet".clone_into(&mut out.format);
    // A damaged footer must not take the program with it.
    let read = catch_unwind(AssertUnwindSafe(|| schema_of(subject.path, out)));
    match read {
        Ok(Ok(())) => {}
        Ok(Err(problem)) => return out.fail("footer", &problem),
        Err(_) => return out.fail("footer", "it is damaged"),
    }
    let day_dir = std::path::absolute(subject.path)
        .ok()
        .and_then(|p| Some(p.parent()?.to_owned()));
    let day = day_dir
        .as_deref()
        .and_then(|d| d.file_name())
        .and_then(|n| parse_day_folder(&n.to_string_lossy()));
    let set = day_dir.as_deref().and_then(Path::parent).and_then(set_at);
    match (day, set) {
        (Some(day), Some(Ok(set))) => {
            out.columns.clear();
            describe(&set, Some(day), out);
            let listed = set.manifest.partition(day);
            if listed.is_some_and(|p| p.file != subject.name) {
                out.warn(
                    "manifest",
                    "it lists another file for this day: this one does not count",
                );
            }
            measure(subject.path, &set, day, subject.options, out);
        }
        (Some(_), Some(Err(problem))) => out.fail("manifest", &problem),
        _ => {
            "Parquet of another program".clone_into(&mut out.format);
            out.note("build-dataset reads no Parquet: export it as CSV to ingest it".to_owned());
            out.fail("ingestion", "it is no partition of a lake");
        }
    }
}

/// Reads columns and the number of rows from the footer.
fn schema_of(path: &Path, out: &mut Inspection) -> Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
        .map_err(|e| first_line(&e.to_string()))?;
    out.columns = builder
        .schema()
        .fields()
        .iter()
        .map(|f| Column {
            name: f.name().escape_debug().to_string(),
            unit: Some(f.data_type().to_string()),
        })
        .collect();
    let rows = builder.metadata().file_metadata().num_rows();
    let rows = u64::try_from(rows).unwrap_or(0);
    out.lines = rows;
    out.note(format!(
        "{rows} rows in {} row groups",
        builder.metadata().num_row_groups()
    ));
    Ok(())
}

/// Adds cadence, gaps and sums of a raw partition's rows.
fn measure(path: &Path, set: &Set, day: Day, options: &InspectOptions, out: &mut Inspection) {
    let dataset: Option<Dataset> = set.spec.dir.rsplit('/').next().and_then(|d| d.parse().ok());
    let (Some(dataset), true) = (dataset, out.is_ok()) else {
        return;
    };
    let table = catch_unwind(AssertUnwindSafe(|| {
        let file = File::open(path).ok()?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .ok()?
            .build()
            .ok()?;
        let mut meter = BatchMeter::new(dataset);
        for batch in reader {
            meter.rows(day, &batch.ok()?, options);
        }
        Some(meter.finish(None, true, options))
    }));
    if let (Ok(Some(found)), Some(table)) = (table, out.tables.first_mut()) {
        let rows_in = table.rows_in;
        let unit = table.time_unit.take();
        *table = TableSummary {
            rows_in,
            time_unit: unit,
            ..found
        };
    }
}
