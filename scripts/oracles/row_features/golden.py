"""The golden vector of the Rust tests: rows by a rule that both sides compute exactly, and what every column then is.

The rule stands in the file itself (`rule`); all rows are integers over powers of two, so no rounding can differ.
"""

import json
import math

import numpy as np

from .context import DAY_MINUTES, Minutes

DAYS = 9  # the last two are written down
MULTIPLY, ADD, MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1

RULE = """
next(): state = state * 6364136223846793005 + 1442695040888963407 mod 2^64, gives state >> 33. draw(k) = next() % k.
Each instrument has its own state, from `seeds`, and price in ticks of 1/16, from `start_ticks`. Minutes count from 00:00 of the first
day; ranges are [from, to). Every minute of an instrument makes all these draws in this order, whatever becomes of them:
 1. open = ticks + draw(5) - 2; close = open + draw(21) - 10; high = max(open, close) + draw(6); low = min(open, close) - draw(6)
 2. k = 1 + draw(4096), volume = k / 64; b = draw(65), buy_volume = k * b / 4096; quote_volume = volume * (open + close) / 32
 3. filled if draw(100) < 6; no quote_volume if draw(100) < 3; no buy_volume if draw(400) < 1
 4. groups in their order: null if draw(1000) < null_permille (all columns of the group); then its columns in order:
    linear columns: x = (offset + draw(range)), 0 if negative and clip, / 2^shift, + the row's close (in price) if relative
    flow: per interval j of 6: exists = draw(50) > 0; a = draw(257) - 128; c = draw(33) - 16 + floor(a / 8); of those that exist
      flow_n number, flow_x sum a / 16, flow_y sum c / 16, flow_xx sum a^2 / 256, flow_xy sum a c / 256, flow_yy sum c^2 / 256
    vpin: vpin_buckets = draw(4); vpin_imbalance = draw(64 * vpin_buckets + 1) / 64
    refills: n_depletions = draw(6); n_refills = draw(n_depletions + 1); refill_secs = draw(640 * n_refills + 1) / 64
Then: at `jumps` (before 1.) ticks += floor(ticks / 2). In `flat` open = high = low = close = ticks. In `filled`, or by 3.: open = high = low = close = ticks,
volume = quote_volume = buy_volume = 0, is_filled, no vwap. In `absent`: no row, all statistics null. Else ticks = close and
vwap = quote_volume / volume (null without quote_volume). Columns not named are null.
""".strip()

# group -> (null per mille, columns: name, offset, range, shift, flags)
GROUPS = [
    ("mid", 20, [("mid_close", -8, 17, 5, "relative")]),
    ("wmid", 20, [("wmid_close", -8, 17, 6, "relative")]),
    ("spread", 30, [("spread_bps_tw", 1, 300, 5, "")]),
    ("depth", 30, [("depth_bid_tw", 100, 5000, 6, ""), ("depth_ask_tw", 100, 5000, 6, "")]),
    ("ofi", 30, [("ofi", -4000, 8001, 6, ""), ("ofi_events", 1, 200, 0, "")]),
    ("ofi_depth", 5, [("ofi_depth", 10, 900, 4, "")]),
    ("ofi_weighted", 40, [("ofi_weighted", -4000, 8001, 6, "")]),
    ("obi", 30, [("obi_tw", -900, 1801, 10, "")]),
    ("removed_bid", 20, [("book_removed_bid", 0, 4096, 6, "")]),
    ("removed_ask", 20, [("book_removed_ask", 0, 4096, 6, "")]),
    ("added", 20, [("book_added_bid", 0, 4096, 6, ""), ("book_added_ask", 0, 4096, 6, "")]),
    ("refills", 30, "refills"),
    ("sizes", 20, [("size_sq", 0, 8192, 5, "")]),
    ("signed", 20, [("signed_volume", -2048, 4097, 6, ""), ("signed_sqrt_quote", -4096, 8193, 4, "")]),
    ("vpin", 20, "vpin"),
    ("flow", 20, "flow"),
    ("variance", 20, [("rv_n", 9, 4, 0, ""), ("rv_zero", 0, 6, 0, ""), ("rv", 200, 900, 30, ""), ("rv_bipower", 60, 500, 30, ""),
                      ("rv_med", 40, 200, 30, ""), ("rv_min", 20, 200, 30, ""), ("rv_tri", 2000, 24000, 60, "")]),
    ("liquidations", 20, [("liq_buy", -3000, 4000, 1, "clip"), ("liq_sell", -3000, 4000, 1, "clip")]),
    ("mark", 20, [("mark", -16, 33, 5, "relative")]),
    ("index", 20, [("index", -16, 33, 5, "relative")]),
    ("premium", 400, [("premium", -500, 1001, 20, "")]),
    ("funding", 20, [("funding_rate", -300, 1200, 22, "")]),
    ("open_interest", 100, [("open_interest", 40000, 9000, 2, "")]),
]

PLAN = {
    "start_ticks": [16000, 15990],
    "seeds": [20240808, 77],
    # A minute that is not filled: a filled one has the close before it.
    "jumps": [[8 * 1440 + 703], []],
    "flat": [[[8 * 1440 + 760, 8 * 1440 + 800]], []],
    # A gap over midnight into the last day, one within it, a run that is no gap, a day that begins late.
    "filled": [
        [[3 * 1440, 3 * 1440 + 95], [8 * 1440 - 12, 8 * 1440 + 6], [8 * 1440 + 600, 8 * 1440 + 633], [8 * 1440 + 1000, 8 * 1440 + 1009]],
        [[7 * 1440 + 300, 7 * 1440 + 340], [8 * 1440 + 400, 8 * 1440 + 430]],
    ],
    "absent": [[[7 * 1440 + 30, 7 * 1440 + 32], [8 * 1440 + 1300, 8 * 1440 + 1302]], [[8 * 1440 + 1200, 8 * 1440 + 1203]]],
}

SHARE = 0.6
N = {"minutes": 20, "min_valid_share": SHARE, "days_back": 1}
Z = N | {"lookback": 60}
FEATURES = [
    {"kind": "absorption"} | Z,
    {"kind": "activity_ratio", "short_minutes": 5, "long_minutes": 45, "days_back": 1},
    {"kind": "amihud"} | N,
    {"kind": "atr", "bars": 14, "days_back": 1},
    {"kind": "atr_minutes", "minutes": 14, "days_back": 1},
    {"kind": "basis", "other": 1, "days_back": 1},
    {"kind": "close_vol", "bars": 12, "days_back": 1},
    {"kind": "correlation", "other": 1, "days": 1, "min_valid_share": SHARE},
    {"kind": "corwin_schultz", "bars": 12, "days_back": 1},
    {"kind": "depth_stress", "minutes": 20, "days": 2, "min_valid_share": SHARE},
    {"kind": "edge", "bars": 12, "days_back": 1},
    {"kind": "efficiency_ratio", "bars": 10, "days_back": 1},
    {"kind": "ema", "bars": 9, "days_back": 1},
    {"kind": "ema_gap", "fast": 5, "slow": 12, "atr_bars": 14, "days_back": 1},
    {"kind": "ema_slope", "bars": 9, "lag": 3, "atr_bars": 14, "days_back": 1},
    {"kind": "ema_trend", "fast": 5, "slow": 12, "days_back": 1},
    {"kind": "ewma_vol", "bars": 12, "days_back": 1},
    {"kind": "extremes", "bars": 12, "days_back": 1},
    {"kind": "flow_toxicity", "bars": 12, "volume_bars": 6, "min_ratio": 0.9, "days_back": 1},
    {"kind": "flow_volume", "minutes": 20, "days_back": 1},
    {"kind": "funding", "days_back": 1},
    {"kind": "garman_klass", "bars": 12, "days_back": 1},
    {"kind": "hasbrouck"} | N,
    {"kind": "hawkes", "sigma_minutes": 30, "threshold": 1.5, "decay_minutes": 10.0, "jump": 0.5, "days_back": 1},
    {"kind": "intrabar", "days_back": 1},
    {"kind": "jump", "minutes": 20, "max_zero_share": 0.22, "min_valid_share": SHARE, "days_back": 1},
    {"kind": "jump_z", "minutes": 20, "max_zero_share": 0.25, "min_valid_share": SHARE, "days_back": 1},
    {"kind": "kyle"} | N,
    {"kind": "kyle_minute"} | N | {"nw_lag": 3},
    {"kind": "kyle_slope"} | N | {"lag": 5, "min_t": 8.0},
    {"kind": "liquidation_pressure"} | Z,
    {"kind": "micro_alpha"} | Z,
    {"kind": "obi"} | Z,
    {"kind": "ofi"} | N,
    {"kind": "ofi_weighted"} | Z,
    {"kind": "ofi_z"} | Z,
    {"kind": "oi_change", "days_back": 8},
    {"kind": "parkinson", "bars": 12, "days_back": 1},
    {"kind": "premium", "days_back": 1},
    {"kind": "realised_vol", "minutes": 30, "min_valid_share": SHARE, "days_back": 1},
    {"kind": "replenishment"} | N,
    {"kind": "rogers_satchell", "bars": 12, "days_back": 1},
    {"kind": "roll", "minutes": 20, "days_back": 1},
    {"kind": "rv_ratio", "minutes": 30, "days": 2, "min_valid_share": SHARE},
    {"kind": "session_vwap"},
    {"kind": "session_vwap_z", "min_minutes": 10},
    {"kind": "size_concentration"} | N,
    {"kind": "spread_stress", "minutes": 20, "days": 2, "min_valid_share": SHARE},
    {"kind": "tfi", "minutes": 20, "days_back": 1},
    {"kind": "tfi_threshold", "minutes": 20, "samples": 500, "min_samples": 100, "percentile": 90.0, "fallback": 0.5},
    {"kind": "volume_median", "bars": 12, "days_back": 1},
    {"kind": "volume_rate", "minutes": 20, "days_back": 1},
    {"kind": "volume_ratio", "bars": 12, "days_back": 1},
    {"kind": "vpin", "buckets": 30, "lookback": 60, "min_valid_share": SHARE, "days_back": 1},
    {"kind": "vpin_bvc"} | N | {"sigma_minutes": 30},
    {"kind": "wick", "days_back": 1},
    {"kind": "wmid_dev", "lookback": 60, "min_valid_share": SHARE, "days_back": 1},
    {"kind": "yang_zhang", "bars": 12, "days_back": 1},
]


class Draws:
    def __init__(self, seed):
        self.state = seed

    def __call__(self, k):
        self.state = (self.state * MULTIPLY + ADD) & MASK
        return (self.state >> 33) % k


def group_values(draw, columns, close):
    """The statistics of one group of one minute."""
    if columns == "flow":
        N = x = y = xx = xy = yy = 0
        for _ in range(6):
            exists, a = draw(50) > 0, draw(257) - 128
            c = draw(33) - 16 + a // 8
            if exists:
                N, x, y, xx, xy, yy = N + 1, x + a, y + c, xx + a * a, xy + a * c, yy + c * c
        return {"flow_n": N, "flow_x": x / 16, "flow_y": y / 16, "flow_xx": xx / 256, "flow_xy": xy / 256, "flow_yy": yy / 256}
    if columns == "vpin":
        buckets = draw(4)
        return {"vpin_buckets": buckets, "vpin_imbalance": draw(64 * buckets + 1) / 64}
    if columns == "refills":
        emptied = draw(6)
        filled = draw(emptied + 1)
        return {"n_depletions": emptied, "n_refills": filled, "refill_secs": draw(640 * filled + 1) / 64}
    out = {}
    for name, offset, size, shift, flag in columns:
        x = offset + draw(size)
        x = max(x, 0) if flag == "clip" else x
        out[name] = x / 2**shift + (close if flag == "relative" else 0)
    return out


def generate(i, plan=PLAN, days=DAYS):
    """All minutes of one instrument."""
    draw, ticks = Draws(plan["seeds"][i]), plan["start_ticks"][i]
    inside = lambda key, t: any(a <= t < b for a, b in plan[key][i])
    n = days * DAY_MINUTES
    columns, present, filled = {}, np.ones(n, bool), np.zeros(n, bool)

    def put(name, t, value):
        columns.setdefault(name, np.full(n, math.nan))[t] = value

    for t in range(n):
        if t in plan["jumps"][i]:
            ticks += ticks // 2
        o = ticks + draw(5) - 2
        c = o + draw(21) - 10
        h = max(o, c) + draw(6)
        l = min(o, c) - draw(6)
        k, b = 1 + draw(4096), draw(65)
        is_filled, no_quote, no_split = draw(100) < 6, draw(100) < 3, draw(400) < 1
        is_filled = is_filled or inside("filled", t)
        absent = inside("absent", t)
        if is_filled or inside("flat", t):
            o = h = l = c = ticks
        if is_filled:
            volume = quote = bought = 0.0
        else:
            volume, bought = k / 64, k * b / 4096
            quote = volume * (o + c) / 32
        price = c / 16
        stats = {}
        for _, permille, group in GROUPS:
            known = draw(1000) >= permille
            values = group_values(draw, group, price)
            stats |= {name: v if known else math.nan for name, v in values.items()}
        if absent:
            present[t] = False
            continue
        filled[t] = is_filled
        if not is_filled:
            ticks = c
        no_quote, no_split = no_quote and not is_filled, no_split and not is_filled
        row = {
            "open": o / 16, "high": h / 16, "low": l / 16, "close": price, "volume": volume,
            "quote_volume": math.nan if no_quote else quote,
            "buy_volume": math.nan if no_split else bought,
            "vwap": math.nan if no_quote or is_filled else quote / volume,
        }
        for name, value in (row | stats).items():
            put(name, t, value)
    return Minutes(columns, present, filled)


def write(path, history_type):
    rows = [generate(i) for i in range(2)]
    day_of = lambda i, d: rows[i].slice(d * DAY_MINUTES, (d + 1) * DAY_MINUTES) if 0 <= d < DAYS else None
    history = history_type(day_of, 0, 2, 10)
    # Around the gaps of the last day, and every so often; fewer of the day before, which begins in the midst of a segment.
    edges = {0, 1, 4, 5, 6, 7, 10, 11, 599, 610, 611, 632, 633, 634, 703, 704, 770, 799, 1009, 1299, 1300, 1301, 1302, 1439}
    at = {DAYS - 2: [0, 1, 4, 5, 29, 30, 31, 32, 33, *range(60, 1440, 97), 1437, 1438, 1439], DAYS - 1: sorted(edges | set(range(20, 1440, 40)))}
    columns = {}
    with np.errstate(all="ignore"):
        for feature in FEATURES:
            computed = {day: history.compute(day, feature) for day in at}
            for name in computed[DAYS - 1]:
                days, largest = [], 0.0
                for day, minutes in at.items():
                    value, scale = computed[day][name]
                    null = np.isnan(value)
                    toggles = np.flatnonzero(null != np.concatenate([[True], null[:-1]]))
                    largest = max([largest, *(float(np.nan_to_num(scale[t])) for t in minutes if not null[t])])
                    values = [None if null[t] else float(value[t]) for t in minutes]
                    days.append({"day": day, "n_values": int((~null).sum()), "null_toggles": toggles.tolist(), "values": values})
                columns[name] = {"kind": feature["kind"], "name": name, "scale": float(f"{largest:.3g}"), "days": days}
    columns = list(columns.values())
    last = {k: checksum(rows[0].columns[k]) for k in sorted(rows[0].columns)}
    out = {
        "made_by": "scripts/oracles/row_features.py --golden",
        "rule": RULE.split("\n"),
        "plan": PLAN | {"days": DAYS, "instruments": 2, "traded": 0},
        "groups": [
            {"name": g, "null_permille": p, "columns": [] if isinstance(cols, str) else
             [{"name": n, "offset": o, "range": r, "shift": s, "flag": f} for n, o, r, s, f in cols]}
            for g, p, cols in GROUPS
        ],
        "row_checks_doc": "of the traded instrument, all days: number of known values and their sum in order",
        "row_checks": last,
        "spec": {"watermark": 250_000, "segment_gap_minutes": 10, "features": FEATURES},
        "tolerance": "abs(a - b) <= max(1e-9 abs(b), 1e-12 scale); nulls equal at every minute of the days in `at`",
        "null_toggles_doc": "minutes of a day at which null becomes not null and back; before minute 0 it counts as null",
        "at": [{"day": day, "minutes": minutes} for day, minutes in at.items()],
        "columns": columns,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(out, separators=(",", ":"), allow_nan=False)
    # One line per column, group and feature: readable diffs.
    for mark in ('{"kind":', '{"name":"', '"columns":[{"kind"', '"at":', '"groups":', '"spec":', '"plan":', '"row_checks":', '"rule":'):
        text = text.replace(mark, "\n" + mark)
    path.write_text(text + "\n")
    values = sum(d["n_values"] for c in columns for d in c["days"])
    empty = [c["name"] for c in columns if not c["days"][-1]["n_values"]]
    print(f"{path}: {path.stat().st_size} bytes, {len(columns)} columns, {values} values, empty on the last day: {empty or 'none'}")


def checksum(x):
    known = x[~np.isnan(x)]
    total = 0.0
    for v in known:
        total += float(v)
    return [len(known), total]
