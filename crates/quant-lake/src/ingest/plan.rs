//! Which archive files an ingest needs: a list of files and days, made without asking anyone.

use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};

use crate::schema::Dataset;
use crate::venues::binance::{
    ArchiveFile, Cadence, NotPublished, Period, Published, VisionType, archive_file, published,
};

/// How files are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Use monthly files where the venue has both; otherwise daily ones. Products with one cadence use that.
    pub monthly: bool,
    /// Leave out files that are known to be unpublished (a request each); a local folder is asked anyway.
    pub skip_unpublished: bool,
}

/// One file of a plan, or a stretch of days nobody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Dataset.
    pub dataset: Dataset,
    /// The file; `None` if there is nothing to ask for.
    pub file: Option<ArchiveFile>,
    /// First asked day it covers.
    pub first: Day,
    /// Last asked day it covers.
    pub last: Day,
    /// Why the venue does not publish it, as far as known.
    pub unpublished: Option<NotPublished>,
}

/// Returns the files that hold `datasets` of an instrument over `range` (whole UTC days), by dataset, then time.
pub fn plan_vision(
    key: &InstrumentKey,
    datasets: &[Dataset],
    range: &TimeRange,
    options: PlanOptions,
) -> Vec<Unit> {
    let mut out: Vec<Unit> = Vec::new();
    for &dataset in datasets {
        let cadences = VisionType::of(dataset).map_or(&[Cadence::Daily][..], VisionType::cadences);
        let monthly = !cadences.contains(&Cadence::Daily)
            || (options.monthly && cadences.contains(&Cadence::Monthly));
        let cadence = if monthly {
            Cadence::Monthly
        } else {
            Cadence::Daily
        };
        for day in range.days() {
            let period = if monthly {
                Period::month_of(day)
            } else {
                Period::Day(day)
            };
            let unpublished = match published(dataset, key.market, cadence, day) {
                Published::Yes => None,
                Published::No { reason } => Some(reason),
            };
            let file = archive_file(dataset, key.market, &key.symbol, period)
                .filter(|_| unpublished.is_none() || !options.skip_unpublished);
            match out.last_mut() {
                Some(last)
                    if last.dataset == dataset
                        && last.unpublished == unpublished
                        && last.file == file =>
                {
                    last.last = day;
                }
                _ => out.push(Unit {
                    dataset,
                    file,
                    first: day,
                    last: day,
                    unpublished,
                }),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(market: &str, symbol: &str) -> InstrumentKey {
        InstrumentKey {
            exchange: "binance".parse().unwrap(),
            market: market.parse().unwrap(),
            symbol: symbol.parse().unwrap(),
        }
    }

    fn range(start: &str, end: &str) -> TimeRange {
        TimeRange::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
    }

    fn paths(units: &[Unit]) -> Vec<&str> {
        units
            .iter()
            .filter_map(|u| u.file.as_ref())
            .map(|f| f.path.as_str())
            .collect()
    }

    #[test]
    fn one_file_per_day_and_one_per_month_for_funding() {
        let units = plan_vision(
            &key("um", "BTCUSDT"),
            &[Dataset::AggTrades, Dataset::Funding, Dataset::Klines1m],
            &range("2024-12-31T12:00:00Z", "2025-01-02"),
            PlanOptions::default(),
        );
        assert_eq!(
            paths(&units),
            [
                "data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2024-12-31.zip",
                "data/futures/um/daily/aggTrades/BTCUSDT/BTCUSDT-aggTrades-2025-01-01.zip",
                "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-12.zip",
                "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2025-01.zip",
                "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2024-12-31.zip",
                "data/futures/um/daily/klines/BTCUSDT/1m/BTCUSDT-1m-2025-01-01.zip",
            ]
        );
    }

    #[test]
    fn unpublished_days_are_one_unit_and_not_asked_remotely() {
        let span = range("2024-03-29", "2024-04-03");
        let options = PlanOptions {
            monthly: false,
            skip_unpublished: true,
        };
        let units = plan_vision(
            &key("um", "BTCUSDT"),
            &[Dataset::BookTicker],
            &span,
            options,
        );
        assert_eq!(paths(&units).len(), 2);
        assert_eq!(units.len(), 3);
        assert_eq!(units[2].file, None);
        assert_eq!(
            (units[2].first.to_string(), units[2].last.to_string()),
            ("2024-03-31".into(), "2024-04-02".into())
        );
        let asked = plan_vision(
            &key("um", "BTCUSDT"),
            &[Dataset::BookTicker],
            &span,
            PlanOptions::default(),
        );
        assert_eq!(paths(&asked).len(), 5);
        let spot = plan_vision(
            &key("spot", "BTCUSDT"),
            &[Dataset::BookTicker, Dataset::L2Deltas],
            &span,
            options,
        );
        assert_eq!(spot.len(), 2);
        assert!(
            spot.iter()
                .all(|u| u.file.is_none() && u.unpublished.is_some())
        );
    }

    #[test]
    fn monthly_files_on_request() {
        let options = PlanOptions {
            monthly: true,
            skip_unpublished: false,
        };
        let units = plan_vision(
            &key("um", "BTCUSDT"),
            &[Dataset::Klines1m, Dataset::Metrics],
            &range("2024-01-30", "2024-02-02"),
            options,
        );
        assert_eq!(paths(&units).len(), 2 + 3);
        assert_eq!(
            units[0].file.as_ref().unwrap().path,
            "data/futures/um/monthly/klines/BTCUSDT/1m/BTCUSDT-1m-2024-01.zip"
        );
    }
}
