"""Ingestion of one day of aggregated trades: `quant build-dataset` against DuckDB, same file, same machine, one sitting.

usage: python3 benches/ingest_vs_duckdb.py [--peers DIR] [--rows 3000000] [--runs 5] [--jobs 1,2] [--quant PATH]

Pair 1, zip -> sorted zstd Parquet: the peer script `ingest.py duckdb` extracts, parses, sorts and writes; ours reads
the zip as a stream, checks its sha256, parses, checks, writes, hashes and commits with a manifest. Contenders take
turns, so that a busy moment hits all. Ours is timed as a whole process; the peer by its own clock, which starts after
Python has (the difference is to the peer's advantage).
Pair 2, inflated CSV -> Parquet: isolates parsing and writing from inflation; ours reads it through the csv source.

Prints a Markdown table: best and median wall time, largest resident set, rows/s of the best, ratio to DuckDB's best.
Needs the peer scripts (`make_aggtrades.py`, `ingest.py`; --peers or PEERS_DIR) and Python with numpy and duckdb.
"""

import argparse
import hashlib
import os
import pathlib
import platform
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
DAY = "2025-01-01"  # the day make_aggtrades.py stamps
STEM = f"BTCUSDT-aggTrades-{DAY}"


def timed(command, log):
    """Runs a command; returns (seconds, peak RSS in MiB of this child). A peer prints its own seconds."""
    log.seek(0)
    log.truncate()
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    # wait4 reports this child alone, where RUSAGE_CHILDREN is the maximum over all children so far.
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        log.flush()
        sys.stderr.write(pathlib.Path(log.name).read_text()[-4000:])
        raise SystemExit(f"failed with {process.returncode}: {shlex.join(map(str, command))}")
    own = re.search(r"duckdb ingest ([0-9.]+)s", pathlib.Path(log.name).read_text())
    if own:
        wall = float(own.group(1))
    kib = usage.ru_maxrss / 1024 if sys.platform == "darwin" else usage.ru_maxrss
    return wall, kib / 1024


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


def peer_zip(peers, archive, out):
    return [sys.executable, peers / "ingest.py", "duckdb", archive, out]


def ours_zip(quant, root, lake, jobs):
    return [
        quant, "build-dataset", "--exchange", "binance", "--market", "um", "--symbol", "BTCUSDT",
        "--start", DAY, "--end", "2025-01-02", "--source", "vision", "--root", root,
        "--datasets", "agg_trades", "--lake", lake, "--jobs", str(jobs),
    ]  # fmt: skip


PEER_CSV = """
import sys, time
t = time.perf_counter()
import duckdb
duckdb.sql(f\"\"\"COPY (SELECT agg_trade_id, price, quantity, first_trade_id, last_trade_id,
    make_timestamp(transact_time*1000)::TIMESTAMPTZ AS ts_event, is_buyer_maker FROM read_csv('{sys.argv[1]}')
    ORDER BY ts_event, agg_trade_id) TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)\"\"\")
print(f"duckdb ingest {time.perf_counter()-t:.3f}s")
"""


def ours_csv(quant, csv, lake, jobs):
    """The inflated file through the csv source, as a user's own trades."""
    return [
        quant, "build-dataset", "--exchange", "csv", "--market", "um", "--symbol", "BTCUSD",
        "--start", DAY, "--end", "2025-01-02", "--source", "csv", "--config", ROOT / "benches/agg_trades_csv.yaml",
        "--set", f"ingest.csv.path={csv}", "--lake", lake, "--jobs", str(jobs),
    ]  # fmt: skip


def check_rows(lake, rows):
    """A fast ingest that lost rows is not fast: counts what the lake holds."""
    import duckdb

    files = f"{lake}/raw/*/um/*/*trades/*/*.parquet"
    found = duckdb.sql(f"SELECT count(*) FROM '{files}'").fetchall()[0][0]
    if found != rows:
        raise SystemExit(f"the lake holds {found} rows; expected {rows}")


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
    quant = args.quant
    if quant is None:
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=ROOT, check=True)
        quant = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/quant"

    with tempfile.TemporaryDirectory() as tmp, open(pathlib.Path(tmp) / "log", "w") as log:
        work = pathlib.Path(tmp)
        root, archive, csv = prepare(work, peers, args.rows)
        out, lake = work / "peer.parquet", work / "lake"

        def fresh_lake():
            shutil.rmtree(lake, ignore_errors=True)
            return lake

        contenders = {"zip: duckdb (peer)": lambda: peer_zip(peers, archive, out)}
        for j in jobs:
            contenders[f"zip: quant --jobs {j}"] = lambda j=j: ours_zip(quant, root, fresh_lake(), j)
        contenders["csv: duckdb (peer)"] = lambda: [sys.executable, "-c", PEER_CSV, csv, out]
        for j in jobs:
            contenders[f"csv: quant --jobs {j}"] = lambda j=j: ours_csv(quant, csv, fresh_lake(), j)

        seen = {name: [] for name in contenders}
        for _ in range(args.runs):
            for name, command in contenders.items():
                seen[name].append(timed(command(), log))
                if name.startswith("zip: quant"):
                    check_rows(lake, args.rows)

        size = archive.stat().st_size
        print(f"\n{args.rows:,} rows, zip {size / 2**20:.1f} MiB, csv {csv.stat().st_size / 2**20:.1f} MiB; "
              f"{args.runs} runs each, alternating; {os.cpu_count()} cores, {platform.machine()}, "
              f"load {os.getloadavg()[0]:.1f}\n")
        print("| job | best s | median s | peak RSS MiB | M rows/s | duckdb best / this best |")
        print("|---|---:|---:|---:|---:|---:|")
        for name, results in seen.items():
            walls = [wall for wall, _ in results]
            peer = min(wall for wall, _ in seen[f"{name[:3]}: duckdb (peer)"])
            print(f"| {name} | {min(walls):.2f} | {statistics.median(walls):.2f} | {max(r for _, r in results):.0f} "
                  f"| {args.rows / min(walls) / 1e6:.2f} | {peer / min(walls):.2f} |")


if __name__ == "__main__":
    main()
