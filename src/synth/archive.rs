//! A simulated world written as an archive: every file of every instrument, the truth, planted defects, and the marker that
//! says SIMULATED. Either the whole folder appears or nothing does.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use quant_core::market::{Exchange, InstrumentKey, Venue};
use quant_core::synth::{InstrumentParams, MinuteModel as _, OrderBookMarket, SimMinute};
use quant_core::time::{Day, MINUTES_PER_DAY};
use serde::Serialize;

use super::binance::BinanceWriter;
use super::bybit::BybitWriter;
use super::defects::{DEFECTS_FILE, Planter};
use super::files::{StoredFile, VenueWriter};
use super::okx::OkxWriter;
use super::request::SynthRequest;
use super::truth::Truth;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::identity::sha256_hex;

/// Name of the marker at the root of a simulated archive.
pub const MARKER_FILE: &str = "SIMULATED.json";

/// Id of the book message that stands for a market's opening book.
const OPENING_ID: i64 = 1_000_001;

/// One written file.
#[derive(Clone, Debug, Serialize)]
pub struct SynthFile {
    /// Path below the root.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hash of the file.
    pub sha256: String,
    /// Data rows inside, before defects were planted.
    pub rows: u64,
}

/// What was written; also the content of the marker.
#[derive(Clone, Debug, Serialize)]
pub struct SynthReport {
    /// Always true: nothing in this folder was ever traded.
    pub simulated: bool,
    /// What was asked for.
    pub request: SynthRequest,
    /// Data files, in order.
    pub files: Vec<SynthFile>,
    /// Number of planted defects; what they are is in `defects.json`.
    pub defects: usize,
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
    let request = request.clone().check()?;
    let parent = out
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(|e| CommandError::io("create", parent, &e))?;
    let name = out
        .file_name()
        .map_or_else(|| "synth".into(), |n| n.to_string_lossy().into_owned());
    let staging = Staging(parent.join(format!(".tmp-{name}-{}", std::process::id())));
    std::fs::create_dir_all(&staging.0).map_err(|e| CommandError::io("create", &staging.0, &e))?;
    let mut archive = Archive {
        root: &staging.0,
        files: Vec::new(),
        truth: Truth::create(&staging.0)?,
        planter: request.defects.clone().map(Planter::new).transpose()?,
    };
    for index in 0..request.world.instruments.len() {
        archive.instrument(&request, index, stop, on_day)?;
    }
    let Archive {
        files,
        truth,
        planter,
        ..
    } = archive;
    truth.finish()?;
    if files.is_empty() {
        return Err(CommandError::text(
            ErrorKind::Config,
            "the venue published none of these datasets on these days; nothing was written",
        )
        .hint("choose other days with --start, or other datasets; e.g. um bookTicker exists from 2023-05-16 to 2024-03-30"));
    }
    let mut report = SynthReport {
        simulated: true,
        request,
        files,
        defects: 0,
    };
    if let Some(planter) = planter {
        report.defects = planter.count();
        write_file(&staging.0.join(DEFECTS_FILE), planter.json()?.as_bytes())?;
    }
    let marker = serde_json::to_string_pretty(&report).internal_error()? + "\n";
    write_file(&staging.0.join(MARKER_FILE), marker.as_bytes())?;
    if out.exists() {
        // Empty, as checked above; a folder cannot be renamed over an existing one everywhere.
        std::fs::remove_dir(out).map_err(|e| CommandError::io("replace", out, &e))?;
    }
    std::fs::rename(&staging.0, out).map_err(|e| CommandError::io("publish", out, &e))?;
    Ok(report)
}

/// Returns whether a text is the simulator's marker: a host may answer anything under its name.
pub fn is_marker(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok_and(|v| v["simulated"] == true)
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

/// An archive under construction.
struct Archive<'a> {
    root: &'a Path,
    files: Vec<SynthFile>,
    truth: Truth,
    planter: Option<Planter>,
}

impl Archive<'_> {
    fn instrument(
        &mut self,
        request: &SynthRequest,
        index: usize,
        stop: &AtomicBool,
        on_day: &dyn Fn(Day),
    ) -> CommandResult<()> {
        let params = &request.world.instruments[index];
        let mut market = OrderBookMarket::new(&request.world, index).config_error()?;
        let key = InstrumentKey {
            exchange: Exchange {
                venue: request.venue,
                simulated: true,
            },
            market: params.market,
            symbol: params.symbol.clone(),
        };
        let name = key.to_string();
        let mut writer = writer_of(request, key, params, &market)?;
        let mut minute = SimMinute::new();
        let mut done = Vec::new();
        for day in (0..i32::try_from(request.days).unwrap_or(i32::MAX))
            .map(|n| request.world.start_day.plus(n))
        {
            on_day(day);
            for _ in 0..MINUTES_PER_DAY {
                if stop.load(Ordering::Relaxed) {
                    return Err(CommandError::text(
                        ErrorKind::Interrupted,
                        "interrupted while simulating; nothing was written",
                    ));
                }
                market.next_minute(&mut minute);
                self.truth.minute(&name, minute.start, &minute.truth)?;
                writer.minute(&minute, &mut done)?;
            }
            writer.end_of_day(day, &mut done)?;
            self.store(&mut done, params)?;
        }
        writer.finish(&mut done)?;
        self.store(&mut done, params)
    }

    /// Writes finished files and the truth about them.
    fn store(
        &mut self,
        done: &mut Vec<StoredFile>,
        params: &InstrumentParams,
    ) -> CommandResult<()> {
        for mut file in done.drain(..) {
            self.truth.file(&file, params)?;
            if let Some(planter) = &mut self.planter {
                planter.plant(&mut file)?;
            }
            write_file(&self.root.join(&file.path), &file.bytes)?;
            if let Some(text) = &file.checksum {
                let path = format!("{}.CHECKSUM", file.path);
                write_file(&self.root.join(path), text.as_bytes())?;
            }
            self.files.push(SynthFile {
                bytes: file.bytes.len() as u64,
                sha256: sha256_hex(&file.bytes),
                rows: file.records.len(),
                path: file.path,
            });
        }
        Ok(())
    }
}

fn writer_of(
    request: &SynthRequest,
    key: InstrumentKey,
    params: &InstrumentParams,
    market: &OrderBookMarket,
) -> CommandResult<Box<dyn VenueWriter>> {
    let (book, last_id) = (market.book(), OPENING_ID);
    let (datasets, options) = (&request.datasets, request.book);
    Ok(match request.venue {
        Venue::Bybit => Box::new(BybitWriter::new(
            key, params, datasets, options, &book, last_id,
        )),
        Venue::Okx => Box::new(OkxWriter::new(
            key, params, datasets, options, &book, last_id,
        )?),
        _ => Box::new(BinanceWriter::new(
            key, params, datasets, options, &book, last_id,
        )?),
    })
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
