//! Arguments of every command, as clap reads them; meaning is given by the command's own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use quant_core::market::{Exchange, Market, Symbol};
use quant_core::time::UnixMicros;
use quant_lake::schema::Dataset;

use crate::rest::okx_hist::BookDepth;

/// Research-to-paper-trading toolkit for crypto perpetuals.
#[derive(Debug, Parser)]
#[command(name = "quant", version, max_term_width = 110, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 ok, 1 internal, 2 usage or config, 3 data problem, 4 gate refused, 130 interrupted.\nRanges are [start, end) in UTC. stdout carries data, stderr carries messages; QUANT_LOG=debug turns logs on.";

#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Write the answer as JSON on stdout and errors as JSON on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write no messages and no progress, only the answer and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ingest exchange history into the lake
    BuildDataset(Box<BuildDataset>),
    /// Build 1m bars from what the lake holds
    BuildBars(BuildBars),
    /// Build features from the bars in the lake
    BuildFeatures(super::build_features::BuildFeatures),
    /// Dataset, bars, features, regime, entries, backtest and report, gates included
    RunAll(RunAll),
    /// Check that nothing looks ahead and that live equals backtest, on your own data
    Audit(super::audit::AuditArgs),
    /// Measure features: coverage, distribution, information coefficients by horizon, decay, stability, plots
    DiagnoseMicrostructure(super::diagnose::DiagnoseMicrostructure),
    /// Check every manifest, file hash and row of a lake
    Verify(Verify),
    /// Look for vendor defects in what the lake holds: gaps, frozen values, shifted labels, mixed units
    CheckData(CheckData),
    /// Say what is in a vendor's file, a recording, a CSV or a partition, and how to ingest it
    Inspect(super::inspect::Inspect),
    /// Write `bybit_l2_inspect.json` about one day of a Bybit order book
    InspectBybitL2(super::inspect::InspectBybitL2),
    /// Look for data made of archives that Binance Vision has replaced since, and fetch them again
    CheckUpdates(super::check_updates::CheckUpdates),
    /// List the instruments of a market at a moment, and which were liquid as far as was known then
    Universe(super::universe::UniverseArgs),
    /// List and show the statistics of minute rows and the kinds of features
    Features(super::features::FeaturesArgs),
    /// Check a config, show it resolved, or print its schema
    Config(Config),
    /// Write a simulated market as exchange archives
    Synth(Synth),
    /// Measure simulated markets: stylised facts, edges, the null market
    SynthFacts(super::synth_facts::SynthFacts),
    /// Serve a simulated market, an archive folder or a recording as an exchange would
    MockExchange(super::mock_exchange::MockExchange),
}

/// Where vendor files come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SourceArg {
    /// Binance Vision archives, from --root or --base-url
    Vision,
    /// CSV files described by `ingest.csv` of --config
    Csv,
    /// REST history of binance, okx, deepcoin or hyperliquid
    Rest,
    /// REST history of deepcoin
    Deepcoin,
    /// OKX's historical archive: finds its files, brings them to --cache-dir and ingests what is there
    #[value(alias = "okx_hist")]
    OkxHist,
    /// Files of OKX's archive downloaded by hand, from --root or --okx-manual-...-dir
    #[value(alias = "okx_manual")]
    OkxManual,
    /// Files of Bybit's archives downloaded by hand, from --root
    #[value(alias = "bybit_manual")]
    BybitManual,
    /// Recorded sessions named by --input
    Recording,
}

/// When images of a book are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BookImages {
    /// At every multiple of --book-cadence-ms
    Cadence,
    /// After every message
    Message,
    /// After every image the venue sends
    Snapshot,
}

/// Levels per side of OKX's order book products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DepthArg {
    /// Module 6
    #[value(name = "50")]
    L50,
    /// Module 4
    #[value(name = "400")]
    L400,
    /// Module 5, from 2025-11-01
    #[value(name = "5000")]
    L5000,
}

impl DepthArg {
    /// Returns the product.
    pub(crate) const fn product(self) -> BookDepth {
        match self {
            Self::L50 => BookDepth::L50,
            Self::L400 => BookDepth::L400,
            Self::L5000 => BookDepth::L5000,
        }
    }
}

/// How books become rows.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "the names are those of the flags, which stand among many others"
)]
pub(crate) struct BookArgs {
    /// Levels per side of `l2_snapshots`
    #[arg(long, value_name = "N", default_value_t = 50, aliases = ["okx-store-top-levels", "bybit-store-top-levels"], value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) book_levels: u16,
    /// Milliseconds between two images
    #[arg(long, value_name = "MS", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=3_600_000))]
    pub(crate) book_cadence_ms: u32,
    /// When images are taken
    #[arg(long, value_enum, default_value = "cadence")]
    pub(crate) book_images: BookImages,
    /// Take no image of a book whose last message is older than this
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub(crate) book_max_stale_ms: u32,
}

#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the command line"
)]
pub(crate) struct BuildDataset {
    /// Exchange, e.g. binance; simulated data is sim-binance
    #[arg(long)]
    pub(crate) exchange: Exchange,
    /// Market: spot, um, cm (binance), swap (okx, deepcoin, hyperliquid), linear, inverse (bybit)
    #[arg(long)]
    pub(crate) market: Market,
    /// The exchange's own symbol; several separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    pub(crate) symbol: Vec<Symbol>,
    /// Inclusive first UTC day: YYYY-MM-DD; recordings are taken whole without it
    #[arg(long, required_unless_present_any = ["input", "last_hours"])]
    pub(crate) start: Option<UnixMicros>,
    /// Exclusive last UTC day: YYYY-MM-DD
    #[arg(long, requires = "start")]
    pub(crate) end: Option<UnixMicros>,
    /// The UTC days of the last N hours of the venue's clock, today as far as it has come (rest, deepcoin)
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "start",
        value_parser = clap::value_parser!(u32).range(1..=8_760)
    )]
    pub(crate) last_hours: Option<u32>,
    /// Where vendor files come from
    #[arg(long, value_enum, default_value = "vision", alias = "mode")]
    pub(crate) source: SourceArg,
    /// Folder in the archive's own layout (local files instead of the network)
    #[arg(
        long,
        value_name = "DIR",
        conflicts_with = "base_url",
        alias = "bybit-manual-root"
    )]
    pub(crate) root: Option<PathBuf>,
    /// Recording, or folder of recordings; may be given several times
    #[arg(long, value_name = "PATH", conflicts_with = "root")]
    pub(crate) input: Vec<PathBuf>,
    /// Folder of OKX candles downloaded by hand
    #[arg(long, value_name = "DIR")]
    pub(crate) okx_manual_candles_dir: Option<PathBuf>,
    /// Folder of OKX trades downloaded by hand
    #[arg(long, value_name = "DIR")]
    pub(crate) okx_manual_trades_dir: Option<PathBuf>,
    /// Folder of OKX order books downloaded by hand
    #[arg(long, value_name = "DIR")]
    pub(crate) okx_manual_book_dir: Option<PathBuf>,
    /// Folder of OKX funding rates downloaded by hand
    #[arg(long, value_name = "DIR")]
    pub(crate) okx_manual_funding_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) book: BookArgs,
    /// Host that serves the archive
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// Datasets, separated by commas [default: what the source has of the market. vision and rest of binance:
    /// `klines_1m,agg_trades`; rest of okx and deepcoin, okx-hist: `klines_1m,trades`; of hyperliquid:
    /// `klines_1m,funding`; okx-manual: those of the named folders; bybit-manual: `trades,l2_snapshots,l2_deltas`;
    /// recording: all of its venue]
    #[arg(long, value_delimiter = ',', value_parser = parse_dataset)]
    pub(crate) datasets: Vec<Dataset>,
    /// Lake folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) lake: PathBuf,
    /// Config with `ingest.csv` (csv source) and ingest limits
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override one config key, e.g. ingest.csv.path=FILE; without --config those of ingest and of paths.instruments
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Instruments table with contract values, instead of the built-in one or that of the config
    #[arg(long, value_name = "FILE")]
    pub(crate) instruments: Option<PathBuf>,
    /// Which order book product of OKX's archive [default: 400; of files at hand whichever is there]
    #[arg(long, value_enum, value_name = "LEVELS")]
    pub(crate) okx_book_depth: Option<DepthArg>,
    /// Write what the source did not have, with reasons, as JSON; also when it had everything
    #[arg(long, value_name = "FILE")]
    pub(crate) gap_report: Option<PathBuf>,
    /// Bring archive files of OKX that --cache-dir has not got
    #[arg(long)]
    pub(crate) okx_auto_download: bool,
    /// Where archive files of OKX are kept [default: cache/okx-hist in the lake]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Refuse a file whole that has a larger share of unusable rows [default: 0.01, or that of the config]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub(crate) max_quarantine_share: Option<f64>,
    /// Keep a copy of every original under sources/
    #[arg(long)]
    pub(crate) keep_sources: bool,
    /// Accept archives without a .CHECKSUM file
    #[arg(long)]
    pub(crate) allow_missing_checksum: bool,
    /// Replace partitions that came from another kind of source
    #[arg(long)]
    pub(crate) replace_source: bool,
    /// Take monthly archives of Vision where there are some, daily ones for the rest
    #[arg(long)]
    pub(crate) monthly: bool,
    /// Lists of replaced archives of Vision: warn of files that they withdraw
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub(crate) updates: Vec<PathBuf>,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

/// Reads a share: a number from 0 to 1.
fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

/// Maps the spellings of the first version to today's datasets.
fn parse_dataset(text: &str) -> Result<Dataset, String> {
    match text {
        "premium_kline" => Ok(Dataset::PremiumKlines),
        "mark_kline" => Ok(Dataset::MarkKlines),
        // Binance's bookDepth is percent bands, never levels.
        "book_depth" => Ok(Dataset::DepthBands),
        _ => text.parse().map_err(|e| format!("{e}")),
    }
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// Config file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Override one key, e.g. run.end=2024-02-01; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildBars {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Rebuild bars that are up to date
    #[arg(long)]
    pub(crate) force: bool,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct RunAll {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Compute again even if the same run is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
    /// Replace the exchange of the traded instrument
    #[arg(long)]
    pub(crate) exchange: Option<Exchange>,
    /// Replace the symbol of the traded instrument
    #[arg(long)]
    pub(crate) symbol: Option<Symbol>,
    /// Replace run.start
    #[arg(long)]
    pub(crate) start: Option<UnixMicros>,
    /// Replace run.end
    #[arg(long)]
    pub(crate) end: Option<UnixMicros>,
    /// Replace ingest.source
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Run on inputs with gaps, without the minutes concerned: sets `gates.allow_gaps`
    #[arg(long)]
    pub(crate) allow_gaps: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Lake folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) lake: PathBuf,
    /// Check sizes and file hashes only, do not read rows again
    #[arg(long)]
    pub(crate) shallow: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckData {
    /// Lake folder
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(crate) lake: PathBuf,
    /// Exchange, e.g. binance; simulated data is sim-binance
    #[arg(long)]
    pub(crate) exchange: Exchange,
    /// Market: spot, um, cm, swap, linear, inverse
    #[arg(long)]
    pub(crate) market: Market,
    /// The exchange's own symbol
    #[arg(long)]
    pub(crate) symbol: Symbol,
    /// Inclusive start [default: the first day the lake holds]
    #[arg(long)]
    pub(crate) start: Option<UnixMicros>,
    /// Exclusive end [default: the end of the last day the lake holds]
    #[arg(long)]
    pub(crate) end: Option<UnixMicros>,
    /// Datasets, separated by commas [default: all that the lake holds]
    #[arg(long, value_delimiter = ',', value_parser = parse_dataset)]
    pub(crate) datasets: Vec<Dataset>,
    /// Smallest share of a day's minutes that a dataset must cover, where minutes are due
    #[arg(long, value_name = "SHARE")]
    pub(crate) min_coverage: Option<f64>,
    /// Also write the answer as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Worker threads in total
    #[arg(long, short, value_name = "N")]
    pub(crate) jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say whether a config is valid, naming every violation
    Check(ConfigArgs),
    /// Print the resolved config with every layer applied
    Show(ConfigArgs),
    /// Print the JSON schema of configs
    Schema,
}

#[derive(Debug, Args)]
pub(crate) struct Synth {
    /// Market profile: `null`, `planted_flow`, `planted_hazard`, `planted_trend`, `planted_reversion` or `mixed`
    #[arg(long, default_value = "mixed")]
    pub(crate) profile: String,
    /// Number of days
    #[arg(long, default_value_t = 7)]
    pub(crate) days: u32,
    /// Seed: the same seed gives the same bytes
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Folder to write, empty or new [default: simulated/<venue>-<profile>-seed<seed>-<days>d]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// First day
    #[arg(long, default_value = "2024-01-01")]
    pub(crate) start: quant_core::time::Day,
    /// Venue whose formats are written: binance, bybit, okx
    #[arg(long, default_value = "binance")]
    pub(crate) exchange: Exchange,
    /// Market of --symbol [default: the venue's linear perpetual]
    #[arg(long)]
    pub(crate) market: Option<Market>,
    /// Symbol [default: BTCUSDT as the venue writes it]
    #[arg(long)]
    pub(crate) symbol: Option<Symbol>,
    /// What the instrument is like: btc (fine tick, busy) or alt (coarse tick, thick book)
    #[arg(long, default_value = "btc")]
    pub(crate) look: String,
    /// Several correlated instruments, separated by commas, e.g. um:BTCUSDT:btc,spot:BTCUSDT:btc,um:SOLUSDT:alt
    #[arg(long, value_delimiter = ',', value_name = "MARKET:SYMBOL[:LOOK]", alias = "instrument", conflicts_with_all = ["market", "symbol", "look"])]
    pub(crate) instruments: Vec<String>,
    /// Datasets, separated by commas [default: all that the venue publishes as archives]
    #[arg(long, value_delimiter = ',', value_parser = parse_dataset)]
    pub(crate) datasets: Vec<Dataset>,
    /// Override one parameter of every instrument (branching=0.5) or of one (BTCUSDT.branching=0.5)
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Levels per side in `l2_snapshots` and `l2_deltas` [default: 20; bybit and okx as the venue]
    #[arg(long, value_name = "N")]
    pub(crate) book_levels: Option<u16>,
    /// Milliseconds between two images or updates of the book [default: 1000 for images, 100 for updates]
    #[arg(long, value_name = "MS")]
    pub(crate) book_cadence_ms: Option<u32>,
    /// Defects to plant, as shares of the files that can have them, separated by commas, e.g. `gap=0.2,wrong_checksum=0.1`;
    /// `all=RATE` names every kind (at most 0.07: a file gets one defect at most)
    #[arg(long, value_delimiter = ',', value_name = "KIND=RATE")]
    pub(crate) defects: Vec<String>,
    /// Seed of the defects [default: --seed]
    #[arg(long, value_name = "SEED")]
    pub(crate) defect_seed: Option<u64>,
}
