"""Independent oracle: stylised facts of a simulated market, measured again from the archives it was written as.

usage: quant synth --profile mixed --days 7 --seed 1 --out ARCHIVES ...        (with trades and bookTicker)
       quant synth-facts --profile mixed --days 7 --seeds 1 --looks btc --json > FACTS.json
       python3 scripts/oracles/stylised_facts.py ARCHIVES FACTS.json --seed 1 --look btc [--symbol BTCUSDT]

Reads every day of `data/futures/um/daily/{bookTicker,trades}/SYMBOL/*.zip`, measures the facts of `quant synth-facts` that
archives can show (not the hazards: their times are truth; not the basis and the correlation: one instrument at a time), and
compares them with the JSON of the same seed. Prints one line per fact and exits with 1 if one differs by more than its
tolerance or none was compared. Shares no code with `quant`: whole days in numpy arrays instead of streams.

What archives do not hold, and what it costs: times are milliseconds (windows and time weights shift by less than 1 ms); the
book before the first quote (the first minutes of the first day); which matches are one taker order (adjacent ones of one
millisecond and one side count as one); halts (a minute without a quote counts as halted). Hence the tolerances.
Needs numpy and pandas.
"""

import argparse
import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd

MINUTE, DAY = 60_000, 86_400_000
LAGS = [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377]

# What the instruments of the looks are asked to be: matches, quotes and volatility per day, tick, touch in base units,
# spread in ticks, empty minutes and halts per day.
LOOKS = {
    "btc": dict(trades=150_000, quotes=450_000, vol=0.035, tick=0.1, touch=4.0, spread=1.2, empty=0.5, halts=0.02),
    "alt": dict(trades=60_000, quotes=250_000, vol=0.055, tick=0.01, touch=300.0, spread=1.1, empty=4.0, halts=0.02),
}

# Absolute and relative tolerance per fact; the default is for what milliseconds can shift.
DEFAULT = (1e-5, 2e-4)
TOLERANCE = {
    "sign_acf_1": (0.003, 0.01),  # orders of one millisecond run together
    "sign_acf_144": (0.003, 0.05),
    "sign_exponent": (0.03, 0.05),
    "empty_minutes_z": (0.3, 0.0),
    "halts_z": (1.5, 0.0),  # a halt of a few quiet minutes cannot be told from silence
}


# ---- reading -------------------------------------------------------------------------------------------------------


def read_days(folder, columns):
    """Every archive of a folder in order of its name; a header line is skipped where there is one."""
    files = sorted(folder.glob("*.zip"))
    if not files:
        sys.exit(f"no archive in {folder}")
    frames = []
    for path in files:
        first = pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0, 0]
        skip = 0 if first.lstrip("-").isdigit() else 1
        frames.append(pd.read_csv(path, header=None, skiprows=skip, names=columns))
    return pd.concat(frames, ignore_index=True), len(files)


# ---- definitions ---------------------------------------------------------------------------------------------------


def acf(xs, lag):
    d = xs - xs.mean()
    return float((d[:-lag] * d[lag:]).sum() / (d * d).sum())


def excess_kurtosis(xs):
    d = xs - xs.mean()
    return float((d**4).mean() / (d**2).mean() ** 2 - 3.0)


def hill(xs, k):
    top = np.sort(np.abs(xs))[::-1][: k + 1]
    return float(k / np.log(top[:k] / top[k]).sum())


def line(xs, ys):
    """Slope and R2 of y on x."""
    dx, dy = xs - xs.mean(), ys - ys.mean()
    sxx, syy, sxy = (dx * dx).sum(), (dy * dy).sum(), (dx * dy).sum()
    if sxx == 0.0:
        return None
    return sxy / sxx, (sxy * sxy / sxx / syy if syy > 0.0 else 0.0)


def returns(log_mids, step):
    """Log returns over consecutive blocks of `step` minutes without a missing close."""
    out = []
    for start in range(0, len(log_mids) - step, step):
        block = log_mids[start : start + step + 1]
        if not np.isnan(block).any():
            out.append(block[-1] - block[0])
    return np.array(out)


def anscombe(count, expected):
    return 2.0 * (math.sqrt(count + 0.375) - math.sqrt(expected + 0.375))


def ofi_events(q):
    """Cont, Kukanov and Stoikov 2014, eq. 1, for every quote after the first."""
    pb, qb, pa, qa = (q[c].to_numpy() for c in ["bid", "bid_qty", "ask", "ask_qty"])
    e = np.zeros(len(q))
    e[1:] = (
        np.where(pb[1:] >= pb[:-1], qb[1:], 0.0)
        - np.where(pb[1:] <= pb[:-1], qb[:-1], 0.0)
        - np.where(pa[1:] <= pa[:-1], qa[1:], 0.0)
        + np.where(pa[1:] >= pa[:-1], qa[:-1], 0.0)
    )
    return e


# ---- the facts -----------------------------------------------------------------------------------------------------


def quote_facts(q, start, minutes, look):
    at = q["time"].to_numpy() - start
    mid_ticks = (q["bid"] + q["ask"]).to_numpy() / 2.0 / look["tick"]
    minute_of = at // MINUTE
    per_minute = np.bincount(minute_of, minlength=minutes)
    is_open = per_minute > 0
    # The last quote at or before the end of each minute; a minute without quotes has no close.
    last = np.searchsorted(at, np.arange(1, minutes + 1) * MINUTE, side="left") - 1
    log_mids = np.where(is_open, np.log(mid_ticks[np.maximum(last, 0)]), np.nan)

    one, quarter, hour = returns(log_mids, 1), returns(log_mids, 15), returns(log_mids, 60)
    sizes = np.abs(one)
    out = {
        "kurtosis_1m": excess_kurtosis(one),
        "hill_1m": hill(one, max(len(one) // 50, 1)),
        "kurtosis_15m_over_1m": excess_kurtosis(quarter) / excess_kurtosis(one),
        "acf_return_1": acf(one, 1),
        "acf_return_2_10": sum(acf(one, k) for k in range(2, 11)) / 9.0,
        "variance_ratio_1h": float((hour**2).mean() / (60.0 * (one**2).mean())),
        "acf_size_1": acf(sizes, 1),
        "acf_size_10": acf(sizes, 10),
        "acf_size_60": acf(sizes, 60),
        "volatility_ratio": math.sqrt((one**2).mean() * 1440.0) / look["vol"],
        "quotes_ratio": per_minute[is_open].sum() / (is_open.sum() / 1440.0) / look["quotes"],
    }

    # Time weights: a touch stands until the next quote; what stands over a halted minute is cut away with it. A mean of
    # minutes, so that a minute weighs the same however long the touch of the first one is unknown.
    edges = np.union1d(at, np.arange(minutes + 1) * MINUTE)
    held = np.searchsorted(at, edges[:-1], side="right") - 1
    width = np.diff(edges).astype(float)
    in_minute = edges[:-1] // MINUTE
    ok = (held >= 0) & is_open[in_minute]
    # Across a halt nothing is known until the next quote.
    halted_before = np.zeros(minutes + 1, dtype=np.int64)
    halted_before[1:] = np.cumsum(~is_open)
    held_minute = minute_of[np.maximum(held, 0)]
    ok &= halted_before[in_minute] == halted_before[held_minute]
    spread = np.rint((q["ask"] - q["bid"]).to_numpy() / look["tick"])
    depth = (q["bid_qty"] + q["ask_qty"]).to_numpy() / 2.0
    weight = np.bincount(in_minute[ok], width[ok], minlength=minutes)
    known = weight > 0

    def weighted(values):
        total = np.bincount(in_minute[ok], width[ok] * values[held[ok]], minlength=minutes)
        return float((total[known] / weight[known]).mean())

    out["spread_ratio"] = weighted(spread) / look["spread"]
    out["one_tick_share"] = weighted((spread == 1.0).astype(float))
    out["touch_ratio"] = weighted(depth) / look["touch"]

    # Order flow imbalance in windows of 10 s; none across a halt.
    e = ofi_events(q)
    crosses = np.zeros(len(q), dtype=bool)
    crosses[1:] = halted_before[minute_of[1:]] != halted_before[minute_of[:-1]]
    e[crosses] = 0.0
    n_windows = minutes * 6
    ofi = np.bincount(at // 10_000, e, minlength=n_windows)
    last = np.searchsorted(at, np.arange(n_windows + 1) * 10_000, side="left") - 1
    window_open = np.repeat(is_open, 6)
    before, after = last[:-1], last[1:]
    valid = window_open & (before >= 0)
    same = np.maximum(before, 0)
    valid &= halted_before[minute_of[same]] == halted_before[np.arange(n_windows) // 6]
    change = np.where(valid, mid_ticks[np.maximum(after, 0)] - mid_ticks[same], 0.0)
    blocks = np.arange(n_windows) // 180
    r2 = []
    for block in np.unique(blocks):
        use = valid & (blocks == block)
        if use.sum() >= 90 and (fit := line(ofi[use], change[use])):
            r2.append(fit[1])
    out["ofi_r2_10s"] = float(np.mean(r2))
    slope, pooled = line(ofi[valid], change[valid])
    out["ofi_r2_10s_pooled"] = float(math.copysign(pooled, slope))
    return out, is_open


def trade_facts(t, start, minutes, is_open, look):
    at = t["time"].to_numpy() - start
    buyer_maker = t["is_buyer_maker"].astype(str).str.lower().eq("true").to_numpy()
    signs = np.where(buyer_maker, -1.0, 1.0)
    first = np.ones(len(t), dtype=bool)
    first[1:] = (at[1:] != at[:-1]) | (signs[1:] != signs[:-1])
    signs = signs[first]
    rho = np.array([acf(signs, lag) for lag in LAGS])
    use = rho > 0.0
    slope, _ = line(np.log(np.array(LAGS, dtype=float)[use]), np.log(rho[use]))
    per_minute = np.bincount(at // MINUTE, minlength=minutes)
    days = is_open.sum() / 1440.0
    hour = (np.arange(minutes) // 60) % 24
    rate = np.array([per_minute[is_open & (hour == h)].sum() * 60.0 / (is_open & (hour == h)).sum() for h in range(24)])
    busiest = int(rate.argmax()) if (rate == rate.max()).sum() == 1 else int(np.flatnonzero(rate == rate.max())[-1])
    k = np.arange(25)
    u_slope, u_r2 = line((k - 12.0) ** 2, rate[(busiest + k) % 24])
    starts_halt = (~is_open) & np.concatenate([[True], is_open[:-1]])
    return {
        "sign_acf_1": rho[0],
        "sign_acf_144": rho[LAGS.index(144)],
        "sign_exponent": float(-slope),
        "matches_ratio": per_minute.sum() / days / look["trades"],
        "hour_peak_over_trough": float(rate.max() / rate.min()),
        "u_shape": float(math.copysign(u_r2, u_slope)),
        "empty_minutes_z": anscombe(int((is_open & (per_minute == 0)).sum()), look["empty"] * days),
        "halts_z": anscombe(int(starts_halt.sum()), look["halts"] * minutes / 1440.0),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archives", type=Path)
    parser.add_argument("facts", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--look", choices=LOOKS, default="btc")
    parser.add_argument("--symbol")
    args = parser.parse_args()
    symbol = args.symbol or {"btc": "BTCUSDT", "alt": "SOLUSDT"}[args.look]
    look = LOOKS[args.look]

    daily = args.archives / "data" / "futures" / "um" / "daily"
    names = ["update_id", "bid", "bid_qty", "ask", "ask_qty", "time", "event_time"]
    quotes, days = read_days(daily / "bookTicker" / symbol, names)
    trades, _ = read_days(daily / "trades" / symbol, ["id", "price", "qty", "quote_qty", "time", "is_buyer_maker"])
    start, minutes = int(quotes["time"].iloc[0]) // DAY * DAY, days * 1440

    found, is_open = quote_facts(quotes, start, minutes, look)
    found |= trade_facts(trades, start, minutes, is_open, look)

    answer = json.loads(args.facts.read_text())
    told = {}
    for row in answer["facts"]:
        if row["look"] == args.look:
            told |= {row["fact"]: cell["value"] for cell in row["cells"] if cell["seed"] == args.seed}
    compared = differ = 0
    for fact, ours in found.items():
        theirs = told.get(fact)
        if theirs is None:
            print(f"MISSING   {fact:22} oracle {ours:.6f}")
            differ += 1
            continue
        absolute, relative = TOLERANCE.get(fact, DEFAULT)
        limit = absolute + relative * abs(theirs)
        ok = abs(ours - theirs) <= limit
        compared, differ = compared + 1, differ + (not ok)
        print(f"{'ok' if ok else 'DIFFERENT':9} {fact:22} oracle {ours:.6f} quant {theirs:.6f} tolerance {limit:.6f}")
    print(f"{compared} facts compared, {differ} different")
    sys.exit(1 if differ or not compared else 0)


if __name__ == "__main__":
    main()
