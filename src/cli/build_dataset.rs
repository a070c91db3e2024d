//! `quant build-dataset`: exchange history into the lake.

mod gaps;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::ValueEnum as _;
use quant_core::market::{Instrument, InstrumentKey, Symbol, Venue};
use quant_core::time::{TimeRange, UnixMicros};
use quant_lake::ingest::discover::Folders;
use quant_lake::ingest::{FileOutcome, FileStatus, IngestOptions, IngestReport, RowCounts};
use quant_lake::instruments::InstrumentTable;
use quant_lake::layout::Lake;
use quant_lake::manifest::SourceKind;
use quant_lake::schema::Dataset;
use quant_lake::venues::book_flow::Cadence;
use serde::Serialize;

use self::gaps::GapReport;
use super::args::{BookImages, BuildDataset, DepthArg, SourceArg};
use super::settings::Settings;
use super::ui::{IngestBar, Ui};
use crate::config::RawVision;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::rest::venues::default_datasets;
use crate::run::ensure::files::{self, Asked, BookChoice};
use crate::run::ensure::okx_hist::{self, HistArgs};
use crate::run::ensure::rest::{RestArgs, RestSource};
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
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    diagnostics: BTreeMap<&'static str, u64>,
}

pub(crate) fn run(args: &BuildDataset, ui: Ui) -> CommandResult<ExitCode> {
    let given = range_of(args)?;
    if args.source == SourceArg::Csv && args.config.is_none() {
        return Err(CommandError::text(
            ErrorKind::Config,
            "--source csv needs the column mapping of a config",
        )
        .hint("give --config configs/csv_klines.yaml --set ingest.csv.path=FILE"));
    }
    let settings = Settings::load(args.config.as_deref(), &args.set)?;
    let table = args.instruments.as_ref().or(settings.instruments.as_ref());
    let table = instruments::load(table.map(PathBuf::as_path))?;
    let lake = Lake::new(&args.lake);
    let stop = super::interrupt_flag()?;
    let bar = IngestBar::new(ui);
    let created_at = wall_clock();
    let context = IngestContext {
        lake: &lake,
        options: IngestOptions {
            jobs: worker_threads(args.jobs)?,
            max_quarantine_share: args
                .max_quarantine_share
                .unwrap_or(settings.max_quarantine_share),
            allow_missing_checksum: args.allow_missing_checksum
                || settings.vision.allow_missing_checksum,
            keep_sources: args.keep_sources || settings.keep_sources,
            replace_source: args.replace_source,
            monthly: args.monthly,
            updates: std::sync::Arc::new(super::check_updates::read(&args.updates)?),
            scans: Some(std::sync::Arc::default()),
            ..IngestOptions::default()
        },
        created_at,
        progress: &bar,
        stop: &stop,
    };
    let mut job = Job {
        args,
        settings: &settings,
        given,
        rest: None,
    };
    let mut lines = Vec::new();
    let mut gaps = GapReport::new(
        source_name(args.source),
        args.exchange.simulated,
        given.filter(|_| args.start.is_some()),
    );
    let mut outcome = Ok(());
    let key_of = |symbol: &Symbol| InstrumentKey {
        exchange: args.exchange,
        market: args.market,
        symbol: symbol.clone(),
    };
    let keys: Vec<InstrumentKey> = args.symbol.iter().map(key_of).collect();
    keys.iter().try_for_each(ensure::require_market)?;
    for (symbol, key) in args.symbol.iter().zip(keys) {
        let report = job.ingest(&context, &key, &table)?;
        // Also when all days were there already: an earlier command may have ended between data and terms.
        let has_data = |file: &FileOutcome| match &file.status {
            FileStatus::Written { days } => !days.is_empty(),
            FileStatus::Current => true,
            _ => false,
        };
        if report.files.iter().any(has_data) {
            instruments::write_to_lake(&lake, &table, &key, created_at)?;
        }
        super::check_data::tell(ui, &lake, &key, &report, &context.options);
        super::check_updates::tell(ui, &report);
        lines.extend(file_lines(symbol.as_str(), &report));
        gaps.add(&key, &report.files);
        gaps.stopped |= report.stopped;
        outcome = outcome.and_then(|()| ensure::require_success(&report));
        if report.stopped {
            break;
        }
    }
    bar.finish();
    if let Some(path) = &args.gap_report {
        gaps.write(path)?;
    }
    let mut total = RowCounts::default();
    for line in &lines {
        total.add(&line.rows);
    }
    let text = text_of(&lines, &total);
    ui.answer(&serde_json::json!({"files": lines, "rows": total}), &text)?;
    outcome.map(|()| ExitCode::SUCCESS)
}

/// Returns the name of a source on the command line.
fn source_name(source: SourceArg) -> String {
    let value = source.to_possible_value();
    value.map_or_else(String::new, |v| v.get_name().to_owned())
}

/// Returns the range asked for; only recordings do without.
fn range_of(args: &BuildDataset) -> CommandResult<Option<TimeRange>> {
    let asks_a_host = matches!(args.source, SourceArg::Rest | SourceArg::Deepcoin);
    match (args.start, args.end) {
        _ if args.last_hours.is_some() => {
            if asks_a_host {
                return Ok(None);
            }
            let problem = "--last-hours is for sources that have a clock: rest and deepcoin";
            Err(CommandError::text(ErrorKind::Config, problem).hint("give --start and --end"))
        }
        (Some(start), Some(end)) => {
            whole_day("--start", start)?;
            whole_day("--end", end)?;
            match TimeRange::new(start, end).config_error() {
                Ok(range) => Ok(Some(range)),
                Err(error) => Err(error
                    .hint("the end is exclusive: one day is --start 2024-01-01 --end 2024-01-02")),
            }
        }
        (None, None) if args.source == SourceArg::Recording => Ok(None),
        _ => Err(
            CommandError::text(ErrorKind::Config, "the range of days is missing")
                .hint("give --start and --end; only recordings are taken whole without them"),
        ),
    }
}

/// Refuses a time within a day: partitions are whole days, and a part of one would look like the whole.
fn whole_day(option: &str, at: UnixMicros) -> CommandResult<()> {
    let day = at.day();
    if day.start() == at {
        return Ok(());
    }
    Err(CommandError::text(
        ErrorKind::Config,
        &format!("`{option} {at}` lies within a day, and the lake is made of whole UTC days"),
    )
    .hint(format!(
        "ingest the day, --start {day} --end {}; run.start and run.end of a config may lie within days",
        day.plus(1)
    )))
}

/// What is asked for, for every symbol of the command.
struct Job<'a> {
    args: &'a BuildDataset,
    settings: &'a Settings,
    given: Option<TimeRange>,
    /// One host for all symbols: they share its limits.
    rest: Option<RestSource>,
}

impl Job<'_> {
    fn ingest(
        &mut self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        table: &InstrumentTable,
    ) -> CommandResult<IngestReport> {
        let args = self.args;
        let (terms, book) = (table.rows_of(key), book_choice(args));
        let asked = asked(args, key, self.given, terms);
        match args.source {
            SourceArg::Recording => files::recordings(context, &asked, &args.input, book),
            SourceArg::OkxManual => {
                let kind = SourceKind::OkxManual;
                files::okx_manual(context, &asked, &folders(args), kind, book)
            }
            SourceArg::BybitManual => files::bybit_manual(context, &asked, &folders(args), book),
            SourceArg::Vision | SourceArg::Csv => self.rows(context, key, table),
            SourceArg::Rest | SourceArg::Deepcoin => {
                let (datasets, named) = (self.datasets(key), !args.datasets.is_empty());
                let host = self.host(context, key)?;
                let range = match args.last_hours {
                    Some(hours) => host.last_days(context, key, hours)?,
                    None => files::required_range(&asked)?,
                };
                host.ingest(context, key, (&datasets, named), range, terms)
            }
            SourceArg::OkxHist => {
                let range = files::required_range(&asked)?;
                let depth = args.okx_book_depth.unwrap_or(DepthArg::L400).product();
                let hist = HistArgs {
                    cache_dir: args.cache_dir.clone(),
                    download: args.okx_auto_download,
                    book_depth: depth,
                };
                let datasets = self.datasets(key);
                let host = self.host(context, key)?;
                let run = okx_hist::fetch(context, host, key, &datasets, range, &hist)?;
                // The archive does not say what a contract is worth.
                let terms = host.terms_since(context, key, terms, range.start)?;
                let cache = Folders {
                    any: vec![hist.cache_dir(context)],
                    ..Folders::default()
                };
                let asked = Asked {
                    datasets: &datasets,
                    terms: &terms,
                    ..asked
                };
                let kind = SourceKind::OkxHist;
                let book = BookChoice {
                    okx_depth: Some(depth.levels()),
                    ..book
                };
                let mut report = files::okx_manual(context, &asked, &cache, kind, book)?;
                let missing = files::tell(context, okx_hist::missing(&run));
                report.files.extend(missing);
                Ok(report)
            }
        }
    }

    /// Ingests files of rows: Vision archives or a user's CSV.
    fn rows(
        &self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
        table: &InstrumentTable,
    ) -> CommandResult<IngestReport> {
        let (args, terms) = (self.args, table.rows_of(key));
        let range = files::required_range(&asked(args, key, self.given, terms))?;
        if args.source == SourceArg::Vision {
            let vision = vision_source(args, self.settings);
            return ensure::vision(context, &vision, key, &self.datasets(key), range, terms);
        }
        let csv = self.settings.csv.as_ref().ok_or_else(|| {
            CommandError::text(ErrorKind::Config, "the config has no `ingest.csv`")
                .hint("describe the columns there; configs/csv_klines.yaml is an example")
        })?;
        let at_start = table.at(key, range.start).config_error()?;
        ensure::csv(context, csv, key, Some(range), (at_start, terms))
    }

    fn host(
        &mut self,
        context: &IngestContext<'_>,
        key: &InstrumentKey,
    ) -> CommandResult<&RestSource> {
        let host = match self.rest.take() {
            Some(host) => host,
            None => rest_source(self.args, self.settings, context, key)?,
        };
        Ok(self.rest.insert(host))
    }

    /// Returns the datasets asked for, or what a host has of this venue: minute bars, and its kind of trades.
    fn datasets(&self, key: &InstrumentKey) -> Vec<Dataset> {
        match self.args.datasets.as_slice() {
            [] => default_datasets(key.exchange.venue).to_vec(),
            asked => asked.to_vec(),
        }
    }
}

fn asked<'a>(
    args: &'a BuildDataset,
    key: &'a InstrumentKey,
    range: Option<TimeRange>,
    terms: &'a [Instrument],
) -> Asked<'a> {
    Asked {
        key,
        datasets: &args.datasets,
        range,
        terms,
    }
}

/// Returns the folders of files downloaded by hand.
fn folders(args: &BuildDataset) -> Folders {
    let one = |dir: &Option<PathBuf>| dir.iter().cloned().collect();
    Folders {
        any: one(&args.root),
        trades: one(&args.okx_manual_trades_dir),
        candles: one(&args.okx_manual_candles_dir),
        funding: one(&args.okx_manual_funding_dir),
        books: one(&args.okx_manual_book_dir),
    }
}

fn book_choice(args: &BuildDataset) -> BookChoice {
    let okx_depth = args.okx_book_depth.map(|d| d.product().levels());
    let args = &args.book;
    let us = |ms: u32| i64::from(ms) * 1_000;
    BookChoice {
        levels: args.book_levels,
        okx_depth,
        cadence: match args.book_images {
            BookImages::Cadence => Cadence::Every {
                us: us(args.book_cadence_ms),
                max_stale_us: us(args.book_max_stale_ms),
            },
            BookImages::Message => Cadence::EveryMessage,
            BookImages::Snapshot => Cadence::EverySnapshot,
        },
    }
}

fn vision_source(args: &BuildDataset, settings: &Settings) -> RawVision {
    let mut vision = settings.vision.clone();
    if let Some(root) = &args.root {
        vision.root = Some(root.clone());
    }
    if let Some(url) = &args.base_url {
        vision.root = None;
        vision.base_url.clone_from(url);
    }
    vision
}

/// Returns the host of REST history; its retries and time limit are those of `ingest.vision`.
fn rest_source(
    args: &BuildDataset,
    settings: &Settings,
    context: &IngestContext<'_>,
    key: &InstrumentKey,
) -> CommandResult<RestSource> {
    if args.source == SourceArg::Deepcoin && key.exchange.venue != Venue::Deepcoin {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!(
                "--source deepcoin is of another exchange than `{}`",
                key.exchange
            ),
        )
        .hint("write --exchange deepcoin, or --source rest"));
    }
    let vision = vision_source(args, settings);
    let rest = RestArgs {
        base_url: args.base_url.clone(),
        retries: vision.retries,
        timeout: Duration::from_secs(vision.timeout_s),
    };
    RestSource::open(context, key, &rest)
}

fn file_lines(symbol: &str, report: &IngestReport) -> Vec<FileLine> {
    report
        .files
        .iter()
        .map(|file| {
            let (status, detail) = match &file.status {
                FileStatus::Written { days } if days.is_empty() => {
                    ("no rows", "the file has none of this dataset".to_owned())
                }
                FileStatus::Written { days } if days.iter().all(|d| d.unchanged) => {
                    ("current", "already in the lake".to_owned())
                }
                FileStatus::Written { days } => ("written", format!("{} day(s)", days.len())),
                FileStatus::Current => ("current", "already in the lake".to_owned()),
                FileStatus::NotPublished { reason } => ("not published", reason.clone()),
                FileStatus::NotFound => ("not found", "the source has no such file".to_owned()),
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
                diagnostics: file.diagnostics.clone(),
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
        if !line.diagnostics.is_empty() {
            let counts = line.diagnostics.iter().filter(|(_, n)| **n > 0);
            let counts: Vec<String> = counts.map(|(name, n)| format!("{name} {n}")).collect();
            out.push(format!("    counts: {}", counts.join(", ")));
        }
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
