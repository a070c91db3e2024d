//! Which instruments existed at a moment, and which of them were liquid enough as far as was known then.
//!
//! Everything here looks back: terms that begin after the moment and days that had not ended by it are never read, so that
//! nothing that happens later can change an answer.

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use quant_core::market::{Exchange, Instrument, InstrumentKey, Market};
use quant_core::stats::quantile;
use quant_core::time::{Day, UnixMicros};
use serde::Serialize;

use crate::instruments::{InstrumentTable, InstrumentsError, from_batch};
use crate::layout::{DatasetKey, Lake, PartitionSetSpec, parse_symbol_folder};
use crate::read::{HashMemo, PartitionSet, ReadError};
use crate::schema::{DEFAULT_BOOK_LEVELS, Dataset};
use crate::verify::set_specs;

/// Rows per batch.
const READ_BATCH: usize = 65_536;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UniverseError {
    /// A partition cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Terms cannot be understood, or contradict each other.
    #[error(transparent)]
    Instruments(#[from] InstrumentsError),
    /// Nobody knows any instrument there.
    #[error(
        "no instrument of {exchange} {market} is known at {at}\nhint: ingest some (their terms come along), or name a table with --instruments FILE"
    )]
    NoInstruments {
        /// Exchange.
        exchange: Exchange,
        /// Market.
        market: Market,
        /// Moment.
        at: UnixMicros,
    },
    /// A listed instrument lacks days that the rule looks at.
    #[error(
        "`{key}` was listed, and the lake has no klines of {n} of the {days} day(s) before {at}: {first}{}\nhint: fetch them with `quant build-dataset --datasets klines_1m`; a rule on missing days would be a guess",
        if *n > 1 { " and later" } else { "" }
    )]
    NoHistory {
        /// Instrument.
        key: InstrumentKey,
        /// Moment.
        at: UnixMicros,
        /// Days the rule looks at.
        days: u32,
        /// How many are missing.
        n: usize,
        /// The first one.
        first: Day,
    },
    /// Klines without quote volume.
    #[error(
        "klines of `{key}` on {day} have no quote volume\nhint: they come from a CSV without `quote_volume`; map that column"
    )]
    NoVolume {
        /// Instrument.
        key: InstrumentKey,
        /// Day.
        day: Day,
    },
}

/// What an instrument must have traded before it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LiquidityRule {
    /// Whole UTC days before the moment, at least 1.
    pub days: u32,
    /// Smallest median of the daily quote volume.
    ///
    /// # Units
    /// Quote currency per day.
    pub min_quote_volume: f64,
}

/// Whether a listed instrument belongs, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It belongs.
    Member,
    /// It was listed for fewer whole days than the rule looks at.
    Young,
    /// It traded too little.
    Illiquid,
}

/// One instrument that was listed at the moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed {
    /// Which.
    pub instrument: String,
    /// First trading instant; that of the known terms if the venue does not say.
    pub onboard: UnixMicros,
    /// Whether it belongs.
    pub verdict: Verdict,
    /// Whole days it was listed for, of those the rule looks at.
    pub days: u32,
    /// Median of the daily quote volume over those days; none without a rule or for the young.
    pub median_quote_volume: Option<f64>,
}

/// The instruments of a market at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Universe {
    /// Exchange.
    pub exchange: Exchange,
    /// Market.
    pub market: Market,
    /// Moment.
    pub at: UnixMicros,
    /// Rule, if any.
    pub rule: Option<LiquidityRule>,
    /// Number of members.
    pub n_members: usize,
    /// Every instrument listed then, by symbol.
    pub listed: Vec<Listed>,
}

/// Reads the terms that a lake holds of a market, as far as they begin at or before `at`.
///
/// # Errors
/// Unreadable partitions; terms that contradict each other.
pub fn known_terms(
    lake: &Lake,
    exchange: Exchange,
    market: Market,
    at: UnixMicros,
) -> Result<InstrumentTable, UniverseError> {
    let prefix = format!("raw/{exchange}/{market}/");
    let memo = HashMemo::default();
    let mut rows = Vec::new();
    for spec in set_specs(lake, DEFAULT_BOOK_LEVELS).0 {
        let Some(symbol) = spec
            .dir
            .strip_prefix(&prefix)
            .and_then(|rest| rest.strip_suffix("/instruments"))
            .and_then(|symbol| parse_symbol_folder(symbol).ok())
        else {
            continue;
        };
        let key = InstrumentKey {
            exchange,
            market,
            symbol,
        };
        let Some(set) = PartitionSet::open_if_present(lake, &spec)? else {
            continue;
        };
        for partition in &set.manifest().partitions {
            if partition.date > at.day() {
                continue;
            }
            for batch in set.read_day(partition.date, None, READ_BATCH, &memo)? {
                rows.extend(from_batch(&key, &batch?)?);
            }
        }
    }
    rows.retain(|r| r.valid_from <= at);
    Ok(InstrumentTable::new(rows)?)
}

/// Returns the instruments of a market that were listed at `at`, ended ones included, and what the rule says of each.
///
/// An instrument is listed from its onboarding (the start of its first known terms, where the venue does not say) until its
/// delisting, and while terms of it hold.
///
/// # Errors
/// No instrument at all; days missing that the rule needs.
///
/// # Determinism
/// A function of terms that begin by `at` and of days that ended by then.
pub fn universe_at(
    lake: &Lake,
    table: &InstrumentTable,
    (exchange, market): (Exchange, Market),
    at: UnixMicros,
    rule: Option<LiquidityRule>,
) -> Result<Universe, UniverseError> {
    let is_listed = |i: &&Instrument| {
        i.key.exchange == exchange
            && i.key.market == market
            && i.is_valid_at(at)
            && i.onboard.is_none_or(|t| t <= at)
            && i.delist.is_none_or(|t| at < t)
    };
    let known = table
        .rows()
        .iter()
        .any(|i| i.key.exchange == exchange && i.key.market == market && i.valid_from <= at);
    if !known {
        return Err(UniverseError::NoInstruments {
            exchange,
            market,
            at,
        });
    }
    let mut listed = Vec::new();
    for terms in table.rows().iter().filter(is_listed) {
        let first_terms = table.rows_of(&terms.key).first();
        let onboard = terms
            .onboard
            .or(first_terms.map(|t| t.valid_from))
            .unwrap_or(terms.valid_from);
        let mut row = Listed {
            instrument: terms.key.to_string(),
            onboard,
            verdict: Verdict::Member,
            days: 0,
            median_quote_volume: None,
        };
        if let Some(rule) = rule {
            judge(lake, &terms.key, at, rule, &mut row)?;
        }
        listed.push(row);
    }
    Ok(Universe {
        exchange,
        market,
        at,
        rule,
        n_members: listed
            .iter()
            .filter(|l| l.verdict == Verdict::Member)
            .count(),
        listed,
    })
}

fn judge(
    lake: &Lake,
    key: &InstrumentKey,
    at: UnixMicros,
    rule: LiquidityRule,
    row: &mut Listed,
) -> Result<(), UniverseError> {
    let end = at.day();
    let days: Vec<Day> = (1..=i32::try_from(rule.days).unwrap_or(i32::MAX))
        .rev()
        .map(|back| end.plus(-back))
        .filter(|day| row.onboard <= day.start())
        .collect();
    row.days = u32::try_from(days.len()).unwrap_or(u32::MAX);
    if row.days < rule.days {
        row.verdict = Verdict::Young;
        return Ok(());
    }
    let dataset = DatasetKey {
        instrument: key.clone(),
        dataset: Dataset::Klines1m,
    };
    let spec = PartitionSetSpec::raw(&dataset, DEFAULT_BOOK_LEVELS);
    let set = PartitionSet::open_if_present(lake, &spec)?;
    let has = |day: &Day| {
        let partition = set.as_ref().and_then(|s| s.manifest().partition(*day));
        partition.is_some_and(|p| p.rows > 0)
    };
    let missing: Vec<Day> = days.iter().copied().filter(|d| !has(d)).collect();
    let (Some(set), None) = (&set, missing.first()) else {
        return Err(UniverseError::NoHistory {
            key: key.clone(),
            at,
            days: rule.days,
            n: missing.len(),
            first: missing.first().copied().unwrap_or(end),
        });
    };
    let mut volumes = Vec::with_capacity(days.len());
    for day in days {
        volumes.push(quote_volume(set, key, day)?);
    }
    let median = quantile(&volumes, 0.5).unwrap_or(0.0);
    row.median_quote_volume = Some(median);
    if median < rule.min_quote_volume {
        row.verdict = Verdict::Illiquid;
    }
    Ok(())
}

/// Returns the quote volume of one day, the sum of its minutes in their order.
fn quote_volume(set: &PartitionSet, key: &InstrumentKey, day: Day) -> Result<f64, UniverseError> {
    let mut sum = 0.0;
    for batch in set.read_day(
        day,
        Some(&["quote_volume"]),
        READ_BATCH,
        &HashMemo::default(),
    )? {
        let batch = batch?;
        let column = batch.column(0).as_primitive::<Float64Type>();
        if column.null_count() > 0 {
            return Err(UniverseError::NoVolume {
                key: key.clone(),
                day,
            });
        }
        sum += column.values().iter().sum::<f64>();
    }
    Ok(sum)
}
