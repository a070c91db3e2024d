//! `quant build-dataset`: exchange history into the lake.

use std::process::ExitCode;

use quant_core::market::InstrumentKey;
use quant_core::time::TimeRange;
use quant_lake::ingest::{FileOutcome, FileStatus, IngestOptions, IngestReport, RowCounts};
use quant_lake::layout::Lake;
use serde::Serialize;

use super::args::{BuildDataset, SourceArg};
use super::ui::{IngestBar, Ui};
use crate::config::{Config, RawVision};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::ensure::{self, IngestContext};
use crate::run::{instruments, wall_clock, worker_threads};

/// One file of the answer.
#[derive(Serialize)]
struct FileLine {
    symbol: String,
    dataset: &'static str,
    file: String,
    status: &'static str,
    detail: String,
    rows: RowCounts,
    notes: Vec<String>,
}

pub(crate) fn run(args: &BuildDataset, ui: Ui) -> CommandResult<ExitCode> {
    let range = TimeRange::new(args.start, args.end).config_error()?;
    let config = match &args.config {
        Some(file) => Some(Config::load(file, &args.set)?),
        None if args.source == SourceArg::Csv => {
            return Err(CommandError::text(
                ErrorKind::Config,
                "--source csv needs the column mapping of a config",
            )
            .hint("give --config configs/csv_klines.yaml --set ingest.csv.path=FILE"));
        }
        None => None,
    };
    let table = instruments::load(
        config
            .as_ref()
            .and_then(|c| c.raw.paths.instruments.as_deref()),
    )?;
    let lake = Lake::new(&args.lake);
    let stop = super::interrupt_flag()?;
    let bar = IngestBar::new(ui);
    let created_at = wall_clock();
    let limit = config.as_ref().map(|c| c.raw.ingest.max_quarantine_share);
    let defaults = IngestOptions::default();
    let context = IngestContext {
        lake: &lake,
        options: IngestOptions {
            jobs: worker_threads(args.jobs)?,
            max_quarantine_share: limit.unwrap_or(defaults.max_quarantine_share),
            allow_missing_checksum: args.allow_missing_checksum,
            keep_sources: args.keep_sources,
            replace_source: args.replace_source,
            ..defaults
        },
        created_at,
        progress: &bar,
        stop: &stop,
    };
    let mut lines = Vec::new();
    let mut outcome = Ok(());
    for symbol in &args.symbol {
        let key = InstrumentKey {
            exchange: args.exchange,
            market: args.market,
            symbol: symbol.clone(),
        };
        let report = match (
            args.source,
            config.as_ref().and_then(|c| c.raw.ingest.csv.as_ref()),
        ) {
            (SourceArg::Vision, _) => {
                let vision = vision_source(args, config.as_ref());
                ensure::vision(
                    &context,
                    &vision,
                    &key,
                    &args.datasets,
                    range,
                    table.rows_of(&key),
                )?
            }
            (SourceArg::Csv, Some(csv)) => {
                let terms = table.at(&key, range.start).config_error()?.clone();
                ensure::csv(&context, csv, &key, Some(range), &terms)?
            }
            (SourceArg::Csv, None) => {
                return Err(CommandError::text(
                    ErrorKind::Config,
                    "the config has no `ingest.csv`",
                ));
            }
        };
        // Also when all days were there already: an earlier command may have ended between data and terms.
        let has_data = |file: &FileOutcome| {
            matches!(
                file.status,
                FileStatus::Written { .. } | FileStatus::Current
            )
        };
        if report.files.iter().any(has_data) {
            instruments::write_to_lake(&lake, &table, &key, created_at)?;
        }
        lines.extend(file_lines(symbol.as_str(), &report));
        super::check_data::tell(ui, &lake, &key, &report);
        outcome = outcome.and_then(|()| ensure::require_success(&report));
        if report.stopped {
            break;
        }
    }
    bar.finish();
    let mut total = RowCounts::default();
    for line in &lines {
        total.add(&line.rows);
    }
    let text = text_of(&lines, &total);
    ui.answer(&serde_json::json!({"files": lines, "rows": total}), &text)?;
    outcome.map(|()| ExitCode::SUCCESS)
}

fn vision_source(args: &BuildDataset, config: Option<&Config>) -> RawVision {
    let mut vision = config.map_or_else(
        || RawVision {
            root: None,
            base_url: "https://data.binance.vision".to_owned(),
            allow_missing_checksum: false,
            retries: 5,
            timeout_s: 60,
        },
        |c| c.raw.ingest.vision.clone(),
    );
    if let Some(root) = &args.root {
        vision.root = Some(root.clone());
    }
    if let Some(url) = &args.base_url {
        vision.root = None;
        vision.base_url.clone_from(url);
    }
    vision
}

fn file_lines(symbol: &str, report: &IngestReport) -> Vec<FileLine> {
    report
        .files
        .iter()
        .map(|file| {
            let (status, detail) = match &file.status {
                FileStatus::Written { days } if days.iter().all(|d| d.unchanged) => {
                    ("current", "already in the lake".to_owned())
                }
                FileStatus::Written { days } => ("written", format!("{} day(s)", days.len())),
                FileStatus::Current => ("current", "already in the lake".to_owned()),
                FileStatus::NotPublished { reason } => ("not published", reason.clone()),
                FileStatus::NotFound => {
                    ("not found", "the source has no such file (404)".to_owned())
                }
                FileStatus::Failed { error } => ("refused", error.to_string()),
            };
            FileLine {
                symbol: symbol.to_owned(),
                dataset: file.dataset.name(),
                file: file.file.clone(),
                status,
                detail,
                rows: file.counts,
                notes: file.notes.clone(),
            }
        })
        .collect()
}

fn text_of(lines: &[FileLine], total: &RowCounts) -> String {
    let mut out = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = &lines[at];
        // A long stretch of files with the same answer and no rows is one line, not a screenful.
        let same = |l: &&FileLine| {
            (l.symbol.as_str(), l.dataset, l.status, l.detail.as_str())
                == (
                    line.symbol.as_str(),
                    line.dataset,
                    line.status,
                    line.detail.as_str(),
                )
        };
        let n = match line.status {
            "written" | "refused" => 1,
            _ => lines[at..].iter().take_while(same).count(),
        };
        let last = &lines[at + n - 1];
        let more = if n > 1 {
            format!(" ... {} ({n} files)", name_of(&last.file))
        } else {
            String::new()
        };
        out.push(format!(
            "{:<14} {:<13} {}{more}",
            line.dataset, line.status, line.file
        ));
        if line.status == "written" {
            out.push(format!("    {}", rows_text(&line.rows)));
        } else {
            out.push(format!("    {}", line.detail.replace('\n', "\n    ")));
        }
        out.extend(line.notes.iter().map(|n| format!("    note: {n}")));
        at += n;
    }
    out.push(format!("total: {}", rows_text(total)));
    out.join("\n")
}

fn name_of(file: &str) -> &str {
    file.rsplit('/').next().unwrap_or(file)
}

pub(super) fn rows_text(rows: &RowCounts) -> String {
    format!(
        "rows in {} = written {} + duplicate {} + filtered {} + quarantined {}",
        rows.rows_in, rows.written, rows.duplicates, rows.filtered, rows.quarantined
    )
}
