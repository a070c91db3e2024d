//! The decision loop: minute rows -> features -> regime -> entries -> paper venues, one minute at a time.
//!
//! Pure: no files, no clock. A live session drives the same objects with the same rows. Every variant has its own venue and
//! gets the same orders; whether a subtype is "open" is judged by the first variant alone, so that all variants trade the
//! same entries.

use std::collections::BTreeMap;

use quant_core::bars::{MinuteRow, N_STAT_COLUMNS, StatSources};
use quant_core::features::{FeatureError, FeatureSet, FeatureSetParams};
use quant_core::market::{Bar, Event, Funding, Instrument};
use quant_core::regime::{
    RegimeError, RegimeModel as _, RegimeOutput, RegimeParams, RegimeSnapshot, RuleRegime,
};
use quant_core::risk::{Barrier, BracketOrder, FixedNotional, Refusal};
use quant_core::sim::{
    ClosedTrade, EquityPoint, PaperVenue, SimError, Unfilled, VenueParams, VenueReport,
};
use quant_core::strategy::{
    Candidate, CandidateStatus, CooldownState, EntryEngine, EntryParams, OpenTrades, StrategyError,
    Subtype, SubtypeCounts,
};
use quant_core::time::{Day, MICROS_PER_MINUTE, TimeRange, UnixMicros};
use quant_lake::bars::StatRows;
use serde::Serialize;

use super::feature_health::FeatureHealth;
use super::gaps::GapMask;
use crate::config::core_params::ColumnNames;

/// Minutes between two points of an equity curve.
const EQUITY_MINUTES: i64 = 5;

/// Why the loop cannot go on; every case is a broken config or a bug, never a property of the market.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Features refused their parameters or a row.
    #[error("features: {0}")]
    Features(#[from] FeatureError),
    /// The regime refused its parameters or columns.
    #[error("regime: {0}")]
    Regime(#[from] RegimeError),
    /// The entries refused their parameters or columns.
    #[error("entries: {0}")]
    Strategy(#[from] StrategyError),
    /// The venue refused its parameters or an order.
    #[error("venue: {0}")]
    Sim(#[from] SimError),
}

/// What the loop is made from.
pub struct EngineParams {
    /// Features.
    pub features: FeatureSetParams,
    /// Regime.
    pub regime: RegimeParams,
    /// Entries.
    pub entries: EntryParams,
    /// Columns by meaning.
    pub columns: ColumnNames,
    /// Sizes.
    pub sizing: FixedNotional,
    /// Barriers of width 1; the width of each trade is its ATR.
    pub barrier: Barrier,
    /// Variants: name and venue, the leading one first.
    pub variants: Vec<(&'static str, VenueParams)>,
    /// Instruments of the run.
    pub instruments: Vec<Instrument>,
    /// Position of the traded one.
    pub traded: usize,
    /// Evaluated range: entries and equity outside it do not exist.
    pub range: TimeRange,
    /// Minutes that must not be used, per instrument; none for an instrument without an entry.
    pub masks: Vec<GapMask>,
}

/// Why an accepted candidate became no order; a property of the market and the config, never a failure of the run.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unordered {
    /// It cannot be sized.
    #[error("size: {0}")]
    Size(Refusal),
    /// A barrier would lie less than a tick from the fill.
    #[error("barrier: {0}")]
    Barrier(SimError),
}

/// One candidate, with what the edge did with it.
#[derive(Clone, Debug)]
pub struct CandidateRow {
    /// The candidate.
    pub candidate: Candidate,
    /// Regime at the decision.
    pub regime: RegimeOutput,
    /// Why an accepted candidate was not ordered.
    pub refusal: Option<Unordered>,
}

/// What one variant came to.
#[derive(Debug)]
pub struct VariantOutcome {
    /// Name.
    pub name: &'static str,
    /// Closed trades, in order of closing.
    pub trades: Vec<ClosedTrade>,
    /// Equity every five minutes over the evaluated range.
    pub equity: Vec<EquityPoint>,
    /// Orders that never filled.
    pub unfilled: Vec<Unfilled>,
}

/// Minutes of one instrument that are not real bars.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MinuteGap {
    /// Inclusive start.
    pub start: UnixMicros,
    /// Exclusive end.
    pub end: UnixMicros,
    /// Minutes.
    pub minutes: u64,
    /// `absent`: the lake does not hold the day; `empty`: it does, but the minute has no trade or its source no row;
    /// `masked`: a gap or defect of the source, left out on purpose.
    pub kind: &'static str,
}

/// Coverage of one instrument over the evaluated range.
#[derive(Clone, Debug, Default, Serialize)]
pub struct InstrumentCoverage {
    /// Minutes in the range.
    pub expected: u64,
    /// Minutes with a real bar.
    pub real: u64,
    /// Minutes where nothing traded.
    pub empty: u64,
    /// Minutes the lake has no row for.
    pub absent: u64,
    /// Minutes left out because of a gap or defect of their source.
    pub masked: u64,
    /// Runs of minutes that are not real, in order.
    pub gaps: Vec<MinuteGap>,
}

impl InstrumentCoverage {
    /// Returns the share of minutes with a real bar; `None` over an empty range.
    pub fn share(&self) -> Option<f64> {
        (self.expected > 0).then(|| self.real as f64 / self.expected as f64)
    }

    /// Returns how many minutes of `[from, to)` had no usable row: absent or masked.
    pub fn gap_minutes(&self, from: UnixMicros, to: UnixMicros) -> u64 {
        let Ok(range) = TimeRange::new(from, to) else {
            return 0;
        };
        let us: i64 = self
            .gaps
            .iter()
            .filter(|g| g.kind != "empty")
            .filter_map(|g| TimeRange::new(g.start, g.end).ok()?.intersection(&range))
            .map(|r| r.len_us())
            .sum();
        // A minute that is entered or left half way counts whole.
        us.unsigned_abs().div_ceil(MICROS_PER_MINUTE.unsigned_abs())
    }
}

/// State carried over a midnight, enough to restart there.
#[derive(Clone, Debug, Serialize)]
pub struct Midnight {
    /// The day that begins.
    pub day: Day,
    /// Regime and its dwell counter.
    pub regime: RegimeSnapshot,
    /// When each side last accepted an entry.
    pub cooldown: CooldownState,
    /// Ids of open trades of the leading variant.
    pub open: Vec<String>,
}

/// Everything the loop found.
#[derive(Debug)]
pub struct EngineOutcome {
    /// Every candidate in the range, accepted or not.
    pub candidates: Vec<CandidateRow>,
    /// Counts per subtype.
    pub counts: BTreeMap<Subtype, SubtypeCounts>,
    /// 5m bars evaluated in the range.
    pub bars_5m: u64,
    /// 5m bars per regime.
    pub regime_bars: BTreeMap<&'static str, u64>,
    /// Regime conditions skipped for lack of input, by name, in bars.
    pub regime_skipped: BTreeMap<&'static str, u64>,
    /// Regime at each decision, for labelling trades by their exit.
    pub regime_path: Vec<(UnixMicros, &'static str)>,
    /// State that runs on across midnight, as it stood at the first bar of each day: regime and cooldowns.
    pub midnights: Vec<Midnight>,
    /// Variants.
    pub variants: Vec<VariantOutcome>,
    /// Coverage per instrument.
    pub coverage: Vec<InstrumentCoverage>,
    /// Minutes each feature column had a value in the range.
    pub feature_valid: Vec<(String, u64)>,
    /// What the feature columns were like in the range.
    pub feature_health: FeatureHealth,
    /// Feature set id.
    pub feature_set: String,
}

struct Variant {
    name: &'static str,
    venue: PaperVenue,
    trades: Vec<ClosedTrade>,
    unfilled: Vec<Unfilled>,
}

impl Variant {
    fn deliver(&mut self, event: &Event, instrument_idx: usize) {
        let reports = self.venue.on_event(event, instrument_idx);
        collect(reports, &mut self.trades, &mut self.unfilled);
    }
}

fn collect(reports: &[VenueReport], trades: &mut Vec<ClosedTrade>, unfilled: &mut Vec<Unfilled>) {
    for report in reports {
        match report {
            VenueReport::Closed(trade) => trades.push((**trade).clone()),
            VenueReport::Unfilled(order) => unfilled.push(order.clone()),
            VenueReport::Entered(_) | VenueReport::Exited(_) | VenueReport::FundingPaid(_) => {}
        }
    }
}

/// The decision loop.
pub struct Engine {
    params: EngineParams,
    features: FeatureSet,
    regime: RuleRegime,
    entries: EntryEngine,
    regime_binding: quant_core::regime::RegimeBinding,
    entry_binding: quant_core::strategy::EntryBinding,
    variants: Vec<Variant>,
    open: BTreeMap<String, Subtype>,
    funding: std::collections::VecDeque<(usize, Funding)>,
    out: EngineOutcome,
}

impl Engine {
    /// Builds every part from its checked parameters.
    ///
    /// # Errors
    /// The first part that refuses.
    pub fn new(params: EngineParams) -> Result<Self, EngineError> {
        let features = FeatureSet::new(&params.features, params.instruments.len(), params.traded)?;
        let columns = features.columns().to_vec();
        let regime_binding = params.columns.regime.bind(&columns)?;
        let entry_binding = params.columns.entries.bind(&columns)?;
        let id = params.instruments[params.traded].key.to_string();
        let mut variants = Vec::new();
        for (name, venue) in &params.variants {
            let venue = venue.check()?;
            variants.push(Variant {
                name,
                venue: PaperVenue::new(&params.instruments, venue.models(), venue.start_cash)?,
                trades: Vec::new(),
                unfilled: Vec::new(),
            });
        }
        let out = EngineOutcome {
            candidates: Vec::new(),
            counts: BTreeMap::new(),
            bars_5m: 0,
            regime_bars: BTreeMap::new(),
            regime_skipped: BTreeMap::new(),
            regime_path: Vec::new(),
            midnights: Vec::new(),
            variants: Vec::new(),
            coverage: vec![InstrumentCoverage::default(); params.instruments.len()],
            feature_valid: columns.iter().map(|c| (c.clone(), 0)).collect(),
            feature_health: FeatureHealth::new(params.range, columns.len()),
            feature_set: features.id().to_owned(),
        };
        Ok(Self {
            regime: RuleRegime::new(params.regime)?,
            entries: EntryEngine::new(params.entries, id)?,
            features,
            regime_binding,
            entry_binding,
            variants,
            open: BTreeMap::new(),
            funding: std::collections::VecDeque::new(),
            out,
            params,
        })
    }

    /// Announces settled funding of an instrument, in order of time; it is applied when the minutes reach it.
    pub fn push_funding(&mut self, instrument_idx: usize, funding: Funding) {
        self.funding.push_back((instrument_idx, funding));
    }

    /// Takes one whole day: for each instrument 1,440 rows with their statistics, or none if the lake has no such day.
    ///
    /// # Errors
    /// If a row does not fit its minute, or a part refuses its input.
    pub fn push_day(&mut self, day: Day, days: &[StatRows]) -> Result<(), EngineError> {
        if self.params.range.contains(day.start()) {
            self.out.midnights.push(Midnight {
                day,
                regime: self.regime.state(),
                cooldown: self.entries.cooldown(),
                open: self.open.keys().cloned().collect(),
            });
        }
        let mut cursors = vec![0_usize; days.len()];
        let mut minute: Vec<Option<MinuteRow>> = vec![None; days.len()];
        let mut masked = vec![false; days.len()];
        let has_stats = days.iter().any(|d| !d.stats.is_empty());
        let sources: Vec<StatSources> = days.iter().map(|d| d.sources_of(day)).collect();
        let n_stats = if has_stats { N_STAT_COLUMNS } else { 0 };
        let mut stats = vec![f64::NAN; days.len() * n_stats];
        let mut ts_open = day.start();
        while ts_open < day.end() {
            for (i, (slot, of_day)) in minute.iter_mut().zip(days).enumerate() {
                let at = cursors[i];
                let row = of_day.rows.get(at).copied();
                *slot = row.filter(|row| row.ts_open == ts_open);
                let shown = &mut stats[i * n_stats..(i + 1) * n_stats];
                let stored = of_day.stats.get(at * n_stats..(at + 1) * n_stats);
                match stored.filter(|_| slot.is_some()) {
                    Some(stored) => shown.copy_from_slice(stored),
                    None => shown.fill(f64::NAN),
                }
                cursors[i] += usize::from(slot.is_some());
            }
            for (i, (slot, masked)) in minute.iter_mut().zip(&mut masked).enumerate() {
                // A masked minute is absent to features, decisions and fills alike.
                let mask = self.params.masks.get(i);
                *masked = mask.is_some_and(|m| m.covers(ts_open));
                *slot = slot.filter(|_| !*masked);
                if *masked {
                    stats[i * n_stats..(i + 1) * n_stats].fill(f64::NAN);
                }
            }
            self.push_minute(ts_open, &minute, &stats, &sources, &masked)?;
            ts_open = ts_open.plus(MICROS_PER_MINUTE);
        }
        Ok(())
    }

    fn push_minute(
        &mut self,
        ts_open: UnixMicros,
        minute: &[Option<MinuteRow>],
        stats: &[f64],
        sources: &[StatSources],
        masked: &[bool],
    ) -> Result<(), EngineError> {
        let ts_close = ts_open.plus(MICROS_PER_MINUTE);
        let in_range = self.params.range.contains(ts_open);
        self.features
            .push_with_stats(ts_open, minute, stats, sources)?;
        if in_range {
            self.count_coverage(ts_open, minute, masked);
            self.deliver(ts_close, minute);
        }
        let Some(frame) = self.features.frame() else {
            return Ok(());
        };
        let bar = frame.traded().bar_5m;
        let ts_decision = frame.ts_avail;
        let row = self.features.row();
        if in_range {
            for (slot, value) in self.out.feature_valid.iter_mut().zip(&row.values) {
                slot.1 += u64::from(value.is_some());
            }
            self.out.feature_health.push(&frame, row);
        }
        if let Some(bar) = bar {
            // The regime and the previous bar run on through the warm-up, so that the first day starts warm.
            let regime = self
                .regime
                .update(&self.regime_binding.read(bar.ts_close, row));
            let features = self.entry_binding.read(row, &bar);
            if in_range {
                self.out.bars_5m += 1;
                *self.out.regime_bars.entry(regime.state.name()).or_default() += 1;
                for name in &regime.skipped {
                    *self.out.regime_skipped.entry(name).or_default() += 1;
                }
                self.out
                    .regime_path
                    .push((ts_decision, regime.state.name()));
                let mut open = OpenTrades::none();
                for subtype in self.open.values() {
                    open.0[subtype.idx()] = true;
                }
                let evaluation = self
                    .entries
                    .on_bar(ts_decision, &bar, &features, &regime, open);
                for candidate in evaluation.candidates {
                    self.take(candidate, &regime)?;
                }
            } else {
                self.entries.observe(&bar, &features);
            }
        }
        if in_range && ts_close.0 % (EQUITY_MINUTES * MICROS_PER_MINUTE) == 0 {
            for variant in &mut self.variants {
                variant.venue.mark(ts_close);
            }
        }
        Ok(())
    }

    /// Shows a completed minute to every venue, then notes which trades are still open.
    fn deliver(&mut self, ts_close: UnixMicros, minute: &[Option<MinuteRow>]) {
        while let Some((idx, funding)) = self.funding.front().copied()
            && funding.ts_event <= ts_close
        {
            self.funding.pop_front();
            // A settlement at the close itself is known by then: the mark at the close shows it. The venue charges it
            // to trades entered before it, so one that enters with the next bar is not touched.
            for variant in &mut self.variants {
                variant.deliver(&Event::Funding(funding), idx);
            }
        }
        for (idx, row) in minute.iter().enumerate() {
            let Some(bar) = row.as_ref().and_then(to_bar) else {
                continue;
            };
            for variant in &mut self.variants {
                variant.deliver(&Event::Bar(bar), idx);
            }
        }
        if minute.get(self.params.traded).is_some_and(Option::is_none) {
            // No data, no fill: an order under way into a gap is given up. Open trades stay, marked at the last price.
            for variant in &mut self.variants {
                let reports = variant.venue.withdraw_pending(self.params.traded, ts_close);
                collect(reports, &mut variant.trades, &mut variant.unfilled);
            }
        }
        if !self.open.is_empty()
            && let Some(leading) = self.variants.first()
        {
            let active: std::collections::BTreeSet<&str> = leading
                .venue
                .active(self.params.traded)
                .map(|o| o.id.as_str())
                .collect();
            self.open.retain(|id, _| active.contains(id.as_str()));
        }
    }

    /// Sizes an accepted candidate and hands the order to every venue.
    fn take(&mut self, candidate: Candidate, regime: &RegimeOutput) -> Result<(), EngineError> {
        let mut refusal = None;
        if candidate.status == CandidateStatus::Accepted
            && let Some(leading) = self.variants.first()
        {
            let instrument = &self.params.instruments[self.params.traded];
            match self.params.sizing.lots(
                instrument,
                candidate.ref_price,
                leading.venue.gross_exposure(),
            ) {
                Err(reason) => refusal = Some(Unordered::Size(reason)),
                Ok(qty_lots) => {
                    let order = BracketOrder {
                        id: candidate.id.clone(),
                        instrument_idx: self.params.traded,
                        side: candidate.side,
                        qty_lots,
                        ts_decision: candidate.ts_decision,
                        barrier: Barrier {
                            width: candidate.width,
                            ..self.params.barrier
                        },
                    };
                    refusal = self.order(&order, candidate.subtype)?;
                }
            }
        }
        self.out.candidates.push(CandidateRow {
            candidate,
            regime: regime.clone(),
            refusal,
        });
        Ok(())
    }

    /// Hands an order to every venue; a quiet market can put a barrier within a tick, which refuses the order everywhere.
    fn order(
        &mut self,
        order: &BracketOrder,
        subtype: Subtype,
    ) -> Result<Option<Unordered>, EngineError> {
        for (i, variant) in self.variants.iter_mut().enumerate() {
            match variant.venue.submit(order.clone()) {
                Ok(()) => {}
                // All venues have the same ticks, so the first one decides for all.
                Err(error @ SimError::BarrierBelowTick { .. }) if i == 0 => {
                    return Ok(Some(Unordered::Barrier(error)));
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.open.insert(order.id.clone(), subtype);
        Ok(None)
    }

    fn count_coverage(
        &mut self,
        ts_open: UnixMicros,
        minute: &[Option<MinuteRow>],
        masked: &[bool],
    ) {
        for ((coverage, row), masked) in self.out.coverage.iter_mut().zip(minute).zip(masked) {
            coverage.expected += 1;
            let kind = match row {
                Some(row) if !row.is_filled => {
                    coverage.real += 1;
                    continue;
                }
                Some(_) => {
                    coverage.empty += 1;
                    "empty"
                }
                None if *masked => {
                    coverage.masked += 1;
                    "masked"
                }
                None => {
                    coverage.absent += 1;
                    "absent"
                }
            };
            let end = ts_open.plus(MICROS_PER_MINUTE);
            match coverage.gaps.last_mut() {
                Some(gap) if gap.end == ts_open && gap.kind == kind => {
                    gap.end = end;
                    gap.minutes += 1;
                }
                _ => coverage.gaps.push(MinuteGap {
                    start: ts_open,
                    end,
                    minutes: 1,
                    kind,
                }),
            }
        }
    }

    /// Ends the data: open trades are censored, and everything found is returned.
    pub fn finish(mut self) -> EngineOutcome {
        self.out.counts = self.entries.counts().clone();
        for mut variant in self.variants {
            collect(
                variant.venue.finish(),
                &mut variant.trades,
                &mut variant.unfilled,
            );
            // The last point carries the costs of closing what was still open.
            variant.venue.mark(self.params.range.end);
            let mut equity = variant.venue.account().equity().to_vec();
            if let [.., before, _] = equity.as_slice()
                && before.ts == self.params.range.end
            {
                equity.remove(equity.len() - 2);
            }
            self.out.variants.push(VariantOutcome {
                name: variant.name,
                trades: variant.trades,
                equity,
                unfilled: variant.unfilled,
            });
        }
        self.out
    }
}

/// Returns a minute as the venue sees it; a minute before the first price is nothing.
fn to_bar(row: &MinuteRow) -> Option<Bar> {
    Some(Bar {
        ts_open: row.ts_open,
        ts_close: row.ts_close(),
        open: row.open?,
        high: row.high?,
        low: row.low?,
        close: row.close?,
        volume: row.volume,
        quote_volume: row.quote_volume,
        n_trades: row.n_trades,
        taker_buy_volume: row.buy_volume,
    })
}
