#!/usr/bin/env python3
"""Bybit's archive files, read by their documented layout, against what the lake holds.

    bybit_files.py FILE... --symbol S [--market linear|inverse|spot] [--lake LAKE --start DAY --end DAY] [--exchange sim-bybit]

Files: trading csv.gz, spot csv.gz, order book `_ob500.data.zip` and `_ob200.data.zip`; they are told apart by name. Days are UTC,
--end is exclusive. Exit code 1 on any difference, or if the book's chain breaks or crosses. Shares no code with the program.

- Trades: decimal seconds become microseconds without a float; columns are found by name; a file in descending order is reversed, then
  all rows are sorted by time, stably; a trade id that comes twice counts once. The lake must have the rows in this order.
- Books: time `cts`, or `ts` where that is missing; a snapshot or u = 1 replaces the book; a delta must have the u after the last one,
  else the book is lost until the next snapshot. `l2_snapshots` are compared by the rule of book_check.py, `l2_deltas` if there.
Needs pyarrow for --lake.
"""

import argparse
import csv
import gzip
import io
import json
import sys
import zipfile
from collections import Counter
from decimal import Decimal

import book_check
import lakefiles
import recordings as rec

TRADING = {
    "timestamp",
    "symbol",
    "side",
    "size",
    "price",
    "tickDirection",
    "trdMatchID",
    "grossValue",
    "homeNotional",
    "foreignNotional",
}
SPOT = {"id", "timestamp", "price", "volume", "side"}


def micros(value):
    """A time of unknown unit as microseconds, by its number of digits."""
    unit = {10: 1_000_000, 13: 1000, 16: 1}.get(len(str(value)))
    return value * unit if unit else value // 1000


def read_trades(paths, symbol, market):
    """Rows in order of time, and how many ids came twice."""
    rows, seen, repeated = [], set(), 0
    for path in paths:
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as source:
            reader = csv.DictReader(source)
            names = set(reader.fieldnames)
            if market == "spot":
                extra, missing = names - SPOT - {"rpi", "RPI"}, SPOT - names
            else:
                extra, missing = names - TRADING - {"RPI", "rpi"}, TRADING - names
            if extra or missing:
                raise SystemExit(f"{path}: columns missing {missing}, unknown {extra}")
            part = []
            for row in reader:
                price = Decimal(row["price"])
                side = {"buy": 1, "sell": -1}[row["side"].lower()]
                if market == "spot":
                    ident, at, qty, raw = int(row["id"]), micros(int(row["timestamp"])), Decimal(row["volume"]), None
                else:
                    if row["symbol"] != symbol:
                        raise SystemExit(f"{path}: row of {row['symbol']}")
                    at = Decimal(row["timestamp"]) * 1_000_000
                    if at != int(at):
                        raise SystemExit(f"{path}: finer than microseconds: {row['timestamp']}")
                    ident, at, size = row["trdMatchID"], int(at), Decimal(row["size"])
                    qty, raw = (size / price, size) if market == "inverse" else (size, None)
                if ident in seen:
                    repeated += 1
                    continue
                seen.add(ident)
                part.append((at, None, ident, price, qty, raw, side))
            # An equal time at both ends says nothing; descending files exist from 2020.
            if part and part[0][0] > part[-1][0]:
                print(f"{path}: descending")
                part.reverse()
            rows += part
    rows.sort(key=lambda r: (r[0], r[2]) if market == "spot" else r[0])
    return rows, repeated


def read_book(paths, symbol, count):
    """Yields the messages that the rule lets through."""
    last, seq = None, None
    for path in paths:
        with zipfile.ZipFile(path) as archive:
            (member,) = archive.namelist()
            for number, line in enumerate(io.TextIOWrapper(archive.open(member), "utf-8"), 1):
                frame = json.loads(line)
                data = frame["data"]
                if data["s"] != symbol or not frame["topic"].startswith("orderbook."):
                    raise SystemExit(f"{path} line {number}: {frame['topic']}")
                count["messages"] += 1
                count["bytes"] += len(line)
                count["levels"] += len(data["b"]) + len(data["a"])
                image = frame["type"] == "snapshot" or data["u"] == 1
                count["seq back"] += seq is not None and data["seq"] < seq
                seq = data["seq"]
                if image:
                    count["images"] += 1
                elif last is None:
                    count["dropped"] += 1
                    continue
                elif data["u"] != last + 1:
                    count["chain breaks"] += 1
                    last = None
                    continue
                last = data["u"]
                count["without cts"] += "cts" not in frame
                yield rec.Message(
                    micros(frame.get("cts", frame["ts"])),
                    None,
                    image,
                    data["b"],
                    data["a"],
                    last,
                    last,
                    None,
                    number,
                    seq,
                )


def observed(messages, count, every):
    """Passes messages on, counting crossed books."""
    book, previous = book_check.Book(), 0
    for m in messages:
        if every:
            book.apply(m)
            count["crossed"] += book.crossed()
        count["time back"] += m.ts_event < previous
        count[f"used {lakefiles.day_of(m.ts_event)}"] += 1
        previous = m.ts_event
        yield m


def check_books(read, comparison, args, convert, relative):
    """Own figures of the book, and the lake's datasets made from it. `read(count)` starts a new pass over the files."""
    count = Counter()
    best, n = Decimal(0), 0
    messages = observed(read(count), count, True)
    for _, (bids, asks), _ in book_check.sampled(messages, args.cadence_ms * 1000, args.sample, args.emit, 50, convert):
        n += 1
        if bids and asks:
            best += Decimal(repr(bids[0][0])) + Decimal(repr(asks[0][0]))
    print("book: " + ", ".join(f"{k} {v}" for k, v in sorted(count.items()) if v))
    print(
        f"book: {n} samples at {args.cadence_ms} ms, sum of best bid and ask {best.normalize():f}; "
        f"chain breaks {count['chain breaks']}, crossed {count['crossed']}, seq back {count['seq back']}"
    )
    if comparison:
        book_check.check_snapshots(comparison, read(Counter()), args, convert, relative)
        if next(lakefiles.open_day(*comparison.where, "l2_deltas"), None):
            book_check.check_deltas(comparison, read(Counter()), convert, relative)
    return count["chain breaks"] + count["crossed"] + count["seq back"] > 0


def add_arguments(parser, exchange):
    parser.add_argument("files", nargs="+")
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--exchange", default=exchange)
    parser.add_argument("--lake")
    parser.add_argument("--start", help="first day, needed with --lake")
    parser.add_argument("--end", help="first day not asked for, needed with --lake")
    parser.add_argument("--cadence-ms", type=int, default=1000)
    parser.add_argument("--sample", choices=["le", "lt"], default="le")
    parser.add_argument("--emit", choices=["always", "changed"], default="always")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, "bybit")
    parser.add_argument("--market", choices=["linear", "inverse", "spot"], default="linear")
    args = parser.parse_args()
    if args.lake and not (args.start and args.end):
        parser.error("--lake needs --start and --end")
    comparison = args.lake and lakefiles.Comparison(
        args.lake, args.exchange, args.market, args.symbol, args.start, args.end
    )
    books = sorted(f for f in args.files if f.endswith(".data.zip"))
    trades = sorted(f for f in args.files if f.endswith(".csv.gz"))
    if len(books) + len(trades) != len(args.files):
        parser.error("only .csv.gz and .data.zip files")
    bad = False
    if trades:
        rows, repeated = read_trades(trades, args.symbol, args.market)
        print(f"trades: {len(rows)} rows, {repeated} ids twice")
        sums = ["price", "qty", "qty_raw"]
        if comparison:
            loose = {"qty"} if args.market == "inverse" else set()
            comparison.compare(
                "trades", rec.TRADES, rows, None, sums, loose, set() if args.market == "spot" else {"trade_id"}
            )
        else:
            lakefiles.describe("trades", rec.TRADES, rows, sums)
    if books:
        if args.market == "inverse":
            convert, relative = (lambda price, qty: float(Decimal(qty) / Decimal(price))), 1e-14
        else:
            convert, relative = (lambda _, qty: float(qty)), 0
        bad = check_books(lambda count: read_book(books, args.symbol, count), comparison, args, convert, relative)
    bad = bad or (comparison and comparison.failures)
    print("NOT ok" if bad else "ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
