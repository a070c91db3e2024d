//! The stylised facts of one instrument, measured minute by minute, each with its band.

use quant_core::synth::{InstrumentParams, SimBook, SimMinute};

use crate::facts::activity::{Activity, peak_over_trough, poisson_z, u_shape};
use crate::facts::fact::{Band, Fact};
use crate::facts::hazard::HazardMeter;
use crate::facts::ofi::OfiWindows;
use crate::facts::returns::ReturnShape;
use crate::facts::signs::{SIGN_LAGS, TakerSigns};
use crate::facts::touch::{MinuteMeasure, MinuteMeter};

/// Lags at which the sign memory must be positive for its exponent to mean anything.
const MIN_DECAY_LAGS: usize = 8;

/// Measures one instrument.
///
/// # Complexity
/// O(events) time; memory: one number per minute and one per taker order.
#[derive(Clone, Debug)]
pub struct InstrumentFacts {
    params: InstrumentParams,
    meter: MinuteMeter,
    mids: Vec<Option<f64>>,
    minutes: u64,
    signs: TakerSigns,
    ofi: OfiWindows,
    activity: Activity,
    hazard: HazardMeter,
    spread: Mean,
    one_tick: Mean,
    depth: Mean,
}

/// A mean over minutes.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    fn add(&mut self, x: Option<f64>) {
        if let Some(x) = x {
            self.sum += x;
            self.n += 1;
        }
    }

    fn value(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

impl InstrumentFacts {
    /// Returns the measuring of an instrument from its book before the first minute.
    pub fn new(params: &InstrumentParams, book: SimBook) -> Self {
        Self {
            params: params.clone(),
            ofi: OfiWindows::new(&book),
            meter: MinuteMeter::new(book),
            mids: Vec::new(),
            minutes: 0,
            signs: TakerSigns::default(),
            activity: Activity::default(),
            hazard: HazardMeter::default(),
            spread: Mean::default(),
            one_tick: Mean::default(),
            depth: Mean::default(),
        }
    }

    /// Takes the next minute and returns what it was.
    pub fn push(&mut self, minute: &SimMinute) -> MinuteMeasure {
        let measure = self.meter.push(minute);
        self.signs.push(minute);
        self.ofi.push(minute);
        self.activity.push(&measure);
        self.hazard.push(&measure);
        self.spread.add(measure.spread);
        self.one_tick.add(measure.one_tick_share);
        self.depth.add(measure.touch_depth);
        let tick = self.params.tick_size.size();
        self.mids.push(measure.close.map(|t| t.mid() * tick));
        self.minutes += 1;
        measure
    }

    /// Returns the closing mids, quote per base, minute by minute; `None` in a halt.
    pub fn mids(&self) -> &[Option<f64>] {
        &self.mids
    }

    /// Returns every fact; those about hazards only if `with_hazards`.
    pub fn finish(self, with_hazards: bool) -> Vec<Fact> {
        let mut out = self.return_facts();
        out.extend(self.flow_facts());
        out.extend(self.activity_facts());
        out.extend(self.book_facts());
        if with_hazards {
            out.extend(self.hazard_facts());
        }
        out
    }

    fn return_facts(&self) -> Vec<Fact> {
        let shape = ReturnShape::of(&self.mids);
        let n = shape.n;
        let lag = |acf: &Option<Vec<f64>>, i: usize| acf.as_ref().and_then(|a| a.get(i)).copied();
        let later = shape
            .acf
            .as_ref()
            .map(|a| a[1..].iter().sum::<f64>() / (a.len() - 1) as f64);
        let calmer = shape
            .kurtosis_15m
            .zip(shape.kurtosis_1m)
            .filter(|(_, minute)| *minute > 0.0)
            .map(|(quarter, minute)| quarter / minute);
        let scale = shape
            .daily_volatility
            .map(|v| v / self.params.daily_volatility);
        vec![
            Fact::new(
                "kurtosis_1m",
                shape.kurtosis_1m,
                n,
                Band::between(1.0, 100.0),
                "excess kurtosis of 1m returns: fat tails (Cont 2001, fact 2)",
            ),
            Fact::new(
                "hill_1m",
                shape.hill,
                n,
                Band::between(2.0, 6.0),
                "tail index of 1m returns, top 2 %: finite, 2 to 5 in the literature (Cont 2001; Gopikrishnan et al. 1998), one more for small samples",
            ),
            Fact::new(
                "kurtosis_15m_over_1m",
                calmer,
                shape.n_15m,
                Band::below(1.0),
                "excess kurtosis falls with the horizon: aggregational normality (Cont 2001, fact 4); a week has too few values to tell",
            ),
            Fact::new(
                "acf_return_1",
                lag(&shape.acf, 0),
                n,
                Band::between(-0.06, 0.06),
                "1m returns hardly remember (Cont 2001, fact 1); 6 standard errors of one week",
            ),
            Fact::new(
                "acf_return_2_10",
                later,
                n,
                Band::between(-0.03, 0.03),
                "mean autocorrelation of 1m returns at lags 2 to 10 (Cont 2001, fact 1)",
            ),
            Fact::new(
                "variance_ratio_1h",
                shape.variance_ratio,
                shape.n_1h,
                Band::between(0.5, 1.7),
                "variance of 1h returns over 60 times that of 1m: near 1 without much memory (Lo and MacKinlay 1988); one week has 168 fat-tailed hours",
            ),
            Fact::new(
                "acf_size_1",
                lag(&shape.acf_abs, 0),
                n,
                Band::between(0.05, 0.6),
                "absolute 1m returns cluster (Cont 2001, fact 6)",
            ),
            Fact::new(
                "acf_size_10",
                lag(&shape.acf_abs, 1),
                n,
                Band::between(0.03, 0.5),
                "volatility clusters over minutes (Cont 2001, fact 6)",
            ),
            Fact::new(
                "acf_size_60",
                lag(&shape.acf_abs, 2),
                n,
                Band::between(0.01, 0.4),
                "and decays slowly, over hours (Cont 2001, fact 8)",
            ),
            Fact::new(
                "volatility_ratio",
                scale,
                n,
                Band::between(0.6, 1.6),
                "realised over asked daily volatility: it clusters, so one week scatters",
            ),
        ]
    }

    fn flow_facts(&self) -> Vec<Fact> {
        let memory = self.signs.finish();
        let ofi = self.ofi.clone().finish();
        let acf = |lag: usize| {
            let at = SIGN_LAGS.iter().position(|l| *l == lag)?;
            memory.acf.as_ref().map(|acf| acf[at])
        };
        let exponent = memory
            .decay
            .filter(|d| d.n >= MIN_DECAY_LAGS)
            .map(|d| d.exponent);
        let pooled = ofi.pooled;
        vec![
            Fact::new(
                "sign_acf_1",
                acf(1),
                memory.n,
                Band::between(0.05, 0.7),
                "signs of taker orders repeat (Lillo and Farmer 2004; Bouchaud, Farmer and Lillo 2009, fig. 2.3)",
            ),
            Fact::new(
                "sign_acf_144",
                acf(144),
                memory.n,
                Band::between(0.005, 0.3),
                "and still do after a hundred orders",
            ),
            Fact::new(
                "sign_exponent",
                exponent,
                memory.n,
                Band::between(0.2, 0.9),
                "C(k) ~ k^-gamma with gamma below 1: long memory; 0.2 to 0.8 (Bouchaud, Farmer and Lillo 2009)",
            ),
            Fact::new(
                "ofi_r2_10s",
                ofi.block_r2,
                ofi.n_blocks,
                Band::between(0.3, 0.7),
                "10 s mid change on order flow imbalance, mean R2 of half hours: 0.65 on average, 0.35 to 0.8 by stock (Cont, Kukanov and Stoikov 2014)",
            ),
            Fact::new(
                "ofi_r2_10s_pooled",
                pooled.map(|fit| if fit.slope > 0.0 { fit.r2 } else { -fit.r2 }),
                pooled.map_or(0, |fit| fit.n),
                Band::between(0.2, 0.7),
                "the same as one regression: depth varies over the day, so less is explained; negative if the slope is",
            ),
        ]
    }

    fn activity_facts(&self) -> Vec<Fact> {
        let (a, p) = (&self.activity, &self.params);
        let days = a.days();
        let hourly = a.hourly();
        let per_day =
            |count: u64, asked: u32| (days > 0.0).then(|| count as f64 / days / f64::from(asked));
        // A halt's expectation counts all minutes: an open market is what it interrupts.
        let all_days = self.minutes as f64 / 1_440.0;
        vec![
            Fact::new(
                "matches_ratio",
                per_day(a.matches, p.trades_per_day),
                a.matches,
                Band::between(0.75, 1.3),
                "matches per open day over trades_per_day: bursts scatter a week by some 10 %",
            ),
            Fact::new(
                "quotes_ratio",
                per_day(a.quotes, p.quotes_per_day),
                a.quotes,
                Band::between(0.75, 1.3),
                "changes of the touch per open day over quotes_per_day",
            ),
            Fact::new(
                "hour_peak_over_trough",
                hourly.as_ref().and_then(peak_over_trough),
                a.open_minutes,
                Band::between(1.5, 8.0),
                "busiest over quietest hour of day: 2 to 4 on crypto perpetuals, bursts included",
            ),
            Fact::new(
                "u_shape",
                hourly.as_ref().and_then(u_shape),
                a.open_minutes,
                Band::above(0.3),
                "R2 of a U through the hours from peak to peak (Admati and Pfleiderer 1988; Bouchaud, Farmer and Lillo 2009)",
            ),
            Fact::new(
                "empty_minutes_z",
                Some(poisson_z(a.empty_minutes, p.empty_minutes_per_day * days)),
                a.empty_minutes,
                Band::between(-4.0, 4.0),
                "open minutes without a match against a Poisson count, in deviations",
            ),
            Fact::new(
                "halts_z",
                Some(poisson_z(a.halts, p.halts_per_day * all_days)),
                a.halts,
                Band::between(-4.0, 4.0),
                "halts against a Poisson count, in deviations",
            ),
        ]
    }

    fn book_facts(&self) -> Vec<Fact> {
        let p = &self.params;
        let touch = p.touch_qty / p.lot_size.size();
        vec![
            Fact::new(
                "spread_ratio",
                self.spread.value().map(|s| s / p.spread_ticks),
                self.spread.n,
                Band::between(0.8, 1.5),
                "time-weighted spread over spread_ticks, the quiet one: hazards widen it",
            ),
            Fact::new(
                "one_tick_share",
                self.one_tick.value(),
                self.one_tick.n,
                Band::between(0.5, 0.999),
                "share of time at one tick: large-tick instruments stand at it, but not always (Bouchaud, Farmer and Lillo 2009, section 4)",
            ),
            Fact::new(
                "touch_ratio",
                self.depth.value().map(|d| d / touch),
                self.depth.n,
                Band::between(0.5, 2.0),
                "time-weighted quantity at the touch over touch_qty",
            ),
        ]
    }

    fn hazard_facts(&self) -> Vec<Fact> {
        let shape = self.hazard.finish();
        let (minutes, moves) = (shape.onset_minutes, shape.n_moves);
        vec![
            Fact::new(
                "hazard_depth",
                shape.depth_ratio,
                minutes,
                Band::between(0.1, 0.85),
                "depth at the touch before an adverse move over quiet: thins (Easley, Lopez de Prado and O'Hara 2012)",
            ),
            Fact::new(
                "hazard_spread",
                shape.spread_ratio,
                minutes,
                Band::between(1.05, 6.0),
                "spread before an adverse move over quiet: widens (Glosten and Milgrom 1985)",
            ),
            Fact::new(
                "hazard_refill",
                shape.refill_ratio,
                minutes,
                Band::below(0.98),
                "lots added per lot removed at an unchanged touch, over quiet: replenishment fails (Bouchaud, Farmer and Lillo 2009, section 6)",
            ),
            Fact::new(
                "hazard_one_sided",
                shape.one_sided,
                minutes,
                Band::between(0.1, 0.95),
                "net share of taker volume in the direction of the coming move",
            ),
            Fact::new(
                "hazard_move",
                shape.move_size,
                moves,
                Band::between(1.0, 60.0),
                "mean move in the announced direction, in quiet 1m deviations",
            ),
            Fact::new(
                "hazard_before",
                shape.before_share,
                moves,
                Band::between(-0.5, 0.5),
                "mean move before it over the move itself: the book speaks first",
            ),
        ]
    }
}
