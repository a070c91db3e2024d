//! Simulates the worlds that are to be measured, in parallel, and gathers the facts in a fixed order.

use std::sync::atomic::{AtomicBool, Ordering};

use quant_core::market::{Market, Symbol};
use quant_core::synth::{
    InstrumentParams, MarketProfile, MinuteModel, OrderBookMarket, SimMinute, SynthError,
    WorldParams,
};
use quant_core::time::{Day, MINUTES_PER_DAY};
use rayon::prelude::*;
use serde::Serialize;

use crate::facts::fact::{Band, Fact};
use crate::facts::features::FeatureMeter;
use crate::facts::ic::{FeatureTable, IcRow, null_limit};
use crate::facts::pairs::{basis_half_life, correlation_5m};
use crate::facts::touch::MinuteMeter;
use crate::facts::{FactsError, InstrumentFacts};
use crate::synth::Look;

/// Returns the instrument of a look in a market under the look's usual name, with `rate` times its usual events.
///
/// # Errors
/// Those of the parameters, for a rate that leaves their range.
pub fn instrument(look: Look, market: Market, rate: f64) -> Result<InstrumentParams, SynthError> {
    let name = match look {
        Look::Btc => "BTCUSDT",
        Look::Alt => "SOLUSDT",
    };
    let symbol: Symbol = name.parse().map_err(|_| SynthError::OutOfRange {
        name: "symbol",
        found: 0.0,
        expected: "a venue symbol",
    })?;
    let mut out = look.params(market, symbol)?;
    for events in [&mut out.trades_per_day, &mut out.quotes_per_day] {
        *events = scaled(*events, rate);
    }
    out.check()
}

/// Returns `count * rate`; a result no market can have is refused by the parameters' own check.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to the range of u32; a rate that is not a number gives 0"
)]
fn scaled(count: u32, rate: f64) -> u32 {
    (f64::from(count) * rate)
        .round()
        .clamp(0.0, f64::from(u32::MAX)) as u32
}

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct FactsRequest {
    /// Kind of market.
    pub profile: MarketProfile,
    /// One world each.
    pub seeds: Vec<u64>,
    /// Instruments of every world: the perpetual and the spot of each look.
    pub looks: Vec<Look>,
    /// Days per world.
    pub days: u32,
    /// First day.
    pub start: Day,
    /// Events relative to the instruments' own.
    pub rate: f64,
}

/// One value of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// World.
    pub seed: u64,
    /// Measured value; `None` where the sample does not define it.
    pub value: Option<f64>,
    /// Observations behind it.
    pub n: u64,
    /// There is a value and it lies in the band.
    pub ok: bool,
}

/// One fact of one look over all seeds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FactRow {
    /// Instrument, or pair of them.
    pub look: String,
    /// Name of the fact.
    pub fact: &'static str,
    /// Where it must lie.
    pub band: Band,
    /// Why, in one line.
    pub reason: &'static str,
    /// The band is a condition. Of a planted profile only its edge is: the edge itself breaks facts of real markets.
    pub gated: bool,
    /// One value per seed.
    pub cells: Vec<Cell>,
}

impl FactRow {
    /// Returns whether every value is in the band, or need not be.
    pub fn is_ok(&self) -> bool {
        !self.gated || self.cells.iter().all(|cell| cell.ok)
    }
}

/// Everything one instrument of one world gave.
struct Measured {
    facts: Vec<Fact>,
    mids: Vec<Option<f64>>,
}

/// How work is stopped and told of; nothing here changes a number.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Raised by Ctrl-C.
    pub stop: &'a AtomicBool,
    /// Told after each simulated day of an instrument.
    pub on_day: &'a (dyn Fn() + Sync),
}

impl Watch<'_> {
    /// Tells of a day and returns whether to go on.
    fn day(&self) -> Result<(), FactsError> {
        (self.on_day)();
        if self.stop.load(Ordering::Relaxed) {
            return Err(FactsError::Interrupted);
        }
        Ok(())
    }
}

/// Simulates every world of a request and returns its facts: one row per look and fact, in a fixed order.
///
/// # Errors
/// Parameters no world can have, a fault of the simulator, interrupted.
///
/// # Determinism
/// Instruments run in parallel and are independent; rows do not depend on the number of threads.
pub fn measure(request: &FactsRequest, watch: &Watch<'_>) -> Result<Vec<FactRow>, FactsError> {
    let mut instruments = Vec::new();
    for look in &request.looks {
        instruments.push(instrument(*look, Market::Um, request.rate)?);
        instruments.push(instrument(*look, Market::Spot, request.rate)?);
    }
    let jobs: Vec<(u64, usize)> = request
        .seeds
        .iter()
        .flat_map(|seed| (0..instruments.len()).map(move |i| (*seed, i)))
        .collect();
    let measured: Vec<Measured> = jobs
        .par_iter()
        .map(|(seed, index)| {
            let world = WorldParams {
                seed: *seed,
                profile: request.profile,
                start_day: request.start,
                instruments: instruments.clone(),
            };
            let mut market = OrderBookMarket::new(&world, *index)?;
            measure_market(&mut market, request, watch)
        })
        .collect::<Result<_, FactsError>>()?;
    let worlds: Vec<(u64, &[Measured])> = request
        .seeds
        .iter()
        .copied()
        .zip(measured.chunks(instruments.len().max(1)))
        .collect();
    Ok(rows_of(request, &instruments, &worlds))
}

/// Measures one market from its first minute.
fn measure_market<M: MinuteModel>(
    market: &mut M,
    request: &FactsRequest,
    watch: &Watch<'_>,
) -> Result<Measured, FactsError> {
    let params = market.params().clone();
    let is_perp = params.market != Market::Spot;
    let mut facts = InstrumentFacts::new(&params, market.book());
    let mut features = match natural(request.profile) {
        Some(_) if is_perp => Some(FeatureMeter::new(&params)?),
        _ => None,
    };
    let mut table = features.as_ref().map(|f| FeatureTable::new(f.columns()));
    let (mut minute, mut row) = (SimMinute::new(), Vec::new());
    for _ in 0..request.days {
        for _ in 0..MINUTES_PER_DAY {
            market.next_minute(&mut minute);
            let measure = facts.push(&minute);
            if let (Some(features), Some(table)) = (&mut features, &mut table) {
                features.push(&minute, &measure, &mut row)?;
                table.push(measure.close.map(|t| t.mid()), &row);
            }
        }
        watch.day()?;
    }
    let mids = facts.mids().to_vec();
    let mut facts = if is_perp {
        facts.finish(has_hazards(request.profile))
    } else {
        Vec::new()
    };
    if let (Some(natural), Some(table)) = (natural(request.profile), &table) {
        facts.extend(edge_facts(&natural, table));
    }
    Ok(Measured { facts, mids })
}

/// What the names of facts about edges begin with.
const EDGE_PREFIX: &str = "ic_";

/// The feature that a planted profile is made to be found by.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Natural {
    feature: &'static str,
    fact: &'static str,
    horizon_minutes: usize,
    band: Band,
    reason: &'static str,
}

const fn natural(profile: MarketProfile) -> Option<Natural> {
    match profile {
        MarketProfile::Null => None,
        MarketProfile::PlantedFlow => Some(Natural {
            feature: "ofi_5m",
            fact: "ic_ofi_5m_next_5m",
            horizon_minutes: 5,
            band: Band::above(0.1),
            reason: "rank IC of 5m order flow imbalance on the next 5m: the planted edge, over 4 standard errors of a week's 2,016 separate windows",
        }),
        MarketProfile::PlantedHazard => Some(Natural {
            feature: "ofi_5m",
            fact: "ic_ofi_5m_next_15m",
            horizon_minutes: 15,
            band: Band::above(0.02),
            reason: "rank IC of 5m order flow imbalance on the next 15m: the flow announces the move",
        }),
        MarketProfile::PlantedTrend => Some(Natural {
            feature: "ema_gap_20_60_14",
            fact: "ic_ema_gap_next_15m",
            horizon_minutes: 15,
            band: Band::above(0.02),
            reason: "rank IC of the gap of two means on the next 15m: drift goes on; spells are long, so one week scatters by 0.05",
        }),
        MarketProfile::PlantedReversion => Some(Natural {
            feature: "ema_20",
            fact: "ic_ema_distance_next_15m",
            horizon_minutes: 15,
            band: Band::below(-0.04),
            reason: "rank IC of the distance to a slow mean on the next 15m: the price is pulled back; one standard error of a week's separate windows",
        }),
        MarketProfile::Mixed => Some(Natural {
            feature: "ofi_5m",
            fact: "ic_ofi_5m_next_5m",
            horizon_minutes: 5,
            band: Band::between(0.01, 0.3),
            reason: "rank IC of 5m order flow imbalance on the next 5m: a moderate edge, diluted by quiet spells",
        }),
    }
}

const fn has_hazards(profile: MarketProfile) -> bool {
    matches!(profile, MarketProfile::Mixed | MarketProfile::PlantedHazard)
}

fn edge_facts(natural: &Natural, table: &FeatureTable) -> Vec<Fact> {
    let find = |horizon: usize, name: &str| {
        let rows = table.ics(horizon);
        rows.into_iter().find(|row| row.column.name == name)
    };
    let fact = |name, row: Option<IcRow>, band, reason| {
        let n = row.as_ref().map_or(0, |r| r.n as u64);
        Fact::new(name, row.and_then(|r| r.rank_ic), n, band, reason)
    };
    vec![
        fact(
            natural.fact,
            find(natural.horizon_minutes, natural.feature),
            natural.band,
            natural.reason,
        ),
        fact(
            "ic_truth_edge_next_1m",
            find(1, "truth_edge"),
            Band::above(0.01),
            "rank IC of the true edge on the next minute: what a perfect model could have",
        ),
    ]
}

/// Turns measured instruments, perpetual and spot of every look, into rows.
fn rows_of(
    request: &FactsRequest,
    instruments: &[InstrumentParams],
    worlds: &[(u64, &[Measured])],
) -> Vec<FactRow> {
    let mut rows: Vec<FactRow> = Vec::new();
    let is_real = matches!(request.profile, MarketProfile::Null | MarketProfile::Mixed);
    let mut add = |look: &str, seed: u64, fact: &Fact| {
        let cell = Cell {
            seed,
            value: fact.value,
            n: fact.n,
            ok: fact.is_ok(),
        };
        match rows
            .iter_mut()
            .find(|r| r.look == look && r.fact == fact.name)
        {
            Some(row) => row.cells.push(cell),
            None => rows.push(FactRow {
                look: look.to_owned(),
                fact: fact.name,
                band: fact.band,
                reason: fact.reason,
                gated: is_real || fact.name.starts_with(EDGE_PREFIX),
                cells: vec![cell],
            }),
        }
    };
    for (l, look) in request.looks.iter().enumerate() {
        for (seed, world) in worlds {
            let (perp, spot) = (&world[2 * l], &world[2 * l + 1]);
            for fact in &perp.facts {
                add(look.name(), *seed, fact);
            }
            let (half_life, n) = basis_half_life(&spot.mids, &perp.mids);
            let fact = Fact::new(
                "basis_half_life",
                half_life,
                n,
                Band::between(2.0, 480.0),
                "minutes in which half of the spot-perpetual basis is gone: it reverts, within the funding interval",
            );
            add(look.name(), *seed, &fact);
        }
    }
    for (seed, world) in worlds {
        for (i, first) in request.looks.iter().enumerate() {
            for (j, second) in request.looks.iter().enumerate().skip(i + 1) {
                let shared = |k: usize| instruments[2 * k].market_beta;
                let (r, n) = correlation_5m(&world[2 * i].mids, &world[2 * j].mids);
                let fact = Fact::new(
                    "correlation_5m_excess",
                    r.map(|r| r - (shared(i) * shared(j)).sqrt()),
                    n,
                    Band::between(-0.3, 0.1),
                    "correlation of 5m returns less that of the shocks, the root of the product of the common shares: drifts of each asset's own spells dilute it",
                );
                add(&format!("{}-{}", first.name(), second.name()), *seed, &fact);
            }
        }
    }
    rows
}

/// A long run of one instrument whose features are tried on its own returns.
#[derive(Clone, Debug)]
pub struct NullRequest {
    /// Kind of market: `null`, or another to see the check fail.
    pub profile: MarketProfile,
    /// The instrument.
    pub look: Look,
    /// Minutes in total.
    pub minutes: u64,
    /// The minutes are split evenly over worlds with these seeds.
    pub seeds: Vec<u64>,
    /// First day of every world.
    pub start: Day,
    /// Events relative to the instrument's own.
    pub rate: f64,
}

/// One feature of a null run with its verdict.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NullRow {
    /// Its coefficients.
    #[serde(flatten)]
    pub ic: IcRow,
    /// The limit applies to it.
    pub gated: bool,
    /// It is not gated or within the limit.
    pub ok: bool,
}

/// What a null run found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NullReport {
    /// The instrument.
    pub look: Look,
    /// Minutes simulated.
    pub minutes: u64,
    /// One world per seed.
    pub seeds: Vec<u64>,
    /// Largest accepted |IC|.
    pub limit: f64,
    /// Minutes whose true edge is not zero.
    pub minutes_with_edge: usize,
    /// One row per feature.
    pub rows: Vec<NullRow>,
}

impl NullReport {
    /// Returns whether no gated feature is beyond the limit and the truth has no edge.
    pub fn is_ok(&self) -> bool {
        self.minutes_with_edge == 0 && self.rows.iter().all(|row| row.ok)
    }
}

/// Runs a market and correlates every feature with the log return of the closing mid over the next minute.
///
/// # Errors
/// As [`measure`].
pub fn run_null(request: &NullRequest, watch: &Watch<'_>) -> Result<NullReport, FactsError> {
    let instrument = instrument(request.look, Market::Um, request.rate)?;
    let worlds = request.seeds.len().max(1) as u64;
    let jobs: Vec<(u64, u64)> = request
        .seeds
        .iter()
        .zip(0_u64..)
        .map(|(seed, i)| {
            // The shares differ by one minute at most and add up.
            (
                *seed,
                request.minutes * (i + 1) / worlds - request.minutes * i / worlds,
            )
        })
        .collect();
    let tables: Vec<FeatureTable> = jobs
        .par_iter()
        .map(|(seed, minutes)| {
            let world = WorldParams {
                seed: *seed,
                profile: request.profile,
                start_day: request.start,
                instruments: vec![instrument.clone()],
            };
            feature_table(&mut OrderBookMarket::new(&world, 0)?, *minutes, watch)
        })
        .collect::<Result<_, FactsError>>()?;
    Ok(null_report(request, tables))
}

/// Records the features of a market over its first minutes.
///
/// # Errors
/// A market whose trades make no bars, interrupted.
pub fn feature_table<M: MinuteModel>(
    market: &mut M,
    minutes: u64,
    watch: &Watch<'_>,
) -> Result<FeatureTable, FactsError> {
    let mut meter = MinuteMeter::new(market.book());
    let mut features = FeatureMeter::new(market.params())?;
    let mut table = FeatureTable::new(features.columns());
    let (mut minute, mut row) = (SimMinute::new(), Vec::new());
    for i in 1..=minutes {
        market.next_minute(&mut minute);
        let measure = meter.push(&minute);
        features.push(&minute, &measure, &mut row)?;
        table.push(measure.close.map(|t| t.mid()), &row);
        if i % MINUTES_PER_DAY as u64 == 0 || i == minutes {
            watch.day()?;
        }
    }
    Ok(table)
}

/// Puts the tables of all worlds together and applies the limit.
pub fn null_report(request: &NullRequest, tables: Vec<FeatureTable>) -> NullReport {
    let mut all = FeatureTable::new(&[]);
    for table in tables {
        if all.is_empty() {
            all = table;
        } else {
            all.append(table);
        }
    }
    let limit = null_limit(request.minutes);
    let rows = all
        .ics(1)
        .into_iter()
        .map(|ic| {
            let gated = ic.is_gated();
            NullRow {
                ok: !gated || ic.is_within(limit),
                gated,
                ic,
            }
        })
        .collect();
    NullReport {
        look: request.look,
        minutes: request.minutes,
        seeds: request.seeds.clone(),
        limit,
        minutes_with_edge: all.non_zero("truth_edge"),
        rows,
    }
}
