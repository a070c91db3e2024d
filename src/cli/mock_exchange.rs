//! `quant mock-exchange`: archives, REST and sockets of a simulated market, a folder or a recording.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use quant_core::synth::WorldParams;
use quant_core::time::Day;

use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::mock::clock::Speed;
use crate::mock::delay::DelayRules;
use crate::mock::faults::Plan;
use crate::mock::{MockError, MockOptions, Started, run as serve};
use crate::synth::request::{instrument_of, profile_of};

/// Longest history made before the clock starts, a week.
const MAX_HISTORY_MINUTES: u32 = 7 * 1_440;

#[derive(Debug, Args)]
#[command(
    after_help = "Ends with exit code 0 on Ctrl-C or SIGTERM. Nothing it serves was ever traded.\nControl: GET /_mock/status, POST /_mock/faults (a fault plan), POST /_mock/clock ({\"speed\": 100}, {\"pause\": true}, {\"step_ms\": 1000})."
)]
pub(crate) struct MockExchange {
    /// Address to listen on; anything but loopback shows the market to the network
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port; 0 takes a free one and prints it
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Folder in a venue's own layout, e.g. written by `quant synth`; alone it serves no live market
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
    /// Recording to replay (gzip lines `<received ns> <JSON>`) instead of a simulated market
    #[arg(long, value_name = "FILE", conflicts_with_all = ["profile", "instrument", "history_minutes", "start"])]
    recording: Option<PathBuf>,
    /// Market profile [default: mixed]
    #[arg(
        long,
        help = "Market profile: null, planted_flow, planted_hazard, planted_trend, planted_reversion, mixed [default: mixed]"
    )]
    profile: Option<String>,
    /// Simulated instrument as MARKET:SYMBOL[:LOOK] with LOOK btc or alt, several separated by commas [default: um:BTCUSDT:btc,um:SOLUSDT:alt,spot:BTCUSDT:btc]
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "MARKET:SYMBOL[:LOOK]",
        alias = "instruments"
    )]
    instrument: Vec<String>,
    /// Seed of the market, the delays and nothing else
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// First simulated day
    #[arg(long, value_name = "DAY")]
    start: Option<Day>,
    /// Minutes of history before the clock starts, and how much REST keeps of trades and books [default: 180]
    #[arg(long, value_name = "N")]
    history_minutes: Option<u32>,
    /// Simulated seconds per second, above 0 up to 10000, or `max`: as fast as the subscribed sockets read
    #[arg(long, default_value = "1")]
    speed: String,
    /// Let the clock stand still until the first subscription
    #[arg(long)]
    hold: bool,
    /// Fault plan (YAML)
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// Delay of sockets by path
    #[arg(
        long,
        value_name = "GLOB=DIST",
        help = "Delay of sockets by path: GLOB=constant:MS, =exponential:MEAN_MS or =lognormal:MEDIAN_MS,SIGMA; may be repeated"
    )]
    delay: Vec<String>,
}

pub(crate) fn run(args: &MockExchange, ui: Ui) -> CommandResult<ExitCode> {
    let options = options(args)?;
    let stop = super::interrupt_flag()?;
    let mut told = Ok(());
    let served = serve(options, &stop, |started| told = tell(started, ui));
    served.map_err(|error| {
        let kind = match error {
            MockError::System { .. } => ErrorKind::Internal,
            _ => ErrorKind::Config,
        };
        CommandError::new(kind, &error)
    })?;
    told?;
    ui.note("stopped");
    Ok(ExitCode::SUCCESS)
}

fn tell(started: &Started, ui: Ui) -> CommandResult<()> {
    let text = format!(
        "listening on {}\nwebsockets on {}\n{}",
        started.url,
        started.ws_url,
        if !started.simulated {
            "replaying a recording".to_owned()
        } else if started.instruments.is_empty() {
            "SIMULATED: files only".to_owned()
        } else {
            format!("SIMULATED: {}", started.instruments.join(" "))
        }
    );
    ui.answer(started, &text)
}

fn options(args: &MockExchange) -> CommandResult<MockOptions> {
    let history_minutes = args.history_minutes.unwrap_or(180);
    if !(1..=MAX_HISTORY_MINUTES).contains(&history_minutes) {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("--history-minutes is {history_minutes}; expected 1 to {MAX_HISTORY_MINUTES}"),
        ));
    }
    let asks_for_market = args.profile.is_some() || !args.instrument.is_empty();
    let serves_else = args.archive.is_some() || args.recording.is_some();
    let world = (asks_for_market || !serves_else)
        .then(|| world(args))
        .transpose()?;
    let plan = match &args.faults {
        Some(path) => Plan::read(path).config_error()?,
        None => Plan::default(),
    };
    Ok(MockOptions {
        address: SocketAddr::new(args.host, args.port),
        world,
        history_minutes,
        speed: args.speed.parse::<Speed>().config_error()?,
        hold: args.hold,
        archive: args.archive.clone(),
        recording: args.recording.clone(),
        plan,
        delays: DelayRules::parse(&args.delay).config_error()?,
        seed: args.seed,
    })
}

fn world(args: &MockExchange) -> CommandResult<WorldParams> {
    let profile = profile_of(args.profile.as_deref().unwrap_or("mixed"))?;
    let usual = ["um:BTCUSDT:btc", "um:SOLUSDT:alt", "spot:BTCUSDT:btc"];
    let instruments = if args.instrument.is_empty() {
        usual.into_iter().map(instrument_of).collect()
    } else {
        let asked = args.instrument.iter();
        asked
            .map(|text| instrument_of(text))
            .collect::<CommandResult<Vec<_>>>()
    };
    let start_day = match args.start {
        Some(day) => day,
        None => "2026-01-05".parse().config_error()?,
    };
    Ok(WorldParams {
        seed: args.seed,
        profile,
        start_day,
        instruments: instruments?,
    })
}
