//! `quant synth`: a simulated world as exchange archives, with the truth beside it.

use std::path::PathBuf;
use std::process::ExitCode;

use quant_core::market::{Market, Symbol, Venue};
use quant_core::synth::WorldParams;
use quant_lake::schema::Dataset;

use super::args::Synth;
use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::synth::defects::{DEFECTS_FILE, DefectRequest};
use crate::synth::request::{
    self, default_datasets, instrument_of, look_of, markets_of, profile_of,
};
use crate::synth::{BookOptions, SynthReport, SynthRequest, write_archive};

pub(crate) fn run(args: &Synth, ui: Ui) -> CommandResult<ExitCode> {
    let request = request_of(args)?;
    let out = args.out.clone().unwrap_or_else(|| {
        PathBuf::from("simulated").join(format!(
            "{}-{}-seed{}-{}d",
            request.venue.name(),
            args.profile,
            args.seed,
            args.days
        ))
    });
    let stop = super::interrupt_flag()?;
    let instruments = request.world.instruments.len() as u64;
    let bar = ui.progress(u64::from(args.days) * instruments, "simulating");
    let report = write_archive(&out, &request, &stop, &|_| bar.inc(1))?;
    bar.finish_and_clear();
    ui.answer(&report, &text(&report, &out))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns what the flags ask for, checked.
fn request_of(args: &Synth) -> CommandResult<SynthRequest> {
    let profile = profile_of(&args.profile)?;
    let venue = args.exchange.venue;
    let mut instruments = if args.instruments.is_empty() {
        let market = match (args.market, markets_of(venue).first()) {
            (Some(market), _) | (None, Some(&market)) => market,
            (None, None) => Market::Um,
        };
        let symbol = match &args.symbol {
            Some(symbol) => symbol.clone(),
            None => default_symbol(venue, market)?,
        };
        vec![look_of(&args.look)?.params(market, symbol).config_error()?]
    } else {
        args.instruments
            .iter()
            .map(|text| instrument_of(text))
            .collect::<CommandResult<Vec<_>>>()?
    };
    request::apply_overrides(&mut instruments, &args.set)?;
    let datasets = if args.datasets.is_empty() {
        let mut all = default_datasets(venue);
        all.retain(|d| {
            let mut markets = instruments.iter().map(|x| x.market);
            markets.any(|market| request::is_written(venue, market, *d))
        });
        all
    } else {
        args.datasets.clone()
    };
    let images_only =
        datasets.contains(&Dataset::L2Snapshots) && !datasets.contains(&Dataset::L2Deltas);
    let defect_seed = args.defect_seed.unwrap_or(args.seed);
    SynthRequest {
        world: WorldParams {
            seed: args.seed,
            profile,
            start_day: args.start,
            instruments,
        },
        venue,
        days: args.days,
        datasets,
        book: BookOptions {
            levels: args
                .book_levels
                .unwrap_or(if venue == Venue::Binance { 20 } else { 0 }),
            cadence_ms: args
                .book_cadence_ms
                .unwrap_or(if images_only { 1_000 } else { 100 }),
        },
        defects: DefectRequest::parse(&args.defects, defect_seed)?,
    }
    .check()
}

fn default_symbol(venue: Venue, market: Market) -> CommandResult<Symbol> {
    let text = match (venue, market) {
        (Venue::Okx, Market::Spot) => "BTC-USDT",
        (Venue::Okx, _) => "BTC-USDT-SWAP",
        _ => "BTCUSDT",
    };
    text.parse().map_err(|e: quant_core::market::MarketError| {
        CommandError::text(ErrorKind::Internal, &e.to_string())
    })
}

fn text(report: &SynthReport, out: &std::path::Path) -> String {
    let request = &report.request;
    let rows: u64 = report.files.iter().map(|f| f.rows).sum();
    let (start, end) = (request.world.start_day, request.end_day());
    let mut lines = vec![format!(
        "SIMULATED {} on {} [{start}, {end}), seed {}: {} files, {rows} rows in `{}`",
        request.world.profile.name(),
        request.venue.name(),
        request.world.seed,
        report.files.len(),
        out.display(),
    )];
    lines.push(format!(
        "truth: {}",
        out.join(quant_lake::truth::TRUTH_FILE).display()
    ));
    if report.request.defects.is_some() {
        lines.push(format!(
            "defects: {} planted, listed in {}",
            report.defects,
            out.join(DEFECTS_FILE).display()
        ));
        if report.defects == 0 {
            lines.push(
                "no written file drew a defect: raise the rates, or add --datasets that can have the kind".to_owned(),
            );
        }
    }
    if request.venue == Venue::Binance {
        for instrument in &request.world.instruments {
            let datasets: Vec<&str> = request
                .datasets
                .iter()
                .filter(|d| request::is_ingested(instrument.market, **d))
                .map(|d| d.name())
                .collect();
            if datasets.is_empty() {
                continue;
            }
            lines.push(format!(
                "ingest: quant build-dataset --exchange sim-binance --market {} --symbol {} --start {start} --end {end} \
                 --source vision --root {} --datasets {} --lake data",
                instrument.market,
                instrument.symbol,
                out.display(),
                datasets.join(","),
            ));
        }
    } else {
        lines.push(format!(
            "serve: quant mock-exchange --archive {}",
            out.display()
        ));
    }
    lines.join("\n")
}
