"""Reads recordings and captures of websocket frames by the venues' documented rules, for the other oracles.

Kinds: `um`, `cm`, `spot` (Binance, lines `<recv ns or us> <json>`, gz), `bybit`, `okx` (captures, one JSON per line with
`t` = header, http, connect, send, recv; zst or gz) and `hyperliquid` (lines as Binance's). Shares no code with the program.
"""

import io
import json
import zlib
from collections import Counter, namedtuple
from decimal import Decimal

# One message of a book that is used: an image or a change. `levels` are (price text, quantity text).
# `lost` is the row of a book that was lost: a snapshot of one level without quantity.
Message = namedtuple(
    "Message", "ts_event ts_recv is_snapshot bids asks first_id last_id prev_id line extra lost", defaults=[False]
)
WATERMARK_US = 250_000

TRADES = ["ts_event", "ts_recv", "trade_id", "price", "qty", "qty_raw", "aggressor"]
AGG_TRADES = TRADES + ["first_id", "last_id"]
BOOK_TICKER = [
    "ts_event",
    "ts_recv",
    "ts_gateway",
    "ts_inferred",
    "update_id",
    "bid_px",
    "bid_qty",
    "ask_px",
    "ask_qty",
]
L2_DELTAS = ["ts_event", "ts_recv", "is_snapshot", "side", "price", "qty", "first_id", "last_id", "prev_id"]
KLINES = [
    "ts_open",
    "ts_close",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "n_trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
]
EXCHANGE = {"um": "binance", "cm": "binance", "spot": "binance"}


def inflate(path):
    """Yields the bytes of all gzip members in turn, of a last one that is cut off as far as it goes; then whether it was cut."""
    with open(path, "rb") as source:
        member, begun = zlib.decompressobj(31), False
        while data := source.read(1 << 20):
            while data:
                begun = True
                yield member.decompress(data)
                data = member.unused_data
                if member.eof:
                    member, begun = zlib.decompressobj(31), False
        yield member.flush()
    yield begun


def lines(path):
    """Yields lines; if the last gzip member was cut off, without the half line before the cut."""
    if str(path).endswith(".zst"):
        import zstandard

        with open(path, "rb") as source:
            yield from io.TextIOWrapper(
                zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True), "utf-8"
            )
        return
    rest = b""
    for block in inflate(path):
        if isinstance(block, bool):
            if block:
                print(f"note: {path}: the last gzip member is cut off, after {len(rest)} bytes of a half line")
            elif rest:
                yield rest.decode()
            return
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line.decode()


def seconds_us(text):
    """`1786310819.5264041` as microseconds, cut, without a float in between."""
    return int(Decimal(text) * 1_000_000)


def frames(kind, paths):
    """Yields (line number, receive time in us, connection, frame); where a connection begins, a frame of None."""
    for path in paths:
        for number, line in enumerate(lines(path), 1):
            if kind in ("bybit", "okx"):
                entry = json.loads(line, parse_float=str)
                if entry["t"] == "connect":
                    yield number, None, entry["conn"], None
                elif entry["t"] == "recv" and entry["data"] != "pong":
                    yield number, seconds_us(entry["ts"]), entry["conn"], json.loads(entry["data"])
            else:
                stamp, text = line.split(" ", 1)
                recv = int(stamp) // 1000 if len(stamp) >= 19 else int(stamp)
                yield number, recv, "", json.loads(text)


def connections(kind, paths):
    """Connection -> address, from a capture's `connect` lines."""
    found = {}
    if kind in ("bybit", "okx"):
        for path in paths:
            for line in lines(path):
                entry = json.loads(line)
                if entry["t"] == "connect":
                    found[entry["conn"]] = entry["addr"]
    return found


def okx_terms(paths, symbol):
    """(contract value or None, is inverse) from the instruments inside the capture."""
    for path in paths:
        for line in lines(path):
            entry = json.loads(line)
            if entry["t"] == "http":
                for terms in json.loads(entry["data"]).get("data", []):
                    if terms["instId"] == symbol:
                        value = Decimal(terms["ctVal"]) * Decimal(terms["ctMult"] or 1) if terms["ctVal"] else None
                        return value, terms["ctType"] == "inverse"
    return None, False


def base(size, price, value, inverse):
    """(base quantity, quantity as sent or None) of a size in contracts or coins."""
    if value is None:
        return size, None
    return (size * value / price if inverse else size * value), size


def after(levels, bids, asks):
    """Changes both sides of a book, price -> (price text, quantity text)."""
    for side, changes in zip(levels, (bids, asks)):
        for level in changes:
            price = Decimal(level[0])
            if Decimal(level[1]):
                side[price] = (level[0], level[1])
            else:
                side.pop(price, None)
    return levels


def crc32(levels):
    """The checksum of a book by OKX: of `bid:size:ask:size:...`, the best 25 of each side, in the texts as sent."""
    bids, asks = (
        [side[p] for p in sorted(side, reverse=reverse)[:25]] for side, reverse in zip(levels, (True, False))
    )
    parts = []
    for i in range(25):
        parts += [*bids[i]] if i < len(bids) else []
        parts += [*asks[i]] if i < len(asks) else []
    value = zlib.crc32(":".join(parts).encode())
    return value - 2**32 if value >= 2**31 else value


def quoted(px, qty):
    """One side of a quote: price 0, quantity 0 or both say that nothing rests there."""
    px, qty = Decimal(px), Decimal(qty)
    return (px, qty) if px and qty else (Decimal(0), Decimal(0))


class Reader:
    """One pass over a recording: rows per dataset, and the messages of the book that the sync rule lets through."""

    def __init__(self, kind, paths, symbol, market=None, value=None, inverse=False):
        self.kind, self.symbol, self.market = kind, symbol, market
        self.value, self.inverse = value, inverse
        self.trades, self.agg_trades, self.book_ticker, self.klines, self.messages = [], [], [], [], []
        self.count = Counter()
        # Sync state of the book: id of the last message used, frames waiting for a snapshot.
        self.last, self.waiting, self.venue_time, self.seq = None, [], None, None
        self.tickers_before_time = 0
        # The book as used so far, its newest time, that of all streams, that of the last lost book, and its connection.
        self.levels, self.newest_book, self.newest, self.floor, self.book_conn = ({}, {}), 0, 0, 0, None
        addresses = connections(kind, paths)
        for number, recv, conn, frame in frames(kind, paths):
            if frame is None:
                if conn == self.book_conn:
                    self.reconnected(number)
                continue
            self.conn = conn
            self.count["frames"] += 1
            if kind == "bybit":
                if market and not addresses.get(conn, market).endswith(market):
                    continue
                self.bybit(number, recv, frame)
            elif kind == "okx":
                self.okx(number, recv, frame)
            elif kind == "hyperliquid":
                self.hyperliquid(number, recv, frame)
            else:
                self.binance(number, recv, frame)
        self.count["messages waiting at the end"] = len(self.waiting)

    def use(self, m):
        """Takes a message into the book; behind the row of a book lost before it."""
        self.seen(m.ts_event)
        self.newest_book = max(self.newest_book, m.ts_event)
        self.messages.append(m._replace(ts_event=max(m.ts_event, self.floor)))
        self.levels = after(({}, {}) if m.is_snapshot else self.levels, m.bids, m.asks)

    def seen(self, ts):
        self.newest = max(self.newest, ts)

    def lose(self, ts, recv, last_id, number):
        """The book is lost: one row, unless it was empty. Without a time it is the newest of all streams."""
        bids, asks = self.levels
        self.levels = ({}, {})
        if not bids and not asks:
            return
        at = max(self.newest if ts is None else ts, self.newest_book, self.newest - WATERMARK_US)
        self.floor = at
        bid, ask = [(bids[max(bids)][0], "0")] if bids else [], [] if bids else [(asks[min(asks)][0], "0")]
        self.messages.append(Message(at, recv, True, bid, ask, last_id, last_id, None, number, None, True))
        self.count["lost books"] += 1

    def reconnected(self, number):
        """The connection of the book begins again."""
        if not self.messages or self.messages[-1].lost:
            return
        self.lose(None, None, self.messages[-1].last_id, number)
        self.last, self.book_conn = None, None
        if self.kind == "okx":
            self.seq = "lost"

    def deltas(self):
        """The rows of l2_deltas: one per level."""
        for m in self.messages:
            for side, levels in ((1, m.bids), (-1, m.asks)):
                for level in levels:
                    price, qty = Decimal(level[0]), Decimal(level[1])
                    yield (
                        m.ts_event,
                        m.ts_recv,
                        m.is_snapshot,
                        side,
                        price,
                        base(qty, price, self.value, self.inverse)[0],
                        m.first_id,
                        m.last_id,
                        m.prev_id,
                    )

    # Binance: spec 3.2 and 3.3.

    def binance(self, number, recv, frame):
        if "lastUpdateId" in frame:
            return self.rest_snapshot(number, recv, frame)
        data = frame.get("data", frame)
        if data.get("s", "").upper() != self.symbol.upper():
            self.count["frames of other symbols"] += 1
            return
        stream = frame.get("stream", "").split("@")[-1] if "stream" in frame else ""
        kind = data.get("e") or ("bookTicker" if stream == "bookTicker" else "?")
        at = data.get("T", data.get("E"))
        if kind == "bookTicker":
            self.count["bookTicker"] += 1
            inferred = at is None
            if inferred:
                at = self.venue_time
            if at is None:
                self.tickers_before_time += 1
            else:
                gateway = None if inferred or "E" not in data else data["E"] * 1000
                self.book_ticker.append(
                    (
                        at * 1000,
                        recv,
                        gateway,
                        inferred,
                        data["u"],
                        *quoted(data["b"], data["B"]),
                        *quoted(data["a"], data["A"]),
                    )
                )
        elif kind in ("trade", "aggTrade"):
            self.count[kind] += 1
            if data.get("X", "MARKET") != "MARKET":
                self.count[f"trade with X {data['X']}"] += 1
            price, size = Decimal(data["p"]), Decimal(data["q"])
            qty, raw = base(size, price, self.value, self.inverse)
            row = (
                data["T"] * 1000,
                recv,
                data["t" if kind == "trade" else "a"],
                price,
                qty,
                raw,
                -1 if data["m"] else 1,
            )
            if kind == "trade":
                self.trades.append(row)
            else:
                self.agg_trades.append(row + (data["f"], data["l"]))
        elif kind == "kline":
            self.count["kline"] += 1
            k = data["k"]
            if k["x"] and k["i"] == "1m":
                self.klines.append(
                    (
                        k["t"] * 1000,
                        (k["T"] + 1) * 1000,
                        *(Decimal(k[c]) for c in "ohlcv"),
                        Decimal(k["q"]),
                        k["n"],
                        Decimal(k["V"]),
                        Decimal(k["Q"]),
                    )
                )
        elif kind == "depthUpdate":
            self.count["depth"] += 1
            message = Message(
                at * 1000, recv, False, data["b"], data["a"], data["U"], data["u"], data.get("pu"), number, None
            )
            if self.last is None:
                self.waiting.append(message)
            else:
                self.chain(message)
        else:
            self.count[f"unused {kind}"] += 1
        if at is not None and kind in ("trade", "aggTrade", "bookTicker", "depthUpdate"):
            self.seen(at * 1000)
        if "E" in data:
            # The newest one: streams of one connection run a millisecond or two apart, and quotes are in order.
            self.venue_time = max(self.venue_time or 0, data["E"])

    def rest_snapshot(self, number, recv, frame):
        self.count["REST snapshots"] += 1
        if self.last is not None:
            self.count["REST snapshots while in sync"] += 1
            return
        futures = self.market != "spot"
        at = frame.get("T", frame.get("E", self.venue_time))
        base_id = frame["lastUpdateId"]
        keep = [m for m in self.waiting if (m.last_id >= base_id if futures else m.last_id > base_id)]
        self.count["dropped before snapshot"] += len(self.waiting) - len(keep)
        self.waiting = []
        # Not after the first update that follows it.
        at = min([at * 1000] + [m.ts_event for m in keep[:1]])
        self.use(Message(at, recv, True, frame["bids"], frame["asks"], base_id, base_id, None, number, None))
        self.count["images"] += 1
        self.snapshot_id, self.last = base_id, base_id
        self.first = True
        for message in keep:
            if self.last is not None:
                self.chain(message)
            else:
                self.waiting.append(message)

    def chain(self, m):
        futures = self.market != "spot"
        if self.first:
            want = self.snapshot_id if futures else self.snapshot_id + 1
            # Frames older than the snapshot may also arrive after it.
            if m.last_id < want:
                self.count["dropped before snapshot"] += 1
                return
            fits = m.first_id <= want <= m.last_id
        elif m.last_id <= self.last and m.ts_event <= self.messages[-1].ts_event:
            # Another connection or file told it before.
            self.count["repeated"] += 1
            return
        else:
            fits = m.prev_id == self.last if futures else m.first_id == self.last + 1
        if not fits:
            self.count["chain breaks"] += 1
            if self.count["chain breaks"] <= 3:
                print(
                    f"chain break at line {m.line}: U={m.first_id} u={m.last_id} pu={m.prev_id}, last used {self.last}"
                )
            self.lose(m.ts_event, m.ts_recv, m.last_id, m.line)
            self.last, self.waiting = None, [m]
            return
        self.first, self.last = False, m.last_id
        self.count["applied"] += 1
        self.use(m)

    # Bybit: spec 6 and 7.

    def bybit(self, number, recv, frame):
        topic = frame.get("topic", "")
        name, _, symbol = topic.rpartition(".")
        if symbol != self.symbol:
            return
        data = frame["data"]
        if name == "publicTrade":
            self.count["publicTrade frames"] += 1
            for t in data:
                price, size = Decimal(t["p"]), Decimal(t["v"])
                qty, raw = (size / price, size) if self.market == "inverse" else (size, None)
                self.seen(t["T"] * 1000)
                self.trades.append((t["T"] * 1000, recv, None, price, qty, raw, 1 if t["S"] == "Buy" else -1))
        elif name == "kline.1":
            for k in data:
                self.count["kline"] += 1
                if k["confirm"]:
                    self.klines.append(
                        (
                            k["start"] * 1000,
                            (k["end"] + 1) * 1000,
                            *(Decimal(k[c]) for c in ("open", "high", "low", "close", "volume", "turnover")),
                            None,
                            None,
                            None,
                        )
                    )
        elif name.startswith("orderbook."):
            self.bybit_book(number, recv, frame)

    def bybit_book(self, number, recv, frame):
        data = frame["data"]
        self.count["depth"] += 1
        if "cts" not in frame:
            self.count["depth without cts"] += 1
        image = frame["type"] == "snapshot" or data["u"] == 1
        if self.seq is not None and data["seq"] < self.seq:
            self.count["seq back"] += 1
        self.seq = data["seq"]
        if image:
            self.count["images"] += 1
        elif self.last is None:
            self.count["dropped before snapshot"] += 1
            return
        elif data["u"] != self.last + 1:
            self.count["chain breaks"] += 1
            self.last = None
            self.lose(frame.get("cts", frame["ts"]) * 1000, recv, data["u"], number)
            return
        else:
            self.count["applied"] += 1
        self.last, self.book_conn = data["u"], self.conn
        at = frame.get("cts", frame["ts"]) * 1000
        self.use(
            Message(at, recv, image, data["b"], data["a"], data["u"], data["u"], None, number, data["seq"])
        )

    # OKX: spec 5.

    def okx(self, number, recv, frame):
        if frame.get("arg", {}).get("instId") != self.symbol or "data" not in frame:
            return
        channel = frame["arg"]["channel"]
        if channel in ("trades", "trades-all"):
            self.count["trades frames"] += 1
            for t in frame["data"]:
                price = Decimal(t["px"])
                qty, raw = base(Decimal(t["sz"]), price, self.value, self.inverse)
                side = 1 if t["side"].lower() == "buy" else -1
                self.seen(int(t["ts"]) * 1000)
                self.trades.append((int(t["ts"]) * 1000, recv, int(t["tradeId"]), price, qty, raw, side))
        elif channel == "books":
            for data in frame["data"]:
                self.okx_book(number, recv, frame["action"], data)

    def okx_book(self, number, recv, action, data):
        self.count["depth"] += 1
        image, seq, prev = action == "snapshot", data.get("seqId"), data.get("prevSeqId")
        if image:
            self.count["images"] += 1
        elif not self.messages or self.seq == "lost":
            self.count["dropped before snapshot"] += 1
            return
        elif seq is not None and prev == seq and not data["asks"] and not data["bids"]:
            self.count["keep-alives"] += 1
            return
        elif seq is not None and prev != self.seq and seq >= prev:
            self.count["chain breaks"] += 1
            self.seq = "lost"
            self.lose(int(data["ts"]) * 1000, recv, seq, number)
            return
        elif seq is None and data.get("checksum") and crc32(
            after(tuple(dict(side) for side in self.levels), data["bids"], data["asks"])
        ) != int(data["checksum"]):
            self.count["chain breaks"] += 1
            self.seq = "lost"
            # Without ids of the venue the lake has its own.
            self.lose(int(data["ts"]) * 1000, recv, seq, number)
            return
        else:
            self.count["applied"] += 1
        self.seq, self.book_conn = seq, self.conn
        self.use(
            Message(
                int(data["ts"]) * 1000,
                recv,
                image,
                data["bids"],
                data["asks"],
                seq,
                seq,
                None if image else prev,
                number,
                data.get("checksum"),
            )
        )

    # Hyperliquid: spec 9; every book is a whole image.

    def hyperliquid(self, number, recv, frame):
        data = frame["data"]
        if frame["channel"] == "trades":
            for t in data:
                if t["coin"] == self.symbol:
                    self.count["trades in frames"] += 1
                    self.trades.append(
                        (
                            t["time"] * 1000,
                            recv,
                            t["tid"],
                            Decimal(t["px"]),
                            Decimal(t["sz"]),
                            None,
                            1 if t["side"] == "B" else -1,
                        )
                    )
        elif frame["channel"] == "l2Book" and data["coin"] == self.symbol:
            self.count["images"] += 1
            bids, asks = ([(x["px"], x["sz"]) for x in side] for side in data["levels"])
            before = self.messages[-1] if self.messages else None
            if before and (before.ts_event, before.bids, before.asks) == (data["time"] * 1000, bids, asks):
                self.count["images sent twice"] += 1
                return
            self.use(
                Message(data["time"] * 1000, recv, True, bids, asks, data["time"], data["time"], None, number, None)
            )
