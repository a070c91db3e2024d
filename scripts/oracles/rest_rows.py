#!/usr/bin/env python3
"""REST history of a running mock exchange, asked for and read by the venues' documents, against what the lake holds.

    rest_rows.py URL VENUE MARKET SYMBOL --lake LAKE --start DAY --end DAY [--datasets a,b]

VENUE: binance (um, spot), okx, deepcoin, hyperliquid; the lake's exchange is sim-VENUE. URL is what `quant mock-exchange` printed; its
clock must stand still (`--hold`). Exit code 1 on any difference, and if the lake lacks a day of the range. Shares no code with the
program: its own paging, plain lists, decimals. Needs pyarrow.

- Binance: klines by startTime, those that close after the venue's clock left out; aggTrades by fromId.
- OKX, Deepcoin: candles backward by `after`; `qty` and `volume` in coins = contracts x contract value (or the venue's own coins).
- Hyperliquid: candleSnapshot, fundingHistory (POST /info).
"""

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from decimal import Decimal

import lakefiles

MINUTE = 60_000


def ask(request):
    """Reads an answer; waits a second where the host wants fewer requests."""
    for _ in range(60):
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read(), parse_float=Decimal)
        except urllib.error.HTTPError as error:
            if error.code != 429:
                raise
            time.sleep(1)
    raise SystemExit("the host wants no requests")


def get(url, path, **query):
    text = "&".join(f"{k}={v}" for k, v in query.items())
    return ask(f"{url}{path}?{text}" if text else f"{url}{path}")


def post(url, path, body):
    return ask(urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}))


class Binance:
    def __init__(self, url, market, symbol):
        self.url, self.symbol = url, symbol
        self.root = "/api/v3" if market == "spot" else "/fapi/v1"
        self.now = get(url, f"{self.root}/time")["serverTime"]

    def klines_1m(self, start, end):
        rows, at = [], start
        while at < end:
            page = get(
                self.url, f"{self.root}/klines", symbol=self.symbol, interval="1m", startTime=at, endTime=end - 1, limit=1000
            )
            if not page:
                break
            rows += page
            at = page[-1][0] + MINUTE
        return [
            (r[0] * 1000, *map(Decimal, r[1:6]), Decimal(r[7]), r[8]) for r in rows if r[6] < self.now and start <= r[0] < end
        ]

    def agg_trades(self, start, end):
        first = None
        for at in range(start, min(end, self.now), 3_600_000):
            page = get(
                self.url, f"{self.root}/aggTrades", symbol=self.symbol, startTime=at, endTime=at + 3_599_999, limit=1
            )
            if page:
                first = page[0]["a"]
                break
        rows = []
        while first is not None:
            page = get(self.url, f"{self.root}/aggTrades", symbol=self.symbol, fromId=first, limit=1000)
            if not page:
                break
            rows += [r for r in page if start <= r["T"] < end]
            if page[-1]["T"] >= end or len(page) < 1000:
                break
            first = page[-1]["a"] + 1
        return [(r["T"] * 1000, r["a"], Decimal(r["p"]), Decimal(r["q"]), -1 if r["m"] else 1) for r in rows]

    def funding(self, start, end):
        page = get(self.url, f"{self.root}/fundingRate", symbol=self.symbol, startTime=start, endTime=end - 1, limit=1000)
        return [(r["fundingTime"] * 1000, Decimal(r["fundingRate"])) for r in page]

    def open_interest(self, start, end):
        rows, before = [], min(end, self.now + 1)
        while before > start:
            page = get(
                self.url,
                "/futures/data/openInterestHist",
                symbol=self.symbol,
                period="5m",
                startTime=start,
                endTime=before - 1,
                limit=500,
            )
            if not page:
                break
            rows += page
            before = min(r["timestamp"] for r in page)
        return [(r["timestamp"] * 1000, Decimal(r["sumOpenInterest"])) for r in rows if start <= r["timestamp"] < end]


class Okx:
    def __init__(self, url, market, symbol):
        self.url, self.symbol = url, symbol
        self.now = int(get(url, "/api/v5/public/time")["data"][0]["ts"])
        info = get(url, "/api/v5/public/instruments", instType="SWAP", instId=symbol)["data"][0]
        self.value = Decimal(info["ctVal"])

    def pages(self, path, start, end, **query):
        """Rows newest first, back to `start`."""
        rows, after = [], end
        while True:
            page = get(self.url, path, instId=self.symbol, after=after, **query)["data"]
            if not page:
                return rows
            rows += page
            after = int(page[-1]["fundingTime"] if isinstance(page[-1], dict) else page[-1][0])
            if after < start:
                return rows

    def klines_1m(self, start, end):
        rows = self.pages("/api/v5/market/history-candles", start, end, bar="1m", limit=300)
        return [
            (int(r[0]) * 1000, *map(Decimal, r[1:5]), Decimal(r[6]), Decimal(r[7]), None)
            for r in rows
            if r[8] == "1" and start <= int(r[0]) < end
        ]

    def funding(self, start, end):
        rows = self.pages("/api/v5/public/funding-rate-history", start, end, limit=100)
        return [
            (int(r["fundingTime"]) * 1000, Decimal(r["realizedRate"])) for r in rows if start <= int(r["fundingTime"]) < end
        ]

    def trades(self, start, end):
        rows, after, kind = [], end, 2
        while True:
            page = get(self.url, "/api/v5/market/history-trades", instId=self.symbol, type=kind, after=after, limit=100)["data"]
            rows += page
            if not page or int(page[-1]["ts"]) < start:
                break
            after, kind = int(page[-1]["tradeId"]), 1
        side = {"buy": 1, "sell": -1}
        return [
            (int(r["ts"]) * 1000, int(r["tradeId"]), Decimal(r["px"]), Decimal(r["sz"]) * self.value, side[r["side"]])
            for r in rows
            if start <= int(r["ts"]) < end
        ]


class Deepcoin:
    def __init__(self, url, market, symbol):
        self.url, self.symbol = url, symbol
        self.now = int(get(url, "/deepcoin/market/time")["data"]["ts"])
        info = get(url, "/deepcoin/market/instruments", instType="SWAP", instId=symbol)["data"]
        self.value = Decimal(next(i for i in info if i["instId"] == symbol)["ctVal"])

    def klines_1m(self, start, end):
        rows, after = [], end
        while True:
            page = get(self.url, "/deepcoin/market/candles", instId=self.symbol, bar="1m", after=after, limit=300)["data"]
            if not page:
                break
            rows += page
            after = int(page[-1][0])
            if after < start:
                break
        return [
            (int(r[0]) * 1000, *map(Decimal, r[1:5]), Decimal(r[5]) * self.value, Decimal(r[6]), None)
            for r in rows
            if start <= int(r[0]) < end and int(r[0]) + MINUTE <= self.now
        ]


class Hyperliquid:
    def __init__(self, url, market, symbol):
        self.url, self.symbol = url, symbol
        self.now = post(url, "/info", {"type": "l2Book", "coin": symbol})["time"]

    def klines_1m(self, start, end):
        request = {"coin": self.symbol, "interval": "1m", "startTime": start, "endTime": end - 1}
        rows = post(self.url, "/info", {"type": "candleSnapshot", "req": request})
        return [
            (r["t"] * 1000, *(Decimal(r[c]) for c in "ohlcv"), None, r["n"])
            for r in rows
            if start <= r["t"] < end and r["T"] < self.now
        ]

    def funding(self, start, end):
        request = {"type": "fundingHistory", "coin": self.symbol, "startTime": start, "endTime": end - 1}
        return [(r["time"] * 1000, Decimal(r["fundingRate"])) for r in post(self.url, "/info", request)]


VENUES = {"binance": Binance, "okx": Okx, "deepcoin": Deepcoin, "hyperliquid": Hyperliquid}
COLUMNS = {
    "klines_1m": (["ts_open", "open", "high", "low", "close", "volume", "quote_volume", "n_trades"], ["volume"]),
    "agg_trades": (["ts_event", "trade_id", "price", "qty", "aggressor"], ["qty"]),
    "trades": (["ts_event", "trade_id", "price", "qty", "aggressor"], ["qty"]),
    "funding": (["ts_event", "rate"], ["rate"]),
    "open_interest": (["ts_event", "open_interest"], ["open_interest"]),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("venue", choices=VENUES)
    parser.add_argument("market")
    parser.add_argument("symbol")
    parser.add_argument("--lake", required=True)
    parser.add_argument("--start", required=True)
    parser.add_argument("--end", required=True)
    parser.add_argument("--datasets", default="klines_1m")
    args = parser.parse_args()
    venue = VENUES[args.venue](args.url.rstrip("/"), args.market, args.symbol)
    comparison = lakefiles.Comparison(args.lake, f"sim-{args.venue}", args.market, args.symbol)
    start, end = (lakefiles.day_start(day) for day in (args.start, args.end))
    for dataset in args.datasets.split(","):
        names, sums = COLUMNS[dataset]
        mine = []
        for at in range(start, end, lakefiles.DAY_US):
            mine += getattr(venue, dataset)(at // 1000, (at + lakefiles.DAY_US) // 1000)
        if not mine:
            comparison.fail(f"{dataset}: the venue has no row of the range")
        loose = ("qty", "volume", "quote_volume") if args.venue in ("okx", "deepcoin") else ()
        comparison.compare(dataset, names, mine, names[:2], sums, loose=loose)
    print("ok" if not comparison.failures else f"{comparison.failures} differences")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
