"""Checks of the oracle itself: worked examples, libraries, known wrong library results, causality, and the comparison."""

import contextlib
import io
import json
import math
import pathlib
import tempfile
import types

import bidask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import statsmodels.api as sm
from scipy.stats import median_abs_deviation, norm
from sklearn.linear_model import LinearRegression

from . import cross, flow, golden, older, price
from .context import DAY_MINUTES, Context, Minutes, nulls, wmean, wsum, z_cells, zmad_cells

CHECKS = []


def check(f):
    CHECKS.append(f)
    return f


def near(a, b, tol=1e-12):
    a, b = np.asarray(a, float), np.asarray(b, float)
    assert a.shape == b.shape, (a.shape, b.shape)
    assert (np.isnan(a) == np.isnan(b)).all(), f"nulls: {a} and {b}"
    gap = np.abs(a - b) > tol * np.maximum(np.maximum(np.abs(a), np.abs(b)), 1e-300)
    assert not gap[~np.isnan(a)].any(), f"{a} is not {b}"


def differs(a, b, least=0.01):
    assert not abs(a - b) <= least * max(abs(a), abs(b)), f"{a} should not be {b}"


def day_of(rows, gap=10, filled=(), **stats):
    """A context of one day: (o, h, l, c, v) rows from minute 0, flat filled ones after them."""
    n, last = DAY_MINUTES, rows[-1][3]
    table = np.array([*rows, *[(last,) * 4 + (0.0,)] * (n - len(rows))], float)
    is_filled = np.zeros(n, bool)
    is_filled[len(rows) :] = True
    is_filled[list(filled)] = True
    columns = dict(zip(("open", "high", "low", "close", "volume"), table.T))
    columns |= {"quote_volume": table[:, 3] * table[:, 4], "buy_volume": table[:, 4] / 2, "vwap": nulls(n)}
    for name, values in stats.items():
        columns[name] = np.concatenate([np.asarray(values, float), nulls(n - len(values))])
    return Context([Minutes(columns, np.ones(n, bool), is_filled)], 0, gap)


def closes(c, **stats):
    return day_of([(x, x, x, x, 1.0) for x in c], **stats)


def bars_day(bars, **stats):
    """A day whose 5m bars are these (o, h, l, c, v)."""
    rows = []
    for o, h, l, c, v in bars:
        rows += [(o, h, l, o, v / 5), *[(o, o, o, o, v / 5)] * 3, (o, max(o, c), min(o, c), c, v / 5)]
    return day_of(rows, **stats)


def random_bars(n, seed=1, drift=0.0):
    rng = np.random.default_rng(seed)
    out, last = [], 100.0
    for _ in range(n):
        path = last * np.exp(np.cumsum(rng.normal(drift, 1e-3, 12)))
        out.append((path[0], path.max(), path.min(), path[-1], float(rng.integers(1, 50))))
        last = path[-1] * math.exp(rng.normal(0, 3e-4))
    return out


def value(kind, ctx, name, t, **p):
    return kind(ctx, p)[name].value[t]


# ---- windows, segments, bars ---------------------------------------------------------------------------------------------


@check
def windows_by_hand():
    x = np.array([1.0, np.nan, 3.0, 5.0])
    near(wsum(x, 2, 0.5), [np.nan, 1, 3, 8])
    near(wsum(x, 2, 1.0), [np.nan, np.nan, np.nan, 8])
    near(wmean(x, 3, 0.5), [np.nan, np.nan, 2, 4])
    # 3 and 5 and 1: mean 3, deviation 2.
    near(z_cells(np.array([1.0, 3.0, np.nan, 5.0]), 4, 0.5).value, [np.nan] * 3 + [1.0])
    near(z_cells(np.full(3, 0.1), 3, 1.0).value, [np.nan] * 3)
    near(zmad_cells(np.array([1.0, 2.0, 4.0, 9.0]), 4, 1.0).value[3:], [(9 - 3) / (1.4826 * 1.5)])


@check
def windows_against_pandas_and_scipy():
    x = np.random.default_rng(2).normal(5, 1, 300)
    x[::7] = np.nan
    s = pd.Series(x)
    roll = s.rolling(40, min_periods=1)
    expected = ((s - roll.mean()) / roll.std()).to_numpy().copy()
    expected[:39] = np.nan
    near(z_cells(x, 40, 0.5).value, expected, 1e-9)
    w = x[100:140]
    near(zmad_cells(x, 40, 0.5).value[139], (w[-1] - np.nanmedian(w)) / (1.4826 * median_abs_deviation(w, nan_policy="omit")))


@check
def segments_by_hand():
    ctx = closes([100.0] * 40, filled=range(10, 22))
    # 12 filled minutes: 10 of them still count, then a gap of 2; minute 40 on is the next.
    assert ctx.pieces == [(0, 20), (22, 50)], ctx.pieces
    assert list(np.flatnonzero(ctx.in_gap[:60])) == [20, 21, *range(50, 60)]
    # The bar of minutes 20..24 ends in the second segment, that of 15..19 in the first; none ends in the gap.
    assert list(ctx.segments[0].bars.end) == [4, 9, 14, 19] and ctx.segments[1].bars.end[0] == 24
    near(older.ema(ctx, {"bars": 2})["ema_2"].value[[8, 9, 19, 24, 28, 29]], [np.nan, 100, 100, np.nan, np.nan, 100])


@check
def older_kinds_by_hand():
    ctx = bars_day([(10, 12, 9, 11, 5), (11, 11, 8, 9, 10), (9, 13, 9, 12, 15), (12, 14, 11, 13, 5)])
    # True ranges 3, 3 (11 - 8), 4 (13 - 9), 3: mean of two 3, then (3 + 4) / 2, (3.5 + 3) / 2.
    near(older.atr(ctx, {"bars": 2})["atr_2"].value[[4, 9, 14, 19]], [np.nan, 3, 3.5, 3.25])
    near(older.ema(ctx, {"bars": 3})["ema_3"].value[[14, 19]], [0.5 * 12 + 0.5 * 10, 0.5 * 13 + 0.5 * 11])
    near(older.efficiency_ratio(ctx, {"bars": 3})["efficiency_ratio_3"].value[19], 2 / 6)
    near(older.extremes(ctx, {"bars": 2})["high_2"].value[19], 13)
    near(older.volume_median(ctx, {"bars": 3})["volume_median_3"].value[19], 10)
    near(older.wick(ctx, {})["upper_wick"].value[19], 1 / 3)
    near(older.tfi(ctx, {"minutes": 5})["tfi_5"].value[19], 0)
    near(older.ema_slope(ctx, {"bars": 3, "lag": 1, "atr_bars": 2})["ema_slope_3_1_2"].value[19], (12 - 11) / 3.25)
    near(older.realised_vol(closes([1, 2, 1, 1]), {"minutes": 2, "min_valid_share": 1})["realised_vol_2"].value[2:4],
         [math.sqrt(2) * math.log(2), math.log(2)])


# ---- volatility ------------------------------------------------------------------------------------------------------------


@check
def range_estimators_by_hand():
    ctx = bars_day([(100, 102, 99, 101, 5)] * 2)
    a, b = math.log(102 / 99), math.log(101 / 100)
    near(value(price.parkinson, ctx, "parkinson_2", 9, bars=2), a / math.sqrt(4 * math.log(2)))
    near(value(price.garman_klass, ctx, "garman_klass_2", 9, bars=2), math.sqrt(0.5 * a * a - (2 * math.log(2) - 1) * b * b))
    rs = math.log(102 / 101) * math.log(102 / 100) + math.log(99 / 101) * math.log(99 / 100)
    near(value(price.rogers_satchell, ctx, "rogers_satchell_2", 9, bars=2), math.sqrt(rs))
    assert math.isnan(value(price.parkinson, ctx, "parkinson_2", 8, bars=2))
    # A bar that only moved from open to close: Garman-Klass is 0.5 - 0.386, never negative; a doji without range gives 0.
    near(value(price.parkinson, bars_day([(5, 5, 5, 5, 1)] * 2), "parkinson_2", 9, bars=2), 0.0)


@check
def yang_zhang_is_not_mlfinpys():
    """mlfinpy takes ln(c / o of the bar before), no demeaning, n - 1 for Rogers-Satchell (SPEC A.2)."""
    bars = random_bars(120)
    o, h, l, c, _ = map(np.array, zip(*bars))
    n = 60
    ours = price.yang_zhang_of(o, h, l, c, n)[-1]
    w = slice(-n, None)
    gap = pd.Series(np.log(o[1:] / c[:-1]))[w]
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    rs = price.rogers_satchell_terms(o, h, l, c)[w]
    near(ours, math.sqrt(gap.var() + k * pd.Series(np.log(c / o))[w].var() + (1 - k) * rs.mean()))
    wrong_close = np.log(c[1:] / o[:-1])[w]
    wrong = math.sqrt((gap**2).sum() / (n - 1) + k * (wrong_close**2).sum() / (n - 1) + (1 - k) * rs.sum() / (n - 1))
    differs(wrong, ours)
    assert wrong > ours, "two bars' moves are counted for one"


@check
def ewma_vol_by_its_weights():
    bars = random_bars(40)
    ctx = bars_day(bars)
    got = price.ewma_vol(ctx, {"bars": 8})["ewma_vol_8"].value
    r = ctx.segments[0].bars.r[1:40]
    for k in (8, 20, 39):
        w = (1 - 2 / 9) ** np.arange(k)[::-1]
        x = r[:k]
        mean = (w * x).sum() / w.sum()
        biased = (w * (x - mean) ** 2).sum() / w.sum()
        near(got[5 * k + 4], math.sqrt(biased / (1 - (w**2).sum() / w.sum() ** 2)), 1e-9)
        differs(math.sqrt(biased), got[5 * k + 4])
    assert math.isnan(got[5 * 7 + 4])


@check
def jump_by_published_numbers():
    """SPEC A.2: 288 returns, integrated variance 4.0e-4, one jump of 1 %; zeros kill bipower, not RV."""
    rng = np.random.default_rng(3)
    raw, zeros = [], []
    for _ in range(400):
        r = rng.normal(0, math.sqrt(4e-4 / 288), 288)
        quiet = np.where(rng.random(288) < 0.4, 0.0, r / math.sqrt(0.6))
        r[rng.integers(288)] += 0.01
        for x, to in ((np.abs(r), raw), (np.abs(quiet), zeros)):
            med = np.median(np.stack([x[:-2], x[1:-1], x[2:]]), axis=0)
            sums = (x**2).sum(), (x[1:] * x[:-1]).sum(), (med**2).sum(), (np.minimum(x[1:], x[:-1]) ** 2).sum()
            to.append(price.jump_sums(288.0, *sums))
    rv, bv, med, low = np.mean(raw, axis=0)
    for got, published in ((rv, 5.0e-4), (bv, 4.268e-4), (med, 4.058e-4), (low, 4.053e-4)):
        assert abs(got / published - 1) < 0.02, (got, published)
    assert abs(np.mean(zeros, axis=0)[1] / 4e-4 - 0.597) < 0.02
    one = {"rv_n": [4.0], "rv_zero": [1.0], "rv": [10.0], "rv_bipower": [3.0], "rv_med": [1.0], "rv_min": [2.0]}
    p = {"minutes": 1, "max_zero_share": 0.25, "min_valid_share": 0.3}
    got = {k: v.value[0] for k, v in price.jump(closes([1.0], **one), p).items()}
    near(got["bipower_1"], math.pi / 2 * 4 / 3 * 3)
    near(got["medrv_1"], math.pi / (6 - 4 * math.sqrt(3) + math.pi) * 2)
    near(got["minrv_1"], math.pi / (math.pi - 2) * 4 / 3 * 2)
    near(got["jump_share_1"], (10 - got["bipower_1"]) / 10)
    near(got["jump_var_1"], 10 - got["bipower_1"])
    quiet = {k: v.value[0] for k, v in price.jump(closes([1.0], **one), p | {"max_zero_share": 0.2}).items()}
    assert quiet.pop("rv_1") == 10 and len(quiet) == 5 and np.isnan(list(quiet.values())).all(), "nothing of zeros but RV"
    assert math.isnan(price.jump(closes([1.0], **one), p | {"min_valid_share": 0.5})["rv_1"].value[0])


@check
def jump_z_is_a_normal_number_without_jumps():
    """Size and power of the test of Barndorff-Nielsen and Shephard on 720 returns; its constants by numerical integration."""
    grid = np.linspace(-12, 12, 2_000_001)
    moment = lambda k: (np.abs(grid) ** k * norm.pdf(grid)).sum() * (grid[1] - grid[0])
    near(price.MU_43, moment(4 / 3), 1e-8)
    # Asymptotic variances of sqrt(M) (RV, BV) / sigma^2 under no jumps: 2 and pi^2/4 + pi - 3, their covariance 2.
    near(price.THETA, moment(1) ** -4 + 2 * moment(1) ** -2 - 3 + (moment(4) - 1) - 2 * 2, 1e-8)
    rng = np.random.default_rng(11)
    M, quiet, jumpy = 720, [], []
    for _ in range(4000):
        r = rng.normal(0, 1e-4, M)
        for jump, to in ((0.0, quiet), (1e-3, jumpy)):
            x = np.abs(r + np.where(np.arange(M) == 300, jump, 0.0))
            tri = (x[2:] * x[1:-1] * x[:-2]) ** (4 / 3)
            to.append(float(price.jump_z_of(float(M), (x**2).sum(), (x[1:] * x[:-1]).sum(), tri.sum())[0]))
    quiet, jumpy = np.array(quiet), np.array(jumpy)
    assert abs(quiet.mean()) < 0.1 and 0.93 < quiet.std() < 1.05, (quiet.mean(), quiet.std())
    assert 0.04 < (quiet > norm.ppf(0.95)).mean() < 0.065, (quiet > norm.ppf(0.95)).mean()
    assert (jumpy > norm.ppf(0.999)).mean() > 0.5, "a jump of ten standard deviations of one return"
    z, _ = price.jump_z_of(5.0, 5.0, 4.0, 3.0)
    BV, TQ = math.pi / 2 * 5 / 4 * 4, 5 / price.MU_43**3 * 5 / 3 * 3
    near(z, (5 - BV) / 5 / math.sqrt(price.THETA / 5 * max(1, TQ / BV**2)))
    # Zeros: a share of 5 % raises it by about 0.05 sqrt(720 / 0.61).
    r = rng.normal(0, 1e-4, (1000, M)) * (rng.random((1000, M)) >= 0.05)
    x = np.abs(r)
    z, _ = price.jump_z_of(float(M), (x**2).sum(1), (x[:, 1:] * x[:, :-1]).sum(1), ((x[:, 2:] * x[:, 1:-1] * x[:, :-2]) ** (4 / 3)).sum(1))
    assert abs(z.mean() - 0.05 * math.sqrt(M / 0.61)) < 0.4, z.mean()


# ---- spreads, illiquidity ------------------------------------------------------------------------------------------------------


@check
def roll_is_null_where_libraries_see_a_spread():
    """mlfinlab and openquant take sqrt(abs(cov)): a trend then looks like a wide spread (SPEC A.1.8)."""
    bounce = np.array([0.001, -0.001, 0.001, -0.001, 0.001])
    near(price.roll_of(bounce)[0], 2 * math.sqrt(-np.cov(bounce[1:], bounce[:-1])[0, 1]))
    trend = np.array([0.001, 0.002, 0.003, 0.004])
    assert math.isnan(price.roll_of(trend)[0])
    wrong = 2 * math.sqrt(abs(np.cov(trend[1:], trend[:-1])[0, 1]))
    assert wrong > 1e-3, "the known wrong form gives a spread of 20 bp"
    c = 100 * np.exp(np.concatenate([[0], np.cumsum(bounce)]))
    got = price.roll(closes(c), {"minutes": 5})["roll_5"].value
    near(got[5], price.roll_of(np.log(c[1:] / c[:-1]))[0])
    assert math.isnan(got[4]), "five returns need six minutes"


@check
def corwin_schultz_golden():
    alpha, S = price.corwin_schultz_pair(*map(np.array, (101.0, 100.0, 102.0, 100.5)))
    assert abs(alpha - -0.0047226248) < 1e-10 and abs(S - -0.0047226161) < 1e-10, (alpha, S)
    bars = random_bars(13)
    got = value(price.corwin_schultz, bars_day(bars), "corwin_schultz_12", 64, bars=12)
    h, l = np.array([(max(b[:4]), min(b[:4])) for b in bars]).T
    alpha, S = price.corwin_schultz_pair(h[:-1], l[:-1], h[1:], l[1:])
    near(got, np.maximum(S, 0).mean())
    # AFML averages beta first and leaves gamma alone: another estimator.
    k = 3 - 2 * math.sqrt(2)
    beta = (np.log(h[1:] / l[1:]) ** 2 + np.log(h[:-1] / l[:-1]) ** 2).mean()
    gamma = math.log(max(h[-2:]) / min(l[-2:])) ** 2
    a = (math.sqrt(2 * beta) - math.sqrt(beta)) / k - math.sqrt(gamma / k)
    differs(max(2 * (math.exp(a) - 1) / (1 + math.exp(a)), 0), got)
    near(value(price.corwin_schultz, bars_day([(5, 5, 5, 5, 1)] * 3), "corwin_schultz_2", 14, bars=2), 0.0)


@check
def edge_against_bidask():
    bars = random_bars(200, seed=5)
    bars[30:45] = [(100.0,) * 4 + (1.0,)] * 15
    o, h, l, c, _ = map(np.array, zip(*bars))
    known = 0
    for n in (3, 4, 12, 40):
        for i in range(n, 200):
            w = slice(i - n, i)
            theirs = bidask.edge(o[w], h[w], l[w], c[w])
            ours = price.edge_of(o[w], h[w], l[w], c[w])
            assert math.isnan(ours) == math.isnan(theirs), (n, i, ours, theirs)
            known += not math.isnan(ours)
            if not math.isnan(ours):
                near(ours, theirs, 1e-10)
    assert 600 < known < 780, f"{known}: nulls and values were both compared"


@check
def amihud_divides_by_the_minutes_used():
    """openquant divides by the whole window: biased down (SPEC A.1.5)."""
    ctx = day_of([(100, 100, 100, 100, 2.0), (101, 101, 101, 101, 0.0), (102, 102, 102, 102, 4.0), (101, 101, 101, 101, 5.0)])
    got = value(price.amihud, ctx, "amihud_3", 3, minutes=3, min_valid_share=0.5)
    terms = [abs(math.log(102 / 101)) / 408, abs(math.log(101 / 102)) / 505]
    near(got, 1e9 * sum(terms) / 2)
    near(got / (1e9 * sum(terms) / 3), 1.5)
    assert math.isnan(value(price.amihud, ctx, "amihud_3", 3, minutes=3, min_valid_share=0.7))


@check
def hasbrouck_keeps_the_sign():
    """mlfinlab regresses abs(r) on the signed S: 1e-6 becomes about 0 (SPEC A.1.6)."""
    rng = np.random.default_rng(4)
    S = rng.normal(0, 300, 1000)
    r = 1e-6 * S + rng.normal(0, 1e-5, 1000)
    c = 100 * np.exp(np.cumsum(r))
    ctx = closes(c, signed_sqrt_quote=S)
    got = value(price.hasbrouck, ctx, "hasbrouck_999", 999, minutes=999, min_valid_share=0.5)
    slope = LinearRegression(fit_intercept=False).fit(S[1:, None], r[1:]).coef_[0]
    near(got, slope, 1e-9)
    assert abs(got / 1e-6 - 1) < 0.01
    wrong = price.hasbrouck_of(S[1:], np.abs(r[1:]))
    assert abs(wrong) < 2e-7, wrong


# ---- price impact -------------------------------------------------------------------------------------------------------------------


@check
def kyle_against_lstsq_and_statsmodels():
    """mlfinlab's is mean(abs(dp) / v): Amihud in price units, without any order flow (SPEC A.1.4)."""
    rng = np.random.default_rng(6)
    x = rng.normal(1, 5, (30, 6))
    y = 0.02 * x + rng.normal(0, 0.1, x.shape) + 0.01
    sums = {"flow_n": np.full(30, 6.0), "flow_x": x.sum(1), "flow_y": y.sum(1), "flow_xx": (x * x).sum(1)}
    sums |= {"flow_xy": (x * y).sum(1), "flow_yy": (y * y).sum(1), "mid_close": np.full(30, 200.0)}
    got = {k: v.value for k, v in flow.kyle(closes([1.0] * 30, **sums), {"minutes": 10, "min_valid_share": 0.5}).items()}
    for t in (9, 20, 29):
        X, Y = x[t - 9 : t + 1].ravel(), y[t - 9 : t + 1].ravel()
        fit = sm.OLS(Y, sm.add_constant(X)).fit()
        near(got["kyle_lambda_10"][t], fit.params[1], 1e-9)
        near(got["kyle_lambda_10"][t], np.linalg.lstsq(np.column_stack([np.ones(60), X]), Y, rcond=None)[0][1], 1e-9)
        near(got["kyle_lambda_10"][t], LinearRegression().fit(X[:, None], Y).coef_[0], 1e-9)
        near(got["kyle_r2_10"][t], fit.rsquared, 1e-9)
        near(got["kyle_t_10"][t], fit.tvalues[1], 1e-9)
        near(got["kyle_bp_10"][t], fit.params[1] * 1e10 / 200.0**2, 1e-9)
        V = np.abs(X) + 5.0
        wrong = (np.diff(Y) / (V[1:] * np.sign(np.diff(Y)))).mean()
        near(wrong, (np.abs(np.diff(Y)) / V[1:]).mean())
        differs(wrong, got["kyle_lambda_10"][t])
    assert math.isnan(got["kyle_lambda_10"][8])
    exact = flow.kyle_of_sums(*map(np.array, (4.0, 10.0, 20.0, 30.0, 60.0, 120.0)))  # y = 2 x
    near([exact[0], exact[1], exact[2]], [2, 1, np.nan])
    flat = flow.kyle_of_sums(*map(np.array, (4.0, 10.0, 0.0, 30.0, 0.0, 0.0)))
    near(flat, [0, np.nan, np.nan])
    assert np.isnan(flow.kyle_of_sums(*map(np.array, (4.0, 8.0, 20.0, 16.0, 40.0, 120.0)))).all(), "x always 2"


@check
def a_spike_is_over_a_lambda_that_is_one():
    """The ratio to an estimate that is not told from 0 has no bound: it is null."""
    rng = np.random.default_rng(12)
    n = 1400
    x = rng.normal(0, 5, (n, 6))
    noise = rng.normal(0, 0.3, x.shape)
    for slope, known in ((0.0, (0.002, 0.06)), (0.03, (0.99, 1.0))):
        y = slope * x + noise
        sums = {"flow_n": np.full(n, 6.0), "flow_x": x.sum(1), "flow_y": y.sum(1), "flow_xx": (x * x).sum(1)}
        sums |= {"flow_xy": (x * y).sum(1), "flow_yy": (y * y).sum(1)}
        p = {"minutes": 30, "lag": 10, "min_t": 2.0, "min_valid_share": 0.5}
        got = flow.kyle_slope(closes([1.0] * n, **sums), p)["kyle_spike_30_10"].value[39:n]
        share = (~np.isnan(got)).mean()
        assert known[0] <= share <= known[1], (slope, share)
        assert np.nanmax(got) < 5, (slope, np.nanmax(got))
        lam = flow.kyle(closes([1.0] * n, **sums), p)["kyle_lambda_30"].value[29:n]
        ratio = lam[10:] / lam[:-10]
        any_positive = ratio[(lam[10:] > 0) & (lam[:-10] > 0)]
        if slope == 0:
            assert any_positive.max() > 20, "what the ratio would be without the rule"


@check
def kyle_minute_against_statsmodels():
    rng = np.random.default_rng(7)
    x = rng.normal(0, 5, 60)
    mid = 100 + np.cumsum(0.02 * x + rng.normal(0, 0.1, 60))
    x[[15, 33]] = np.nan
    mid[40] = np.nan  # takes the change to it and the one from it
    ctx = closes([1.0] * 60, signed_volume=x, mid_close=mid)
    got = {k: v.value for k, v in flow.kyle_minute(ctx, {"minutes": 30, "nw_lag": 4, "min_valid_share": 0.5}).items()}
    for t in (29, 30, 50, 59):
        y = np.diff(mid, prepend=np.nan)[t - 29 : t + 1]
        keep = ~np.isnan(y) & ~np.isnan(x[t - 29 : t + 1])
        X, Y = x[t - 29 : t + 1][keep], y[keep]
        model = sm.OLS(Y, sm.add_constant(X))
        fit = model.fit(cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": False})
        near(got["kyle_minute_lambda_30"][t], fit.params[1], 1e-9)
        near(got["kyle_minute_r2_30"][t], fit.rsquared, 1e-9)
        near(got["kyle_minute_t_30"][t], fit.tvalues[1], 1e-9)
        near(got["kyle_minute_residual_30"][t], fit.resid[-1] / math.sqrt((fit.resid**2).sum() / (len(Y) - 2)), 1e-8)
        corrected = model.fit(cov_type="HAC", cov_kwds={"maxlags": 4, "use_correction": True}).tvalues[1]
        differs(corrected, got["kyle_minute_t_30"][t])
    assert math.isnan(got["kyle_minute_residual_30"][40]) and not math.isnan(got["kyle_minute_lambda_30"][40])


# ---- toxicity --------------------------------------------------------------------------------------------------------------------------


@check
def vpin_is_a_share():
    """mlfinlab: rolling mean of imbalances over the volume of the current bar alone, up to 5 (SPEC A.1.7)."""
    buckets, imbalance = [2.0, 1.0, 3.0, 0.0, 2.0], [1.0, 0.5, 1.5, 0.0, 2.0]
    ctx = closes([1.0] * 5, vpin_buckets=buckets, vpin_imbalance=imbalance)
    got = {k: v.value for k, v in flow.vpin(ctx, {"buckets": 4, "lookback": 3, "min_valid_share": 0.6}).items()}
    near(got["vpin_4"][:5], [np.nan, np.nan, 2.0 / 4, 2.0 / 4, 3.5 / 5])
    near(got["vpin_pct_4_3"][:5], [np.nan, np.nan, np.nan, 1.0, 1.0])
    volumes, signed = np.array([10.0, 12.0, 1.0]), np.array([10.0, -9.0, 1.0])
    assert np.abs(signed).mean() / volumes[-1] > 1 and np.abs(signed).sum() / volumes.sum() <= 1


@check
def vpin_bvc_with_norm_cdf():
    c, v = [100.0, 101, 100.5, 102, 101, 103], [1.0, 2, 3, 0, 5, 6]
    ctx = day_of([(x, x, x, x, w) for x, w in zip(c, v)])
    got = value(flow.vpin_bvc, ctx, "vpin_bvc_3", 5, minutes=3, sigma_minutes=2, min_valid_share=0.6)
    d = np.diff(c)
    part = lambda i: abs(2 * norm.cdf(d[i] / np.std([d[i - 1], d[i]], ddof=1)) - 1) * v[i + 1]
    near(got, (part(3) + part(4)) / 11)


@check
def flow_toxicity_by_hand():
    ctx = bars_day([(100, 100, 100, 100, 10), (100, 102, 100, 102, 20), (102, 102, 100, 100, 30), (100, 103, 100, 103, 50), (103, 103, 103, 103, 10)])
    got = {k: v.value for k, v in flow.flow_toxicity(ctx, {"bars": 3, "volume_bars": 1, "min_ratio": 1.0}).items()}
    x = np.array([0.02 / 2, (2 / 102) / 1.5, 0.03 / (5 / 3)])
    near(got["flow_toxicity_mean_3"][19], x.mean() * 1e4)
    near(got["flow_toxicity_3"][19], round(x.mean() / x.std(), 2))
    assert np.isnan(got["flow_toxicity_3"][[14, 24]]).all(), "before 4 bars; two of three thereafter"
    near([flow.half_away(x, 2) for x in (0.125, -0.125, 1.2)], [0.13, -0.13, 1.2])


# ---- the rest --------------------------------------------------------------------------------------------------------------------------


@check
def resilience_and_sizes_by_hand():
    stats = {"n_refills": [1, 2.0], "n_depletions": [2, 3.0], "refill_secs": [4, 5.0], "size_sq": [9, 16.0]}
    stats |= {"book_removed_bid": [10, 2.0], "book_removed_ask": [1, np.nan], "book_added_bid": [3, 5.0], "book_added_ask": [1, 1.0]}
    ctx = day_of([(1, 1, 1, 1, 4.0), (1, 1, 1, 1, 6.0)], **stats)  # half of the volume is bought
    got = {k: v.value[1] for k, v in flow.replenishment(ctx, {"minutes": 2, "min_valid_share": 0.5}).items()}
    near(list(got.values()), [3 / 5, 3.0, (12 - 5) / 12, 0.0, 6 / 10])
    near(value(flow.size_concentration, ctx, "size_concentration_2", 1, minutes=2, min_valid_share=1.0), 25 / 100)


@check
def intensity_threshold_trend_by_hand():
    c = [100.0, 101, 100, 101, 110, 110]
    got = flow.hawkes(closes(c), {"sigma_minutes": 3, "threshold": 2.0, "decay_minutes": 4.0, "jump": 0.7})["hawkes_3"].value
    near(got[:6], [np.nan] * 4 + [1.7, 1 + 0.7 * math.exp(-0.25)])
    up = [(c, c, c, c, 1.0) for c in (1, 2, 3, 4, 5, 4.5, 4, 3, 2, 1)]
    got = price.ema_trend(bars_day(up), {"fast": 1, "slow": 3})["ema_trend_1_3"].value[4:50:5]
    near(got, [np.nan, np.nan, np.nan, 1, 1, 0, 0, -1, -1, -1])
    got = price.activity_ratio(day_of([(1, 1, 1, 1, v) for v in (1, 1, 1, 9.0, 0, 0)]), {"short_minutes": 1, "long_minutes": 3})
    near(got["activity_ratio_1_3"].value[:6], [1, 1, 1, 9 / (11 / 3), 0.25, 0.25])


@check
def intrabar_by_hand():
    o, c = np.array([10.0, 11, 12, 11, 12]), np.array([11.0, 12, 11, 12, 13])
    got = price.intrabar_of(o, np.maximum(o, c), np.minimum(o, c), c, np.array([1.0, 2, 3, 4, 10]))
    moves = [math.log(11 / 10), math.log(12 / 11), math.log(11 / 12), math.log(12 / 11), math.log(13 / 12)]
    near(got, [1.0, 0.8, 3 / 5, 3 / 20, moves[0] ** 2 / sum(m * m for m in moves)])


@check
def the_session_goes_on_after_a_gap():
    rows = [(10, 10, 10, 10, 1.0)] + [(10, 10, 10, 10, 0.0)] * 13 + [(20, 20, 20, 20, 3.0)]
    ctx = day_of(rows, filled=range(1, 14))
    got = older.session_vwap(ctx, {})["session_vwap"].value
    near(got[[0, 10, 11, 13, 14]], [10, 10, np.nan, np.nan, 17.5])


@check
def session_vwap_z_by_hand():
    ctx = day_of([(10, 10, 10, 10, 1.0), (20, 20, 20, 20, 3.0)])
    got = price.session_vwap_z(ctx, {"min_minutes": 2})["session_vwap_z"].value
    near(got[:2], [np.nan, (20 - 17.5) / math.sqrt((1 * 7.5**2 + 3 * 2.5**2) / 4)])


@check
def derivatives_by_hand():
    n = 8 * DAY_MINUTES
    rng = np.random.default_rng(8)
    c = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    base = {k: c for k in ("open", "high", "low", "close")} | {"volume": np.full(n, 2.0)}
    oi = np.full(n, np.nan)
    t = n - 100
    oi[[t, t - 240 - 3, t - 240 - 9, t - 1440 - 16, t - 10080]] = 100, 80, 70, 60, 200.0
    rate = np.arange(n) / n
    own = base | {"open_interest": oi, "funding_rate": rate, "mark": c * 1.01, "index": c, "premium": nulls(n)}
    other = {k: c * 1.5 for k in ("open", "high", "low", "close")} | {"volume": np.full(n, 2.0)}
    real = np.ones(n, bool), np.zeros(n, bool)
    ctx = Context([Minutes(own, *real), Minutes(other, *real)], 0, 10)
    got = cross.oi_change(ctx, {})
    near([got[f"oi_change_{k}"].value[t] for k in ("4h", "24h", "7d")], [0.25, np.nan, -0.5])
    got = cross.funding(ctx, {})
    near(got["funding_velocity_8h"].value[t], 480 / n, 1e-9)
    near(got["funding_acceleration"].value[t] + 1, 1.0)
    differs(got["funding_acceleration"].value[t] + 1, rate[t] - 2 * (rate[t] - rate[t - 240]) + (rate[t] - rate[t - 480]) + 2)
    near(got["funding_volume"].value[t], rate[t])
    near(cross.premium(ctx, {})["premium_bps"].value[t], 100.0, 1e-9)
    near(cross.premium(ctx, {})["mark_dev_bps"].value[t], -1e4 * 0.01 / 1.01, 1e-9)
    near(cross.basis(ctx, {"other": 1})["basis_pct_1"].value[t], (1 - 1.5) / 1.5 * 100, 1e-9)
    near(cross.correlation(ctx, {"other": 1, "days": 7, "min_valid_share": 0.9})["correlation_1_7d"].value[t], 1.0)
    got = cross.paired_returns(ctx, ctx.instruments[1])
    near(got[:, 1], np.log(c[9::5] / c[4:-5:5]), 1e-9)


# ---- causality and the comparison --------------------------------------------------------------------------------------------------------


def small_rows():
    plan = {"start_ticks": [16000, 15990], "seeds": [5, 6], "jumps": [[2900], []]}
    plan |= {"flat": [[[3500, 3530]], []], "filled": [[[2000, 2030], [3300, 3320]], [[3400, 3430]]], "absent": [[[2500, 2502]], []]}
    return [golden.generate(i, plan, 3) for i in range(2)]


@check
def no_feature_sees_what_comes_later():
    """Rows after minute 800 of the day are changed; every value up to it keeps its bits."""
    from __main__ import History

    rows, cut = small_rows(), 2 * DAY_MINUTES + 800
    rng = np.random.default_rng(9)
    noisy = []
    for m in rows:
        columns = {k: np.where(np.arange(m.n) > cut, v * rng.uniform(0.9, 1.1, m.n), v) for k, v in m.columns.items()}
        noisy.append(Minutes(columns, m.present, m.filled | (np.arange(m.n) > cut) & (rng.random(m.n) < 0.3)))
    histories = [
        History(lambda i, d, source=source: source[i].slice(d * DAY_MINUTES, (d + 1) * DAY_MINUTES) if 0 <= d < 3 else None, 0, 2, 10)
        for source in (rows, noisy)
    ]
    changed = 0
    with np.errstate(all="ignore"):
        for feature in golden.FEATURES:
            if feature["kind"] == "oi_change":
                feature = feature | {"days_back": 2}
            before, after = (h.compute(2, feature) for h in histories)
            assert before, feature
            for name in before:
                a, b = before[name][0], after[name][0]
                assert np.array_equal(a[:801], b[:801], equal_nan=True), f"{name} sees the future"
                changed += not np.array_equal(a[801:], b[801:], equal_nan=True)
    assert changed > 85, f"{changed} columns changed at all"


@check
def the_comparison_finds_what_differs():
    import __main__ as oracle

    rows = small_rows()
    base = 19_000
    with tempfile.TemporaryDirectory() as folder, np.errstate(all="ignore"):
        lake = pathlib.Path(folder)
        names = ["sim-binance:um:AAA", "sim-binance:spot:BBB"]
        for name, m in zip(names, rows):
            write_set(lake / "bars" / name.replace(":", "/") / "0123", base, {d: table_of(m.slice(d * 1440, d * 1440 + 1440), base + d) for d in range(3)})
        features = [f for f in golden.FEATURES if f["kind"] in ("tfi", "kyle", "rv_ratio", "session_vwap", "oi_change")]
        features += [{"kind": "basis", "other": 0, "days_back": 1}]
        spec = {"watermark": 250000, "segment_gap_minutes": 10, "features": features, "bar_set": "0123"}
        spec["universe"] = [{"instrument": names[1], "role": "reference"}, {"instrument": names[0], "role": "traded"}]
        day = lambda i, d: rows[1 - i].slice((d - base) * 1440, (d - base + 1) * 1440) if 0 <= d - base < 3 else None
        history = oracle.History(day, 1, 2, 10)
        values = {f["kind"]: history.compute(base + 2, f) for f in features}
        columns = {name: v for group in values.values() for name, (v, _) in group.items()}
        opens = ((base + 2) * 1440 + np.arange(1440)) * 60_000_000

        def outcome(changed, allow_empty=True):
            data = {"ts_open": pa.array(opens, pa.timestamp("us", "UTC")), "ts_avail": pa.array(opens + 60_250_000, pa.timestamp("us", "UTC"))}
            data |= {k: pa.array(v, mask=np.isnan(v)) for k, v in changed.items()}
            write_set(lake / "features" / "u" / "s", base, {2: pa.table(data)}, spec)
            args = types.SimpleNamespace(kinds=None, days=None, tol=1e-9, allow_empty=allow_empty, json=None)
            found = json.loads((lake / "features" / "u" / "s" / "manifest.json").read_text())
            with contextlib.redirect_stdout(io.StringIO()) as text:
                ok = oracle.compare(lake, lake / "features" / "u" / "s", found, args)
            return ok, text.getvalue()

        ok, text = outcome(columns)
        assert ok, text
        at = int(np.flatnonzero(~np.isnan(columns["tfi_20"]))[100])
        for change in (lambda x: x * (1 + 1e-8), lambda x: np.nan):
            other = columns["tfi_20"].copy()
            other[at] = change(other[at])
            ok, text = outcome(columns | {"tfi_20": other})
            assert not ok and text.count("FAILED") == 1 and f"{at // 60:02}:{at % 60:02}" in text, text
        filled_in = np.where(np.isnan(columns["basis_pct_0"]), 0.0, columns["basis_pct_0"])
        assert not outcome(columns | {"basis_pct_0": filled_in})[0]
        assert not outcome({k: v for k, v in columns.items() if k != "kyle_t_20"})[0], "a column is missing"
        assert not outcome(columns | {"unknown_5": columns["tfi_20"]})[0], "a column too many"
        ok, text = outcome(columns, allow_empty=False)
        assert not ok and text.count("FAILED") == 3 and "oi_change_7d" in text, f"oi_change has no value at all: {text}"
        assert not outcome(columns | {"oi_change_7d": np.ones(1440)})[0], "null all day: a day before has no rows"


@check
def days_of_other_sources_do_not_mix():
    from __main__ import History
    from .sources import Sources

    ones = np.ones(DAY_MINUTES)
    rows = {k: 100 * ones for k in ("open", "high", "low", "close")} | {"volume": ones, "quote_volume": 100 * ones, "buy_volume": ones}

    def ofi_of(*sources):
        """ofi_60 at 00:28 and 00:29 of the last day; 3 a minute on the days before, 2 on the last. And tfi_60, which is of trades."""
        last = len(sources) - 1
        days = [Minutes(rows | {"ofi": (2 if d == last else 3) * ones}, ones > 0, ones < 0, s) for d, s in enumerate(sources)]
        history = History(lambda i, d: days[d] if 0 <= d <= last else None, 0, 1, 10)
        p = {"kind": "ofi", "minutes": 60, "min_valid_share": 0.5, "days_back": last}
        tfi = history.compute(last, {"kind": "tfi", "minutes": 60, "days_back": 1})["tfi_60"][0][0]
        assert tfi == 1.0, "trades reach over midnight whatever touches are made of"
        return history.compute(last, p)["ofi_60"][0][28:30]

    def events():
        return Sources("book_ticker", "l2_deltas", "trades")

    def images(every):
        return Sources("book", f"l2_snapshots@{every}", "trades")

    near(ofi_of(events(), events()), [31 * 3 + 29 * 2, 30 * 3 + 30 * 2])
    near(ofi_of(events(), Sources("book_ticker", "l2_snapshots@1s", "trades")), [31 * 3 + 29 * 2, 30 * 3 + 30 * 2])
    near(ofi_of(images("1s"), images("1s")), [31 * 3 + 29 * 2, 30 * 3 + 30 * 2])
    for before in (events(), images("10s"), Sources("none", "none", "trades"), None):
        near(ofi_of(before, images("1s")), [np.nan, 30 * 2])
    # The day between is hidden, not the one before it; the sum of W_60 has none of it.
    near(ofi_of(events(), images("1s"), events()), [np.nan, 30 * 2])
    # Prices of the grid are those of trades where nothing else is.
    assert Sources("none", "none", "trades").of("rv") != Sources("none", "none", "klines").of("rv") != events().of("rv")
    assert events().of("n_buys") == images("1s").of("n_buys"), "made of trades"
    assert events().of("flow_n") == Sources("book_ticker", "none", "klines").of("flow_n")


def table_of(m, day):
    opens = (day * 1440 + np.arange(1440)) * 60_000_000
    data = {"ts_open": pa.array(opens, pa.timestamp("us", "UTC")), "is_filled": pa.array(m.filled)}
    data |= {k: pa.array(v, mask=np.isnan(v)) for k, v in m.columns.items()}
    return pa.table(data).filter(pa.array(m.present))


def write_set(folder, base, tables, params=None):
    from __main__ import date_of

    listed = []
    for d, table in tables.items():
        part = folder / f"date={date_of(base + d)}"
        part.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, part / "part-000.parquet")
        listed.append({"date": date_of(base + d), "file": "part-000.parquet"})
    (folder / "manifest.json").write_text(json.dumps({"partitions": listed, "ingest_params": {"feature_set": params}}))


def run():
    good = True
    for f in CHECKS:
        try:
            f()
            print(f"ok     {f.__name__}")
        except AssertionError as why:
            good = False
            line = why.__traceback__
            while line.tb_next:
                line = line.tb_next
            print(f"FAILED {f.__name__}: line {line.tb_lineno}: {why}")
    return good
