"""1m bars of one day of 3 M trades: `quant build-bars` against DuckDB and Polars, same rows, same machine, one sitting.

usage: python3 benches/bars_vs_peers.py [--peers DIR] [--rows 3000000] [--runs 7] [--quant PATH]

The peer script `bars.py duckdb|polars` reads one Parquet file that the peer's own `ingest.py` wrote and makes OHLCV, signed volume
and VWAP; it stops its own clock, which starts after Python has (to the peers' advantage). Ours is timed as a whole process: it
reads the partition of the lake, makes the bars, writes them to a partition with its manifest, and syncs both. Two ways: bars
alone (`bars.microstructure: null`), and bars with every statistic of trades (the day has no quotes and no book).

Prints a Markdown table and judges the limits of bars alone: half of DuckDB, a third of Polars, 150 MiB.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import ingest_vs_duckdb
import measure

PEERS = ("duckdb", "polars")


def config(work, micro):
    tree = {
        "extends": str(measure.ROOT / "configs/default.yaml"),
        "run": {"start": ingest_vs_duckdb.DAY, "end": "2025-01-02", "warmup_days": 0},
        "instruments": [{"exchange": "binance", "market": "um", "symbol": "BTCUSDT", "role": "traded"}],
        "paths": {"lake": str(work / "lake"), "artifacts": str(work / "artifacts"), "instruments": None},
        "ingest": {"source": "lake"},
    }
    if not micro:
        tree["bars"] = {"microstructure": None}
        tree["features"] = {"extra": []}
    path = work / f"{'all' if micro else 'bars'}.yaml"
    path.write_text(json.dumps(tree))
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, default=os.environ.get("PEERS_DIR", measure.ROOT.parent / "shared/peers"))
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--quant", type=pathlib.Path, help="binary; default: build it with `cargo build --release`")
    args = parser.parse_args()
    peers = pathlib.Path(args.peers)
    quant = measure.quant_binary(args.quant)
    with tempfile.TemporaryDirectory() as tmp:
        work = pathlib.Path(tmp)
        root, archive, csv = ingest_vs_duckdb.prepare(work, peers, args.rows)
        csv.unlink()
        lake = work / "lake"
        subprocess.run([str(c) for c in ingest_vs_duckdb.ours_zip(quant, root, lake, 2)], check=True, capture_output=True)
        for peer in PEERS:
            subprocess.run([sys.executable, peers / "ingest.py", peer, archive, work / f"{peer}.parquet"], check=True, capture_output=True)
        plain, full = config(work, micro=False), config(work, micro=True)

        def ours(path, jobs):
            shutil.rmtree(lake / "bars", ignore_errors=True)
            shutil.rmtree(lake / "openings", ignore_errors=True)
            return [quant, "-q", "build-bars", "--config", path, "--jobs", str(jobs)], None

        contenders = {f"{peer} (peer)": lambda p=peer: ([sys.executable, peers / "bars.py", p, work / f"{p}.parquet"], rf"{p} bars ([0-9.]+)s") for peer in PEERS}
        contenders["quant, bars"] = lambda: ours(plain, 2)
        contenders["quant, bars, one thread"] = lambda: ours(plain, 1)
        contenders["quant, every statistic"] = lambda: ours(full, 2)

        def after(name):
            if name.startswith("quant"):
                files = list(lake.glob("bars/*/*/*/*/date=*/*.parquet"))
                if len(files) != 1:
                    raise SystemExit(f"{name}: {len(files)} partitions of bars")

        seen = measure.alternate(contenders, args.runs, after)
        ratio = lambda name, peer: measure.best(seen, f"{peer} (peer)") / measure.best(seen, name)  # noqa: E731
        print(f"\n{args.rows:,} trades of one day; {measure.machine(args.runs)}\n")
        measure.print_table(
            seen,
            ["M trades/s", *(f"{peer} best / this best" for peer in PEERS)],
            lambda name: [f"{args.rows / measure.best(seen, name) / 1e6:.1f}", *(f"{ratio(name, peer):.2f}" for peer in PEERS)],
        )
        name = "quant, bars"
        return measure.judge(
            [
                (f"{name}, duckdb's best over ours", ratio(name, "duckdb"), ">=", 2),
                (f"{name}, polars' best over ours", ratio(name, "polars"), ">=", 3),
                (f"{name}, peak RSS MiB", max(peak for _, peak in seen[name]), "<=", 150),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
