"""Independent oracle: features and metrics of a 1m OHLCV file, from their definitions, with numpy and pandas.

usage: python3 scripts/oracles/features.py BARS.csv OUT.csv      features, one row per minute
       python3 scripts/oracles/features.py --compare BARS.csv FEATURES.parquet [--columns ours=oracle,...] [--tol 1e-9]
       python3 scripts/oracles/features.py --metrics EQUITY.csv  metrics of a file `ts,equity[,trade_pnl]`

Shares no code with `quant`; written from the textbook forms so that a mistake would have to be made twice. It has no
day anchoring and no gap handling: compare on rows whose whole window lies in one segment, and mind the warm-up.
BARS.csv has the columns timestamp,open,high,low,close,volume; times are UTC bar opens.
"""

import argparse
import json
import sys

import numpy as np
import pandas as pd


def ema(x, span):
    """Exponential mean, alpha = 2/(span+1), seeded with the first value (adjust=False)."""
    alpha, out, last = 2.0 / (span + 1.0), np.empty(len(x)), np.nan
    for i, v in enumerate(x):
        last = v if i == 0 else alpha * v + (1.0 - alpha) * last
        out[i] = last
    return out


def resample(bars, rule):
    """Bars of a longer period; only whole periods are kept."""
    n = int(pd.Timedelta(rule) / pd.Timedelta("1min"))
    groups = bars.resample(rule, label="left", closed="left")
    out = groups.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    return out[groups["close"].count() == n]


def wilder_atr(bars, n):
    """Average true range: mean of the first n true ranges, then (n-1)/n old + 1/n new (Wilder 1978)."""
    high, low, close = (bars[c].to_numpy() for c in ("high", "low", "close"))
    # The first bar has no close before it: its true range is high - low.
    before = np.concatenate([[np.nan], close[:-1]])
    tr = np.fmax(high - low, np.fmax(np.abs(high - before), np.abs(low - before)))
    out = np.full(len(tr), np.nan)
    if len(tr) >= n:
        out[n - 1] = tr[:n].mean()
        for i in range(n, len(tr)):
            out[i] = (out[i - 1] * (n - 1) + tr[i]) / n
    return out


def session_vwap(bars):
    """Volume-weighted typical price since 00:00 UTC; nothing until volume has traded."""
    typical = (bars["high"] + bars["low"] + bars["close"]) / 3.0
    day = bars.index.floor("D")
    volume = bars["volume"].groupby(day).cumsum()
    value = (typical * bars["volume"]).groupby(day).cumsum()
    return (value / volume.where(volume > 0)).to_numpy()


def efficiency_ratio(close, n):
    """|net move| / path length over n steps (Kaufman); 0 where the path has no length."""
    close = pd.Series(np.asarray(close, dtype=float))
    net = (close - close.shift(n)).abs()
    path = close.diff().abs().rolling(n).sum()
    return (net / path.where(path > 0)).where(path.isna() | (path > 0), 0.0).to_numpy()


def realised_vol(close, n):
    """Square root of the sum of n squared log returns; not annualised."""
    r2 = np.square(np.diff(np.log(np.asarray(close, dtype=float)), prepend=np.nan))
    out = np.full(len(r2), np.nan)
    for i in range(n, len(r2)):
        out[i] = np.sqrt(r2[i - n + 1 : i + 1].sum())
    return out


def features(bars):
    """The feature table of a 1m bar table indexed by UTC bar open; 5m values stand on the last minute of their bar."""
    close = bars["close"].to_numpy()
    out = pd.DataFrame(index=bars.index)
    for span in (9, 21, 55):
        out[f"ema_{span}"] = ema(close, span)
    out["vwap_session"] = session_vwap(bars)
    for n in (30, 60):
        out[f"efficiency_ratio_{n}"] = efficiency_ratio(close, n)
        out[f"realised_vol_{n}"] = realised_vol(close, n)
        out[f"rolling_high_{n}"] = bars["high"].rolling(n).max().to_numpy()
        out[f"rolling_low_{n}"] = bars["low"].rolling(n).min().to_numpy()
    five = resample(bars, "5min")
    at_close = five.index + pd.Timedelta(minutes=4)
    for name, values in {"atr_14_5m": wilder_atr(five, 14), "ema_9_5m": ema(five["close"].to_numpy(), 9)}.items():
        out[name] = pd.Series(values, index=at_close).reindex(out.index)
    return out


def metrics(equity, trade_pnl=()):
    """Metrics of an equity curve (UTC index); daily Sharpe uses last equity per day, mean/std(ddof=1) * sqrt(365)."""
    values = equity.to_numpy(dtype=float)
    peak = np.maximum.accumulate(values)
    # The first day's return is against the first equity of the curve.
    daily = np.concatenate([values[:1], equity.resample("D").last().ffill().to_numpy()])
    returns = daily[1:] / daily[:-1] - 1.0
    sd = returns.std(ddof=1) if len(returns) > 1 else 0.0
    pnl = np.asarray(trade_pnl, dtype=float)
    gain, loss = pnl[pnl > 0].sum(), -pnl[pnl < 0].sum()
    return {
        "n_days": len(returns),
        "n_trades": len(pnl),
        "return": values[-1] / values[0] - 1.0,
        "sharpe_daily_ann": returns.mean() / sd * np.sqrt(365.0) if sd > 0 else None,
        "max_drawdown": float(np.max((peak - values) / peak)),
        "profit_factor": gain / loss if loss > 0 else None,
    }


def read_bars(path):
    bars = pd.read_csv(path)
    bars.index = pd.DatetimeIndex(pd.to_datetime(bars.pop("timestamp"), utc=True), name="timestamp")
    if not bars.index.is_monotonic_increasing or bars.index.has_duplicates:
        raise SystemExit(f"{path}: timestamps are not strictly increasing")
    return bars.astype(float)


def compare(oracle, parquet, columns, tol):
    """Prints the largest relative difference per column; returns how many exceed `tol` or share no row."""
    import duckdb

    ours = duckdb.sql(f"SELECT epoch_us(ts_open) AS ts, * FROM '{parquet}'").df().set_index("ts")
    oracle = oracle.set_axis(oracle.index.as_unit("us").asi8)
    bad = 0
    for name, reference in columns.items():
        both = pd.concat([ours[name], oracle[reference]], axis=1, keys=["a", "b"]).dropna()
        difference = ((both.a - both.b).abs() / both.b.abs().clip(lower=1e-12)).max() if len(both) else np.nan
        ok = difference <= tol  # False for NaN, that is for no common row
        bad += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {name}: {len(both)} common rows, largest relative difference {difference:.3g}")
    return bad


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--metrics", action="store_true")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--columns", default="", help="ours=oracle, comma separated; default: equal names")
    parser.add_argument("--tol", type=float, default=1e-9)
    args = parser.parse_args()
    if args.metrics:
        table = pd.read_csv(args.files[0], index_col=0)
        table.index = pd.to_datetime(table.index, utc=True)
        pnl = table["trade_pnl"].dropna() if "trade_pnl" in table else ()
        print(json.dumps(metrics(table["equity"], pnl), indent=2, default=float))
    elif args.compare:
        oracle = features(read_bars(args.files[0]))
        pairs = [p.split("=") for p in args.columns.split(",") if p]
        columns = {p[0]: p[-1] for p in pairs} or {c: c for c in oracle}
        sys.exit(1 if compare(oracle, args.files[1], columns, args.tol) else 0)
    else:
        features(read_bars(args.files[0])).to_csv(args.files[1], float_format="%.17g")


if __name__ == "__main__":
    main()
