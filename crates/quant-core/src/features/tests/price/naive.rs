//! The definitions of the page, recomputed for one minute from all rows before it.

use core::cmp::Ordering;

use super::super::golden::{Naive, bars, ema, segment_start};
use super::super::{MinuteRow, random_stats};
use crate::bars::stat_column;
use crate::features::*;

/// Rows, their statistics, and where segments start.
pub(super) struct World<'a> {
    rows: &'a [Option<MinuteRow>],
    stats: Vec<Vec<f64>>,
    starts: Vec<Option<usize>>,
    /// Completed bars of the segment, as of every minute.
    bars: Vec<Vec<Naive>>,
}

fn same(a: f64, b: f64) -> bool {
    a.partial_cmp(&b) == Some(Ordering::Equal)
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

/// Sample covariance; exactly 0 for equal values.
fn cov(x: &[f64], y: &[f64]) -> f64 {
    if x.iter().all(|v| same(*v, x[0])) || y.iter().all(|v| same(*v, y[0])) {
        return 0.0;
    }
    let (mx, my) = (mean(x), mean(y));
    let sum: f64 = x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum();
    sum / (x.len() - 1) as f64
}

fn ln(x: f64) -> f64 {
    libm::log(x)
}

fn rogers_satchell(b: &Naive) -> f64 {
    let (o, h, l, c, _) = *b;
    ln(h / c) * ln(h / o) + ln(l / c) * ln(l / o)
}

impl<'a> World<'a> {
    pub(super) fn new(rows: &'a [Option<MinuteRow>]) -> Self {
        let starts: Vec<_> = (0..rows.len()).map(|t| segment_start(rows, 0, t)).collect();
        Self {
            rows,
            stats: rows
                .iter()
                .enumerate()
                .map(|(m, row)| random_stats(m, row.as_ref()))
                .collect(),
            bars: Vec::new(),
            starts,
        }
    }

    /// Also makes the bars of every minute.
    pub(super) fn with_bars(rows: &'a [Option<MinuteRow>]) -> Self {
        let world = Self::new(rows);
        Self {
            bars: (0..rows.len())
                .map(|t| bars(rows, &world.starts, t))
                .collect(),
            ..world
        }
    }

    pub(super) fn stat(&self, name: &str, m: usize) -> Option<f64> {
        let value = self.stats[m][stat_column(name)];
        (!value.is_nan()).then_some(value)
    }

    /// Minutes of `W_n`, if the segment has that many.
    fn window(&self, t: usize, n: usize) -> Option<core::ops::RangeInclusive<usize>> {
        let start = self.starts[t]?;
        (t + 1 - start >= n).then(|| t + 1 - n..=t)
    }

    /// The known values of `x` in `W_n`, if they are enough.
    pub(super) fn known(
        &self,
        t: usize,
        n: usize,
        share: f64,
        x: impl Fn(usize) -> Option<f64>,
    ) -> Option<Vec<f64>> {
        let known: Vec<f64> = self.window(t, n)?.filter_map(x).collect();
        let needed = (share * n as f64).ceil().max(1.0);
        (known.len() as f64 >= needed).then_some(known)
    }

    /// The last close of the segment at or before `m`.
    fn close(&self, start: usize, m: usize) -> Option<f64> {
        (start..=m)
            .rev()
            .find_map(|i| self.rows[i].and_then(|r| r.close))
    }

    /// Log return of minute `m` in the segment of minute `t`.
    fn ret(&self, t: usize, m: usize) -> Option<f64> {
        let start = self.starts[t]?;
        if m <= start {
            return None;
        }
        Some(ln(self.close(start, m)? / self.close(start, m - 1)?))
    }

    fn volume(&self, t: usize, n: u32) -> Option<f64> {
        self.window(t, n as usize)?
            .map(|m| self.rows[m].map(|r| r.volume))
            .sum()
    }

    fn bar_returns(bars: &[Naive]) -> Vec<f64> {
        bars.windows(2).map(|w| ln(w[1].3 / w[0].3)).collect()
    }

    /// The values of one feature at minute `t`, on a run that starts at minute 0 of one day.
    pub(super) fn expected(&self, params: &FeatureParams, t: usize) -> Vec<Option<f64>> {
        use FeatureParams as P;
        let bars = &self.bars[t];
        let last = |n: u32| bars.len().checked_sub(n as usize).map(|skip| &bars[skip..]);
        let root = |x: f64| (x >= 0.0).then(|| x.sqrt());
        let range = |n: u32, f: &dyn Fn(&Naive) -> f64| {
            let all: Vec<f64> = last(n)?.iter().map(f).collect();
            root(mean(&all))
        };
        match *params {
            P::Parkinson(p) => vec![range(p.bars, &|b| {
                let x = ln(b.1 / b.2);
                x * x / (4.0 * ln(2.0))
            })],
            P::GarmanKlass(p) => vec![range(p.bars, &|b| {
                let (x, y) = (ln(b.1 / b.2), ln(b.3 / b.0));
                0.5 * x * x - (2.0 * ln(2.0) - 1.0) * y * y
            })],
            P::RogersSatchell(p) => vec![range(p.bars, &rogers_satchell)],
            P::YangZhang(p) => vec![last(p.bars + 1).and_then(|b| root(yang_zhang(b)))],
            P::CloseVol(p) => vec![last(p.bars + 1).map(|b| {
                let r = Self::bar_returns(b);
                cov(&r, &r).sqrt()
            })],
            P::EwmaVol(p) => {
                let r = Self::bar_returns(bars);
                vec![(r.len() >= p.bars as usize).then(|| ewma_std(&r, p.bars))]
            }
            P::CorwinSchultz(p) => vec![last(p.bars + 1).map(|b| {
                let all: Vec<f64> = b.windows(2).map(corwin_schultz).collect();
                mean(&all)
            })],
            P::Edge(p) => vec![last(p.bars).and_then(edge)],
            P::VolumeRatio(p) => vec![last(p.bars + 1).and_then(|b| {
                let (now, before) = b.split_last()?;
                let usual = mean(&before.iter().map(|x| x.4).collect::<Vec<_>>());
                (usual > 0.0).then(|| now.4 / usual)
            })],
            P::EmaTrend(p) => vec![Self::ema_trend(bars, p)],
            P::Jump(p) => self.jump(t, p),
            P::JumpZ(p) => vec![self.jump_z(t, p)],
            P::Roll(p) => {
                let n = p.minutes as usize;
                vec![(|| {
                    let r = self
                        .window(t, n)?
                        .map(|m| self.ret(t, m))
                        .collect::<Option<Vec<_>>>()?;
                    let c = cov(&r[1..], &r[..n - 1]);
                    (c < 0.0).then(|| 2.0 * (-c).sqrt())
                })()]
            }
            P::Amihud(p) => {
                let ratio = |m: usize| {
                    let quote = self.rows[m]?.quote_volume.filter(|q| *q > 0.0)?;
                    Some(self.ret(t, m)?.abs() / quote)
                };
                let known = self.known(t, p.minutes as usize, p.min_valid_share, ratio);
                vec![known.map(|x| 1e9 * mean(&x))]
            }
            P::Hasbrouck(p) => {
                let (n, share) = (p.minutes as usize, p.min_valid_share);
                let both = |m: usize| Some((self.ret(t, m)?, self.stat("signed_sqrt_quote", m)?));
                let xy = self.known(t, n, share, |m| both(m).map(|(r, s)| r * s));
                let xx = self.known(t, n, share, |m| both(m).map(|(_, s)| s * s));
                vec![xy.zip(xx).and_then(|(xy, xx)| {
                    let xx: f64 = xx.iter().sum();
                    (xx > 0.0).then(|| xy.iter().sum::<f64>() / xx)
                })]
            }
            P::SessionVwapZ(p) => vec![self.session_vwap_z(t, p.min_minutes as usize)],
            P::ActivityRatio(p) => {
                let covered = self.window(t, p.long_minutes as usize).is_some();
                let rate = |n: u32| Some(self.volume(t, n)? / f64::from(n));
                vec![if self.starts[t].is_none() {
                    None
                } else if covered {
                    rate(p.short_minutes)
                        .zip(rate(p.long_minutes))
                        .filter(|(_, long)| *long > 0.0)
                        .map(|(short, long)| (short / long).clamp(0.25, 4.0))
                } else {
                    Some(1.0)
                }]
            }
            P::FlowVolume(p) => {
                let bought: Option<f64> = self
                    .window(t, p.minutes as usize)
                    .and_then(|w| w.map(|m| self.rows[m].and_then(|r| r.buy_volume)).sum());
                let all = self.volume(t, p.minutes);
                vec![bought, all.zip(bought).map(|(all, bought)| all - bought)]
            }
            P::VolumeRate(p) => {
                vec![self.volume(t, p.minutes).map(|v| v / f64::from(p.minutes))]
            }
            P::AtrMinutes(p) => vec![self.atr_minutes(t, p.minutes as usize)],
            P::Intrabar(_) => self.intrabar(t),
            other => panic!("no naive {} here", other.kind()),
        }
    }

    fn ema_trend(bars: &[Naive], p: EmaTrendParams) -> Option<f64> {
        let closes: Vec<f64> = bars.iter().map(|b| b.3).collect();
        let back = |n: u32, lag: usize| ema(closes.get(..closes.len().checked_sub(lag)?)?, n);
        let state = |lag: usize| {
            let (fast, slow) = (back(p.fast, lag)?, back(p.slow, lag)?);
            let rise = fast - back(p.fast, lag + 1)?;
            Some((fast > slow && rise > 0.0, fast < slow && rise < 0.0))
        };
        let (now, before) = (state(0)?, state(1)?);
        Some(match (now.0 && before.0, now.1 && before.1) {
            (true, _) => 1.0,
            (_, true) => -1.0,
            _ => 0.0,
        })
    }

    fn jump(&self, t: usize, p: JumpParams) -> Vec<Option<f64>> {
        let n = p.minutes as usize;
        let sum = |name: &str| -> Option<f64> {
            Some(self.window(t, n)?.filter_map(|m| self.stat(name, m)).sum())
        };
        let Some(m) = sum("rv_n").filter(|m| *m >= (p.min_valid_share * 12.0 * n as f64).max(3.0))
        else {
            return vec![None; 6];
        };
        let pi = std::f64::consts::PI;
        let rv = sum("rv").unwrap();
        let bv = pi / 2.0 * m / (m - 1.0) * sum("rv_bipower").unwrap();
        let med = pi / (6.0 - 4.0 * 3.0_f64.sqrt() + pi) * m / (m - 2.0) * sum("rv_med").unwrap();
        let min = pi / (pi - 2.0) * m / (m - 1.0) * sum("rv_min").unwrap();
        if sum("rv_zero").unwrap() / m > p.max_zero_share {
            return [vec![Some(rv)], vec![None; 5]].concat();
        }
        let var = if rv > bv { rv - bv } else { 0.0 };
        [rv, bv, med, min, var / rv, var].map(Some).to_vec()
    }

    fn jump_z(&self, t: usize, p: JumpZParams) -> Option<f64> {
        let n = p.minutes as usize;
        let sum = |name: &str| -> Option<f64> {
            Some(self.window(t, n)?.filter_map(|m| self.stat(name, m)).sum())
        };
        let m = sum("rv_n").filter(|m| *m >= (p.min_valid_share * 12.0 * n as f64).max(3.0))?;
        if sum("rv_zero")? > p.max_zero_share * m {
            return None;
        }
        let pi = std::f64::consts::PI;
        let mu = libm::pow(2.0, 2.0 / 3.0) * libm::tgamma(7.0 / 6.0) / pi.sqrt();
        let (rv, bv) = (sum("rv")?, pi / 2.0 * m / (m - 1.0) * sum("rv_bipower")?);
        let quarticity = m / libm::pow(mu, 3.0) * m / (m - 2.0) * sum("rv_tri")?;
        let ratio = (quarticity / bv / bv).max(1.0);
        let deviation = ((pi * pi / 4.0 + pi - 5.0) / m * ratio).sqrt();
        Some((1.0 - bv / rv) / deviation)
    }

    fn session_vwap_z(&self, t: usize, min_minutes: usize) -> Option<f64> {
        self.starts[t]?;
        let traded: Vec<(f64, f64)> = self.rows[..=t]
            .iter()
            .flatten()
            .filter(|r| r.volume > 0.0)
            .map(|r| {
                let typical = (r.high.unwrap() + r.low.unwrap() + r.close.unwrap()) / 3.0;
                (r.vwap.unwrap_or(typical), r.volume)
            })
            .collect();
        let weight: f64 = traded.iter().map(|x| x.1).sum();
        let vwap = traded.iter().map(|(p, v)| p * v).sum::<f64>() / weight;
        let squares: f64 = traded
            .iter()
            .map(|(p, v)| (p - vwap) * (p - vwap) * v)
            .sum();
        let std = (squares / weight).sqrt();
        (traded.len() >= min_minutes && std > 1e-12 * vwap)
            .then(|| (self.close(0, t).unwrap() - vwap) / std)
    }

    fn atr_minutes(&self, t: usize, n: usize) -> Option<f64> {
        let start = self.starts[t]?;
        let priced: Vec<&MinuteRow> = self.rows[start..=t]
            .iter()
            .flatten()
            .filter(|r| r.close.is_some())
            .collect();
        let ranges: Vec<f64> = priced
            .iter()
            .enumerate()
            .map(|(i, r)| {
                let (h, l) = (r.high.unwrap(), r.low.unwrap());
                let before = if i == 0 { None } else { priced[i - 1].close };
                before.map_or(h - l, |c| (h - l).max((h - c).abs()).max((l - c).abs()))
            })
            .collect();
        let seed = mean(ranges.get(..n)?);
        Some(ranges[n..].iter().fold(seed, |a, r| a + (r - a) / n as f64))
    }

    fn intrabar(&self, t: usize) -> Vec<Option<f64>> {
        let Some(start) = self.starts[t] else {
            return vec![None; 5];
        };
        // The last complete bar with prices; it counts only if every minute of it is real.
        let five = (start..=t)
            .rev()
            .filter(|m| m % 5 == 4 && self.starts[*m].is_some())
            .find_map(|m| {
                self.rows[m - 4..=m]
                    .iter()
                    .copied()
                    .collect::<Option<Vec<_>>>()
            })
            .filter(|five| five.iter().all(|r| !r.is_filled));
        let Some(r) = five else {
            return vec![None; 5];
        };
        let o: Vec<f64> = r.iter().map(|r| r.open.unwrap()).collect();
        let c: Vec<f64> = r.iter().map(|r| r.close.unwrap()).collect();
        let h = r.iter().map(|r| r.high.unwrap()).fold(f64::MIN, f64::max);
        let l = r.iter().map(|r| r.low.unwrap()).fold(f64::MAX, f64::min);
        let v: f64 = r.iter().map(|r| r.volume).sum();
        let path = [o[0], c[0], c[1], c[2], c[3], c[4]];
        let length: f64 = path.windows(2).map(|w| (w[1] - w[0]).abs()).sum();
        let squares: Vec<f64> = path
            .windows(2)
            .map(|w| ln(w[1] / w[0]) * ln(w[1] / w[0]))
            .collect();
        let all: f64 = squares.iter().sum();
        let most = squares.iter().copied().fold(0.0, f64::max);
        vec![
            (h > l).then(|| (c[4] - l) / (h - l)),
            Some(o.iter().zip(&c).filter(|(o, c)| c > o).count() as f64 / 5.0),
            (length > 0.0).then(|| (c[4] - o[0]).abs() / length),
            (v > 0.0).then(|| (r[0].volume + r[1].volume) / v),
            (all > 0.0).then(|| most / all),
        ]
    }
}

pub(super) fn yang_zhang(bars: &[Naive]) -> f64 {
    let n = (bars.len() - 1) as f64;
    let open: Vec<f64> = bars.windows(2).map(|w| ln(w[1].0 / w[0].3)).collect();
    let close: Vec<f64> = bars[1..].iter().map(|b| ln(b.3 / b.0)).collect();
    let range: Vec<f64> = bars[1..].iter().map(rogers_satchell).collect();
    let k = 0.34 / (1.34 + (n + 1.0) / (n - 1.0));
    cov(&open, &open) + k * cov(&close, &close) + (1.0 - k) * mean(&range)
}

/// Deviation with explicit weights and the correction of pandas.
fn ewma_std(r: &[f64], span: u32) -> f64 {
    if r.iter().all(|x| same(*x, r[0])) {
        return 0.0;
    }
    let decay = 1.0 - 2.0 / (f64::from(span) + 1.0);
    let weights: Vec<f64> = (0..r.len())
        .map(|i| libm::pow(decay, (r.len() - 1 - i) as f64))
        .collect();
    let (w, w2) = (
        weights.iter().sum::<f64>(),
        weights.iter().map(|x| x * x).sum::<f64>(),
    );
    let m = r.iter().zip(&weights).map(|(r, w)| r * w).sum::<f64>() / w;
    let squares: f64 = r
        .iter()
        .zip(&weights)
        .map(|(r, w)| w * (r - m) * (r - m))
        .sum();
    (w * w / (w * w - w2) * squares / w).sqrt()
}

fn corwin_schultz(pair: &[Naive]) -> f64 {
    let square = |x: f64| x * x;
    let beta: f64 = pair.iter().map(|b| square(ln(b.1 / b.2))).sum();
    let gamma = square(ln(pair[0].1.max(pair[1].1) / pair[0].2.min(pair[1].2)));
    let d = 3.0 - 2.0 * 2.0_f64.sqrt();
    let alpha = ((2.0 * beta).sqrt() - beta.sqrt()) / d - (gamma / d).sqrt();
    (2.0 * (libm::exp(alpha) - 1.0) / (1.0 + libm::exp(alpha))).max(0.0)
}

/// The published code, column by column.
fn edge(bars: &[Naive]) -> Option<f64> {
    let n = bars.len() - 1;
    let col = |f: fn(&Naive) -> f64| bars.iter().map(|b| ln(f(b))).collect::<Vec<_>>();
    let (o, h, l, c) = (col(|b| b.0), col(|b| b.1), col(|b| b.2), col(|b| b.3));
    let m: Vec<f64> = h.iter().zip(&l).map(|(h, l)| (h + l) * 0.5).collect();
    let of = |f: &dyn Fn(usize) -> f64| (1..=n).map(f).collect::<Vec<_>>();
    let yes = |b: bool| if b { 1.0 } else { 0.0 };
    let r1 = of(&|i| m[i] - o[i]);
    let r2 = of(&|i| o[i] - m[i - 1]);
    let r3 = of(&|i| m[i] - c[i - 1]);
    let r4 = of(&|i| c[i - 1] - m[i - 1]);
    let r5 = of(&|i| o[i] - c[i - 1]);
    let tau = of(&|i| 1.0 - yes(same(h[i], l[i]) && same(l[i], c[i - 1])));
    let po = mean(&of(&|i| {
        tau[i - 1] * (2.0 - yes(same(o[i], h[i])) - yes(same(o[i], l[i])))
    }));
    let pc = mean(&of(&|i| {
        tau[i - 1] * (2.0 - yes(same(c[i - 1], h[i - 1])) - yes(same(c[i - 1], l[i - 1])))
    }));
    let pt = mean(&tau);
    if tau.iter().sum::<f64>() < 2.0 || po <= 0.0 || pc <= 0.0 {
        return None;
    }
    let demean = |r: &[f64]| -> Vec<f64> {
        let shift = mean(r) / pt;
        r.iter().zip(&tau).map(|(r, t)| r - shift * t).collect()
    };
    let (d1, d3, d5) = (demean(&r1), demean(&r3), demean(&r5));
    let x1: Vec<f64> = (0..n)
        .map(|i| -4.0 / po * d1[i] * r2[i] - 4.0 / pc * d3[i] * r4[i])
        .collect();
    let x2: Vec<f64> = (0..n)
        .map(|i| -4.0 / po * d1[i] * r5[i] - 4.0 / pc * d5[i] * r4[i])
        .collect();
    let variance =
        |x: &[f64]| mean(&x.iter().map(|v| v * v).collect::<Vec<_>>()) - mean(x) * mean(x);
    let (e1, e2, v1, v2) = (mean(&x1), mean(&x2), variance(&x1), variance(&x2));
    let s2 = if v1 + v2 > 0.0 {
        (v2 * e1 + v1 * e2) / (v1 + v2)
    } else {
        (e1 + e2) * 0.5
    };
    Some(s2.abs().sqrt())
}
