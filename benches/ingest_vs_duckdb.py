"""Ingestion of one day of aggregated trades: `quant build-dataset` against DuckDB and Polars, same file, same machine, one sitting.

usage: python3 benches/ingest_vs_duckdb.py [--peers DIR] [--rows 3000000] [--runs 5] [--jobs 1,2] [--quant PATH]

Pair 1, zip -> sorted zstd Parquet: the peer script `ingest.py duckdb|polars` extracts, parses, sorts and writes; ours reads
the zip as a stream, checks its sha256, parses, checks, writes, hashes and commits with a manifest. Contenders take
turns, so that a busy moment hits all. Ours is timed as a whole process; the peers by their own clock, which starts after
Python has (the difference is to the peers' advantage).
Pair 2, inflated CSV -> Parquet: isolates parsing and writing from inflation; ours reads it through the csv source.

Prints a Markdown table: best and median wall time, largest resident set, rows/s of the best, ratios to the peers' best; then the
limits of the zip pair at the largest --jobs: a third of both peers' times, 128 MiB, no larger a file. Exit code 1 if one is missed.
Needs the peer scripts (`make_aggtrades.py`, `ingest.py`; --peers or PEERS_DIR) and Python with numpy, duckdb and polars.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import measure

ROOT = measure.ROOT
DAY = "2025-01-01"  # the day make_aggtrades.py stamps
STEM = f"BTCUSDT-aggTrades-{DAY}"
PEERS = ("duckdb", "polars")


def prepare(work, peers, rows):
    """Makes the zip in the archive's own layout and its inflated CSV; returns (archive root, zip, csv)."""
    folder = work / "archive/data/futures/um/daily/aggTrades/BTCUSDT"
    folder.mkdir(parents=True)
    archive = folder / f"{STEM}.zip"
    subprocess.run([sys.executable, peers / "make_aggtrades.py", archive, str(rows)], check=True)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    checksum = (folder / f"{STEM}.zip.CHECKSUM").read_text()
    assert checksum == f"{digest}  {archive.name}\n", "the peer's checksum file is not the venue's form"
    with zipfile.ZipFile(archive) as z:
        csv = pathlib.Path(z.extract(f"{STEM}.csv", work))
    return work / "archive", archive, csv


def ours_zip(quant, root, lake, jobs):
    return [
        quant,
        "build-dataset",
        "--exchange",
        "binance",
        "--market",
        "um",
        "--symbol",
        "BTCUSDT",
        "--start",
        DAY,
        "--end",
        "2025-01-02",
        "--source",
        "vision",
        "--root",
        root,
        "--datasets",
        "agg_trades",
        "--lake",
        lake,
        "--jobs",
        str(jobs),
    ]


PEER_CSV = {
    "duckdb": """
import sys, time
t = time.perf_counter()
import duckdb
duckdb.sql(f\"\"\"COPY (SELECT agg_trade_id, price, quantity, first_trade_id, last_trade_id,
    make_timestamp(transact_time*1000)::TIMESTAMPTZ AS ts_event, is_buyer_maker FROM read_csv('{sys.argv[1]}')
    ORDER BY ts_event, agg_trade_id) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)\"\"\")
print(f"duckdb ingest {time.perf_counter()-t:.3f}s")
""",
    "polars": """
import sys, time
t = time.perf_counter()
import polars as pl
(pl.scan_csv(sys.argv[1]).with_columns((pl.col("transact_time") * 1000).cast(pl.Datetime("us", "UTC")).alias("ts_event"))
   .drop("transact_time").sort("ts_event", "agg_trade_id").sink_parquet(sys.argv[2], compression="zstd"))
print(f"polars ingest {time.perf_counter()-t:.3f}s")
""",
}


def ours_csv(quant, csv, lake, jobs):
    """The inflated file through the csv source, as a user's own trades."""
    return [
        quant,
        "build-dataset",
        "--exchange",
        "csv",
        "--market",
        "um",
        "--symbol",
        "BTCUSD",
        "--start",
        DAY,
        "--end",
        "2025-01-02",
        "--source",
        "csv",
        "--config",
        ROOT / "benches/agg_trades_csv.yaml",
        "--set",
        f"ingest.csv.path={csv}",
        "--lake",
        lake,
        "--jobs",
        str(jobs),
    ]


def check_rows(lake, rows):
    """A fast ingest that lost rows is not fast: counts what the lake holds; returns the bytes of the files."""
    import duckdb

    files = list(lake.glob("raw/*/um/*/*trades/*/*.parquet"))
    found = duckdb.sql(f"SELECT count(*) FROM read_parquet({[str(f) for f in files]})").fetchall()[0][0]
    if found != rows:
        raise SystemExit(f"the lake holds {found} rows; expected {rows}")
    return sum(f.stat().st_size for f in files)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, default=os.environ.get("PEERS_DIR", ROOT.parent / "shared/peers"))
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--quant", type=pathlib.Path, help="binary; default: build it with `cargo build --release`")
    args = parser.parse_args()
    peers = pathlib.Path(args.peers)
    if not (peers / "make_aggtrades.py").is_file():
        raise SystemExit(f"no make_aggtrades.py in {peers}; pass --peers DIR or set PEERS_DIR")
    jobs = [int(j) for j in args.jobs.split(",")]
    quant = measure.quant_binary(args.quant)

    with tempfile.TemporaryDirectory() as tmp:
        work = pathlib.Path(tmp)
        root, archive, csv = prepare(work, peers, args.rows)
        lake, sizes = work / "lake", {}

        def fresh_lake():
            shutil.rmtree(lake, ignore_errors=True)
            return lake

        contenders = {}
        for kind, source in (("zip", archive), ("csv", csv)):
            for peer in PEERS:
                out = work / f"{kind}-{peer}.parquet"
                command = (
                    [sys.executable, peers / "ingest.py", peer, source, out]
                    if kind == "zip"
                    else [sys.executable, "-c", PEER_CSV[peer], source, out]
                )
                contenders[f"{kind}: {peer} (peer)"] = lambda c=command, p=peer: (c, rf"{p} ingest ([0-9.]+)s")
            ours = ours_zip if kind == "zip" else ours_csv
            for j in jobs:
                contenders[f"{kind}: quant --jobs {j}"] = lambda f=ours, s=(root if kind == "zip" else csv), j=j: (
                    f(quant, s, fresh_lake(), j),
                    None,
                )

        def after(name):
            if "quant" in name:
                sizes[name] = check_rows(lake, args.rows)
            else:
                sizes[name] = (work / f"{name[:3]}-{name.split()[1]}.parquet").stat().st_size

        seen = measure.alternate(contenders, args.runs, after)
        print(
            f"\n{args.rows:,} rows, zip {archive.stat().st_size / 2**20:.1f} MiB, csv {csv.stat().st_size / 2**20:.1f} MiB; "
            f"{measure.machine(args.runs)}\n"
        )

        def ratio(name, peer):
            return measure.best(seen, f"{name[:3]}: {peer} (peer)") / measure.best(seen, name)

        measure.print_table(
            seen,
            ["M rows/s", *(f"{peer} best / this best" for peer in PEERS), "file MB"],
            lambda name: [
                f"{args.rows / measure.best(seen, name) / 1e6:.2f}",
                *(f"{ratio(name, peer):.2f}" for peer in PEERS),
                f"{sizes[name] / 1e6:.1f}",
            ],
        )
        name = f"zip: quant --jobs {max(jobs)}"
        peer_sizes = [sizes[f"zip: {peer} (peer)"] for peer in PEERS]
        return measure.judge(
            [
                *((f"{name}, {peer}'s best over ours", ratio(name, peer), ">=", 3) for peer in PEERS),
                (f"{name}, peak RSS MiB", max(peak for _, peak in seen[name]), "<=", 128),
                (f"{name}, file over the smaller peer's", sizes[name] / min(peer_sizes), "<=", 1),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
