//! The definitions of `docs/row_features.md` as plainly as they can be written, slow and without state.

use super::World;
use crate::features::FeatureParams;
use crate::features::tests::MinuteRow;
use crate::features::tests::golden::{bars, segment_start};
use crate::stats::normal_cdf;

/// First minute of the segment of every minute of a run that starts at row 0.
pub(super) fn starts(rows: &[Option<MinuteRow>], n: usize) -> Vec<Option<usize>> {
    (0..n).map(|t| segment_start(rows, 0, t)).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn std(x: &[f64], ddof: usize) -> f64 {
    // Equal values: what rounding makes of them is not a deviation.
    if x.iter().all(|v| v.total_cmp(&x[0]).is_eq()) {
        return 0.0;
    }
    let m = mean(x);
    (x.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / (x.len() - ddof) as f64).sqrt()
}

fn median(x: &[f64]) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let n = x.len();
    if n % 2 == 1 {
        x[n / 2]
    } else {
        f64::midpoint(x[n / 2 - 1], x[n / 2])
    }
}

fn at_least(share: f64, n: usize) -> usize {
    (0..=n)
        .find(|k| *k as f64 >= share * n as f64)
        .unwrap()
        .max(1)
}

/// The segment up to minute t.
struct Past<'a> {
    world: &'a World,
    start: usize,
    t: usize,
}

impl Past<'_> {
    fn to(&self, t: usize) -> Self {
        Past {
            world: self.world,
            start: self.start,
            t,
        }
    }

    /// Minutes of `W_n`, if the segment has as many.
    fn window(&self, n: usize) -> Option<std::ops::RangeInclusive<usize>> {
        (self.t + 1 - self.start >= n).then(|| self.t + 1 - n..=self.t)
    }

    /// Known values over `W_n`, if they are enough.
    fn known(&self, n: usize, share: f64, f: impl Fn(usize) -> Option<f64>) -> Option<Vec<f64>> {
        let x: Vec<f64> = self.window(n)?.filter_map(f).collect();
        (x.len() >= at_least(share, n)).then_some(x)
    }

    fn sum(&self, n: usize, share: f64, f: impl Fn(usize) -> Option<f64>) -> Option<f64> {
        Some(self.known(n, share, f)?.iter().sum())
    }

    /// z and zmad over m minutes of what needs n minutes itself.
    fn scores(
        &self,
        n: usize,
        m: usize,
        share: f64,
        f: impl Fn(&Self) -> Option<f64>,
    ) -> (Option<f64>, Option<f64>) {
        if self.t + 1 - self.start < n + m - 1 {
            return (None, None);
        }
        let at = |t: usize| f(&self.to(t));
        let (Some(now), Some(x)) = (at(self.t), self.known(m, share, at)) else {
            return (None, None);
        };
        let deviation = if x.len() < 2 { 0.0 } else { std(&x, 1) };
        let middle = median(&x);
        let distances: Vec<f64> = x.iter().map(|v| (v - middle).abs()).collect();
        let mad = 1.4826 * median(&distances);
        (
            (deviation > 1e-12 * mean(&x).abs()).then(|| (now - mean(&x)) / deviation),
            (mad > 1e-12 * middle.abs()).then(|| (now - middle) / mad),
        )
    }

    fn stat(&self, name: &'static str) -> impl Fn(usize) -> Option<f64> + '_ {
        move |m| self.world.stat(m, name)
    }

    fn ofi_z(&self, n: usize, m: usize, share: f64) -> (Option<f64>, Option<f64>) {
        self.scores(n, m, share, |p| p.sum(n, share, p.stat("ofi")))
    }

    fn obi(&self, n: usize, share: f64) -> Option<f64> {
        self.known(n, share, self.stat("obi_tw")).map(|x| mean(&x))
    }

    fn wmid_dev(&self) -> Option<f64> {
        let close = self.world.rows[self.t]?.close?;
        Some((self.world.stat(self.t, "wmid_close")? - close) / close * 1e4)
    }

    fn tfi(&self, n: usize) -> Option<f64> {
        tfi(&self.world.rows, self.start, self.t, n)
    }

    /// Lambda, R2, t of a regression on the intervals themselves, from the normal equations.
    fn kyle(&self, n: usize, share: f64) -> Option<[Option<f64>; 3]> {
        let points: Vec<(f64, f64)> = self
            .window(n)?
            .filter(|m| self.world.stat(*m, "flow_n").is_some())
            .flat_map(|m| self.world.intervals[m].clone())
            .collect();
        let count = points.len() as f64;
        if count < 3.0 || count < share * 6.0 * n as f64 {
            return None;
        }
        let fit = normal_equations(&points)?;
        let rss: f64 = fit.residuals.iter().map(|e| e * e).sum();
        let y: Vec<f64> = points.iter().map(|p| p.1).collect();
        let tss: f64 = y.iter().map(|v| (v - mean(&y)) * (v - mean(&y))).sum();
        if tss == 0.0 {
            return Some([Some(fit.slope), None, None]);
        }
        let variance = rss / (count - 2.0) * fit.inverse[1][1];
        Some([
            Some(fit.slope),
            Some(1.0 - rss / tss),
            Some(fit.slope / variance.sqrt()),
        ])
    }

    fn refill_share(&self, n: usize, share: f64) -> Option<f64> {
        let refills = self.sum(n, share, self.stat("n_refills"))?;
        let depletions = self.sum(n, share, self.stat("n_depletions"))?;
        (depletions > 0.0).then(|| refills / depletions)
    }

    /// Close of a minute of the segment; one that is filled or absent has the close before it.
    fn close(&self, m: usize) -> Option<f64> {
        (self.start..=m).rev().find_map(|i| {
            let row = self.world.rows[i]?;
            (!row.is_filled || i == self.start)
                .then_some(row.close)
                .flatten()
        })
    }

    fn vpin(&self, buckets: u32) -> Option<f64> {
        let (mut n, mut imbalance) = (0.0, 0.0);
        for m in (self.start..=self.t).rev().take(1_440) {
            n += self.world.stat(m, "vpin_buckets").unwrap_or(0.0);
            imbalance += self.world.stat(m, "vpin_imbalance").unwrap_or(0.0);
            if n >= f64::from(buckets) {
                return Some(imbalance / n);
            }
        }
        None
    }
}

pub(super) fn tfi(rows: &[Option<MinuteRow>], start: usize, t: usize, n: usize) -> Option<f64> {
    if t + 1 - start < n {
        return None;
    }
    let (mut bought, mut all) = (0.0, 0.0);
    for row in &rows[t + 1 - n..=t] {
        let row = (*row)?;
        bought += row.buy_volume?;
        all += row.volume;
    }
    (all > 0.0).then(|| (2.0 * bought - all) / all)
}

/// The threshold that a day makes for the next.
pub(super) fn tfi_threshold(
    rows: &[Option<MinuteRow>],
    n: usize,
    samples: usize,
    min_samples: usize,
    percentile: f64,
    fallback: f64,
) -> f64 {
    let starts = starts(rows, rows.len());
    let mut x: Vec<f64> = (0..rows.len())
        .rev()
        .filter_map(|t| tfi(rows, starts[t]?, t, n))
        .map(f64::abs)
        .take(samples)
        .collect();
    if x.len() < min_samples {
        return fallback;
    }
    x.sort_by(f64::total_cmp);
    let place = (x.len() - 1) as f64 * percentile / 100.0;
    let low = (0..x.len()).rfind(|i| *i as f64 <= place).unwrap();
    let part = place - low as f64;
    x[low] * (1.0 - part) + x[(low + 1).min(x.len() - 1)] * part
}

pub(super) struct Fit {
    pub(super) slope: f64,
    pub(super) residuals: Vec<f64>,
    /// `(X'X)^-1` of the columns 1, x.
    pub(super) inverse: [[f64; 2]; 2],
}

/// `(X'X)^-1 X'y`, as in the textbook; `None` if x is constant.
pub(super) fn normal_equations(points: &[(f64, f64)]) -> Option<Fit> {
    if points.iter().all(|p| p.0.total_cmp(&points[0].0).is_eq()) {
        return None;
    }
    let n = points.len() as f64;
    let sum = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>();
    let (x, y, xx, xy) = (
        sum(&|p| p.0),
        sum(&|p| p.1),
        sum(&|p| p.0 * p.0),
        sum(&|p| p.0 * p.1),
    );
    let det = n * xx - x * x;
    let inverse = [[xx / det, -x / det], [-x / det, n / det]];
    let intercept = inverse[0][0] * y + inverse[0][1] * xy;
    let slope = inverse[1][0] * y + inverse[1][1] * xy;
    let residuals = points
        .iter()
        .map(|p| p.1 - intercept - slope * p.0)
        .collect();
    Some(Fit {
        slope,
        residuals,
        inverse,
    })
}

/// Newey-West variance of the slope: bread, meat, bread, with all 2 x 2 matrices written out.
pub(super) fn newey_west(points: &[(f64, f64)], fit: &Fit, lag: usize) -> f64 {
    let score = |t: usize| [fit.residuals[t], fit.residuals[t] * points[t].0];
    let mut meat = [[0.0; 2]; 2];
    for l in 0..=lag {
        let weight = 1.0 - l as f64 / (lag as f64 + 1.0);
        for t in l..points.len() {
            let (now, before) = (score(t), score(t - l));
            for i in 0..2 {
                for j in 0..2 {
                    let both = now[i] * before[j] + before[i] * now[j];
                    // At lag 0 both halves are the same product.
                    meat[i][j] += weight * if l == 0 { both / 2.0 } else { both };
                }
            }
        }
    }
    let bread = &fit.inverse[1];
    let mut variance = 0.0;
    for i in 0..2 {
        for j in 0..2 {
            variance += bread[i] * meat[i][j] * bread[j];
        }
    }
    variance
}

fn toxicity(
    bars: &[(f64, f64, f64, f64, f64)],
    n: usize,
    volume_bars: usize,
    min_ratio: f64,
) -> Vec<Option<f64>> {
    if bars.len() < n + volume_bars {
        return vec![None, None];
    }
    let x: Vec<f64> = (bars.len() - n..bars.len())
        .filter_map(|i| {
            let before: Vec<f64> = bars[i - volume_bars..i].iter().map(|b| b.4).collect();
            let u = bars[i].4 / mean(&before);
            (u > min_ratio).then(|| (bars[i].3 / bars[i - 1].3 - 1.0).abs() / u)
        })
        .collect();
    if x.len() < 3 {
        return vec![None, None];
    }
    let deviation = std(&x, 0);
    let literal = if deviation == 0.0 {
        0.0
    } else {
        mean(&x) / deviation
    };
    vec![
        Some((literal * 100.0).round() / 100.0),
        Some(mean(&x) * 1e4),
    ]
}

#[expect(clippy::too_many_lines, reason = "one arm per kind, as on the page")]
/// The values of one kind at minute t of a segment that began at `start`.
pub(super) fn values(
    world: &World,
    starts: &[Option<usize>],
    kind: FeatureParams,
    start: usize,
    t: usize,
) -> Vec<Option<f64>> {
    use FeatureParams as P;
    let past = Past { world, start, t };
    match kind {
        P::Absorption(p) => {
            let (n, m, share) = (p.minutes as usize, p.lookback as usize, p.min_valid_share);
            let f = past.refill_share(n, share).unwrap_or(1.0);
            let r2 = past.kyle(n, share).and_then(|k| k[1]);
            match (past.ofi_z(n, m, share).0, r2) {
                (Some(z), Some(r2)) => {
                    let a = z.abs().min(3.0) / 3.0;
                    vec![Some(a * (1.0 - r2) * f), Some(a * r2)]
                }
                _ => vec![None, None],
            }
        }
        P::FlowToxicity(p) => toxicity(
            &bars(&world.rows, starts, t),
            p.bars as usize,
            p.volume_bars as usize,
            p.min_ratio,
        ),
        P::Hawkes(p) => {
            let m = p.sigma_minutes as usize;
            let r: Vec<f64> = (start + 1..=t)
                .filter_map(|i| Some(libm::log(past.close(i)? / past.close(i - 1)?)))
                .collect();
            if r.len() <= m {
                return vec![None];
            }
            let decay = libm::exp(-1.0 / p.decay_minutes);
            let intensity = (m..r.len()).fold(0.0, |l, i| {
                let is_large = r[i].abs() > p.threshold * std(&r[i - m..i], 1);
                l * decay + if is_large { p.jump } else { 0.0 }
            });
            vec![Some(1.0 + intensity)]
        }
        P::Kyle(p) => match past.kyle(p.minutes as usize, p.min_valid_share) {
            None => vec![None; 4],
            Some([lambda, r2, t_stat]) => {
                let mid = world.stat(t, "mid_close");
                let bp = lambda.zip(mid).map(|(l, mid)| l * (1e6 / mid) / mid * 1e4);
                vec![lambda, r2, t_stat, bp]
            }
        },
        P::KyleMinute(p) => kyle_minute(&past, &p),
        P::KyleSlope(p) => {
            let (n, k) = (p.minutes as usize, p.lag as usize);
            if t + 1 - start < n + k {
                return vec![None, None];
            }
            let line = |t: usize| past.to(t).kyle(n, p.min_valid_share);
            match (line(t), line(t - k)) {
                (Some([Some(a), ..]), Some([Some(b), _, tee])) => vec![
                    Some((a - b) / f64::from(p.lag)),
                    tee.filter(|tee| a > 0.0 && *tee >= p.min_t).map(|_| a / b),
                ],
                _ => vec![None, None],
            }
        }
        P::LiquidationPressure(p) => {
            let (n, m, share) = (p.minutes as usize, p.lookback as usize, p.min_valid_share);
            let notional = |i| Some(world.stat(i, "liq_buy")? + world.stat(i, "liq_sell")?);
            vec![past.scores(n, m, share, |p| p.sum(n, share, notional)).0]
        }
        P::MicroAlpha(p) => {
            let (n, m, share) = (p.minutes as usize, p.lookback as usize, p.min_valid_share);
            let weighted = past.scores(n, m, share, |p| p.sum(n, share, p.stat("ofi_weighted")));
            let parts: Vec<f64> = [
                weighted.0.or(past.ofi_z(n, m, share).0),
                past.scores(n, m, share, |p| p.obi(n, share)).0,
                past.scores(n, m, share, |p| p.tfi(n)).0,
                past.scores(1, m, share, Past::wmid_dev).1,
            ]
            .into_iter()
            .flatten()
            .map(|z| z.clamp(-3.0, 3.0))
            .collect();
            if parts.is_empty() {
                return vec![None, None];
            }
            vec![Some(mean(&parts)), Some(parts.len() as f64)]
        }
        P::Obi(p) => {
            let (n, m, share) = (p.minutes as usize, p.lookback as usize, p.min_valid_share);
            vec![
                past.obi(n, share),
                past.scores(n, m, share, |p| p.obi(n, share)).0,
            ]
        }
        P::Ofi(p) => {
            let n = p.minutes as usize;
            let ofi = past.sum(n, p.min_valid_share, past.stat("ofi"));
            let (mut depth, mut events) = (0.0, 0.0);
            for m in past.window(n).into_iter().flatten() {
                if let (Some(d), Some(e)) =
                    (world.stat(m, "ofi_depth"), world.stat(m, "ofi_events"))
                {
                    depth += d * e;
                    events += e;
                }
            }
            let norm = ofi.filter(|_| events > 0.0).map(|x| x / (depth / events));
            vec![ofi, norm]
        }
        P::OfiWeighted(p) => {
            let (n, m, share) = (p.minutes as usize, p.lookback as usize, p.min_valid_share);
            let sum = |p: &Past<'_>| p.sum(n, share, p.stat("ofi_weighted"));
            vec![sum(&past), past.scores(n, m, share, sum).0]
        }
        P::OfiZ(p) => {
            let (z, zmad) = past.ofi_z(p.minutes as usize, p.lookback as usize, p.min_valid_share);
            vec![z, zmad]
        }
        P::Replenishment(p) => replenishment(&past, p.minutes as usize, p.min_valid_share),
        P::SizeConcentration(p) => {
            let (n, share) = (p.minutes as usize, p.min_valid_share);
            let volume = |i: usize| {
                world.stat(i, "size_sq")?;
                world.rows[i].map(|r| r.volume)
            };
            let squares = past.sum(n, share, past.stat("size_sq"));
            let value = squares.zip(past.sum(n, share, volume));
            vec![value.filter(|(_, v)| *v > 0.0).map(|(s, v)| s / (v * v))]
        }
        P::Vpin(p) => {
            let m = p.lookback as usize;
            let vpin = |t: usize| past.to(t).vpin(p.buckets);
            let rank = match (vpin(t), past.known(m, p.min_valid_share, vpin)) {
                (Some(now), Some(x)) => {
                    Some(x.iter().filter(|v| **v <= now).count() as f64 / x.len() as f64)
                }
                _ => None,
            };
            vec![vpin(t), rank]
        }
        P::VpinBvc(p) => {
            let (n, k, share) = (
                p.minutes as usize,
                p.sigma_minutes as usize,
                p.min_valid_share,
            );
            let d = |i: usize| Some(past.close(i)? - past.close(i - 1)?);
            let imbalance = |i: usize| {
                let v = world.rows[i]?.volume;
                let first = (i + 1).checked_sub(k).filter(|f| *f > start)?;
                let s = std(&(first..=i).map(d).collect::<Option<Vec<_>>>()?, 1);
                (v > 0.0 && s > 0.0)
                    .then(|| Some((2.0 * normal_cdf(d(i)? / s) - 1.0).abs() * v))
                    .flatten()
            };
            let volume = |i: usize| imbalance(i).and(world.rows[i]).map(|r| r.volume);
            vec![
                past.sum(n, share, imbalance)
                    .zip(past.sum(n, share, volume))
                    .map(|(x, v)| x / v),
            ]
        }
        P::WmidDev(p) => {
            let m = p.lookback as usize;
            vec![
                past.wmid_dev(),
                past.scores(1, m, p.min_valid_share, Past::wmid_dev).1,
            ]
        }
        other => panic!("no naive {} here", other.kind()),
    }
}

fn kyle_minute(past: &Past<'_>, p: &crate::features::KyleMinuteParams) -> Vec<Option<f64>> {
    let n = p.minutes as usize;
    let point = |m: usize| {
        let before = m.checked_sub(1).filter(|b| *b >= past.start)?;
        let y = past.world.stat(m, "mid_close")? - past.world.stat(before, "mid_close")?;
        Some((past.world.stat(m, "signed_volume")?, y))
    };
    let Some(window) = past.window(n) else {
        return vec![None; 4];
    };
    let points: Vec<(f64, f64)> = window.filter_map(point).collect();
    if points.len() < at_least(p.min_valid_share, n).max(3) {
        return vec![None; 4];
    }
    let Some(fit) = normal_equations(&points) else {
        return vec![None; 4];
    };
    let y: Vec<f64> = points.iter().map(|p| p.1).collect();
    let tss: f64 = y.iter().map(|v| (v - mean(&y)) * (v - mean(&y))).sum();
    if tss == 0.0 {
        return vec![Some(fit.slope), None, None, None];
    }
    let rss: f64 = fit.residuals.iter().map(|e| e * e).sum();
    let deviation = (rss / (points.len() as f64 - 2.0)).sqrt();
    let own = point(past.t).and(fit.residuals.last()).copied();
    vec![
        Some(fit.slope),
        Some(1.0 - rss / tss),
        Some(fit.slope / newey_west(&points, &fit, p.nw_lag as usize).sqrt()),
        own.map(|e| e / deviation),
    ]
}

fn replenishment(past: &Past<'_>, n: usize, share: f64) -> Vec<Option<f64>> {
    let world = past.world;
    let over = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) if b > 0.0 => Some(a / b),
        _ => None,
    };
    let secs = over(
        past.sum(n, share, past.stat("refill_secs")),
        past.sum(n, share, past.stat("n_refills")),
    );
    let cancelled = |removed: &'static str, is_bid: bool| {
        let traded = |m: usize| {
            world.stat(m, removed)?;
            let row = world.rows[m]?;
            let bought = row.buy_volume?;
            Some(if is_bid { row.volume - bought } else { bought })
        };
        let removed = past.sum(n, share, |m| traded(m).and(world.stat(m, removed)));
        let rest = removed
            .zip(past.sum(n, share, traded))
            .map(|(removed, traded)| (removed - traded).max(0.0));
        over(rest, removed)
    };
    let added = |sign: f64| {
        past.sum(n, share, move |m| {
            Some(world.stat(m, "book_added_bid")? + sign * world.stat(m, "book_added_ask")?)
        })
    };
    vec![
        past.refill_share(n, share),
        secs,
        cancelled("book_removed_bid", true),
        cancelled("book_removed_ask", false),
        over(added(-1.0), added(1.0)),
    ]
}
