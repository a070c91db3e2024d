//! What exists when: days on which the venue published a product, and files that begin with a header line.

use quant_core::market::Market;
use quant_core::time::Day;

use crate::schema::Dataset;
use crate::venues::binance::{Cadence, Period, Published, VisionType, published};

/// First UTC day whose spot files stamp microseconds, 2025-01-01 (binance-public-data, README).
pub(super) const SPOT_MICROS_FROM: Day = Day(20_089);

/// First day of funding, and of mark, index and premium klines (the latter three: first days with known holes): 2020-01-01.
const REFERENCE_FROM: Day = Day(18_262);

/// First day of `metrics` that a listing showed, 2021-12-01. The reading side rules out less, see [`published`].
const METRICS_FROM: Day = Day(18_962);

/// First day whose USD-M trade files were seen with a header, 2022-08-11; the day before had none.
const HEADERS_FROM: Day = Day(19_215);

/// A lone USD-M `aggTrades` file with a header long before that, 2021-01-01; 2021-01-02 has none.
const LONE_HEADER: Day = Day(18_628);

/// First month whose monthly klines were seen with a header, 2022-01.
const MONTHLY_KLINE_HEADERS_FROM: Day = Day(18_993);

/// First day on which this encoder writes band percentages with two decimals, 2026-01-01. Files of October 2025 say
/// `-5`, files of September 2026 say `-5.00`; the day of the change is not known.
pub(super) const PADDED_PERCENT_FROM: Day = Day(20_454);

pub(super) const fn dataset_of(kind: VisionType) -> Dataset {
    match kind {
        VisionType::Klines => Dataset::Klines1m,
        VisionType::AggTrades => Dataset::AggTrades,
        VisionType::Trades => Dataset::Trades,
        VisionType::BookTicker => Dataset::BookTicker,
        VisionType::BookDepth => Dataset::DepthBands,
        VisionType::MarkPriceKlines => Dataset::MarkKlines,
        VisionType::PremiumIndexKlines => Dataset::PremiumKlines,
        VisionType::IndexPriceKlines => Dataset::IndexKlines,
        VisionType::Metrics => Dataset::Metrics,
        VisionType::FundingRate => Dataset::Funding,
        VisionType::LiquidationSnapshot => Dataset::Liquidations,
    }
}

/// Returns whether the venue published a product of a market on a day (at a monthly cadence: in the month of the day).
///
/// This is advice for who wants an archive with the venue's own holes, such as USD-M `bookTicker` from 2023-05-16 to
/// 2024-03-30 only; [`super::ArchiveWriter`] writes any day of any product the market has.
pub fn is_published(market: Market, kind: VisionType, cadence: Cadence, day: Day) -> bool {
    let known = published(dataset_of(kind), market, cadence, day) == Published::Yes;
    let first = match kind {
        VisionType::Metrics => METRICS_FROM,
        VisionType::FundingRate
        | VisionType::MarkPriceKlines
        | VisionType::IndexPriceKlines
        | VisionType::PremiumIndexKlines => REFERENCE_FROM,
        _ => return known,
    };
    known && day >= first
}

/// Returns the unit of time stamps in files of a day, microseconds: 1 on spot from 2025-01-01, else 1,000.
pub fn stamp_unit_us(market: Market, day: Day) -> i64 {
    if market == Market::Spot && day >= SPOT_MICROS_FROM {
        1
    } else {
        1_000
    }
}

/// Returns whether the venue has a product of a market at a cadence at all.
pub(super) fn exists(market: Market, kind: VisionType, cadence: Cadence) -> bool {
    // 2023-12-09: every product that has ever existed was being published.
    let day = Day(19_700);
    published(dataset_of(kind), market, cadence, day) == Published::Yes
}

/// Returns whether a file begins with a header line, as far as files have been seen:
///
/// | files | header |
/// |---|---|
/// | spot | never |
/// | `bookTicker`, `bookDepth`, `metrics`, `fundingRate`, `liquidationSnapshot` | always |
/// | `aggTrades`, `trades`, klines of every sort, before 2022-08-11 | no (seen: 2020-01, 2021-01-02, 2022-06-15, 2022-08-10) |
/// | the same from 2022-08-11 on | yes (seen: 2022-08-11, 2023, 2026) |
/// | daily `aggTrades` of 2021-01-01 | yes |
/// | monthly klines from 2022-01 on | yes |
///
/// The venue differs from file to file, so readers must look at the line; writers may override this table.
pub fn has_header(market: Market, kind: VisionType, period: Period) -> bool {
    let (Period::Day(first) | Period::Month(first)) = period;
    match kind {
        _ if market == Market::Spot => false,
        VisionType::BookTicker
        | VisionType::BookDepth
        | VisionType::Metrics
        | VisionType::FundingRate
        | VisionType::LiquidationSnapshot => true,
        VisionType::AggTrades if period == Period::Day(LONE_HEADER) => true,
        VisionType::AggTrades | VisionType::Trades => first >= HEADERS_FROM,
        VisionType::Klines
        | VisionType::MarkPriceKlines
        | VisionType::IndexPriceKlines
        | VisionType::PremiumIndexKlines => match period {
            Period::Day(day) => day >= HEADERS_FROM,
            Period::Month(first) => first >= MONTHLY_KLINE_HEADERS_FROM,
        },
    }
}
