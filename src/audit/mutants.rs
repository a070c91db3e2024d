//! Planted leaks: pipelines that look ahead in ways people really do. An audit that lets one pass is no audit.
//!
//! They share the lake's stream, the minute builder and the feature set with the product and differ in one step.

use quant_core::bars::{Microstructure, MinuteBuilder, StatInputs};
use quant_core::market::InstrumentKey;
use quant_core::time::{Day, MICROS_PER_MINUTE};
use quant_lake::bars::StatRows;
use quant_lake::layout::Lake;
use quant_lake::openings::{DayOpening, OpeningPlan, VolumeMemo};
use quant_lake::read::HashMemo;
use quant_lake::schema::Dataset;
use quant_lake::stream::{DayStream, MicroSpec, StreamSets};
use serde::Serialize;

use super::causality::Pipeline;
use super::cut::Availability;
use super::pipeline::tables_of;
use super::table::Table;
use crate::config::Config;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::bars::BarSetSpec;
use crate::run::pipeline::instrument_keys;

/// One way to look ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Leak {
    /// None: the harness itself must be clean.
    None,
    /// Every feature is the mean of itself over five minutes around the row.
    CentredWindow,
    /// Every feature is standardised with the mean and deviation of the whole sample.
    FullSampleZScore,
    /// Every feature is replaced by its rank in the whole sample.
    FullSamplePercentile,
    /// Nulls of features are filled with the next value.
    BackwardFill,
    /// A bar's VWAP is that of the next bar.
    NextBarVwap,
    /// A bar of five minutes is joined on its start: the first minute of it knows all.
    JoinOnOpen,
    /// Mark, index and premium klines count from their start.
    KlineAtOpen,
    /// Open interest counts from the time it describes, not from its publication.
    OpenInterestAtCreateTime,
    /// Funding counts from eight hours before it is settled.
    FundingBeforeSettlement,
    /// Funding counts at its stamp, where it is known later.
    FundingWithoutLag,
    /// The size of a volume bucket is fitted on the day itself.
    FutureBucket,
    /// The opening holds the market at the end of its own day.
    FutureOpening,
}

impl Leak {
    /// Every leak, the clean harness first.
    pub const ALL: [Self; 13] = [
        Self::None,
        Self::CentredWindow,
        Self::FullSampleZScore,
        Self::FullSamplePercentile,
        Self::BackwardFill,
        Self::NextBarVwap,
        Self::JoinOnOpen,
        Self::KlineAtOpen,
        Self::OpenInterestAtCreateTime,
        Self::FundingBeforeSettlement,
        Self::FundingWithoutLag,
        Self::FutureBucket,
        Self::FutureOpening,
    ];

    /// Returns its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::CentredWindow => "centred_window",
            Self::FullSampleZScore => "full_sample_z_score",
            Self::FullSamplePercentile => "full_sample_percentile",
            Self::BackwardFill => "backward_fill",
            Self::NextBarVwap => "next_bar_vwap",
            Self::JoinOnOpen => "join_on_open",
            Self::KlineAtOpen => "kline_at_open",
            Self::OpenInterestAtCreateTime => "open_interest_at_create_time",
            Self::FundingBeforeSettlement => "funding_before_settlement",
            Self::FundingWithoutLag => "funding_without_lag",
            Self::FutureBucket => "future_bucket",
            Self::FutureOpening => "future_opening",
        }
    }

    /// Returns the datasets it needs one of; without them it changes nothing and cannot be told.
    pub const fn needs(self) -> &'static [Dataset] {
        match self {
            Self::KlineAtOpen => &[
                Dataset::MarkKlines,
                Dataset::IndexKlines,
                Dataset::PremiumKlines,
            ],
            Self::OpenInterestAtCreateTime => &[Dataset::OpenInterest, Dataset::Metrics],
            Self::FundingBeforeSettlement | Self::FundingWithoutLag => &[Dataset::Funding],
            Self::FutureOpening => &[
                Dataset::BookTicker,
                Dataset::L2Deltas,
                Dataset::L2Snapshots,
                Dataset::Trades,
                Dataset::AggTrades,
            ],
            Self::FutureBucket | Self::NextBarVwap => &[Dataset::Trades, Dataset::AggTrades],
            _ => &[],
        }
    }

    /// Returns when rows are available in the world that the leak is audited in. Where funding is said to be known at its stamp a pipeline
    /// without its lag is right; it leaks where the rate is told later.
    #[must_use]
    pub fn world(self, availability: &Availability) -> Availability {
        let mut out = availability.clone();
        if self == Self::FundingWithoutLag {
            let lag = out.lag_us.entry(Dataset::Funding).or_default();
            *lag = FUNDING_DELAY_US.max(*lag);
        }
        out
    }

    /// Returns the dataset at whose stamps the leak shows: elsewhere its rows are those of the product.
    pub const fn shows_at(self) -> Option<Dataset> {
        match self {
            Self::FundingWithoutLag => Some(Dataset::Funding),
            _ => None,
        }
    }
}

/// How late funding is told in the world of a pipeline that takes it at its stamp: a minute, so that a row falls between.
const FUNDING_DELAY_US: i64 = MICROS_PER_MINUTE;

/// The pipeline with one leak.
#[derive(Clone, Copy, Debug)]
pub struct Mutant(pub Leak);

impl Pipeline for Mutant {
    fn tables(&self, config: &Config) -> CommandResult<Vec<Table>> {
        let spec = BarSetSpec::of(&config.raw)?;
        let Some(micro) = &spec.microstructure else {
            return Err(CommandError::text(
                ErrorKind::Config,
                "the audit of planted leaks needs `bars.microstructure`",
            )
            .hint("set it as configs/default.yaml does"));
        };
        let mut micro = micro.clone();
        self.0.shift(&mut micro);
        let mut bars = Vec::new();
        for key in instrument_keys(config) {
            bars.push(self.0.bars(config, &spec, &micro, &key)?);
        }
        let mut tables = tables_of(config, &bars)?;
        for table in &mut tables {
            self.0.spoil(table);
        }
        Ok(tables)
    }
}

impl Leak {
    /// Lets state records count before they are known.
    fn shift(self, micro: &mut MicroSpec) {
        let early: &[(Dataset, i64)] = match self {
            Self::KlineAtOpen => &[
                (Dataset::MarkKlines, -60_000),
                (Dataset::IndexKlines, -60_000),
                (Dataset::PremiumKlines, -60_000),
            ],
            Self::FundingBeforeSettlement => &[(Dataset::Funding, -8 * 3_600_000)],
            Self::FundingWithoutLag => &[(Dataset::Funding, 0)],
            Self::OpenInterestAtCreateTime => &[(Dataset::OpenInterest, 0), (Dataset::Metrics, 0)],
            _ => &[],
        };
        micro.lags_ms.extend(early.iter().copied());
    }

    fn bars(
        self,
        config: &Config,
        spec: &BarSetSpec,
        micro: &MicroSpec,
        key: &InstrumentKey,
    ) -> CommandResult<StatRows> {
        let lake = Lake::new(&config.raw.paths.lake);
        let sets = StreamSets::open(&lake, key, &spec.datasets()).data_error()?;
        let (memo, volumes) = (HashMemo::default(), VolumeMemo::default());
        let open = |day: Day| -> CommandResult<Option<DayOpening>> {
            let Some(source) = sets.choose(&spec.sources, day) else {
                return Ok(None);
            };
            let plan = sets.plan(day, source, Some(micro));
            let plan = OpeningPlan {
                sets: &sets,
                day: &plan,
                bars: &spec.sources,
                spec: micro,
            };
            Ok(Some(plan.make(&volumes, &memo).data_error()?.0))
        };
        let mut out = StatRows::default();
        for day in config.read_range().days() {
            let Some(source) = sets.choose(&spec.sources, day) else {
                continue;
            };
            let Some(mut opening) = open(day)? else {
                continue;
            };
            if matches!(self, Self::FutureBucket | Self::FutureOpening)
                && let Some(next) = open(day.plus(1))?
            {
                self.look_into(&mut opening, next, day, micro);
            }
            let plan = sets.plan(day, source, Some(micro));
            let inputs = StatInputs {
                vpin_bucket: opening.volume_bucket,
            };
            let mut builder = MinuteBuilder::with_stats(
                day,
                plan.bar_source(),
                plan.inputs,
                &opening.opening,
                Microstructure::new(&inputs),
            );
            DayStream::open(&sets, &plan, Some(micro), opening.link, &memo)
                .and_then(|stream| stream.drive(&mut builder))
                .data_error()?;
            out.append(builder.finish(day.end()), plan.stat_sources());
        }
        Ok(out)
    }

    /// Takes from the next day's opening what the day itself cannot know.
    fn look_into(self, opening: &mut DayOpening, next: DayOpening, day: Day, micro: &MicroSpec) {
        let before = day.start().plus(-1);
        if self == Self::FutureBucket {
            // The day before the next one is this one.
            let today = next.volumes.iter().find(|(back, _)| *back == 1);
            opening.volume_bucket = today.map(|(_, volume)| volume * micro.vpin_bucket_share);
        } else {
            opening.opening = next.opening;
            opening.opening.last_trade_ts = opening.opening.last_trade_ts.map(|_| before);
            if let Some(touch) = &mut opening.opening.touch {
                touch.ts = before;
            }
            if let Some(book) = &mut opening.opening.book {
                book.ts_event = before;
            }
        }
    }

    /// Spoils a table after it was built.
    fn spoil(self, table: &mut Table) {
        let is_features = table.name == "features";
        match self {
            Self::CentredWindow if is_features => {
                table.map_columns(|column| {
                    let n = column.len();
                    let mean = |i: usize| {
                        let around = &column[i.saturating_sub(2)..(i + 3).min(n)];
                        let sum: Option<f64> = around.iter().copied().sum();
                        sum.map(|s| s / around.len() as f64)
                    };
                    (0..n).map(mean).collect()
                });
            }
            Self::FullSampleZScore if is_features => table.map_columns(|column| {
                let known: Vec<f64> = column.iter().flatten().copied().collect();
                let n = known.len() as f64;
                let mean = known.iter().sum::<f64>() / n;
                let var = known.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
                let z = |x: f64| (var > 0.0).then(|| (x - mean) / var.sqrt());
                column.iter().map(|x| x.and_then(z)).collect()
            }),
            Self::FullSamplePercentile if is_features => table.map_columns(|column| {
                let mut known: Vec<f64> = column.iter().flatten().copied().collect();
                known.sort_by(f64::total_cmp);
                let n = known.len() as f64;
                let rank = |x: f64| known.partition_point(|y| *y <= x) as f64 / n;
                column.iter().map(|x| x.map(rank)).collect()
            }),
            Self::BackwardFill if is_features => table.map_columns(|column| {
                let mut next = None;
                let mut filled: Vec<Option<f64>> = column
                    .iter()
                    .rev()
                    .map(|x| {
                        next = x.or(next);
                        next
                    })
                    .collect();
                filled.reverse();
                filled
            }),
            Self::NextBarVwap if !is_features => table.map_column("vwap", |column| {
                let mut moved = column[1.min(column.len())..].to_vec();
                moved.resize(column.len(), None);
                moved
            }),
            Self::JoinOnOpen if is_features => {
                let opens: Vec<i64> = table.ts_open.clone();
                table.map_columns(|column| {
                    let last_of = |i: usize| {
                        let minute = opens[i].div_euclid(MICROS_PER_MINUTE);
                        let ahead = usize::try_from(4 - minute.rem_euclid(5)).unwrap_or(0);
                        column.get(i + ahead).copied().flatten()
                    };
                    (0..column.len()).map(last_of).collect()
                });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
