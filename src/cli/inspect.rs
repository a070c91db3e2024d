//! `quant inspect`: what is in a file or partition, and `quant inspect-bybit-l2`, the same of one Bybit book by name.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use quant_core::market::{Exchange, InstrumentKey, Market, Symbol, Venue};
use quant_core::time::Day;
use quant_lake::ingest::discover::{Folders, discover, plan_bybit};
use quant_lake::inspect::{InspectOptions, Inspection, inspect};
use quant_lake::schema::Dataset;

use super::inspect_text::text_of;
use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// Vendor file, recording, page file, CSV, Parquet file, or day or dataset folder of a lake
    pub(crate) path: PathBuf,
    /// Read only this many lines
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_rows: Option<u64>,
    /// List silences of more than this many seconds as gaps
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) gap_s: u32,
}

#[derive(Debug, Args)]
pub(crate) struct InspectBybitL2 {
    /// Folder that the file lies below, in the archive's layout or any other
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Symbol as Bybit writes it
    #[arg(long)]
    pub(crate) symbol: Symbol,
    /// Day, UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Day,
    /// Levels in the file's name: 200 or 500 [default: whichever is there]
    #[arg(long, value_name = "N")]
    pub(crate) level: Option<u32>,
    /// Market: linear, inverse, spot
    #[arg(long, default_value = "linear")]
    pub(crate) market: Market,
    /// File to write
    #[arg(long, value_name = "FILE", default_value = "bybit_l2_inspect.json")]
    pub(crate) out: PathBuf,
}

pub(crate) fn run(args: &Inspect, ui: Ui) -> CommandResult<ExitCode> {
    let found = look(&args.path, args.max_rows, args.gap_s)?;
    ui.answer(&found, &text_of(&found))?;
    Ok(exit(&found))
}

fn look(path: &Path, max_rows: Option<u64>, gap_s: u32) -> CommandResult<Inspection> {
    if !path.exists() {
        return Err(no_file(&format!(
            "there is nothing at `{}`",
            path.display()
        )));
    }
    let options = InspectOptions {
        max_rows,
        gap_us: i64::from(gap_s) * 1_000_000,
        ..InspectOptions::default()
    };
    inspect(path, &options).data_error()
}

fn no_file(text: &str) -> CommandError {
    CommandError::text(ErrorKind::Config, text)
        .hint("name a file, or a day or dataset folder of a lake")
}

/// A file that cannot be ingested is an answer, not a failed command; the exit code still says so.
fn exit(found: &Inspection) -> ExitCode {
    if found.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(ErrorKind::Data.exit_code())
    }
}

/// Finds the file by name, inspects it and writes the answer.
pub(crate) fn bybit_l2(args: &InspectBybitL2, ui: Ui) -> CommandResult<ExitCode> {
    if !args.root.is_dir() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("`{}` is no folder", args.root.display()),
        )
        .hint("name the folder that holds the files with --root DIR"));
    }
    let key = InstrumentKey {
        exchange: Exchange {
            venue: Venue::Bybit,
            simulated: false,
        },
        market: args.market,
        symbol: args.symbol.clone(),
    };
    let mut plan = plan_bybit(&key, &[Dataset::L2Snapshots], &args.date.range()).config_error()?;
    if let Some(level) = args.level {
        for unit in &mut plan {
            unit.paths
                .retain(|p| p.contains(&format!("_ob{level}.data")));
        }
        plan.retain(|unit| !unit.paths.is_empty());
    }
    let names: Vec<String> = plan
        .iter()
        .flat_map(|unit| unit.names().map(str::to_owned))
        .collect();
    if names.is_empty() {
        return Err(CommandError::text(
            ErrorKind::Config,
            "Bybit's archive has no such number of levels",
        )
        .hint("give --level 200 or --level 500"));
    }
    let folders = Folders {
        any: vec![args.root.clone()],
        ..Folders::default()
    };
    let found = discover(plan, &folders).config_error()?;
    let Some(file) = found.files.first() else {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!(
                "no book of {} on {} below `{}`",
                args.symbol,
                args.date,
                args.root.display()
            ),
        )
        .hint(format!("looked for {}", names.join(", "))));
    };
    let inspection = look(&file.path, None, 60)?;
    let json = serde_json::to_vec_pretty(&inspection)
        .map_err(|e| CommandError::text(ErrorKind::Internal, &format!("cannot write JSON: {e}")))?;
    // Under another name first: a reader never meets half of it.
    let partial = args.out.with_extension("partial");
    std::fs::write(&partial, [&json[..], b"\n"].concat())
        .and_then(|()| std::fs::rename(&partial, &args.out))
        .map_err(|e| CommandError::io("write", &args.out, &e))?;
    ui.note(&format!("written: {}", args.out.display()));
    ui.answer(&inspection, &text_of(&inspection))?;
    Ok(exit(&inspection))
}
