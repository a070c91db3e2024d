//! `quant check-data`: can the data of the lake be trusted, day by day?

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};
use quant_lake::ingest::{FileStatus, IngestOptions, IngestReport};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::quality::{
    AssessError, DatasetCoverage, DayReport, Finding, Scans, Severity, assess_day,
};
use quant_lake::read::{HashMemo, PartitionSet};
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use rayon::prelude::*;
use serde::Serialize;

use super::args::CheckData;
use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::worker_threads;

/// Findings told one by one in the readable table; JSON has all of them.
const MAX_LINES: usize = 200;

/// Findings told after an ingest.
const MAX_TOLD: usize = 10;

/// The answer, and the content of the file of `--out`.
#[derive(Serialize)]
struct Report {
    instrument: String,
    range: TimeRange,
    simulated: bool,
    datasets: Vec<Dataset>,
    min_coverage: Option<f64>,
    ok: bool,
    notes: usize,
    warnings: usize,
    failures: usize,
    /// Coverage below `min_coverage`.
    below: Vec<DatasetCoverage>,
    coverage: Vec<DatasetCoverage>,
    findings: Vec<Finding>,
}

pub(crate) fn run(args: &CheckData, ui: Ui) -> CommandResult<ExitCode> {
    if !args.lake.is_dir() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("there is no lake at `{}`", args.lake.display()),
        )
        .hint("name its folder with --lake DIR"));
    }
    if let Some(share) = args.min_coverage.filter(|s| !(0.0..=1.0).contains(s)) {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("--min-coverage is {share}; expected 0 to 1"),
        )
        .hint("0.99 asks for 99 of 100 minutes"));
    }
    let lake = Lake::new(&args.lake);
    let key = InstrumentKey {
        exchange: args.exchange,
        market: args.market,
        symbol: args.symbol.clone(),
    };
    let held = held(&lake, &key)?;
    let datasets: Vec<Dataset> = if args.datasets.is_empty() {
        held.iter()
            .map(|(d, _)| *d)
            .filter(|d| *d != Dataset::Instruments)
            .collect()
    } else {
        args.datasets.clone()
    };
    let range = range_of(args, &key, &held)?;
    if datasets.is_empty() {
        return Err(nothing_held(args, &key));
    }
    let stop = super::interrupt_flag()?;
    let days: Vec<Day> = range.days().collect();
    let bar = ui.progress(days.len() as u64, "check");
    let (memo, scans) = (HashMemo::default(), Scans::default());
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(worker_threads(args.jobs)?)
        .build()
        .internal_error()?;
    let reports: Vec<DayReport> = pool.install(|| {
        days.par_iter()
            .map(|day| {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(CommandError::text(ErrorKind::Interrupted, "interrupted"));
                }
                let report = assess_day(&lake, &key, *day, &datasets, &memo, &scans).data_error();
                bar.inc(1);
                report
            })
            .collect::<CommandResult<_>>()
    })?;
    bar.finish_and_clear();
    let report = report_of(args, &key, range, datasets, reports);
    if let Some(out) = &args.out {
        write_json(out, &report)?;
    }
    ui.answer(&report, &text_of(&report))?;
    if report.ok {
        return Ok(ExitCode::SUCCESS);
    }
    Err(CommandError::text(
        ErrorKind::Data,
        &format!(
            "`{}` has {} failure(s) and {} dataset-day(s) below the coverage asked for, listed above",
            report.instrument,
            report.failures,
            report.below.len()
        ),
    )
    .hint("fetch the days again with `quant build-dataset`; `quant run-all --allow-gaps` runs without the minutes concerned"))
}

/// Returns the datasets of an instrument the lake holds, with their sets.
fn held(lake: &Lake, key: &InstrumentKey) -> CommandResult<Vec<(Dataset, PartitionSet)>> {
    let mut out = Vec::new();
    for dataset in Dataset::ALL {
        let spec = PartitionSetSpec::raw(
            &DatasetKey {
                instrument: key.clone(),
                dataset,
            },
            DEFAULT_BOOK_LEVELS,
        );
        if let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? {
            out.push((dataset, set));
        }
    }
    Ok(out)
}

/// Returns the range asked for; ends that were left out are those of what the lake holds.
fn range_of(
    args: &CheckData,
    key: &InstrumentKey,
    held: &[(Dataset, PartitionSet)],
) -> CommandResult<TimeRange> {
    let wanted = |d: Dataset| {
        d != Dataset::Instruments && (args.datasets.is_empty() || args.datasets.contains(&d))
    };
    let days = || {
        held.iter()
            .filter(|(d, _)| wanted(*d))
            .flat_map(|(_, set)| set.manifest().partitions.iter().map(|p| p.date))
    };
    let none = || nothing_held(args, key);
    let start = match args.start {
        Some(start) => start,
        None => days().min().ok_or_else(none)?.start(),
    };
    let end = match args.end {
        Some(end) => end,
        None => days().max().ok_or_else(none)?.end(),
    };
    TimeRange::new(start, end)
        .config_error()
        .map_err(|e| e.hint("the end is exclusive: one day is --start 2024-01-01 --end 2024-01-02"))
}

/// A lake without the instrument is no lake whose data are good.
fn nothing_held(args: &CheckData, key: &InstrumentKey) -> CommandError {
    CommandError::text(
        ErrorKind::Data,
        &format!(
            "lake `{}` holds nothing of `{key}` to check",
            args.lake.display()
        ),
    )
    .hint("fetch it with `quant build-dataset`, or name what should be there with --datasets, --start and --end")
}

fn report_of(
    args: &CheckData,
    key: &InstrumentKey,
    range: TimeRange,
    datasets: Vec<Dataset>,
    reports: Vec<DayReport>,
) -> Report {
    let mut coverage = Vec::new();
    let mut findings = Vec::new();
    for report in reports {
        coverage.extend(report.coverage);
        findings.extend(report.findings);
    }
    let count = |severity| {
        findings
            .iter()
            .filter(|f: &&Finding| f.severity == severity)
            .count()
    };
    let (notes, warnings, failures) = (
        count(Severity::Note),
        count(Severity::Warn),
        count(Severity::Fail),
    );
    let below: Vec<DatasetCoverage> = coverage
        .iter()
        .filter(|c| {
            args.min_coverage
                .zip(c.share())
                .is_some_and(|(required, share)| share < required)
        })
        .cloned()
        .collect();
    Report {
        instrument: key.to_string(),
        range,
        simulated: key.exchange.simulated,
        datasets,
        min_coverage: args.min_coverage,
        ok: failures == 0 && below.is_empty(),
        notes,
        warnings,
        failures,
        below,
        coverage,
        findings,
    }
}

fn write_json(path: &Path, report: &Report) -> CommandResult<()> {
    let text = serde_json::to_string_pretty(report).internal_error()? + "\n";
    if let Some(parent) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).map_err(|e| CommandError::io("create", parent, &e))?;
    }
    std::fs::write(path, text).map_err(|e| CommandError::io("write", path, &e))
}

/// Says on stderr what is wrong with the days an ingest wrote, the worst first; its outcome is not changed.
///
/// Days whose rows the detectors saw while they were written (`scans` of the options) are not read again.
pub(super) fn tell(
    ui: Ui,
    lake: &Lake,
    key: &InstrumentKey,
    report: &IngestReport,
    options: &IngestOptions,
) {
    let mut written: BTreeMap<Day, Vec<Dataset>> = BTreeMap::new();
    for file in &report.files {
        if let FileStatus::Written { days } = &file.status {
            for day in days.iter().filter(|d| !d.unchanged) {
                let of_day = written.entry(day.day).or_default();
                if !of_day.contains(&file.dataset) {
                    of_day.push(file.dataset);
                }
            }
        }
    }
    let memo = HashMemo::default();
    let scans = options.scans.clone().unwrap_or_default();
    let written: Vec<(Day, Vec<Dataset>)> = written.into_iter().collect();
    let assess = || -> Result<Vec<DayReport>, AssessError> {
        written
            .par_iter()
            .map(|(day, datasets)| assess_day(lake, key, *day, datasets, &memo, &scans))
            .collect()
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build();
    let reports = match pool.map(|pool| pool.install(assess)) {
        Ok(Ok(reports)) => reports,
        Ok(Err(error)) => return ui.note(&error.to_string()),
        Err(error) => return ui.note(&error.to_string()),
    };
    scans.clear();
    let days = reports.len();
    let mut findings: Vec<Finding> = reports.into_iter().flat_map(|r| r.findings).collect();
    findings.retain(|f| f.severity > Severity::Note);
    if findings.is_empty() {
        return;
    }
    findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    ui.note(&format!(
        "{key}: {} finding(s) about {days} day(s) written; `quant check-data` tells all",
        findings.len()
    ));
    for finding in findings.iter().take(MAX_TOLD) {
        ui.note(&format!("  {}", finding_line(finding)));
    }
}

/// One line per finding.
fn finding_line(f: &Finding) -> String {
    let clock = |us: i64| {
        let s = us.div_euclid(1_000_000);
        format!("{:02}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
    };
    let start = f.day.start().0;
    format!(
        "{:<4} {} {:<15} {:<22} {} - {}  {}",
        f.severity,
        f.day,
        f.dataset.name(),
        f.detector,
        clock(f.from.0 - start),
        clock(f.to.0 - start),
        f.text
    )
}

fn text_of(report: &Report) -> String {
    let mut out = String::new();
    if compose(&mut out, report).is_err() {
        out.push_str("(the rest could not be written)\n");
    }
    out
}

fn compose(out: &mut String, report: &Report) -> std::fmt::Result {
    for f in report.findings.iter().take(MAX_LINES) {
        writeln!(out, "{}", finding_line(f))?;
    }
    if report.findings.len() > MAX_LINES {
        writeln!(
            out,
            "... {} more; --json or --out FILE has all",
            report.findings.len() - MAX_LINES
        )?;
    }
    writeln!(
        out,
        "{:<15} {:>5} {:>7} {:>12} {:>10} {:>10} {:>9}",
        "dataset", "days", "absent", "rows", "covered", "expected", "coverage"
    )?;
    for dataset in &report.datasets {
        let of = || report.coverage.iter().filter(|c| c.dataset == *dataset);
        let days = of().filter(|c| c.present).count();
        let absent = of().filter(|c| !c.present).count();
        let rows: u64 = of().map(|c| c.rows).sum();
        let covered: u64 = of().map(|c| c.covered).sum();
        let expected: Option<u64> = of().map(|c| c.expected).sum();
        let share = expected.filter(|n| *n > 0).map_or_else(
            || "-".to_owned(),
            |n| format!("{:.2} %", 100.0 * (covered as f64 / n as f64).min(1.0)),
        );
        let expected = expected.map_or_else(|| "-".to_owned(), |n| n.to_string());
        writeln!(
            out,
            "{:<15} {days:>5} {absent:>7} {rows:>12} {covered:>10} {expected:>10} {share:>9}",
            dataset.name()
        )?;
    }
    for c in &report.below {
        writeln!(
            out,
            "below min_coverage: {} {}: {} of {}",
            c.day,
            c.dataset,
            c.covered,
            c.expected.unwrap_or(0)
        )?;
    }
    writeln!(
        out,
        "{}: {} failures, {} warnings, {} notes: {}",
        report.instrument,
        report.failures,
        report.warnings,
        report.notes,
        if report.ok { "ok" } else { "NOT ok" }
    )
}
