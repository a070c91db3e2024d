"""Independent oracle: features and metrics of a run, recomputed from their definitions (docs/features.md).

usage: python3 scripts/oracles/features.py RUN_FOLDER LAKE [--tol 1e-9]

Reads the bars of the run from LAKE, recomputes every feature value that `entries_5m.parquet` holds (average true range,
exponential mean and its slope, session VWAP, extremes, volume median, trade flow, wicks) for every candidate, and the
main numbers of `metrics.json` from the equity and trade tables. Prints one line per value and exits with 1 if one differs
or none was compared. Shares no code with `quant`: plain loops over lists, each value computed afresh from its whole
window, so that a mistake would have to be made twice. Also defined here, but in no file of a run: efficiency ratio and
realised volatility. Needs pyarrow and PyYAML.
"""

import argparse
import bisect
import json
import math
import re
import sys
from pathlib import Path
from statistics import mean, median, stdev

import pyarrow.parquet as pq
import yaml

MINUTE, DAY = 60_000_000, 86_400_000_000


# ---- definitions ---------------------------------------------------------------------------------------------------
# Each takes the values known at one moment, oldest first, and returns None where it has no value.


def ema(closes, n):
    """e_0 = c_0; e_t = a c_t + (1 - a) e_(t-1); a = 2 / (n + 1); a value after n closes."""
    if len(closes) < n:
        return None
    a, e = 2.0 / (n + 1.0), closes[0]
    for c in closes[1:]:
        e = a * c + (1.0 - a) * e
    return e


def atr(bars, n):
    """Wilder 1978: mean of the first n true ranges, then ((n - 1) old + new) / n."""
    ranges = []
    for i, b in enumerate(bars):
        options = [b["high"] - b["low"]]
        if i > 0:
            before = bars[i - 1]["close"]
            options += [abs(b["high"] - before), abs(b["low"] - before)]
        ranges.append(max(options))
    if len(ranges) < n:
        return None
    value = sum(ranges[:n]) / n
    for r in ranges[n:]:
        value = ((n - 1) * value + r) / n
    return value


def ema_slope(bars, n, lag, atr_bars):
    """(ema now - ema `lag` bars ago) / lag / atr now."""
    closes = [b["close"] for b in bars]
    now, width = ema(closes, n), atr(bars, atr_bars)
    then = ema(closes[:-lag], n)
    return None if None in (now, then, width) or width <= 0 else (now - then) / lag / width


def session_vwap(minutes):
    """Sum of quote volume over sum of volume since 00:00 UTC; typical price x volume where quote volume is unknown."""
    quote = base = 0.0
    for m in minutes:
        if m["volume"] > 0:
            typical = (m["high"] + m["low"] + m["close"]) / 3.0
            quote += typical * m["volume"] if m["quote_volume"] is None else m["quote_volume"]
            base += m["volume"]
    return quote / base if base > 0 else None


def extremes(bars, n):
    """Highest high and lowest low of the n bars before the last one."""
    if len(bars) < n + 1:
        return None, None
    before = bars[-n - 1 : -1]
    return max(b["high"] for b in before), min(b["low"] for b in before)


def volume_median(bars, n):
    """Median volume of the n bars before the last one."""
    return median(b["volume"] for b in bars[-n - 1 : -1]) if len(bars) >= n + 1 else None


def wicks(bar):
    """Upper and lower shadow as shares of the range."""
    size = bar["high"] - bar["low"]
    if size <= 0:
        return None, None
    return (bar["high"] - max(bar["open"], bar["close"])) / size, (min(bar["open"], bar["close"]) - bar["low"]) / size


def tfi(minutes, n):
    """(bought - sold) / (bought + sold) of the last n minutes; None if one of them does not know its split."""
    last = minutes[-n:]
    if len(last) < n or any(m is None or m["buy_volume"] is None for m in last):
        return None
    bought, traded = sum(m["buy_volume"] for m in last), sum(m["volume"] for m in last)
    return (bought - (traded - bought)) / traded if traded > 0 else None


def efficiency_ratio(closes, n):
    """|net move| / path length of the last n moves (Kaufman 1995); None for a path of length 0."""
    last = closes[-n - 1 :]
    path = sum(abs(b - a) for a, b in zip(last, last[1:]))
    return abs(last[-1] - last[0]) / path if len(last) == n + 1 and path > 0 else None


def realised_vol(closes, n):
    """Root of the sum of the last n squared log returns of minute closes; not annualised."""
    last = closes[-n - 1 :]
    return math.sqrt(sum(math.log(b / a) ** 2 for a, b in zip(last, last[1:]))) if len(last) == n + 1 else None


# ---- what is known at a moment -------------------------------------------------------------------------------------


def five_minute_bar(rows):
    """One bar of five rows: prices of the real ones, or of the filled ones if there are no others."""
    real = [r for r in rows if not r["is_filled"]] or rows
    if any(r["close"] is None for r in real):
        return None
    return {
        "open": real[0]["open"],
        "high": max(r["high"] for r in real),
        "low": min(r["low"] for r in real),
        "close": real[-1]["close"],
        "volume": sum(r["volume"] for r in rows),
    }


def known_at(table, end, gap_minutes, days_back=1):
    """Bars and minutes since the last long gap, over `days_back` whole days and today up to `end`."""
    today = (end - MINUTE) // DAY * DAY
    bars, minutes, missing, started = [], [], 0, False
    for at in range(today - days_back * DAY, end, MINUTE):
        row = table.get(at)
        if row is None or row["is_filled"]:
            missing += 1
        else:
            if not started or missing > gap_minutes:
                bars, minutes, started = [], [], True
            missing = 0
        if missing > gap_minutes:
            continue
        minutes.append(row)
        if (at + MINUTE) % (5 * MINUTE) == 0:
            rows = [table.get(at - i * MINUTE) for i in range(4, -1, -1)]
            bar = five_minute_bar(rows) if all(rows) else None
            if bar:
                bars.append(bar)
    session = [table[at] for at in range(today, end, MINUTE) if at in table]
    return bars, minutes, session


# ---- a run ---------------------------------------------------------------------------------------------------------


def micros(table, name):
    return table[name].cast("int64").to_pylist()


def load_minutes(run, record, lake):
    instrument = record["instruments"][0].replace(":", "/")
    table = {}
    for path in sorted((Path(lake) / "bars" / instrument / record["bar_set"]).glob("date=*/*.parquet")):
        part = pq.read_table(path, partitioning=None)
        table.update(zip(micros(part, "ts_open"), part.to_pylist()))
    return table


class Comparison:
    """Largest relative difference per name, over values that both sides have."""

    def __init__(self, tol):
        self.tol, self.seen = tol, {}

    def add(self, name, ours, oracle):
        n, worst, bad = self.seen.get(name, (0, 0.0, 0))
        if ours is None or oracle is None:
            bad += (ours is None) != (oracle is None)
        else:
            difference = abs(ours - oracle) / max(abs(oracle), 1.0)
            n, worst, bad = n + 1, max(worst, difference), bad + (not difference <= self.tol)
        self.seen[name] = (n, worst, bad)

    def finish(self):
        for name, (n, worst, bad) in self.seen.items():
            print(f"{'FAIL' if bad else 'ok  '} {name}: {n} values, largest difference {worst:.3g}, {bad} differ")
        return any(n for n, _, _ in self.seen.values()) and not any(bad for _, _, bad in self.seen.values())


NUMBER = r"(-?[\d.]+(?:e-?\d+)?)"


def compare_entries(run, table, config, out):
    f, gap = config["features"], config["bars"]["segment_gap_minutes"]
    volume_mult = config["entries"]["trend_breakout"]["volume_mult"]
    entries = pq.read_table(run / "entries_5m.parquet")
    for close, entry in zip(micros(entries, "bar_close"), entries.to_pylist()):
        bars, minutes, session = known_at(table, close, gap)
        long = entry["side"] > 0
        sign = 1.0 if long else -1.0
        width, bar = atr(bars, f["atr_bars"]), bars[-1]
        out.add("atr", entry["width"], width)
        ours = {}
        for part in entry["conditions"].split("; "):
            found = re.match(rf"(\w+)=\w+(?:\({NUMBER} vs {NUMBER}\))?$", part)
            ours[found[1]] = (found[2] and float(found[2]), found[3] and float(found[3]))
        high, low = extremes(bars, f["extreme_bars"])
        in_atr = lambda edge: None if edge is None else (bar["close"] - edge) / width
        if "near_edge" in ours:
            out.add("extremes: near_edge", ours["near_edge"][0], x if (x := in_atr(low if long else high)) is None else abs(x))
            out.add("wick", ours["rejection_wick"][0], wicks(bar)[1 if long else 0])
        if "beyond_extreme" in ours:
            out.add("extremes: beyond_extreme", ours["beyond_extreme"][0], x if (x := in_atr(high if long else low)) is None else sign * x)
            value, threshold = ours["volume_above_median"]
            out.add("volume", value, bar["volume"])
            usual = volume_median(bars, f["volume_median_bars"])
            out.add("volume_median", threshold, None if usual is None else volume_mult * usual)
        for name in ("flow_agrees", "flow_not_against"):
            flow = tfi(minutes, f["tfi_minutes"])
            if name in ours:
                out.add("tfi", ours[name][0], None if flow is None else sign * flow)
        if "pullback" in ours:
            anchors = [ema([b["close"] for b in bars], f["ema_fast_bars"]), session_vwap(session)]
            earlier, _, _ = known_at(table, close - 5 * MINUTE, gap)
            shown = [bar, earlier[-1]]
            reach = [b["low" if long else "high"] for b in shown]
            nearest = min(abs(x - a) / width for a in anchors if a is not None for x in reach)
            out.add("ema, session_vwap: pullback", ours["pullback"][0], nearest)
            args = (f["ema_fast_bars"], f["ema_slope_bars"], f["atr_bars"])
            out.add("ema_slope", ours["slope_agrees"][0], min(sign * ema_slope(b, *args) for b in (bars, earlier)))


def compare_metrics(run, record, start_equity, out):
    for variant in json.loads((run / "metrics.json").read_text()):
        name = variant["name"]
        ours = {m["name"]: m["value"] for m in variant["metrics"]}
        equity = pq.read_table(run / f"equity_{name}.parquet")
        times, values = micros(equity, "ts"), equity["equity"].to_pylist()
        # Equity at each midnight: the last point at or before it.
        midnights = range(record["range"]["start"] + DAY, record["range"]["end"] + 1, DAY)
        daily = [start_equity] + [values[bisect.bisect_right(times, at) - 1] for at in midnights]
        returns = [b / a - 1.0 for a, b in zip(daily, daily[1:])]
        peak, drawdown = start_equity, 0.0
        for v in values:
            peak = max(peak, v)
            drawdown = max(drawdown, (peak - v) / peak)
        net = pq.read_table(run / f"trades_{name}.parquet")["pnl_net"].to_pylist()
        loss = -sum(x for x in net if x < 0)
        sharpe = mean(returns) / stdev(returns) if len(returns) > 1 and stdev(returns) > 0 else None
        oracle = {
            "total_return": values[-1] / start_equity - 1.0,
            "sharpe_daily": sharpe,
            "sharpe_ann": None if sharpe is None else sharpe * math.sqrt(365.0),
            "max_drawdown": drawdown,
            "n_trades": len(net),
            "profit_factor": sum(x for x in net if x > 0) / loss if loss > 0 else None,
            "net_total": sum(net),
        }
        for key, value in oracle.items():
            out.add(f"{name}: {key}", ours[key], value)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("lake", type=Path)
    parser.add_argument("--tol", type=float, default=1e-9)
    args = parser.parse_args()
    record = json.loads((args.run / "run.json").read_text())
    config = yaml.safe_load((args.run / "config.yaml").read_text())
    if len(record["instruments"]) != 1:
        raise SystemExit("runs of one instrument only")
    out = Comparison(args.tol)
    compare_entries(args.run, load_minutes(args.run, record, args.lake), config, out)
    compare_metrics(args.run, record, config["risk"]["start_equity"], out)
    sys.exit(0 if out.finish() else 1)


if __name__ == "__main__":
    main()
