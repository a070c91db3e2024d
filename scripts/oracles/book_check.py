#!/usr/bin/env python3
"""Rebuilds the order book of a recording with plain dictionaries and checks it against everything at hand.

    book_check.py KIND FILE... --symbol S [--lake LAKE [--cadence-ms 1000] [--sample le|lt] [--emit always|changed]]

KIND: um, spot, cm (Binance), bybit, okx, hyperliquid. --market takes another market's sync rule. Exit code 1 if the chain breaks
(more often than --breaks says; then the book is empty until the next snapshot, in the lake by a row of its own), the book is crossed, a checksum fails, less than --agree of the comparable quotes equal the book, or the lake differs.

Quotes (Binance bookTicker), prices and quantities of both sides, in the id space they share with depth:
  same id      quotes whose `u` is the `u` of a depth message, against the book after that message
  as of        every depth message, against the last quote with an id at or before its `u`: bookTicker reports each change of the
               best levels, so that is what held when the message ended. `within`: the quote lies inside the message's [U, u];
               `older`: the best did not change in it. Quotes inside a message that are not its last one have no book to compare with.
Checksums (OKX until they became 0): CRC32 over the first 25 levels, `bid:qty:ask:qty:...`, of the texts as sent.

With --lake: rebuilds the book from the rows of `l2_deltas` alone and compares it, whole, with mine after every message; compares
`l2_snapshots` with my book at every multiple of the cadence: the row stamped b holds the book after the last message with
ts_event <= b (`le`) or < b (`lt`), from the first image to the last message; `changed` leaves out boundaries without a new message.
Shares no code with the program. Needs pyarrow; zstandard for .zst.
"""

import argparse
import bisect
import sys
import zlib
from decimal import Decimal

import lakefiles
import recordings as rec


class Book:
    """Price -> quantity per side. Keys are floats, so that texts of other lengths meet; the texts are kept for checksums."""

    def __init__(self, number=float):
        self.bids, self.asks, self.number = {}, {}, number

    def apply(self, message):
        if message.is_snapshot:
            self.bids, self.asks = {}, {}
        for side, levels in ((self.bids, message.bids), (self.asks, message.asks)):
            for level in levels:
                price, qty = self.number(level[0]), level[1]
                if float(qty) == 0:
                    side.pop(price, None)
                else:
                    side[price] = (level[0], qty)

    def best(self):
        return (max(self.bids) if self.bids else None), (min(self.asks) if self.asks else None)

    def crossed(self):
        bid, ask = self.best()
        return bid is not None and ask is not None and bid >= ask

    def quote(self):
        bid, ask = self.best()
        return bid, float(self.bids[bid][1]), ask, float(self.asks[ask][1])

    def crc32(self):
        bids = [self.bids[p] for p in sorted(self.bids, reverse=True)[:25]]
        asks = [self.asks[p] for p in sorted(self.asks)[:25]]
        parts = []
        for i in range(25):
            parts += [*bids[i]] if i < len(bids) else []
            parts += [*asks[i]] if i < len(asks) else []
        value = zlib.crc32(":".join(parts).encode())
        return value - 2**32 if value >= 2**31 else value

    def levels(self, convert):
        """Two dicts price -> quantity, as the lake holds them."""
        return tuple({p: convert(*texts) for p, texts in side.items()} for side in (self.bids, self.asks))

    def top(self, depth, convert):
        """The best levels of both sides, best first, as the lake holds them."""
        return (
            [(p, convert(*self.bids[p])) for p in sorted(self.bids, reverse=True)[:depth]],
            [(p, convert(*self.asks[p])) for p in sorted(self.asks)[:depth]],
        )


def agreement(reader, states):
    """Compares quotes with the book; returns (comparable, equal)."""
    quotes = [(row[4], tuple(float(v) for v in row[5:])) for row in reader.book_ticker]
    if any(a[0] >= b[0] for a, b in zip(quotes, quotes[1:])):
        print("quotes: update ids do not ascend")
    ids = [q[0] for q in quotes]
    by_id = {u: quote for _, u, quote in states}
    same = [quote == by_id[u] for u, quote in quotes if u in by_id]
    within, older, misses = [], [], []
    for first, last, quote in states:
        k = bisect.bisect_right(ids, last) - 1
        if k >= 0:
            equal = quotes[k][1] == quote
            (within if quotes[k][0] >= first else older).append(equal)
            if not equal:
                misses.append(f"depth U={first} u={last} book {quote}, quote u={ids[k]} {quotes[k][1]}")
    lasts = [s[1] for s in states]
    before = bisect.bisect_left(ids, states[0][0])
    after = len(ids) - bisect.bisect_right(ids, lasts[-1])
    inside = len(ids) - before - after - len(same)
    print(
        f"quotes: {len(ids)}; with the id of a depth message {len(same)}, between ids {inside}, before the first used message {before}, after the last {after}"
    )
    print(f"quotes, same id: {sum(same)}/{len(same)} equal")
    total, equal = len(within) + len(older), sum(within) + sum(older)
    print(
        f"quotes, as of each depth message: {equal}/{total} equal = {100 * equal / max(1, total):.3f} % "
        f"(within {sum(within)}/{len(within)}, older {sum(older)}/{len(older)})"
    )
    for miss in misses[:5]:
        print("  miss:", miss)
    return [(len(same), sum(same)), (total, equal)]


def lake_messages(comparison):
    """Yields (day, ts_event, is_snapshot, last_id, bids, asks, is_end) per message of l2_deltas, in the lake's order."""
    names = ["ts_event", "msg_seq", "is_snapshot", "side", "price", "qty", "last_id", "msg_end"]
    current, key = None, None
    for day, table in lakefiles.open_day(*comparison.where, "l2_deltas"):
        for ts, seq, image, side, price, qty, last, end in lakefiles.rows_of(table, names):
            if key != (day, ts, seq):
                if current:
                    yield current
                current, key = [day, ts, image, last, [], [], False], (day, ts, seq)
            current[4 if side == 1 else 5].append((price, qty))
            current[6] = end
    if current:
        yield current


def check_deltas(comparison, messages, convert, relative):
    """The book of the lake's rows against mine, after every message."""
    mine, theirs, checked = Book(), ({}, {}), 0
    theirs_bids, theirs_asks = theirs
    ours = iter([m for m in messages if m.bids or m.asks])
    for day, ts, image, last, bids, asks, end in lake_messages(comparison):
        m = next(ours, None)
        if m is None:
            comparison.fail(f"l2_deltas {day}: message at {ts} that I do not have")
            break
        if (ts, image) != (m.ts_event, m.is_snapshot) or not end:
            comparison.fail(
                f"l2_deltas {day}: message {ts} image {image} end {end}; mine {m.ts_event} {m.is_snapshot} (line {m.line})"
            )
            break
        mine.apply(m)
        if image:
            theirs_bids.clear()
            theirs_asks.clear()
        for side, levels in ((theirs_bids, bids), (theirs_asks, asks)):
            for price, qty in levels:
                if qty == 0:
                    side.pop(price, None)
                else:
                    side[price] = qty
        checked += 1
        if not same(mine.levels(convert), theirs, relative):
            comparison.fail(f"l2_deltas {day}: book differs after the message at {ts}, last id {last} (line {m.line})")
            break
    else:
        left = sum(1 for _ in ours)
        if left:
            comparison.fail(f"l2_deltas: {left} messages of mine are not in the lake")
    print(
        f"l2_deltas: book equal after {checked} messages"
        if not comparison.failures
        else f"l2_deltas: differs after {checked} messages"
    )


def same(a, b, relative):
    if relative == 0:
        return a == b
    return all(x.keys() == y.keys() and all(lakefiles.near(y[p], x[p], relative) for p in x) for x, y in zip(a, b))


def sampled(messages, cadence, rule, emit, depth, convert):
    """Yields (boundary, top levels, last message) by the sampling rule; `messages` is read once."""
    book, last, boundary, fresh = Book(), None, None, False
    latest = None
    for m in messages:
        latest = m.ts_event if latest is None else max(latest, m.ts_event)
        if m.lost:
            # Images end with the book: the interval it was lost in has none.
            book, last, boundary = Book(), None, None
            continue
        if boundary is None:
            boundary = -(-latest // cadence) * cadence
            if rule == "lt" and boundary == latest:
                boundary += cadence
        while boundary < latest or (rule == "lt" and boundary == latest):
            if fresh or emit == "always":
                yield boundary, book.top(depth, convert), last
            fresh, boundary = False, boundary + cadence
        book.apply(m)
        last, fresh = m, True
    if boundary is not None and boundary == latest and rule == "le":
        yield boundary, book.top(depth, convert), last


def check_snapshots(comparison, messages, args, convert, relative):
    rows = {}
    depth = 0
    for day, table in lakefiles.open_day(*comparison.where, "l2_snapshots"):
        if not comparison.inside(day):
            continue
        depth = sum(name.startswith("bid_px_") for name in table.column_names)
        level = [f"{side}_{what}_{i:02}" for side in ("bid", "ask") for i in range(depth) for what in ("px", "qty")]
        for row in lakefiles.rows_of(table, ["ts_event", "ts_recv", "seq", "update_id", *level]):
            if lakefiles.day_of(row[0]) != day:
                comparison.fail(f"l2_snapshots {day}: row of another day, {row[0]}")
            values = row[4:]
            pairs = list(zip(values[0::2], values[1::2]))
            bids, asks = ([p for p in side if p[0] is not None] for side in (pairs[:depth], pairs[depth:]))
            if any(p[0] is None and p[1] is not None for p in pairs):
                comparison.fail(f"l2_snapshots {day}: quantity without a price at {row[0]}")
            rows[row[0]] = (*row[1:4], bids, asks)
    if not rows:
        return comparison.fail("l2_snapshots: no rows in the lake")
    expected, equal, recv, seq, update_id = 0, 0, 0, 0, 0
    for boundary, (bids, asks), last in sampled(
        messages, args.cadence_ms * 1000, args.sample, args.emit, depth, convert
    ):
        if not comparison.inside(lakefiles.day_of(boundary)):
            continue
        expected += 1
        found = rows.pop(boundary, None)
        if found is None:
            comparison.fail(f"l2_snapshots: no row at {boundary}")
            continue
        pairs = list(zip(bids + asks, found[3] + found[4]))
        good = (
            len(bids) == len(found[3])
            and len(asks) == len(found[4])
            and all(a[0] == b[0] and lakefiles.near(b[1], a[1], relative) for a, b in pairs)
        )
        equal += good
        recv += found[0] == last.ts_recv
        seq += found[1] is not None and found[1] in (last.last_id, last.extra)
        update_id += found[2] is not None and found[2] == last.last_id
        if not good:
            comparison.fail(
                f"l2_snapshots: book at {boundary} differs: best {bids[:1]} {asks[:1]}, lake {found[3][:1]} {found[4][:1]}"
            )
    for ts in list(rows)[:3]:
        comparison.fail(f"l2_snapshots: a row at {ts} that the rule does not give")
    if len(rows) > 3:
        comparison.fail(f"l2_snapshots: {len(rows)} rows too many")
    print(
        f"l2_snapshots: {equal} of {expected} rows equal, {depth} levels a side; of the last message: ts_recv in {recv}, "
        f"u or seq as seq in {seq}, u as update_id in {update_id}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["um", "spot", "cm", "bybit", "okx", "hyperliquid"])
    parser.add_argument("files", nargs="+")
    parser.add_argument("--symbol", required=True)
    parser.add_argument("--market", help="folder of the market, and the sync rule [default: as recording_rows.py]")
    parser.add_argument("--exchange", help="folder of the exchange [default: of KIND]")
    parser.add_argument("--lake")
    parser.add_argument("--lake-symbol", help="folder of the symbol, if it differs")
    parser.add_argument("--only", choices=["l2_deltas", "l2_snapshots"], help="check one dataset of the lake only")
    parser.add_argument("--cadence-ms", type=int, default=1000)
    parser.add_argument("--sample", choices=["le", "lt"], default="le")
    parser.add_argument("--emit", choices=["always", "changed"], default="always")
    parser.add_argument(
        "--agree", type=float, default=0.999, help="least share of comparable quotes that equal the book"
    )
    parser.add_argument("--breaks", type=int, default=0, help="breaks of the chain that the recording has")
    parser.add_argument("--contract-value", type=Decimal)
    parser.add_argument("--inverse", action="store_true")
    args = parser.parse_args()

    value, inverse = args.contract_value, args.inverse
    if args.kind == "okx" and value is None:
        value, inverse = rec.okx_terms(args.files, args.symbol)
    market = args.market or {
        "bybit": "linear",
        "hyperliquid": "linear",
        "okx": "swap" if args.symbol.count("-") > 1 else "spot",
    }.get(args.kind, args.kind)
    reader = rec.Reader(args.kind, args.files, args.symbol, market, value, inverse)
    count = reader.count
    bad = count["chain breaks"] != args.breaks or count["seq back"] or not reader.messages

    book, crossed, verified, sums, states, depth = Book(), 0, 0, 0, [], set()
    for m in reader.messages:
        book.apply(m)
        crossed += book.crossed()
        depth.add((len(book.bids), len(book.asks)))
        if m.lost:
            continue
        if args.kind == "okx" and m.extra:
            sums += 1
            verified += book.crc32() == m.extra
        if not m.is_snapshot and book.bids and book.asks:
            states.append((m.first_id, m.last_id, book.quote()))
    print(
        f"{args.symbol} {market}: book messages {count['depth'] or count['images']}, images {count['images']}, applied {count['applied']}, "
        f"dropped before snapshot {count['dropped before snapshot']}, chain breaks {count['chain breaks']}, crossed {crossed}"
    )
    print(
        f"levels: bids {min(d[0] for d in depth)} to {max(d[0] for d in depth)}, asks {min(d[1] for d in depth)} to {max(d[1] for d in depth)}; "
        f"best at the end {book.best()}"
    )
    bad = bad or crossed
    if args.kind == "bybit":
        print(
            f"u contiguous: {count['applied']} of {count['applied'] + count['chain breaks']} steps; seq back: {count['seq back']}; "
            f"without cts: {count['depth without cts']}"
        )
    if sums:
        print(f"checksums: {verified}/{sums} verified")
        bad = bad or verified != sums
    if reader.book_ticker and states:
        found = agreement(reader, states)
        for total, equal in found:
            bad = bad or equal < args.agree * total
        bad = bad or not any(total for total, _ in found)
    if args.lake:
        where = (
            args.lake,
            args.exchange or rec.EXCHANGE.get(args.kind, args.kind),
            market,
            args.lake_symbol or args.symbol,
        )
        comparison = lakefiles.Comparison(*where)
        convert = lambda price, qty: float(rec.base(Decimal(qty), Decimal(price), value, inverse)[0])  # noqa: E731
        if value is None:
            convert = lambda _, qty: float(qty)  # noqa: E731
        relative = 0 if value is None else 1e-14
        if args.only != "l2_snapshots":
            check_deltas(comparison, reader.messages, convert, relative)
        if args.only != "l2_deltas":
            check_snapshots(comparison, reader.messages, args, convert, relative)
        bad = bad or comparison.failures
    print("NOT ok" if bad else "ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
