"""Thirty symbol-days of simulated Binance archives, `quant build-dataset --jobs 2` against `--jobs 1`, same files, one sitting.

usage: python3 benches/ingest_jobs.py [--days 10] [--symbols BTCUSDT,ETHUSDT,SOLUSDT] [--runs 5] [--quant PATH] [--work DIR]

Makes the archives with `quant synth` (kept in --work and used again, if given). Limit: --jobs 2 at least 1.7 times as fast. Both
lakes must have the same content hashes. Exit code 1 if the limit is missed.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import sys
import tempfile

import measure

START = datetime.date(2024, 1, 1)
DATASETS = "klines_1m,agg_trades,trades,book_ticker"


def content(lake):
    """Everything the manifests say about values: (set, day, rows, content hash)."""
    found = []
    for manifest in sorted(lake.glob("raw/*/*/*/*/manifest.json")):
        document = json.loads(manifest.read_text())
        found += [(document["set"], p["date"], p["rows"], p["content_sha256"]) for p in document["partitions"]]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--symbols", default="BTCUSDT,ETHUSDT,SOLUSDT")
    parser.add_argument("--datasets", default=DATASETS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--quant", type=pathlib.Path, help="binary; default: build it with `cargo build --release`")
    parser.add_argument("--work", type=pathlib.Path, help="folder to keep the archives in [default: temporary]")
    args = parser.parse_args()
    quant = measure.quant_binary(args.quant)
    symbols = args.symbols.split(",")

    with tempfile.TemporaryDirectory() as tmp:
        work = args.work or pathlib.Path(tmp)
        root, lake = work / f"synth-{'-'.join(symbols)}-{args.days}d", pathlib.Path(tmp) / "lake"
        if not (root / "SIMULATED.json").is_file():
            instruments = ",".join(f"um:{s}:{'btc' if s.startswith('BTC') else 'alt'}" for s in symbols)
            measure.timed(
                [
                    quant,
                    "synth",
                    "--days",
                    args.days,
                    "--start",
                    START,
                    "--instruments",
                    instruments,
                    "--datasets",
                    args.datasets,
                    "--out",
                    root,
                    "--quiet",
                ]
            )
        size = sum(f.stat().st_size for f in root.rglob("*.zip"))

        def ours(jobs):
            shutil.rmtree(lake, ignore_errors=True)
            return [
                quant,
                "build-dataset",
                "--exchange",
                "sim-binance",
                "--market",
                "um",
                "--symbol",
                args.symbols,
                "--start",
                START,
                "--end",
                START + datetime.timedelta(days=args.days),
                "--source",
                "vision",
                "--root",
                root,
                "--datasets",
                args.datasets,
                "--lake",
                lake,
                "--jobs",
                jobs,
                "--quiet",
            ], None

        contents = []
        seen = measure.alternate(
            {f"--jobs {j}": lambda j=j: ours(j) for j in (1, 2)}, args.runs, lambda _: contents.append(content(lake))
        )
        if not contents[0] or any(c != contents[0] for c in contents):
            raise SystemExit("the lakes differ, or are empty")
        rows = sum(c[2] for c in contents[0])
        days = len({(c[0].split("/")[3], c[1]) for c in contents[0] if not c[0].endswith("instruments")})

    print(
        f"\n{days} symbol-days, {args.datasets}, {rows:,} rows, zips {size / 2**20:.1f} MiB; {measure.machine(args.runs)}\n"
    )
    one = measure.best(seen, "--jobs 1")
    measure.print_table(
        seen,
        ["M rows/s", "--jobs 1 / this"],
        lambda name: [f"{rows / measure.best(seen, name) / 1e6:.2f}", f"{one / measure.best(seen, name):.2f}"],
    )
    return measure.judge([("--jobs 2 over --jobs 1", one / measure.best(seen, "--jobs 2"), ">=", 1.7)])


if __name__ == "__main__":
    sys.exit(main())
