#!/usr/bin/env python3
"""Tests of the oracle of the minute rows: examples worked out by hand, wrong public variants, a sampled check and a lake of its own.

    minute_rows.py --self-test        (or minute_rows_selftest.py)

Times are seconds from the start of the day. Exits with 1 at the first example that does not come out.
"""

import argparse
import contextlib
import io
import json
import math
import pathlib
import random
import sys
import tempfile

import minute_rows as mr

START = 19_000 * 86_400_000_000
CHECKS = 0


def at(seconds):
    return START + round(seconds * 1e6)


def check(what, got, want, tolerance=1e-12):
    global CHECKS
    CHECKS += 1
    if (got is None) != (want is None) or (got is not None and abs(got - want) > tolerance * max(abs(got), abs(want), 1e-300)):
        raise SystemExit(f"SELF-TEST FAILED: {what}: {got}, by hand {want}")


def expect(what, rows, minute=0, **columns):
    for name, want in columns.items():
        check(f"{what}: {name} of minute {minute}", rows[name][minute], want)


def replay(events, minutes=1, stale=60, quotes="book_ticker", book=None, trades=None, bucket=None, opening=None, liquidations=False, bands=False):
    day = mr.Day(START, minutes, quotes, book, trades, liquidations, bands, round(stale * 1e6), bucket, opening)
    for seconds, kind, *rest in sorted(events, key=lambda e: e[0]):
        if kind in ("gap", "lost_trades"):
            getattr(day, kind)(at(seconds))
        else:
            getattr(day, kind)(at(seconds), *rest)
    return day.finish()


def quotes(*events):
    """(seconds, bid, bid_qty, ask, ask_qty) or (seconds, "gap") each."""
    return [e if e[1] == "gap" else (e[0], "quote", *e[1:]) for e in events]


# ---- wrong variants ------------------------------------------------------------------------------------------------


def ofi_strict(before, after):
    """As found in public code: strict comparisons, `to avoid double counting`."""
    e = (after[0] > before[0]) * after[1] - (after[0] < before[0]) * before[1]
    return e - (after[2] < before[2]) * after[3] + (after[2] > before[2]) * before[3]


def ofi_by_level(before, after):
    """As found in public code: differences of the depth of a level, without looking at its price."""
    return (after[1] - before[1]) - (after[3] - before[3])


def wrong_variants():
    same, more = (100.0, 10.0, 102.0, 8.0), (100.0, 15.0, 102.0, 8.0)
    check("e_n of bid 10 -> 15", sum(mr.ofi_terms(same, more)), 5.0)
    check("strict comparisons", ofi_strict(same, more), 0.0)
    before, after = (100.0, 10.0, 102.0, 8.0), (101.0, 4.0, 102.0, 8.0)
    check("e_n of 100x10 -> 101x4", sum(mr.ofi_terms(before, after)), 4.0)
    check("depth deltas by level", ofi_by_level(before, after), -6.0)
    rows = replay(quotes((0, *same), (1, *more)))
    expect("bid 10 -> 15", rows, ofi=5.0, ofi_events=1)
    rows = replay(quotes((0, *before), (1, *after)))
    expect("100x10 -> 101x4", rows, ofi=4.0)
    # The same two by rank.
    book = lambda t: (((t[0], t[1]),), ((t[2], t[3]),))  # noqa: E731
    check("mlofi of 10 -> 15", sum(mr.rank_flow(book(same), book(more), 0)), 5.0)
    check("mlofi of the up-tick", sum(mr.rank_flow(book(before), book(after), 0)), 4.0)


# ---- touch ---------------------------------------------------------------------------------------------------------


def touch():
    rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0), (30, 100.0, 15.0, 102.0, 10.0)))
    expect("two quotes", rows, mid_open=101, mid_high=101, mid_low=101, mid_close=101, spread_tw=2, spread_close=2)
    expect("two quotes", rows, spread_bps_tw=2 / 101 * 1e4, imbalance_tw=0.55, imbalance_close=0.6, imbalance_bucket=6)
    expect("two quotes", rows, wmid_close=101.2, wmid_tw=101.1, bid_qty_tw=12.5, ask_qty_tw=10)
    expect("two quotes", rows, ofi=5, ofi_events=1, ofi_depth=12.5, n_quotes=2, quote_coverage=1, quote_age=30)
    for before, after, e in [
        ((100, 10, 102, 5), (99, 7, 102, 5), -10),
        ((100, 10, 102, 5), (100, 10, 101, 3), -3),
        ((100, 10, 101, 3), (100, 10, 103, 9), 3),
        ((100, 10, 102, 5), (100, 6, 102, 9), -4 - 4),
    ]:
        expect(f"{before} -> {after}", replay(quotes((0, *map(float, before)), (1, *map(float, after)))), ofi=e)
    # One-sided, locked, crossed and empty touches end what is in force; the next change has no before.
    for bad in [(None, None, 102.0, 5.0), (102.0, 5.0, 102.0, 5.0), (103.0, 5.0, 102.0, 5.0), (100.0, 0.0, 102.0, 5.0)]:
        rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0), (20, *bad), (40, 100.0, 15.0, 104.0, 10.0)))
        expect(f"invalid {bad}", rows, quote_coverage=40 / 60, ofi=0, ofi_events=0, ofi_depth=None, n_quotes=3, spread_tw=3, mid_close=102)
    rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0), (20, 103.0, 5.0, 102.0, 5.0)), minutes=2)
    expect("invalid at the close", rows, mid_close=None, imbalance_bucket=None, quote_age=None, mid_open=101, quote_coverage=1 / 3)
    expect("nothing in force", rows, 1, ofi=None, ofi_events=0, mid_open=None, spread_tw=None, n_quotes=0, quote_coverage=0, n_depletions=0)
    # A gap.
    rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0), (20, "gap"), (40, 100.0, 15.0, 102.0, 10.0)))
    expect("gap", rows, quote_coverage=40 / 60, ofi=0, ofi_events=0, n_quotes=2)
    # 60 s old is fresh, older is stale. An event that changes nothing renews.
    rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0)), minutes=3)
    expect("stale", rows, 0, mid_close=101, quote_coverage=1, quote_age=60)
    expect("stale", rows, 1, mid_open=101, mid_close=None, spread_tw=None, quote_coverage=0, quote_age=120, ofi=0)
    expect("stale", rows, 2, mid_open=None, mid_high=None, ofi=None, rv_n=0)
    rows = replay(quotes((0, 100.0, 10.0, 102.0, 10.0), (30, 100.0, 10.0, 102.0, 10.0)), minutes=2)
    expect("renewed", rows, 0, n_quotes=2, ofi_events=0)
    expect("renewed", rows, 1, quote_coverage=0.5, spread_tw=2, mid_close=None, rv_n=6)
    # The opening is a before; its own time decides whether it is fresh. Extremes of the mid hold the one at the open.
    opening = {"touch": ((100.0, 10.0, 102.0, 10.0), at(-50))}
    rows = replay(quotes((5, 98.0, 15.0, 102.0, 10.0)), opening=opening)
    expect("opening", rows, mid_open=101, mid_high=101, mid_low=100, ofi=-10, ofi_events=1, quote_coverage=1, spread_tw=(2 * 5 + 4 * 55) / 60)
    rows = replay(quotes((30, 98.0, 15.0, 102.0, 10.0)), opening=opening)
    expect("opening gone stale", rows, mid_open=101, mid_low=100, ofi=0, ofi_events=0, quote_coverage=40 / 60)
    rows = replay(quotes((30, 98.0, 15.0, 102.0, 10.0)), opening={"touch": (opening["touch"][0], at(-61))})
    expect("stale opening", rows, mid_open=100, mid_high=100, ofi_events=0, quote_coverage=0.5)
    # An event at the start of a minute belongs to it, and mid_open is the mid before it.
    rows = replay(quotes((10, 100.0, 10.0, 102.0, 10.0), (60, 102.0, 10.0, 104.0, 10.0)), minutes=2)
    expect("edge", rows, 0, mid_close=101, ofi_events=0, n_quotes=1, quote_age=50)
    expect("edge", rows, 1, mid_open=101, mid_low=101, mid_high=103, mid_close=103, ofi_events=1, spread_tw=2, quote_age=60)
    check("bucket of a full bid", replay(quotes((0, 1.0, 1e9, 2.0, 1e-9)))["imbalance_bucket"][0], 9)
    expect("no source", replay([], quotes=None), n_quotes=None, quote_coverage=None, ofi_events=None, n_depletions=None, rv_n=None)


def depletion():
    q = lambda t, bid, ask=110.0: (t, bid, 1.0, ask, 1.0)  # noqa: E731
    # The second fall happens while one is pending; back at the old price after 4 s.
    rows = replay(quotes(q(0, 100.0), q(1, 99.0), q(2, 98.0), q(5, 100.0)))
    expect("refill", rows, n_depletions=1, n_refills=1, refill_secs=4)
    rows = replay(quotes(q(0, 100.0), q(1, 99.0), q(11, 105.0)))
    expect("after 10 s", rows, n_depletions=1, n_refills=1, refill_secs=10)
    rows = replay(quotes(q(0, 100.0), q(1, 99.0), q(11.001, 105.0)))
    expect("too late", rows, n_depletions=1, n_refills=0, refill_secs=0)
    rows = replay(quotes(q(0, 100.0), q(1, 99.0), q(13, 98.0), q(14, 99.0)))
    expect("the next one", rows, n_depletions=2, n_refills=1, refill_secs=1)
    rows = replay(quotes(q(0, 100.0, 110.0), q(1, 99.0, 111.0), q(3, 99.0, 110.0)))
    expect("both sides", rows, n_depletions=2, n_refills=1, refill_secs=2)
    rows = replay(quotes(q(50, 100.0), q(55, 99.0), q(62, 101.0)), minutes=2)
    expect("over the edge", rows, 0, n_depletions=1, n_refills=0)
    expect("over the edge", rows, 1, n_depletions=0, n_refills=1, refill_secs=7)
    rows = replay(quotes(q(0, 100.0), q(1, 99.0), (2, "gap"), q(3, 100.0)))
    expect("gap", rows, n_depletions=1, n_refills=0)
    rows = replay(quotes(q(0, 100.0), (1, "gap"), q(2, 99.0), q(3, 100.0)))
    expect("no before", rows, n_depletions=0, n_refills=0)


# ---- books ---------------------------------------------------------------------------------------------------------


def book():
    one = (((100.0, 5.0), (99.0, 4.0)), ((101.0, 3.0), (102.0, 2.0)))
    two = (((100.0, 7.0), (99.0, 4.0)), one[1])
    with_book = {"quotes": "l2_deltas", "book": "l2_deltas"}
    rows = replay([(0, "book_message", *one, True), (30, "book_message", *two)], **with_book)
    expect("two books", rows, mlofi_01=2, mlofi_02=0, mlofi_03=None, mlofi_10=None, ofi_weighted=2 / 1.5, ofi=2, n_quotes=2)
    expect("two books", rows, depth_bid_close=11, depth_ask_close=5, depth_bid_tw=10, depth_ask_tw=5, obi_close=5 / 13)
    expect("two books", rows, obi_tw=(3 / 11 + 5 / 13) / 2, wall_ratio_bid=7 / 11, wall_ratio_ask=3 / 5, wall_ratio=7 / 16)
    expect("two books", rows, book_added_bid=2, book_removed_bid=0, book_added_ask=0, book_removed_ask=0)
    expect("two books", rows, n_book_updates=2, book_coverage=1, book_age=30, quote_age=30)
    # A new best bid: ranks move down. Rank 3 was missing before.
    three = (((100.5, 1.0), *one[0]), one[1])
    rows = replay([(0, "book_message", *one, True), (1, "book_message", *three)], **with_book)
    expect("new best", rows, mlofi_01=1, mlofi_02=5, mlofi_03=None, book_added_bid=1, book_removed_bid=0)
    # Asks by rank: 101 taken out, so rank 1 rises (+3), rank 2 missing afterwards.
    rows = replay([(0, "book_message", *one, True), (1, "book_message", one[0], one[1][1:])], **with_book)
    expect("ask taken", rows, mlofi_01=3, mlofi_02=None, ofi=3, book_removed_ask=3, book_added_ask=0)
    check("ask falls", sum(mr.rank_flow(one, (one[0], ((100.9, 6.0), *one[1])), 0)), -6)
    # A reset has no before; the message after it has.
    rows = replay([(0, "book_message", *one, True), (1, "book_message", *two, True), (2, "book_message", *one, False)], **with_book)
    expect("reset", rows, mlofi_01=-2, book_added_bid=0, book_removed_bid=2, ofi=-2, ofi_events=1, n_quotes=3, n_book_updates=3)
    # A crossed book ends it; so does an empty side; so does a gap.
    for bad in [(((101.0, 1.0),), one[1]), ((), one[1])]:
        rows = replay([(0, "book_message", *one, True), (20, "book_message", *bad), (40, "book_message", *two)], **with_book)
        expect("invalid", rows, mlofi_01=0, book_added_bid=0, book_coverage=40 / 60, n_book_updates=3, depth_bid_tw=(9 + 11) / 2, ofi_events=0)
    rows = replay([(0, "book_message", *one, True), (20, "gap"), (40, "book_message", *two)], minutes=3, stale=30, **with_book)
    expect("gap", rows, 0, mlofi_01=0, book_coverage=40 / 60)
    expect("stale", rows, 1, book_coverage=10 / 60, depth_bid_close=None, wall_ratio=None, book_age=80, mlofi_01=0, mlofi_10=0)
    expect("nothing", replay([], minutes=1, **with_book), mlofi_01=None, ofi_weighted=None, book_age=None, n_book_updates=0)
    # What is visible in both: a level that comes into view at the tenth rank was not added, one that leaves it not removed.
    ten = tuple((100.0 - i, 1.0 + i) for i in range(10))
    check("level entering", mr.visible_changes(ten, (*ten[1:], (90.0, 50.0)), 1)[:2] == (0.0, 1.0), True)
    check("level leaving", mr.visible_changes(ten, ((101.0, 3.0), *ten[:9]), 1)[:2] == (3.0, 0.0), True)
    mirrored = tuple((-p, q) for p, q in ten)
    check("asks mirrored", mr.visible_changes(mirrored, ((-101.0, 3.0), *mirrored[:9]), -1)[:2] == (3.0, 0.0), True)
    check("thin side", mr.visible_changes(ten[:3], ten[:5], 1)[:2] == (4.0 + 5.0, 0.0), True)
    check("ten against thin", mr.visible_changes(ten, ten[:5], 1)[:2] == (0.0, sum(range(6, 11))), True)
    # Messages that leave the first level alone are no quotes, but renew the touch.
    deep = (((100.0, 5.0), (99.0, 6.0)), one[1])
    rows = replay([(0, "book_message", *one, True), (50, "book_message", *deep)], minutes=2, **with_book)
    expect("deep change", rows, 0, n_quotes=1, n_book_updates=2, ofi_events=0, mlofi_01=0, mlofi_02=2)
    expect("deep change", rows, 1, quote_coverage=50 / 60, n_quotes=0)
    # Deltas, zero removes, an image replaces.
    levels = mr.Levels()
    check("unknown", levels.top() == (None, None), True)
    levels.apply(True, [(1, 100.0, 1.0), (1, 99.0, 2.0), (-1, 101.0, 3.0)])
    levels.apply(False, [(1, 100.0, 0.0), (1, 98.0, 5.0), (-1, 100.5, 1.0), (-1, 105.0, 0.0)])
    check("levels", levels.top() == (((99.0, 2.0), (98.0, 5.0)), ((100.5, 1.0), (101.0, 3.0))), True)
    levels.apply(True, [(1, 50.0, 1.0), (-1, 51.0, 1.0)])
    check("image", levels.top() == (((50.0, 1.0),), ((51.0, 1.0),)), True)


# ---- trades, prices, states ----------------------------------------------------------------------------------------


def trades():
    events = [(1, "trade", 100.0, 1.0, 1), (2, "trade", 100.0, 2.0, -1), (3, "trade", 100.0, 4.0, 1)]
    rows = replay(events, minutes=2, quotes=None, trades="trades", bucket=2.0)
    expect("three prints", rows, n_buys=2, n_sells=1, size_mean=7 / 3, size_std=math.sqrt(7 / 3), size_max=4, size_sq=21, signed_volume=3)
    expect("three prints", rows, signed_sqrt_quote=10 * (3 - math.sqrt(2)))
    # Buckets of 2: buy 1 + sell 1; sell 1 + buy 1; buy 2; one more is left over.
    expect("three prints", rows, vpin_buckets=3, vpin_imbalance=1)
    expect("no prints", rows, 1, n_buys=0, size_mean=None, size_std=None, size_max=None, size_sq=0, signed_volume=0, vpin_buckets=0, vpin_imbalance=0)
    rows = replay([(1, "trade", 100.0, 5.0, -1), (61, "trade", 100.0, 1.0, 1)], minutes=2, quotes=None, trades="trades", bucket=2.0)
    expect("one print, two buckets", rows, 0, vpin_buckets=2, vpin_imbalance=2, size_std=None)
    expect("closed where its last print stands", rows, 1, vpin_buckets=1, vpin_imbalance=0)
    rows = replay([(1, "trade", 100.0, 1.0, 1), (2, "gap"), (3, "trade", 100.0, 1.0, 1)], quotes=None, trades="trades", bucket=2.0)
    expect("a gap loses the bucket", rows, vpin_buckets=0, vpin_imbalance=0)
    expect("no bucket size", replay(events, quotes=None, trades="trades"), vpin_buckets=None, vpin_imbalance=None)
    expect("no trades dataset", replay([]), n_buys=None, signed_volume=None, flow_n=None, rv_n=0)


def prices():
    # No quotes: last trade before the instant. 5 s: 100, 10 s: 101, then unchanged; a trade at the instant comes after it.
    events = [(1, "trade", 100.0, 1.0, 1), (7, "trade", 101.0, 2.0, 1), (60, "trade", 300.0, 1.0, 1)]
    rows = replay(events, minutes=2, quotes=None, trades="trades")
    expect("trades", rows, 0, rv_n=11, rv_zero=10, rv=math.log(1.01) ** 2, rv_bipower=0, rv_med=0, rv_min=0, rv_tri=0)
    # No price at 0 s: five intervals of 10 s are left; 10 s to 20 s has no change and no trade.
    expect("trades", rows, 0, flow_n=5, flow_x=0, flow_y=0, flow_yy=0)
    expect("trades", rows, 1, rv_n=12, rv_zero=11, rv=math.log(300 / 101) ** 2, flow_n=6, flow_x=1, flow_y=199, flow_xx=1, flow_xy=199, flow_yy=199**2)
    # The opening's price is known at 00:00, and old after stale_after.
    rows = replay([], quotes=None, trades="trades", opening={"trade": (100.0, at(-30))})
    expect("opening", rows, rv_n=6, rv_zero=6, flow_n=3)
    # Mids 100, 102, 101, 101, ... on the grid: |r| = a, b, 0, 0 ...
    opening = {"touch": ((99.0, 1.0, 101.0, 1.0), at(-1))}
    q = lambda t, m: (t, m - 1, 1.0, m + 1, 1.0)  # noqa: E731
    events = [*quotes(q(4, 102.0), q(6, 101.0), q(50, 101.0)), (3, "trade", 101.0, 2.0, 1), (12, "trade", 101.0, 1.0, -1)]
    rows = replay(events, minutes=2, trades="trades", opening=opening)
    a, b = math.log(102 / 100), math.log(102 / 101)
    expect("mids", rows, rv_n=12, rv_zero=10, rv=a * a + b * b, rv_bipower=a * b, rv_min=b * b, rv_med=b * b, rv_tri=0)
    expect("mids", rows, flow_n=6, flow_x=1, flow_y=1, flow_xx=4 + 1, flow_xy=2, flow_yy=1)
    # The first return of the next minute pairs with the last of this one.
    rows = replay(quotes(q(0, 100.0), q(56, 101.0), q(61, 102.0), q(66, 103.0)), minutes=2)
    a, b, c = math.log(1.01), math.log(102 / 101), math.log(103 / 102)
    expect("pairs over the edge", rows, 0, rv_n=11, rv=a * a, rv_bipower=0)
    # Triples: (0, a, b), (a, b, c), (b, c, 0), and a > b > c.
    expect("pairs over the edge", rows, 1, rv_bipower=a * b + b * c, rv_med=2 * b * b + c * c, rv_min=b * b + c * c, rv_tri=(a * b * c) ** (4 / 3))
    # A gap takes the return over it, and the pairs with that.
    rows = replay([*quotes(q(0, 100.0), q(21, 101.0), q(23, 102.0), q(26, 103.0)), (22, "gap")])
    expect("gap", rows, rv_n=10, rv=math.log(103 / 102) ** 2, rv_bipower=0, rv_zero=9)
    rows = replay([*quotes(q(0, 100.0), q(23, 102.0)), (22, "gap")], trades="trades")
    expect("gap", rows, flow_n=4, flow_y=0, rv_n=10)
    # A price jump of half.
    rows = replay(quotes(q(0, 100.0), q(7, 50.0)))
    expect("jump", rows, rv=math.log(2) ** 2, rv_zero=10, rv_n=11)


def slow():
    day = mr.Day(START, 3, None, None, None, True, True, 60_000_000)
    day.known(at(-1), mark=10.0)
    day.known(at(60 - 3600), open_interest=7.0)  # an hour old at the first close, too old at the second
    day.known(at(-541), premium=0.5)  # too old at once
    day.known(at(60) - 1, mark=11.0)
    day.known(at(120), premium=0.001, index=12.0)
    day.known(at(61), funding_rate=1e-4, funding_interval_h=8)
    day.known(at(62), open_interest=None)
    day.liquidation(at(10), 100.0, 2.0, 1)
    day.liquidation(at(11), 100.0, 3.0, -1)
    day.liquidation(at(70), 50.0, 1.0, -1)
    for percentage in (-5.0, -1.0, 1.0, 5.0):
        day.band(at(30), percentage, 10 + percentage)
    rows = day.finish()
    expect("state", rows, 0, mark=11, index=None, open_interest=7, liq_buy=200, liq_sell=300, band_bid=9, band_ask=11, funding_rate=None, premium=None)
    expect("state", rows, 1, mark=11, premium=None, open_interest=None, funding_rate=1e-4, funding_interval_h=8, liq_buy=0, liq_sell=50, band_bid=None)
    expect("state", rows, 2, premium=0.001, index=12, open_interest=None, liq_buy=0, liq_sell=0)
    expect("no datasets", replay([]), liq_buy=None, liq_sell=None, mark=None, band_bid=None)


# ---- what was lost -------------------------------------------------------------------------------------------------


def lost_trades():
    # Five or more left out after the largest so far; one that comes out of order leaves out none. The first of a day tells nothing.
    numbers = mr.Numbers()
    told = [numbers.loss_before(i) for i in (900, 901, 906, 912, 905, 913, 918, 924, 923, 1000)]
    # 901 -> 906: 4 left out. 906 -> 912: 907..911, 5. 905 after 912. 913 -> 918: 4. 918 -> 924: 5. 923 after 924. 924 -> 1000: 75.
    check("holes", told == [False, False, False, True, False, False, False, True, False, True], True)
    # No touch: grid prices are trade prices. 100 from 1 s, 104 from 22 s on; buckets of 2.
    events = [(1, "trade", 100.0, 1.0, 1), (22, "trade", 104.0, 1.0, 1), (23, "trade", 104.0, 1.0, 1), (33, "trade", 105.0, 3.0, -1)]
    only = {"quotes": None, "trades": "trades", "bucket": 2.0}
    rows = replay(events, **only)
    # Grid: none at 0 s, 100 at 5 .. 20 s, 104 at 25, 30 s, 105 from 35 s on: 11 returns, two of them not 0.
    expect("nothing lost", rows, rv_n=11, rv_zero=9, rv=math.log(1.04) ** 2 + math.log(105 / 104) ** 2)
    # Intervals of 10 s but the first: changes 0, 4, 1, 0, 0 with flows 0, 2, -3, 0, 0.
    expect("nothing lost", rows, flow_n=5, flow_x=-1, flow_y=5, flow_xx=13, flow_xy=8 - 3, flow_yy=17)
    # 1 + 1 buys; 1 buy and 1 of the 3 sold; 2 sold: imbalances 1, 0, 1.
    expect("nothing lost", rows, vpin_buckets=3, vpin_imbalance=2)
    rows = replay([*events[:1], (22, "lost_trades"), *events[1:]], **only)
    # The return that ends at 25 s is gone, and the interval 20 .. 30 s. The print of 1 s is no longer in the bucket: 1 + 1 buys, 2 sold.
    expect("lost", rows, rv_n=10, rv_zero=9, rv=math.log(105 / 104) ** 2, rv_bipower=0)
    expect("lost", rows, flow_n=4, flow_x=-3, flow_y=1, flow_xx=9, flow_xy=-3, flow_yy=1)
    expect("lost", rows, vpin_buckets=2, vpin_imbalance=2, n_buys=3, n_sells=1, signed_volume=0, size_max=3)
    # Told in one step, it takes nothing of the next: at the grid instant 30 s the step 30 .. 35 s is gone, not the one that ends there.
    rows = replay([*events[:3], (30, "lost_trades"), (30, "trade", 105.0, 3.0, -1)], **only)
    expect("lost at a grid instant", rows, rv_n=10, rv_zero=9, rv=math.log(1.04) ** 2, flow_n=4, flow_x=2, flow_y=4, flow_xx=4, flow_xy=8, flow_yy=16)
    # In the last step of a minute: the next minute starts whole. 100 at 5 .. 55 s, 104 from 60 s on.
    rows = replay([events[0], (58, "lost_trades"), (58, "trade", 104.0, 1.0, 1)], minutes=2, **only)
    expect("lost at the end", rows, 0, rv_n=10, rv_zero=10, flow_n=4, flow_y=0)
    expect("lost at the end", rows, 1, rv_n=11, rv_zero=11, flow_n=5)  # 104 is stale from 118 s on
    # With a touch: only the interval and the bucket. Mids 100, from 21 s on 101; a depletion is pending over the loss and refilled after it.
    q = lambda t, m: (t, m - 1, 1.0, m + 1, 1.0)  # noqa: E731
    touch = quotes(q(0, 100.0), q(1, 99.0), q(4, 100.0), q(21, 101.0))
    opening = {"touch": ((99.0, 1.0, 101.0, 1.0), at(-1))}
    events = [*touch, (2, "trade", 98.0, 1.0, -1), (22, "trade", 102.0, 1.0, 1), (31, "trade", 102.0, 1.0, 1)]
    rows = replay(events, trades="trades", bucket=2.0, opening=opening)
    # Changes 0, 0, 1, 0, 0, 0 with flows -1, 0, 1, 1, 0, 0.
    expect("with a touch", rows, rv_n=12, rv_zero=11, flow_n=6, flow_x=1, flow_y=1, flow_xx=3, flow_xy=1, flow_yy=1, vpin_buckets=1, vpin_imbalance=0)
    once = replay([(22, "lost_trades"), *events], trades="trades", bucket=2.0, opening=opening)
    lossy = replay([(3, "lost_trades"), (22, "lost_trades"), *events], trades="trades", bucket=2.0, opening=opening)
    # 20 .. 30 s is gone, and the one sold at 2 s is in no bucket: those bought at 22 and 31 s fill one.
    expect("with a touch, lost", once, flow_n=5, flow_x=0, flow_y=0, flow_xx=2, flow_xy=0, flow_yy=0, vpin_buckets=1, vpin_imbalance=1)
    # 0 .. 10 s as well.
    expect("with a touch, lost", lossy, flow_n=4, flow_x=1, flow_y=0, flow_xx=1, flow_xy=0, flow_yy=0, vpin_buckets=1, vpin_imbalance=1)
    # Bid 99 -> 98 at 1 s, back at 4 s, over the loss at 3 s; ask 100 -> 101 at 4 s, given up; ask 101 -> 102 at 21 s.
    expect("with a touch, lost", lossy, rv_n=12, rv_zero=11, rv=math.log(1.01) ** 2, quote_coverage=1, n_depletions=3, n_refills=1, refill_secs=3)
    for name in mr.TOUCH_COLUMNS + mr.PRICE_COLUMNS:
        check(f"lost trades leave {name}", lossy[name][0], rows[name][0], 0)


def lost_book():
    """A lake whose quotes, books and trades meet a lost book; by hand."""
    day, before = mr.lakefiles.day_of(START), mr.lakefiles.day_of(START - 1)

    class Fake:
        venue, market = "binance", "um"

        def __init__(self, **days):
            self.days = {(name, date): rows for name, held in days.items() for date, rows in held.items()}

        def has(self, dataset, date):
            return (dataset, date) in self.days

        def rows(self, dataset, date, names):
            for row in self.days.get((dataset, date), []):
                if not row.get("late"):
                    yield tuple(row.get(n) for n in names)

        def last_row(self, dataset, date, names):
            return list(self.rows(dataset, date, names))[-1:]

    def message(t, number, levels, is_snapshot=False, prev=None):
        fields = {"ts_event": at(t), "msg_seq": 2 * number + (not is_snapshot), "is_snapshot": is_snapshot, "first_id": number, "last_id": number}
        rows = [{**fields, "side": s, "price": p, "qty": q, "prev_id": prev, "msg_end": False} for s, p, q in levels]
        rows[-1]["msg_end"] = True
        return rows

    def quote(t, number, bid, ask):
        return {"ts_event": at(t), "update_id": number, "bid_px": bid, "bid_qty": 1.0, "ask_px": ask, "ask_qty": 1.0}

    def trade(t, number, sign, qty=1.0, **more):
        return {"ts_event": at(t), "trade_id": number, "price": 100.0, "qty": qty, "aggressor": sign, **more}

    def rows_of(**days):
        args = argparse.Namespace(vpin_bucket=2.0, vpin_share=None, stale_after_ms=60_000, watermark_ms=250, lag=[])
        return mr.compute(Fake(**days), day, args).rows

    image = [(1, 99.0, 1.0), (1, 98.0, 5.0), (-1, 101.0, 1.0)]
    book = [
        *message(0, 10, image, True),
        *message(10, 11, [(1, 99.0, 3.0)], prev=10),
        # Lost at 22 s. What follows before the image only counts as an update, whatever its ids are.
        *message(22, 20, [(1, 99.0, 0.0)], True),
        *message(23, 30, [(1, 98.5, 7.0)], prev=29),
        *message(32, 40, [(1, 99.0, 3.0), (-1, 101.0, 1.0)], True),
        *message(40, 41, [(1, 99.0, 4.0)], prev=40),
    ]
    # The print at the place of the loss ranks before it: its bucket is lost with it. What is bought at 33 and 41 s fills one.
    prints = [trade(1, 1, -1, 1.5), trade(22, 2, 1, 0.25), trade(33, 3, 1), trade(41, 4, 1)]
    rows = rows_of(l2_deltas={day: book}, trades={day: prints})
    # In force 0 .. 22 s and from 32 s on.
    expect("lost book", rows, n_book_updates=5, book_coverage=50 / 60, quote_coverage=50 / 60, book_age=20, quote_age=20)
    # First levels at 0 (new), 10 s (3 for 1), 32 s (as it was at 22 s: no event), 40 s.
    expect("lost book", rows, n_quotes=3, ofi=2 + 1, ofi_events=2, mlofi_01=3, mlofi_02=None, book_added_bid=3, book_removed_bid=0)
    expect("lost book", rows, depth_bid_tw=(10 * 6 + 12 * 8 + 8 * 3 + 20 * 4) / 50, depth_bid_close=4, mid_low=100, mid_high=100)
    expect("lost book", rows, vpin_buckets=1, vpin_imbalance=1, n_buys=3, n_sells=1)
    # No price at 0, 25, 30 s: returns end at 10, 15, 20 s (5 s has none before it: the price at 0 is of the opening) and at 40 .. 60 s.
    # Intervals with both ends and no gap: 10 .. 20, 40 .. 50, 50 .. 60 s.
    expect("lost book", rows, rv_n=3 + 5, rv_zero=8, flow_n=3, flow_x=1, flow_y=0)
    # The touch from quotes: one of the same time and a lower id is ended by the loss, one of the same id comes after it and stays.
    ticker = [quote(0, 10, 99.0, 101.0), quote(22, 19, 98.0, 101.0), quote(22, 20, 97.0, 101.0), quote(30, 35, 98.0, 101.0)]
    rows = rows_of(l2_deltas={day: book}, book_ticker={day: ticker}, trades={day: prints})
    # e_n: the fall at 22 s has a before (-1), the quote of id 20 has none, the rise at 30 s adds 1.
    expect("lost book, quotes", rows, n_quotes=4, ofi=-1 + 1, ofi_events=2, quote_coverage=1, spread_tw=(22 * 2 + 8 * 4 + 30 * 3) / 60)
    # The depletion of the first fall is gone with the gap; that of id 20 has no before.
    expect("lost book, quotes", rows, n_depletions=1, n_refills=0, n_book_updates=5, mlofi_01=3)
    rows = rows_of(l2_deltas={day: book}, book_ticker={day: ticker[:2]})
    expect("lost book, nothing after", rows, quote_coverage=22 / 60, mid_close=None, quote_age=None, is_stale=1, flow_n=None)
    # Void over the end of the day before: no book, no touch, and no quote that is older than the loss.
    early = [*message(-50, 5, image, True), *message(-20, 6, [(1, 99.0, 0.0)], True), *message(-10, 7, [(1, 99.0, 1.0)], prev=6)]
    late_book = message(30, 8, [(1, 98.5, 1.0)], prev=7)
    rows = rows_of(l2_deltas={before: early, day: late_book})
    expect("lost the day before", rows, n_book_updates=1, book_coverage=0, quote_coverage=0, n_quotes=0, mlofi_01=None, mid_open=None)
    for t, number, opened in ((-21, 5, None), (-20, 5, None), (-20, 6, 100), (-5, 7, 100)):
        rows = rows_of(l2_deltas={before: early, day: late_book}, book_ticker={before: [quote(t, number, 99.0, 101.0)], day: []})
        expect(f"opening quote at {t} s", rows, mid_open=opened)
    rows = rows_of(l2_deltas={before: early[:3], day: late_book}, book_ticker={before: [quote(-21, 5, 99.0, 101.0)], day: []})
    # The book is stale from 10 s on; the chain breaks at 30 s (8 does not follow 5), which ends the quote.
    expect("not lost", rows, mid_open=100, book_coverage=10 / 60, quote_coverage=0.5)
    # An image of nothing is a gap also where nothing is known, and takes the bucket: 1.5 sold at 1 s.
    rows = rows_of(l2_deltas={day: message(5, 9, [(-1, 101.0, 0.0)], True)}, trades={day: [trade(1, 1, -1, 1.5), trade(6, 2, 1, 0.5)]})
    expect("lost unknown", rows, n_book_updates=0, vpin_buckets=0, n_quotes=0)
    # Lost trades are told by ids of rows that are not late: 2 to 5 came late, so 1 -> 7 leaves out five, and 1 -> 6 four.
    prints = [trade(1, 1, -1, 1.5), *(trade(2, i, 1, 0.5, late=True) for i in (2, 3, 4, 5)), trade(12, 7, 1), trade(13, 8, 1)]
    full = rows_of(trades={day: [*prints[:-2], trade(11, 6, -1, 0.25), *prints[-2:]]})
    lossy = rows_of(trades={day: prints})
    # 1.5 sold, 0.25 sold, 0.25 of what is bought at 12 s: 1 bucket of imbalance 1.5 / 2; the rest is 1.75 in the next.
    expect("4 left out", full, vpin_buckets=1, vpin_imbalance=0.75, flow_n=5, n_sells=2)
    expect("5 left out", lossy, vpin_buckets=1, vpin_imbalance=1, flow_n=5 - 1, n_sells=1, n_buys=2, rv_n=11 - 1)
    # The same for aggregates; other venues do not number one by one.
    check("aggregates", rows_of(agg_trades={day: prints})["rv_n"][0], 10)
    with_venue = Fake(trades={day: prints})
    with_venue.venue = "okx"
    args = argparse.Namespace(vpin_bucket=2.0, vpin_share=None, stale_after_ms=60_000, watermark_ms=250, lag=[])
    check("another venue", mr.compute(with_venue, day, args).rows["rv_n"][0], 11)


# ---- other ways to the same numbers --------------------------------------------------------------------------------


def sampled():
    """Random quotes and books on whole 10 ms: time-weighted means against the plain mean of samples, touch of the book against its first rank."""
    r = random.Random(5)
    minutes, stale = 3, 12
    events, t = [], 0
    while t < minutes * 6000 - 100:
        t += r.choice([1, 3, 20, 100, 300, 2000])
        base = 100 + r.randrange(5)
        bids = tuple((float(base - i), float(r.randrange(1, 9))) for i in range(r.choice([0, 1, 3, 12, 12, 12]))[:10])
        asks = tuple((float(base + r.choice([0, 1, 1, 2, 3]) + i), float(r.randrange(1, 9))) for i in range(12))[:10]
        events.append((t / 100, "gap") if r.random() < 0.05 else (t / 100, "book_message", bids, asks, r.random() < 0.1))
    rows = replay(events, minutes, stale, quotes="l2_deltas", book="l2_deltas")
    state, last, i = None, -math.inf, 0
    samples = [[] for _ in range(minutes)]
    for n in range(minutes * 6000):
        while i < len(events) and round(events[i][0] * 100) <= n:
            if events[i][1] == "gap":
                state = None
            else:
                bids, asks = events[i][2:4]
                state, last = ((bids, asks) if bids and asks[0][0] > bids[0][0] else None), n
            i += 1
        if state and n - last < stale * 100:
            samples[n // 6000].append(state)
    for minute, held in enumerate(samples):
        n = len(held)
        assert n
        mean = lambda f: sum(map(f, held)) / n  # noqa: B023, E731
        want = {
            "quote_coverage": n / 6000,
            "book_coverage": n / 6000,
            "spread_tw": mean(lambda s: s[1][0][0] - s[0][0][0]),
            "imbalance_tw": mean(lambda s: s[0][0][1] / (s[0][0][1] + s[1][0][1])),
            "depth_bid_tw": mean(lambda s: sum(q for _, q in s[0])),
            "depth_ask_tw": mean(lambda s: sum(q for _, q in s[1])),
        }
        for name, x in want.items():
            check(f"sampled {name} of minute {minute}", rows[name][minute], x, 1e-9)
        check("touch of the book and its first rank", rows["ofi"][minute], rows["mlofi_01"][minute], 1e-9)
    assert sum(rows["ofi_events"]) > 10, rows["ofi_events"]


def own_lake():
    """A small lake written here: what is read, what is left out, and that the comparison can fail."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ts = pa.timestamp("us", tz="UTC")
    day, before = mr.lakefiles.day_of(START), mr.lakefiles.day_of(START - 1)

    with tempfile.TemporaryDirectory() as tmp:
        root = pathlib.Path(tmp)

        def write(kind, name, days, entry=None):
            folder = root / kind / "binance/um/BTCUSDT" / name
            parts = []
            for date, columns in days.items():
                table = pa.table({k: pa.array(v, ts) if k.startswith("ts_") else pa.array(v) for k, v in columns.items()})
                (folder / f"date={date}").mkdir(parents=True, exist_ok=True)
                pq.write_table(table, folder / f"date={date}" / "part-000.parquet")
                parts.append({"date": date, "file": "part-000.parquet", "rows": table.num_rows, **(entry or {})})
            (folder / "manifest.json").write_text(json.dumps({"partitions": parts}))

        trade = lambda *rows: dict(zip(("ts_event", "price", "qty", "aggressor", "late"), map(list, zip(*rows))))  # noqa: E731
        write(
            "raw",
            "trades",
            {
                before: trade((at(-20), 100.0, 1.0, 1, None)),
                day: trade((at(1), 101.0, 2.0, 1, None), (at(2), 500.0, 9.0, 1, True), (at(3), 102.0, 1.0, -1, False)),
            },
        )
        kline = lambda t, close: {"ts_open": [at(t)], "ts_close": [at(t + 60)], "close": [close]}  # noqa: E731
        write("raw", "mark_klines", {before: kline(-60, 99.0), day: kline(60, 103.0)})
        write("raw", "metrics", {before: {"ts_event": [at(-299), at(-301)], "open_interest": [6.0, 5.0]}})
        # The file that a replaced partition left behind is not listed and not read.
        (root / "raw/binance/um/BTCUSDT/trades" / f"date={day}" / "part-001.parquet").write_bytes(b"no parquet")
        bars = {"ts_open": [at(60 * i) for i in range(1440)]}
        write("bars", "abc", {day: bars}, {"parameters": {"vpin_bucket": 1.5}})

        def run(*more):
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
                argv, sys.argv = sys.argv, ["minute_rows.py", tmp, "binance:um:BTCUSDT", day, *more]
                try:
                    code = mr.main()
                finally:
                    sys.argv = argv
            return code, out.getvalue()

        result = root / "rows.json"
        code, text = run("--json", str(result))
        check("columns missing", code == 1 and text.count("missing in the bars") == len(mr.COLUMNS), True)
        rows = json.loads(result.read_text())["rows"]
        expect("lake", rows, 0, n_buys=1, n_sells=1, signed_volume=1, vpin_buckets=2, vpin_imbalance=(1.5 + 0.5) / 1.5, rv_n=12, mark=99, liq_buy=None)
        # Known 300 s after its stamp: one before the first close, the other, of -299 s, as well; at 250 ms of watermark.
        expect("lake", rows, 0, open_interest=6, mid_open=None, n_quotes=None, n_book_updates=None)
        expect("lake", rows, 1, mark=103, n_buys=0, rv_n=0)
        types = {"n_buys": pa.int64(), "n_sells": pa.int64()}
        full = {**bars, **{k: pa.array(v, types.get(k, pa.float64())) for k, v in rows.items()}}
        write("bars", "abc", {day: full}, {"parameters": {"vpin_bucket": 1.5}})
        code, text = run()
        check("equal", code == 0 and "FAILED" not in text, True)
        check("another lag", run("--lag", "metrics=420000", "--columns", "open_interest")[0], 1)
        check("another bucket", run("--vpin-bucket", "3", "--columns", "vpin_buckets,n_buys")[0], 1)
        for name, spoil in [
            ("rv", lambda v: [v[0] * (1 + 3e-9), *v[1:]]),
            ("signed_volume", lambda v: [v[0] + 1e-8, *v[1:]]),
            ("mark", lambda v: [*v[:9], None, *v[10:]]),
            ("mid_open", lambda v: [1.0, *v[1:]]),
            ("rv_n", lambda v: [float("nan"), *v[1:]]),
            ("n_buys", lambda v: v[:-1] + [1]),
        ]:
            write("bars", "abc", {day: {**full, name: pa.array(spoil(rows[name]), types.get(name, pa.float64()))}}, {"vpin_bucket": 1.5})
            code, text = run()
            check(f"{name} spoilt", code == 1 and text.count("FAILED ") == 1 and "1 FAILED" in text, True)
        # Within the limit.
        write("bars", "abc", {day: {**full, "rv": pa.array([x * (1 + 3e-10) for x in rows["rv"]])}}, {"vpin_bucket": 1.5})
        check("rv within the limit", run()[0], 0)


def times_of_states():
    """A record known exactly at close + watermark is in the row, a microsecond later it is not."""

    class Fake:
        def has(self, dataset, day):
            return dataset == "funding"

        def rows(self, dataset, day, names):
            return [(at(60), 1e-4, 8)] if dataset == "funding" else []

    for lag, inside in ((250, True), (251, False), (0, True)):
        args = argparse.Namespace(lag=[("funding", lag)], watermark_ms=250)
        ((t, values),) = mr.states(Fake(), ["day"], args)
        check(f"lag {lag} ms", t < at(60), inside)


def main():
    for test in (wrong_variants, touch, depletion, book, trades, prices, slow, lost_trades, lost_book, sampled, times_of_states, own_lake):
        test()
    if mr.page_columns() != mr.COLUMNS and sorted(mr.page_columns()) != sorted(mr.COLUMNS):
        raise SystemExit("SELF-TEST FAILED: columns of the page")
    print(f"self-test of the minute rows: {CHECKS} checks, {len(mr.COLUMNS)} columns, ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
