//! OKX's historical archive: which files a range needs, where they are, and bringing them to a cache folder.
//!
//! Files are named by days of UTC+8 (trades, candles, funding) or of UTC (books), so that a UTC day of trades needs the files of
//! two days. `market-data-history` is asked once per two seconds, for ten days at most, half as many when it says 50076; what it
//! said is kept in the cache folder. Nothing is parsed here.

mod cache;
mod query;

use std::path::{Component, Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::{Day, TimeRange};
use quant_lake::schema::Dataset;
use quant_lake::venues::okx::encode::InstType;
use quant_lake::venues::okx::encode::names::{Module, archive_id};
use quant_lake::venues::okx::pages::{HistoryFile, history_files};
use quant_lake::venues::pages::PageError;
use serde::Serialize;

use super::client::RestClient;
use super::fetch::{FetchPagesError, ask};
use crate::fetch::{FetchError, HttpHost};
use cache::{Cache, Known};
pub use query::{HistQuery, inst_type_of};

/// Name of what a fetch leaves in the cache folder.
pub const RUN_MANIFEST: &str = "okx_hist_manifest.json";
/// The code of a range that is too long.
const TOO_LONG: &str = "50076";
/// Hosts of the files, besides the one that was asked.
const FILE_HOST: &str = "https://static.okx.com";
/// Days after which a file that is not there will not come: trades appear after two days, books after three.
const SETTLED_DAYS: i32 = 7;

/// Why a fetch ends.
#[derive(Debug, thiserror::Error)]
pub enum HistError {
    /// The list of files cannot be had.
    #[error(transparent)]
    List(#[from] FetchPagesError),
    /// A file cannot be had.
    #[error(transparent)]
    Download(#[from] FetchError),
    /// The archive has no such dataset.
    #[error(
        "the OKX archive has no {dataset} of {market}\nhint: it has trades, klines_1m, l2_snapshots, l2_deltas and, of perpetual swaps, funding"
    )]
    NoModule {
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
    },
    /// The list names a file somewhere it cannot be.
    #[error(
        "`{url}` is not an address of the OKX archive\nhint: files are taken from {FILE_HOST} and from `--base-url` only"
    )]
    Address {
        /// The address.
        url: String,
    },
    /// The cache folder cannot be used.
    #[error("cannot {step} `{}`: {source}", path.display())]
    Io {
        /// What was attempted.
        step: &'static str,
        /// Where.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
}

/// A file at hand.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HistFetched {
    /// Dataset it was wanted for.
    pub dataset: String,
    /// The venue's number of the product.
    pub module: u8,
    /// Day or month in its name, by the calendar of the product.
    pub period: String,
    /// Name.
    pub filename: String,
    /// Where it was.
    pub url: String,
    /// Where it is, below the cache folder.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// It was there already.
    pub cached: bool,
}

/// A file that is not to be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistMissing {
    /// Dataset it was wanted for.
    pub dataset: String,
    /// The venue's number of the product.
    pub module: u8,
    /// Day in its name, by the calendar of the product.
    pub day: Day,
    /// UTC days that have a hole without it.
    pub utc_days: Vec<Day>,
    /// Why.
    pub reason: String,
}

/// What a fetch asked for and found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HistRun {
    /// Instrument.
    pub instrument: String,
    /// Range.
    pub range: String,
    /// Datasets.
    pub datasets: Vec<String>,
    /// Levels per side of the product that books are taken of.
    pub book_depth: u16,
    /// Requests of lists; what the cache knew was not asked.
    pub requests: u32,
    /// Files at hand.
    pub files: Vec<HistFetched>,
    /// Files that are not to be had.
    pub missing: Vec<HistMissing>,
}

/// Levels per side of an order book product of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookDepth {
    /// 50 levels: module 6.
    L50,
    /// 400 levels: module 4.
    L400,
    /// 5,000 levels: module 5, from 2025-11-01.
    L5000,
}

impl BookDepth {
    /// Returns the levels per side.
    pub const fn levels(self) -> u16 {
        match self {
            Self::L50 => 50,
            Self::L400 => 400,
            Self::L5000 => 5_000,
        }
    }

    /// Returns the product.
    pub const fn module(self) -> Module {
        match self {
            Self::L50 => Module::Book50,
            Self::L400 => Module::Book400,
            Self::L5000 => Module::Book5000,
        }
    }
}

/// Returns the product that holds a dataset.
///
/// # Errors
/// `NoModule`.
pub fn module_of(
    dataset: Dataset,
    key: &InstrumentKey,
    depth: BookDepth,
) -> Result<Module, HistError> {
    let market = key.market;
    let none = HistError::NoModule { dataset, market };
    if !matches!(market, Market::Spot | Market::Swap) {
        return Err(none);
    }
    match dataset {
        Dataset::Trades => Ok(Module::Trades),
        Dataset::Klines1m => Ok(Module::Candles),
        Dataset::Funding if inst_type_of(key) == InstType::Swap => Ok(Module::Funding),
        Dataset::L2Snapshots | Dataset::L2Deltas => Ok(depth.module()),
        _ => Err(none),
    }
}

/// Returns the days in the names of the files that hold a range of UTC days: one more where days are those of UTC+8.
pub fn file_days(module: Module, range: TimeRange) -> (Day, Day) {
    let (first, last) = (range.start.day(), range.end.plus(-1).day());
    (first, last.plus(i32::from(module.is_hong_kong())))
}

/// Returns the UTC days of a range that a file has rows of.
fn utc_days(module: Module, day: Day, range: TimeRange) -> Vec<Day> {
    let before = i32::from(module.is_hong_kong());
    range
        .days()
        .filter(|d| *d == day || d.0 == day.0 - before)
        .collect()
}

/// How a fetch works.
#[derive(Clone, Debug)]
pub struct HistOptions {
    /// Where lists, files and the manifest of the run are kept.
    pub cache_dir: PathBuf,
    /// Bring files that are not there yet; else only say which are missing.
    pub download: bool,
    /// Which product books are taken of.
    pub book_depth: BookDepth,
    /// Longest silence of the file host.
    pub timeout: Duration,
}

/// Finds the files of an instrument's datasets and brings them to the cache folder.
///
/// # Errors
/// `HistError`; files that came before it stay in the cache.
pub fn fetch(
    client: &RestClient,
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: TimeRange,
    options: &HistOptions,
    stop: &AtomicBool,
) -> Result<HistRun, HistError> {
    let mut run = HistRun {
        instrument: key.to_string(),
        range: range.to_string(),
        datasets: datasets.iter().map(|d| d.name().to_owned()).collect(),
        book_depth: options.book_depth.levels(),
        ..HistRun::default()
    };
    let io = |step, path: &Path, source| HistError::Io {
        step,
        path: path.to_owned(),
        source,
    };
    std::fs::create_dir_all(&options.cache_dir).map_err(|e| io("create", &options.cache_dir, e))?;
    let mut cache = Cache::open(&options.cache_dir, client.base_url());
    let shelf = Shelf {
        client,
        options,
        stop,
    };
    let mut done: Vec<Module> = Vec::new();
    for &dataset in datasets {
        let module = module_of(dataset, key, options.book_depth)?;
        if done.contains(&module) {
            continue;
        }
        done.push(module);
        let listed = list(
            client,
            key,
            module,
            range,
            &mut cache,
            &mut run.requests,
            stop,
        );
        // What was learned is kept whatever comes next.
        cache
            .save()
            .map_err(|e| io("write the list of files in", &options.cache_dir, e))?;
        let mut absent = Vec::new();
        for (day, file) in listed? {
            match file {
                None => absent.push((day, "the archive names no file".to_owned())),
                Some(file) => {
                    let url = file.url.clone();
                    let period = day.to_string();
                    if !shelf.take(dataset, module, period, file, &mut run)? {
                        absent.push((day, shelf.why_not(&url)));
                    }
                }
            }
        }
        if module == Module::Candles && !absent.is_empty() {
            absent = monthly(client, key, absent, &mut cache, &shelf, &mut run, stop)?;
        }
        run.missing
            .extend(absent.into_iter().map(|(day, reason)| HistMissing {
                dataset: dataset.name().to_owned(),
                module: module.number(),
                day,
                utc_days: utc_days(module, day, range),
                reason,
            }));
    }
    let path = options.cache_dir.join(RUN_MANIFEST);
    let text = serde_json::to_vec_pretty(&run).unwrap_or_default();
    std::fs::write(&path, text).map_err(|e| io("write", &path, e))?;
    Ok(run)
}

/// Returns the file of every day, as the cache or the venue says.
fn list(
    client: &RestClient,
    key: &InstrumentKey,
    module: Module,
    range: TimeRange,
    cache: &mut Cache,
    requests: &mut u32,
    stop: &AtomicBool,
) -> Result<Vec<(Day, Option<HistoryFile>)>, HistError> {
    let (first, last) = file_days(module, range);
    let days: Vec<Day> = (first.0..=last.0).map(Day).collect();
    let unknown: Vec<Day> = days
        .iter()
        .copied()
        .filter(|&day| cache.get(key, module, &day.to_string()) == Known::Nothing)
        .collect();
    let today = client.timer().wall().day();
    let mut query = HistQuery::new(key, module, &unknown);
    while let Some((request, asked)) = query.next_request() {
        let answer = ask(client, &request, stop, requests, |a| history_files(&a.body));
        match answer {
            Ok((_, files)) => {
                for day in (asked.0.0..=asked.1.0).map(Day) {
                    let file = files.iter().find(|file| is_of(file, key, module, day));
                    // A file of these days may still come.
                    if file.is_some() || today.0 - day.0 >= SETTLED_DAYS {
                        cache.put(key, module, &day.to_string(), file.cloned());
                    } else {
                        cache.put_for_now(key, module, &day.to_string());
                    }
                }
                query.answered();
            }
            Err(FetchPagesError::Page {
                error: PageError::Venue { code, .. },
                ..
            }) if code == TOO_LONG && query.halve() => {
                tracing::debug!(
                    path = request.path,
                    "the range is too long, asking for half"
                );
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(days
        .into_iter()
        .map(|day| match cache.get(key, module, &day.to_string()) {
            Known::File(file) => (day, Some(file)),
            Known::Absent | Known::Nothing => (day, None),
        })
        .collect())
}

/// Returns whether a file is the one of a day: by its stamp and its name, since a family has several instruments.
fn is_of(file: &HistoryFile, key: &InstrumentKey, module: Module, day: Day) -> bool {
    let of_all = matches!(module, Module::Funding | Module::Borrow);
    module.day_of(file.date_ms) == day
        && file.filename.contains(&day.to_string())
        && (of_all || is_named_after(file, key))
}

/// Returns whether a file's name begins with the instrument, or with the chain of futures it belongs to.
fn is_named_after(file: &HistoryFile, key: &InstrumentKey) -> bool {
    let symbol = key.symbol.as_str();
    let chain = archive_id(symbol, inst_type_of(key));
    let begins = |name: &str| {
        let rest = file.filename.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('-'))
    };
    begins(symbol) || begins(&chain)
}

/// Looks for the months of days that have no file of their own; returns the days that stay without.
fn monthly(
    client: &RestClient,
    key: &InstrumentKey,
    absent: Vec<(Day, String)>,
    cache: &mut Cache,
    shelf: &Shelf<'_>,
    run: &mut HistRun,
    stop: &AtomicBool,
) -> Result<Vec<(Day, String)>, HistError> {
    let module = Module::Candles;
    let mut left: Vec<(Day, String)> = Vec::new();
    let mut last: Option<(String, bool)> = None;
    for (day, reason) in absent {
        let month = day.to_string()[..7].to_owned();
        let is_there = match &last {
            Some((seen, is_there)) if *seen == month => *is_there,
            _ => {
                let mut known = cache.get(key, module, &month);
                if known == Known::Nothing {
                    match ask_month(client, key, module, day, &month, run, stop)? {
                        Some(file) => cache.put(key, module, &month, Some(file)),
                        // It may come when the month is over.
                        None => cache.put_for_now(key, module, &month),
                    }
                    known = cache.get(key, module, &month);
                }
                match known {
                    Known::File(file) => {
                        shelf.take(Dataset::Klines1m, module, month.clone(), file, run)?
                    }
                    Known::Absent | Known::Nothing => false,
                }
            }
        };
        last = Some((month, is_there));
        if !is_there {
            left.push((day, reason));
        }
    }
    cache.save().map_err(|source| HistError::Io {
        step: "write the list of files in",
        path: shelf.options.cache_dir.clone(),
        source,
    })?;
    Ok(left)
}

fn ask_month(
    client: &RestClient,
    key: &InstrumentKey,
    module: Module,
    day: Day,
    month: &str,
    run: &mut HistRun,
    stop: &AtomicBool,
) -> Result<Option<HistoryFile>, HistError> {
    let query = HistQuery::month(key, module, day);
    let Some((request, _)) = query.next_request() else {
        return Ok(None);
    };
    let (_, files) = ask(client, &request, stop, &mut run.requests, |a| {
        history_files(&a.body)
    })?;
    let end = format!("-{month}.");
    let is_it = |file: &HistoryFile| is_named_after(file, key) && file.filename.contains(&end);
    Ok(files.into_iter().find(is_it))
}

/// The cache folder and the hosts its files come from.
struct Shelf<'a> {
    client: &'a RestClient,
    options: &'a HistOptions,
    stop: &'a AtomicBool,
}

impl Shelf<'_> {
    /// Brings a file and enters it into the run; false if it is not to be had.
    fn take(
        &self,
        dataset: Dataset,
        module: Module,
        period: String,
        file: HistoryFile,
        run: &mut HistRun,
    ) -> Result<bool, HistError> {
        let Some((path, bytes, cached)) = bring(self.client, &file, self.options, self.stop)?
        else {
            return Ok(false);
        };
        run.files.push(HistFetched {
            dataset: dataset.name().to_owned(),
            module: module.number(),
            period,
            filename: file.filename,
            url: file.url,
            path,
            bytes,
            cached,
        });
        Ok(true)
    }

    fn why_not(&self, url: &str) -> String {
        if self.options.download {
            format!("`{url}` answered 404")
        } else {
            "not in the cache folder, and --okx-auto-download was not given".to_owned()
        }
    }
}

/// Brings a file to its place below the cache folder; `None` if it is not there and may not or cannot be had.
fn bring(
    client: &RestClient,
    file: &HistoryFile,
    options: &HistOptions,
    stop: &AtomicBool,
) -> Result<Option<(String, u64, bool)>, HistError> {
    let address = || HistError::Address {
        url: file.url.clone(),
    };
    let (host, path) = [FILE_HOST, client.base_url()]
        .into_iter()
        .find_map(|host| {
            let path = file.url.strip_prefix(host)?.strip_prefix('/')?;
            Some((host, path))
        })
        .ok_or_else(address)?;
    let is_plain = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::Normal(_)))
        && !path.contains(['?', '#', '%', '\\', ':'])
        && path.ends_with(&file.filename);
    if !is_plain {
        return Err(address());
    }
    let dest = options.cache_dir.join(path);
    if let Ok(meta) = std::fs::metadata(&dest) {
        return Ok(Some((path.to_owned(), meta.len(), true)));
    }
    if !options.download {
        return Ok(None);
    }
    let io = |step, path: &Path, source| HistError::Io {
        step,
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = dest.parent() {
        std::fs::create_dir_all(folder).map_err(|e| io("create", folder, e))?;
    }
    let partial = dest.with_file_name(format!("{}.partial", file.filename));
    let retries = client.options().retries;
    let mut host = HttpHost::new(host, retries, options.timeout)?;
    if let Some(file) = &client.options().holds {
        host = host.keeping_holds(file.clone());
    }
    let Some(bytes) = host.download(path, &partial, stop)? else {
        drop(std::fs::remove_file(&partial));
        return Ok(None);
    };
    std::fs::rename(&partial, &dest).map_err(|e| io("rename", &partial, e))?;
    Ok(Some((path.to_owned(), bytes, false)))
}

#[cfg(test)]
mod tests;
