"""Price, range and volatility."""

import math

import numpy as np
import pandas as pd

from .context import Cells, need, nulls, over, per_segment, ratio, wmean, wsum
from .older import atr_of, ema_of

LN2 = math.log(2.0)


# ---- range estimators of 5m bars ---------------------------------------------------------------------------------------


def root_of_mean(terms, n):
    mean = over(terms, n, lambda w: w.mean(axis=1))
    size = over(np.abs(terms), n, lambda w: w.mean(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.where(mean >= 0, np.sqrt(mean), np.nan)
        return Cells(root, np.where(root > 0, size / root, 0.0))


def rogers_satchell_terms(o, h, l, c):
    return np.log(h / c) * np.log(h / o) + np.log(l / c) * np.log(l / o)


@per_segment
def parkinson(s, p):
    b = s.bars
    return {f"parkinson_{p['bars']}": s.hold(root_of_mean(np.log(b.h / b.l) ** 2 / (4 * LN2), p["bars"]))}


@per_segment
def garman_klass(s, p):
    b = s.bars
    terms = 0.5 * np.log(b.h / b.l) ** 2 - (2 * LN2 - 1) * np.log(b.c / b.o) ** 2
    return {f"garman_klass_{p['bars']}": s.hold(root_of_mean(terms, p["bars"]))}


@per_segment
def rogers_satchell(s, p):
    b = s.bars
    return {f"rogers_satchell_{p['bars']}": s.hold(root_of_mean(rogers_satchell_terms(b.o, b.h, b.l, b.c), p["bars"]))}


def yang_zhang_of(o, h, l, c, n):
    gap = np.concatenate([[np.nan], np.log(o[1:] / c[:-1])])[: len(o)]
    var = lambda w: w.var(axis=1, ddof=1)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    s_o, s_c = over(gap, n, var), over(np.log(c / o), n, var)
    s_rs = over(rogers_satchell_terms(o, h, l, c), n, lambda w: w.mean(axis=1))
    with np.errstate(invalid="ignore"):
        return np.sqrt(s_o + k * s_c + (1 - k) * s_rs)


@per_segment
def yang_zhang(s, p):
    b = s.bars
    return {f"yang_zhang_{p['bars']}": s.hold(yang_zhang_of(b.o, b.h, b.l, b.c, p["bars"]))}


@per_segment
def close_vol(s, p):
    return {f"close_vol_{p['bars']}": s.hold(over(s.bars.r, p["bars"], lambda w: w.std(axis=1, ddof=1)))}


@per_segment
def ewma_vol(s, p):
    n = p["bars"]
    returns = pd.Series(s.bars.r)
    value = returns.ewm(span=n, adjust=True).std(bias=False).to_numpy().copy()
    value[: min(n, len(value))] = np.nan  # entry n has n returns: the first one is null
    return {f"ewma_vol_{n}": s.hold(value)}


def jump_sums(M, rv, bv, med, low):
    """RV, BV, MedRV, MinRV of raw sums over M returns."""
    root3 = math.sqrt(3.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            rv,
            math.pi / 2 * M / (M - 1) * bv,
            math.pi / (6 - 4 * root3 + math.pi) * M / (M - 2) * med,
            math.pi / (math.pi - 2) * M / (M - 1) * low,
        )


@per_segment
def jump(s, p):
    n = p["minutes"]
    total = lambda name: wsum(s.stat(name), n, 0.0)
    M, zero = total("rv_n"), total("rv_zero")
    RV, BV, Med, Min = jump_sums(M, total("rv"), total("rv_bipower"), total("rv_med"), total("rv_min"))
    ok = M >= max(3.0, p["min_valid_share"] * 12 * n)
    with np.errstate(invalid="ignore", divide="ignore"):
        few_zeros = ok & (zero / M <= p["max_zero_share"])
        var = np.maximum(RV - BV, 0.0)
        share = np.where(RV > 0, var / RV, np.nan)
    keep = lambda x: np.where(few_zeros, x, np.nan)
    return {
        f"rv_{n}": Cells(np.where(ok, RV, np.nan)),
        f"bipower_{n}": Cells(keep(BV)),
        f"medrv_{n}": Cells(keep(Med)),
        f"minrv_{n}": Cells(keep(Min)),
        f"jump_share_{n}": Cells(keep(share), keep(1.0 + 0 * share)),
        f"jump_var_{n}": Cells(keep(var), keep(RV + BV)),
    }


# E abs(N(0, 1))^(4/3), and the variance of BV beyond that of RV.
MU_43 = 2 ** (2 / 3) * math.gamma(7 / 6) / math.gamma(1 / 2)
THETA = math.pi**2 / 4 + math.pi - 5


def jump_z_of(M, rv, bipower, tri):
    """(z, its scale) of raw sums over M returns: ratio form with tripower quarticity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        BV = jump_sums(M, rv, bipower, 0.0, 0.0)[1]
        TQ = M / MU_43**3 * M / (M - 2) * tri
        root = np.sqrt(THETA / M * np.maximum(1.0, TQ / BV**2))
        known = (rv > 0) & (BV > 0)
        return np.where(known, (rv - BV) / rv / root, np.nan), np.where(known, (rv + BV) / rv / root, np.nan)


@per_segment
def jump_z(s, p):
    n = p["minutes"]
    M, zero, rv, bipower, tri = (wsum(s.stat(k), n, 0.0) for k in ("rv_n", "rv_zero", "rv", "rv_bipower", "rv_tri"))
    z, scale = jump_z_of(M, rv, bipower, tri)
    with np.errstate(divide="ignore", invalid="ignore"):
        ok = (M >= max(3.0, p["min_valid_share"] * 12 * n)) & (zero / M <= p["max_zero_share"])
    return {f"jump_z_{n}": Cells(np.where(ok, z, np.nan), scale)}


def roll_of(r):
    """2 sqrt(-cov) of consecutive returns; null if cov >= 0. Also the size of its terms."""
    x, y = r[1:], r[:-1]
    cov = ((x - x.mean()) * (y - y.mean())).sum() / (len(x) - 1)
    if not cov < 0:
        return math.nan, math.nan
    return 2 * math.sqrt(-cov), np.abs(x * y).mean() / math.sqrt(-cov)


@per_segment
def roll(s, p):
    n = p["minutes"]
    out, scale = nulls(s.n), nulls(s.n)
    for t in range(max(n, s.first_needed), s.n):  # n returns need n + 1 minutes
        r = s.r[t - n + 1 : t + 1]
        if not np.isnan(r).any():
            out[t], scale[t] = roll_of(r)
    return {f"roll_{n}": Cells(out, scale)}


def corwin_schultz_pair(h1, l1, h2, l2):
    """(alpha, S) of two bars in a row."""
    k = 3 - 2 * math.sqrt(2.0)
    beta = np.log(h1 / l1) ** 2 + np.log(h2 / l2) ** 2
    gamma = np.log(np.maximum(h1, h2) / np.minimum(l1, l2)) ** 2
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    return alpha, 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))


@per_segment
def corwin_schultz(s, p):
    n, b = p["bars"], s.bars
    if b.n < 2:
        return {f"corwin_schultz_{n}": Cells(nulls(s.n))}
    _, spread = corwin_schultz_pair(b.h[:-1], b.l[:-1], b.h[1:], b.l[1:])
    flat = (b.h[:-1] == b.l[:-1]) & (b.h[1:] == b.l[1:])
    spread = np.concatenate([[np.nan], np.where(flat, 0.0, np.maximum(spread, 0.0))])
    # alpha is a difference of terms of about three ranges.
    size = np.concatenate([[np.nan], np.sqrt(np.log(b.h[:-1] / b.l[:-1]) ** 2 + np.log(b.h[1:] / b.l[1:]) ** 2)])
    mean = lambda x: over(x, n, lambda w: w.mean(axis=1))
    return {f"corwin_schultz_{n}": s.hold(Cells(mean(spread), 3 * mean(size)))}


def edge_of(o, h, l, c):
    """EDGE (Ardia, Guidotti, Kroencke 2024), unsigned; nan as in the published code."""
    if len(o) < 3:
        return math.nan
    o, h, l, c = (np.log(x) for x in (o, h, l, c))
    m = (h + l) / 2
    h1, l1, c1, m1 = h[:-1], l[:-1], c[:-1], m[:-1]
    o, h, l, c, m = o[1:], h[1:], l[1:], c[1:], m[1:]
    r1, r2, r3, r4, r5 = m - o, o - m1, m - c1, c1 - m1, o - c1
    tau = ((h != l) | (l != c1)).astype(float)
    po1, po2 = tau * (o != h), tau * (o != l)
    pc1, pc2 = tau * (c1 != h1), tau * (c1 != l1)
    pt = tau.mean()
    po, pc = po1.mean() + po2.mean(), pc1.mean() + pc2.mean()
    if tau.sum() < 2 or po == 0 or pc == 0:
        return math.nan
    d1, d3, d5 = r1 - r1.mean() / pt * tau, r3 - r3.mean() / pt * tau, r5 - r5.mean() / pt * tau
    x1 = -4 / po * d1 * r2 - 4 / pc * d3 * r4
    x2 = -4 / po * d1 * r5 - 4 / pc * d5 * r4
    e1, e2 = x1.mean(), x2.mean()
    v1, v2 = (x1 * x1).mean() - e1 * e1, (x2 * x2).mean() - e2 * e2
    total = v1 + v2
    s2 = (v2 * e1 + v1 * e2) / total if total > 0 else (e1 + e2) / 2
    return math.sqrt(abs(s2))


@per_segment
def edge(s, p):
    n, b = p["bars"], s.bars
    out, scale = nulls(b.n), nulls(b.n)
    for i in range(n - 1, b.n):
        w = slice(i - n + 1, i + 1)
        out[i] = edge_of(b.o[w], b.h[w], b.l[w], b.c[w])
        # The root of a mean of products of log moves: its error goes with their size, over the root.
        size = np.log(b.h[w].max() / b.l[w].min()) ** 2
        scale[i] = size / out[i] if out[i] > 0 else size
    return {f"edge_{n}": s.hold(Cells(out, np.maximum(scale, np.abs(out))))}


# ---- illiquidity -------------------------------------------------------------------------------------------------------


@per_segment
def amihud(s, p):
    n = p["minutes"]
    with np.errstate(invalid="ignore", divide="ignore"):
        terms = np.where(s.qv > 0, np.abs(s.r) / s.qv, np.nan)
    return {f"amihud_{n}": Cells(1e9 * wmean(terms, n, p["min_valid_share"]))}


def hasbrouck_of(S, r):
    return (S * r).sum() / (S * S).sum()


@per_segment
def hasbrouck(s, p):
    n, share = p["minutes"], p["min_valid_share"]
    S = np.where(np.isnan(s.r), np.nan, s.stat("signed_sqrt_quote"))
    r = np.where(np.isnan(S), np.nan, s.r)
    below = wsum(S * S, n, share)
    return {f"hasbrouck_{n}": Cells(ratio(wsum(S * r, n, share), below), ratio(wsum(np.abs(S * r), n, share), below))}


# ---- sessions and baselines of whole days ------------------------------------------------------------------------------


def session_vwap_z(ctx, p):
    t = ctx.traded
    h, l, c, v, vwap = (t.stat(k) for k in ("high", "low", "close", "volume", "vwap"))
    out, scale = nulls(ctx.n), nulls(ctx.n)
    prices, weights = [], []
    for i in range(ctx.today, ctx.n):
        if t.present[i] and v[i] > 0:
            prices.append((h[i] + l[i] + c[i]) / 3.0 if math.isnan(vwap[i]) else vwap[i])
            weights.append(v[i])
        if len(prices) >= max(p["min_minutes"], 1) and len(set(prices)) > 1:
            x, w = np.array(prices), np.array(weights)
            V = (w * x).sum() / w.sum()
            s = math.sqrt((w * (x - V) ** 2).sum() / w.sum())
            if s > 0:
                out[i] = (ctx.close[i] - V) / s
                scale[i] = (ctx.close[i] + V) / s
    return {"session_vwap_z": Cells(out, scale)}


def day_baseline(ctx, x, days, share):
    """Median of the medians of the whole days before; null with too few of them."""
    medians = []
    for day in ctx.days():
        known = x[day][~np.isnan(x[day])]
        if len(known) and len(known) >= share * 1440:
            medians.append(np.median(known))
    return np.median(medians) if len(medians) >= need(share, days) else math.nan


def window_mean(ctx, x, n, share):
    out = nulls(ctx.n)
    for s in ctx.segments:
        out[s.a : s.a + s.n] = wmean(x[s.a : s.a + s.n], n, share)
    return out


def spread_stress(ctx, p):
    n, d, share = p["minutes"], p["days"], p["min_valid_share"]
    x = ctx.traded.stat("spread_bps_tw")
    return {f"spread_stress_{n}_{d}d": Cells(ratio(window_mean(ctx, x, n, share), day_baseline(ctx, x, d, share)))}


def depth_stress(ctx, p):
    n, d, share = p["minutes"], p["days"], p["min_valid_share"]
    x = ctx.traded.stat("depth_bid_tw") + ctx.traded.stat("depth_ask_tw")
    return {f"depth_stress_{n}_{d}d": Cells(ratio(day_baseline(ctx, x, d, share), window_mean(ctx, x, n, share)))}


# ---- volume and shape ----------------------------------------------------------------------------------------------------


def total(x, n):
    return over(x, n, lambda w: w.sum(axis=1))


def known_volume(s):
    """Volume of each minute, null where its row is absent."""
    return np.where(s.present, s.v, np.nan)


@per_segment
def activity_ratio(s, p):
    a, b = p["short_minutes"], p["long_minutes"]
    value = np.clip(ratio(total(known_volume(s), a) / a, total(known_volume(s), b) / b), 0.25, 4.0)
    value[: b - 1] = 1.0
    return {f"activity_ratio_{a}_{b}": Cells(value)}


@per_segment
def flow_volume(s, p):
    n = p["minutes"]
    return {f"buy_volume_{n}": Cells(total(s.bv, n)), f"sell_volume_{n}": Cells(total(s.v - s.bv, n), total(s.v, n))}


@per_segment
def volume_rate(s, p):
    return {f"volume_rate_{p['minutes']}": Cells(total(known_volume(s), p["minutes"]) / p["minutes"])}


@per_segment
def volume_ratio(s, p):
    n, v = p["bars"], s.bars.v
    before = np.concatenate([[np.nan], over(v, n, lambda w: w.mean(axis=1))])[: len(v)]
    return {f"volume_ratio_{n}": s.hold(ratio(v, before))}


@per_segment
def atr_minutes(s, p):
    n = p["minutes"]
    at = np.flatnonzero(s.present & ~np.isnan(s.c))
    value = atr_of(s.h[at], s.l[at], s.c[at], n)
    i = np.searchsorted(at, np.arange(s.n), side="right") - 1
    return {f"atr_minutes_{n}": Cells(np.where(i >= 0, value[np.maximum(i, 0)], np.nan) if len(at) else nulls(s.n))}


@per_segment
def ema_trend(s, p):
    fast, slow = ema_of(s.bars.c, p["fast"]), ema_of(s.bars.c, p["slow"])
    rose = np.diff(fast, prepend=np.nan)
    gap = fast - slow
    shift = lambda x: np.concatenate([[np.nan], x[:-1]])
    with np.errstate(invalid="ignore"):
        up, down = (gap > 0) & (rose > 0), (gap < 0) & (rose < 0)
    before = lambda x: np.concatenate([[False], x[:-1]])
    value = np.where(up & before(up), 1.0, np.where(down & before(down), -1.0, 0.0))
    known = ~np.isnan(gap + rose) & ~np.isnan(shift(gap + rose)) if len(gap) else np.zeros(0, bool)
    value = np.where(known, value, np.nan) if len(gap) else nulls(0)
    return {f"ema_trend_{p['fast']}_{p['slow']}": s.hold(Cells(value, np.abs(value)))}


def intrabar_of(o, h, l, c, v):
    """The five values of five minutes."""
    bar_h, bar_l = h.max(), l.min()
    path = abs(c[0] - o[0]) + np.abs(np.diff(c)).sum()
    moves = np.concatenate([[np.log(c[0] / o[0])], np.log(c[1:] / c[:-1])]) ** 2
    over_or_null = lambda a, b: a / b if b != 0 else math.nan
    return (
        over_or_null(c[-1] - bar_l, bar_h - bar_l),
        (c > o).mean(),
        over_or_null(abs(c[-1] - o[0]), path),
        over_or_null(v[:2].sum(), v.sum()),
        over_or_null(moves.max(), moves.sum()),
    )


@per_segment
def intrabar(s, p):
    table = np.full((s.bars.n, 5), np.nan)
    m = s.whole
    for i, end in enumerate(s.bars.end):
        span = slice(end - 4, end + 1)
        if m.real[span].all():
            table[i] = intrabar_of(*(m.stat(k)[span] for k in ("open", "high", "low", "close", "volume")))
    names = ("close_pos", "up_share", "efficiency", "early_volume", "max_move_share")
    return {f"intrabar_{name}": s.hold(table[:, k]) for k, name in enumerate(names)}


KINDS = {
    "activity_ratio": activity_ratio,
    "amihud": amihud,
    "atr_minutes": atr_minutes,
    "close_vol": close_vol,
    "corwin_schultz": corwin_schultz,
    "depth_stress": depth_stress,
    "edge": edge,
    "ema_trend": ema_trend,
    "ewma_vol": ewma_vol,
    "flow_volume": flow_volume,
    "garman_klass": garman_klass,
    "hasbrouck": hasbrouck,
    "intrabar": intrabar,
    "jump": jump,
    "jump_z": jump_z,
    "parkinson": parkinson,
    "rogers_satchell": rogers_satchell,
    "roll": roll,
    "session_vwap_z": session_vwap_z,
    "spread_stress": spread_stress,
    "volume_rate": volume_rate,
    "volume_ratio": volume_ratio,
    "yang_zhang": yang_zhang,
}
