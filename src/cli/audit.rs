//! `quant audit`: the product's claims, checked on the user's own data.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, UnixMicros};
use quant_lake::layout::Lake;
use quant_lake::schema::Dataset;
use quant_lake::truth::TRUTH_FILE;
use serde::Serialize;

use super::args::ConfigArgs;
use super::ui::Ui;
use crate::audit::arrivals::Sockets;
use crate::audit::causality::{
    AuditOptions, CausalityReport, Pipeline, Probes, audit, is_same, is_same_from,
};
use crate::audit::cut::Availability;
use crate::audit::interrupted;
use crate::audit::mutants::{Leak, Mutant};
use crate::audit::parity::{self, ParityParams, ParityReport};
use crate::audit::pipeline::Product;
use crate::audit::published::{Publications, PublishedRow, UntoldRow, check_published, untold};
use crate::audit::table::Table;
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind};
use crate::run::bars::BarSetSpec;
use crate::run::pipeline::instrument_keys;
use crate::run::worker_threads;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    #[command(subcommand)]
    pub(crate) what: What,
}

#[derive(Debug, Subcommand)]
pub(crate) enum What {
    /// No look-ahead: cut and falsify whatever was not available yet, rebuild, and compare what was known bit by bit
    Causality(Causality),
    /// Live equals backtest: build the same days in several ways and compare them bit by bit
    Parity(Parity),
}

#[derive(Debug, Args)]
pub(crate) struct Parity {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Raw recording of the traded instrument, through the decoder; may be given several times, in order
    #[arg(long, value_name = "FILE")]
    pub(crate) recording: Vec<PathBuf>,
    /// Leave out the way over two sockets with delays, disconnections and late rows
    #[arg(long)]
    pub(crate) no_sockets: bool,
    /// Longest delay of a socket; beyond the watermark rows come too late
    #[arg(long, value_name = "MS", default_value_t = 400)]
    pub(crate) max_delay_ms: u32,
    /// Disconnections of each socket on each day
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub(crate) disconnects: u32,
    /// Length of a disconnection
    #[arg(long, value_name = "S", default_value_t = 45)]
    pub(crate) down_s: u32,
    /// Kills of the stream on each day
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(crate) kills: u32,
    /// Seed of delays, losses and kills
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Accept columns without any value to compare
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Causality {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Probe every so many rows of the range
    #[arg(long, value_name = "ROWS", default_value_t = 360, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) every: u32,
    /// And this many drawn at random among the rows with trades of their own
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) random: u32,
    /// Seed of the draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Also audit pipelines with planted leaks: fails if one of them passes
    #[arg(long)]
    pub(crate) mutants: bool,
    /// Accept columns in which there was nothing to compare, and days of simulated data without a truth
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Truth of a simulated archive (truth.parquet); those under LAKE/synth are taken anyway
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Vec<PathBuf>,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

/// What a planted leak came to.
#[derive(Debug, Serialize)]
struct MutantRow {
    leak: &'static str,
    /// `caught`, `MISSED`, or why it was not tried.
    outcome: &'static str,
    differences: u64,
    rows: u64,
}

#[derive(Debug, Serialize)]
struct Answer {
    product: CausalityReport,
    /// Columns that had no value in any compared row: nothing is shown for them.
    never_compared: Vec<String>,
    published: Vec<PublishedRow>,
    /// Days of simulated data whose publication times nothing was found to check against.
    without_truth: Vec<UntoldRow>,
    mutants: Vec<MutantRow>,
}

pub(crate) fn run(args: &AuditArgs, ui: Ui) -> CommandResult<ExitCode> {
    let done = match &args.what {
        What::Causality(args) => causality(args, ui),
        What::Parity(args) => parity(args, ui),
    };
    // The commands inside keep finished days when they are interrupted, and say so; an audit does not.
    done.map_err(|error| match error.kind {
        ErrorKind::Interrupted => interrupted(),
        _ => error,
    })
}

fn pool(jobs: Option<usize>) -> CommandResult<rayon::ThreadPool> {
    let threads = worker_threads(jobs)?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .map_err(|e| CommandError::text(ErrorKind::Internal, &format!("cannot start threads: {e}")))
}

fn causality(args: &Causality, ui: Ui) -> CommandResult<ExitCode> {
    let config = Config::load(&args.config.config, &args.config.set)?;
    let stop = super::interrupt_flag()?;
    let pool = pool(args.jobs)?;
    let availability = availability(&config);
    let probes = Probes {
        every_rows: args.every,
        random: args.random,
        seed: args.seed,
    };
    let probe = |what: &'static str, pipeline: &dyn Pipeline, leak: Option<Leak>| {
        let bar = ui.progress(0, what);
        let world = leak.map_or_else(|| availability.clone(), |l| l.world(&availability));
        let options = AuditOptions {
            availability: &world,
            stamps_of: leak.and_then(Leak::shows_at),
            on_probe: &|done, all| {
                bar.set_length(all);
                bar.set_position(done);
            },
            stop_at_first: leak.is_some_and(|l| l != Leak::None),
            stop: &stop,
        };
        let report = pool.install(|| audit(&config, pipeline, probes, &options));
        bar.finish_and_clear();
        report
    };
    if args.mutants && config.raw.bars.microstructure.is_none() {
        return Err(needs_microstructure());
    }
    let (published, without_truth) = published(args, &config, &availability)?;
    for row in &without_truth {
        ui.note(&untold_text(row));
    }
    let product = probe(
        "causality",
        &Product {
            stop: Arc::clone(&stop),
        },
        None,
    )?;
    let mut mutants = Vec::new();
    if args.mutants && product.is_ok() {
        let held = held_datasets(&config)?;
        for leak in Leak::ALL {
            let of_leak = |m: &Mutant| probe(leak.name(), m, Some(leak));
            mutants.push(mutant(
                leak,
                &held,
                &product.reference,
                config.range.start,
                of_leak,
            )?);
        }
    }
    let answer = Answer {
        never_compared: product.empty_columns(),
        product,
        published,
        without_truth,
        mutants,
    };
    ui.answer(&answer, &text(&answer))?;
    verdict(&answer, args.allow_empty)
}

/// Checks the publication times of the truths at hand, and finds the days of simulated data without one.
fn published(
    args: &Causality,
    config: &Config,
    availability: &Availability,
) -> CommandResult<(Vec<PublishedRow>, Vec<UntoldRow>)> {
    let days: Vec<Day> = config.read_range().days().collect();
    let datasets = BarSetSpec::of(&config.raw)?.datasets();
    let read: Vec<(InstrumentKey, Dataset)> = (instrument_keys(config).into_iter())
        .flat_map(|key| datasets.iter().map(move |d| (key.clone(), *d)))
        .collect();
    let mut all = Publications::default();
    for truth in truths(args, config) {
        let found = check_published(&truth, &days, &read, availability)?;
        if found.rows.is_empty() && args.truth.contains(&truth) {
            return Err(CommandError::text(
                ErrorKind::Data,
                &format!(
                    "the truth `{}` tells nothing of the config's instruments on these days",
                    truth.display()
                ),
            )
            .hint("give the truth.parquet of the archive the lake was made from"));
        }
        all.add(found);
    }
    let untold = untold(&Lake::new(&config.raw.paths.lake), &days, &read, &all)?;
    Ok((all.rows, untold))
}

/// Says of which days nobody tells when their records were published.
fn untold_text(row: &UntoldRow) -> String {
    let days: Vec<String> = row.days.iter().map(ToString::to_string).collect();
    format!(
        "publication times not checked: {} {} of {} (no truth of the simulated archive: --truth)",
        row.instrument,
        row.dataset,
        days.join(", ")
    )
}

/// Audits one planted leak. The harness without a leak must build what the product builds.
fn mutant(
    leak: Leak,
    held: &[Dataset],
    clean: &[Table],
    start: UnixMicros,
    probe: impl FnOnce(&Mutant) -> CommandResult<CausalityReport>,
) -> CommandResult<MutantRow> {
    let needs = leak.needs();
    let mut row = MutantRow {
        leak: leak.name(),
        outcome: "not tried: the lake has no data it could leak",
        differences: 0,
        rows: 0,
    };
    if !needs.is_empty() && !needs.iter().any(|d| held.contains(d)) {
        return Ok(row);
    }
    let report = probe(&Mutant(leak))?;
    row.differences = report.comparison.n_differences;
    row.rows = report.comparison.rows;
    row.outcome = match (leak, report.comparison.n_differences) {
        (Leak::None, 0) if is_same(clean, &report.reference) => "clean, as it must be",
        (Leak::None, _) => "NOT CLEAN",
        (_, 0) if is_same_from(start, clean, &report.reference) => {
            "not tried: it changes no bit of these days"
        }
        (_, 0) => "MISSED",
        _ => "caught",
    };
    Ok(row)
}

fn needs_microstructure() -> CommandError {
    CommandError::text(
        ErrorKind::Config,
        "the audit of planted leaks needs `bars.microstructure`",
    )
    .hint("set it as configs/default.yaml does")
}

/// Returns when the rows of each dataset are available, as the config says.
fn availability(config: &Config) -> Availability {
    let lags = config.raw.availability.iter();
    Availability {
        lag_us: lags
            .filter_map(|(name, a)| Some((name.parse().ok()?, a.lag_ms * 1_000)))
            .collect(),
    }
}

/// Returns the raw datasets the lake holds of the config's instruments.
fn held_datasets(config: &Config) -> CommandResult<Vec<Dataset>> {
    use crate::error::Kinded as _;
    use quant_lake::layout::{DatasetKey, PartitionSetSpec};
    use quant_lake::read::PartitionSet;
    let lake = Lake::new(&config.raw.paths.lake);
    let mut held = Vec::new();
    for instrument in instrument_keys(config) {
        for dataset in Dataset::ALL {
            let key = DatasetKey {
                instrument: instrument.clone(),
                dataset,
            };
            let spec = PartitionSetSpec::raw(&key, quant_lake::schema::DEFAULT_BOOK_LEVELS);
            if PartitionSet::open_if_present(&lake, &spec)
                .data_error()?
                .is_some()
            {
                held.push(dataset);
            }
        }
    }
    Ok(held)
}

/// Returns the truth files: those given, and those of archives a run simulated into the lake.
fn truths(args: &Causality, config: &Config) -> Vec<PathBuf> {
    let mut out = args.truth.clone();
    let archives = std::fs::read_dir(config.raw.paths.lake.join("synth"));
    let archives = archives.into_iter().flatten().flatten();
    out.extend(
        archives
            .map(|a| a.path().join(TRUTH_FILE))
            .filter(|f| f.is_file()),
    );
    out.sort();
    out.dedup();
    out
}

fn text(answer: &Answer) -> String {
    let product = &answer.product;
    let found = &product.comparison;
    let cells: u64 = found.non_null.iter().map(|(_, n)| n).sum();
    let mut out = format!(
        "{} instants, {} raw rows cut or falsified, {} rows of {} columns compared ({cells} values): {} differences\n",
        product.instants,
        product.rows_touched,
        found.rows,
        found.non_null.len(),
        found.n_differences
    );
    for d in &found.first {
        let at = UnixMicros(d.ts_open);
        _ = writeln!(
            out,
            "  {} {}: {at}: {:?}, without the future {:?}",
            d.table, d.column, d.expected, d.found
        );
    }
    if !answer.never_compared.is_empty() {
        _ = writeln!(
            out,
            "no value to compare in: {}",
            answer.never_compared.join(", ")
        );
    }
    for row in &answer.without_truth {
        _ = writeln!(out, "{}", untold_text(row));
    }
    for row in &answer.published {
        _ = writeln!(
            out,
            "{} {}: {} records, {} available before they were published{}",
            row.instrument,
            row.dataset,
            row.records,
            row.early,
            row.first_early
                .map_or_else(String::new, |ts| format!(", the first of {ts}"))
        );
    }
    for row in &answer.mutants {
        _ = writeln!(
            out,
            "planted leak {}: {} ({} differences)",
            row.leak, row.outcome, row.differences
        );
    }
    out.trim_end().to_owned()
}

fn verdict(answer: &Answer, allow_empty: bool) -> CommandResult<ExitCode> {
    let failed = |text: &str, hint: &str| {
        Err(CommandError::text(ErrorKind::Internal, text).hint(hint.to_owned()))
    };
    if answer.product.comparison.n_differences > 0 {
        return failed(
            "values that were known changed when the future was taken away: something looks ahead",
            "the first differences are listed above; the earliest column in the list is the place to look",
        );
    }
    if !answer.product.is_ok() {
        return Err(CommandError::text(
            ErrorKind::Data,
            "nothing was compared: the lake has no rows in the range",
        )
        .hint("ingest the range first, or set run.start and run.end to days the lake holds"));
    }
    if let Some(row) = answer.published.iter().find(|r| r.early > 0) {
        return failed(
            &format!(
                "`{}` counts as available before it was published, by up to {} us",
                row.dataset,
                row.worst_lead_us.unwrap_or(0)
            ),
            &format!("raise availability.{}.lag_ms in the config", row.dataset),
        );
    }
    if let Some(row) = answer
        .mutants
        .iter()
        .find(|r| r.outcome == "MISSED" || r.outcome == "NOT CLEAN")
    {
        return failed(
            &format!("planted leak `{}`: {}", row.leak, row.outcome),
            "probe more rows (--every, --random), or a range in which the leaked data varies",
        );
    }
    if allow_empty {
        return Ok(ExitCode::SUCCESS);
    }
    nothing_empty(&answer.never_compared)?;
    if let Some(row) = answer.without_truth.first() {
        return Err(CommandError::text(ErrorKind::Data, &untold_text(row)).hint(
            "give the truth.parquet of every archive the lake was made from (--truth), or accept it with --allow-empty",
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn parity(args: &Parity, ui: Ui) -> CommandResult<ExitCode> {
    let config = Config::load(&args.config.config, &args.config.set)?;
    let stop = super::interrupt_flag()?;
    let pool = pool(args.jobs)?;
    let sockets = Sockets {
        seed: args.seed,
        max_delay_us: i64::from(args.max_delay_ms) * 1_000,
        n_disconnects: args.disconnects,
        down_us: i64::from(args.down_s) * 1_000_000,
    };
    let kills = (1..=u64::from(args.kills)).map(|i| {
        // Spread over the day, and elsewhere for another seed.
        let per_mille = (1_000 * i / (u64::from(args.kills) + 1) + args.seed % 97) % 1_000;
        usize::try_from(per_mille).unwrap_or(0)
    });
    let params = ParityParams {
        recordings: args.recording.clone(),
        sockets: (!args.no_sockets).then_some(sockets),
        kills: kills.collect(),
        stop,
    };
    let report = pool
        .install(|| parity::audit(&config, &params, &|way| ui.note(&format!("parity: {way}"))))?;
    ui.answer(&report, &parity_text(&report))?;
    if let Some(way) = report.ways.iter().find(|w| w.comparison.n_differences > 0) {
        return Err(CommandError::text(
            ErrorKind::Internal,
            &format!(
                "`{}` differs from the batch in {} values",
                way.name, way.comparison.n_differences
            ),
        )
        .hint("the first differences are listed above"));
    }
    if let Some(way) = report.empty_way() {
        return Err(CommandError::text(
            ErrorKind::Data,
            &format!(
                "`{}` compared nothing: the lake has no rows in the range",
                way.name
            ),
        )
        .hint("ingest the range first, or set run.start and run.end to days the lake holds"));
    }
    if !args.allow_empty {
        nothing_empty(&report.empty_columns())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses columns in which nothing was compared: nothing is shown for them.
fn nothing_empty(empty: &[String]) -> CommandResult<()> {
    if empty.is_empty() {
        return Ok(());
    }
    let names = empty.join(", ");
    let text = format!("nothing was compared in {} columns: {names}", empty.len());
    Err(CommandError::text(ErrorKind::Data, &text)
        .hint("choose days and datasets that fill them, or accept it with --allow-empty"))
}

fn parity_text(report: &ParityReport) -> String {
    let mut out = String::new();
    let all = report.ways.iter().map(|w| &w.comparison);
    let columns: Vec<&str> = (all.clone().next())
        .map(|c| c.non_null.iter().map(|(name, _)| name.as_str()).collect())
        .unwrap_or_default();
    for (i, name) in columns.iter().enumerate() {
        let counts: Vec<String> = all
            .clone()
            .map(|c| c.non_null.get(i).map_or(0, |(_, n)| *n).to_string())
            .collect();
        _ = writeln!(out, "{name}: {} values compared", counts.join(" / "));
    }
    for way in &report.ways {
        let found = &way.comparison;
        _ = writeln!(
            out,
            "{} ({}): {} rows, {} differences",
            way.name, way.detail, found.rows, found.n_differences
        );
        for d in &found.first {
            let at = UnixMicros(d.ts_open);
            _ = writeln!(
                out,
                "  {} {}: {at}: batch {:?}, {} {:?}",
                d.table, d.column, d.expected, way.name, d.found
            );
        }
    }
    out.trim_end().to_owned()
}
