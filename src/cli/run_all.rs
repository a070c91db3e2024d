//! `quant run-all`: the main job.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::args::RunAll;
use super::ui::{IngestBar, Ui};
use crate::config::Config;
use crate::error::CommandResult;
use crate::run::pipeline::{RunOptions, run_all};
use crate::run::worker_threads;

pub(crate) fn run(args: &RunAll, ui: Ui) -> CommandResult<ExitCode> {
    let config = Config::load(&args.config.config, &sets(args))?;
    let stop: Arc<AtomicBool> = super::interrupt_flag()?;
    let jobs = worker_threads(args.jobs)?;
    let ingest = IngestBar::new(ui);
    let days = config.read_range().days().count() as u64;
    let bars = ui.progress(days * config.raw.instruments.len() as u64, "bars");
    let backtest = ui.progress(days, "backtest");
    let outcome = run_all(
        &config,
        &RunOptions {
            force: args.force,
            jobs,
            stop,
            ingest_progress: &ingest,
            on_ingest: &|key, report| {
                let text = super::build_dataset::rows_text(&report.counts());
                let days = report.days_written();
                ui.note(&format!("ingest {key}: {days} day(s) written, {text}"));
            },
            on_stage: &|stage| tracing::info!(stage, "stage"),
            on_day: &|what, _| match what {
                "bars" => bars.inc(1),
                "backtest" => backtest.inc(1),
                _ => {}
            },
        },
    );
    for bar in [&bars, &backtest] {
        bar.finish_and_clear();
    }
    ingest.finish();
    let mut outcome = outcome?;
    outcome.summary = with_places(&outcome.summary, &config);
    if outcome.cache_hit {
        ui.note(&format!(
            "cache hit: run {} is there already; --force computes it again",
            outcome.run_id
        ));
    }
    let text = format!("{}\nrun folder: {}", outcome.summary, outcome.dir.display());
    ui.answer(&outcome, &text)?;
    Ok(ExitCode::from(outcome.exit_code))
}

/// Puts the places of this invocation into the commands a diagnosis names: the kept file knows no places.
fn with_places(summary: &str, config: &Config) -> String {
    let mut lake = format!("--lake {}", config.raw.paths.lake.display());
    if let Some(root) = &config.raw.ingest.vision.root {
        lake = format!("{lake} --root {}", root.display());
    }
    summary.replace("--lake LAKE", &lake).replace(
        "--config CONFIG",
        &format!("--config {}", config.file.display()),
    )
}

/// Returns the overrides of the command line: `--set` first, then the named flags.
fn sets(args: &RunAll) -> Vec<String> {
    let mut out = args.config.set.clone();
    // The traded instrument is the first of every shipped config; others use --set instruments.N....
    if let Some(exchange) = args.exchange {
        out.push(format!("instruments.0.exchange={exchange}"));
    }
    if let Some(symbol) = &args.symbol {
        out.push(format!("instruments.0.symbol={symbol}"));
    }
    if let Some(start) = args.start {
        out.push(format!("run.start={start}"));
    }
    if let Some(end) = args.end {
        out.push(format!("run.end={end}"));
    }
    if let Some(source) = &args.source {
        out.push(format!("ingest.source={source}"));
    }
    if args.allow_gaps {
        out.push("gates.allow_gaps=true".to_owned());
    }
    out
}
