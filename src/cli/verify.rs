//! `quant verify`: is everything in the lake still what was written?

use std::process::ExitCode;

use quant_lake::layout::Lake;
use quant_lake::read::HashMemo;
use quant_lake::schema::DEFAULT_BOOK_LEVELS;
use quant_lake::verify::{Depth, verify_lake};

use super::args::Verify;
use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind};

pub(crate) fn run(args: &Verify, ui: Ui) -> CommandResult<ExitCode> {
    if !args.lake.is_dir() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("there is no lake at `{}`", args.lake.display()),
        )
        .hint("name its folder with --lake DIR"));
    }
    let depth = if args.shallow {
        Depth::Files
    } else {
        Depth::Rows
    };
    let report = verify_lake(
        &Lake::new(&args.lake),
        DEFAULT_BOOK_LEVELS,
        depth,
        &HashMemo::default(),
    );
    let mut lines = Vec::new();
    for problem in &report.problems {
        let level = if problem.kind.is_warning() {
            "warning"
        } else {
            "problem"
        };
        let date = problem.date.map_or_else(String::new, |d| format!(" {d}"));
        lines.push(format!(
            "{level}: {}{date}: {}",
            problem.set, problem.detail
        ));
    }
    lines.push(format!(
        "{} sets, {} partitions, {} rows, {} bytes: {}",
        report.n_sets,
        report.n_partitions,
        report.n_rows,
        report.n_bytes,
        if report.is_ok() { "ok" } else { "NOT ok" }
    ));
    ui.answer(&report, &lines.join("\n"))?;
    if report.is_ok() {
        return Ok(ExitCode::SUCCESS);
    }
    let n = report
        .problems
        .iter()
        .filter(|p| !p.kind.is_warning())
        .count();
    Err(CommandError::text(
        ErrorKind::Data,
        &format!("lake `{}` has {n} problem(s), listed above", args.lake.display()),
    )
    .hint("an altered or missing data file: delete it, then run the same build-dataset, build-bars or build-features command again; an altered or missing manifest.json: delete the whole dataset folder, then ingest it again"))
}
