#!/usr/bin/env python3
"""One command per source of `quant build-dataset`, each against an independent reader of the same bytes: exit code 1 on any difference.

    check_sources.py --quant target/release/quant --data ../shared/data [--work DIR] [--only NAME,...]

Over HTTP the data come from `quant mock-exchange` and `quant synth`; the readers are the scripts in `oracles/`, which share no code with
the program. What a line does is what it prints: the command, rows of the lake and of the reader, the reader's verdict. Needs pyarrow,
zstandard, duckdb.
"""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ORACLES = pathlib.Path(__file__).resolve().parent / "oracles"


class Check:
    def __init__(self, quant, data, work):
        self.quant, self.data, self.work = quant, data, work
        self.lines, self.failed = [], 0

    def lake(self, name):
        return self.work / name

    def build(self, name, args, code=0, says=""):
        """Runs `build-dataset`; returns the rows the lake holds then, per dataset."""
        command = ["build-dataset", *args.split(), "--lake", str(self.lake(name)), "--json", "-q"]
        ran = subprocess.run([self.quant, *command], capture_output=True, text=True)
        if ran.returncode != code or says not in ran.stderr + ran.stdout:
            self.failed += 1
            print(f"FAILED: exit {ran.returncode}, expected {code} `{says}`\n{' '.join(command)}\n{ran.stderr[-2000:]}")
            return {}
        return self.held(name) if code == 0 else {}

    def held(self, name):
        """Rows per dataset that the data files of the lake hold: neither what the command says nor what manifests say."""
        import pyarrow.parquet as pq

        rows = {}
        for manifest in self.lake(name).glob("raw/*/*/*/*/manifest.json"):
            dataset = manifest.parent.name
            if dataset != "instruments":
                files = [manifest.parent / f"date={p['date']}" / p["file"] for p in json.loads(manifest.read_text())["partitions"]]
                rows[dataset] = rows.get(dataset, 0) + sum(pq.ParquetFile(f).metadata.num_rows for f in files)
        return {dataset: n for dataset, n in rows.items() if n}

    def oracle(self, name, script, args):
        """Runs a reader against the lake; returns its last lines."""
        command = [sys.executable, ORACLES / script, *args.split(), "--lake", self.lake(name)]
        ran = subprocess.run([str(c) for c in command], capture_output=True, text=True)
        if ran.returncode != 0:
            self.failed += 1
            print(f"FAILED: {script} {args}\n{(ran.stdout + ran.stderr)[-3000:]}")
        return ran

    def line(self, name, command, rows, reader, ran):
        verdict = "equal" if ran.returncode == 0 else "DIFFERENT"
        self.lines.append((name, command, ", ".join(f"{d} {n:,}" for d, n in sorted(rows.items())), reader, verdict))
        print(*self.lines[-1], sep=" | ", flush=True)


def recordings(c):
    base = c.data / "recordings"
    for name, args, kind, files, symbol, extra in [
        ("binance um", "--exchange binance --market um --symbol BTCUSDT", "um", "binance/um/btcusdt_20240808.gz", "BTCUSDT", ""),
        (
            "binance spot, two files",
            "--exchange binance --market spot --symbol BTCUSDT",
            "spot",
            "binance/spot/btcusdt_20240808.gz binance/spot/btcusdt_20240809.gz",
            "BTCUSDT",
            "",
        ),
        ("bybit linear", "--exchange bybit --market linear --symbol BTCUSDT", "bybit", "bybit/BYBIT.jsonl.zst", "BTCUSDT", ""),
        ("okx spot", "--exchange okx --market spot --symbol BTC-USDT", "okx", "okx/OKX.jsonl.zst", "BTC-USDT", ""),
        (
            "okx inverse swap",
            "--exchange okx --market swap --symbol UNI-USD-SWAP",
            "okx",
            "okx/OKX.jsonl.zst",
            "UNI-USD-SWAP",
            " --contract-value 10 --inverse",
        ),
        (
            "okx dated future",
            "--exchange okx --market swap --symbol BTC-USD-220527",
            "okx",
            "okx/OKX.jsonl.zst",
            "BTC-USD-220527",
            " --contract-value 100 --inverse",
        ),
        (
            "hyperliquid",
            "--exchange hyperliquid --market swap --symbol BTC",
            "hyperliquid",
            "hyperliquid/btcusd_20250126.gz",
            "BTC",
            "",
        ),
    ]:
        lake = f"recording-{name.replace(' ', '-').replace(',', '')}"
        paths = [base / f for f in files.split()]
        # In the wrong order on purpose: the program must find the right one.
        given = " ".join(f"--input {p}" for p in reversed(paths))
        rows = c.build(lake, f"{args} --source recording {given}")
        listed = " ".join(map(str, paths))
        market = args.split()[3]
        exchange_market = "" if kind in ("um", "spot") else f" --market {market}"
        ran = c.oracle(lake, "recording_rows.py", f"{kind} {listed} --symbol {symbol}{exchange_market}{extra}")
        c.line(f"recording: {name}", "recording", rows, "recording_rows.py", ran)
        ran = c.oracle(lake, "book_check.py", f"{kind} {listed} --symbol {symbol}{exchange_market}{extra} --sample lt")
        book = re.findall(r".*(?:breaks|crossed|agree|checksum|equal).*", ran.stdout)
        print("\n".join(f"    {text}" for text in book[:12]))
        c.line(f"book: {name}", "recording", rows, "book_check.py", ran)


def other_market(c):
    base = c.data / "recordings/binance"
    c.build(
        "refused-1", f"--exchange binance --market spot --symbol BTCUSDT --source recording --input {base}/um", 3, "--market um"
    )
    c.build(
        "refused-2", f"--exchange binance --market um --symbol BTCUSDT --source recording --input {base}/spot", 3, "--market spot"
    )
    print("the other market's recording is refused, both ways", flush=True)


def vision(c):
    import duckdb

    for market, days, datasets in [("um", ("2024-07-18", "2024-08-10"), "trades,book_ticker"), ("spot", ("2024-08-08", "2024-08-10"), "trades")]:
        lake = f"vision-{market}"
        root = c.data / "archives/binance"
        rows = c.build(
            lake,
            f"--exchange binance --market {market} --symbol BTCUSDT --source vision --root {root} --datasets {datasets} --start {days[0]} --end {days[1]}",
        )
        ok = True
        for dataset, folder in (("trades", "trades"), ("book_ticker", "bookTicker")):
            if dataset not in datasets.split(","):
                continue
            path = "futures/um" if market == "um" else "spot"
            n, total = 0, 0.0
            for archive in sorted((root / f"data/{path}/daily/{folder}/BTCUSDT").glob("*.zip")):
                with tempfile.TemporaryDirectory() as tmp:
                    shutil.unpack_archive(archive, tmp)
                    csv = next(pathlib.Path(tmp).glob("*.csv"))
                    found = duckdb.sql(f"SELECT * FROM read_csv('{csv}', all_varchar=true)")
                    price = found.columns[1]
                    a, b = duckdb.sql(
                        f"SELECT count(*), sum(TRY_CAST(\"{price}\" AS DECIMAL(18,8))) FROM found WHERE TRY_CAST(\"{price}\" AS DOUBLE) IS NOT NULL"
                    ).fetchall()[0]
                    n, total = n + a, total + float(b or 0)
            files = list((c.lake(lake) / f"raw/binance/{market}/BTCUSDT/{dataset}").glob("*/*.parquet"))
            column = "price" if dataset == "trades" else "bid_px"
            held = duckdb.sql(f"SELECT count(*), sum({column}) FROM read_parquet({[str(f) for f in files]})").fetchall()[0]
            equal = held[0] == n and abs(held[1] - total) <= 1e-9 * abs(total)
            ok &= equal
            print(f"    {market} {dataset}: {held[0]:,} rows in the lake, {n:,} by DuckDB, sums {held[1]:.2f} {total:.2f}")
            c.failed += not equal
        c.line(f"vision: {market}", "vision", rows, "DuckDB", argparse.Namespace(returncode=0 if ok else 1))


def manual(c):
    okx = c.data / "archives/okx"
    rows = c.build(
        "okx-manual",
        f"--exchange okx --market spot --symbol BTC-USDT --source okx-manual --start 2022-05-13 --end 2022-05-14 --root {okx}",
    )
    files = " ".join(
        str(okx / f)
        for f in (
            "traderecords/trades/daily/20220514/BTC-USDT-trades-2022-05-14.zip",
            "match/orderbook/L2/400lv/daily/20220513/BTC-USDT-L2orderbook-400lv-2022-05-13.tar.gz",
        )
    )
    ran = c.oracle("okx-manual", "okx_files.py", f"{files} --symbol BTC-USDT --market spot --start 2022-05-13 --end 2022-05-14")
    c.line("okx-manual", "okx-manual", rows, "okx_files.py", ran)
    bybit = c.data / "archives/bybit"
    rows = c.build(
        "bybit-manual",
        f"--exchange bybit --market linear --symbol BTCUSDT --source bybit-manual --start 2026-08-09 --end 2026-08-10 --root {bybit}",
    )
    files = f"{bybit}/trading/BTCUSDT/BTCUSDT2026-08-09.csv.gz {bybit}/orderbook/linear/BTCUSDT/2026-08-09_BTCUSDT_ob200.data.zip"
    ran = c.oracle("bybit-manual", "bybit_files.py", f"{files} --symbol BTCUSDT --start 2026-08-09 --end 2026-08-10")
    c.line("bybit-manual", "bybit-manual", rows, "bybit_files.py", ran)


def csv(c):
    import duckdb

    path = c.data / "klines/btc-perp-20211231-20220201_1m.csv"
    config = pathlib.Path(__file__).resolve().parent.parent / "configs/csv_klines.yaml"
    rows = c.build(
        "csv",
        f"--exchange csv --market um --symbol BTCUSD --source csv --config {config} --set ingest.csv.path={path} --start 2021-12-31 --end 2022-02-02",
    )
    n, close = duckdb.sql(f"SELECT count(*), sum(close) FROM read_csv('{path}')").fetchall()[0]
    files = [str(f) for f in (c.lake("csv") / "raw/csv/um/BTCUSD/klines_1m").glob("*/*.parquet")]
    held = duckdb.sql(f"SELECT count(*), sum(close) FROM read_parquet({files})").fetchall()[0]
    equal = held[0] == n and abs(held[1] - close) < 1e-6 * abs(close)
    c.failed += not equal
    c.line("csv", "csv", rows, f"DuckDB ({n:,} rows)", argparse.Namespace(returncode=0 if equal else 1))


class Mock:
    """A mock exchange that runs while it is looked at."""

    def __init__(self, quant, args):
        self.command = [quant, "mock-exchange", "--port", "0", *args.split(), "--hold"]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            if found:
                return f"http://127.0.0.1:{found.group(1)}"
        raise SystemExit(f"the mock exchange ended: {' '.join(self.command)}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def http(c):
    world = "--instrument um:SOLUSDT:alt,spot:BTCUSDT:btc --history-minutes 1500 --start 2026-01-05"
    with Mock(c.quant, world) as url:
        days = "--start 2026-01-05 --end 2026-01-07"
        for venue, market, symbol, source, datasets in [
            ("binance", "um", "SOLUSDT", "rest", "klines_1m,funding,open_interest"),
            ("binance", "spot", "BTCUSDT", "rest", "klines_1m,agg_trades"),
            ("okx", "swap", "SOL-USDT-SWAP", "rest", "klines_1m,funding"),
            ("deepcoin", "swap", "SOL-USDT-SWAP", "deepcoin", "klines_1m"),
            ("hyperliquid", "swap", "SOL", "rest", "klines_1m,funding"),
        ]:
            name = f"http-{venue}-{market}"
            args = f"--exchange sim-{venue} --market {market} --symbol {symbol} --source {source} --base-url {url}"
            rows = c.build(name, f"{args} {days} --datasets {datasets}")
            ran = c.oracle(name, "rest_rows.py", f"{url} {venue} {market} {symbol} --datasets {datasets} {days}")
            c.line(f"{source} over HTTP: {venue} {market}", source, rows, "rest_rows.py", ran)
        for venue, market, symbol, dataset in [("binance", "um", "SOLUSDT", "agg_trades"), ("okx", "swap", "SOL-USDT-SWAP", "trades")]:
            name = f"http-trades-{venue}"
            args = f"--exchange sim-{venue} --market {market} --symbol {symbol} --source rest --base-url {url}"
            rows = c.build(name, f"{args} --last-hours 1 --datasets {dataset}")
            ran = c.oracle(name, "rest_rows.py", f"{url} {venue} {market} {symbol} --datasets {dataset} --start 2026-01-06 --end 2026-01-07")
            c.line(f"rest over HTTP, last hours: {venue} {market}", "rest", rows, "rest_rows.py", ran)
    deepcoin_trades(c)
    vision_over_http(c)
    okx_hist(c)


def fetch(url, body=None):
    """The JSON at an address; with a body it is posted."""
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.loads(answer.read() or b"null")


def deepcoin_trades(c):
    """The venue shows its latest 500 trades only: those of two runs add up by id. Read by plain Python from the same answers."""
    import pyarrow.parquet as pq

    symbol, lake, mine = "BTC-USDT-SWAP", "http-trades-deepcoin", {}
    with Mock(c.quant, "--instrument um:BTCUSDT:btc --history-minutes 120 --start 2026-01-05") as url:
        infos = fetch(f"{url}/deepcoin/market/instruments?instType=SWAP")["data"]
        worth = float(next(i for i in infos if i["instId"] == symbol)["ctVal"])
        args = f"--exchange sim-deepcoin --market swap --symbol {symbol} --source deepcoin --base-url {url} --datasets trades --last-hours 1"
        rows, holes, last = {}, 0, None
        # Some of the second answer were in the first one; between the second and the third there is a hole.
        for pause_ms in (0, 60_000, 3_600_000):
            fetch(f"{url}/_mock/clock", {"step_ms": pause_ms})
            # The route is limited to a request a second.
            time.sleep(1.5)
            page = fetch(f"{url}/deepcoin/market/trades?instId={symbol}&productGroup=SwapU&limit=500")["data"]
            page = {int(r["tradeId"]): (int(r["ts"]) * 1000, float(r["px"]), float(r["sz"]) * worth, 1 if r["side"] == "buy" else -1) for r in page}
            holes += last is None or min(page) > last + 1
            last = max(page)
            mine.update(page)
            rows = c.build(lake, args)
    held = {}
    folder = c.lake(lake) / f"raw/sim-deepcoin/swap/{symbol}/trades"
    listed = json.loads((folder / "manifest.json").read_text())["partitions"] if rows else []
    for part in listed:
        for r in pq.read_table(folder / f"date={part['date']}" / part["file"]).to_pylist():
            us = int(r["ts_event"].timestamp() * 1_000_000 + 0.5)
            held[r["trade_id"]] = (us, r["price"], r["qty"], r["aggressor"])
    near = lambda a, b: a[0] == b[0] and a[1] == b[1] and a[3] == b[3] and abs(a[2] - b[2]) <= 1e-12 * abs(b[2])
    equal = held.keys() == mine.keys() and all(near(held[i], mine[i]) for i in mine)
    gaps = sum(part["quality"]["gaps"] for part in listed)
    print(f"    three runs: {len(held):,} trades in the lake, {len(mine):,} shown, {gaps} gaps told of {holes}")
    equal &= gaps == holes and holes >= 2
    c.failed += not equal
    c.line("deepcoin over HTTP, three runs", "deepcoin", rows, "plain Python", argparse.Namespace(returncode=0 if equal else 1))


def synth(c, args):
    command = [c.quant, "synth", *args.split(), "--start", "2026-01-04", "--set", "trades_per_day=20000", "-q"]
    subprocess.run(command, check=True, capture_output=True)


def vision_over_http(c):
    """Archives over HTTP: what `synth` wrote, counted line by line."""
    root = c.work / "host-vision"
    folders = {"klines_1m": "klines", "trades": "trades", "agg_trades": "aggTrades"}
    synth(c, f"--exchange binance --days 2 --out {root} --datasets {','.join(folders)}")
    with Mock(c.quant, f"--archive {root}") as url:
        rows = c.build(
            "http-vision",
            f"--exchange sim-binance --market um --symbol BTCUSDT --source vision --base-url {url} --start 2026-01-04 --end 2026-01-06"
            f" --datasets {','.join(folders)}",
        )
    mine = dict.fromkeys(folders, 0)
    for dataset, folder in folders.items():
        for archive in root.glob(f"data/futures/um/daily/{folder}/**/*.zip"):
            with tempfile.TemporaryDirectory() as tmp:
                shutil.unpack_archive(archive, tmp)
                text = next(pathlib.Path(tmp).glob("*.csv")).read_text()
                mine[dataset] += sum(1 for line in text.splitlines() if line[:1].isdigit())
    equal = rows == mine
    c.failed += not equal
    c.line("vision over HTTP", "vision", rows, "plain Python", argparse.Namespace(returncode=0 if equal else 1))


def okx_hist(c):
    root = c.work / "host-okx"
    synth(c, f"--exchange okx --days 3 --out {root} --datasets klines_1m,trades")
    args = f"--archive {root} --instrument um:BTCUSDT:btc --history-minutes 5"
    with Mock(c.quant, args) as url:
        rows = c.build(
            "http-okx-hist",
            f"--exchange sim-okx --market swap --symbol BTC-USDT-SWAP --source okx-hist --okx-auto-download --base-url {url}"
            " --start 2026-01-05 --end 2026-01-06 --datasets klines_1m,trades",
        )
    found = sorted(root.rglob("BTC-USDT-SWAP-*-2026-01-0[56].zip"))
    files = " ".join(map(str, found))
    days = "--start 2026-01-05 --end 2026-01-06"
    ran = c.oracle(
        "http-okx-hist", "okx_files.py", f"{files} --symbol BTC-USDT-SWAP --contract-value 0.01 --exchange sim-okx {days}"
    )
    c.line("okx-hist over HTTP", "okx-hist", rows, "okx_files.py", ran)


STEPS = {"vision": vision, "manual": manual, "csv": csv, "recordings": recordings, "other-market": other_market, "http": http}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quant", required=True, type=pathlib.Path)
    parser.add_argument("--data", required=True, type=pathlib.Path, help="real recordings and archives")
    parser.add_argument("--work", type=pathlib.Path, help="folder for lakes; default: a temporary one")
    parser.add_argument("--only", help=f"some of {', '.join(STEPS)}")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        check = Check(str(args.quant.resolve()), args.data.resolve(), (args.work or pathlib.Path(tmp)).resolve())
        for name in args.only.split(",") if args.only else STEPS:
            STEPS[name](check)
    print("\n| source | rows in the lake | read by | |\n|---|---|---|---|")
    for name, _, rows, reader, verdict in check.lines:
        print(f"| {name} | {rows} | {reader} | {verdict} |")
    print("ok" if not check.failed else f"{check.failed} FAILED")
    return 1 if check.failed else 0


if __name__ == "__main__":
    sys.exit(main())
