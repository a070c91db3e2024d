#!/usr/bin/env python3
"""OKX's archive files, read by their documented layout, against what the lake holds.

    okx_files.py FILE... --symbol BTC-USDT-SWAP [--contract-value 0.01 [--inverse]] [--lake LAKE --start DAY --end DAY]

Files: trades zip, candlesticks zip, L2 order book tar.gz (or its .data); they are told apart by name. Days are UTC, --end is
exclusive. A trades file dated D covers 16:00 UTC of D-1 to 16:00 UTC of D: give the files D and D+1 for the day D. Exit code 1 on
any difference or a crossed book. Shares no code with the program.

- Trades: `size` counts contracts if --contract-value is given: `qty` = size x value (inverse: / price), compared to 1e-14, `qty_raw` as
  sent. Rows of one id that come twice (2021: once per side) count once, the first one.
- Candlesticks: unconfirmed rows are left out; swaps: `volume` = vol_ccy, `volume_raw` = vol; spot: `volume` = vol; `quote_volume` = vol_quote.
- Books: a snapshot replaces, a size of 0 removes. `l2_snapshots` are compared by the rule of book_check.py, `l2_deltas` if there.
Needs pyarrow for --lake.
"""

import argparse
import csv
import io
import json
import sys
import tarfile
import zipfile
from decimal import Decimal

import bybit_files
import lakefiles
import recordings as rec

TRADES = ["instrument_name", "trade_id", "side", "price", "size", "created_time", "source"]
CANDLES = ["instrument_name", "open", "high", "low", "close", "vol", "vol_ccy", "vol_quote", "open_time", "confirm"]
KLINES = ["ts_open", "ts_close", "open", "high", "low", "close", "volume", "volume_raw", "quote_volume"]


def table(path, names):
    """Rows of the one CSV in a zip, as dicts; a header in another language is read by position."""
    with zipfile.ZipFile(path) as archive:
        (member,) = archive.namelist()
        lines = csv.reader(io.TextIOWrapper(archive.open(member), "utf-8-sig", errors="replace", newline=""))
        header = next(lines)
        if "created_time" in header or "open_time" in header:
            names = header
        for row in lines:
            yield dict(zip(names, row))


def read_trades(paths, symbol, value, inverse):
    rows, repeated = {}, 0
    for path in paths:
        for row in table(path, TRADES):
            if row["instrument_name"] != symbol:
                raise SystemExit(f"{path}: row of {row['instrument_name']}")
            ident, price = int(row["trade_id"]), Decimal(row["price"])
            if ident in rows:
                repeated += 1
                continue
            qty, raw = rec.base(Decimal(row["size"]), price, value, inverse)
            rows[ident] = (
                int(row["created_time"]) * 1000,
                None,
                ident,
                price,
                qty,
                raw,
                {"buy": 1, "sell": -1}[row["side"].lower()],
            )
    return sorted(rows.values(), key=lambda r: (r[0], r[2])), repeated


def read_candles(paths, symbol, contracts):
    rows, open_bars = {}, 0
    for path in paths:
        for row in table(path, CANDLES):
            if row["instrument_name"] != symbol:
                raise SystemExit(f"{path}: row of {row['instrument_name']}")
            if row["confirm"] == "0":
                open_bars += 1
                continue
            at = int(row["open_time"]) * 1000
            volume, raw = (row["vol_ccy"], Decimal(row["vol"])) if contracts else (row["vol"], None)
            rows[at] = (
                at,
                at + 60_000_000,
                *(Decimal(row[c]) for c in ("open", "high", "low", "close")),
                Decimal(volume),
                raw,
                Decimal(row["vol_quote"]),
            )
    return [rows[at] for at in sorted(rows)], open_bars


def book_lines(path):
    if str(path).endswith(".data"):
        with open(path, encoding="utf-8") as source:
            yield from source
        return
    with tarfile.open(path, "r:gz") as archive:
        member = archive.next()
        yield from io.TextIOWrapper(archive.extractfile(member), "utf-8")


def read_book(paths, symbol, count):
    known = False
    for path in paths:
        for number, line in enumerate(book_lines(path), 1):
            data = json.loads(line)
            if data["instId"] != symbol:
                raise SystemExit(f"{path} line {number}: {data['instId']}")
            count["messages"] += 1
            count["bytes"] += len(line)
            count["levels"] += len(data["bids"]) + len(data["asks"])
            image = data["action"] == "snapshot"
            known = known or image
            count["images"] += image
            if not known:
                count["dropped"] += 1
                continue
            yield rec.Message(
                int(data["ts"]) * 1000, None, image, data["bids"], data["asks"], None, None, None, number, None
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    bybit_files.add_arguments(parser, "okx")
    parser.add_argument("--market", help="[default: spot for A-B, else swap]")
    parser.add_argument("--contract-value", type=Decimal, help="base units per contract, ctVal x ctMult")
    parser.add_argument("--inverse", action="store_true", help="--contract-value is in quote units")
    args = parser.parse_args()
    if args.lake and not (args.start and args.end):
        parser.error("--lake needs --start and --end")
    market = args.market or ("swap" if args.symbol.count("-") > 1 else "spot")
    value, inverse = args.contract_value, args.inverse
    if market != "spot" and value is None:
        parser.error("sizes are contracts: give --contract-value")
    comparison = args.lake and lakefiles.Comparison(args.lake, args.exchange, market, args.symbol, args.start, args.end)
    # Sums of products that fit no double are compared to 1e-12 of the whole, the sizes as sent exactly.
    loose = {"qty"} if value is not None else set()
    trades, candles, books = (
        sorted(f for f in args.files if mark in f.rsplit("/", 1)[-1])
        for mark in ("-trades-", "-candlesticks-", "-L2orderbook-")
    )
    if len(trades) + len(candles) + len(books) != len(args.files):
        parser.error("only -trades-, -candlesticks- and -L2orderbook- files")
    for dataset, names, key, sums, found in (
        (
            "trades",
            rec.TRADES,
            ["ts_event", "trade_id"],
            ["price", "qty", "qty_raw"],
            trades and read_trades(trades, args.symbol, value, inverse),
        ),
        (
            "klines_1m",
            KLINES,
            ["ts_open"],
            ["open", "high", "low", "close", "volume", "volume_raw", "quote_volume"],
            candles and read_candles(candles, args.symbol, value is not None),
        ),
    ):
        if not found:
            continue
        rows, left_out = found
        print(f"{dataset}: {len(rows)} rows, {left_out} {'ids twice' if dataset == 'trades' else 'unconfirmed'}")
        if comparison:
            comparison.compare(dataset, names, rows, key, sums, loose if dataset == "trades" else set())
        else:
            lakefiles.describe(dataset, names, rows, sums)
    bad = False
    if books:
        if value is None:
            convert = lambda _, qty: float(qty)  # noqa: E731
        else:
            convert = lambda price, qty: float(rec.base(Decimal(qty), Decimal(price), value, inverse)[0])  # noqa: E731
        bad = bybit_files.check_books(
            lambda count: read_book(books, args.symbol, count), comparison, args, convert, 0 if value is None else 1e-14
        )
    bad = bad or (comparison and comparison.failures)
    print("NOT ok" if bad else "ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
