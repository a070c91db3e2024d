"""The kinds of docs/features.md."""

import math

import numpy as np

from .context import Cells, nulls, over, per_segment, ratio


def ema_of(x, n):
    """e_0 = x_0, e_t = a x_t + (1 - a) e_(t-1); null before n values."""
    a, out, e = 2.0 / (n + 1.0), nulls(len(x)), 0.0
    for t, value in enumerate(x):
        e = value if t == 0 else a * value + (1.0 - a) * e
        if t >= n - 1:
            out[t] = e
    return out


def atr_of(h, l, c, n):
    """Wilder 1978: mean of the first n true ranges, then ((n - 1) old + new) / n."""
    out, tr = nulls(len(c)), []
    for t in range(len(c)):
        tr.append(h[t] - l[t] if t == 0 else max(h[t], c[t - 1]) - min(l[t], c[t - 1]))
        if t == n - 1:
            out[t] = sum(tr) / n
        elif t >= n:
            out[t] = (out[t - 1] * (n - 1) + tr[t]) / n
    return out


def bars_atr(s, n):
    return atr_of(s.bars.h, s.bars.l, s.bars.c, n)


@per_segment
def ema(s, p):
    return {f"ema_{p['bars']}": s.hold(ema_of(s.bars.c, p["bars"]))}


@per_segment
def atr(s, p):
    return {f"atr_{p['bars']}": s.hold(bars_atr(s, p["bars"]))}


@per_segment
def ema_gap(s, p):
    fast, slow, width = ema_of(s.bars.c, p["fast"]), ema_of(s.bars.c, p["slow"]), bars_atr(s, p["atr_bars"])
    name = f"ema_gap_{p['fast']}_{p['slow']}_{p['atr_bars']}"
    return {name: s.hold(Cells(ratio(fast - slow, width), ratio(fast + slow, width)))}


@per_segment
def ema_slope(s, p):
    e, width, lag = ema_of(s.bars.c, p["bars"]), bars_atr(s, p["atr_bars"]), p["lag"]
    before = np.concatenate([nulls(lag), e])[: len(e)]
    name = f"ema_slope_{p['bars']}_{lag}_{p['atr_bars']}"
    return {name: s.hold(Cells(ratio((e - before) / lag, width), ratio((e + before) / lag, width)))}


@per_segment
def efficiency_ratio(s, p):
    n, c = p["bars"], s.bars.c
    moves = np.abs(np.diff(c, prepend=np.nan))
    path = over(moves, n, lambda w: w.sum(axis=1))
    before = np.concatenate([nulls(n), c])[: len(c)]
    return {f"efficiency_ratio_{n}": s.hold(np.minimum(ratio(np.abs(c - before), path), 1.0))}


def before_last(x, n, f):
    """f of the n values before the current one."""
    return np.concatenate([[np.nan], over(x, n, f)])[: len(x)]


@per_segment
def extremes(s, p):
    n = p["bars"]
    return {
        f"high_{n}": s.hold(before_last(s.bars.h, n, lambda w: w.max(axis=1))),
        f"low_{n}": s.hold(before_last(s.bars.l, n, lambda w: w.min(axis=1))),
    }


@per_segment
def volume_median(s, p):
    n = p["bars"]
    return {f"volume_median_{n}": s.hold(before_last(s.bars.v, n, lambda w: np.median(w, axis=1)))}


@per_segment
def wick(s, p):
    b = s.bars
    size = b.h - b.l
    upper, lower = b.h - np.maximum(b.o, b.c), np.minimum(b.o, b.c) - b.l
    return {"upper_wick": s.hold(ratio(upper, size)), "lower_wick": s.hold(ratio(lower, size))}


def session_vwap(ctx, p):
    out, quote, base = nulls(ctx.n), 0.0, 0.0
    t = ctx.traded
    h, l, c, v, qv = (t.stat(k) for k in ("high", "low", "close", "volume", "quote_volume"))
    for i in range(ctx.today, ctx.n):
        if t.present[i] and v[i] > 0:
            quote += v[i] * (h[i] + l[i] + c[i]) / 3.0 if math.isnan(qv[i]) else qv[i]
            base += v[i]
        if base > 0 and not ctx.in_gap[i]:
            out[i] = quote / base
    return {"session_vwap": Cells(out)}


def tfi_of(s, n):
    """(bought - sold) / traded of n minutes; null if one does not know its split."""
    bought = over(s.bv, n, lambda w: w.sum(axis=1))
    traded = over(s.v, n, lambda w: w.sum(axis=1))
    return ratio(bought - (traded - bought), traded)


@per_segment
def tfi(s, p):
    n = p["minutes"]
    value = tfi_of(s, n)
    return {f"tfi_{n}": Cells(value, np.where(np.isnan(value), np.nan, 1.0))}


def realised_vol_of(s, n, share):
    returns = over(s.r, n, lambda w: np.sqrt((w * w).sum(axis=1)))
    real = over(s.real.astype(float), n, lambda w: w.sum(axis=1))
    return np.where(real >= share * n, returns, np.nan)


@per_segment
def realised_vol(s, p):
    n = p["minutes"]
    return {f"realised_vol_{n}": Cells(realised_vol_of(s, n, p["min_valid_share"]))}


def rv_ratio(ctx, p):
    n, share = p["minutes"], p["min_valid_share"]
    vol = nulls(ctx.n)
    for s in ctx.segments:
        vol[s.a : s.a + s.n] = realised_vol_of(s, n, share)
    medians = []
    for day in ctx.days():
        known = vol[day][~np.isnan(vol[day])]
        if ctx.traded.real[day].sum() >= share * 1440 and len(known):
            medians.append(np.median(known))
    out = nulls(ctx.n)
    if len(medians) >= share * p["days"] and medians:
        out = ratio(vol, np.median(medians))
    return {f"rv_ratio_{n}_{p['days']}d": Cells(out)}


KINDS = {
    "atr": atr,
    "efficiency_ratio": efficiency_ratio,
    "ema": ema,
    "ema_gap": ema_gap,
    "ema_slope": ema_slope,
    "extremes": extremes,
    "realised_vol": realised_vol,
    "rv_ratio": rv_ratio,
    "session_vwap": session_vwap,
    "tfi": tfi,
    "volume_median": volume_median,
    "wick": wick,
}
