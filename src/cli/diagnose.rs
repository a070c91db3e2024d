//! `quant diagnose-microstructure`: what features are like and how far they go with the returns that follow.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use quant_core::time::UnixMicros;
use serde::Serialize;

use super::args::ConfigArgs;
use super::ui::{IngestBar, Ui};
use crate::config::Config;
use crate::diagnose::{DiagnoseParams, Diagnosis, MARKDOWN_FILE, MicrostructureReport, diagnose};
use crate::error::{CommandError, CommandResult};
use crate::run::pipeline::RunOptions;
use crate::run::worker_threads;

#[derive(Debug, Args)]
pub(crate) struct DiagnoseMicrostructure {
    #[command(flatten)]
    config: ConfigArgs,
    /// Replace run.start
    #[arg(long)]
    start: Option<UnixMicros>,
    /// Replace run.end
    #[arg(long)]
    end: Option<UnixMicros>,
    /// Folder to write [default: below `diagnostics` in the artifacts folder, by feature set, instrument and range]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Horizons of forward returns in minutes, separated by commas
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "MINUTES",
        default_value = "1,5,15,30,60,240"
    )]
    horizons: Vec<u32>,
    /// Bootstrap resamples
    #[arg(long, value_name = "B", default_value_t = 500)]
    replicates: usize,
    /// Shortest block of the bootstrap in minutes; a block is never shorter than two horizons
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    block_minutes: usize,
    /// Seed of the bootstrap
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
}

/// The answer: where the report is, and the report.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    dir: &'a Path,
    #[serde(flatten)]
    report: &'a MicrostructureReport,
}

pub(crate) fn run(args: &DiagnoseMicrostructure, ui: Ui) -> CommandResult<ExitCode> {
    let mut sets = args.config.set.clone();
    sets.extend(args.start.map(|t| format!("run.start={t}")));
    sets.extend(args.end.map(|t| format!("run.end={t}")));
    let config = Config::load(&args.config.config, &sets)?;
    let params = DiagnoseParams {
        horizons: args.horizons.clone(),
        replicates: args.replicates,
        block_minutes: args.block_minutes,
        seed: args.seed,
    };
    let ingest = IngestBar::new(ui);
    let days = config.read_range().days().count() as u64;
    let bar = ui.progress(days, "features");
    let found = diagnose(
        &config,
        &params,
        &RunOptions {
            force: false,
            jobs: worker_threads(args.jobs)?,
            stop: super::interrupt_flag()?,
            ingest_progress: &ingest,
            on_ingest: &|_, _| {},
            on_stage: &|stage| tracing::info!(stage, "stage"),
            on_day: &|what, _| {
                if what == "features" {
                    bar.inc(1);
                }
            },
        },
    );
    bar.finish_and_clear();
    ingest.finish();
    let found = found?;
    let dir = args.out.as_deref().unwrap_or(&found.default_dir);
    write(&found, dir)?;
    let text = found
        .files
        .iter()
        .find(|(name, _)| name == MARKDOWN_FILE)
        .map_or("", |(_, text)| text);
    let answer = Answer {
        dir,
        report: &found.report,
    };
    ui.answer(&answer, &format!("{text}\nfolder: {}", dir.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes every file whole; charts of an earlier report that this one does not have are removed.
fn write(found: &Diagnosis, dir: &Path) -> CommandResult<()> {
    let plots = dir.join("plots");
    std::fs::create_dir_all(&plots).map_err(|e| CommandError::io("create", &plots, &e))?;
    let old = std::fs::read_dir(&plots).map_err(|e| CommandError::io("read", &plots, &e))?;
    for entry in old {
        let path = entry
            .map_err(|e| CommandError::io("read", &plots, &e))?
            .path();
        let is_kept = found.files.iter().any(|(name, _)| dir.join(name) == path);
        if path.extension().is_some_and(|e| e == "svg") && !is_kept {
            std::fs::remove_file(&path).map_err(|e| CommandError::io("remove", &path, &e))?;
        }
    }
    for (name, body) in &found.files {
        let path = dir.join(name);
        let temporary = dir.join(format!("{name}.tmp-{}", std::process::id()));
        std::fs::write(&temporary, body).map_err(|e| CommandError::io("write", &temporary, &e))?;
        std::fs::rename(&temporary, &path).map_err(|e| CommandError::io("write", &path, &e))?;
    }
    Ok(())
}
