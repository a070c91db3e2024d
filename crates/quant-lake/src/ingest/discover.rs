//! Which archive files of OKX and Bybit an ingest needs, and where they lie below folders of any layout.
//!
//! A plan is made without asking anyone; a search walks folders and matches file **names**, so that a mirror of the
//! vendor's tree and a folder of hand-made downloads both do. It opens no file and knows no row.

mod bybit;
mod folders;
mod okx;

use quant_core::market::{Exchange, Market};
use quant_core::time::TimeRange;

use crate::schema::Dataset;

pub use bybit::plan_bybit;
pub use folders::{DiscoverError, Discovery, Folders, FoundFile, discover};
pub use okx::plan_okx;

/// What a file holds: which reader it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileKind {
    /// Bybit `trading/`: trades of contracts, CSV.
    BybitTrades,
    /// Bybit `spot/`: spot trades, CSV.
    BybitSpotTrades,
    /// Bybit `orderbook/`: JSON lines of snapshots and deltas.
    BybitBook,
    /// OKX trades, CSV.
    OkxTrades,
    /// OKX candles, CSV.
    OkxCandles,
    /// OKX funding rates, CSV.
    OkxFunding,
    /// OKX order books: JSON lines.
    OkxBook,
}

/// How the rows of a file are packed, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// The file is its text.
    Plain,
    /// `.gz`.
    Gz,
    /// `.zip` with one member.
    Zip,
    /// `.tar.gz` with one member.
    TarGz,
}

impl Packing {
    /// Returns the packing a file name states.
    pub fn of(name: &str) -> Self {
        let ends = |suffix: &str| name.ends_with(suffix);
        if ends(".tar.gz") {
            Self::TarGz
        } else if ends(".gz") {
            Self::Gz
        } else if ends(".zip") {
            Self::Zip
        } else {
            Self::Plain
        }
    }
}

/// One file of a plan, under all names it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileUnit {
    /// What it holds.
    pub kind: FileKind,
    /// The asked datasets it serves.
    pub datasets: Vec<Dataset>,
    /// Paths below the vendor's root, the most wanted first: the archive's own, then unpacked ones, then files that hold
    /// more than this instrument. The first one present is read, the others are not.
    pub paths: Vec<String>,
    /// Folder that tells files of one name apart: Bybit names the books of linear, inverse and spot alike.
    pub category: Option<&'static str>,
    /// Times the file is cut at, by the vendor's calendar. Edges of OKX files are off by up to half a minute, so rows are to
    /// be filtered by the days asked for and not by this.
    pub covers: TimeRange,
    /// The part of `covers` inside the days asked for.
    pub asked: TimeRange,
    /// Wanted only where the others leave a hole (monthly files that repeat daily ones).
    pub is_fallback: bool,
}

impl FileUnit {
    /// Returns the file names, the most wanted first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.paths.iter().map(|path| name_of(path))
    }
}

/// The archive has no such product.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the archives of {exchange} have no {dataset} for market {market}\nhint: {has}")]
pub struct NotArchived {
    /// Exchange.
    pub exchange: Exchange,
    /// Dataset.
    pub dataset: Dataset,
    /// Market.
    pub market: Market,
    /// What they have instead.
    pub has: &'static str,
}

fn name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the whole UTC days a range touches as a range; `None` if it is empty.
fn whole_days(range: &TimeRange) -> Option<TimeRange> {
    let mut days = range.days();
    let first = days.next()?;
    let last = days.next_back().unwrap_or(first);
    Some(TimeRange {
        start: first.start(),
        end: last.end(),
    })
}

/// Adds the names a packed file has once unpacked: `x.csv` of `x.csv.gz` and `x.zip`, `x.data` of `x.data.zip` and
/// `x.tar.gz`.
fn with_unpacked(packed: Vec<String>, suffix: &str) -> Vec<String> {
    let plain: Vec<String> = packed
        .iter()
        .map(|path| {
            let stem = [".tar.gz", ".gz", ".zip"]
                .iter()
                .find_map(|ending| path.strip_suffix(ending))
                .unwrap_or(path);
            if stem.ends_with(suffix) {
                stem.to_owned()
            } else {
                format!("{stem}{suffix}")
            }
        })
        .collect();
    packed
        .into_iter()
        .zip(plain)
        .flat_map(|(packed, plain)| [packed, plain])
        .collect()
}

#[cfg(test)]
mod tests;
