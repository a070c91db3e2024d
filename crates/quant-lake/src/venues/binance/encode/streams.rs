//! Live websocket frames of spot, USD-M and COIN-M, byte for byte as the venue orders and pads them; and the book
//! snapshot of REST, which belongs to the depth streams.
//!
//! Frames are appended to a buffer without a line end, raw (`/ws`) or in their envelope (`/stream`). No subscription,
//! no clock: what is sent when is the business of a server.

use quant_core::market::{Market, Symbol};

use super::frames::{
    AggTradeFrame, BookTickerFrame, DepthSnapshot, DepthUpdateFrame, ForceOrderFrame, KlineFrame,
    MarkPriceFrame, TradeFrame,
};
use super::json::Json;
use super::text::{Decimals, Look};
use super::{EncodeError, Unit};

/// Writes the frames of one symbol.
///
/// # Shapes
/// Numbers must be finite; one that is not is written as zero (and asserted against in debug builds).
#[derive(Clone, Debug)]
pub struct StreamEncoder {
    unit: Unit,
    lower: String,
    symbol_type: bool,
}

impl StreamEncoder {
    /// Prepares the constant parts of a symbol's frames. Spot has 8 decimals whatever is asked for.
    ///
    /// # Errors
    /// `NotBinance` for a market of another venue.
    pub fn new(market: Market, symbol: &Symbol, decimals: Decimals) -> Result<Self, EncodeError> {
        Ok(Self {
            unit: Unit::new(market, symbol, decimals)?,
            lower: symbol.as_str().to_ascii_lowercase(),
            symbol_type: false,
        })
    }

    /// Adds what futures frames have since 2026: `st`, 1 for USD-M and 2 for COIN-M, in `aggTrade`,
    /// `markPriceUpdate` and `forceOrder`.
    #[must_use]
    pub const fn with_symbol_type(mut self) -> Self {
        self.symbol_type = true;
        self
    }

    /// Returns the name of a stream of this symbol: `btcusdt@bookTicker` for `bookTicker`.
    pub fn stream_name(&self, kind: &str) -> String {
        format!("{}@{kind}", self.lower)
    }

    /// Appends a `depthUpdate` of `@depth`.
    pub fn depth_update(&self, out: &mut Vec<u8>, f: &DepthUpdateFrame<'_>) {
        let Unit { price, qty, .. } = self.unit;
        let mut json = Json(out);
        json.raw(r#"{"e":"depthUpdate","E":"#).millis(f.event_us);
        if !self.unit.is_spot() {
            json.raw(r#","T":"#).millis(f.transaction_us);
        }
        json.raw(&self.unit.names)
            .raw(r#","U":"#)
            .int(f.first_id)
            .raw(r#","u":"#)
            .int(f.last_id);
        if !self.unit.is_spot() {
            json.raw(r#","pu":"#).int(f.prev_last_id);
        }
        json.raw(r#","b":"#)
            .levels(f.bids, price, qty)
            .raw(r#","a":"#)
            .levels(f.asks, price, qty)
            .raw("}");
    }

    /// Appends the best levels of `@depth5`, `@depth10` or `@depth20`: on futures a `depthUpdate`, on spot a snapshot.
    pub fn partial_depth(&self, out: &mut Vec<u8>, f: &DepthUpdateFrame<'_>) {
        if !self.unit.is_spot() {
            return self.depth_update(out, f);
        }
        let snapshot = DepthSnapshot {
            last_update_id: f.last_id,
            event_us: f.event_us,
            transaction_us: f.transaction_us,
            bids: f.bids,
            asks: f.asks,
        };
        self.depth_snapshot(out, &snapshot);
    }

    /// Appends the body of the REST route `depth`.
    pub fn depth_snapshot(&self, out: &mut Vec<u8>, s: &DepthSnapshot<'_>) {
        let Unit { price, qty, .. } = self.unit;
        let mut json = Json(out);
        json.raw(r#"{"lastUpdateId":"#).int(s.last_update_id);
        if let Some(pair) = &self.unit.pair {
            json.raw(r#","symbol":""#)
                .raw(&self.unit.symbol)
                .raw(r#"","pair":""#)
                .raw(pair)
                .raw("\"");
        }
        if !self.unit.is_spot() {
            json.raw(r#","E":"#)
                .millis(s.event_us)
                .raw(r#","T":"#)
                .millis(s.transaction_us);
        }
        json.raw(r#","bids":"#)
            .levels(s.bids, price, qty)
            .raw(r#","asks":"#)
            .levels(s.asks, price, qty)
            .raw("}");
    }

    /// Appends a `bookTicker`.
    #[inline]
    pub fn book_ticker(&self, out: &mut Vec<u8>, f: &BookTickerFrame) {
        let Unit { price, qty, .. } = self.unit;
        let mut json = Json(out);
        json.raw(if self.unit.is_spot() {
            r#"{"u":"#
        } else {
            r#"{"e":"bookTicker","u":"#
        })
        .int(f.update_id)
        .raw(&self.unit.names)
        .raw(r#","b":"#)
        .decimal(f.bid_px, price)
        .raw(r#","B":"#)
        .decimal(f.bid_qty, qty)
        .raw(r#","a":"#)
        .decimal(f.ask_px, price)
        .raw(r#","A":"#)
        .decimal(f.ask_qty, qty);
        if !self.unit.is_spot() {
            json.raw(r#","T":"#)
                .millis(f.transaction_us)
                .raw(r#","E":"#)
                .millis(f.event_us);
        }
        json.raw("}");
    }

    /// Appends a `trade`.
    #[inline]
    pub fn trade(&self, out: &mut Vec<u8>, f: &TradeFrame) {
        let Unit { price, qty, .. } = self.unit;
        let mut json = Json(out);
        json.raw(r#"{"e":"trade","E":"#).millis(f.event_us);
        if !self.unit.is_spot() {
            json.raw(r#","T":"#).millis(f.ts_us);
        }
        // Trades name no pair on any market.
        json.raw(r#","s":""#)
            .raw(&self.unit.symbol)
            .raw(r#"","t":"#)
            .int(f.id)
            .raw(r#","p":"#)
            .decimal(f.price, price)
            .raw(r#","q":"#)
            .decimal(f.qty, qty);
        if self.unit.is_spot() {
            json.raw(r#","T":"#)
                .millis(f.ts_us)
                .raw(r#","m":"#)
                .flag(f.is_buyer_maker)
                .raw(r#","M":true}"#);
        } else {
            json.raw(r#","X":"MARKET","m":"#)
                .flag(f.is_buyer_maker)
                .raw("}");
        }
    }

    /// Appends an `aggTrade`.
    #[inline]
    pub fn agg_trade(&self, out: &mut Vec<u8>, f: &AggTradeFrame) {
        let Unit { price, qty, .. } = self.unit;
        let t = &f.trade;
        let mut json = Json(out);
        json.raw(r#"{"e":"aggTrade","E":"#).millis(f.event_us);
        // The futures gateway names the aggregate before the symbol.
        if self.unit.is_spot() {
            json.raw(r#","s":""#)
                .raw(&self.unit.symbol)
                .raw(r#"","a":"#)
                .int(t.agg_id)
                .raw(r#","p":"#);
        } else {
            json.raw(r#","a":"#)
                .int(t.agg_id)
                .raw(r#","s":""#)
                .raw(&self.unit.symbol)
                .raw(r#"","p":"#);
        }
        json.decimal(t.price, price)
            .raw(r#","q":"#)
            .decimal(t.qty, qty);
        if let Some(normal_qty) = f.normal_qty
            && self.unit.market == Market::Um
        {
            json.raw(r#","nq":"#).decimal(normal_qty, qty);
        }
        json.raw(r#","f":"#)
            .int(t.first_id)
            .raw(r#","l":"#)
            .int(t.last_id)
            .raw(r#","T":"#)
            .millis(t.ts_us)
            .raw(r#","m":"#)
            .flag(t.is_buyer_maker)
            .raw(if self.unit.is_spot() {
                r#","M":true}"#
            } else {
                self.end()
            });
    }

    /// Appends a `markPriceUpdate` of `@markPrice` (futures only; on spot it has no meaning, but the same text).
    pub fn mark_price(&self, out: &mut Vec<u8>, f: &MarkPriceFrame) {
        let look = Look::Fixed(8);
        let mut json = Json(out);
        json.raw(r#"{"e":"markPriceUpdate","E":"#)
            .millis(f.event_us)
            .raw(r#","s":""#)
            .raw(&self.unit.symbol)
            .raw(r#"","p":"#)
            .decimal(f.mark, look);
        if let Some(average) = f.average {
            json.raw(r#","ap":"#).decimal(average, look);
        }
        json.raw(r#","P":"#)
            .decimal(f.settle, look)
            .raw(r#","i":"#)
            .decimal(f.index, look)
            .raw(r#","r":"#);
        match f.funding_rate {
            Some(rate) => json.decimal(rate, look),
            None => json.raw(r#""""#),
        }
        .raw(r#","T":"#)
        .millis(f.next_funding_us)
        .raw(self.end());
    }

    /// Appends a `kline`.
    pub fn kline(&self, out: &mut Vec<u8>, f: &KlineFrame<'_>) {
        let Unit { price, qty, .. } = self.unit;
        let quote = self.unit.quote;
        let k = &f.kline;
        Json(out)
            .raw(r#"{"e":"kline","E":"#)
            .millis(f.event_us)
            .raw(r#","s":""#)
            .raw(&self.unit.symbol)
            .raw(r#"","k":{"t":"#)
            .millis(k.open_us)
            .raw(r#","T":"#)
            .millis(k.open_us + f.interval_us - 1)
            .raw(r#","s":""#)
            .raw(&self.unit.symbol)
            .raw(r#"","i":"#)
            .text(f.interval)
            .raw(r#","f":"#)
            .int(f.first_id)
            .raw(r#","L":"#)
            .int(f.last_id)
            .raw(r#","o":"#)
            .decimal(k.open, price)
            .raw(r#","c":"#)
            .decimal(k.close, price)
            .raw(r#","h":"#)
            .decimal(k.high, price)
            .raw(r#","l":"#)
            .decimal(k.low, price)
            .raw(r#","v":"#)
            .decimal(k.volume, qty)
            .raw(r#","n":"#)
            .int(k.n_trades)
            .raw(r#","x":"#)
            .flag(f.is_closed)
            .raw(r#","q":"#)
            .decimal(k.quote_volume, quote)
            .raw(r#","V":"#)
            .decimal(k.taker_buy_volume, qty)
            .raw(r#","Q":"#)
            .decimal(k.taker_buy_quote_volume, quote)
            .raw(r#","B":"0"}}"#);
    }

    /// Appends a `forceOrder`, always a filled `LIMIT` `IOC` order (futures only).
    pub fn force_order(&self, out: &mut Vec<u8>, f: &ForceOrderFrame) {
        let Unit { price, qty, .. } = self.unit;
        let mut json = Json(out);
        json.raw(r#"{"e":"forceOrder","E":"#)
            .millis(f.event_us)
            .raw(r#","o":{"#)
            .raw(&self.unit.names[1..])
            .raw(r#","S":""#)
            .raw(match f.side {
                quant_core::market::Side::Buy => "BUY",
                quant_core::market::Side::Sell => "SELL",
            })
            .raw(r#"","o":"LIMIT","f":"IOC","q":"#)
            .decimal(f.qty, qty)
            .raw(r#","p":"#)
            .decimal(f.price, price)
            .raw(r#","ap":"#)
            .decimal(f.average_price, price)
            .raw(r#","X":"FILLED","l":"#)
            .decimal(f.last_qty, qty)
            .raw(r#","z":"#)
            .decimal(f.filled_qty, qty)
            .raw(r#","T":"#)
            .millis(f.ts_us);
        if self.symbol_type && self.unit.market == Market::Um {
            json.raw(r#","ps":""#).raw(&self.unit.symbol).raw("\"");
        }
        json.raw(self.end()).raw("}");
    }

    /// The end of a futures frame that may name the type of its symbol.
    const fn end(&self) -> &'static str {
        match (self.symbol_type, self.unit.market) {
            (true, Market::Um) => r#","st":1}"#,
            (true, Market::Cm) => r#","st":2}"#,
            _ => "}",
        }
    }
}

/// Appends a frame in the envelope of combined streams: `{"stream":"btcusdt@trade","data":{...}}`.
#[inline]
pub fn push_combined(out: &mut Vec<u8>, stream: &str, push: impl FnOnce(&mut Vec<u8>)) {
    Json(out)
        .raw(r#"{"stream":""#)
        .raw(stream)
        .raw(r#"","data":"#);
    push(out);
    out.push(b'}');
}
