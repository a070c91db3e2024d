//! Where Binance Vision keeps which file, and what it does not publish.
//!
//! Layout as documented by the venue: `data/<market>/<daily|monthly>/<type>/<symbol>[/<interval>]/<name>.zip`.

use core::fmt;

use quant_core::market::{Market, Symbol};
use quant_core::time::Day;

use crate::schema::Dataset;

/// A folder of the archive: the venue's own name of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VisionType {
    /// `klines`.
    Klines,
    /// `aggTrades`.
    AggTrades,
    /// `trades`.
    Trades,
    /// `bookTicker`.
    BookTicker,
    /// `bookDepth`: percent bands.
    BookDepth,
    /// `markPriceKlines`.
    MarkPriceKlines,
    /// `premiumIndexKlines`.
    PremiumIndexKlines,
    /// `indexPriceKlines`.
    IndexPriceKlines,
    /// `metrics`.
    Metrics,
    /// `fundingRate`.
    FundingRate,
    /// `liquidationSnapshot`.
    LiquidationSnapshot,
}

impl VisionType {
    /// Returns the archive folder of a dataset, if the venue has one.
    pub const fn of(dataset: Dataset) -> Option<Self> {
        Some(match dataset {
            Dataset::Klines1m => Self::Klines,
            Dataset::AggTrades => Self::AggTrades,
            Dataset::Trades => Self::Trades,
            Dataset::BookTicker => Self::BookTicker,
            Dataset::DepthBands => Self::BookDepth,
            Dataset::MarkKlines => Self::MarkPriceKlines,
            Dataset::PremiumKlines => Self::PremiumIndexKlines,
            Dataset::IndexKlines => Self::IndexPriceKlines,
            Dataset::Metrics => Self::Metrics,
            Dataset::Funding => Self::FundingRate,
            Dataset::Liquidations => Self::LiquidationSnapshot,
            Dataset::L2Snapshots
            | Dataset::L2Deltas
            | Dataset::OpenInterest
            | Dataset::Instruments => return None,
        })
    }

    /// Returns the folder name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Klines => "klines",
            Self::AggTrades => "aggTrades",
            Self::Trades => "trades",
            Self::BookTicker => "bookTicker",
            Self::BookDepth => "bookDepth",
            Self::MarkPriceKlines => "markPriceKlines",
            Self::PremiumIndexKlines => "premiumIndexKlines",
            Self::IndexPriceKlines => "indexPriceKlines",
            Self::Metrics => "metrics",
            Self::FundingRate => "fundingRate",
            Self::LiquidationSnapshot => "liquidationSnapshot",
        }
    }

    const fn has_interval(self) -> bool {
        matches!(
            self,
            Self::Klines
                | Self::MarkPriceKlines
                | Self::PremiumIndexKlines
                | Self::IndexPriceKlines
        )
    }

    /// Returns the cadences the venue publishes this product at.
    pub const fn cadences(self) -> &'static [Cadence] {
        match self {
            Self::BookDepth | Self::Metrics | Self::LiquidationSnapshot => &[Cadence::Daily],
            Self::FundingRate => &[Cadence::Monthly],
            _ => &[Cadence::Daily, Cadence::Monthly],
        }
    }
}

/// Days per file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cadence {
    /// One UTC day.
    Daily,
    /// One UTC month.
    Monthly,
}

/// The day or month a file covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// One UTC day.
    Day(Day),
    /// One UTC month, by its first day.
    Month(Day),
}

impl Period {
    /// Returns the month a day lies in.
    pub fn month_of(day: Day) -> Self {
        let (_, _, d) = day.ymd();
        Self::Month(day.plus(1 - i32::try_from(d).unwrap_or(1)))
    }

    /// Returns the days covered, `[first, end)`.
    pub fn days(self) -> (Day, Day) {
        match self {
            Self::Day(day) => (day, day.plus(1)),
            Self::Month(first) => {
                // 31 days later is always in the next month, at most on its 4th day.
                let Self::Month(next) = Self::month_of(first.plus(31)) else {
                    return (first, first.plus(1));
                };
                (first, next)
            }
        }
    }
}

impl fmt::Display for Period {
    /// Writes `YYYY-MM-DD` or `YYYY-MM`, as in file names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Month(first) => {
                let (y, m, _) = first.ymd();
                write!(f, "{y:04}-{m:02}")
            }
        }
    }
}

/// One file of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveFile {
    /// Path below the archive's root, `/`-separated: `data/futures/um/daily/...zip`.
    pub path: String,
    /// File name without `.zip`; the only member is `<stem>.csv`.
    pub stem: String,
    /// What it covers.
    pub period: Period,
}

impl ArchiveFile {
    /// Returns the path of the checksum file.
    pub fn checksum_path(&self) -> String {
        format!("{}.CHECKSUM", self.path)
    }

    /// Returns the file name.
    pub fn name(&self) -> String {
        format!("{}.zip", self.stem)
    }

    /// Returns the name of the only member.
    pub fn member(&self) -> String {
        format!("{}.csv", self.stem)
    }
}

/// Whether the venue publishes a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// It does, or may: the archive has the last word.
    Yes,
    /// It does not.
    No {
        /// Why.
        reason: NotPublished,
    },
}

/// Why a file does not exist at the venue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublished {
    /// The product does not exist in the archive.
    #[error("Binance Vision has no {dataset} archive{}", alternative(*dataset))]
    Dataset {
        /// Dataset.
        dataset: Dataset,
    },
    /// The product exists, but not for this market.
    #[error("Binance Vision has no {dataset} archive for market {market}")]
    Market {
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
    },
    /// The product has no files at this cadence.
    #[error("Binance Vision has no {} {dataset} archive", if *cadence == Cadence::Daily { "daily" } else { "monthly" })]
    Cadence {
        /// Dataset.
        dataset: Dataset,
        /// Cadence.
        cadence: Cadence,
    },
    /// Outside the days the product was published.
    #[error("Binance Vision has {dataset} for market {market} only {}", window(*first, *last))]
    Window {
        /// Dataset.
        dataset: Dataset,
        /// Market.
        market: Market,
        /// First day of the archive.
        first: Day,
        /// Last day of the archive, if it ended.
        last: Option<Day>,
    },
}

fn window(first: Day, last: Option<Day>) -> String {
    match last {
        Some(last) => format!("from {first} to {last}"),
        None => format!("from {first} on"),
    }
}

const fn alternative(dataset: Dataset) -> &'static str {
    match dataset {
        Dataset::OpenInterest => "; open interest is in `metrics`",
        Dataset::L2Snapshots | Dataset::L2Deltas => {
            "; books come from recordings, `depth_bands` holds percent bands only"
        }
        _ => "",
    }
}

const fn day(year: i32, month: u32, day: u32) -> Day {
    // Days since 1970-01-01, Hinnant's days_from_civil for years after 2000.
    let y = (if month <= 2 { year - 1 } else { year }) as i64;
    let mp = ((month + 9) % 12) as i64;
    let doy = (153 * mp + 2) / 5 + day as i64 - 1;
    let doe = (y - 2000) * 365 + (y - 2000) / 4 - (y - 2000) / 100 + (y - 2000) / 400 + doy;
    #[expect(clippy::cast_possible_truncation, reason = "a few thousand days")]
    Day((doe + 11_017) as i32)
}

/// Returns whether Binance Vision publishes a dataset of a market on a day.
///
/// Windows are those known from the venue's listing; where sources disagree the earlier start is used, so an
/// existing file is never ruled out. Listings age, so the archive itself is asked where it costs nothing.
pub fn published(dataset: Dataset, market: Market, cadence: Cadence, on: Day) -> Published {
    let no = |reason| Published::No { reason };
    let Some(kind) = VisionType::of(dataset) else {
        return no(NotPublished::Dataset { dataset });
    };
    let spot_has = matches!(
        kind,
        VisionType::Klines | VisionType::AggTrades | VisionType::Trades
    );
    let exists = match market {
        Market::Spot => spot_has,
        Market::Um => kind != VisionType::LiquidationSnapshot,
        Market::Cm => true,
        Market::Swap | Market::Linear | Market::Inverse => false,
    };
    if !exists {
        return no(NotPublished::Market { dataset, market });
    }
    if !kind.cadences().contains(&cadence) {
        return no(NotPublished::Cadence { dataset, cadence });
    }
    let (first, last) = match (market, kind) {
        (Market::Spot, _) => (day(2017, 8, 17), None),
        (Market::Um, VisionType::BookTicker) => (day(2023, 5, 16), Some(day(2024, 3, 30))),
        (Market::Um, VisionType::Klines | VisionType::AggTrades) => (day(2019, 12, 31), None),
        (_, VisionType::Metrics) => (day(2020, 9, 1), None),
        (_, VisionType::BookDepth) => (day(2023, 1, 1), None),
        (_, VisionType::FundingRate) => (day(2020, 1, 1), None),
        (_, VisionType::LiquidationSnapshot) => (day(2023, 6, 25), Some(day(2024, 10, 14))),
        // Futures began in September 2019; um trades are known from that month.
        _ => (day(2019, 9, 1), None),
    };
    let inside = match cadence {
        Cadence::Daily => first <= on && last.is_none_or(|last| on <= last),
        Cadence::Monthly => {
            let (begin, end) = Period::month_of(on).days();
            first < end && last.is_none_or(|last| begin <= last)
        }
    };
    if inside {
        Published::Yes
    } else {
        no(NotPublished::Window {
            dataset,
            market,
            first,
            last,
        })
    }
}

/// Returns the archive file of a dataset, or `None` where the archive has no such folder.
///
/// Coin-margined index klines are filed under the bare pair (`BTCUSD` for `BTCUSD_PERP`).
pub fn archive_file(
    dataset: Dataset,
    market: Market,
    symbol: &Symbol,
    period: Period,
) -> Option<ArchiveFile> {
    let kind = VisionType::of(dataset)?;
    let market = match market {
        Market::Spot => "spot",
        Market::Um => "futures/um",
        Market::Cm => "futures/cm",
        Market::Swap | Market::Linear | Market::Inverse => return None,
    };
    let mut name = symbol.as_str();
    if kind == VisionType::IndexPriceKlines {
        name = name.split('_').next().unwrap_or(name);
    }
    let cadence = match period {
        Period::Day(_) => "daily",
        Period::Month(_) => "monthly",
    };
    let (folder, infix) = if kind.has_interval() {
        ("/1m", "1m")
    } else {
        ("", kind.name())
    };
    let stem = format!("{name}-{infix}-{period}");
    let path = format!(
        "data/{market}/{cadence}/{}/{name}{folder}/{stem}.zip",
        kind.name()
    );
    Some(ArchiveFile { path, stem, period })
}
