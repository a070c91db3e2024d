#!/usr/bin/env python3
"""Rebuilds order books from a running mock exchange by each venue's documented rule, with none of the project's code.

    mock_book.py URL [--book um:BTCUSDT] [--book spot:BTCUSDT] [--book okx:BTC-USDT-SWAP] [--book bybit:BTCUSDT] [--frames N]

URL is what `quant mock-exchange` printed (http://127.0.0.1:PORT). For every book it prints the frames applied, breaks of
the chain of ids, crossed books, resyncs and, at the end, how far the book is from a fresh snapshot (Binance). Exit code 1 on
a break, a crossed book or a difference that no fault fired by the mock (GET /_mock/status) explains, or without frames.
On Binance sockets the breaks of the chain of ids are compared with the fired faults one socket at a time: a gap or a duplicate
must be seen once, a swap of neighbours three times, everything else not at all.

Needs: websockets (PyPI). Rules: Binance "How to manage a local order book correctly" (spot and USD-M), OKX v5 `books`,
Bybit v5 `orderbook`.
"""

import argparse
import asyncio
import json
import sys
import urllib.request
from decimal import Decimal

import websockets

EXPLAINS = {"gap", "disconnect", "duplicate", "reorder", "late_snapshot", "silent", "freeze", "half_open"}


class Book:
    """Levels by price text value; a quantity is absolute, zero removes."""

    def __init__(self):
        self.bids, self.asks = {}, {}

    @staticmethod
    def put(side, levels):
        for level in levels:
            price, qty = Decimal(level[0]), Decimal(level[1])
            if qty == 0:
                side.pop(price, None)
            else:
                side[price] = qty

    def change(self, bids, asks):
        self.put(self.bids, bids)
        self.put(self.asks, asks)

    def replace(self, bids, asks):
        self.bids, self.asks = {}, {}
        self.change(bids, asks)

    def best(self):
        return (max(self.bids) if self.bids else None, min(self.asks) if self.asks else None)

    def crossed(self):
        bid, ask = self.best()
        return bid is not None and ask is not None and bid >= ask

    def top(self, n):
        return (
            [(p, self.bids[p]) for p in sorted(self.bids, reverse=True)[:n]],
            [(p, self.asks[p]) for p in sorted(self.asks)[:n]],
        )


class Chain:
    """The ids of one connection from its first frame on, synced or not."""

    def __init__(self, ws, is_um):
        self.socket = int(ws.response.headers["x-mock-socket"])
        self.is_um, self.last, self.breaks, self.last_ms = is_um, None, 0, 0

    def take(self, event):
        if self.last is not None:
            self.breaks += event["pu"] != self.last if self.is_um else event["U"] != self.last + 1
        self.last, self.last_ms = event["u"], max(self.last_ms, event["E"])

    def expected(self, fired):
        """Fewest and most breaks that the faults fired on this socket make in the frames received."""
        makes = {"gap": 1, "duplicate": 1, "reorder": 3, "silent": 1}
        mine = [f for f in fired if f["socket"] == self.socket]
        mine = [f for f in mine if makes.get(f["kind"])]
        # Faults on neighbouring frames may share a break: a gap before a swap, or two gaps in a row.
        near = sum(
            b["ordinal"] - a["ordinal"] <= 4 or b["ts_us"] - a["ts_us"] <= 400_000
            for a, b in zip(mine, mine[1:])
        )
        least = -near + sum(makes.get(f["kind"], 0) for f in mine if f["ts_us"] // 1000 < self.last_ms - 1000)
        most = sum(makes.get(f["kind"], 0) for f in mine if f["ts_us"] // 1000 <= self.last_ms)
        return least, most


class Report:
    def __init__(self, name):
        self.name, self.frames, self.breaks, self.crossed = name, 0, 0, 0
        self.resyncs, self.stale, self.reconnects, self.differences, self.notes = 0, 0, 0, 0, []
        self.chains = []

    def line(self):
        return (
            f"{self.name}: frames {self.frames}, breaks {self.breaks}, crossed {self.crossed}, resyncs {self.resyncs}, "
            f"dropped as old {self.stale}, reconnects {self.reconnects}, differences from a snapshot {self.differences}"
            + "".join(f"\n  {note}" for note in self.notes[:10])
        )


def fetch(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.loads(answer.read())


async def rest(url):
    return await asyncio.to_thread(fetch, url)


async def binance(base, market, symbol, want, report):
    """USD-M chains by `pu`; spot by `U == previous u + 1`. Both start from a REST snapshot."""
    ws_base = base.replace("http", "ws", 1)
    is_um = market == "um"
    path = "/public/ws" if is_um else "/ws"
    snapshot_url = f"{base}{'/fapi/v1' if is_um else '/api/v3'}/depth?symbol={symbol}&limit=1000"
    stream = f"{symbol.lower()}@depth@100ms"
    while report.frames < want:
        book, last, buffered, snapshot = Book(), None, [], None
        pending = None
        # A tiny queue keeps the client from hiding a lag of megabytes from the server.
        async with websockets.connect(ws_base + path, max_queue=64, ping_interval=None, max_size=None) as ws:
            chain = Chain(ws, is_um)
            report.chains.append(chain)
            await ws.send(json.dumps({"method": "SUBSCRIBE", "params": [stream], "id": 7}))
            try:
                while report.frames < want:
                    message = json.loads(await asyncio.wait_for(ws.recv(), 20))
                    if "result" in message or "error" in message:
                        if message.get("id") != 7 or message.get("result", 0) is not None:
                            report.notes.append(f"bad acknowledgement {message}")
                            report.breaks += 1
                        continue
                    chain.take(message)
                    if last is None:
                        buffered.append(message)
                        if pending is None:
                            pending = asyncio.create_task(rest(snapshot_url))
                        if not pending.done():
                            # Give the request its turn, then see whether the stream went on.
                            await asyncio.sleep(0)
                            continue
                        snapshot = pending.result()
                        base_id = snapshot["lastUpdateId"]
                        if is_um:
                            buffered = [e for e in buffered if e["u"] >= base_id]
                            fits = bool(buffered) and buffered[0]["U"] <= base_id <= buffered[0]["u"]
                        else:
                            buffered = [e for e in buffered if e["u"] > base_id]
                            fits = bool(buffered) and buffered[0]["U"] <= base_id + 1 <= buffered[0]["u"]
                        if not buffered:
                            continue
                        if not fits:
                            # The snapshot is older than what was buffered first: ask for another one.
                            report.resyncs += 1
                            pending = None
                            continue
                        book.replace(snapshot["bids"], snapshot["asks"])
                        first, rest_of = buffered[0], buffered[1:]
                        book.change(first["b"], first["a"])
                        last = first["u"]
                        report.frames += 1
                        todo, buffered, pending = rest_of, [], None
                    else:
                        todo = [message]
                    for event in todo:
                        chained = event["pu"] == last if is_um else event["U"] == last + 1
                        if not chained:
                            report.breaks += 1
                            report.notes.append(
                                f"break: U={event['U']} u={event['u']} pu={event.get('pu')} after u={last}"
                            )
                            last, buffered, pending = None, [], None
                            report.resyncs += 1
                            break
                        book.change(event["b"], event["a"])
                        last = event["u"]
                        report.frames += 1
                        report.crossed += book.crossed()
            except (websockets.ConnectionClosed, asyncio.TimeoutError) as end:
                report.reconnects += 1
                report.notes.append(f"connection ended: {type(end).__name__} {end}")
                continue
            await compare_binance(ws, snapshot_url, book, last, is_um, report)


async def compare_binance(ws, snapshot_url, book, last, is_um, report):
    """Runs on until a snapshot's id is reached exactly, then the best levels must be equal."""
    for _ in range(50):
        snapshot = await rest(snapshot_url)
        target = snapshot["lastUpdateId"]
        while last is not None and last < target:
            event = json.loads(await asyncio.wait_for(ws.recv(), 20))
            if "u" not in event:
                continue
            chained = event["pu"] == last if is_um else event["U"] == last + 1
            if not chained:
                return
            book.change(event["b"], event["a"])
            last = event["u"]
        if last == target:
            mine = book.top(10)
            theirs = Book()
            theirs.replace(snapshot["bids"], snapshot["asks"])
            if mine != theirs.top(10):
                report.differences += 1
                report.notes.append(f"book differs from the snapshot {target}: {mine} / {theirs.top(10)}")
            return
    report.notes.append("no snapshot met the stream exactly: not compared")


async def okx(base, inst_id, want, report):
    """A snapshot has prevSeqId -1; then prevSeqId must be the last seqId (equal ids: keep-alive)."""
    url = base.replace("http", "ws", 1) + "/ws/v5/public"
    ask = {"op": "subscribe", "args": [{"channel": "books", "instId": inst_id}]}
    while report.frames < want:
        book, last = Book(), None
        async with websockets.connect(url, max_queue=64, ping_interval=None, max_size=None) as ws:
            await ws.send(json.dumps(ask))
            try:
                while report.frames < want:
                    message = json.loads(await asyncio.wait_for(ws.recv(), 40))
                    if message.get("event") == "error":
                        report.breaks += 1
                        report.notes.append(f"refused: {message}")
                        return
                    if "data" not in message:
                        continue
                    data = message["data"][0]
                    if message["action"] == "snapshot":
                        book.replace(data["bids"], data["asks"])
                        if data["prevSeqId"] != -1:
                            report.breaks += 1
                            report.notes.append(f"snapshot with prevSeqId {data['prevSeqId']}")
                        last = data["seqId"]
                    elif last is None:
                        report.stale += 1
                        continue
                    elif data["prevSeqId"] != last:
                        report.breaks += 1
                        report.notes.append(f"break: prevSeqId={data['prevSeqId']} after seqId={last}")
                        report.resyncs += 1
                        last = None
                        await ws.send(json.dumps({**ask, "op": "unsubscribe"}))
                        await ws.send(json.dumps(ask))
                        continue
                    else:
                        book.change(data["bids"], data["asks"])
                        last = data["seqId"]
                    report.frames += 1
                    report.crossed += book.crossed()
            except (websockets.ConnectionClosed, asyncio.TimeoutError) as end:
                report.reconnects += 1
                report.notes.append(f"connection ended: {type(end).__name__} {end}")


async def bybit(base, symbol, want, report):
    """A snapshot replaces the book, at any time; the deltas after it have `u` + 1."""
    url = base.replace("http", "ws", 1) + "/v5/public/linear"
    while report.frames < want:
        book, last = Book(), None
        async with websockets.connect(url, max_queue=64, ping_interval=None, max_size=None) as ws:
            ask = {"req_id": "b", "op": "subscribe", "args": [f"orderbook.50.{symbol}"]}
            await ws.send(json.dumps(ask))
            try:
                while report.frames < want:
                    message = json.loads(await asyncio.wait_for(ws.recv(), 40))
                    if message.get("success") is False:
                        report.breaks += 1
                        report.notes.append(f"refused: {message}")
                        return
                    if "topic" not in message:
                        continue
                    data = message["data"]
                    if message["type"] == "snapshot":
                        book.replace(data["b"], data["a"])
                        last = data["u"]
                    elif last is None:
                        report.stale += 1
                        continue
                    elif data["u"] != last + 1:
                        report.breaks += 1
                        report.notes.append(f"break: u={data['u']} after u={last}")
                        report.resyncs += 1
                        last = None
                        await ws.send(json.dumps({**ask, "op": "unsubscribe"}))
                        await ws.send(json.dumps(ask))
                        continue
                    else:
                        book.change(data["b"], data["a"])
                        last = data["u"]
                    report.frames += 1
                    report.crossed += book.crossed()
            except (websockets.ConnectionClosed, asyncio.TimeoutError) as end:
                report.reconnects += 1
                report.notes.append(f"connection ended: {type(end).__name__} {end}")


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--book", action="append", default=[])
    parser.add_argument("--frames", type=int, default=3000)
    args = parser.parse_args()
    base = args.url.rstrip("/")
    books = args.book or ["um:BTCUSDT", "spot:BTCUSDT"]
    reports, tasks = [], []
    for name in books:
        venue, symbol = name.split(":", 1)
        report = Report(name)
        reports.append(report)
        if venue in ("um", "spot"):
            tasks.append(binance(base, venue, symbol, args.frames, report))
        elif venue == "okx":
            tasks.append(okx(base, symbol, args.frames, report))
        elif venue == "bybit":
            tasks.append(bybit(base, symbol, args.frames, report))
        else:
            parser.error(f"unknown venue {venue!r}; known: um, spot, okx, bybit")
    await asyncio.gather(*tasks)
    status = await rest(base + "/_mock/status")
    for report in reports:
        print(report.line())
    fired = [f for f in status["fired"] if f["kind"] in EXPLAINS]
    print(f"faults fired: {len(status['fired'])}, that can break a book: {len(fired)}")
    breaks = sum(r.breaks for r in reports)
    exact = True
    for report in reports:
        for chain in report.chains:
            least, most = chain.expected(status["fired"])
            fits = least <= chain.breaks <= most
            exact = exact and fits
            plan = str(least) if least == most else f"{least} to {most}"
            print(f"{report.name} socket {chain.socket}: chain breaks {chain.breaks}, planned {plan}{'' if fits else ' DIFFERENT'}")
    # A gap, a reordering or a duplicate breaks the chain at most twice each; anything beyond has no excuse.
    unexplained = max(0, breaks - 2 * len(fired))
    bad = unexplained or not exact or any(r.crossed or r.differences or r.frames < args.frames for r in reports)
    if not fired and any(r.reconnects for r in reports):
        bad = True
    print("NOT ok" if bad else "ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
