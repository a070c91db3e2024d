//! `quant build-features`: tier 2 over the bars in the lake.

use std::process::ExitCode;

use clap::Args;
use quant_core::time::UnixMicros;

use super::args::ConfigArgs;
use super::ui::Ui;
use crate::config::Config;
use crate::error::CommandResult;
use crate::run::features::{FeatureOptions, FeaturesReport, build};
use crate::run::worker_threads;

#[derive(Debug, Args)]
pub(crate) struct BuildFeatures {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Replace run.start; whole days are built
    #[arg(long)]
    pub(crate) start: Option<UnixMicros>,
    /// Replace run.end
    #[arg(long)]
    pub(crate) end: Option<UnixMicros>,
    /// Rebuild features that are up to date
    #[arg(long)]
    pub(crate) force: bool,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

pub(crate) fn run(args: &BuildFeatures, ui: Ui) -> CommandResult<ExitCode> {
    let mut sets = args.config.set.clone();
    let places = [("run.start", args.start), ("run.end", args.end)];
    sets.extend(
        places
            .into_iter()
            .filter_map(|(key, at)| Some(format!("{key}={}", at?))),
    );
    let config = Config::load(&args.config.config, &sets)?;
    let stop = super::interrupt_flag()?;
    let bar = ui.progress(config.range.days().count() as u64, "features");
    let report = build(
        &config,
        config.range,
        &FeatureOptions {
            force: args.force,
            jobs: worker_threads(args.jobs)?,
            stop,
            on_day: &|_| bar.inc(1),
        },
    );
    bar.finish_and_clear();
    let report = report?;
    ui.answer(&report, &text_of(&report))?;
    Ok(ExitCode::SUCCESS)
}

fn text_of(report: &FeaturesReport) -> String {
    let mut out = vec![format!(
        "{}: {} days built ({} rows), {} up to date, {} without bars",
        report.set,
        report.built,
        report.rows,
        report.current,
        report.absent.len()
    )];
    if report.built == 0 {
        out.push("nothing to do: every day with bars is up to date".to_owned());
    }
    let names = report.columns.iter().map(|c| c.column.len()).max();
    if let Some(names) = names {
        out.push(format!(
            "{:<names$} missing share of the rows built",
            "column"
        ));
        out.extend(
            report
                .columns
                .iter()
                .map(|c| format!("{:<names$} {:.4}", c.column, c.share)),
        );
    }
    out.join("\n")
}
