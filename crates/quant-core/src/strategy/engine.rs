//! Evaluates every enabled subtype on a completed bar and counts what became of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::{BarN, Side, hex16};
use crate::regime::{RegimeOutput, RegimeState};
use crate::strategy::conditions::{ConditionResult, Outcome, Rule, View};
use crate::strategy::{
    Candidate, CandidateStatus, EntryFeatures, EntryInputs, EntryParams, OpenTrades, StrategyError,
    Subtype, range_fade, trend_breakout, trend_pullback,
};
use crate::time::UnixMicros;

/// When each side last accepted an entry; saved across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CooldownState {
    /// End of the bar of the last accepted long.
    pub last_long: Option<UnixMicros>,
    /// End of the bar of the last accepted short.
    pub last_short: Option<UnixMicros>,
}

impl CooldownState {
    /// Returns the state before any entry.
    pub const fn none() -> Self {
        Self {
            last_long: None,
            last_short: None,
        }
    }

    const fn last(&self, side: Side) -> Option<UnixMicros> {
        match side {
            Side::Buy => self.last_long,
            Side::Sell => self.last_short,
        }
    }

    const fn note(&mut self, side: Side, bar_close: UnixMicros) {
        match side {
            Side::Buy => self.last_long = Some(bar_close),
            Side::Sell => self.last_short = Some(bar_close),
        }
    }

    /// Returns whether fewer than `cooldown_bars` bars lie between the side's last entry and this bar.
    fn is_cooling(&self, side: Side, bar: &BarN, cooldown_bars: u32) -> bool {
        let bar_us = bar.ts_close.0 - bar.ts_open.0;
        self.last(side)
            .is_some_and(|last| bar.ts_close.0 - last.0 < i64::from(cooldown_bars) * bar_us)
    }
}

/// What one bar came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evaluation {
    /// 1 for each enabled subtype, by [`Subtype::idx`].
    pub considered: [u32; 6],
    /// 1 for each enabled subtype whose regime gate passed.
    pub gated: [u32; 6],
    /// Every entry whose gate and trigger passed, in the order of [`Subtype::ALL`].
    pub candidates: Vec<Candidate>,
}

/// Evaluates one completed bar: a pure function that also returns the cooldowns after it.
///
/// Subtypes are evaluated in the order of [`Subtype::ALL`]; an entry accepted on the bar already cools its side down
/// for the ones after it. Without prices or a positive average true range there is no candidate.
///
/// # Causality
/// Depends on its arguments only, all known at `inputs.ts_decision`.
pub fn evaluate(
    params: &EntryParams,
    instrument: &str,
    inputs: &EntryInputs<'_>,
    cooldown: &CooldownState,
) -> (Evaluation, CooldownState) {
    let mut after = *cooldown;
    let mut out = Evaluation {
        considered: [0; 6],
        gated: [0; 6],
        candidates: Vec::new(),
    };
    for subtype in Subtype::ALL {
        if !params.is_enabled(subtype) {
            continue;
        }
        out.considered[subtype.idx()] = 1;
        if !gate(subtype, inputs.regime) {
            continue;
        }
        out.gated[subtype.idx()] = 1;
        let Some(view) = View::new(subtype.side(), inputs) else {
            continue;
        };
        let rule = match subtype {
            Subtype::TrendPullbackLong | Subtype::TrendPullbackShort => {
                trend_pullback::rule(&params.trend_pullback, &view)
            }
            Subtype::TrendBreakoutLong | Subtype::TrendBreakoutShort => {
                trend_breakout::rule(&params.trend_breakout, &view)
            }
            Subtype::RangeFadeLong | Subtype::RangeFadeShort => {
                range_fade::rule(&params.range_fade, &view)
            }
        };
        if rule.trigger.outcome != Outcome::Pass {
            continue;
        }
        let is_free = !after.is_cooling(subtype.side(), inputs.bar, params.cooldown_bars);
        let candidate = candidate(subtype, instrument, inputs, &view, rule, is_free);
        if candidate.status == CandidateStatus::Accepted {
            after.note(candidate.side, candidate.bar_close);
        }
        out.candidates.push(candidate);
    }
    (out, after)
}

/// Returns whether the regime allows the subtype.
fn gate(subtype: Subtype, regime: &RegimeOutput) -> bool {
    match subtype {
        Subtype::RangeFadeLong | Subtype::RangeFadeShort => regime.state == RegimeState::Range,
        _ => regime.state == RegimeState::Trend && regime.direction == Some(subtype.side()),
    }
}

fn candidate(
    subtype: Subtype,
    instrument: &str,
    inputs: &EntryInputs<'_>,
    view: &View<'_>,
    rule: Rule,
    is_free: bool,
) -> Candidate {
    let ref_price = view.bar.close;
    let stop = ref_price - view.signed(rule.stop_atr * view.atr);
    let target = ref_price + view.signed(rule.target_atr * view.atr);
    let mut reasons = vec![rule.trigger];
    reasons.extend(rule.conditions);
    // A stop or target at or below zero is no price.
    let lowest = stop.min(target);
    reasons.push(ConditionResult::state("prices_positive", lowest > 0.0));
    reasons.push(ConditionResult::state("cooldown", is_free));
    reasons.push(ConditionResult::state(
        "no_open_trade",
        !inputs.open.0[subtype.idx()],
    ));
    let status = reasons
        .iter()
        .find(|r| r.rejects())
        .map_or(CandidateStatus::Accepted, |r| {
            CandidateStatus::Rejected(r.name)
        });
    let skipped = reasons
        .iter()
        .filter(|r| r.is_skipped())
        .map(|r| r.name)
        .collect();
    Candidate {
        id: candidate_id(instrument, inputs.bar.ts_close, subtype),
        ts_decision: inputs.ts_decision,
        bar_close: inputs.bar.ts_close,
        instrument: instrument.to_owned(),
        subtype,
        side: subtype.side(),
        ref_price,
        width: view.atr,
        stop,
        target,
        status,
        reasons,
        skipped,
    }
}

/// Returns the first 16 hex digits of sha256 over `instrument|bar_close us|subtype|side`, side being `buy` or `sell`.
fn candidate_id(instrument: &str, bar_close: UnixMicros, subtype: Subtype) -> String {
    let side = match subtype.side() {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    hex16(format!("{instrument}|{}|{}|{side}", bar_close.0, subtype.name()).as_bytes())
}

/// Counts of one subtype over a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SubtypeCounts {
    /// Bars it was evaluated on.
    pub considered: u64,
    /// Bars whose regime allowed it.
    pub gated: u64,
    /// Bars whose trigger passed: accepted plus rejected.
    pub triggered: u64,
    /// Accepted candidates.
    pub accepted: u64,
    /// Rejected candidates by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Skipped conditions by name.
    pub skipped: BTreeMap<&'static str, u64>,
}

/// Runs [`evaluate`] bar after bar: remembers the previous bar and the cooldowns, and counts.
#[derive(Clone, Debug)]
pub struct EntryEngine {
    params: EntryParams,
    instrument: String,
    previous: Option<(BarN, EntryFeatures)>,
    cooldown: CooldownState,
    counts: BTreeMap<Subtype, SubtypeCounts>,
}

impl EntryEngine {
    /// Returns the engine of one instrument, given by its id (`InstrumentKey` as text).
    ///
    /// # Errors
    /// `BadParams` with every violation.
    pub fn new(params: EntryParams, instrument: impl Into<String>) -> Result<Self, StrategyError> {
        params.check()?;
        Ok(Self {
            params,
            instrument: instrument.into(),
            previous: None,
            cooldown: CooldownState::none(),
            counts: BTreeMap::new(),
        })
    }

    /// Remembers a completed bar as the previous one without evaluating entries: warm-up.
    pub const fn observe(&mut self, bar: &BarN, features: &EntryFeatures) {
        self.previous = Some((*bar, *features));
    }

    /// Takes the next completed bar.
    pub fn on_bar(
        &mut self,
        ts_decision: UnixMicros,
        bar: &BarN,
        features: &EntryFeatures,
        regime: &RegimeOutput,
        open: OpenTrades,
    ) -> Evaluation {
        let previous = self.previous.as_ref().map(|(b, f)| (b, f));
        let inputs = EntryInputs {
            ts_decision,
            bar,
            features,
            previous,
            regime,
            open,
        };
        let (evaluation, cooldown) =
            evaluate(&self.params, &self.instrument, &inputs, &self.cooldown);
        self.cooldown = cooldown;
        self.previous = Some((*bar, *features));
        self.count(&evaluation);
        evaluation
    }

    /// Returns the cooldowns, to be saved.
    pub const fn cooldown(&self) -> CooldownState {
        self.cooldown
    }

    /// Continues from saved cooldowns.
    pub const fn restore_cooldown(&mut self, cooldown: CooldownState) {
        self.cooldown = cooldown;
    }

    /// Returns the counts of every subtype considered so far.
    pub const fn counts(&self) -> &BTreeMap<Subtype, SubtypeCounts> {
        &self.counts
    }

    fn count(&mut self, evaluation: &Evaluation) {
        for subtype in Subtype::ALL {
            if evaluation.considered[subtype.idx()] > 0 {
                let counts = self.counts.entry(subtype).or_default();
                counts.considered += 1;
                counts.gated += u64::from(evaluation.gated[subtype.idx()]);
            }
        }
        for candidate in &evaluation.candidates {
            let counts = self.counts.entry(candidate.subtype).or_default();
            counts.triggered += 1;
            match candidate.status {
                CandidateStatus::Accepted => counts.accepted += 1,
                CandidateStatus::Rejected(reason) => {
                    *counts.rejected.entry(reason).or_default() += 1;
                }
            }
            for name in &candidate.skipped {
                *counts.skipped.entry(name).or_default() += 1;
            }
        }
    }
}
