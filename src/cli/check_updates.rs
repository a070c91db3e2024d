//! `quant check-updates`: was anything in the lake made of archives the venue has replaced since?

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use quant_core::time::{Day, TimeRange};
use quant_lake::ingest::updates::{Comparison, StaleSource, Updates};
use quant_lake::ingest::{FileStatus, IngestOptions, IngestReport};
use quant_lake::layout::{DatasetKey, Lake};
use serde::Serialize;

use super::settings::Settings;
use super::ui::{IngestBar, Ui};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::ensure::{self, IngestContext};
use crate::run::{instruments, wall_clock, worker_threads};

#[derive(Debug, Args)]
pub(crate) struct CheckUpdates {
    /// Lake folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) lake: PathBuf,
    /// Lists of replaced archives, .csv or .zip, or folders of them; a later one has the last word
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub(crate) list: Vec<PathBuf>,
    /// Fetch the archives concerned again, from --root or --base-url
    #[arg(long)]
    pub(crate) refetch: bool,
    /// Local copy of the archive: the folder that holds `data/`
    #[arg(long, value_name = "DIR", conflicts_with = "base_url")]
    pub(crate) root: Option<PathBuf>,
    /// Host that serves the archive [default: `ingest.vision.base_url`]
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Config with `ingest.vision` and `paths.instruments`
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override one config key
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

/// One file that was fetched again.
#[derive(Serialize)]
struct Refetched {
    set: String,
    file: String,
    status: &'static str,
    detail: String,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    lists: usize,
    listed: usize,
    ok: bool,
    #[serde(flatten)]
    found: Comparison,
    refetched: Vec<Refetched>,
    /// What is stale after fetching again; the same as `stale` without `--refetch`.
    still_stale: usize,
}

pub(crate) fn run(args: &CheckUpdates, ui: Ui) -> CommandResult<ExitCode> {
    if !args.lake.is_dir() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("there is no lake at `{}`", args.lake.display()),
        )
        .hint("name its folder with --lake DIR"));
    }
    let updates = Arc::new(read(&args.list)?);
    let lake = Lake::new(&args.lake);
    let found = updates.compare(&lake).data_error()?;
    let mut refetched = Vec::new();
    let mut outcome = Ok(());
    let mut still_stale = found.stale.len();
    if args.refetch && !found.stale.is_empty() {
        let reports = refetch(args, ui, &lake, &updates, &found.stale)?;
        for (set, report) in &reports {
            refetched.extend(lines(set, report));
            outcome = outcome.and_then(|()| ensure::require_success(report));
        }
        still_stale = updates.compare(&lake).data_error()?.stale.len();
    }
    let (lists, listed) = updates.size();
    let answer = Answer {
        lists,
        listed,
        ok: still_stale == 0 && outcome.is_ok(),
        found,
        refetched,
        still_stale,
    };
    ui.answer(&answer, &text_of(&answer))?;
    outcome?;
    if still_stale > 0 {
        let error = CommandError::text(
            ErrorKind::Data,
            &format!(
                "{still_stale} partition(s) of `{}` were made of archives that the venue has replaced, listed above",
                args.lake.display()
            ),
        );
        return Err(error.hint(if args.refetch {
            "the source still serves the old files, or has none: fetch the new ones into --root, or use --base-url https://data.binance.vision"
        } else {
            "fetch them again with --refetch and --root DIR or --base-url URL"
        }));
    }
    if let Some(missing) = answer.refetched.iter().find(|r| r.status == "not found") {
        return Err(CommandError::text(
            ErrorKind::Data,
            &format!(
                "the source has no `{}`, which a day fetched again was made of as well",
                missing.file
            ),
        )
        .hint("give a source that has it, and ingest it with `quant build-dataset`"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads lists for an ingest or a check.
///
/// # Errors
/// Configuration error: a file that is no list.
pub(super) fn read(lists: &[PathBuf]) -> CommandResult<Updates> {
    Updates::read(lists).config_error()
}

/// Says on stderr which files of an ingest the venue has replaced since they were published.
pub(super) fn tell(ui: Ui, report: &IngestReport) {
    for file in &report.files {
        for note in &file.notes {
            if note.starts_with(quant_lake::ingest::run::REPLACED) {
                ui.note(&format!("warning: `{}`: {note}", file.file));
            }
        }
    }
}

/// Fetches the files again of which stale partitions were made, and those that were merged with them.
fn refetch(
    args: &CheckUpdates,
    ui: Ui,
    lake: &Lake,
    updates: &Arc<Updates>,
    stale: &[StaleSource],
) -> CommandResult<Vec<(String, IngestReport)>> {
    let settings = Settings::load(args.config.as_deref(), &args.set)?;
    let table = instruments::load(settings.instruments.as_deref())?;
    let mut vision = settings.vision;
    if args.root.is_some() {
        vision.root.clone_from(&args.root);
    }
    if let Some(url) = &args.base_url {
        vision.root = None;
        vision.base_url.clone_from(url);
    }
    let stop = super::interrupt_flag()?;
    let bar = IngestBar::new(ui);
    let defaults = IngestOptions::default();
    let mut out = Vec::new();
    for ((key, cadence), days) in work(stale) {
        let context = IngestContext {
            lake,
            options: IngestOptions {
                jobs: worker_threads(args.jobs)?,
                max_quarantine_share: settings.max_quarantine_share,
                allow_missing_checksum: vision.allow_missing_checksum,
                monthly: cadence == Files::Monthly,
                updates: Arc::clone(updates),
                scans: Some(Arc::default()),
                ..defaults.clone()
            },
            created_at: wall_clock(),
            progress: &bar,
            stop: &stop,
        };
        for range in stretches(&days) {
            let terms = table.rows_of(&key.instrument);
            let datasets = [key.dataset];
            let report =
                ensure::vision(&context, &vision, &key.instrument, &datasets, range, terms)?;
            super::check_data::tell(ui, lake, &key.instrument, &report, &context.options);
            let stopped = report.stopped;
            out.push((key.to_string(), report));
            if stopped {
                bar.finish();
                return Ok(out);
            }
        }
    }
    bar.finish();
    Ok(out)
}

/// Which files of a product: monthly ones are fetched first, daily ones fill in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Files {
    Monthly,
    Daily,
}

/// Returns which files a name belongs to: `...-2024-01.zip` or `...-2024-01-02.zip`.
fn files_of(name: &str) -> Files {
    let stem = name.strip_suffix(".zip").unwrap_or(name);
    let tail = stem.len().checked_sub(10).and_then(|at| stem.get(at..));
    if tail.is_some_and(|t| t.parse::<Day>().is_ok()) {
        Files::Daily
    } else {
        Files::Monthly
    }
}

/// Returns what to fetch. A day that was merged of several files is made again of all of them, since the rows of the replaced
/// one cannot be told from the others.
fn work(stale: &[StaleSource]) -> BTreeMap<(DatasetKey, Files), BTreeSet<Day>> {
    let mut out: BTreeMap<(DatasetKey, Files), BTreeSet<Day>> = BTreeMap::new();
    for s in stale {
        for name in s.others.iter().chain([&s.file]) {
            out.entry((s.key.clone(), files_of(name)))
                .or_default()
                .insert(s.date);
        }
    }
    out
}

/// Returns days as unbroken ranges.
fn stretches(days: &BTreeSet<Day>) -> Vec<TimeRange> {
    let mut out: Vec<TimeRange> = Vec::new();
    for day in days {
        match out.last_mut() {
            Some(last) if last.end == day.start() => last.end = day.end(),
            _ => out.push(day.range()),
        }
    }
    out
}

fn lines(set: &str, report: &IngestReport) -> Vec<Refetched> {
    report
        .files
        .iter()
        .map(|file| {
            let (status, detail) = match &file.status {
                FileStatus::Written { days } => (
                    "written",
                    format!("{} day(s), {} rows", days.len(), file.counts.written),
                ),
                FileStatus::Current => (
                    "unchanged",
                    "the source has the file that is in the lake".to_owned(),
                ),
                FileStatus::NotPublished { reason } => ("not published", reason.clone()),
                FileStatus::NotFound => {
                    ("not found", "the source has no such file (404)".to_owned())
                }
                FileStatus::Failed { error } => ("refused", error.to_string()),
            };
            Refetched {
                set: set.to_owned(),
                file: file.file.clone(),
                status,
                detail,
                notes: file.notes.clone(),
            }
        })
        .collect()
}

fn text_of(answer: &Answer) -> String {
    let mut out = Vec::new();
    for s in &answer.found.stale {
        out.push(format!("stale {} {} {}", s.set, s.date, s.file));
        out.push(format!(
            "    {} -> {} ({})",
            s.old_sha256, s.new_sha256, s.list
        ));
    }
    for r in &answer.refetched {
        out.push(format!("{:<13} {}", r.status, r.file));
        out.push(format!("    {}", r.detail.replace('\n', "\n    ")));
        out.extend(r.notes.iter().map(|n| format!("    note: {n}")));
    }
    out.push(format!(
        "{} list(s) of {} archives against {} partitions of {} files: {} renewed, {} stale{}",
        answer.lists,
        answer.listed,
        answer.found.n_partitions,
        answer.found.n_sources,
        answer.found.n_renewed,
        answer.found.stale.len(),
        if answer.refetched.is_empty() {
            String::new()
        } else {
            format!(", {} after fetching again", answer.still_stale)
        }
    ));
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_cadence() {
        for (name, files) in [
            ("BTCUSDT-aggTrades-2024-01.zip", Files::Monthly),
            ("BTCUSDT-aggTrades-2024-01-02.zip", Files::Daily),
            ("BTCUSDT_240329-1m-2024-01.zip", Files::Monthly),
            ("x", Files::Monthly),
        ] {
            assert_eq!(files_of(name), files, "{name}");
        }
    }

    #[test]
    fn neighbouring_days_are_one_range() {
        let day = |d: &str| d.parse::<Day>().unwrap();
        let days = ["2024-01-31", "2024-02-01", "2024-02-03"].map(day);
        let ranges = stretches(&days.into());
        assert_eq!(ranges.len(), 2);
        assert_eq!(ranges[0].days().count(), 2);
        assert_eq!(ranges[1], day("2024-02-03").range());
    }
}
