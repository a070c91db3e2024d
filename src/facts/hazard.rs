//! What the book does before an adverse move, against quiet times. Uses the truth to know which is which.

use quant_core::synth::Regime;

use crate::facts::touch::MinuteMeasure;

/// Sums over the minutes of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct State {
    minutes: u64,
    depth: f64,
    spread: f64,
    added: f64,
    removed: f64,
    flow: f64,
    volume: f64,
}

impl State {
    fn add(&mut self, m: &MinuteMeasure, sign: f64) {
        let (Some(depth), Some(spread)) = (m.touch_depth, m.spread) else {
            return;
        };
        self.minutes += 1;
        self.depth += depth;
        self.spread += spread;
        self.added += m.added;
        self.removed += m.removed;
        self.flow += sign * (m.bought - m.sold);
        self.volume += m.bought + m.sold;
    }
}

/// Where a hazard stands.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spell {
    /// Direction of the announced move.
    sign: f64,
    /// Log of the mid before its first minute.
    start: f64,
    /// Log of the mid when the move itself began.
    move_start: Option<f64>,
}

/// Averages over the quiet minutes and over the minutes between the onset of a hazard and its move.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HazardMeter {
    quiet: State,
    onset: State,
    quiet_square: f64,
    quiet_returns: u64,
    spell: Option<Spell>,
    n_moves: u64,
    before_sum: f64,
    move_sum: f64,
    last_log_mid: Option<f64>,
}

/// What hazards look like; ratios are of onset to quiet minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct HazardShape {
    /// Minutes of onset.
    pub onset_minutes: u64,
    /// Moves that ended within the run.
    pub n_moves: u64,
    /// Time-weighted depth at the touch.
    pub depth_ratio: Option<f64>,
    /// Time-weighted spread.
    pub spread_ratio: Option<f64>,
    /// Lots added per lot removed at an unchanged best price.
    pub refill_ratio: Option<f64>,
    /// Share of onset volume, net, in the direction of the move: -1 to 1.
    pub one_sided: Option<f64>,
    /// Mean log move of the mid in the announced direction, in one-minute standard deviations of quiet minutes.
    pub move_size: Option<f64>,
    /// Mean signed log move before over the one of the move itself.
    pub before_share: Option<f64>,
}

impl HazardMeter {
    /// Takes the next minute.
    pub fn push(&mut self, m: &MinuteMeasure) {
        let log_mid = m.close.map(|t| t.mid().ln());
        match m.regime {
            Regime::HazardOnset => {
                if self.spell.is_none_or(|s| s.move_start.is_some()) {
                    self.end_spell();
                    self.spell = self.last_log_mid.map(|start| Spell {
                        sign: 0.0,
                        start,
                        move_start: None,
                    });
                }
                if let Some(spell) = &mut self.spell {
                    // The sign may be told in the first minute alone.
                    if m.hazard_sign != 0 {
                        spell.sign = f64::from(m.hazard_sign);
                    }
                    let sign = spell.sign;
                    self.onset.add(m, sign);
                }
            }
            Regime::HazardMove => {
                if let Some(spell) = &mut self.spell {
                    spell.move_start = spell.move_start.or(self.last_log_mid);
                }
            }
            Regime::Calm | Regime::TrendUp | Regime::TrendDown | Regime::Range => {
                self.end_spell();
                if m.regime == Regime::Calm {
                    self.quiet.add(m, 0.0);
                    if let (Some(a), Some(b)) = (self.last_log_mid, log_mid) {
                        self.quiet_square += (b - a) * (b - a);
                        self.quiet_returns += 1;
                    }
                }
            }
        }
        self.last_log_mid = log_mid;
    }

    /// Books the move that ended with the minute before this one.
    fn end_spell(&mut self) {
        if let Some(Spell {
            sign,
            start,
            move_start: Some(middle),
        }) = self.spell.take()
            && let Some(end) = self.last_log_mid
        {
            self.n_moves += 1;
            self.before_sum += sign * (middle - start);
            self.move_sum += sign * (end - middle);
        }
    }

    /// Returns the shape over all minutes so far.
    pub fn finish(&self) -> HazardShape {
        let ratio = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        let per = |x: f64, s: &State| ratio(x, s.minutes as f64);
        let against_quiet = |onset: Option<f64>, quiet: Option<f64>| {
            onset.zip(quiet).and_then(|(a, b)| ratio(a, b))
        };
        let (quiet, onset) = (&self.quiet, &self.onset);
        let sigma = ratio(self.quiet_square, self.quiet_returns as f64).map(f64::sqrt);
        let move_mean = ratio(self.move_sum, self.n_moves as f64);
        HazardShape {
            onset_minutes: onset.minutes,
            n_moves: self.n_moves,
            depth_ratio: against_quiet(per(onset.depth, onset), per(quiet.depth, quiet)),
            spread_ratio: against_quiet(per(onset.spread, onset), per(quiet.spread, quiet)),
            refill_ratio: against_quiet(
                ratio(onset.added, onset.removed),
                ratio(quiet.added, quiet.removed),
            ),
            one_sided: ratio(onset.flow, onset.volume),
            move_size: move_mean.zip(sigma).and_then(|(m, s)| ratio(m, s)),
            before_share: ratio(self.before_sum, self.move_sum),
        }
    }
}
