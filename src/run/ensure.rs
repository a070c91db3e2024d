//! Brings the history a config asks for into the lake, from the source it names.

pub mod files;
pub mod okx_hist;
pub mod rest;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use quant_core::market::Venue;
use quant_core::market::{Instrument, InstrumentKey};
use quant_core::synth::{InstrumentParams, WorldParams};
use quant_core::time::{Day, TimeRange, UnixMicros};
use quant_lake::ingest::{
    ArchiveSource, CsvRequest, FileError, IngestError, IngestOptions, IngestReport, IngestRequest,
    LocalArchive, PlanOptions, Progress, ingest_csv, ingest_vision, plan_vision,
};
use quant_lake::layout::{DatasetKey, Lake, PartitionSetSpec};
use quant_lake::read::PartitionSet;
use quant_lake::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use quant_lake::venues::csv::{
    CsvHeader, CsvMapping, CsvRows, KlineColumns, QtyUnit, SideColumn, Stamp, TimeFormat,
    TradeColumns,
};
use quant_lake::venues::markets::check_market;
use quant_lake::venues::rows::ParseError;

use crate::config::{RawCsv, RawSynth, RawVision, VolumeUnit};
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::fetch::holds::HOLDS_FILE;
use crate::fetch::{FetchError, HttpArchive, HttpHost};
use crate::synth::request::profile_of;
use crate::synth::{self, BookOptions, SynthRequest, is_simulated};

/// What every ingest of a run or command shares.
pub struct IngestContext<'a> {
    /// The lake.
    pub lake: &'a Lake,
    /// How.
    pub options: IngestOptions,
    /// Written to manifests.
    pub created_at: UnixMicros,
    /// Observer.
    pub progress: &'a dyn Progress,
    /// Raised by Ctrl-C.
    pub stop: &'a Arc<AtomicBool>,
}

/// Ingests Vision archives of one instrument from a folder or a host.
///
/// # Errors
/// Configuration errors for an unusable root or address; data errors of the ingest as a whole.
pub fn vision(
    context: &IngestContext<'_>,
    source: &RawVision,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
    terms: &[Instrument],
) -> CommandResult<IngestReport> {
    let archive: Box<dyn ArchiveSource> = if let Some(root) = &source.root {
        if is_simulated(root) && !key.exchange.simulated {
            return Err(simulated_as_real(&root.display().to_string(), key));
        }
        let archive = LocalArchive::open(root.clone()).config_error()?;
        super::space::require(
            context.lake.root(),
            local_bytes(&archive, key, datasets, range, context.options.monthly),
        )?;
        Box::new(archive)
    } else {
        // Sizes are only known file by file; a running disk-full is still a clean refusal of that file.
        super::space::require(context.lake.root(), 0)?;
        let timeout = Duration::from_secs(source.timeout_s);
        let host = HttpHost::new(&source.base_url, source.retries, timeout)
            .config_error()?
            .keeping_holds(context.lake.root().join(HOLDS_FILE));
        // A simulated archive may be served as well; a host that does not answer is dealt with by the ingest itself, one
        // that wants no requests is not asked again.
        let marker = match host.text(synth::MARKER_FILE, context.stop) {
            Err(error @ FetchError::RateLimited { .. }) => return Err(error).data_error(),
            other => other,
        };
        // Some hosts answer 200 with a page of their own to whatever is asked: only the simulator's marker counts.
        let serves_simulated = matches!(marker, Ok(Some(text)) if synth::is_marker(&text));
        if serves_simulated && !key.exchange.simulated {
            return Err(simulated_as_real(&source.base_url, key));
        }
        if key.exchange.simulated && !serves_simulated {
            return Err(CommandError::text(
                ErrorKind::Config,
                &format!(
                    "`{}` is simulated and `{}` serves no simulated archive",
                    key.exchange, source.base_url
                ),
            )
            .hint("write one with `quant synth --out DIR`, then give `--root DIR`, or serve it with `quant mock-exchange --archive DIR`"));
        }
        Box::new(HttpArchive::new(host, Arc::clone(context.stop)))
    };
    let request = IngestRequest {
        key: key.clone(),
        datasets: datasets.to_vec(),
        range,
        instruments: terms.to_vec(),
        options: context.options.clone(),
        created_at: context.created_at,
    };
    ingest_vision(
        context.lake,
        archive.as_ref(),
        &request,
        context.progress,
        context.stop,
    )
    .map_err(|e| ingest_error(&e))
}

fn simulated_as_real(place: &str, key: &InstrumentKey) -> CommandError {
    CommandError::text(
        ErrorKind::Config,
        &format!(
            "`{place}` holds simulated archives and `{}` is a real exchange",
            key.exchange
        ),
    )
    .hint(format!(
        "ingest a local copy of it (`--root DIR`) as `--exchange sim-{}`",
        key.exchange
    ))
}

/// Returns whether the lake holds every day of `datasets` that a remote source would be asked for.
///
/// # Errors
/// Data error: a manifest that cannot be read.
pub fn holds_all(
    lake: &Lake,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
) -> CommandResult<bool> {
    for unit in plan_vision(
        key,
        datasets,
        &range,
        PlanOptions {
            monthly: false,
            skip_unpublished: true,
        },
    ) {
        if unit.file.is_none() {
            continue;
        }
        let dataset = DatasetKey {
            instrument: key.clone(),
            dataset: unit.dataset,
        };
        let spec = PartitionSetSpec::raw(&dataset, DEFAULT_BOOK_LEVELS);
        let Some(set) = PartitionSet::open_if_present(lake, &spec).data_error()? else {
            return Ok(false);
        };
        let mut days = (unit.first.0..=unit.last.0).map(Day);
        if !days.all(|day| set.manifest().partition(day).is_some()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the size of the archives a plan would read.
fn local_bytes(
    archive: &LocalArchive,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
    monthly: bool,
) -> u64 {
    let options = PlanOptions {
        monthly,
        skip_unpublished: false,
    };
    plan_vision(key, datasets, &range, options)
        .iter()
        .filter_map(|unit| unit.file.as_ref())
        .filter_map(|file| {
            archive
                .archive(&file.path, None, std::path::Path::new(""))
                .ok()
                .flatten()
        })
        .filter_map(|found| std::fs::metadata(found.path).ok())
        .map(|meta| meta.len())
        .sum()
}

/// Simulates one instrument if its archive is not there yet, then ingests it like any other.
///
/// # Errors
/// As [`vision`], and those of the simulator.
pub fn synth(
    context: &IngestContext<'_>,
    market: &RawSynth,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
    terms: &Instrument,
    on_day: &dyn Fn(Day),
) -> CommandResult<IngestReport> {
    let start_day = range.start.day();
    let base = market
        .look
        .params(key.market, key.symbol.clone())
        .config_error()?;
    let wanted: Vec<Dataset> = datasets
        .iter()
        .copied()
        .filter(|d| {
            synth::request::is_ingested(key.market, *d)
                && synth::request::is_written(Venue::Binance, key.market, *d)
        })
        .collect();
    let request = SynthRequest {
        world: WorldParams {
            seed: market.seed,
            profile: profile_of(&market.profile)?,
            start_day,
            instruments: vec![InstrumentParams {
                tick_size: terms.tick_size,
                lot_size: terms.lot_size,
                trades_per_day: market.trades_per_day,
                quotes_per_day: market.quotes_per_day,
                ..base
            }],
        },
        venue: Venue::Binance,
        days: u32::try_from(range.days().count()).unwrap_or(u32::MAX),
        datasets: wanted,
        book: BookOptions {
            levels: 20,
            cadence_ms: 1_000,
        },
        defects: None,
    };
    let root = synth_root(context.lake, &request)?;
    if !is_simulated(&root) {
        super::space::require(context.lake.root(), 0)?;
        synth::write_archive(&root, &request, context.stop, on_day)?;
    }
    let local = RawVision {
        root: Some(root),
        base_url: String::new(),
        allow_missing_checksum: false,
        retries: 0,
        timeout_s: 1,
    };
    vision(
        context,
        &local,
        key,
        datasets,
        range,
        std::slice::from_ref(terms),
    )
}

/// Returns where the simulated archive of a request is kept, inside the lake but outside its datasets.
fn synth_root(lake: &Lake, request: &SynthRequest) -> CommandResult<PathBuf> {
    Ok(lake
        .root()
        .join("synth")
        .join(format!("{}-{}d", request.id()?, request.days)))
}

/// Fails if any file of a report was refused, naming the first ones.
///
/// # Errors
/// Data error; interrupted if the caller asked to stop.
pub fn require_success(report: &IngestReport) -> CommandResult<()> {
    if report.stopped {
        return Err(
            CommandError::text(ErrorKind::Interrupted, "interrupted while ingesting")
                .hint("run the same command again: finished days are kept"),
        );
    }
    let mut failures = report.failures();
    let Some((file, error)) = failures.next() else {
        return Ok(());
    };
    let mut out = CommandError::new(ErrorKind::Data, error);
    if let FileError::Parse(ParseError::TooManyBadRows { .. }) = error {
        out.hints = vec![
            "look at the rows (`quant inspect FILE`), or accept more of them: --max-quarantine-share X (a run: --set ingest.max_quarantine_share=X)".to_owned(),
        ];
    }
    if !out.message.contains(&file.file) {
        out.message = format!("`{}`: {}", file.file, out.message);
    }
    let more = failures.count();
    if more > 0 {
        out.message = format!("{}\n  and {more} more file(s) refused", out.message);
    }
    Err(out)
}

/// Refuses an instrument whose name is none of its market, before anything of it is asked for, simulated or read.
///
/// # Errors
/// Configuration error.
pub fn require_market(key: &InstrumentKey) -> CommandResult<()> {
    check_market(key).config_error()
}

/// Maps an ingest that could not begin.
pub fn ingest_error(error: &IngestError) -> CommandError {
    let kind = match error {
        IngestError::WrongExchange { .. }
        | IngestError::Market(_)
        | IngestError::Mapping(_)
        | IngestError::Terms(_) => ErrorKind::Config,
        IngestError::Io { .. } => ErrorKind::Internal,
        IngestError::Commit(_) => ErrorKind::Data,
    };
    CommandError::new(kind, error)
}

/// Ingests one CSV file of one instrument; all its rows unless a range is given. `terms` are those that hold, and all there are.
///
/// # Errors
/// Configuration errors for a mapping that cannot be used; data errors are in the report.
pub fn csv(
    context: &IngestContext<'_>,
    raw: &RawCsv,
    key: &InstrumentKey,
    range: Option<TimeRange>,
    (terms, all): (&Instrument, &[Instrument]),
) -> CommandResult<IngestReport> {
    if raw.volume_unit == VolumeUnit::Contracts {
        one_worth(raw, key, range, all)?;
    }
    let request = CsvRequest {
        path: raw.path.clone(),
        key: key.clone(),
        mapping: csv_mapping(raw, terms)?,
        range,
        options: context.options.clone(),
        created_at: context.created_at,
    };
    if !raw.path.is_file() {
        return Err(CommandError::text(
            ErrorKind::Config,
            &format!("there is no CSV file at `{}`", raw.path.display()),
        )
        .hint("name it with --set ingest.csv.path=FILE (relative to the working directory)"));
    }
    let bytes = std::fs::metadata(&raw.path).map_or(0, |m| m.len());
    super::space::require(context.lake.root(), bytes)?;
    ingest_csv(context.lake, &request, context.progress, context.stop).map_err(|e| ingest_error(&e))
}

/// Refuses a file of contracts that are worth two amounts on the days wanted of it: it is read with one.
fn one_worth(
    raw: &RawCsv,
    key: &InstrumentKey,
    range: Option<TimeRange>,
    all: &[Instrument],
) -> CommandResult<()> {
    use quant_lake::venues::contracts::QtyUnit as Worth;
    use quant_lake::venues::contracts::over_time::{days_of_changes, only, spans_of};
    // Whatever the market, the config says that these are contracts.
    let worth = |terms: &Instrument| match (terms.inverse, terms.contract_value) {
        (true, usd) => Worth::Inverse { usd },
        (false, ctval) => Worth::Linear { ctval },
    };
    let Some(range) = range.or_else(|| days_of_changes(all)) else {
        return Ok(());
    };
    let mut spans = spans_of(key, all, range, |terms| terms.map(worth)).config_error()?;
    spans.retain(|span| span.unit.is_some());
    spans.dedup_by_key(|span| span.unit);
    let what = format!("`{}`", raw.path.display());
    only(key, &spans, &what).config_error().map(|_| ())
}

/// Turns the declared columns into a mapping, naming every missing or unknown one.
fn csv_mapping(raw: &RawCsv, terms: &Instrument) -> CommandResult<CsvMapping> {
    let is_klines = raw.dataset == Dataset::Klines1m;
    let (required, optional): (&[&str], &[&str]) = if is_klines {
        (
            &["time", "open", "high", "low", "close", "volume"],
            &["quote_volume", "n_trades", "taker_buy_volume"],
        )
    } else {
        (&["time", "price", "qty"], &["side", "is_buyer_maker", "id"])
    };
    let mut problems: Vec<String> = required
        .iter()
        .filter(|name| !raw.columns.contains_key(**name))
        .map(|name| format!("`ingest.csv.columns.{name}` is missing"))
        .collect();
    problems.extend(
        raw.columns
            .keys()
            .filter(|name| !required.contains(&name.as_str()) && !optional.contains(&name.as_str()))
            .map(|name| {
                format!(
                    "`ingest.csv.columns.{name}` is not a column of {}",
                    raw.dataset
                )
            }),
    );
    if !is_klines && raw.columns.contains_key("side") == raw.columns.contains_key("is_buyer_maker")
    {
        problems.push("`ingest.csv.columns` needs either `side` or `is_buyer_maker`".to_owned());
    }
    if !problems.is_empty() {
        return Err(CommandError::text(ErrorKind::Config, &problems.join("\n")));
    }
    let column = |name: &str| raw.columns.get(name).cloned();
    let named = |name: &str| column(name).unwrap_or_default();
    let unit = match raw.volume_unit {
        VolumeUnit::Base => QtyUnit::Base,
        VolumeUnit::Quote => QtyUnit::Quote,
        VolumeUnit::Contracts if terms.inverse => QtyUnit::InverseContracts {
            quote_per_contract: terms.contract_value,
        },
        VolumeUnit::Contracts => QtyUnit::Contracts {
            base_per_contract: terms.contract_value,
        },
    };
    let rows = if is_klines {
        CsvRows::Klines(KlineColumns {
            timestamp: named("time"),
            open: named("open"),
            high: named("high"),
            low: named("low"),
            close: named("close"),
            volume: named("volume"),
            quote_volume: column("quote_volume"),
            n_trades: column("n_trades"),
            taker_buy_volume: column("taker_buy_volume"),
            stamp: match raw.stamp {
                Some(crate::config::Stamp::Close) => Stamp::Close,
                Some(crate::config::Stamp::Open) => Stamp::Open,
                None => {
                    return Err(CommandError::text(
                        ErrorKind::Config,
                        "`ingest.csv.stamp` is missing",
                    ));
                }
            },
            volume_unit: unit,
        })
    } else {
        CsvRows::Trades(TradeColumns {
            timestamp: named("time"),
            price: named("price"),
            qty: named("qty"),
            side: match column("is_buyer_maker") {
                Some(name) => SideColumn::IsBuyerMaker(name),
                None => SideColumn::Aggressor(named("side")),
            },
            trade_id: column("id"),
            qty_unit: unit,
        })
    };
    Ok(CsvMapping {
        rows,
        time: match raw.time_format {
            crate::config::TimeFormat::Iso => TimeFormat::Text,
            crate::config::TimeFormat::EpochS => TimeFormat::EpochS,
            crate::config::TimeFormat::EpochMs => TimeFormat::EpochMs,
            crate::config::TimeFormat::EpochUs => TimeFormat::EpochUs,
            crate::config::TimeFormat::EpochNs => TimeFormat::EpochNs,
        },
        header: raw
            .header
            .clone()
            .map_or(CsvHeader::FirstLine, CsvHeader::Columns),
        delimiter: raw.delimiter,
    })
}
