#!/usr/bin/env python3
"""Row counts, exact sums and every value of a recording, read by the venues' rules, against what the lake holds.

    recording_rows.py KIND FILE... --symbol S [--lake LAKE] [--market M] [--datasets a,b]

KIND: um, spot, cm (Binance), bybit, okx, hyperliquid. Without --lake it prints its own reading. Exit code 1 on any difference.
Several files are one recording, in the order given. Shares no code with the program. Needs pyarrow; zstandard for .zst.

What it holds the lake to:
- `ts_event` is T before E (Binance), cts before ts (Bybit books), T (Bybit trades), ts (OKX), time (Hyperliquid); `ts_recv` is the
  receive stamp, cut to microseconds. Rows lie in the UTC day of `ts_event`, whatever the file is called.
- A spot bookTicker has no time: the newest E of any frame before it, `ts_inferred`. So does a snapshot without a time.
- `book_ticker` holds every quote, crossed ones too; a side with price 0, quantity 0 or both is 0 and 0.
- `l2_deltas`: one row per level of the snapshot and of every depth message after it that the sync rule lets through; one row where
  the book was lost: a snapshot of the best bid (else ask) without quantity, with time, receipt and last id of the message that told it.
- Klines only when closed. Repeated rows (same dedupe key) count once.
- Contracts: `qty` in base units (to 1e-14), `qty_raw` as sent. Trade ids are not compared where the venue's are no integers (Bybit).
"""

import argparse
import sys
from collections import Counter
from decimal import Decimal

import lakefiles
import recordings as rec


def unique(rows, key):
    """First row of each key, and how many went."""
    seen, kept = set(), []
    for row in rows:
        k = tuple(row[i] for i in key)
        if k not in seen:
            seen.add(k)
            kept.append(row)
    return kept, len(rows) - len(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["um", "spot", "cm", "bybit", "okx", "hyperliquid"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--symbol", required=True, help="as in the frames: BTCUSDT, BTC-USDT, BTC")
    parser.add_argument("--lake")
    parser.add_argument("--lake-symbol", help="folder of the symbol, if it differs")
    parser.add_argument("--exchange", help="folder of the exchange [default: of KIND]")
    parser.add_argument(
        "--market",
        help="folder of the market, and the rule [default: KIND; bybit and hyperliquid linear; okx by symbol]",
    )
    parser.add_argument("--datasets", default="trades,agg_trades,book_ticker,l2_deltas,klines_1m")
    parser.add_argument(
        "--contract-value", type=Decimal, help="base units per contract [default: OKX: from the capture]"
    )
    parser.add_argument("--inverse", action="store_true", help="--contract-value is in quote units")
    parser.add_argument("--skip", default="", help="columns not to compare, separated by commas")
    parser.add_argument("--start", help="first day to compare, YYYY-MM-DD")
    parser.add_argument("--end", help="first day not to compare")
    args = parser.parse_args()

    value, inverse = args.contract_value, args.inverse
    if args.kind == "okx" and value is None:
        value, inverse = rec.okx_terms(args.files, args.symbol)
    market = args.market or {
        "bybit": "linear",
        "hyperliquid": "linear",
        "okx": "swap" if args.symbol.count("-") > 1 else "spot",
    }.get(args.kind, args.kind)
    exchange = args.exchange or rec.EXCHANGE.get(args.kind, args.kind)
    reader = rec.Reader(args.kind, args.files, args.symbol, market, value, inverse)

    print(f"{args.symbol} {market}: " + ", ".join(f"{k} {v}" for k, v in sorted(reader.count.items()) if v))
    if reader.tickers_before_time:
        print(f"bookTickers before any venue time: {reader.tickers_before_time}")
    if value is not None:
        print(f"contract value {value}{' quote units (inverse)' if inverse else ' base units'}")
    skip = set(filter(None, args.skip.split(",")))
    # Venues without integer ids: what the lake puts there is its own affair.
    no_ids = {"trade_id"} if args.kind == "bybit" else set()
    no_chain = (
        set()
        if args.kind in ("um", "spot", "cm")
        else {"prev_id"} | ({"first_id", "last_id"} if args.kind != "bybit" else set())
    )
    loose = {"qty"} if inverse or value is not None or market == "inverse" else set()
    trade_key = ["ts_event", "price", "qty", "aggressor", "ts_recv"] if no_ids else ["ts_event", "trade_id"]
    # name: columns, rows, sort key for pairing, dedupe columns, sums
    plan = {
        "trades": (rec.TRADES, reader.trades, trade_key, None if no_ids else [2], ["price", "qty", "qty_raw"]),
        "agg_trades": (rec.AGG_TRADES, reader.agg_trades, ["ts_event", "trade_id"], [2], ["price", "qty"]),
        "book_ticker": (
            rec.BOOK_TICKER,
            reader.book_ticker,
            ["ts_event", "update_id"],
            [0, 4],
            ["bid_px", "bid_qty", "ask_px", "ask_qty"],
        ),
        "l2_deltas": (
            rec.L2_DELTAS,
            list(reader.deltas()),
            [
                "ts_event",
                *(["last_id"] if "last_id" not in no_chain else []),
                "is_snapshot",
                "ts_recv",
                "side",
                "price",
            ],
            None,
            ["price", "qty"],
        ),
        "klines_1m": (
            rec.KLINES,
            reader.klines,
            ["ts_open"],
            [0],
            ["open", "high", "low", "close", "volume", "quote_volume"],
        ),
    }
    comparison = args.lake and lakefiles.Comparison(
        args.lake, exchange, market, args.lake_symbol or args.symbol, args.start, args.end
    )
    for dataset in args.datasets.split(","):
        names, rows, key, dedupe, sums = plan[dataset]
        if dedupe:
            rows, repeated = unique(rows, dedupe)
            if repeated:
                print(f"{dataset}: {repeated} repeated rows counted once")
        if not comparison:
            lakefiles.describe(dataset, names, rows, sums)
            if dataset in ("trades", "book_ticker") and rows:
                back = sum(b[0] < a[0] for a, b in zip(rows, rows[1:]))
                print(f"{dataset}: {back} rows with an earlier ts_event than the row before, by arrival")
            continue
        comparison.compare(
            dataset, names, rows, key, sums, loose, skip | no_ids | (no_chain if dataset == "l2_deltas" else set())
        )
        if dataset == "l2_deltas":
            check_messages(comparison, reader)
    if not comparison:
        used = [m for m in reader.messages if m.bids or m.asks]
        print(
            f"book messages with levels: {len(used)}, without: {len(reader.messages) - len(used)}, "
            f"ts_event going back: {sum(b.ts_event < a.ts_event for a, b in zip(used, used[1:]))}, "
            f"levels twice in one message: {repeats(used)}"
        )
        return 0
    print("NOT ok" if comparison.failures else "ok")
    return 1 if comparison.failures else 0


def repeats(messages):
    return sum(
        len(levels) - len({Decimal(level[0]) for level in levels}) for m in messages for levels in (m.bids, m.asks)
    )


def check_messages(comparison, reader):
    """Rows of one time and msg_seq are one message: same kind and ids, its last row and no other marked as the end."""
    names = ["ts_event", "msg_seq", "is_snapshot", "first_id", "last_id", "msg_end"]
    found = Counter()
    for day, table in lakefiles.open_day(*comparison.where, "l2_deltas"):
        if not comparison.inside(day):
            continue
        groups = {}
        for row in lakefiles.rows_of(table, names):
            groups.setdefault(row[:2], []).append(row)
        found[day] = len(groups)
        for seq, rows in groups.items():
            if len({(r[0], *r[2:5]) for r in rows}) != 1 or [r[5] for r in rows] != [False] * (len(rows) - 1) + [True]:
                comparison.fail(f"l2_deltas {day}: msg_seq {seq} is not one message: {rows[0]} ... {rows[-1]}")
    mine = Counter(lakefiles.day_of(m.ts_event) for m in reader.messages if m.bids or m.asks)
    mine = {day: n for day, n in mine.items() if comparison.inside(day)}
    if dict(found) != mine:
        comparison.fail(f"l2_deltas: messages per day {mine} of mine, {dict(found)} in the lake")
    print(f"l2_deltas: messages per day {mine}")


if __name__ == "__main__":
    sys.exit(main())
