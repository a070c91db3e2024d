#!/usr/bin/env python3
"""Independent oracle of tier 2: every column of a feature set, recomputed minute by minute from the bars of the lake.

    row_features.py LAKE SET_DIR [--spec FILE] [--days D,D] [--kinds a,b] [--tol 1e-9] [--allow-empty] [--json OUT]
    row_features.py --self-test
    row_features.py --golden OUT.json

SET_DIR is `LAKE/features/<universe id>/<set id>`. Its manifest holds, anywhere in it, `universe` [{instrument, role}] (one of them `traded`), `bar_set`
and the specification of the set: `watermark`, `segment_gap_minutes`, `features` [{kind, parameters ...}]. What it lacks is taken from `--spec FILE`,
a JSON with such keys, which wins. Prints one line per column: kind, column, cells, values, nulls, largest
difference, ok or FAILED; exits with 1 if a column FAILED. A column without any value FAILED unless --allow-empty. `ts_avail` is compared too.
Written from docs/row_features.md, docs/minute_rows.md and docs/features.md alone; definitions are in `row_features/`.

Tolerance: |a - b| <= max(tol |b|, tol / 1000 * S), nulls must be equal. S is |b| but for columns that are differences, there it is
the size of what is subtracted (each column's Cells in `row_features/`): sums of statistics of both signs: sum of absolute terms; z and zmad: (abs x_t +
mean abs x (1 + abs z)) / std; kyle*: the terms of the centred sums over these; roll, range estimators: mean absolute term / root; basis, wmid_dev,
mark_dev_bps, velocities, oi_change: sum instead of difference; edge: ln(H / L)^2 / value; shares and correlations: 1.

Readings, where the pages leave room (kept here so that a difference can be traced to one):
 1. Before the first real minute of a replay: a piece of its own, at most segment_gap_minutes long; the first real minute clears it.
 2. The first minute of a segment has no return, price change or mid change. A minute is valid for amihud, hasbrouck, kyle_minute and vpin_bvc only
    with one. roll_n and realised_vol_n need n returns, so n + 1 minutes; vpin_bvc a full window of sigma_minutes changes.
 3. An absent minute has volume 0 (volume_rate, activity_ratio, vpin_bvc), an unknown split, and the close before it; it makes funding_volume null.
 4. A 5m bar belongs to the segment of its last minute, also if the segment began in the midst of it. None ends in a gap.
 5. Equal values have a deviation of exactly 0, whatever rounding says. A z needs 2 valid values, a window at least 1.
 6. jump: only M decides, no further count of valid minutes. ofi_norm: ofi_n decides; its divisor runs over minutes with a known ofi_depth. kyle: only N.
 7. Baselines of spread_stress and depth_stress: all values of a day, also in gaps. rv_ratio: realised_vol as it stands in the replay.
 8. ema_trend is null before max(slow + 1, fast + 2) bars. intrabar holds through minutes whose 5m bar is not complete.
 9. vpin: minutes with unknown buckets are passed over. Its percentile needs lookback minutes of the segment.
10. replenishment: each ratio over the minutes where both (all three) are known. size_concentration: v of minutes with a known size_sq.
11. micro_alpha_count is null where micro_alpha is. hawkes: null until sigma_minutes returns *before* t.
12. tfi_threshold: samples are of the last segment begun before midnight (a segment clears them), of the day before only.
13. basis, premium, funding, oi_change, correlation, session_* are null in gaps too; only their memory outlives them.
14. correlation: both instruments have their own gaps. A pair needs the bars 5 minutes before of both, and no segment of either to begin or end
    between the two last minutes: two bars of filled minutes within one gap do count, with a return of 0.
15. flow_toxicity: a bar whose mean volume before is 0 does not count. days_back of kinds without one: days, else 0 of session_*, oi_change 8, 1.
"""

import argparse
import datetime
import functools
import json
import pathlib
import sys
import time

import numpy as np
import pyarrow.parquet as pq

from row_features import cross, flow, older, price
from row_features.context import DAY_MINUTES, Context, Minutes, absent_day, concatenate, nulls
from row_features.sources import Sources, seen_from

KINDS = older.KINDS | price.KINDS | flow.KINDS | cross.KINDS
DAYS_BACK = {"session_vwap": 0, "session_vwap_z": 0, "oi_change": 8}
MINUTE_US = 60_000_000


def days_back(feature):
    if "days_back" in feature:
        return feature["days_back"]
    return feature.get("days", DAYS_BACK.get(feature["kind"], 1))


# ---- one day -----------------------------------------------------------------------------------------------------------


class History:
    """Rows by instrument and day: `day(instrument index, day number)` gives Minutes or None."""

    def __init__(self, day, traded_idx, n_instruments, gap_minutes):
        self.day = functools.lru_cache(maxsize=512)(day)
        self.traded_idx, self.n, self.gap = traded_idx, n_instruments, gap_minutes

    @functools.lru_cache(maxsize=8)
    def context(self, day, back):
        """The context of a day, or None if a day before it has no real minute."""
        days = range(day - back, day + 1)
        parts = [[self.day(i, d) or absent_day() for d in days] for i in range(self.n)]
        if not all(p.real.any() for p in parts[self.traded_idx][:-1]):
            return None
        parts = [[seen_from(p[-1], before) for before in p[:-1]] + p[-1:] for p in parts]
        return Context([concatenate(p) for p in parts], self.traded_idx, self.gap)

    def columns(self, feature):
        """Names of the columns, from a day of equal rows."""
        flat = {k: np.ones(DAY_MINUTES) for k in ("open", "high", "low", "close", "volume")}
        flat = Minutes(flat, np.ones(DAY_MINUTES, bool), np.zeros(DAY_MINUTES, bool))
        return list(KINDS[feature["kind"]](Context([flat] * self.n, self.traded_idx, self.gap), feature))

    def compute(self, day, feature):
        """{column: (values, scales)} of the 1,440 minutes of a day."""
        ctx = self.context(day, days_back(feature))
        if ctx is None:
            return {name: (nulls(DAY_MINUTES),) * 2 for name in self.columns(feature)}
        out = {}
        for name, cells in KINDS[feature["kind"]](ctx, feature).items():
            # Minutes of a gap weigh nothing in the session's price, which stays what it is.
            hidden = np.zeros(ctx.n, bool) if name == "session_vwap" else ctx.in_gap
            value = np.where(hidden | ~np.isfinite(cells.value), np.nan, cells.value)
            out[name] = value[ctx.today :], cells.scale[ctx.today :]
        return out


# ---- a lake ------------------------------------------------------------------------------------------------------------


def day_number(date):
    return (datetime.date.fromisoformat(date) - datetime.date(1970, 1, 1)).days


def date_of(day):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))).isoformat()


def partitions(set_dir):
    """{day number: file} of a set, from its manifest."""
    listed = json.loads((set_dir / "manifest.json").read_text())["partitions"]
    return {day_number(p["date"]): set_dir / f"date={p['date']}" / p["file"] for p in listed}


def read_columns(path):
    """(minute of the day of every row, {column: float values, null as nan})."""
    table = pq.read_table(path, partitioning=None)
    opens = np.array(table["ts_open"].cast("int64"))
    columns = {}
    for name in table.column_names:
        kind = str(table.schema.field(name).type)
        if name not in ("ts_open", "ts_close", "ts_avail") and kind not in ("string", "large_string") and not kind.startswith("dictionary"):
            columns[name] = table[name].cast("float64").to_numpy(zero_copy_only=False).astype(float)
    return (opens // MINUTE_US) % DAY_MINUTES, columns


def minutes_of(path):
    at, columns = read_columns(path)
    present = np.zeros(DAY_MINUTES, bool)
    present[at] = True
    spread = {}
    for name, values in columns.items():
        spread[name] = nulls(DAY_MINUTES)
        spread[name][at] = values
    filled = spread.pop("is_filled") == 1.0
    return Minutes(spread, present, filled, sources_of(path))


def sources_of(path):
    """What the statistics of a day are made of, from the texts beside them; None if it has none."""
    names = ["quote_source", "book_source", "bar_source"]
    if not set(names) <= set(pq.read_schema(path).names):
        return None
    table = pq.read_table(path, columns=names, partitioning=None)
    texts = {name: set(table[name].to_pylist()) for name in names}
    if any(len(found) != 1 for found in texts.values()):
        sys.exit(f"FAILED: {path}: not one source a day: {texts}")
    return Sources(*(texts[name].pop() for name in names))


def find_key(tree, key):
    """The first value of a key anywhere in a JSON."""
    if isinstance(tree, dict):
        if key in tree:
            return tree[key]
        tree = list(tree.values())
    if isinstance(tree, list):
        for branch in tree:
            found = find_key(branch, key)
            if found is not None:
                return found
    return None


def instrument_paths(lake, spec):
    """(bar set folders, index of the traded one)."""
    members = find_key(spec, "universe")
    folders = []
    for member in members:
        exchange, market, symbol = member["instrument"].split(":", 2)
        folders.append(lake / "bars" / exchange / market / symbol.replace(":", "%3A") / find_key(spec, "bar_set"))
    return folders, [m["role"] for m in members].index("traded")


def check_times(path, day, watermark):
    """Every minute of the day once, known at its end plus the watermark."""
    table = pq.read_table(path, columns=["ts_open", "ts_avail"], partitioning=None)
    opens, known = (np.array(table[k].cast("int64")) for k in ("ts_open", "ts_avail"))
    expected = (day * DAY_MINUTES + np.arange(DAY_MINUTES)) * MINUTE_US
    if not np.array_equal(opens, expected) or (known != opens + MINUTE_US + watermark).any():
        sys.exit(f"FAILED: {path}: not the 1,440 minutes of its day, or `ts_avail` is not `ts_close` + {watermark} us")


class Column:
    """What the comparison of one column saw."""

    def __init__(self, kind):
        self.kind, self.cells, self.values, self.nulls, self.bad_nulls, self.bad, self.worst = kind, 0, 0, 0, 0, 0, 0.0
        self.first = None

    def add(self, day, ours, oracle, scale, tol):
        known = ~np.isnan(ours) & ~np.isnan(oracle)
        other_null = np.isnan(ours) != np.isnan(oracle)
        size = np.maximum(np.abs(oracle), np.nan_to_num(scale) / 1000)
        difference = np.abs(ours - oracle) / np.where(size > 0, size, 1e-300)
        difference = np.where(known & (ours != oracle), difference, 0.0)
        bad = difference > tol
        self.cells += len(ours)
        self.values += int(known.sum())
        self.nulls += int((np.isnan(ours) & np.isnan(oracle)).sum())
        self.bad_nulls += int(other_null.sum())
        self.bad += int(bad.sum())
        self.worst = max(self.worst, float(difference.max()))
        wrong = np.flatnonzero(bad | other_null)
        if self.first is None and len(wrong):
            t = int(wrong[0])
            self.first = f"{date_of(day)} {t // 60:02}:{t % 60:02} found {ours[t]!r}, expected {oracle[t]!r}"

    def ok(self, allow_empty):
        return not self.bad and not self.bad_nulls and (allow_empty or self.values > 0)


def compare(lake, set_dir, spec, args):
    folders, traded = instrument_paths(lake, spec)
    listed = [partitions(f) if f.is_dir() else {} for f in folders]  # an instrument without bars has no rows
    history = History(
        lambda i, d: minutes_of(listed[i][d]) if d in listed[i] else None, traded, len(folders), find_key(spec, "segment_gap_minutes")
    )
    features = [f for f in find_key(spec, "features") if not args.kinds or f["kind"] in args.kinds.split(",")]
    seen, written_names, spent = {}, set(), {}
    for day, path in sorted(partitions(set_dir).items()):
        if args.days and date_of(day) not in args.days.split(","):
            continue
        at, columns = read_columns(path)
        written_names |= set(columns)
        check_times(path, day, find_key(spec, "watermark"))
        for feature in features:
            began = time.monotonic()
            computed = history.compute(day, feature)
            spent[feature["kind"]] = spent.get(feature["kind"], 0.0) + time.monotonic() - began
            for name, (value, scale) in computed.items():
                column = seen.setdefault(name, Column(feature["kind"]))
                ours = nulls(DAY_MINUTES)
                if name in columns:
                    ours[at] = columns[name]
                else:
                    column.first = column.first or "no such column"
                    column.bad_nulls += 1
                column.add(day, ours, value, scale, args.tol)
    return report(seen, written_names if not args.kinds else set(seen), spent, args)


def report(seen, written, spent, args):
    print(f"{'kind':21} {'column':34} {'cells':>8} {'values':>8} {'nulls':>8} {'max rel diff':>12}")
    good = bool(seen)
    for name, c in sorted(seen.items(), key=lambda item: (item[1].kind, item[0])):
        ok = c.ok(args.allow_empty)
        good &= ok
        why = "" if ok else f" ({c.bad} differ, {c.bad_nulls} nulls differ; {c.first or 'no values'})"
        print(f"{c.kind:21} {name:34} {c.cells:8} {c.values:8} {c.nulls:8} {c.worst:12.3g} {'ok' if ok else 'FAILED'}{why}")
    for name in sorted(written - set(seen)):
        good = False
        print(f"{'?':21} {name:34} FAILED (written, but no feature of the specification has it)")
    slow = sorted(spent.items(), key=lambda x: -x[1])[:5]
    print(f"{len(seen)} columns, {sum(c.values for c in seen.values())} values; {sum(spent.values()):.0f} s, most in", slow and
          ", ".join(f"{k} {v:.1f} s" for k, v in slow))
    if args.json:
        rows = [vars(c) | {"column": n, "ok": c.ok(args.allow_empty)} for n, c in seen.items()]
        pathlib.Path(args.json).write_text(json.dumps(rows, indent=1) + "\n")
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", nargs="?", type=pathlib.Path)
    parser.add_argument("set_dir", nargs="?", type=pathlib.Path)
    parser.add_argument("--spec", type=pathlib.Path, help="JSON with the specification, instead of the manifest's")
    parser.add_argument("--days", help="YYYY-MM-DD,... instead of all that are written")
    parser.add_argument("--kinds", help="only these kinds")
    parser.add_argument("--tol", type=float, default=1e-9)
    parser.add_argument("--allow-empty", action="store_true", help="a column without a value is no failure")
    parser.add_argument("--json", help="write the table as JSON too")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--golden", metavar="OUT", help="write the golden vector of the Rust tests")
    args = parser.parse_args()
    if args.self_test:
        from row_features import selftest

        sys.exit(0 if selftest.run() else 1)
    if args.golden:
        from row_features import golden

        golden.write(pathlib.Path(args.golden), History)
        return
    if not args.lake or not args.set_dir:
        parser.error("LAKE and SET_DIR are needed")
    spec = [json.loads(p.read_text()) for p in (args.spec, args.set_dir / "manifest.json") if p]
    lacking = [k for k in ("universe", "bar_set", "watermark", "segment_gap_minutes", "features") if find_key(spec, k) is None]
    if lacking:
        parser.error(f"neither the manifest nor --spec has {', '.join(lacking)}")
    np.seterr(invalid="ignore", divide="ignore")
    sys.exit(0 if compare(args.lake, args.set_dir, spec, args) else 1)


if __name__ == "__main__":
    main()
