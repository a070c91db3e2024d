"""Every feature on real recordings and simulated days against its independent oracle, in one command and one table.

usage: check_features.py --quant BIN --data ../shared/data [--work DIR] [--cases a,b]

Ingests each case into a lake of its own, builds bars with every statistic and features of every kind of the registry, then has
`scripts/oracles/minute_rows.py` and `scripts/oracles/row_features.py` recompute every cell from the definitions. Prints, per
column, the largest relative difference over all cases, and how many values were compared. Exits 1 on any difference above 1e-9,
and if a column had no value in any case. Needs the Python packages of the oracles.
"""

import argparse
import gzip
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
# Kinds of the set that entries need: they are in every config.
BASE = {"ema", "ema_slope", "ema_gap", "atr", "session_vwap", "efficiency_ratio", "realised_vol", "rv_ratio", "extremes", "volume_median", "tfi", "wick"}
SYNTH = "klines_1m,trades,book_ticker,depth_bands,mark_klines,premium_klines,index_klines,metrics,funding"

# name: (instruments, first day, last day, warm-up days, how to ingest)
CASES = {
    "binance-um": (["binance:um:BTCUSDT"], "2024-08-08", "2024-08-10", 0, [("binance", "um", "BTCUSDT", ["recordings/binance/um/btcusdt_20240808.gz"])]),
    "binance-spot": (["binance:spot:BTCUSDT"], "2024-08-08", "2024-08-10", 0, [("binance", "spot", "BTCUSDT", ["recordings/binance/spot"])]),
    "bybit": (["bybit:linear:BTCUSDT"], "2026-08-09", "2026-08-10", 0, [("bybit", "linear", "BTCUSDT", ["recordings/bybit/BYBIT.jsonl.zst"])]),
    "sim-book": (["sim-binance:um:BTCUSDT"], "2024-01-01", "2024-01-04", 0, "book"),
    "sim-holes": (["sim-binance:um:BTCUSDT"], "2024-01-01", "2024-01-03", 0, "holes"),
    "sim-mixed": (["sim-binance:um:BTCUSDT"], "2024-01-01", "2024-01-04", 0, "mixed"),
    "sim-pair": (["sim-binance:um:SOLUSDT", "sim-binance:spot:SOLUSDT"], "2024-01-01", "2024-01-12", 0, "pair"),
}


def call(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\nexit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


HOURS = {"minutes": 15, "lookback": 60, "bars": 12, "days": 1, "sigma_minutes": 30, "long_minutes": 60, "volume_bars": 6, "buckets": 10}
# A recording has minutes only.
MINUTES = {"minutes": 2, "lookback": 3, "bars": 2, "days": 1, "sigma_minutes": 2, "short_minutes": 1, "long_minutes": 3, "volume_bars": 1, "buckets": 2, "fast": 1, "slow": 2, "nw_lag": 1, "lag": 1, "min_minutes": 2}
BASE_MINUTES = {"ema_fast_bars": 1, "ema_slow_bars": 2, "ema_slope_bars": 1, "atr_bars": 1, "efficiency_ratio_bars": 2, "realized_vol_minutes": 2, "extreme_bars": 2, "volume_median_bars": 2, "tfi_minutes": 2}


def small(kind, example, most, days_back=0):
    """Windows that fill within a case, without changing what the kind is."""
    out = dict(example)
    for key, limit in most.items():
        if isinstance(out.get(key), int) and out[key] > limit:
            out[key] = limit
    least = {"kyle_minute": ("minutes", 4), "roll": ("minutes", 3), "edge": ("bars", 3), "flow_toxicity": ("bars", 3)}
    if most is MINUTES and kind in least:
        key, value = least[kind]
        out[key] = value
    if kind == "jump_z":
        # Quiet minutes have more zeros than the test is meant for; what is compared is the arithmetic.
        out["max_zero_share"] = 0.3
    if kind == "correlation":
        out["days"] = 3
    # Short cases have no day before: nothing is asked of one where the kind leaves the choice.
    if "days_back" in out and kind != "oi_change":
        out["days_back"] = days_back
    return out


def config(case, work, quant):
    instruments, start, end, warmup, _ = CASES[case]
    listed = json.loads(call([quant, "features", "list", "--json"]))
    kinds = [entry for entry in listed if entry["tier"] == 2]
    extra, is_short = [], isinstance(CASES[case][4], list)
    # Where sources change, windows must reach over midnight to show it.
    days_back = int(CASES[case][4] == "mixed")
    for kind in kinds:
        name, example = kind["name"], kind["example"]
        if name in BASE or (len(instruments) == 1 and name in {"basis", "correlation"}):
            continue
        extra.append({"kind": name, **{k: v for k, v in small(name, example, MINUTES if is_short else HOURS, days_back).items() if k != "kind"}})
    roles = ["traded"] + ["reference"] * (len(instruments) - 1)
    parts = [i.split(":") for i in instruments]
    tree = {
        "extends": str(ROOT / "configs" / "default.yaml"),
        "run": {"start": start, "end": end, "warmup_days": warmup},
        "instruments": [{"exchange": e, "market": m, "symbol": s, "role": r} for (e, m, s), r in zip(parts, roles)],
        "paths": {"lake": str(work / "lake"), "artifacts": str(work / "artifacts"), "instruments": None},
        "ingest": {"source": "lake"},
        "features": {"extra": extra, "realized_vol_median_days": 1, **(BASE_MINUTES if is_short else {})},
    }
    path = work / "config.yaml"
    path.write_text(json.dumps(tree))
    return path


# Stretches of a recording that are cut out: seconds from its first frame, their length, frames of books only (or all of them), seconds until the
# next image of the book (a simulated recording has one a day, at its start). The third leaves the second day an opening
# without a book, the last lies in that day, which has volume buckets. Holes of all frames move on until their trades can be missed.
HOLES = [(22_210, 20, False, 7), (73_805, 20, True, 3), (86_340, 20, True, 200), (136_790, 20, False, 45)]
FEWEST = 8  # trades in a hole of all frames, so that their ids tell it


def is_book(text):
    return '"e":"depthUpdate"' in text


def received(line):
    return int(line.split(" ", 1)[0])


def with_holes(folder, target):
    """Copies a recording without some of its stretches, and with an image of the true book after each of them. Returns frames cut out, images."""
    lines = []
    for path in sorted(folder.glob("*.gz")):
        with gzip.open(path, "rt") as file:
            lines += [(path.name, line) for line in file]
    second = 1_000_000_000
    first, holes = received(lines[0][1]), []
    trades = [received(line) for _, line in lines if '"e":"trade"' in line]
    for after, length, books_only, image in HOLES:
        start = first + after * second
        while not books_only and sum(start <= t < start + length * second for t in trades) < FEWEST:
            start += length * second
        holes.append((start, start + length * second, books_only, start + (length + image) * second))
    sides, files, cut, images = {"bids": {}, "asks": {}}, {}, 0, 0
    for name, line in lines:
        t, text = received(line), line.split(" ", 1)[1]
        update = json.loads(text)["data"] if is_book(text) else json.loads(text) if text.startswith('{"lastUpdateId"') else None
        if update:
            if "lastUpdateId" in update:
                sides = {"bids": {}, "asks": {}}
            for side, changes in (("bids", update.get("bids") or update.get("b")), ("asks", update.get("asks") or update.get("a"))):
                for price, qty in changes or []:
                    sides[side][price] = qty
                    if float(qty) == 0:
                        del sides[side][price]
        if any(start <= t < end and (update or not books_only) for start, end, books_only, _ in holes):
            cut += 1
            continue
        out = files.setdefault(name, [])
        out.append(line)
        if is_book(text):
            for hole in [h for h in holes if t >= h[3]]:
                holes.remove(hole)
                levels = {side: sorted(held.items(), key=lambda x: float(x[0]), reverse=side == "bids") for side, held in sides.items()}
                image = {"lastUpdateId": update["u"], "E": update["E"], "T": update["T"], **levels}
                out.append(f"{t + 200} {json.dumps(image, separators=(',', ':'))}\n")
                images += 1
    target.mkdir(parents=True)
    for name, kept in files.items():
        with gzip.open(target / name, "wt", compresslevel=1) as file:
            file.writelines(kept)
    return cut, images


def images_only(lake, instrument, first):
    """Takes quotes and book messages of the days from `first` on out of a lake: their touches and books are then those of images."""
    for dataset in ("book_ticker", "l2_deltas"):
        folder = lake / "raw" / instrument.replace(":", "/") / dataset
        manifest = json.loads((folder / "manifest.json").read_text())
        kept = [p for p in manifest["partitions"] if p["date"] < first]
        for partition in manifest["partitions"]:
            if partition not in kept:
                shutil.rmtree(folder / f"date={partition['date']}")
        manifest["partitions"] = kept
        manifest["row_count"] = sum(p["rows"] for p in kept)
        manifest["time_range_covered"] = {"start": min(p["ts_min"] for p in kept), "end": max(p["ts_max"] for p in kept) + 1}
        (folder / "manifest.json").write_text(json.dumps(manifest))


def ingest(case, work, quant, data):
    instruments, start, end, _, how = CASES[case]
    lake = work / "lake"
    base = [quant, "-q", "build-dataset", "--lake", lake]
    if isinstance(how, list):
        for exchange, market, symbol, files in how:
            inputs = [x for f in files for x in ("--input", data / f)]
            call([*base, "--exchange", exchange, "--market", market, "--symbol", symbol, "--source", "recording", *inputs])
        return
    root = work / "archive"
    sizes = ["--set", "trades_per_day=20000", "--set", "quotes_per_day=60000", "--seed", "5"]
    days = ["--days", {"book": "3", "mixed": "3", "holes": "2"}.get(how, "11"), "--start", start]
    if how in {"book", "mixed", "holes"}:
        call([quant, "-q", "synth", "--out", root, *days, *sizes, "--datasets", SYNTH + ",l2_deltas"])
        recording = root / "recordings/binance/um"
        if how == "holes":
            cut, images = with_holes(recording, work / "holes")
            recording = work / "holes"
            print(f"case {case}: {cut} frames cut out, {images} images put in", file=sys.stderr)
        call([*base, "--exchange", "sim-binance", "--market", "um", "--symbol", "BTCUSDT", "--source", "recording", "--input", recording])
        if how == "mixed":
            images_only(lake, instruments[0], "2024-01-02")
        sets = [d for d in SYNTH.split(",") if d not in {"trades", "book_ticker"}]
    else:
        call([quant, "-q", "synth", "--out", root, *days, *sizes, "--instruments", "um:SOLUSDT:alt,spot:SOLUSDT:alt"])
        sets = SYNTH.split(",")
    for instrument in instruments:
        exchange, market, symbol = instrument.split(":")
        held = [d for d in sets if market != "spot" or d in {"klines_1m", "trades"}]
        call([*base, "--exchange", exchange, "--market", market, "--symbol", symbol, "--start", start, "--end", end, "--source", "vision", "--root", root, "--datasets", ",".join(held)])


def days_of(folder):
    return [p["date"] for p in json.loads((folder / "manifest.json").read_text())["partitions"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quant", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--cases", default=",".join(CASES))
    args = parser.parse_args()
    worst, failed = {}, []
    with tempfile.TemporaryDirectory() as temporary:
        for case in args.cases.split(","):
            work = (args.work or pathlib.Path(temporary)) / case
            work.mkdir(parents=True, exist_ok=True)
            path = config(case, work, args.quant)
            if not (work / "lake").exists():
                ingest(case, work, args.quant, args.data)
            call([args.quant, "-q", "build-bars", "--config", path])
            call([args.quant, "-q", "build-features", "--config", path])
            lake = work / "lake"
            for instrument in CASES[case][0]:
                exchange, market, symbol = instrument.split(":")
                folder = lake / "bars" / exchange / market / symbol
                for bar_set in sorted(p.parent for p in folder.glob("*/manifest.json")):
                    for day in days_of(bar_set):
                        out = work / "minute.json"
                        done = subprocess.run(
                            [sys.executable, HERE / "oracles/minute_rows.py", lake, instrument, day, "--bars-set", bar_set.name, "--json", out],
                            capture_output=True, text=True, check=False,
                        )
                        if done.returncode:
                            failed.append(f"{case} {instrument} {day}: minute rows\n{done.stdout[-1500:]}{done.stderr[-500:]}")
                        if out.exists():
                            take(worst, case, json.loads(out.read_text())["table"], "1")
            for feature_set in sorted(p.parent for p in lake.glob("features/*/*/manifest.json")):
                out = work / "rows.json"
                done = subprocess.run(
                    [sys.executable, HERE / "oracles/row_features.py", lake, feature_set, "--allow-empty", "--json", out],
                    capture_output=True, text=True, check=False,
                )
                if done.returncode:
                    failed.append(f"{case}: row features\n{done.stdout[-3000:]}{done.stderr[-500:]}")
                if out.exists():
                    table = json.loads(out.read_text())
                    take(worst, case, table.get("table", table) if isinstance(table, dict) else table, "2")
            print(f"case {case}: done", file=sys.stderr)
    print(f"{'tier':4} {'column':34} {'values':>9} {'max rel diff':>13}  cases")
    # Cases choose their own windows: a column counts as shown if it has values with some window.
    shown = {without_windows(column) for (_, column), entry in worst.items() if entry["cells"]}
    empty = sorted({without_windows(column) for _, column in worst} - shown)
    for (tier, column), entry in sorted(worst.items()):
        print(f"{tier:4} {column:34} {entry['cells']:9} {entry['diff']:13.2e}  {','.join(entry['cases'])}")
        if entry["diff"] > 1e-9:
            failed.append(f"{column}: {entry['diff']:.2e}")
    print(f"{len(worst)} columns, {sum(e['cells'] for e in worst.values())} values compared, {len(empty)} columns without a value: {', '.join(empty)}")
    for text in failed:
        print("FAILED", text)
    return 1 if failed or empty else 0


def without_windows(column):
    return re.sub(r"(_\d+[dh]?)+$", "", column) if not column.startswith("mlofi") else column


def take(worst, case, table, tier):
    for row in table:
        name = row.get("column") or row.get("name")
        entry = worst.setdefault((tier, name), {"cells": 0, "diff": 0.0, "cases": []})
        # Tier 1 counts its values as cells.
        cells = row.get("values", row["cells"])
        entry["cells"] += cells
        diff = row.get("worst", row.get("max_rel_diff")) or 0.0
        entry["diff"] = max(entry["diff"], diff)
        if cells and case not in entry["cases"]:
            entry["cases"].append(case)


if __name__ == "__main__":
    sys.exit(main())
