"""Flow and book."""

import math

import numpy as np
from scipy.stats import norm

from .context import DAY_MINUTES, Cells, need, nulls, over, per_segment, ratio, wmean, wsum, z_cells, zmad_cells
from .older import tfi_of

# ---- order flow imbalance, book imbalance ----------------------------------------------------------------------------------


def window_sum(s, name, n, share):
    """Sum of a statistic over n minutes and the sum of its absolute terms."""
    x = s.stat(name)
    return Cells(wsum(x, n, share), wsum(np.abs(x), n, share))


@per_segment
def ofi(s, p):
    n = p["minutes"]
    total = window_sum(s, "ofi", n, p["min_valid_share"])
    events, depth = s.stat("ofi_events"), s.stat("ofi_depth")
    events = np.where(np.isnan(depth), np.nan, events)
    mean_depth = ratio(wsum(depth * events, n, 0.0), wsum(events, n, 0.0))
    return {f"ofi_{n}": total, f"ofi_norm_{n}": Cells(ratio(total.value, mean_depth), ratio(total.scale, mean_depth))}


def ofi_z_of(s, p):
    x = window_sum(s, "ofi", p["minutes"], p["min_valid_share"])
    return z_cells(x.value, p["lookback"], p["min_valid_share"], x.scale, p["minutes"])


@per_segment
def ofi_z(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    x = window_sum(s, "ofi", n, share)
    return {f"ofi_z_{n}_{m}": z_cells(x.value, m, share, x.scale, n), f"ofi_zmad_{n}_{m}": zmad_cells(x.value, m, share, x.scale, n)}


@per_segment
def ofi_weighted(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    x = window_sum(s, "ofi_weighted", n, share)
    return {f"ofi_weighted_{n}": x, f"ofi_weighted_z_{n}_{m}": z_cells(x.value, m, share, x.scale, n)}


def obi_mean(s, n, share):
    x = s.stat("obi_tw")
    return Cells(wmean(x, n, share), wmean(np.abs(x), n, share))


@per_segment
def obi(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    x = obi_mean(s, n, share)
    return {f"obi_{n}": x, f"obi_z_{n}_{m}": z_cells(x.value, m, share, x.scale, n)}


def wmid_dev_of(s):
    w = s.stat("wmid_close")
    return Cells((w - s.c) / s.c * 1e4, (w + s.c) / s.c * 1e4)


@per_segment
def wmid_dev(s, p):
    x, m = wmid_dev_of(s), p["lookback"]
    return {"wmid_dev": x, f"wmid_dev_zmad_{m}": zmad_cells(x.value, m, p["min_valid_share"], x.scale)}


# ---- price impact ----------------------------------------------------------------------------------------------------------


def kyle_of_sums(N, x, y, xx, xy, yy):
    """(slope, R2, t) of OLS with intercept from its sums."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sxx, sxy, syy = xx - x * x / N, xy - x * y / N, yy - y * y / N
        # A centred sum of at most 1e-12 of the raw one is rounding.
        sxx = np.where(sxx > 1e-12 * xx, sxx, np.nan)
        syy = np.where(syy > 1e-12 * yy, syy, 0.0)
        slope = sxy / sxx
        r2 = np.where(syy > 0, sxy * sxy / (sxx * syy), np.nan)
        sse = syy - sxy * sxy / sxx
        t = np.where((syy > 0) & (sse > 1e-12 * syy) & (N > 2), slope / np.sqrt(sse / (N - 2) / sxx), np.nan)
    return slope, r2, t


def kyle_cells(s, n, share):
    names = ("flow_n", "flow_x", "flow_y", "flow_xx", "flow_xy", "flow_yy")
    N, x, y, xx, xy, yy = sums = [wsum(s.stat(k), n, 0.0) for k in names]
    slope, r2, t = kyle_of_sums(*sums)
    ok = N >= max(3.0, share * 6 * n)
    with np.errstate(divide="ignore", invalid="ignore"):
        ax, ay, axy = (wsum(np.abs(s.stat(k)), n, 0.0) for k in ("flow_x", "flow_y", "flow_xy"))
        sxx, syy = xx - x * x / N, yy - y * y / N
        # How much the centred sums cancel: terms over result.
        loss_x, loss_y = (xx + ax * ax / N) / sxx, (yy + ay * ay / N) / syy
        cross = (axy + ax * ay / N) / np.sqrt(sxx * syy)
        r = np.sqrt(r2)
        scale_slope = np.sqrt(syy / sxx) * (cross + r * loss_x)
        scale_r2 = 2 * r * cross + r2 * (loss_x + loss_y)
        scale_t = np.abs(t) * loss_x + np.sqrt(N) * (cross + loss_y) / np.sqrt(1 - r2) ** 3
    keep = lambda v: np.where(ok, v, np.nan)
    return Cells(keep(slope), scale_slope), Cells(keep(r2), scale_r2), Cells(keep(t), scale_t)


@per_segment
def kyle(s, p):
    n = p["minutes"]
    slope, r2, t = kyle_cells(s, n, p["min_valid_share"])
    to_bp = ratio(1e10, s.stat("mid_close") ** 2)
    return {
        f"kyle_lambda_{n}": slope,
        f"kyle_r2_{n}": r2,
        f"kyle_t_{n}": t,
        f"kyle_bp_{n}": Cells(slope.value * to_bp, slope.scale * to_bp),
    }


def newey_west(x, y, lag):
    """(slope, R2, t, residuals) of OLS with intercept; Bartlett weights, no small-sample correction."""
    X = np.column_stack([np.ones_like(x), x])
    inverse = np.linalg.inv(X.T @ X)
    u = x - x.mean()
    slope = (u * (y - y.mean())).sum() / (u * u).sum()
    e = y - y.mean() - slope * u
    g = X * e[:, None]
    S = g.T @ g
    for j in range(1, min(lag, len(x) - 1) + 1):
        c = g[j:].T @ g[:-j]
        S += (1 - j / (lag + 1)) * (c + c.T)
    var = (inverse @ S @ inverse)[1, 1]
    syy, sse = ((y - y.mean()) ** 2).sum(), (e * e).sum()
    r2 = 1 - sse / syy if syy > 0 else math.nan
    t = slope / math.sqrt(var) if syy > 0 and sse > 1e-12 * syy and var > 0 else math.nan
    return slope, r2, t, e


@per_segment
def kyle_minute(s, p):
    n, share = p["minutes"], p["min_valid_share"]
    mid = s.stat("mid_close")
    y, x = np.diff(mid, prepend=np.nan), s.stat("signed_volume")
    valid = ~np.isnan(x) & ~np.isnan(y)
    out = np.full((4, s.n), np.nan)
    scale = np.full((4, s.n), np.nan)
    for t in range(max(n - 1, s.first_needed), s.n):
        pick = np.flatnonzero(valid[t - n + 1 : t + 1]) + t - n + 1
        if len(pick) < max(need(share, n), 3) or x[pick].min() == x[pick].max():
            continue
        slope, r2, tee, e = newey_west(x[pick], y[pick], p["nw_lag"])
        out[:3, t] = slope, r2, tee
        size_x = np.abs(x[pick]).max()
        std_x, std_y = x[pick].std(), y[pick].std()
        sse = (e * e).sum()
        loss = 1 + size_x / std_x + (np.abs(y[pick]).mean() / std_y if std_y > 0 else 0)
        scale[:3, t] = (std_y + np.abs(y[pick]).mean()) / std_x * loss, loss, (abs(tee) + 1) * loss if not math.isnan(tee) else np.nan
        if valid[t] and sse > 1e-12 * ((y[pick] - y[pick].mean()) ** 2).sum():
            out[3, t] = e[-1] / math.sqrt(sse / (len(pick) - 2))
            scale[3, t] = loss
    names = ("lambda", "r2", "t", "residual")
    return {f"kyle_minute_{name}_{n}": Cells(out[i], scale[i]) for i, name in enumerate(names)}


@per_segment
def kyle_slope(s, p):
    n, k = p["minutes"], p["lag"]
    now, _, tee = kyle_cells(s, n, p["min_valid_share"])
    back = lambda x: np.concatenate([nulls(k), x])[: s.n]
    then, scale = back(now.value), now.scale + back(now.scale)
    with np.errstate(divide="ignore", invalid="ignore"):
        spike = np.where((now.value > 0) & (back(tee.value) >= p["min_t"]), now.value / then, np.nan)
        spike_scale = scale / then * (1 + spike)
    return {f"kyle_slope_{n}_{k}": Cells((now.value - then) / k, scale / k), f"kyle_spike_{n}_{k}": Cells(spike, spike_scale)}


# ---- toxicity --------------------------------------------------------------------------------------------------------------


@per_segment
def vpin(s, p):
    b, m = p["buckets"], p["lookback"]
    filled = np.nan_to_num(s.stat("vpin_buckets"))
    imbalance = np.nan_to_num(s.stat("vpin_imbalance"))
    out = nulls(s.n)
    for t in range(s.n):
        newest_first = slice(t, t - DAY_MINUTES if t >= DAY_MINUTES else None, -1)
        reached = np.flatnonzero(np.cumsum(filled[newest_first]) >= b)
        if len(reached):
            first = t - reached[0]
            # Exact, so that minutes without a bucket leave the very same value: its rank counts ties.
            out[t] = math.fsum(imbalance[first : t + 1]) / filled[first : t + 1].sum()
    pct = nulls(s.n)
    for t in range(max(m - 1, s.first_needed), s.n):
        w = out[t - m + 1 : t + 1]
        known = w[~np.isnan(w)]
        if not math.isnan(out[t]) and len(known) >= need(p["min_valid_share"], m):
            pct[t] = (known <= out[t]).mean()
    return {f"vpin_{b}": Cells(out), f"vpin_pct_{b}_{m}": Cells(pct)}


def rolling_std(x, n):
    """std (ddof 1) of n values, all known; exactly 0 where they are equal."""

    def f(w):
        std = w.std(axis=1, ddof=1)
        return np.where(w.max(axis=1) == w.min(axis=1), 0.0, std)

    return over(x, n, f)


@per_segment
def vpin_bvc(s, p):
    n = p["minutes"]
    sigma = rolling_std(s.d, p["sigma_minutes"])
    bought_less_sold = np.abs(2 * norm.cdf(ratio(s.d, sigma)) - 1)
    usable = (s.v > 0) & ~np.isnan(bought_less_sold)
    volume = np.where(usable, s.v, np.nan)
    share = p["min_valid_share"]
    below = wsum(volume, n, share)
    return {f"vpin_bvc_{n}": Cells(ratio(wsum(volume * bought_less_sold, n, share), below), 1.0 + 0 * below)}


def half_away(x, digits):
    k = 10.0**digits
    return math.copysign(math.floor(abs(x) * k + 0.5), x) / k


@per_segment
def flow_toxicity(s, p):
    n, m, least = p["bars"], p["volume_bars"], p["min_ratio"]
    c, v = s.bars.c, s.bars.v
    x = nulls(s.bars.n)  # null: not counted
    for i in range(m, s.bars.n):
        usual = v[i - m : i].mean()
        if usual > 0 and v[i] / usual > least:
            x[i] = abs(c[i] / c[i - 1] - 1) / (v[i] / usual)
    score, mean = nulls(s.bars.n), nulls(s.bars.n)
    for i in range(n + m - 1, s.bars.n):
        w = x[i - n + 1 : i + 1]
        w = w[~np.isnan(w)]
        if len(w) >= 3:
            std = w.std() if w.min() != w.max() else 0.0
            score[i] = half_away(w.mean() / std, 2) if std > 0 else 0.0
            mean[i] = w.mean() * 1e4
    return {f"flow_toxicity_{n}": s.hold(score), f"flow_toxicity_mean_{n}": s.hold(Cells(mean, mean + 1e4 * 1e-4))}


# ---- resilience ------------------------------------------------------------------------------------------------------------


def refill_share(s, n, share):
    filled, emptied = s.stat("n_refills"), s.stat("n_depletions")
    both = filled + emptied
    pick = lambda x: wsum(np.where(np.isnan(both), np.nan, x), n, share)
    return ratio(pick(filled), pick(emptied))


@per_segment
def replenishment(s, p):
    n, share = p["minutes"], p["min_valid_share"]
    fills, secs = s.stat("n_refills"), s.stat("refill_secs")
    timed = fills + secs
    where = lambda known, x: wsum(np.where(np.isnan(known), np.nan, x), n, share)
    out = {
        f"refill_share_{n}": Cells(refill_share(s, n, share)),
        f"refill_secs_{n}": Cells(ratio(where(timed, secs), where(timed, fills))),
    }
    v = np.where(s.present, s.v, np.nan)
    for side, taken in (("bid", v - s.bv), ("ask", s.bv)):
        removed = s.stat(f"book_removed_{side}")
        known = removed + v + s.bv
        gone = where(known, removed)
        out[f"cancel_{side}_{n}"] = Cells(
            ratio(np.maximum(gone - where(known, taken), 0.0), gone), ratio(gone + where(known, np.abs(taken)), gone)
        )
    bid, ask = s.stat("book_added_bid"), s.stat("book_added_ask")
    B, A = where(bid + ask, bid), where(bid + ask, ask)
    out[f"add_imbalance_{n}"] = Cells(ratio(B - A, B + A), np.where(np.isnan(B + A), np.nan, 1.0))
    return out


# ---- composites ------------------------------------------------------------------------------------------------------------


@per_segment
def absorption(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    z, r2 = ofi_z_of(s, p), kyle_cells(s, n, share)[1]
    a = np.minimum(np.abs(z.value), 3) / 3
    f = refill_share(s, n, share)
    f = np.where(np.isnan(f), 1.0, f)
    scale = z.scale * (1 + f) + a * r2.scale * (1 + f)
    return {f"absorption_{n}_{m}": Cells(a * (1 - r2.value) * f, scale), f"price_discovery_{n}_{m}": Cells(a * r2.value, scale)}


@per_segment
def micro_alpha(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    weighted = window_sum(s, "ofi_weighted", n, share)
    first = z_cells(weighted.value, m, share, weighted.scale, n)
    second = ofi_z_of(s, p)
    none = np.isnan(first.value)
    book, dev, flow = obi_mean(s, n, share), wmid_dev_of(s), tfi_of(s, n)
    parts = [
        Cells(np.where(none, second.value, first.value), np.where(none, second.scale, first.scale)),
        z_cells(book.value, m, share, book.scale, n),
        z_cells(flow, m, share, 1.0 + 0 * flow, n),
        zmad_cells(dev.value, m, share, dev.scale),
    ]
    values = np.array([np.clip(x.value, -3, 3) for x in parts])
    scales = np.array([np.nan_to_num(x.scale) for x in parts])
    known = ~np.isnan(values)
    count = known.sum(axis=0).astype(float)
    mean = ratio(np.where(known, values, 0.0).sum(axis=0), count)
    return {
        f"micro_alpha_{n}_{m}": Cells(mean, scales.sum(axis=0)),
        f"micro_alpha_count_{n}_{m}": Cells(np.where(count > 0, count, np.nan)),
    }


# ---- intensity, thresholds, sizes --------------------------------------------------------------------------------------------


@per_segment
def hawkes(s, p):
    m, fade = p["sigma_minutes"], math.exp(-1.0 / p["decay_minutes"])
    before = np.concatenate([[np.nan], rolling_std(s.r, m)])[: s.n]  # of the m returns before t
    out, level = nulls(s.n), 0.0
    for t in range(s.n):
        level *= fade
        if not math.isnan(before[t]):
            if abs(s.r[t]) > p["threshold"] * before[t]:
                level += p["jump"]
            out[t] = 1.0 + level
    return {f"hawkes_{m}": Cells(out)}


def tfi_threshold(ctx, p):
    n, samples = p["minutes"], []
    # Windows are cleared where a segment starts, so the samples are those of the last one before midnight.
    for s in ctx.segments:
        if s.a < ctx.today:
            flow = np.abs(tfi_of(s, n))
            at = np.arange(s.n) + s.a
            flow = flow[(at >= ctx.today - DAY_MINUTES) & (at < ctx.today)]
            samples = flow[~np.isnan(flow)][-p["samples"] :]
    value = p["fallback"]
    if len(samples) and len(samples) >= p["min_samples"]:
        value = np.percentile(samples, p["percentile"], method="linear")
    return {f"tfi_threshold_{n}": Cells(np.full(ctx.n, value), np.ones(ctx.n))}


@per_segment
def size_concentration(s, p):
    n, share = p["minutes"], p["min_valid_share"]
    sq = s.stat("size_sq")
    volume = wsum(np.where(np.isnan(sq), np.nan, s.v), n, share)
    return {f"size_concentration_{n}": Cells(ratio(wsum(sq, n, share), volume**2))}


@per_segment
def liquidation_pressure(s, p):
    n, m, share = p["minutes"], p["lookback"], p["min_valid_share"]
    total = wsum(s.stat("liq_buy") + s.stat("liq_sell"), n, share)
    return {f"lpi_{n}_{m}": z_cells(total, m, share, n=n)}


KINDS = {
    "absorption": absorption,
    "flow_toxicity": flow_toxicity,
    "hawkes": hawkes,
    "kyle": kyle,
    "kyle_minute": kyle_minute,
    "kyle_slope": kyle_slope,
    "liquidation_pressure": liquidation_pressure,
    "micro_alpha": micro_alpha,
    "obi": obi,
    "ofi": ofi,
    "ofi_weighted": ofi_weighted,
    "ofi_z": ofi_z,
    "replenishment": replenishment,
    "size_concentration": size_concentration,
    "tfi_threshold": tfi_threshold,
    "vpin": vpin,
    "vpin_bvc": vpin_bvc,
    "wmid_dev": wmid_dev,
}
