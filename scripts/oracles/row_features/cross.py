"""Derivatives and other instruments."""

import numpy as np

from .context import Bars, Cells, nulls, over, per_segment, ratio, segment_of


def basis(ctx, p):
    P, S = ctx.traded, ctx.instruments[p["other"]]
    a, b = P.stat("mid_close").copy(), S.stat("mid_close").copy()
    no_mid = np.isnan(a) | np.isnan(b)
    both_real = P.real & S.real
    a[no_mid] = np.where(both_real, P.stat("close"), np.nan)[no_mid]
    b[no_mid] = np.where(both_real, S.stat("close"), np.nan)[no_mid]
    return {f"basis_pct_{p['other']}": Cells(ratio(a - b, b) * 100, ratio(a + b, b) * 100)}


@per_segment
def premium(s, p):
    own, mark, index = s.stat("premium"), s.stat("mark"), s.stat("index")
    known = ~np.isnan(own)
    value = np.where(known, own, ratio(mark - index, index)) * 1e4
    scale = np.where(known, np.abs(own), ratio(mark + index, index)) * 1e4
    return {"premium_bps": Cells(value, scale), "mark_dev_bps": Cells(ratio(s.c - mark, mark) * 1e4, ratio(s.c + mark, mark) * 1e4)}


def back(x, k):
    return np.concatenate([nulls(k), x])[: len(x)]


def funding(ctx, p):
    c = ctx.traded.stat("funding_rate")
    f4, f8 = back(c, 240), back(c, 480)
    v = np.where(ctx.traded.present, ctx.traded.stat("volume"), np.nan)
    total = lambda n: over(v, n, lambda w: w.sum(axis=1))
    size = np.abs(c) + np.abs(f4) + np.nan_to_num(np.abs(f8))
    return {
        "funding_rate": Cells(c),
        "funding_velocity_4h": Cells(c - f4, size),
        "funding_velocity_8h": Cells(c - f8, np.abs(c) + np.abs(f8)),
        "funding_acceleration": Cells(c - 2 * f4 + f8, 2 * size),
        "funding_volume": Cells(c * ratio(total(60) * 24, total(1440))),
    }


def oi_change(ctx, p):
    oi = ctx.traded.stat("open_interest")
    out = {}
    for name, minutes in (("4h", 240), ("24h", 1440), ("7d", 10080)):
        base = nulls(ctx.n)
        for late in range(15, -1, -1):  # the least late one wins
            x = back(oi, minutes + late)
            base = np.where(np.isnan(x), base, x)
        then = ratio(oi, base)
        out[f"oi_change_{name}"] = Cells(then - 1, then + 1)
    return out


def paired_returns(ctx, other):
    """(end minute, return of traded, return of other) of the 5m bars that both follow a bar of 5 minutes before."""
    found = []
    for m in (ctx.traded, other):
        bars, where = Bars(m, 0), segment_of(m, ctx.gap_minutes)
        closes = dict(zip(bars.end.tolist(), bars.c))
        found.append({t: np.log(c / closes[t - 5]) for t, c in closes.items() if t - 5 in closes and where[t] == where[t - 5] and not where[t][1]})
    ends = sorted(set(found[0]) & set(found[1]))
    return np.array([(t, found[0][t], found[1][t]) for t in ends]).reshape(-1, 3)


def correlation(ctx, p):
    least = max(p["min_valid_share"] * 288 * p["days"], 2)
    pairs = paired_returns(ctx, ctx.instruments[p["other"]])
    out, scale = nulls(ctx.n), nulls(ctx.n)
    for t in range(ctx.today, ctx.n):
        k = np.searchsorted(pairs[:, 0], t, side="right")
        if k >= least:
            x, y = pairs[:k, 1], pairs[:k, 2]
            u, w = x - x.mean(), y - y.mean()
            below = np.sqrt((u * u).sum() * (w * w).sum())
            if x.min() < x.max() and y.min() < y.max():
                out[t], scale[t] = (u * w).sum() / below, 1.0
    return {f"correlation_{p['other']}_{p['days']}d": Cells(out, scale)}


KINDS = {
    "basis": basis,
    "correlation": correlation,
    "funding": funding,
    "oi_change": oi_change,
    "premium": premium,
}
