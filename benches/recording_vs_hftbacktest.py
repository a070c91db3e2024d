"""A raw recording into the lake: `quant build-dataset --source recording` against hftbacktest's converter, same file, one sitting.

usage: python3 benches/recording_vs_hftbacktest.py FILE.gz [--runs 5] [--jobs 1,2] [--quant PATH] [--peer-python PYTHON]
                                                   [--decode-seconds S | --decode-bench]

FILE is a combined-stream recording of Binance USD-M (`<recv ns> <json>` lines), e.g. `recordings/binance/um/btcusdt_20240808.gz`.
The peer is `hftbacktest.data.utils.binancefutures.convert`, which inflates, decodes and orders events in memory and writes nothing. It
is timed by its own clock, without imports; `first` is a user's call, which compiles numba functions, `again` a second call in the
same process. Ours is a whole process: all datasets, checks, Parquet, hashes, commit.

Limits, against the peer's first call as a user has it: whole process >= 5x, <= 128 MiB; decoding alone (no inflate, no commit) >= 20x,
if its seconds are given: from `cargo bench --bench recording -- FILE`, whose line `decode ... <seconds> s` --decode-bench reads.
Ratios to the second call are in the table. Exit code 1 if a limit is missed.
Needs hftbacktest==2.4.2 numba==0.60.0 numpy==1.26.4 in --peer-python [default: this one].
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import measure

# The command of ours; {file}, {lake}, {jobs}, {start}, {end} are filled in.
OURS = [
    "build-dataset",
    "--exchange",
    "binance",
    "--market",
    "um",
    "--symbol",
    "BTCUSDT",
    "--start",
    "{start}",
    "--end",
    "{end}",
    "--source",
    "recording",
    "--input",
    "{file}",
    "--datasets",
    "trades,book_ticker,l2_deltas,l2_snapshots",
    "--lake",
    "{lake}",
    "--jobs",
    "{jobs}",
]

DECODE_LINE = r"decode[^\n]*?([0-9.]+) s\b"

PEER = """
import sys, time
from hftbacktest.data.utils import binancefutures
t = time.perf_counter(); rows = len(binancefutures.convert(sys.argv[1], combined_stream=True)); first = time.perf_counter() - t
t = time.perf_counter(); binancefutures.convert(sys.argv[1], combined_stream=True); again = time.perf_counter() - t
print(f"rows {rows} first {first:.3f}s again {again:.3f}s")
"""
PEER_ONCE = """
import sys, time
from hftbacktest.data.utils import binancefutures
t = time.perf_counter(); rows = len(binancefutures.convert(sys.argv[1], combined_stream=True)); first = time.perf_counter() - t
print(f"rows {rows} first {first:.3f}s")
"""


def count_rows(lake):
    import pyarrow.parquet as pq

    return sum(
        pq.read_metadata(f).num_rows for f in lake.glob("raw/*/*/*/*/date=*/*.parquet") if f.parts[-3] != "instruments"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--start", default="2024-08-08")
    parser.add_argument("--end", default="2024-08-10")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--jobs", default="1,2")
    parser.add_argument("--quant", type=pathlib.Path, help="binary; default: build it with `cargo build --release`")
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--decode-seconds", type=float, help="best time of decoding alone, from the cargo bench")
    parser.add_argument(
        "--decode-bench", action="store_true", help="run `cargo bench --bench recording -- FILE` for it"
    )
    parser.add_argument(
        "--args", help="arguments of ours in place of the built-in ones, {file} {lake} {jobs} {start} {end} filled in"
    )
    args = parser.parse_args()
    quant = measure.quant_binary(args.quant)
    pattern = args.args.split() if args.args else OURS
    decode = args.decode_seconds
    if args.decode_bench:
        bench = subprocess.run(
            ["cargo", "bench", "--locked", "--bench", "recording", "--", args.file.resolve()],
            cwd=measure.ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        decode = float(re.search(DECODE_LINE, bench.stdout).group(1))

    with tempfile.TemporaryDirectory() as tmp:
        lake = pathlib.Path(tmp) / "lake"

        def ours(jobs):
            shutil.rmtree(lake, ignore_errors=True)
            values = {"file": args.file.resolve(), "lake": lake, "jobs": jobs, "start": args.start, "end": args.end}
            return [quant, *(part.format(**values) for part in pattern)], None

        peer = lambda script, own: ([args.peer_python, "-W", "ignore", "-c", script, args.file], own)  # noqa: E731
        jobs = [int(j) for j in args.jobs.split(",")]
        contenders = {
            "hftbacktest convert, first": lambda: peer(PEER_ONCE, r"first ([0-9.]+)s"),
            "hftbacktest convert, again": lambda: peer(PEER, r"again ([0-9.]+)s"),
            **{f"quant --jobs {j}": lambda j=j: ours(j) for j in jobs},
        }
        found = set()
        seen = measure.alternate(
            contenders, args.runs, lambda name: found.add(count_rows(lake)) if "quant" in name else None
        )
        if len(found) != 1 or found == {0}:
            raise SystemExit(f"rows in the lake: {found}")

    first, again = (measure.best(seen, f"hftbacktest convert, {call}") for call in ("first", "again"))
    print(
        f"\n{args.file.name}, {args.file.stat().st_size / 2**20:.1f} MiB, {found.pop():,} rows in the lake; {measure.machine(args.runs)}\n"
    )
    measure.print_table(
        seen,
        ["first / this", "again / this"],
        lambda name: [f"{first / measure.best(seen, name):.1f}", f"{again / measure.best(seen, name):.1f}"],
    )
    name = f"quant --jobs {max(jobs)}"
    limits = [
        (f"{name}, whole process, hftbacktest's first call over ours", first / measure.best(seen, name), ">=", 5),
        (f"{name}, peak RSS MiB", max(peak for _, peak in seen[name]), "<=", 128),
    ]
    if decode:
        print(f"\ndecoding alone {decode:.4f} s: first / this {first / decode:.1f}, again / this {again / decode:.1f}")
        limits.append(("decoding alone, hftbacktest's first call over ours", first / decode, ">=", 20))
    else:
        print("\ndecoding alone: not measured, give --decode-seconds or --decode-bench")
    return measure.judge(limits)


if __name__ == "__main__":
    sys.exit(main())
