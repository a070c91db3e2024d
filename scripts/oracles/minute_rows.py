#!/usr/bin/env python3
"""Independent oracle of tier 1: every column of docs/minute_rows.md, recomputed from the raw partitions of a day in plain Python.

    minute_rows.py LAKE INSTRUMENT DAY [--bars-set ID] [--stale-after-ms 60000] [--watermark-ms 250] [--lag DATASET=MS ...]
                   [--vpin-bucket V] [--columns a,b] [--json OUT] [--no-compare]
    minute_rows.py --self-test

INSTRUMENT: `binance:um:BTCUSDT`. Reads the raw partitions of the day and, as its opening, those of the day before; computes all
1,440 rows; compares them with the bar set of the day (the only one, or --bars-set). Prints one line per column and exits with 1 if a
cell differs, null is not null, or a column of the page is missing. Written from the page alone: it shares no code with the program.
The size of volume buckets is `vpin_bucket` of the bar partition's manifest entry or parameters; --vpin-bucket where there is none.

Tolerance: |a - b| <= max(1e-9 max(|a|, |b|), 1e-12 S). S is 0 but for columns that add up terms of both signs, where it is the sum of
the absolute terms of that minute: ofi, mlofi_*, ofi_weighted, signed_volume, signed_sqrt_quote, flow_x, flow_y, flow_xx, flow_xy,
flow_yy; vpin_imbalance (1 per bucket), obi_tw, obi_close (1), size_std (size_max), book_added_*, book_removed_* (the quantities
subtracted). The figure printed is |a - b| / max(|a|, |b|, S / 1000).

Readings, where the page leaves room (kept here so that a difference can be traced to one):
 1. What is stale is not in force: it is no *before*, and alone it leaves `ofi` null; its age goes on rising.
    Fresh means age <= stale_after at the instant, both for closes and for the start of a minute.
 2. "At ts_open", "just before ts_close": before the events stamped exactly so. Such an event belongs to the minute that it opens.
 3. A change needs a valid state before and after. Book: some price or quantity of the first K levels of either side differs.
 4. Sums over nothing are 0 where the day has the source (means, extremes and deviations null); `rv*`, `flow_*` and `vpin_imbalance` too.
    Without the source all columns of it are null: touch without `book_ticker` and book; trades without `trades` and `agg_trades`;
    `flow_*` without trades; `rv*` without trades and touch. A day has a dataset if its manifest lists the day, also with 0 rows.
 5. A quote source is `book_ticker` or the book. Touch from the book: an event (`n_quotes`) is a message that changed the first level
    of a side; every message of the book renews it, so freshness and `quote_age` count from the last message. A reset takes the before.
 6. Opening: of the dataset that the day itself uses, from the day before only; books are the whole book, not K levels. Its touch, book
    and trade keep their own times. Grid prices exist at 00:00 too, from the opening; the first return of a day pairs with none before.
    States (mark ... open interest) of the day before count also if the day has no partition of them; depth bands have no opening.
 7. Gaps stand at their `to`, those of a lake at the message that told them; without a delta stream the next image of the book is in force again,
    without a before. One between two grid instants takes returns and flow intervals over it; it also ends the last trade price as a grid price.
    Depth bands outlive it. A first level that is the same after it as before is no event of a touch from the book.
 8. Depletion: a fall needs a before and a valid touch after. A pending price is given up when more than 10 s old, before the event at hand
    is looked at (which may then start the next). Only a valid touch refills; an invalid one and a reset leave it pending.
 9. `price` of a forced order is its average price where the lake has one above 0, else the order's price.
10. Lags: `metrics` 300 s (docs/formats.md), all else 0, unless --lag. `open_interest` of that dataset if the day or the day before has it, else of
    `metrics` (rows without a value are passed over). `ts_published` is not used. Bands: percentage -1 and +1.
11. `mlofi`: "no book in force": at no time of the minute. Deltas before the first image (nothing known) count as updates, no book is in force.
    A stream of images only (every message a snapshot: Hyperliquid, partial depth) is resets throughout: its OFI columns are 0.
12. Volume buckets: a bucket closes when what it still needs, V - (sum of its prints in order), is <= what is left of the print at hand.
13. `trades` before `agg_trades`, rows are prints in both. `l2_deltas` before `l2_snapshots`. Rows flagged `late` are left out.
14. A lost book or a broken chain after the last quote or book of the day before leaves the opening without it. Largest ids are of the day
    itself: its first trade stands behind no loss. Lost trades at a grid instant lie in what starts there. `sim-binance` numbers trades as Binance does.
"""

import argparse
import bisect
import collections
import datetime
import json
import math
import pathlib
import re
import sys
import time

import lakefiles

MINUTE, GRID, FLOW, GIVE_UP = 60_000_000, 5_000_000, 10_000_000, 10_000_000
K = 10
HOLE = 5  # ids left out, from which on trades are lost
STALE_ENDS = True  # reading 1; False: what is stale is in force all the same

TOUCH_COLUMNS = (
    "mid_open mid_high mid_low mid_close spread_tw spread_bps_tw spread_close imbalance_close imbalance_bucket imbalance_tw wmid_close wmid_tw "
    "bid_qty_tw ask_qty_tw ofi ofi_events ofi_depth n_quotes quote_coverage quote_age is_stale n_depletions n_refills refill_secs"
).split()
MLOFI = [f"mlofi_{m:02d}" for m in range(1, K + 1)]
CHANGED = ["book_added_bid", "book_removed_bid", "book_added_ask", "book_removed_ask"]
BOOK_COLUMNS = (
    "depth_bid_tw depth_ask_tw depth_bid_close depth_ask_close".split()
    + MLOFI
    + "ofi_weighted obi_tw obi_close wall_ratio_bid wall_ratio_ask wall_ratio".split()
    + CHANGED
    + "n_book_updates book_coverage book_age".split()
)
FLOWS = "flow_n flow_x flow_y flow_xx flow_xy flow_yy".split()
TRADE_COLUMNS = (
    "n_buys n_sells size_mean size_std size_max size_sq signed_volume signed_sqrt_quote vpin_buckets vpin_imbalance".split() + FLOWS
)
PRICE_COLUMNS = "rv_n rv_zero rv rv_bipower rv_med rv_min rv_tri".split()
# State -> how old it may be at ts_close.
STATES = {"mark": 10 * MINUTE, "index": 10 * MINUTE, "premium": 10 * MINUTE}
STATES |= {"funding_rate": 1440 * MINUTE, "funding_interval_h": 1440 * MINUTE, "open_interest": 60 * MINUTE}
STATE_COLUMNS = ["liq_buy", "liq_sell", *STATES, "band_bid", "band_ask"]
COLUMNS = TOUCH_COLUMNS + BOOK_COLUMNS + TRADE_COLUMNS + PRICE_COLUMNS + STATE_COLUMNS


# ---- one stream whose last state is in force -----------------------------------------------------------------------


class InForce:
    """A state that holds from its event to the next one, cut into minutes. Subclasses say what a piece, an open and a close mean."""

    def __init__(self, day):
        self.day, self.minute, self.at = day, 0, day.start
        self.state, self.last = None, None  # what is in force; time of the last event of the stream
        self.next_grid = day.start

    def begin(self, state, last):
        """The opening; called once, before any event."""
        self.state, self.last = state, last
        self.open_minute()

    def fresh(self, t):
        return self.state is not None and t - self.last <= self.day.stale

    def in_force(self, t):
        """The state in force just before `t`, fresh or not (reading 1)."""
        return self.state if self.fresh(t) or not STALE_ENDS else None

    def run_to(self, t):
        """Accounts for all time before `t`: pieces, grid instants <= t and closes of minutes that end at or before t, all before events at t."""
        while True:
            end = self.day.start + (self.minute + 1) * MINUTE
            stop = min(t, end)
            if self.state is not None:
                dt = min(stop, self.last + self.day.stale) - self.at
                if dt > 0:
                    self.piece(dt)
            while self.next_grid <= stop:
                self.on_grid(self.next_grid)
                self.next_grid += GRID
            self.at = max(self.at, stop)
            if t < end or self.minute == self.day.minutes:
                return
            self.close_minute(end)
            self.minute += 1
            if self.minute == self.day.minutes:
                return
            self.open_minute()

    def on_grid(self, g):
        pass

    def put(self, column, value, scale=0.0):
        self.day.rows[column][self.minute] = value
        if scale:
            self.day.scales.setdefault(column, {})[self.minute] = scale


def mid(touch):
    return (touch[0] + touch[2]) / 2


def imbalance(touch):
    return touch[1] / (touch[1] + touch[3])


def wmid(touch):
    bid, bid_qty, ask, ask_qty = touch
    return (bid_qty * ask + ask_qty * bid) / (bid_qty + ask_qty)


def ofi_terms(before, after):
    """Cont, Kukanov, Stoikov: the up to four terms of e_n."""
    terms = []
    if after[0] >= before[0]:
        terms.append(after[1])
    if after[0] <= before[0]:
        terms.append(-before[1])
    if after[2] <= before[2]:
        terms.append(-after[3])
    if after[2] >= before[2]:
        terms.append(before[3])
    return terms


class Touch(InForce):
    """State: (bid, bid_qty, ask, ask_qty), valid."""

    def __init__(self, day):
        super().__init__(day)
        self.pending = {"bid": None, "ask": None}  # (price, since)

    def open_minute(self):
        self.n_quotes = self.events = self.depletions = self.refills = 0
        self.ofi = self.ofi_scale = self.depth = self.secs = 0.0
        self.first = self.high = self.low = None
        self.total, self.sums = 0, dict.fromkeys("spread bps imbalance wmid bid_qty ask_qty".split(), 0.0)
        self.known = self.in_force(self.at) is not None
        if self.fresh(self.at):
            self.first = self.high = self.low = mid(self.state)

    def piece(self, dt):
        bid, bid_qty, ask, ask_qty = self.state
        self.total += dt
        for name, x in (
            ("spread", ask - bid),
            ("bps", (ask - bid) / mid(self.state)),
            ("imbalance", imbalance(self.state)),
            ("wmid", wmid(self.state)),
            ("bid_qty", bid_qty),
            ("ask_qty", ask_qty),
        ):
            self.sums[name] += x * dt

    def on_grid(self, g):
        self.day.touch_grid[(g - self.day.start) // GRID] = mid(self.state) if self.fresh(g) else None

    def event(self, t, bid, bid_qty, ask, ask_qty, reset=False, is_event=True):
        """A missing side is None. `is_event` False: a message of the book that left the first level alone."""
        self.run_to(t)
        self.n_quotes += is_event
        touch = (bid, bid_qty, ask, ask_qty)
        valid = bid is not None and ask is not None and bid_qty > 0 and ask_qty > 0 and bid < ask
        for side, pending in self.pending.items():
            if pending and t - pending[1] > GIVE_UP:
                self.pending[side] = None
        if valid:
            self.known = True
            m = mid(touch)
            self.first = m if self.first is None else self.first
            self.high = m if self.high is None else max(self.high, m)
            self.low = m if self.low is None else min(self.low, m)
            self.refill("bid", t, self.pending["bid"] and bid >= self.pending["bid"][0])
            self.refill("ask", t, self.pending["ask"] and ask <= self.pending["ask"][0])
            before = None if reset else self.in_force(t)
            if before is not None and before != touch:
                terms = ofi_terms(before, touch)
                self.ofi += sum(terms)
                self.ofi_scale += sum(map(abs, terms))
                self.events += 1
                self.depth += (bid_qty + ask_qty) / 2
                self.deplete("bid", t, before[0], bid < before[0])
                self.deplete("ask", t, before[2], ask > before[2])
        self.state, self.last = (touch if valid else None), t

    def refill(self, side, t, filled):
        if filled:
            self.refills += 1
            self.secs += (t - self.pending[side][1]) / 1e6
            self.pending[side] = None

    def deplete(self, side, t, price, gone):
        if gone and self.pending[side] is None:
            self.pending[side] = (price, t)
            self.depletions += 1

    def gap(self, t):
        self.run_to(t)
        self.state, self.pending = None, {"bid": None, "ask": None}

    def close_minute(self, t):
        mean = {name: x / self.total if self.total else None for name, x in self.sums.items()}
        self.put("mid_open", self.first)
        self.put("mid_high", self.high)
        self.put("mid_low", self.low)
        self.put("spread_tw", mean["spread"])
        self.put("spread_bps_tw", None if mean["bps"] is None else mean["bps"] * 1e4)
        self.put("imbalance_tw", mean["imbalance"])
        self.put("wmid_tw", mean["wmid"])
        self.put("bid_qty_tw", mean["bid_qty"])
        self.put("ask_qty_tw", mean["ask_qty"])
        if self.fresh(t):
            self.put("mid_close", mid(self.state))
            self.put("spread_close", self.state[2] - self.state[0])
            self.put("imbalance_close", imbalance(self.state))
            self.put("imbalance_bucket", min(math.floor(10 * imbalance(self.state)), 9))
            self.put("wmid_close", wmid(self.state))
        self.put("ofi", self.ofi if self.known else None, self.ofi_scale)
        self.put("ofi_events", self.events)
        self.put("ofi_depth", self.depth / self.events if self.events else None)
        self.put("n_quotes", self.n_quotes)
        self.put("quote_coverage", self.total / MINUTE)
        self.put("is_stale", 0 if self.fresh(t) else 1)
        self.put("quote_age", (t - self.last) / 1e6 if self.state is not None else None)
        self.put("n_depletions", self.depletions)
        self.put("n_refills", self.refills)
        self.put("refill_secs", self.secs)


# ---- books ---------------------------------------------------------------------------------------------------------


def rank_flow(before, after, m):
    """The terms of dW_m - dV_m (Xu, Gould, Howison), m from 0; None if the rank is missing anywhere."""
    if any(len(side) <= m for side in before + after):
        return None
    (bp0, bq0), (ap0, aq0) = before[0][m], before[1][m]
    (bp1, bq1), (ap1, aq1) = after[0][m], after[1][m]
    terms = []
    if bp1 > bp0:
        terms += [bq1]
    elif bp1 == bp0:
        terms += [bq1, -bq0]
    else:
        terms += [-bq0]
    if ap1 > ap0:
        terms += [aq0]
    elif ap1 == ap0:
        terms += [-aq1, aq0]
    else:
        terms += [-aq1]
    return terms


def visible_changes(before, after, sign):
    """(added, removed, scale) over the prices visible in both; `sign` +1 for bids, -1 for asks. Levels best first."""
    # In units where better is larger, what is visible reaches down to the K-th level, or without end if fewer are shown.
    edge = max(sign * side[-1][0] if len(side) >= K else -math.inf for side in (before, after))
    was, is_ = dict(before), dict(after)
    added = removed = scale = 0.0
    for price in sorted(was.keys() | is_.keys(), key=lambda p: -sign * p):
        if sign * price >= edge:
            a, b = was.get(price, 0.0), is_.get(price, 0.0)
            if a != b:
                added, removed, scale = added + max(b - a, 0.0), removed + max(a - b, 0.0), scale + a + b
    return added, removed, scale


class Book(InForce):
    """State: (bids, asks), valid, each up to K (price, qty), best first."""

    def open_minute(self):
        self.n_updates = self.changes = 0
        self.total, self.sums = 0, dict.fromkeys("depth_bid depth_ask obi".split(), 0.0)
        self.mlofi, self.mlofi_scale = [0.0] * K, [0.0] * K  # None once a rank was missing
        self.moved, self.moved_scale = [0.0] * 4, [0.0] * 2
        self.known = self.in_force(self.at) is not None

    @staticmethod
    def depths(state):
        return [sum(q for _, q in side) for side in state]

    @staticmethod
    def obi(state):
        bid, ask = (sum(q / k for k, (_, q) in enumerate(side, 1)) for side in state)
        return (bid - ask) / (bid + ask)

    def piece(self, dt):
        if self.measured is None:
            self.measured = (*self.depths(self.state), self.obi(self.state))
        self.total += dt
        for name, x in zip(self.sums, self.measured):
            self.sums[name] += x * dt

    def begin(self, state, last):
        self.measured = None
        super().begin(state, last)

    def event(self, t, bids, asks, reset=False):
        """`bids`, `asks`: tuples of the first K (price, qty); None if nothing is known of the book yet."""
        self.run_to(t)
        self.n_updates += 1
        valid = bool(bids) and bool(asks) and bids[0][0] < asks[0][0]
        after = (bids, asks) if valid else None
        if valid:
            self.known = True
            before = None if reset else self.in_force(t)
            if before is not None and before != after:
                self.change(before, after)
        if self.state != after:
            self.measured = None
        self.state, self.last = after, t

    def change(self, before, after):
        self.changes += 1
        for m in range(K):
            terms = rank_flow(before, after, m)
            if terms is None:
                self.mlofi[m] = None
            elif self.mlofi[m] is not None:
                self.mlofi[m] += sum(terms)
                self.mlofi_scale[m] += sum(map(abs, terms))
        for i, sign in ((0, 1), (1, -1)):
            if before[i] != after[i]:
                added, removed, scale = visible_changes(before[i], after[i], sign)
                self.moved[2 * i] += added
                self.moved[2 * i + 1] += removed
                self.moved_scale[i] += scale

    def gap(self, t):
        self.run_to(t)
        self.state = self.measured = None

    def close_minute(self, t):
        mean = {name: x / self.total if self.total else None for name, x in self.sums.items()}
        self.put("depth_bid_tw", mean["depth_bid"])
        self.put("depth_ask_tw", mean["depth_ask"])
        self.put("obi_tw", mean["obi"], 1.0)
        if self.fresh(t):
            bid, ask = self.depths(self.state)
            self.put("depth_bid_close", bid)
            self.put("depth_ask_close", ask)
            self.put("obi_close", self.obi(self.state), 1.0)
            walls = [max(q for _, q in side) for side in self.state]
            self.put("wall_ratio_bid", walls[0] / bid)
            self.put("wall_ratio_ask", walls[1] / ask)
            self.put("wall_ratio", max(walls) / (bid + ask))
        mlofi = self.mlofi if self.changes or self.known else [None] * K
        for name, value, scale in zip(MLOFI, mlofi, self.mlofi_scale):
            self.put(name, value, scale)
        if mlofi[0] is not None:
            ranks = [m for m in range(K) if mlofi[m] is not None]
            weight = sum(1 / (m + 1) for m in ranks)
            self.put(
                "ofi_weighted",
                sum(mlofi[m] / (m + 1) for m in ranks) / weight,
                sum(self.mlofi_scale[m] / (m + 1) for m in ranks) / weight,
            )
        for i, name in enumerate(CHANGED):
            self.put(name, self.moved[i] if self.changes or self.known else None, self.moved_scale[i // 2])
        self.put("n_book_updates", self.n_updates)
        self.put("book_coverage", self.total / MINUTE)
        self.put("book_age", (t - self.last) / 1e6 if self.state is not None else None)


class Levels:
    """The whole book of a delta stream."""

    def __init__(self):
        self.known = self.void = False
        self.link = None  # (last id, it was a snapshot) of the last message in the book
        self.clear()

    def clear(self):
        self.prices, self.qty = {1: [], -1: []}, {1: {}, -1: {}}

    def apply(self, is_snapshot, levels):
        """One message: (side, price, qty) each."""
        if is_snapshot:
            self.clear()
            self.known = True
        for side, price, qty in levels:
            prices, held = self.prices[side], self.qty[side]
            if qty == 0:
                if held.pop(price, None) is not None:
                    del prices[bisect.bisect_left(prices, price)]
            else:
                if price not in held:
                    bisect.insort(prices, price)
                held[price] = qty

    def void_after(self, is_snapshot, broken, lost):
        """Whether nothing is known of the book after a message."""
        return lost or ((self.void or broken) and not is_snapshot)

    def is_empty(self):
        return not any(self.prices.values())

    def top(self):
        """(bids, asks), best first, at most K; (None, None) if nothing is known yet."""
        if not self.known:
            return None, None
        bids, asks = self.prices[1], self.prices[-1]
        return tuple((p, self.qty[1][p]) for p in bids[: -K - 1 : -1]), tuple((p, self.qty[-1][p]) for p in asks[:K])


# ---- trades --------------------------------------------------------------------------------------------------------


class Trades(InForce):
    """State: the last trade price (grid prices of days without a touch)."""

    def __init__(self, day):
        super().__init__(day)
        self.filled = self.signed = 0.0  # of the bucket being filled
        self.flow = {}  # 10 s interval -> [sum s q, sum q]
        self.lossy = set()  # 10 s intervals in which trades were lost

    def open_minute(self):
        self.prints = []
        self.buckets, self.bucket_sum = 0, 0.0

    def piece(self, dt):
        pass

    def on_grid(self, g):
        self.day.trade_grid[(g - self.day.start) // GRID] = self.state if self.fresh(g) else None

    def event(self, t, price, qty, sign):
        self.run_to(t)
        self.prints.append((price, qty, sign))
        flow = self.flow.setdefault((t - self.day.start) // FLOW, [0.0, 0.0])
        flow[0] += sign * qty
        flow[1] += qty
        self.state, self.last = price, t
        size, left = self.day.vpin_bucket, qty
        while size is not None:
            need = size - self.filled
            if left < need - 1e-9 * size:  # full within a billionth: ten prints of 0.1 fill 1
                self.filled += left
                self.signed += sign * left
                break
            self.buckets += 1
            self.bucket_sum += abs(self.signed + sign * need) / size
            self.filled = self.signed = 0.0
            left = max(left - need, 0.0)
            if left <= 1e-9 * size:
                break

    def gap(self, t):
        self.run_to(t)
        self.filled = self.signed = 0.0
        self.state = None

    def lost(self, t):
        """Trades are missing just before `t`; without a touch nothing else knows the price between."""
        self.run_to(t)
        self.filled = self.signed = 0.0
        self.lossy.add((t - self.day.start) // FLOW)
        if not self.day.touch:
            self.state = None

    def close_minute(self, t):
        sizes = [q for _, q, _ in self.prints]
        n = len(sizes)
        self.put("n_buys", sum(s > 0 for *_, s in self.prints))
        self.put("n_sells", sum(s < 0 for *_, s in self.prints))
        self.put("size_sq", math.fsum(q * q for q in sizes))
        self.put("signed_volume", math.fsum(s * q for _, q, s in self.prints), math.fsum(sizes))
        roots = [s * math.sqrt(p * q) for p, q, s in self.prints]
        self.put("signed_sqrt_quote", math.fsum(roots), math.fsum(map(abs, roots)))
        if n:
            mean = math.fsum(sizes) / n
            self.put("size_mean", mean)
            self.put("size_max", max(sizes))
            if n > 1:
                self.put("size_std", math.sqrt(math.fsum((q - mean) ** 2 for q in sizes) / (n - 1)), max(sizes))
        if self.day.vpin_bucket is not None:
            self.put("vpin_buckets", self.buckets)
            self.put("vpin_imbalance", self.bucket_sum, float(self.buckets))


class Numbers:
    """Ids of the trades of one day of Binance, in the order of the stream: tells where some are missing."""

    def __init__(self):
        self.largest = None

    def loss_before(self, trade_id):
        """Whether trades were lost just before this one."""
        is_loss = self.largest is not None and trade_id - self.largest - 1 >= HOLE
        self.largest = trade_id if self.largest is None else max(self.largest, trade_id)
        return is_loss


# ---- a day ---------------------------------------------------------------------------------------------------------


class Day:
    """Streams of one day (or of `minutes` minutes from `start`). Streams may be fed one after the other, gaps must come in between."""

    def __init__(self, start, minutes, quote_source, book_source, trade_source, liquidations, bands, stale, vpin_bucket=None, opening=None):
        self.start, self.minutes, self.stale, self.vpin_bucket = start, minutes, stale, vpin_bucket
        self.quote_source, self.book_source, self.trade_source = quote_source, book_source, trade_source
        self.liquidations, self.bands = liquidations, bands
        self.rows = {c: [None] * minutes for c in COLUMNS}
        self.scales = {}
        n = minutes * MINUTE // GRID + 1
        self.touch_grid, self.trade_grid, self.broken = [None] * n, [None] * n, [False] * n
        opening = opening or {}
        self.touch = self.book = self.trades = None
        self.best = (None, None)  # first levels, for a touch from the book
        if quote_source:
            self.touch = Touch(self)
            self.touch.begin(*opening.get("touch", (None, None)))
        if book_source:
            self.book = Book(self)
            self.book.begin(*opening.get("book", (None, None)))
            bids, asks = opening.get("raw_book", (None, None))
            self.best = (bids[0] if bids else None, asks[0] if asks else None)
        if trade_source:
            self.trades = Trades(self)
            self.trades.begin(*opening.get("trade", (None, None)))
        self.states = []  # (time, {name: value})
        self.forced = [[0.0, 0.0] for _ in range(minutes)]
        self.band_records = {"band_bid": [], "band_ask": []}

    def quote(self, t, bid, bid_qty, ask, ask_qty):
        if self.quote_source == "book_ticker":
            self.touch.event(t, bid, bid_qty, ask, ask_qty)

    def book_message(self, t, bids, asks, reset=False):
        """`bids`, `asks` after the message: first K levels, best first, or None if nothing is known yet."""
        self.book.event(t, bids, asks, reset)
        if self.quote_source == self.book_source and bids is not None:
            best = (bids[0] if bids else None, asks[0] if asks else None)
            (bid, bid_qty), (ask, ask_qty) = (best[0] or (None, None)), (best[1] or (None, None))
            self.touch.event(t, bid, bid_qty, ask, ask_qty, reset, best != self.best)
            self.best = best

    def trade(self, t, price, qty, sign):
        self.trades.event(t, price, qty, sign)

    def liquidation(self, t, price, qty, sign):
        self.forced[(t - self.start) // MINUTE][sign < 0] += price * qty

    def band(self, t, percentage, depth):
        if percentage in (-1.0, 1.0):
            self.band_records["band_bid" if percentage < 0 else "band_ask"].append((t, depth))

    def known(self, t, **values):
        """State known at `t` of the stream, which may be before the start; nulls change nothing, but an interval of funding comes with its rate."""
        self.states.append((t, values))

    def gap(self, t):
        for stream in (self.touch, self.book, self.trades):
            if stream:
                stream.gap(t)
        self.break_grid(t)

    def lost_trades(self, t):
        """Called before the trade that tells it."""
        self.trades.lost(t)
        if not self.touch:
            self.break_grid(t)

    def break_grid(self, t):
        i = (t - self.start) // GRID + 1
        if i < len(self.broken):
            self.broken[i] = True  # the step that ends at grid instant i

    def finish(self):
        end = self.start + self.minutes * MINUTE
        for stream in (self.touch, self.book, self.trades):
            if stream:
                stream.run_to(end)
        self.grid()
        self.slow_state()
        return self.rows

    def grid(self):
        rows, per = self.rows, MINUTE // GRID
        if not (self.touch or self.trades):
            return
        price = self.touch_grid if self.touch else self.trade_grid
        returns = [None] * len(price)  # returns[i] ends at grid instant i
        for i in range(1, len(price)):
            if price[i] is not None and price[i - 1] is not None and not self.broken[i]:
                # ln(b / a), without the rounding of the quotient
                returns[i] = math.log1p((price[i] - price[i - 1]) / price[i - 1])
        for minute in range(self.minutes):
            one, two, three = [], [], []
            for i in range(minute * per + 1, (minute + 1) * per + 1):
                r = returns[max(i - 2, 0) : i + 1]
                r = [None] * (3 - len(r)) + [None if x is None else abs(x) for x in r]
                if r[2] is not None:
                    one.append(r[2])
                    if r[1] is not None:
                        two.append((r[1], r[2]))
                        if r[0] is not None:
                            three.append(tuple(r))
            rows["rv_n"][minute] = len(one)
            rows["rv_zero"][minute] = sum(x == 0 for x in one)
            rows["rv"][minute] = sum(x * x for x in one)
            rows["rv_bipower"][minute] = sum((a * b for a, b in two), 0.0)
            rows["rv_med"][minute] = sum((sorted(t)[1] ** 2 for t in three), 0.0)
            rows["rv_min"][minute] = sum((min(t) ** 2 for t in two), 0.0)
            rows["rv_tri"][minute] = sum((math.cbrt(a * b * c) ** 4 for a, b, c in three), 0.0)
        if self.trades:
            self.flows(price)

    def flows(self, price):
        step = FLOW // GRID
        for minute in range(self.minutes):
            sums, scale = [0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0] * 6
            for interval in range(minute * MINUTE // FLOW, (minute + 1) * MINUTE // FLOW):
                i = interval * step
                a, b = price[i], price[i + step]
                if a is None or b is None or interval in self.trades.lossy or any(self.broken[i + 1 : i + step + 1]):
                    continue
                x, size = self.trades.flow.get(interval, (0.0, 0.0))
                y = b - a
                for j, (term, bound) in enumerate(
                    [(1, 0), (x, size), (y, abs(y)), (x * x, size * size), (x * y, size * abs(y)), (y * y, y * y)]
                ):
                    sums[j] += term
                    scale[j] += bound
            for name, value, s in zip(FLOWS, sums, scale):
                self.rows[name][minute] = value
                if s:
                    self.scales.setdefault(name, {})[minute] = s

    def slow_state(self):
        now, i = {}, 0  # name -> (time, value)
        self.states.sort(key=lambda x: x[0])
        ats = {name: [t for t, _ in records] for name, records in self.band_records.items()}
        for minute in range(self.minutes):
            close = self.start + (minute + 1) * MINUTE
            while i < len(self.states) and self.states[i][0] < close:
                t, values = self.states[i]
                now.update({k: (t, v) for k, v in values.items() if v is not None or k == "funding_interval_h"})
                i += 1
            for name, (t, value) in now.items():
                self.rows[name][minute] = value if close - t <= STATES[name] else None
            if self.liquidations:
                self.rows["liq_buy"][minute], self.rows["liq_sell"][minute] = self.forced[minute]
            for name, records in self.band_records.items():
                j = bisect.bisect_left(ats[name], close) - 1
                if self.bands and j >= 0 and close - records[j][0] <= self.stale:
                    self.rows[name][minute] = records[j][1]


# ---- the lake ------------------------------------------------------------------------------------------------------


class Lake:
    """Raw partitions of one instrument, by dataset and day."""

    def __init__(self, root, instrument):
        self.root = pathlib.Path(root)
        self.where = instrument.split(":", 2)
        if len(self.where) != 3:
            raise SystemExit(f"instrument `{instrument}`: expected exchange:market:symbol")
        self.venue, self.market = self.where[0].removeprefix("sim-"), self.where[1]

    def folder(self, kind, name):
        exchange, market, symbol = self.where
        return self.root / kind / exchange / market / symbol.replace(":", "%3A") / name

    def manifest(self, kind, name):
        path = self.folder(kind, name) / "manifest.json"
        return json.loads(path.read_text()) if path.is_file() else {"partitions": []}

    def has(self, dataset, day):
        return any(p["date"] == day for p in self.manifest("raw", dataset)["partitions"])

    def table(self, kind, name, day):
        import pyarrow.parquet as pq

        for part in self.manifest(kind, name)["partitions"]:
            if part["date"] == day:
                return pq.read_table(self.folder(kind, name) / f"date={day}" / part["file"], partitioning=None)
        return None

    def rows(self, dataset, day, names):
        """Yields rows as tuples, late ones left out; none if the day is absent."""
        table = self.table("raw", dataset, day)
        step = 100_000
        for first in range(0, table.num_rows if table is not None else 0, step):
            part = table.slice(first, step)
            columns = [lakefiles.column(part, n) for n in names]
            for row, late in zip(zip(*columns), lakefiles.column(part, "late")):
                if not late:
                    yield row

    def last_row(self, dataset, day, names):
        """The last row in a list, or none."""
        return list(collections.deque(self.rows(dataset, day, names), maxlen=1))


def follows(lake, link, first, last, prev):
    """Whether a message joins the last one in the book, by the ids of the venue (SPEC of each venue's local book)."""
    known, after_snapshot = link
    if lake.venue != "binance":
        return prev is None or prev == known
    if lake.market == "spot":
        return first == known + 1 or (after_snapshot and first <= known + 1 <= last)
    return prev is None or prev == known or (after_snapshot and first <= known <= last)


def delta_messages(lake, day, levels):
    """Applies the messages of a day to `levels`; yields (time, last id, is_snapshot, broken, lost) after each."""
    names = ["ts_event", "msg_seq", "is_snapshot", "side", "price", "qty", "msg_end", "first_id", "last_id", "prev_id"]
    message, key = [], None
    for t, seq, is_snapshot, side, price, qty, end, first, last, prev in lake.rows("l2_deltas", day, names):
        if message and (t, seq) != key:
            raise SystemExit(f"l2_deltas {day}: message {key} has no last level")
        key = (t, seq)
        message.append((side, price, qty))
        if end:
            broken = levels.link is not None and not is_snapshot and not follows(lake, levels.link, first, last, prev)
            levels.apply(is_snapshot, message)
            lost = is_snapshot and levels.is_empty()
            levels.link = None if broken or lost else (last, is_snapshot) if is_snapshot or levels.link else levels.link
            message = []
            yield t, last, is_snapshot, broken, lost
    if message:
        raise SystemExit(f"l2_deltas {day}: message {key} has no last level")


def snapshot_rows(lake, day):
    """Yields (time, bids, asks) of each row, first K levels."""
    names = [f"{side}_{what}_{k:02d}" for side in ("bid", "ask") for k in range(K) for what in ("px", "qty")]
    for t, *values in lake.rows("l2_snapshots", day, ["ts_event", *names]):
        sides = []
        for part in (values[: 2 * K], values[2 * K :]):
            pairs = zip(part[::2], part[1::2])
            sides.append(tuple((p, q) for p, q in pairs if p is not None))
        yield t, *sides


def book_stream(lake, source, day, levels):
    """Yields (time, id, bids, asks, reset) of each message or row; `reset` None is a gap."""
    if source == "l2_deltas":
        for t, last, is_snapshot, broken, lost in delta_messages(lake, day, levels):
            levels.void = levels.void_after(is_snapshot, broken, lost)
            if broken or lost:
                yield t, last, None, None, None
            if not lost:
                yield t, last, *((None, None) if levels.void else levels.top()), is_snapshot
    elif source == "l2_snapshots":
        for t, bids, asks in snapshot_rows(lake, day):
            yield t, None, bids, asks, False


QUOTE = ["ts_event", "bid_px", "bid_qty", "ask_px", "ask_qty"]
QUOTE_ID = [*QUOTE, "update_id"]
TRADE = ["ts_event", "price", "qty", "aggressor"]
TRADE_ID = [*TRADE, "trade_id"]


def book_days(lake, source, before):
    """Days whose messages make the book at the end of the day before: back to the last one with a snapshot message."""
    if source != "l2_deltas":
        return [before]
    days = []
    while lake.has("l2_deltas", before) and len(days) < 8:
        days.insert(0, before)
        if any(is_snapshot for (is_snapshot,) in lake.rows("l2_deltas", before, ["is_snapshot"])):
            break
        before = lakefiles.day_of(lakefiles.day_start(before) - 1)
    return days


def volume_bucket(lake, date, share):
    """The share of the mean daily volume of the up to 7 whole days before that have trades."""
    volumes, start = [], lakefiles.day_start(date)
    for back in range(1, 8):
        day = lakefiles.day_of(start - back * 86_400_000_000 + 1)
        source = next((n for n in ("trades", "agg_trades") if lake.has(n, day)), None)
        if source:
            rows = list(lake.rows(source, day, ["ts_event", "qty"]))
            first, hour = start - back * 86_400_000_000, 3_600_000_000
            # A day that does not reach from its first hour into its last is not whole.
            if rows and rows[0][0] < first + hour and rows[-1][0] >= first + 24 * hour - hour:
                volumes.append(math.fsum(q for _, q in rows))
    return share * sum(volumes) / len(volumes) if volumes else None


def valid_touch(bid, bid_qty, ask, ask_qty):
    return bid is not None and ask is not None and bid_qty > 0 and ask_qty > 0 and bid < ask


def quote_before(quote, gap):
    """Whether a quote comes before a gap that a message of the book told; both as (time, id). A quote of the id of the message is after it."""
    return quote < gap


def states(lake, days, args):
    """(time in the stream, values) of all state records of the days."""
    lag = {"metrics": 300_000, **dict(args.lag)}

    def at(known_from, dataset):
        return known_from + 1000 * (lag.get(dataset, 0) - args.watermark_ms) - 1

    oi = "open_interest" if any(lake.has("open_interest", d) for d in days) else "metrics"
    found = []
    for day in days:
        for dataset, name in (("mark_klines", "mark"), ("index_klines", "index"), ("premium_klines", "premium")):
            for t, close in lake.rows(dataset, day, ["ts_close", "close"]):
                found.append((at(t, dataset), {name: close}))
        for t, rate, interval in lake.rows("funding", day, ["ts_event", "rate", "interval_h"]):
            found.append((at(t, "funding"), {"funding_rate": rate, "funding_interval_h": interval}))
        for t, value in lake.rows(oi, day, ["ts_event", "open_interest"]):
            found.append((at(t, oi), {"open_interest": value}))
    return found


class Rows:
    """Rows of a stream that are fed up to a place; their last field is their id and is not fed."""

    def __init__(self, rows):
        self.rows, self.next = iter(rows), None

    def feed(self, take, is_before=lambda t, number: True):
        while True:
            row = self.next or next(self.rows, None)
            if row is None or not is_before(row[0], row[-1]):
                self.next = row
                return
            self.next = None
            take(*row)


def compute(lake, date, args):
    """All columns of a day, and what they were made from."""
    start, before = lakefiles.day_start(date), lakefiles.day_of(lakefiles.day_start(date) - 1)
    after = lakefiles.day_of(start + 86_400_000_000)
    if args.vpin_bucket is None and args.vpin_share:
        args.vpin_bucket = volume_bucket(lake, date, args.vpin_share)
    first = lambda *names: next((n for n in names if lake.has(n, date)), None)  # noqa: E731
    book_source = first("l2_deltas", "l2_snapshots")
    quote_source = first("book_ticker") or book_source
    trade_source = first("trades", "agg_trades")
    opening, levels = {}, Levels()
    if trade_source:
        for row in lake.last_row(trade_source, before, TRADE):
            opening["trade"] = (row[1], row[0])
    loss = None  # place of the last gap
    for day in book_days(lake, book_source, before):
        for t, number, bids, asks, reset in book_stream(lake, book_source, day, levels):
            if reset is None:
                loss = (t, number)
                opening.pop("raw_book", None)
                opening.pop("book", None)
            if bids is None:
                continue
            opening["raw_book"] = (bids, asks)
            opening["book"] = ((bids, asks) if bids and asks and bids[0][0] < asks[0][0] else None, t)
    if quote_source == "book_ticker":
        for t, *touch, number in lake.last_row("book_ticker", before, QUOTE_ID):
            if loss is None or not quote_before((t, number), loss):
                opening["touch"] = (tuple(touch) if valid_touch(*touch) else None, t)
    elif "book" in opening:
        state, t = opening["book"]
        opening["touch"] = ((*state[0][0], *state[1][0]) if state else None, t)
    has_liquidations, has_bands = lake.has("liquidations", date), lake.has("depth_bands", date)
    day = Day(
        start, 1440, quote_source, book_source, trade_source, has_liquidations, has_bands, 1000 * args.stale_after_ms, args.vpin_bucket, opening
    )
    # A gap ends what is in force in every stream: they are fed up to it one after the other. Trades rank before messages of the book.
    trades = Rows(lake.rows(trade_source, date, TRADE_ID) if trade_source else ())
    quotes = Rows(lake.rows("book_ticker", date, QUOTE_ID) if quote_source == "book_ticker" else ())
    numbers = Numbers() if lake.venue == "binance" else None

    def trade(t, price, qty, sign, trade_id):
        if numbers and numbers.loss_before(trade_id):
            day.lost_trades(t)
        day.trade(t, price, qty, sign)

    def quote(t, bid, bid_qty, ask, ask_qty, _):
        day.quote(t, bid, bid_qty, ask, ask_qty)

    for at, number, bids, asks, reset in book_stream(lake, book_source, date, levels):
        if reset is None:
            trades.feed(trade, lambda t, _: t <= at)  # noqa: B023
            quotes.feed(quote, lambda t, update_id: quote_before((t, update_id), (at, number)))  # noqa: B023
            day.gap(at)
        else:
            day.book_message(at, bids, asks, reset)
    trades.feed(trade)
    quotes.feed(quote)
    for t, side, price, average, qty in lake.rows("liquidations", date, ["ts_event", "side", "price", "average_price", "qty"]):
        day.liquidation(t, average if average is not None and average > 0 else price, qty, side)
    for t, percentage, depth in lake.rows("depth_bands", date, ["ts_event", "percentage", "depth"]):
        day.band(t, percentage, depth)
    for t, values in states(lake, [before, date, after], args):
        day.known(t, **values)
    day.finish()
    return day


# ---- comparison ----------------------------------------------------------------------------------------------------


def page_columns():
    """Names in the first cells of the tables of the page, to know that COLUMNS is the page's list."""
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "minute_rows.md"
    names = []
    for line in page.read_text().splitlines():
        if line.startswith("| `"):
            cell = line.split("|")[1]
            found = re.findall(r"`([a-z0-9_]+)`", cell)
            if " .. " in cell:
                stem = found[0][:-2]
                found = [f"{stem}{m:02d}" for m in range(int(found[0][-2:]), int(found[1][-2:]) + 1)]
            names += found
    return names


def bar_set(lake, wanted):
    folder = lake.folder("bars", "")
    sets = sorted(p.parent.name for p in folder.glob("*/manifest.json"))
    if wanted:
        return wanted
    if len(sets) != 1:
        raise SystemExit(f"{folder}: {len(sets)} bar sets {sets}; choose with --bars-set")
    return sets[0]


def find_key(value, key):
    """First value under `key` in nested JSON."""
    if isinstance(value, dict):
        if value.get(key) is not None:
            return value[key]
        value = list(value.values())
    for inner in value if isinstance(value, list) else []:
        found = find_key(inner, key)
        if found is not None:
            return found
    return None


def lineage(lake, set_id, day, key):
    """A parameter of the bar partition of a day: its own entry first, then the parameters it was made with."""
    manifest = lake.manifest("bars", set_id)
    for part in manifest["partitions"]:
        if part["date"] == day:
            made_with = part.get("ingest_params_hash")
            params = manifest.get("earlier_ingest_params", {}).get(made_with, manifest.get("ingest_params"))
            found = find_key(part, key)
            return found if found is not None else find_key(params, key)
    return None


def difference(a, b, scale):
    """Relative difference; 1e-9 is the limit."""
    size = max(abs(a), abs(b), scale / 1000)
    return abs(a - b) / size if size else 0.0


def compare(day, held, columns):
    """Prints the table; returns (number of failed columns, report)."""
    report, failed = [], 0
    minutes = day.minutes
    print(f"{'column':20} {'cells':>6} {'nulls':>6} {'max rel diff':>13}")
    for name in columns:
        mine, theirs = day.rows[name], held.get(name)
        nulls = sum(x is None for x in mine)
        entry = {"column": name, "cells": minutes - nulls, "nulls": nulls, "max_rel_diff": None, "ok": False}
        if theirs is None:
            entry["detail"] = "missing in the bars"
        elif len(theirs) != minutes:
            entry["detail"] = f"{len(theirs)} rows in the bars"
        else:
            worst, where, null_at = 0.0, None, None
            for i, (a, b) in enumerate(zip(mine, theirs)):
                if (a is None) != (b is None):
                    null_at = i if null_at is None else null_at
                elif a is not None:
                    d = difference(a, b, day.scales.get(name, {}).get(i, 0.0))
                    d = math.inf if math.isnan(d) else d
                    if where is None or d > worst:
                        worst, where = d, i
            entry["max_rel_diff"] = worst
            entry["ok"] = null_at is None and worst <= 1e-9
            if null_at is not None:
                entry["detail"] = f"minute {null_at}: {mine[null_at]} of mine, {theirs[null_at]} in the bars"
            elif not entry["ok"]:
                entry["detail"] = f"minute {where}: {mine[where]} of mine, {theirs[where]} in the bars"
        failed += not entry["ok"]
        shown = "-" if entry["max_rel_diff"] is None else f"{entry['max_rel_diff']:.2e}"
        print(f"{name:20} {entry['cells']:6} {nulls:6} {shown:>13} {'ok' if entry['ok'] else 'FAILED ' + entry.get('detail', '')}")
        report.append(entry)
    return failed, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake", nargs="?")
    parser.add_argument("instrument", nargs="?")
    parser.add_argument("day", nargs="?")
    parser.add_argument("--bars-set", help="bar set id; default: the only one")
    parser.add_argument("--stale-after-ms", type=int, default=60_000)
    parser.add_argument("--watermark-ms", type=int, default=250)
    parser.add_argument("--lag", action="append", default=[], metavar="DATASET=MS", help="lag of a dataset of states")
    parser.add_argument("--vpin-bucket", type=float, help="size of volume buckets; default: that of the bars' manifest")
    parser.add_argument("--vpin-share", type=float, default=0.02, help="size of a volume bucket as a share of the daily volume before")
    parser.add_argument("--columns", help="only these, separated by commas")
    parser.add_argument("--json", type=pathlib.Path, help="write rows and table")
    parser.add_argument("--no-compare", action="store_true", help="print my rows' counts only; for lakes without bars")
    parser.add_argument("--self-test", action="store_true", help="check the oracle itself on examples worked out by hand")
    args = parser.parse_args()
    if args.self_test:
        import minute_rows_selftest

        return minute_rows_selftest.main()
    if not args.day:
        parser.error("LAKE INSTRUMENT DAY are needed")
    datetime.date.fromisoformat(args.day)
    args.lag = [(name, int(ms)) for name, ms in (x.split("=") for x in args.lag)]
    if page_columns() != COLUMNS and sorted(page_columns()) != sorted(COLUMNS):
        odd = set(page_columns()) ^ set(COLUMNS)
        print(f"FAILED: columns of docs/minute_rows.md and of this script differ: {sorted(odd)}")
        return 1
    columns = args.columns.split(",") if args.columns else COLUMNS
    if set(columns) - set(COLUMNS):
        parser.error(f"no such column: {sorted(set(columns) - set(COLUMNS))}")
    lake = Lake(args.lake, args.instrument)
    set_id = None if args.no_compare else bar_set(lake, args.bars_set)
    if set_id and args.vpin_bucket is None:
        args.vpin_bucket = lineage(lake, set_id, args.day, "vpin_bucket")
    began = time.time()
    day = compute(lake, args.day, args)
    print(
        f"{args.instrument} {args.day}: touch {day.quote_source}, book {day.book_source}, trades {day.trade_source}, liquidations"
        f" {day.liquidations}, bands {day.bands}, bucket {args.vpin_bucket}; {time.time() - began:.1f} s"
    )
    failed, report = 0, []
    if args.no_compare:
        for name in columns:
            values = [x for x in day.rows[name] if x is not None]
            span = f"{min(values):.6g} .. {max(values):.6g}" if values else "-"
            print(f"{name:20} {len(values):6} cells {day.minutes - len(values):6} nulls  {span}")
    else:
        table = lake.table("bars", set_id, args.day)
        if table is None:
            print(f"FAILED: bar set {set_id} has no partition of {args.day}")
            return 1
        opens = lakefiles.column(table, "ts_open")
        if opens != [day.start + i * MINUTE for i in range(1440)]:
            print(f"FAILED: bar set {set_id} {args.day}: not the 1,440 minutes of the day")
            return 1
        held = {name: lakefiles.column(table, name) for name in columns if name in table.column_names}
        failed, report = compare(day, held, columns)
        print(f"{len(columns)} columns, {sum(e['cells'] for e in report)} cells: " + (f"{failed} FAILED" if failed else "ok"))
    if args.json:
        args.json.write_text(json.dumps({"instrument": args.instrument, "day": args.day, "table": report, "rows": day.rows}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
