//! Command line: one file per command, and the only code that prints.

mod args;
mod audit;
mod build_bars;
mod build_dataset;
mod build_features;
mod check_data;
mod check_updates;
mod config;
mod diagnose;
mod features;
mod inspect;
mod inspect_text;
mod mock_exchange;
mod run_all;
mod settings;
mod synth;
mod synth_facts;
mod ui;
mod universe;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use crate::error::{CommandError, CommandResult, ErrorKind};
use args::{Cli, Command};
pub use ui::Ui;

/// Parses the arguments, runs the command, prints its error if it has one, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // clap prints help and version to stdout with code 0, and usage errors to stderr with code 2.
            let code = u8::from(error.use_stderr()) * ErrorKind::Config.exit_code();
            return if error.print().is_ok() {
                ExitCode::from(code)
            } else {
                ExitCode::from(1)
            };
        }
    };
    let ui = Ui::new(cli.output.json, cli.output.quiet);
    init_logging();
    match dispatch(&cli, ui) {
        Ok(code) => code,
        Err(error) => {
            ui.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

fn dispatch(cli: &Cli, ui: Ui) -> CommandResult<ExitCode> {
    match &cli.command {
        Command::BuildDataset(args) => build_dataset::run(args, ui),
        Command::BuildBars(args) => build_bars::run(args, ui),
        Command::Audit(args) => audit::run(args, ui),
        Command::BuildFeatures(args) => build_features::run(args, ui),
        Command::RunAll(args) => run_all::run(args, ui),
        Command::DiagnoseMicrostructure(args) => diagnose::run(args, ui),
        Command::Verify(args) => verify::run(args, ui),
        Command::CheckData(args) => check_data::run(args, ui),
        Command::Inspect(args) => inspect::run(args, ui),
        Command::InspectBybitL2(args) => inspect::bybit_l2(args, ui),
        Command::CheckUpdates(args) => check_updates::run(args, ui),
        Command::Universe(args) => universe::run(args, ui),
        Command::Features(args) => features::run(args, ui),
        Command::Config(args) => config::run(args, ui),
        Command::Synth(args) => synth::run(args, ui),
        Command::SynthFacts(args) => synth_facts::run(args, ui),
        Command::MockExchange(args) => mock_exchange::run(args, ui),
    }
}

/// Logs go to stderr and only on request (`QUANT_LOG=debug`): results never depend on them.
fn init_logging() {
    if let Ok(filter) = std::env::var("QUANT_LOG") {
        let result = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(std::io::stderr)
            .try_init();
        // A second subscriber in one process (tests) is harmless.
        drop(result);
    }
}

/// Sets up the flag that Ctrl-C and SIGTERM raise; long steps look at it between pieces of work.
///
/// # Errors
/// Internal, if the system refuses the handler.
pub(crate) fn interrupt_flag() -> CommandResult<std::sync::Arc<std::sync::atomic::AtomicBool>> {
    use std::sync::atomic::{AtomicBool, Ordering};
    let flag = std::sync::Arc::new(AtomicBool::new(false));
    let raised = std::sync::Arc::clone(&flag);
    let handler = move || {
        if raised.swap(true, Ordering::SeqCst) {
            // Asked twice: leave now. Whatever is half done is invisible to readers anyway.
            #[expect(clippy::exit, reason = "the second Ctrl-C must not wait for anything")]
            std::process::exit(i32::from(ErrorKind::Interrupted.exit_code()));
        }
    };
    ctrlc::set_handler(handler).map_err(|e| {
        CommandError::text(
            ErrorKind::Internal,
            &format!("cannot install the Ctrl-C handler: {e}"),
        )
    })?;
    Ok(flag)
}
