//! `quant synth`: a simulated market as exchange archives.

use std::process::ExitCode;

use quant_core::market::Market;
use quant_core::synth::SynthParams;

use super::args::Synth;
use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::synth_archive::{SynthRequest, profile_of, write_archive};

pub(crate) fn run(args: &Synth, ui: Ui) -> CommandResult<ExitCode> {
    let profile = profile_of(&args.profile).ok_or_else(|| {
        CommandError::text(
            ErrorKind::Config,
            &format!("unknown profile `{}`; known: mixed, null", args.profile),
        )
    })?;
    if !matches!(args.market, Market::Um | Market::Spot) {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!(
                "market `{}` cannot be simulated; known: um, spot",
                args.market
            ),
        ));
    }
    if !(1..=3_660).contains(&args.days) {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("--days is {}; expected 1 to 3660", args.days),
        ));
    }
    let params = SynthParams::btcusdt_like(args.seed, args.symbol.clone(), profile, args.start)
        .config_error()?;
    let request = SynthRequest {
        params,
        market: args.market,
        days: args.days,
    };
    let stop = super::interrupt_flag()?;
    let bar = ui.progress(u64::from(args.days), "simulating");
    let report = write_archive(&args.out, &request, &stop, &|_| bar.inc(1))?;
    bar.finish_and_clear();
    let rows: u64 = report.files.iter().map(|f| f.rows).sum();
    let last = args
        .start
        .plus(i32::try_from(args.days).unwrap_or(i32::MAX));
    let text = format!(
        "SIMULATED {} {} {} [{}, {last}): {} archives, {rows} rows in `{}`\n\
         ingest: quant build-dataset --exchange sim-binance --market {} --symbol {} --start {} --end {last} \
         --source vision --root {} --datasets klines_1m,agg_trades --lake data",
        args.profile,
        args.market,
        args.symbol,
        args.start,
        report.files.len(),
        args.out.display(),
        args.market,
        args.symbol,
        args.start,
        args.out.display(),
    );
    ui.answer(&report, &text)?;
    Ok(ExitCode::SUCCESS)
}
