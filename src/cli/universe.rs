//! `quant universe`: the instruments of a market at a moment, and which were liquid as far as was known then.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use quant_core::market::{Exchange, Market};
use quant_core::time::UnixMicros;
use quant_lake::layout::Lake;
use quant_lake::universe::{LiquidityRule, Universe, Verdict, known_terms, universe_at};

use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::instruments;

#[derive(Debug, Args)]
pub(crate) struct UniverseArgs {
    /// Lake folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) lake: PathBuf,
    /// Exchange, e.g. binance; simulated data is sim-binance
    #[arg(long)]
    pub(crate) exchange: Exchange,
    /// Market: spot, um, cm, swap, linear, inverse
    #[arg(long)]
    pub(crate) market: Market,
    /// Moment; nothing that happened later is looked at
    #[arg(long)]
    pub(crate) at: UnixMicros,
    /// Whole days before it that the liquidity rule looks at
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub(crate) days: u32,
    /// Smallest median of the daily quote volume; no rule without it
    #[arg(long, value_name = "VOLUME")]
    pub(crate) min_quote_volume: Option<f64>,
    /// Table of instruments instead of what the lake holds
    #[arg(long, value_name = "FILE")]
    pub(crate) instruments: Option<PathBuf>,
}

pub(crate) fn run(args: &UniverseArgs, ui: Ui) -> CommandResult<ExitCode> {
    if !args.lake.is_dir() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("there is no lake at `{}`", args.lake.display()),
        )
        .hint("name its folder with --lake DIR"));
    }
    if let Some(volume) = args
        .min_quote_volume
        .filter(|v| !(v.is_finite() && *v >= 0.0))
    {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("--min-quote-volume is {volume}; expected a number, 0 or more"),
        ));
    }
    let lake = Lake::new(&args.lake);
    let table = match &args.instruments {
        Some(file) => instruments::load(Some(file))?,
        None => known_terms(&lake, args.exchange, args.market, args.at).data_error()?,
    };
    let rule = args.min_quote_volume.map(|min_quote_volume| LiquidityRule {
        days: args.days,
        min_quote_volume,
    });
    let universe =
        universe_at(&lake, &table, (args.exchange, args.market), args.at, rule).data_error()?;
    ui.answer(&universe, &text_of(&universe))?;
    Ok(ExitCode::SUCCESS)
}

fn text_of(universe: &Universe) -> String {
    let mut out = vec![format!(
        "{:<32} {:<8} {:>5} {:>20}  onboard",
        "instrument", "verdict", "days", "median quote volume"
    )];
    for row in &universe.listed {
        let verdict = match row.verdict {
            Verdict::Member => "member",
            Verdict::Young => "young",
            Verdict::Illiquid => "illiquid",
        };
        let volume = row
            .median_quote_volume
            .map_or_else(|| "-".to_owned(), |v| format!("{v:.0}"));
        out.push(format!(
            "{:<32} {verdict:<8} {:>5} {volume:>20}  {}",
            row.instrument, row.days, row.onboard
        ));
    }
    out.push(format!(
        "{} {} at {}: {} listed, {} member(s)",
        universe.exchange,
        universe.market,
        universe.at,
        universe.listed.len(),
        universe.n_members
    ));
    out.join("\n")
}
