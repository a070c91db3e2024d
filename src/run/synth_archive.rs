//! A simulated market written as Binance Vision archives, so that it enters through the real ingest path.
//!
//! The market comes from `quant-core::synth`, the file formats from the lake's encoders; this file only writes files and
//! the marker that says SIMULATED.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use quant_core::market::Market;
use quant_core::synth::{MarketModel as _, Profile, RegimeMarket, SimDay, SynthParams};
use quant_core::time::Day;
use quant_lake::venues::binance::encode::{self, AggTradeRow, EncodedFile, KlineRow};
use serde::Serialize;

use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::identity::sha256_hex;

/// Name of the marker at the root of a simulated archive.
pub const MARKER_FILE: &str = "SIMULATED.json";

/// What to simulate.
#[derive(Clone, Debug, Serialize)]
pub struct SynthRequest {
    /// The market.
    pub params: SynthParams,
    /// Which market's formats.
    pub market: Market,
    /// Number of days from `params.start_day`.
    pub days: u32,
}

/// One written file.
#[derive(Clone, Debug, Serialize)]
pub struct SynthFile {
    /// Path below the root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of the zip.
    pub sha256: String,
    /// Data rows inside.
    pub rows: u64,
}

/// What was written; also the content of the marker.
#[derive(Clone, Debug, Serialize)]
pub struct SynthReport {
    /// Always true: nothing in this folder was ever traded.
    pub simulated: bool,
    /// What was asked for.
    pub request: SynthRequest,
    /// Archives, in order.
    pub files: Vec<SynthFile>,
}

/// Returns the profile of a name, if there is one.
pub fn profile_of(name: &str) -> Option<Profile> {
    [Profile::Mixed, Profile::Null]
        .into_iter()
        .find(|p| p.name() == name)
}

impl SynthRequest {
    /// Returns a name that changes with everything that changes the market.
    ///
    /// # Errors
    /// Internal, if the request cannot be written as JSON.
    pub fn id(&self) -> CommandResult<String> {
        let text = serde_json::to_string(&(&self.params, self.market)).internal_error()?;
        Ok(sha256_hex(text.as_bytes())[..16].to_owned())
    }
}

/// Writes the archive into `out`, which must not exist or be empty; on any failure nothing stays behind.
///
/// # Errors
/// Configuration errors for impossible parameters or a folder that is not empty; internal ones of the file system.
pub fn write_archive(
    out: &Path,
    request: &SynthRequest,
    stop: &AtomicBool,
    on_day: &dyn Fn(Day),
) -> CommandResult<SynthReport> {
    require_empty(out)?;
    let mut market = RegimeMarket::new(request.params.clone()).config_error()?;
    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| CommandError::io("create", parent, &e))?;
    let name = out
        .file_name()
        .map_or_else(|| "synth".into(), |n| n.to_string_lossy().into_owned());
    let staging = Staging(parent.join(format!(".tmp-{name}-{}", std::process::id())));
    let mut files = Vec::new();
    for _ in 0..request.days {
        if stop.load(Ordering::Relaxed) {
            return Err(CommandError::text(
                ErrorKind::Interrupted,
                "interrupted while simulating",
            ));
        }
        let day = market.next_day();
        on_day(day.day);
        for (archive, rows) in encode_day(&day, request)? {
            write_file(&staging.0.join(archive.path()), &archive.zip)?;
            write_file(
                &staging.0.join(archive.checksum_path()),
                archive.checksum.as_bytes(),
            )?;
            files.push(SynthFile {
                path: archive.path(),
                bytes: archive.zip.len() as u64,
                sha256: sha256_hex(&archive.zip),
                rows,
            });
        }
    }
    let report = SynthReport {
        simulated: true,
        request: request.clone(),
        files,
    };
    let marker = serde_json::to_string_pretty(&report).internal_error()? + "\n";
    write_file(&staging.0.join(MARKER_FILE), marker.as_bytes())?;
    if out.exists() {
        // Empty, as checked above; a folder cannot be renamed over an existing one everywhere.
        std::fs::remove_dir(out).map_err(|e| CommandError::io("replace", out, &e))?;
    }
    std::fs::rename(&staging.0, out).map_err(|e| CommandError::io("publish", out, &e))?;
    Ok(report)
}

/// Returns whether `root`, or any folder it lies in or is reached through, was written by the simulator: an archive may be
/// named by its root or by the `data` folder inside.
pub fn is_simulated(root: &Path) -> bool {
    let resolved = root.canonicalize();
    let resolved = resolved.as_deref().unwrap_or(root);
    resolved
        .ancestors()
        .chain(root.ancestors())
        .any(|dir| dir.join(MARKER_FILE).is_file())
}

fn encode_day(day: &SimDay, request: &SynthRequest) -> CommandResult<Vec<(EncodedFile, u64)>> {
    let trades: Vec<AggTradeRow> = day
        .trades
        .iter()
        .map(|t| AggTradeRow {
            agg_id: t.agg_id,
            price: t.price,
            qty: t.qty,
            first_id: t.first_id,
            last_id: t.last_id,
            ts_us: t.ts_ms * 1_000,
            // The buyer made if the aggressor sold.
            is_buyer_maker: t.aggressor == quant_core::market::Side::Sell,
        })
        .collect();
    let klines: Vec<KlineRow> = day
        .klines
        .iter()
        .map(|k| KlineRow {
            open_us: k.ts_open.0,
            open: k.open,
            high: k.high,
            low: k.low,
            close: k.close,
            volume: k.volume,
            quote_volume: k.quote_volume,
            n_trades: i64::try_from(k.count).unwrap_or(i64::MAX),
            taker_buy_volume: k.taker_buy_volume,
            taker_buy_quote_volume: k.taker_buy_quote_volume,
        })
        .collect();
    let (market, symbol) = (request.market, &request.params.symbol);
    Ok(vec![
        (
            encode::agg_trades(market, symbol, day.day, &trades).config_error()?,
            trades.len() as u64,
        ),
        (
            encode::klines_1m(market, symbol, day.day, &klines).config_error()?,
            klines.len() as u64,
        ),
    ])
}

/// A folder that disappears unless it was renamed away.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        // After a successful rename there is nothing left to remove.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn require_empty(out: &Path) -> CommandResult<()> {
    match std::fs::read_dir(out) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(CommandError::io("read", out, &e)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(CommandError::text(
                ErrorKind::Config,
                &format!("output folder `{}` is not empty", out.display()),
            )
            .hint("choose a new folder with --out")),
        },
    }
}

fn write_file(path: &Path, body: &[u8]) -> CommandResult<()> {
    let io = |e: std::io::Error| CommandError::io("write", path, &e);
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(io)?;
    }
    let mut file = std::fs::File::create_new(path).map_err(io)?;
    file.write_all(body).map_err(io)
}
