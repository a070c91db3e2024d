//! `quant synth-facts`: stylised facts of simulated markets, and what features know of a null market.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use quant_core::synth::MarketProfile;
use quant_core::time::{Day, MINUTES_PER_DAY};
use serde::Serialize;

use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::facts::FactsError;
use crate::facts::run::{FactRow, FactsRequest, NullReport, NullRequest, Watch, measure, run_null};
use crate::synth::Look;
use crate::synth::request::look_of;

/// Arguments of `quant synth-facts`.
#[derive(Debug, Args)]
pub(crate) struct SynthFacts {
    /// Seeds, one world each; of a null run the first seed of --worlds consecutive ones
    #[arg(long, value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    /// Days per world
    #[arg(long, default_value_t = 14)]
    days: u32,
    /// Market profile [default: mixed; null with --null-minutes]
    #[arg(long)]
    profile: Option<String>,
    /// Instruments: btc, alt [default: both; btc with --null-minutes]
    #[arg(long, alias = "look", value_delimiter = ',', value_name = "LOOK")]
    looks: Option<Vec<String>>,
    /// First day
    #[arg(long, default_value = "2024-01-01")]
    start: Day,
    /// Events relative to the instrument's own number per day
    #[arg(long, default_value_t = 1.0)]
    rate: f64,
    /// Correlate every flow, volume and book feature with the next minute's return over N minutes instead
    #[arg(long, value_name = "N")]
    null_minutes: Option<u64>,
    /// Independent worlds a null run is split into
    #[arg(
        long,
        value_name = "N",
        default_value_t = 10,
        requires = "null_minutes"
    )]
    worlds: u64,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    jobs: Option<usize>,
}

/// The answer of a run over facts.
#[derive(Debug, Serialize)]
struct FactsAnswer<'a> {
    simulated: bool,
    profile: &'static str,
    start: String,
    days: u32,
    rate: f64,
    seeds: &'a [u64],
    facts: &'a [FactRow],
    ok: bool,
}

/// The answer of a null run.
#[derive(Debug, Serialize)]
struct NullAnswer<'a> {
    simulated: bool,
    profile: &'static str,
    rate: f64,
    runs: &'a [NullReport],
    ok: bool,
}

pub(crate) fn run(args: &SynthFacts, ui: Ui) -> CommandResult<ExitCode> {
    let plan = Plan::of(args)?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(args.jobs.unwrap_or(0))
        .build()
        .internal_error()?;
    let stop = super::interrupt_flag()?;
    let bar = ui.progress(plan.instrument_days(), "simulating");
    let watch = Watch {
        stop: &stop,
        on_day: &|| bar.inc(1),
    };
    let ok = match &plan {
        Plan::Facts(request) => {
            let rows = pool
                .install(|| measure(request, &watch))
                .map_err(|e| failed(&e))?;
            bar.finish_and_clear();
            let ok = rows.iter().all(FactRow::is_ok);
            let answer = FactsAnswer {
                simulated: true,
                profile: request.profile.name(),
                start: request.start.to_string(),
                days: request.days,
                rate: request.rate,
                seeds: &request.seeds,
                facts: &rows,
                ok,
            };
            ui.answer(&answer, &facts_text(request, &rows))?;
            ok
        }
        Plan::Null(requests) => {
            let mut runs = Vec::new();
            for request in requests {
                runs.push(
                    pool.install(|| run_null(request, &watch))
                        .map_err(|e| failed(&e))?,
                );
            }
            bar.finish_and_clear();
            let ok = runs.iter().all(NullReport::is_ok);
            let profile = requests.first().map_or("null", |r| r.profile.name());
            let answer = NullAnswer {
                simulated: true,
                profile,
                rate: args.rate,
                runs: &runs,
                ok,
            };
            let text: String = runs
                .iter()
                .map(|run| null_text(profile, args.rate, run))
                .collect();
            ui.answer(&answer, &text)?;
            ok
        }
    };
    Ok(if ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(ErrorKind::Gate.exit_code())
    })
}

/// What the arguments ask for.
enum Plan {
    Facts(FactsRequest),
    Null(Vec<NullRequest>),
}

impl Plan {
    fn of(args: &SynthFacts) -> CommandResult<Self> {
        let is_null = args.null_minutes.is_some();
        let profile_name =
            args.profile
                .as_deref()
                .unwrap_or(if is_null { "null" } else { "mixed" });
        let profile = MarketProfile::from_name(profile_name).ok_or_else(|| {
            let known = MarketProfile::ALL.map(MarketProfile::name).join(", ");
            refused(&format!("unknown profile `{profile_name}`; known: {known}"))
        })?;
        let looks = match &args.looks {
            Some(names) => names.iter().map(|n| look_of(n)).collect::<Result<_, _>>()?,
            None if is_null => vec![Look::Btc],
            None => Look::ALL.to_vec(),
        };
        no_repeats("--seeds", &args.seeds)?;
        no_repeats("--looks", &looks)?;
        if !(args.rate > 0.0 && args.rate <= 10.0) {
            return Err(refused(&format!(
                "--rate is {}; expected above 0 and at most 10",
                args.rate
            )));
        }
        let Some(minutes) = args.null_minutes else {
            if !(1..=3_660).contains(&args.days) {
                return Err(refused(&format!(
                    "--days is {}; expected 1 to 3660",
                    args.days
                )));
            }
            return Ok(Self::Facts(FactsRequest {
                profile,
                seeds: args.seeds.clone(),
                looks,
                days: args.days,
                start: args.start,
                rate: args.rate,
            }));
        };
        if !(1_000..=100_000_000).contains(&minutes) {
            return Err(refused(&format!(
                "--null-minutes is {minutes}; expected 1000 to 100000000"
            )));
        }
        // A world shorter than a few hours is mostly the warm-up of its features.
        if args.worlds == 0 || args.worlds > minutes / 500 {
            return Err(refused(&format!(
                "--worlds is {}; expected 1 to {}: at least 500 minutes each",
                args.worlds,
                minutes / 500
            )));
        }
        let first = args.seeds.first().copied().unwrap_or(1);
        let requests = looks
            .into_iter()
            .map(|look| NullRequest {
                profile,
                look,
                minutes,
                seeds: (0..args.worlds).map(|i| first.wrapping_add(i)).collect(),
                start: args.start,
                rate: args.rate,
            })
            .collect();
        Ok(Self::Null(requests))
    }

    /// Returns the days to simulate over all instruments: the units of progress.
    fn instrument_days(&self) -> u64 {
        match self {
            Self::Facts(r) => {
                let instruments = 2 * r.looks.len() * r.seeds.len();
                u64::from(r.days) * instruments as u64
            }
            Self::Null(requests) => requests
                .iter()
                .map(|r| {
                    let worlds = r.seeds.len().max(1) as u64;
                    worlds * r.minutes.div_ceil(worlds).div_ceil(MINUTES_PER_DAY as u64)
                })
                .sum(),
        }
    }
}

fn refused(message: &str) -> CommandError {
    CommandError::text(ErrorKind::Config, message)
}

fn failed(error: &FactsError) -> CommandError {
    let kind = match error {
        FactsError::World(_) => ErrorKind::Config,
        FactsError::Bars(_) | FactsError::Features(_) => ErrorKind::Internal,
        FactsError::Interrupted => ErrorKind::Interrupted,
    };
    CommandError::new(kind, error)
}

fn no_repeats<T: Ord + Clone>(flag: &str, values: &[T]) -> CommandResult<()> {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted.dedup();
    if sorted.len() == values.len() && !values.is_empty() {
        Ok(())
    } else {
        Err(refused(&format!(
            "{flag} is empty or names a value twice; expected each once"
        )))
    }
}

/// Returns a number in four significant digits at least, `none` where there is no value.
fn number(value: Option<f64>) -> String {
    match value {
        None => "none".to_owned(),
        Some(x) if x.abs() >= 100.0 => format!("{x:.1}"),
        Some(x) => format!("{x:.4}"),
    }
}

fn facts_text(request: &FactsRequest, rows: &[FactRow]) -> String {
    let mut out = format!(
        "SIMULATED {}: {} days from {}, rate {}\n\n",
        request.profile.name(),
        request.days,
        request.start,
        request.rate
    );
    let wide = rows.iter().map(|r| r.fact.len()).max().unwrap_or(4).max(4);
    let mut header = format!("{:8} {:wide$} {:>16}", "look", "fact", "band");
    for seed in &request.seeds {
        // Writing to a String cannot fail.
        let _ = write!(header, " {:>11}", format!("seed {seed}"));
    }
    let _ = writeln!(out, "{header}  verdict");
    for row in rows {
        let band = row.band.to_string();
        let mut line = format!("{:8} {:wide$} {band:>16}", row.look, row.fact);
        for cell in &row.cells {
            let mark = if cell.ok { ' ' } else { '*' };
            let _ = write!(line, " {:>10}{mark}", number(cell.value));
        }
        let verdict = match (row.gated, row.is_ok()) {
            (false, _) => "-",
            (true, true) => "ok",
            (true, false) => "OUT",
        };
        let _ = writeln!(out, "{line}  {verdict}");
    }
    let gated = || rows.iter().filter(|r| r.gated).flat_map(|r| &r.cells);
    let (all, outside) = (gated().count(), gated().filter(|c| !c.ok).count());
    let _ = writeln!(
        out,
        "\n{} of {all} values inside of their bands, {outside} outside (*); rows marked - are shown, not asked for. \
         Reasons of the bands: --json.",
        all - outside
    );
    out
}

fn null_text(profile: &str, rate: f64, run: &NullReport) -> String {
    let seeds = match (run.seeds.first(), run.seeds.last()) {
        (Some(a), Some(b)) => format!("seeds {a} to {b}"),
        _ => "no seed".to_owned(),
    };
    let mut out = format!(
        "SIMULATED {profile} {}: {} minutes in {} worlds ({seeds}), rate {rate}\n\
         next minute's log return of the closing mid; limit |IC| <= {:.4}; Price and Truth rows are for reference\n\
         minutes with a true edge: {}\n\n",
        run.look.name(),
        run.minutes,
        run.seeds.len(),
        run.limit,
        run.minutes_with_edge,
    );
    let _ = writeln!(
        out,
        "{:24} {:7} {:>9} {:>10} {:>8} {:>10} {:>8}  verdict",
        "feature", "group", "n", "rank IC", "se", "Pearson IC", "se"
    );
    for row in &run.rows {
        let ic = &row.ic;
        let small = |x: Option<f64>| x.map_or("none".to_owned(), |x| format!("{x:.5}"));
        let verdict = match (row.gated, row.ok) {
            (false, _) => "-",
            (true, true) => "ok",
            (true, false) => "BEYOND",
        };
        let _ = writeln!(
            out,
            "{:24} {:7} {:>9} {:>10} {:>8} {:>10} {:>8}  {verdict}",
            ic.column.name,
            format!("{:?}", ic.column.group),
            ic.n,
            small(ic.rank_ic),
            small(ic.rank_se),
            small(ic.pearson_ic),
            small(ic.pearson_se),
        );
    }
    let beyond = run.rows.iter().filter(|r| !r.ok).count();
    let _ = writeln!(out, "\n{beyond} features beyond the limit\n");
    out
}
