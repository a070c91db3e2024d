//! `quant build-bars`: tier 1 over what the lake holds.

use std::process::ExitCode;

use quant_lake::ingest::NoProgress;

use super::args::BuildBars;
use super::ui::Ui;
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind};
use crate::run::pipeline::{RunOptions, build_bars};
use crate::run::worker_threads;

pub(crate) fn run(args: &BuildBars, ui: Ui) -> CommandResult<ExitCode> {
    let config = Config::load(&args.config.config, &args.config.set)?;
    let stop = super::interrupt_flag()?;
    let days = config.read_range().days().count() as u64;
    let bar = ui.progress(days * config.raw.instruments.len() as u64, "bars");
    let reports = build_bars(
        &config,
        &RunOptions {
            force: args.force,
            jobs: worker_threads(args.jobs)?,
            stop,
            ingest_progress: &NoProgress,
            on_ingest: &|_, _| {},
            on_stage: &|_| {},
            on_day: &|_, _| bar.inc(1),
        },
    );
    bar.finish_and_clear();
    let reports = reports?;
    let lines: Vec<String> = reports
        .iter()
        .map(|r| {
            let sources: Vec<String> = r
                .sources
                .iter()
                .map(|(name, n)| format!("{name} {n}"))
                .collect();
            format!(
                "{} bar set {}: {} days built, {} up to date, {} without data (sources: {})",
                r.instrument,
                r.bar_set,
                r.built,
                r.current,
                r.absent.len(),
                sources.join(", ")
            )
        })
        .collect();
    ui.answer(&reports, &lines.join("\n"))?;
    match reports.iter().find(|r| r.built + r.current == 0) {
        None => Ok(ExitCode::SUCCESS),
        Some(r) => Err(CommandError::text(
            ErrorKind::Data,
            &format!(
                "the lake holds nothing to build bars of `{}` from",
                r.instrument
            ),
        )
        .hint("ingest it first: `quant build-dataset --help`")),
    }
}
