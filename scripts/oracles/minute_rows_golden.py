#!/usr/bin/env python3
"""Writes golden vectors of the minute rows: small event sequences, and the rows that the oracle of docs/minute_rows.md makes of them.

    minute_rows_golden.py OUT          (crates/quant-core/tests/golden/minute_rows.json)
    minute_rows_golden.py --check OUT  (exit 1 if the file is not what would be written)

One object with `cases`; each has `params`, `opening`, `events` in stream order (fields as in crates/quant-core/src/market/event.rs),
`minutes`, and `rows` (column -> one value per minute, or null). Same bytes each time. `ts` is the place in the stream: state events (mark,
funding, open_interest) stand where their lag and the watermark put them. A `mark` event carries what is known: mark, index, premium, or
null for no news. Gaps have from = to = ts and `lost`: `everything`, or `trades` just before the trade whose `trade_id` tells it. A lost book
is no gap event but its row of `l2_deltas`. Quantities are multiples of 1/8, so volume buckets fill exactly.

The cases hold: an opening and none; touch from quotes, from the book, and none; invalid touches (crossed, locked, no size), crossed and
one-sided books, a gap, lost books (with quotes beside them and without, found again and not), lost trades with a touch and without one, resets, stale stretches, a thin side, volume buckets that split prints, depletions with and without refill.
"""

import json
import pathlib
import random
import sys

import minute_rows as mr

START = 1_709_510_400_000_000  # 2024-03-04
SIGN = {"buy": 1, "sell": -1}
TICK = 0.5
NAMES = (("buy", "bids"), ("sell", "asks"))


def us(seconds):
    return START + round(seconds * 1000) * 1000


# ---- rows of a case: reads nothing but what is in the file ---------------------------------------------------------


def rows_of(case):
    p, o = case["params"], case["opening"]
    levels, opening = mr.Levels(), {}
    if o.get("trade"):
        opening["trade"] = (o["trade"]["price"], o["trade"]["ts"])
    if o.get("quote"):
        q = o["quote"]
        opening["touch"] = ((q["bid_px"], q["bid_qty"], q["ask_px"], q["ask_qty"]), q["ts"])
    if o.get("book"):
        levels.apply(True, [(SIGN[side], x["px"], x["qty"]) for side, name in NAMES for x in o["book"][name]])
        opening["raw_book"] = levels.top()
        opening["book"] = (levels.top(), o["book"]["ts"])
        if p["quote_source"] == p["book_source"]:
            opening["touch"] = ((*levels.top()[0][0], *levels.top()[1][0]), o["book"]["ts"])
    day = mr.Day(
        p["start"],
        case["minutes"],
        p["quote_source"],
        p["book_source"],
        p["trade_source"],
        p["has_liquidations"],
        p["has_depth_bands"],
        p["stale_after_us"],
        p["vpin_bucket"],
        opening,
    )
    message, is_void, numbers, is_told = [], False, mr.Numbers(), False
    for e in o.get("state", []) + case["events"]:
        t, kind = e["ts"], e["kind"]
        if kind == "trade":
            if numbers.loss_before(e["trade_id"]) != is_told:
                raise SystemExit(f"trade {e['trade_id']}: its id and the events before it disagree")
            is_told = False
            day.trade(t, e["price"], e["qty"], SIGN[e["aggressor"]])
        elif kind == "quote":
            day.quote(t, e["bid_px"], e["bid_qty"], e["ask_px"], e["ask_qty"])
        elif kind == "book_delta":
            message.append((SIGN[e["side"]], e["level"]["px"], e["level"]["qty"]))
            if e["msg_end"]:
                levels.apply(e["is_snapshot"], message)
                message = []
                is_void &= not e["is_snapshot"]  # after a gap the book is unknown until a snapshot
                if e["is_snapshot"] and levels.is_empty():
                    is_void = True
                    day.gap(t)
                else:
                    day.book_message(t, *((None, None) if is_void else levels.top()), e["is_snapshot"])
        elif kind == "book_snapshot":
            day.book_message(t, *(tuple((x["px"], x["qty"]) for x in e[side][: mr.K]) for side in ("bids", "asks")))
        elif kind == "gap" and e["lost"] == "trades":
            day.lost_trades(t)
            is_told = True
        elif kind == "gap":
            day.gap(t)
            is_void = bool(p["book_source"])
        elif kind == "mark":
            day.known(t, mark=e["mark"], index=e["index"], premium=e["premium"])
        elif kind == "funding":
            day.known(t, funding_rate=e["rate"], funding_interval_h=e["interval_h"])
        elif kind == "open_interest":
            day.known(t, open_interest=e["open_interest"])
        elif kind == "liquidation":
            day.liquidation(t, e["price"], e["qty"], SIGN[e["side"]])
        elif kind == "depth_band":
            day.band(t, e["percentage"], e["depth"])
        else:
            raise SystemExit(f"unknown kind {kind}")
    return day.finish()


# ---- making the events ---------------------------------------------------------------------------------------------


class Maker:
    """Events with the ids of a venue that shares them between quotes and books."""

    def __init__(self, seed):
        self.r, self.events, self.id, self.last_id = random.Random(seed), [], 1000, None
        self.book = {"buy": {}, "sell": {}}

    def qty(self, most=40):
        return self.r.randrange(1, most) / 8

    def add(self, seconds, kind, **fields):
        self.events.append({"kind": kind, "ts": us(seconds), **fields})

    def trade(self, seconds, price, qty, aggressor, left_out=0):
        self.add(seconds, "trade", price=price, qty=qty, aggressor=aggressor, trade_id=left_out, n_trades=1)  # numbered at the end

    def gap(self, seconds, lost="everything"):
        self.add(seconds, "gap", lost=lost, **{"from": us(seconds), "to": us(seconds)})

    def lose_book(self, seconds):
        """The row that ingestion writes: of the message that told it, with the best bid. What is made from here on is of the true book."""
        self.id += 3
        ids = {"msg_seq": 2 * self.id + 1, "first_id": self.id, "last_id": self.id, "prev_id": None}
        level = {"px": max(self.book["buy"]), "qty": 0.0}
        self.add(seconds, "book_delta", is_snapshot=True, side="buy", level=level, msg_end=True, **ids)
        self.last_id = self.id

    def again(self, seconds):
        """An image of the book as it is."""
        self.message(seconds, [(side, p, q) for side, held in self.book.items() for p, q in held.items()], True)

    def quote(self, seconds, bid, bid_qty, ask, ask_qty, is_same_id=False):
        self.id += not is_same_id
        self.add(seconds, "quote", bid_px=bid, bid_qty=bid_qty, ask_px=ask, ask_qty=ask_qty, update_id=self.id)

    def message(self, seconds, changes, is_snapshot=False):
        """`changes`: (side, price, qty); rows in the lake's order."""
        first, self.id = self.id + 1, self.id + 3
        prev, self.last_id = (None if is_snapshot else self.last_id), self.id
        if is_snapshot:
            self.book = {"buy": {}, "sell": {}}
        for side, price, qty in changes:
            self.book[side][price] = qty
        self.book = {side: {p: q for p, q in held.items() if q} for side, held in self.book.items()}
        rows = sorted(changes, key=lambda c: (SIGN[c[0]], c[1]))
        for i, (side, price, qty) in enumerate(rows, 1):
            self.add(
                seconds,
                "book_delta",
                msg_seq=2 * self.id + (not is_snapshot),
                is_snapshot=is_snapshot,
                side=side,
                level={"px": price, "qty": qty},
                first_id=first,
                last_id=self.id,
                prev_id=prev,
                msg_end=i == len(rows),
            )

    def ladder(self, bid, n_bids, n_asks, spread=1):
        """(side, price, qty) around a best bid."""
        bids = [("buy", bid - i * TICK, self.qty()) for i in range(n_bids)]
        return bids + [("sell", bid + (spread + i) * TICK, self.qty()) for i in range(n_asks)]

    def image(self, seconds, bid, n_bids, n_asks, spread=1):
        self.message(seconds, self.ladder(bid, n_bids, n_asks, spread), True)

    def touch(self):
        return max(self.book["buy"]), min(self.book["sell"])

    def step(self, seconds):
        """A message of one to four changes near the best, that leaves the book uncrossed."""
        bid, ask = self.touch()
        changes = {}
        for _ in range(self.r.choice([1, 1, 2, 3, 4])):
            side = self.r.choice(["buy", "sell"])
            best, away = (bid, -TICK) if side == "buy" else (ask, TICK)
            what = self.r.random()
            if what < 0.15 and len(self.book[side]) > 4:
                changes[side, best] = 0.0
            elif what < 0.3 and ask - bid > TICK:
                changes[side, best - away] = self.qty()
            elif what < 0.4:
                changes[side, best + away * self.r.randrange(3, 14)] = 0.0
            else:
                changes[side, best + away * self.r.choice([0, 0, 0, 1, 2, 5, 9, 10, 12])] = self.qty()
        for side, best, away in (("buy", bid, -TICK), ("sell", ask, TICK)):  # keep both sides from thinning out, not for ever
            missing = [best + away * i for i in range(12) if best + away * i not in self.book[side] and (side, best + away * i) not in changes]
            if missing and len(self.book[side]) > 7 and self.r.random() < 0.7:
                changes[side, self.r.choice(missing)] = self.qty()
        both = [(side, price, qty) for (side, price), qty in changes.items()]
        after = {side: {**held, **{p: q for s, p, q in both if s == side}} for side, held in self.book.items()}
        bids, asks = ([p for p, q in after[side].items() if q] for side in ("buy", "sell"))
        if bids and asks and max(bids) < min(asks):
            self.message(seconds, both)

    def ordered(self):
        rank = {"trade": 0, "quote": 1, "book_delta": 1, "book_snapshot": 1, "liquidation": 2, "mark": 3, "funding": 4, "open_interest": 5}
        rank |= {"depth_band": 6, "gap": 8}
        made = sorted(self.events, key=lambda e: (e["ts"], rank[e["kind"]]))  # stable: made in the order of their ids
        events, trade_id = [], 50
        for e in made:
            if e["kind"] == "trade":
                left_out = e["trade_id"]
                trade_id += 1 + left_out
                e["trade_id"] = trade_id
                if left_out >= 5 and any(x["kind"] == "trade" for x in events):
                    events.append({"kind": "gap", "ts": e["ts"], "lost": "trades", "from": e["ts"], "to": e["ts"]})
            events.append(e)
        return events


def quotes_and_deltas():
    """Quotes and deltas of their own, trades in volume buckets, all states; a gap, a lost book, lost trades, resets, stale stretches."""
    m, r = Maker(11), random.Random(12)
    bid = 100.0
    opening_book = m.ladder(bid, 12, 11)
    m.book = {side: {p: q for s, p, q in opening_book if s == side} for side in ("buy", "sell")}
    m.last_id = m.id
    opening = {
        "trade": {"ts": us(-3.5), "price": 100.5},
        "quote": {"ts": us(-1.25), "bid_px": 100.0, "bid_qty": 2.0, "ask_px": 100.5, "ask_qty": 3.0},
        "book": {
            "ts": us(-0.5),
            **{name: [{"px": p, "qty": q} for s, p, q in opening_book if s == side] for side, name in NAMES},
        },
        # Premium grows too old in the second minute; funding and open interest are as old as they may be at the first close.
        "state": [
            {"kind": "funding", "ts": us(60 - 86_400), "rate": 0.0001, "interval_h": 8},
            {"kind": "open_interest", "ts": us(60 - 3600), "open_interest": 5000.5, "notional": None},
            {"kind": "mark", "ts": us(-500), "mark": 100.0, "index": None, "premium": -0.0005},
            {"kind": "mark", "ts": us(-0.251), "mark": 100.25, "index": 100.125, "premium": None},
        ],
    }
    seconds, touch, once = 0.4, (100.0, 2.0, 100.5, 3.0), sorted(ONCE)
    quiet = [(206, 247), (303, 360)]  # no quotes, no books
    while seconds < 358:
        seconds = round(seconds + r.choice([0.05, 0.3, 0.9, 1.5, 2.4]), 3)
        while once and once[0] <= seconds:
            when = once.pop(0)
            ONCE[when](m, when)
        silent = any(a <= seconds < b for a, b in quiet) or 140 < seconds < 142
        kind = r.choice("qqbbt")
        if kind == "t":
            side = r.choice(["buy", "sell"])
            m.trade(seconds, touch[2] if side == "buy" else touch[0], m.qty(60 if r.random() < 0.8 else 400), side)
        elif not silent and kind == "q":
            b, bq, a, aq = touch
            move = r.random()
            if move < 0.2:
                b, a = b - TICK, a - r.choice([0, TICK])
            elif move < 0.4:
                b, a = b + r.choice([0, TICK]), a + TICK
            elif move < 0.55 and a - b > TICK:
                b, a = (b + TICK, a) if r.random() < 0.5 else (b, a - TICK)
            if move < 0.9:
                bq, aq = (m.qty(), aq) if r.random() < 0.5 else (bq, m.qty())
            touch = (b, bq, a, aq)
            m.quote(seconds, *touch)
        elif not silent and kind == "b" and not 75 < seconds < 79 and not 275 <= seconds < 279:
            m.step(seconds)
    return {
        "name": "quotes_and_deltas",
        "params": params("book_ticker", "l2_deltas", "trades", True, True, 20_000_000, 16.0),
        "opening": opening,
        "events": m.ordered(),
        "minutes": 6,
    }


def at_the_edge(m, seconds):
    """A trade and a quote at a grid instant that is the start of a minute: the quote one tick above the last one."""
    last = [e for e in m.events if e["kind"] == "quote"][-1]
    m.trade(seconds, last["ask_px"], 1.0, "buy")
    m.quote(seconds, last["bid_px"] + TICK, last["bid_qty"], last["ask_px"] + TICK, last["ask_qty"])


def lose_book_in_quotes(m, seconds):
    """A trade and two quotes at the time of the loss: the first comes before it, the second, of the id that told it, after it."""
    last = [e for e in m.events if e["kind"] == "quote"][-1]
    m.trade(seconds, last["bid_px"], 2.0, "sell")
    m.quote(seconds, last["bid_px"] - TICK, 1.0, last["ask_px"], last["ask_qty"])
    m.lose_book(seconds)
    m.quote(seconds, last["bid_px"] - 2 * TICK, 1.5, last["ask_px"], 2.5, is_same_id=True)


def lose_trades(m, seconds, left_out):
    price = [e for e in m.events if e["kind"] == "trade"][-1]["price"]
    m.trade(seconds, price + TICK, 1.25, "buy", left_out)


def uncross(m, seconds):
    price = max(m.book["buy"])
    m.message(seconds, [("buy", price, 0.0), ("sell", price, 2.0)])


ONCE = {
    50.75: lambda m, t: m.add(t, "depth_band", percentage=-1.0, depth=812.5, notional=81000.0),
    50.751: lambda m, t: m.add(t, "depth_band", percentage=1.0, depth=790.25, notional=79500.0),
    50.752: lambda m, t: m.add(t, "depth_band", percentage=5.0, depth=4000.0, notional=410000.0),
    33.0: lambda m, t: m.add(t, "liquidation", side="sell", price=99.5, qty=2.5),
    41.0: lambda m, t: m.add(t, "liquidation", side="buy", price=101.5, qty=0.125),
    41.001: lambda m, t: m.add(t, "liquidation", side="buy", price=101.5, qty=1.125),
    59.749: lambda m, t: m.add(t, "mark", mark=100.5, index=None, premium=None),
    59.75: lambda m, t: m.add(t, "mark", mark=None, index=100.375, premium=None),
    66.0: lambda m, t: m.quote(t, 101.0, 1.0, 100.5, 1.0),
    72.0: lambda m, t: m.quote(t, 100.5, 1.0, 100.5, 1.0),
    74.5: lambda m, t: m.quote(t, 100.0, 0.0, 100.5, 1.0),
    76.0: lambda m, t: m.message(t, [("buy", m.touch()[1], 1.0)]),  # crossed: the ask was not taken away
    77.5: uncross,
    131.5: lambda m, t: m.add(t, "open_interest", open_interest=5011.25, notional=None),
    179.749: lambda m, t: m.add(t, "mark", mark=101.0, index=100.75, premium=0.000125),
    120.0: at_the_edge,
    130.0: lambda m, t: m.add(t, "funding", rate=-0.00005, interval_h=4),
    140.25: lambda m, t: m.gap(t),
    142.5: lambda m, t: m.image(t, m.touch()[0], 12, 12),
    162.0: lambda m, t: m.add(t, "depth_band", percentage=-1.0, depth=805.0, notional=80100.0),
    200.0: lambda m, t: m.add(t, "liquidation", side="sell", price=98.0, qty=4.0),
    240.0: lambda m, t: m.add(t, "mark", mark=102.0, index=None, premium=None),  # known at the close of a minute: not in it
    # Four left out are normal; five are a loss; one at a grid instant.
    95.0: lambda m, t: lose_trades(m, t, 4),
    105.75: lambda m, t: lose_trades(m, t, 5),
    190.0: lambda m, t: lose_trades(m, t, 60),
    168.375: lose_book_in_quotes,
    176.0: lambda m, t: m.again(t),
    245.0: lambda m, t: m.image(t, m.touch()[0], 11, 7, 2),
    275.0: lambda m, t: m.message(t, [("sell", p, 0.0) for p in m.book["sell"]]),
    279.0: lambda m, t: m.image(t, max(m.book["buy"]), 12, 6),
}


def params(quote_source, book_source, trade_source, liquidations, bands, stale_after_us, vpin_bucket):
    return {
        "start": START,
        "k": mr.K,
        "stale_after_us": stale_after_us,
        "watermark_us": 250_000,
        "vpin_bucket": vpin_bucket,
        "quote_source": quote_source,
        "book_source": book_source,
        "trade_source": trade_source,
        "has_liquidations": liquidations,
        "has_depth_bands": bands,
    }


def images():
    """Touch from rows of l2_snapshots, no opening, no volume buckets; the first minute begins without a book."""
    m, r = Maker(21), random.Random(22)
    bid, spread, sizes = 2000.0, 1, {}
    m.trade(3.0, 2000.0, 0.5, "sell")
    for second in range(8, 240, 4):
        if 100 <= second < 172:  # longer than stale_after, over a whole minute
            continue
        bid += r.choice([-TICK, 0, 0, 0, TICK])
        spread = r.choice([1, 1, 1, 2, spread])
        n_bids, n_asks = r.choice([(12, 12), (12, 12), (10, 12), (12, 9)] if second > 60 else [(12, 12)])
        if second in (32, 196):
            n_asks = 0
        sides = []
        for n, sign, best in ((n_bids, -1, bid), (n_asks, 1, bid + spread * TICK)):
            for i in range(n):
                if r.random() < 0.3 or best + sign * i * TICK not in sizes:
                    sizes[best + sign * i * TICK] = m.qty()
            sides.append([{"px": best + sign * i * TICK, "qty": sizes[best + sign * i * TICK]} for i in range(n)])
        m.add(second, "book_snapshot", seq=second, bids=sides[0], asks=sides[1])
        if second == 84:  # equal to the row before but later: renews
            m.add(second + 1, "book_snapshot", seq=second + 1, bids=sides[0], asks=sides[1])
        if r.random() < 0.5:
            m.trade(second + 0.5, bid if r.random() < 0.5 else bid + spread * TICK, m.qty(), r.choice(["buy", "sell"]))
    return {
        "name": "images",
        "params": params("l2_snapshots", "l2_snapshots", "agg_trades", False, False, 60_000_000, None),
        "opening": {},
        "events": m.ordered(),
        "minutes": 4,
    }


def touch_of_the_book():
    """Touch from deltas: messages that leave it alone, a reset that moves it, a gap between two grid instants while a depletion is pending;
    a book lost and found as it was, one lost twice and not found."""
    m, r = Maker(41), random.Random(42)
    book = m.ladder(300.0, 12, 12, 2)
    m.book = {side: {p: q for s, p, q in book if s == side} for side in ("buy", "sell")}
    m.last_id = m.id
    opening = {"book": {"ts": us(-7)} | {name: [{"px": p, "qty": q} for s, p, q in book if s == side] for side, name in NAMES}}
    once = {
        60.6: lambda t: m.message(t, [("buy", max(m.book["buy"]), 0.0)]),
        # While a depletion is pending. The image shows the first level that was lost: no touch event.
        38.0: lambda t: m.message(t, [("buy", max(m.book["buy"]), 0.0)]),
        38.5: lambda t: m.lose_book(t),
        41.5: lambda t: m.message(t, [("sell", min(m.book["sell"]) + 9 * TICK, 2.75)]),
        44.25: lambda t: m.again(t),
        61.2: lambda t: m.gap(t),
        61.9: lambda t: m.image(t, max(m.book["buy"]) + 2 * TICK, 12, 12),
        95.0: lambda t: m.image(t, max(m.book["buy"]) - TICK, 12, 12, 2),
        # A refill as late as it may be, and a depletion given up.
        120.0: lambda t: m.image(t, 300.0, 12, 12),
        121.0: lambda t: m.message(t, [("buy", 300.0, 0.0)]),
        131.0: lambda t: m.message(t, [("buy", 300.0, 1.5)]),
        132.0: lambda t: m.message(t, [("sell", 300.5, 0.0)]),
        143.0: lambda t: m.message(t, [("sell", 300.5, 2.5)]),
        152.5: lambda t: m.trade(t, 300.0, 1.125, "sell", left_out=5),
        164.0: lambda t: m.lose_book(t),
        171.0: lambda t: m.lose_book(t),
    }
    seconds = 3.0
    while seconds < 176:
        seconds = round(seconds + r.choice([0.4, 1.0, 1.7, 2.6]), 3)
        while once and min(once) <= seconds:
            when = min(once)
            once.pop(when)(when)
        if not 60 < seconds < 61.9 and not 37.5 < seconds < 44.25 and not 118 < seconds < 144:
            m.step(seconds)
        if r.random() < 0.3 and seconds != 120:
            m.trade(seconds, r.choice(m.touch()), m.qty(), r.choice(["buy", "sell"]))
    return {
        "name": "touch_of_the_book",
        "params": params("l2_deltas", "l2_deltas", "trades", False, False, 60_000_000, 5.0),
        "opening": opening,
        "events": m.ordered(),
        "minutes": 3,
    }


def trades_only():
    """Neither touch nor book: grid prices are last trades. One minute without a trade, one print in another, one over several buckets; lost trades."""
    m, r = Maker(31), random.Random(32)
    price, seconds, left = 50.0, 4.0, [(20, 5), (33, 4), (56, 12), (190, 6), (207, 5), (208, 5)]
    while seconds < 235:
        seconds = round(seconds + r.choice([0.2, 1.0, 2.5, 6.0]), 3)
        if 62 <= seconds < 181:
            continue
        price += r.choice([-TICK, 0, 0, TICK])
        # The first trade of the day is behind no loss, whatever its id.
        left_out = 1000 if not m.events else left.pop(0)[1] if left and seconds > left[0][0] else 0
        m.trade(seconds, price, m.qty(30), r.choice(["buy", "sell"]), left_out)
    # At a grid instant: the price before it counts there. It fills its last bucket exactly, of what was bought and sold since the last loss.
    before = 0.0
    for e in m.events:
        if e["ts"] < us(150):
            before = e["qty"] + (0.0 if e["trade_id"] >= 5 else before)
    m.trade(150.0, 51.0, 16 + -before % 8, "buy")
    # Lost at a grid instant.
    m.trade(155.0, 50.5, 1.0, "sell", 9)
    return {
        "name": "trades_only",
        "params": params(None, None, "trades", True, False, 30_000_000, 8.0),
        "opening": {"trade": {"ts": us(-12), "price": 49.5}},
        "events": m.ordered(),
        "minutes": 4,
    }


def text():
    lines = []
    for case in (quotes_and_deltas(), touch_of_the_book(), images(), trades_only()):
        rows = rows_of(case)
        compact = lambda x: json.dumps(x, separators=(",", ":"), allow_nan=False)  # noqa: E731
        head = ",\n".join(f'"{key}": {compact(case[key])}' for key in ("name", "params", "opening", "minutes"))
        events = ",\n".join(compact(e) for e in case["events"])
        columns = ",\n".join(f'"{name}": {compact(values)}' for name, values in rows.items())
        lines.append(f'{{{head},\n"events": [\n{events}\n],\n"rows": {{\n{columns}\n}}}}')
    return '{"cases": [\n' + ",\n".join(lines) + "\n]}\n"


def main():
    paths = [a for a in sys.argv[1:] if a != "--check"]
    if len(paths) != 1:
        raise SystemExit(__doc__)
    path, made = pathlib.Path(paths[0]), text()
    if "--check" in sys.argv:
        same = path.is_file() and path.read_text() == made
        print("golden minute rows: " + ("as written" if same else "DIFFERENT"))
        return 0 if same else 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made)
    for case in json.loads(made)["cases"]:
        filled = sum(any(x is not None for x in values) for values in case["rows"].values())
        mixed = [c for c, v in case["rows"].items() if None in v and any(x is not None for x in v)]
        print(f"{case['name']}: {len(case['events'])} events, {case['minutes']} minutes, {filled} columns with values, {len(mixed)} with some nulls")
    print(f"{len(made)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
