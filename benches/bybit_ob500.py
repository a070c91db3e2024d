"""One day of a Bybit 500-level book, 0.86 M messages, into 1 s top-50 snapshots: MB/s of inflated JSON on one core, peak memory.

usage: python3 benches/bybit_ob500.py --work DIR [--runs 3] [--quant PATH] [--messages 860000] [--only-generate]

Makes the archive once, in --work (about 1.2 GB of JSON, a minute or two), and uses it again. The book is simulated, with the shape of
the real files: first line a snapshot of 500 levels a side, then one delta per 100 ms with `u` + 1, `seq` rising, bids descending and asks
ascending; deltas change, delete and insert levels of the book that is really there, mostly near the top; a level that falls out of the
500 is deleted, one that comes in is inserted, so the depth stays 500 and the book never crosses. `--check` replays a file with plain
dictionaries and says so. Limits, pinned to one core (`taskset -c 0`): >= 120 MB/s, <= 256 MiB. Exit code 1 if one is missed.
Needs numpy (to make the file), pyarrow (to count rows).
"""

import argparse
import bisect
import json
import pathlib
import queue
import shutil
import sys
import tempfile
import threading
import time
import zipfile

import measure

# The command of ours; {root}, {lake}, {start}, {end} are filled in.
OURS = [
    "build-dataset",
    "--exchange",
    "bybit",
    "--market",
    "linear",
    "--symbol",
    "BTCUSDT",
    "--start",
    "{start}",
    "--end",
    "{end}",
    "--source",
    "bybit-manual",
    "--root",
    "{root}",
    "--datasets",
    "l2_snapshots",
    "--lake",
    "{lake}",
    "--jobs",
    "1",
]

DAY, NEXT = "2024-12-01", "2024-12-02"
START_MS = 1_733_011_200_000
DEPTH = 500
WIDEST = 1500  # ticks from the best to the last level of a side; a wider book fills its gaps instead
VERSION = 2  # of the generator: part of the folder's name, so that an older file is not taken
STEM = f"{DAY}_BTCUSDT_ob500"


class Side:
    """500 prices in ticks of 0.1, best first, as keys that grow away from the touch: tick for asks (`sign` +1), -tick for bids."""

    def __init__(self, sign, best, rng):
        self.sign = sign
        gaps = rng.geometric(0.45, DEPTH - 1).tolist()
        self.keys = [sign * best]
        for gap in gaps:
            self.keys.append(self.keys[-1] + gap)

    def insert(self, key):
        """Adds a level; returns False if it is there."""
        at = bisect.bisect_left(self.keys, key)
        if at < len(self.keys) and self.keys[at] == key:
            return False
        self.keys.insert(at, key)
        return True


def generate(path, messages, seed=7):
    """Writes the zip; returns (messages, bytes, levels changed by deltas)."""
    import numpy as np

    rng = np.random.default_rng(seed)
    # Quantities as texts with the closing of a level; most are small, as in real files.
    sizes = np.maximum(1, (rng.lognormal(-1.5, 1.6, 8192) * 1000).astype(int)).tolist()
    qty = [f'{s / 1000:.3f}"]' for s in sizes]
    gone = '0"]'
    opening = {}

    def open_level(tick):
        text = opening.get(tick)
        if text is None:
            text = opening[tick] = f'["{tick // 10}.{tick % 10}0","'
        return text

    asks, bids = Side(1, 964_001, rng), Side(-1, 964_000, rng)
    # Slots of 100 ms; a few stay silent. The snapshot takes the first.
    slots = np.sort(rng.choice(864_000, messages, replace=False)) if messages < 864_000 else np.arange(messages)
    slots[0] = 0
    stamps = START_MS + slots * 100 + rng.integers(5, 60, messages)
    lags = rng.integers(1, 9, messages)
    seqs = 299_000_000_000 + np.cumsum(rng.integers(20, 4000, messages))
    u = 20_254_869
    total = levels_total = 0

    blocks = queue.Queue(maxsize=16)
    failed = []

    def write():
        try:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
                with archive.open(f"{STEM}.data", "w", force_zip64=True) as member:
                    while (block := blocks.get()) is not None:
                        member.write(block)
        except Exception as error:  # the generator must not wait for a dead writer
            failed.append(error)
            while blocks.get() is not None:
                pass

    # zlib works outside the interpreter lock, so this takes the other core.
    writer = threading.Thread(target=write)
    writer.start()
    block_size = 8192
    for start in range(0, messages, block_size):
        n = min(block_size, messages - start)
        moves = rng.choice([-2, -1, 0, 0, 0, 0, 0, 0, 1, 2], n).tolist()
        counts = rng.poisson(29, (2, n)).tolist()
        churn = rng.poisson(1.2, (2, n)).tolist()
        # Indexes of levels: two thirds near the top, the rest anywhere.
        picks = np.where(
            rng.random((2, n, 48)) < 0.67, rng.geometric(0.02, (2, n, 48)) - 1, rng.integers(0, DEPTH, (2, n, 48))
        )
        picks = np.minimum(picks, DEPTH - 1).tolist()
        depths = (rng.geometric(0.03, (2, n, 8))).tolist()
        cursor = rng.integers(0, 8192, n).tolist()
        gaps = rng.geometric(0.45, (2, n, 16)).tolist()
        t, lag, seq = (
            stamps[start : start + n].tolist(),
            lags[start : start + n].tolist(),
            seqs[start : start + n].tolist(),
        )
        lines = []
        for i in range(n):
            at = cursor[i]
            if start + i == 0:
                texts, kind = [], "snapshot"
                for side in (bids, asks):
                    sign = side.sign
                    texts.append(
                        ",".join([open_level(sign * k) + qty[(at + j) & 8191] for j, k in enumerate(side.keys)])
                    )
            else:
                kind, texts = "delta", []
                move = moves[i]
                spread = asks.keys[0] + bids.keys[0]
                if spread > 2:
                    # Somebody quotes inside a wide spread.
                    move = spread // 2 if at & 1 else -(spread // 2)
                if move:
                    # The touch moves: levels in its way go, the other side follows into the room. Keys: bids -tick, asks tick.
                    touch = -bids.keys[0] + move if move > 0 else asks.keys[0] + move
                removed, added = {}, {}
                for number, side in enumerate((bids, asks)):
                    keys, sign = side.keys, side.sign
                    out, new = set(), set()
                    if move:
                        towards = (move > 0) == (sign < 0)
                        if towards:
                            new.add(sign * touch)
                        else:
                            # Every level the other side's new best reaches is eaten.
                            cut = bisect.bisect_right(keys, sign * touch)
                            out.update(keys[:cut])
                            del keys[:cut]
                    for k in range(churn[number][i]):
                        # A level is cancelled and one comes up in a gap.
                        j = depths[number][i][k & 7] + 1
                        if j < len(keys):
                            key = keys.pop(j)
                            if key in new:
                                new.discard(key)
                            else:
                                out.add(key)
                        j = depths[number][i][(k + 3) & 7] + 1
                        while j < len(keys) and keys[j] == keys[j - 1] + 1:
                            j += 1
                        key = keys[j - 1] + 1
                        if key not in out:
                            keys.insert(j, key)
                            new.add(key)
                    if move and towards:
                        side.insert(sign * touch)
                    # Back to 500: what falls out is deleted, what comes in is inserted.
                    while len(keys) > DEPTH:
                        key = keys.pop()
                        if key in new:
                            new.discard(key)
                        else:
                            out.add(key)
                    refill = 0
                    while len(keys) < DEPTH:
                        if keys[-1] - keys[0] > WIDEST:
                            j = 1 + 4 * depths[number][i][refill & 7]
                            j = min(j, len(keys))
                            while j < len(keys) and keys[j] == keys[j - 1] + 1:
                                j += 1
                            key = keys[j - 1] + 1
                            keys.insert(j, key)
                        else:
                            key = keys[-1] + gaps[number][i][refill & 15]
                            keys.append(key)
                        refill += 1
                        if key in out:
                            out.discard(key)
                        new.add(key)
                    removed[number], added[number] = out, new
                for number, side in enumerate((bids, asks)):
                    keys, sign, out = side.keys, side.sign, removed[number]
                    changed = {keys[j] for j in picks[number][i][: counts[number][i]]}
                    changed |= added[number]
                    changed |= out
                    ordered = sorted(changed)
                    at += 31
                    texts.append(
                        ",".join(
                            [
                                open_level(sign * k) + (gone if k in out else qty[(at + j * 7) & 8191])
                                for j, k in enumerate(ordered)
                            ]
                        )
                    )
                    levels_total += len(ordered)
                u += 1
            lines.append(
                f'{{"topic":"orderbook.500.BTCUSDT","type":"{kind}","ts":{t[i] + lag[i]},"data":{{"s":"BTCUSDT","b":[{texts[0]}],'
                f'"a":[{texts[1]}],"u":{u},"seq":{seq[i]}}},"cts":{t[i]}}}\n'
            )
        block = "".join(lines).encode()
        total += len(block)
        blocks.put(block)
    blocks.put(None)
    writer.join()
    if failed:
        raise failed[0]
    return {"messages": messages, "bytes": total, "levels": levels_total}


def check(path, limit=None):
    """Replays the file by the venue's rules; stops with a message on the first thing that no real file has."""
    sides, u, seq, n, spreads, spans = ({}, {}), None, 0, 0, 0.0, 0.0
    with zipfile.ZipFile(path) as archive, archive.open(f"{STEM}.data") as lines:
        for n, line in enumerate(lines, 1):
            frame = json.loads(line)
            data = frame["data"]
            if list(frame) != ["topic", "type", "ts", "data", "cts"] or frame["ts"] <= frame["cts"]:
                raise SystemExit(f"line {n}: keys or times")
            if (
                (frame["type"] == "snapshot") != (n == 1)
                or (u is not None and data["u"] != u + 1)
                or data["seq"] <= seq
            ):
                raise SystemExit(f"line {n}: type, u or seq")
            u, seq = data["u"], data["seq"]
            for side, levels, sign in ((sides[0], data["b"], -1), (sides[1], data["a"], 1)):
                ticks = [sign * float(p) for p, _ in levels]
                if ticks != sorted(set(ticks)):
                    raise SystemExit(f"line {n}: order of levels")
                for price, size in levels:
                    if size == "0":
                        if side.pop(price, None) is None:
                            raise SystemExit(f"line {n}: delete of {price}, which is not there")
                    else:
                        side[price] = size
            if (len(sides[0]), len(sides[1])) != (DEPTH, DEPTH):
                raise SystemExit(f"line {n}: {len(sides[0])} x {len(sides[1])} levels")
            bids, asks = list(map(float, sides[0])), list(map(float, sides[1]))
            if max(bids) >= min(asks):
                raise SystemExit(f"line {n}: crossed")
            spreads += min(asks) - max(bids)
            spans += max(asks) - min(bids)
            if limit and n >= limit:
                break
    print(
        f"checked {n:,} messages: u contiguous, seq rising, every delete existed, always {DEPTH} x {DEPTH}, never crossed; "
        f"mean spread {spreads / n:.2f}, mean span of all levels {spans / n:.1f}, last best {max(bids)} {min(asks)}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the archive; it is used again")
    parser.add_argument("--messages", type=int, default=860_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quant", type=pathlib.Path, help="binary; default: build it with `cargo build --release`")
    parser.add_argument("--only-generate", action="store_true")
    parser.add_argument("--check", type=int, metavar="N", help="replay the first N messages (0: all) before timing")
    parser.add_argument(
        "--args", help="arguments of ours in place of the built-in ones, {root} {lake} {start} {end} filled in"
    )
    args = parser.parse_args()

    root = args.work / f"bybit-ob500-v{VERSION}-{args.messages}"
    archive = root / "orderbook/linear/BTCUSDT" / f"{STEM}.data.zip"
    facts_file = root / "facts.json"
    if not facts_file.is_file():
        archive.parent.mkdir(parents=True, exist_ok=True)
        start = time.perf_counter()
        facts = generate(archive, args.messages)
        facts_file.write_text(json.dumps(facts))
        print(f"made in {time.perf_counter() - start:.0f} s: {archive}")
    facts = json.loads(facts_file.read_text())
    mean_bytes, mean_levels = facts["bytes"] / facts["messages"], facts["levels"] / (facts["messages"] - 1)
    print(
        f"{facts['messages']:,} messages, {facts['bytes'] / 1e6:.0f} MB of JSON, zip {archive.stat().st_size / 1e6:.0f} MB, "
        f"mean {mean_bytes:.0f} bytes, {mean_levels:.1f} changed levels per delta"
    )
    if mean_bytes < 1200 or mean_levels < 55:
        raise SystemExit("the file is lighter than the limit asks for: at least 1200 bytes and 55 levels on average")
    if args.check is not None:
        check(archive, args.check)
    if args.only_generate:
        return 0

    import pyarrow.parquet as pq

    quant = measure.quant_binary(args.quant)
    pattern = args.args.split() if args.args else OURS
    pin = ["taskset", "-c", "0"] if shutil.which("taskset") else []
    with tempfile.TemporaryDirectory() as tmp:
        lake = pathlib.Path(tmp) / "lake"

        def ours():
            shutil.rmtree(lake, ignore_errors=True)
            values = {"root": root, "lake": lake, "start": DAY, "end": NEXT}
            return [*pin, quant, *(part.format(**values) for part in pattern)], None

        seen = measure.alternate({"quant, one core": ours}, args.runs)
        files = list(lake.glob("raw/*/*/*/l2_snapshots/date=*/*.parquet"))
        rows, size = sum(pq.read_metadata(f).num_rows for f in files), sum(f.stat().st_size for f in files)
    if not 86_000 <= rows <= 86_400:
        raise SystemExit(f"{rows} snapshots; a day of 1 s has 86,400")
    print(
        f"\n{rows:,} snapshots of {size / 1e6:.0f} MB; "
        f"{measure.machine(args.runs)}{'' if pin else '; NOT pinned, no taskset'}\n"
    )
    speed = facts["bytes"] / 1e6 / measure.best(seen, "quant, one core")
    measure.print_table(
        seen,
        ["MB/s of JSON", "messages/s"],
        lambda name: [f"{speed:.0f}", f"{facts['messages'] / measure.best(seen, name):,.0f}"],
    )
    return measure.judge(
        [
            ("MB/s of inflated JSON", speed, ">=", 120),
            ("peak RSS MiB", max(peak for _, peak in seen["quant, one core"]), "<=", 256),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
