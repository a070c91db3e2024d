#!/usr/bin/env python3
"""Plants faults into four order-book streams of a running mock exchange and checks that exactly those are seen.

    mock_faults.py URL      URL is what `quant mock-exchange` printed; start it with --speed max (or at least 100)

Faults are posted to /_mock/faults before the sockets open. The client looks at nothing but the ids of the frames it gets:
a gap breaks the chain and nothing fills it later, a duplicate is an id that was there, a reorder is an id below one that was
there, a disconnect is a closed socket. What it sees must equal the plan and the mock's own record, kind by kind and in place.
Exit 1 otherwise. Needs websockets (PyPI); shares no code with the program.
"""
import asyncio
import json
import sys
import urllib.request
from collections import Counter

import websockets

# name: path, subscribe message, stream as faults match it, frame -> (previous id, id) or None
BOOKS = {
    "binance um": ("/public/ws", {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}, "*/public/*", "btcusdt@depth@100ms",
                   lambda m: (m["pu"], m["u"]) if m.get("e") == "depthUpdate" else None),
    "binance spot": ("/ws", {"method": "SUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 1}, "/ws", "btcusdt@depth@100ms",
                     lambda m: (m["U"] - 1, m["u"]) if m.get("e") == "depthUpdate" else None),
    "okx": ("/ws/v5/public", {"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT-SWAP"}]}, "*", "books:BTC-USDT-SWAP",
            lambda m: (m["data"][0]["prevSeqId"], m["data"][0]["seqId"]) if "data" in m else None),
    "bybit": ("/v5/public/linear", {"op": "subscribe", "args": ["orderbook.50.BTCUSDT"]}, "*", "orderbook.50.BTCUSDT",
              lambda m: (m["data"]["u"] - 1, m["data"]["u"]) if m.get("topic") else None),
}
# (kind, frame, params): far enough apart that each is seen alone
PLAN = [("gap", 100, {"count": 2}), ("duplicate", 200, {}), ("reorder", 300, {}), ("gap", 400, {"count": 1}),
        ("duplicate", 500, {}), ("reorder", 600, {}), ("disconnect", 700, {})]


def call(url, body=None):
    data = None if body is None else body.encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data, method="POST" if data else "GET"), timeout=30) as answer:
        return json.loads(answer.read())


def observe(ids):
    """Returns the kinds of trouble in a list of (previous id, id), in the order in which they end."""
    seen, found, after = set(), [], None
    arrived = [i for _, i in ids]
    for n, (prev, this) in enumerate(ids):
        if this in seen:
            found.append("duplicate")
        elif after is not None and this < after:
            found.append("reorder")
        elif after is not None and prev != after and prev not in seen:
            # A swapped pair looks like a gap until its first half arrives.
            if prev not in arrived[n + 1: n + 2]:
                found.append("gap")
        seen.add(this)
        after = max(after or this, this)
    return found


async def watch(base, name):
    path, ask, _, stream, read = BOOKS[name]
    ids, closed = [], None
    async with websockets.connect(base.replace("http", "ws", 1) + path, max_queue=64, ping_interval=None, max_size=None) as ws:
        await ws.send(json.dumps(ask))
        try:
            while True:
                message = json.loads(await asyncio.wait_for(ws.recv(), 60))
                pair = read(message)
                if pair is not None:
                    ids.append(pair)
        except websockets.ConnectionClosed as end:
            closed = end.rcvd.code if end.rcvd else 1006
    return ids, closed


async def main(base):
    bad = 0
    for name, (path, _, where, stream, _) in BOOKS.items():
        before = len(call(base + "/_mock/status")["fired"])
        faults = [{"kind": kind, "match": {"stream": stream, "path": where}, "at": {"frame": frame}, "times": 1, "params": params}
                  for kind, frame, params in PLAN]
        call(base + "/_mock/faults", json.dumps({"seed": 1, "faults": faults}))
        ids, closed = await watch(base, name)
        seen = observe(ids) + ([] if closed is None else ["disconnect"])
        planned = [kind for kind, _, _ in PLAN]
        fired = [f["kind"] for f in call(base + "/_mock/status")["fired"][before:]]
        # 2 + 1 frames lost to gaps, 2 copies, the last frame not sent.
        frames = PLAN[-1][1] - 1 - 3 + 2
        ok = seen == planned == fired and len(ids) == frames
        bad += not ok
        print(f"{name}: {len(ids)} frames (planned {frames}), seen {dict(Counter(seen))}, planned {dict(Counter(planned))}, "
              f"fired {dict(Counter(fired))}, close code {closed}: {'ok' if ok else 'DIFFERENT'}")
        if not ok:
            print("  seen   ", seen, "\n  planned", planned, "\n  fired  ", fired)
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(asyncio.run(main(sys.argv[1].rstrip("/"))))
