//! Which partitions a day reads: the choice of its sources, and their names for the lineage of its bars.

use quant_core::bars::{
    BarSource, BookSource, ImageCadence, MarketInputs, QuoteSource, StatSources,
};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, TimeRange};

use super::spec::MicroSpec;
use super::state;
use crate::layout::{DatasetKey, Lake, PartitionSetSpec};
use crate::manifest::{Partition, Source};
use crate::openings::derived_source;
use crate::read::{PartitionSet, ReadError};
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use crate::venues::book_flow::image_cadence;

/// The raw partition sets of an instrument that a stream may read, as their manifests stood when they were opened.
#[derive(Clone, Debug)]
pub struct StreamSets {
    instrument: InstrumentKey,
    sets: Vec<(Dataset, PartitionSet)>,
}

impl StreamSets {
    /// Opens those of `datasets` that the lake has.
    ///
    /// # Errors
    /// A manifest that cannot be read.
    pub fn open(
        lake: &Lake,
        instrument: &InstrumentKey,
        datasets: &[Dataset],
    ) -> Result<Self, ReadError> {
        let mut sets = Vec::new();
        for &dataset in datasets {
            let key = DatasetKey {
                instrument: instrument.clone(),
                dataset,
            };
            let spec = PartitionSetSpec::raw(&key, DEFAULT_BOOK_LEVELS);
            if let Some(set) = PartitionSet::open_if_present(lake, &spec)? {
                sets.push((dataset, set));
            }
        }
        Ok(Self {
            instrument: instrument.clone(),
            sets,
        })
    }

    /// Returns whose data it is.
    pub const fn instrument(&self) -> &InstrumentKey {
        &self.instrument
    }

    /// Returns a set, if the lake has it.
    pub fn get(&self, dataset: Dataset) -> Option<&PartitionSet> {
        self.sets
            .iter()
            .find(|(d, _)| *d == dataset)
            .map(|(_, set)| set)
    }

    /// Returns the partition of a day that can be used; trades without sizes cannot, for their volume would be 0.
    pub fn partition(&self, dataset: Dataset, day: Day) -> Option<&Partition> {
        let manifest = self.get(dataset)?.manifest();
        manifest
            .partition(day)
            .filter(|p| !manifest.has_prices_only(p))
    }

    /// Returns the first of `preference` with rows on the day; a day on which every one is there but empty takes the first.
    pub fn choose(&self, preference: &[Dataset], day: Day) -> Option<Dataset> {
        let mut held = preference
            .iter()
            .filter_map(|&d| Some((d, self.partition(d, day)?.rows)));
        let first = held.next()?;
        if first.1 > 0 {
            return Some(first.0);
        }
        held.find(|(_, rows)| *rows > 0)
            .or(Some(first))
            .map(|c| c.0)
    }

    /// Returns the first of `preference` that the lake lists for the day, with rows or not: how many rows came is known at its end.
    fn listed(&self, preference: &[Dataset], day: Day) -> Option<Dataset> {
        let mut held = preference.iter().copied();
        held.find(|d| self.partition(*d, day).is_some())
    }

    /// Returns those of `datasets` that hold the day.
    pub fn held(&self, datasets: &[Dataset], day: Day) -> Vec<Dataset> {
        let holds = |d: &&Dataset| {
            self.get(**d)
                .is_some_and(|set| set.manifest().partition(day).is_some())
        };
        datasets.iter().filter(holds).copied().collect()
    }

    /// Returns the lineage of one partition, if there is one.
    pub(crate) fn source(&self, dataset: Dataset, day: Day) -> Option<Source> {
        let set = self.get(dataset)?;
        Some(derived_source(set.spec(), self.partition(dataset, day)?))
    }

    /// Returns the lineage of the partitions with rows whose time column lies in a range.
    pub(crate) fn sources_in(&self, dataset: Dataset, range: TimeRange) -> Vec<Source> {
        let Some(set) = self.get(dataset) else {
            return Vec::new();
        };
        let has_rows = |p: &&Partition| {
            let (Some(first), Some(last)) = (p.ts_min, p.ts_max) else {
                return false;
            };
            first < range.end && last >= range.start
        };
        let partitions = set.manifest().partitions.iter();
        partitions
            .filter(has_rows)
            .map(|p| derived_source(set.spec(), p))
            .collect()
    }

    /// Returns when the images of a day were taken, as its partition was made.
    fn cadence(&self, day: Day) -> ImageCadence {
        let set = self.get(Dataset::L2Snapshots);
        let params = set.and_then(|set| {
            let partition = set.manifest().partition(day)?;
            set.manifest().params_of(partition)
        });
        params.map_or(ImageCadence::Unknown, image_cadence)
    }

    /// Settles what a day with this bar source reads.
    pub fn plan(&self, day: Day, bars: Dataset, micro: Option<&MicroSpec>) -> DayPlan {
        let has_trades = bars != Dataset::Klines1m;
        let Some(spec) = micro else {
            let inputs = MarketInputs {
                has_trades,
                ..MarketInputs::default()
            };
            return DayPlan {
                day,
                bars,
                quotes: None,
                book: None,
                book_source: BookSource::None,
                inputs,
            };
        };
        let book = self.listed(&spec.book, day);
        let quotes = self.listed(&spec.quotes, day);
        let from_ticker = quotes == Some(Dataset::BookTicker);
        let book_kind = book.map(|dataset| match dataset {
            Dataset::L2Deltas => BookKind::Deltas,
            _ => BookKind::Images,
        });
        DayPlan {
            day,
            bars,
            quotes: quotes.filter(|_| from_ticker),
            book: book_kind,
            book_source: match book_kind {
                Some(BookKind::Deltas) => BookSource::Deltas,
                Some(BookKind::Images) => BookSource::Images(self.cadence(day)),
                None => BookSource::None,
            },
            inputs: MarketInputs {
                quotes: match (from_ticker, book) {
                    (true, _) => QuoteSource::BookTicker,
                    (false, Some(_)) if quotes.is_some() => QuoteSource::Book,
                    (false, _) => QuoteSource::None,
                },
                has_book: book.is_some(),
                has_trades,
                has_liquidations: self.partition(Dataset::Liquidations, day).is_some(),
                stale_after: spec.stale_after(),
            },
        }
    }
}

/// Where the book of a day comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookKind {
    /// Changes of levels.
    Deltas,
    /// Images at a cadence.
    Images,
}

impl BookKind {
    /// Returns the dataset.
    pub const fn dataset(self) -> Dataset {
        match self {
            Self::Deltas => Dataset::L2Deltas,
            Self::Images => Dataset::L2Snapshots,
        }
    }
}

/// What one day reads.
#[derive(Clone, Debug, PartialEq)]
pub struct DayPlan {
    /// The day.
    pub day: Day,
    /// Source of the bars.
    pub bars: Dataset,
    /// Source of the best bid and ask beside the book.
    pub quotes: Option<Dataset>,
    /// Source of the book.
    pub book: Option<BookKind>,
    /// The same with the cadence of images.
    pub book_source: BookSource,
    /// The same for tier 1.
    pub inputs: MarketInputs,
}

impl DayPlan {
    /// Returns the lineage: every raw partition whose rows the day reads, without the opening's. State records of the
    /// day before or after count if their place may lie inside the day.
    pub fn sources(&self, sets: &StreamSets, micro: Option<&MicroSpec>) -> Vec<Source> {
        let mut out: Vec<Source> = sets.source(self.bars, self.day).into_iter().collect();
        let Some(spec) = micro else {
            return out;
        };
        let big = [self.quotes, self.book.map(BookKind::dataset)];
        let own = [Dataset::Liquidations, Dataset::DepthBands];
        let own = big.into_iter().flatten().chain(own);
        out.extend(own.filter_map(|d| sets.source(d, self.day)));
        out.extend(state::state_sources(sets, spec, self.day.range(), self.day));
        out
    }

    /// Returns what tier 1 calls the source of the bars.
    pub const fn bar_source(&self) -> BarSource {
        match self.bars {
            Dataset::Trades => BarSource::Trades,
            Dataset::AggTrades => BarSource::AggTrades,
            _ => BarSource::Klines,
        }
    }

    /// Returns what the statistics are made of, as written to the lake.
    pub const fn stat_sources(&self) -> StatSources {
        StatSources {
            quotes: self.inputs.quotes,
            book: self.book_source,
            has_trades: self.inputs.has_trades,
        }
    }
}
