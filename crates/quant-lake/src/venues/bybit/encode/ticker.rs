//! `tickers` frames: a snapshot, then deltas of the fields that changed.

use super::{Category, Terms, TickDirection};
use crate::venues::wire::{Digits, Json, WireError};

/// State of a contract's ticker.
///
/// # Units
/// Prices and turnover quote currency, volumes and open interest the venue's unit, `price_24h_share` a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ticker {
    /// Direction of the last trade.
    pub tick: TickDirection,
    /// Last price over that of 24 h ago, minus 1.
    pub price_24h_share: f64,
    /// Last price.
    pub last: f64,
    /// Price 24 h ago.
    pub prev_24h: f64,
    /// Highest price of 24 h.
    pub high_24h: f64,
    /// Lowest price of 24 h.
    pub low_24h: f64,
    /// Price 1 h ago.
    pub prev_1h: f64,
    /// Mark price.
    pub mark: f64,
    /// Index price.
    pub index: f64,
    /// Open interest.
    pub open_interest: f64,
    /// Open interest in quote currency.
    pub open_interest_value: f64,
    /// Turnover of 24 h.
    pub turnover_24h: f64,
    /// Volume of 24 h.
    pub volume_24h: f64,
    /// Hours between settlements.
    pub funding_interval_h: u32,
    /// Largest funding rate.
    pub funding_cap: f64,
    /// Next settlement, milliseconds.
    pub next_funding_ms: i64,
    /// Funding rate.
    pub funding_rate: f64,
    /// Best bid as (price, quantity).
    pub bid: (f64, f64),
    /// Best ask as (price, quantity).
    pub ask: (f64, f64),
}

/// State of a spot ticker: a snapshot each time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SpotTicker {
    /// Last price.
    pub last: f64,
    /// Highest price of 24 h.
    pub high_24h: f64,
    /// Lowest price of 24 h.
    pub low_24h: f64,
    /// Price 24 h ago.
    pub prev_24h: f64,
    /// Volume of 24 h, coins.
    pub volume_24h: f64,
    /// Turnover of 24 h, quote currency.
    pub turnover_24h: f64,
    /// Last price over that of 24 h ago, minus 1.
    pub price_24h_share: f64,
    /// Index price in USD; the venue leaves it empty for pairs without one.
    pub usd_index: Option<f64>,
}

/// Appends the `snapshot` of a contract's ticker; `cs` is the cross sequence.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_snapshot(
    out: &mut Vec<u8>,
    terms: &Terms,
    t: &Ticker,
    cs: i64,
    ts_ms: i64,
) -> Result<(), WireError> {
    let mut f = Fields::begin(out, terms, "snapshot");
    f.prices(t, None);
    f.open_interest(t, None);
    f.activity(t, None);
    let hours = i64::from(t.funding_interval_h);
    f.key("fundingIntervalHour").j.int_text(hours);
    f.number("fundingCap", t.funding_cap, Digits::UpTo(8));
    f.single_interest(t, None);
    f.funding(t, None);
    f.best(t, None);
    for empty in ["preOpenPrice", "preQty", "curPreListingPhase"] {
        f.key(empty).j.raw("\"\"");
    }
    f.end(cs, ts_ms)
}

/// Appends a `delta` with the fields in which `next` differs from `last`; nothing, and `false`, where none does.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_delta(
    out: &mut Vec<u8>,
    terms: &Terms,
    last: &Ticker,
    next: &Ticker,
    cs: i64,
    ts_ms: i64,
) -> Result<bool, WireError> {
    if last == next {
        return Ok(false);
    }
    let mut f = Fields::begin(out, terms, "delta");
    let last = Some(last);
    f.prices(next, last);
    f.open_interest(next, last);
    f.activity(next, last);
    f.funding(next, last);
    f.best(next, last);
    f.single_interest(next, last);
    f.end(cs, ts_ms).map(|()| true)
}

/// Appends a spot ticker.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_spot(
    out: &mut Vec<u8>,
    terms: &Terms,
    t: &SpotTicker,
    cs: i64,
    ts_ms: i64,
) -> Result<(), WireError> {
    debug_assert_eq!(terms.category, Category::Spot);
    let symbol = terms.symbol.as_str();
    let (price, qty) = (terms.price.trimmed(), terms.qty.trimmed());
    let mut j = Json::new(out);
    j.raw("{\"topic\":\"tickers.").raw(symbol);
    j.raw("\",\"ts\":").int(ts_ms);
    j.raw(",\"type\":\"snapshot\",\"cs\":").int(cs);
    j.raw(",\"data\":{\"symbol\":\"").raw(symbol).raw("\"");
    for (key, value, digits) in [
        ("lastPrice", t.last, price),
        ("highPrice24h", t.high_24h, price),
        ("lowPrice24h", t.low_24h, price),
        ("prevPrice24h", t.prev_24h, price),
        ("volume24h", t.volume_24h, qty),
        ("turnover24h", t.turnover_24h, Digits::UpTo(8)),
        ("price24hPcnt", t.price_24h_share, Digits::UpTo(4)),
    ] {
        j.raw(",\"")
            .raw(key)
            .raw("\":")
            .num_text(key, value, digits);
    }
    j.raw(",\"usdIndexPrice\":");
    match t.usd_index {
        Some(price) => j.num_text("usdIndexPrice", price, Digits::UpTo(6)),
        None => j.raw("\"\""),
    };
    j.raw("}}");
    j.finish()
}

struct Fields<'a> {
    j: Json<'a>,
    price: Digits,
    qty: Digits,
}

impl<'a> Fields<'a> {
    fn begin(out: &'a mut Vec<u8>, terms: &Terms, kind: &str) -> Self {
        let symbol = terms.symbol.as_str();
        let mut j = Json::new(out);
        j.raw("{\"topic\":\"tickers.").raw(symbol);
        j.raw("\",\"type\":\"").raw(kind);
        j.raw("\",\"data\":{\"symbol\":\"").raw(symbol).raw("\"");
        Self {
            j,
            price: terms.price,
            qty: terms.qty,
        }
    }

    fn end(mut self, cs: i64, ts_ms: i64) -> Result<(), WireError> {
        self.j.raw("},\"cs\":").int(cs);
        self.j.raw(",\"ts\":").int(ts_ms).raw("}");
        self.j.finish()
    }

    fn key(&mut self, key: &str) -> &mut Self {
        self.j.raw(",\"").raw(key).raw("\":");
        self
    }

    fn number(&mut self, key: &'static str, value: f64, digits: Digits) {
        self.key(key).j.num_text(key, value, digits);
    }

    /// Writes the field if it is new.
    fn changed(
        &mut self,
        key: &'static str,
        (next, last): (&Ticker, Option<&Ticker>),
        of: impl Fn(&Ticker) -> f64,
        digits: Digits,
    ) {
        let value = of(next);
        if last.is_none_or(|last| of(last).to_bits() != value.to_bits()) {
            self.number(key, value, digits);
        }
    }

    fn prices(&mut self, next: &Ticker, last: Option<&Ticker>) {
        let price = self.price;
        if last.is_none_or(|last| last.tick != next.tick) {
            self.key("tickDirection").j.text(next.tick.name());
        }
        let both = (next, last);
        self.changed("price24hPcnt", both, |t| t.price_24h_share, Digits::UpTo(6));
        self.changed("lastPrice", both, |t| t.last, price);
        self.changed("prevPrice24h", both, |t| t.prev_24h, price);
        self.changed("highPrice24h", both, |t| t.high_24h, price);
        self.changed("lowPrice24h", both, |t| t.low_24h, price);
        self.changed("prevPrice1h", both, |t| t.prev_1h, price);
        self.changed("markPrice", both, |t| t.mark, price);
        self.changed("indexPrice", both, |t| t.index, price);
    }

    fn open_interest(&mut self, next: &Ticker, last: Option<&Ticker>) {
        let (qty, both) = (self.qty.trimmed(), (next, last));
        self.changed("openInterest", both, |t| t.open_interest, qty);
        let value = |t: &Ticker| t.open_interest_value;
        self.changed("openInterestValue", both, value, Digits::Fixed(2));
    }

    fn activity(&mut self, next: &Ticker, last: Option<&Ticker>) {
        let four = Digits::Fixed(4);
        self.changed("turnover24h", (next, last), |t| t.turnover_24h, four);
        self.changed("volume24h", (next, last), |t| t.volume_24h, four);
    }

    /// One side's open interest: half of both sides', to the quantity's decimals, and its value at the mark price.
    fn single_interest(&mut self, next: &Ticker, last: Option<&Ticker>) {
        let (qty, both) = (self.qty.trimmed(), (next, last));
        let half = |t: &Ticker| qty.round(t.open_interest / 2.0);
        self.changed("singleOpenInterest", both, half, qty);
        let value = |t: &Ticker| half(t) * t.mark;
        self.changed("singleOpenInterestValue", both, value, Digits::Fixed(2));
    }

    fn funding(&mut self, next: &Ticker, last: Option<&Ticker>) {
        if last.is_none_or(|last| last.next_funding_ms != next.next_funding_ms) {
            self.key("nextFundingTime").j.int_text(next.next_funding_ms);
        }
        let rate = |t: &Ticker| t.funding_rate;
        self.changed("fundingRate", (next, last), rate, Digits::UpTo(8));
    }

    /// Price and size of a side travel together.
    fn best(&mut self, next: &Ticker, last: Option<&Ticker>) {
        let (price, qty) = (self.price, self.qty);
        if last.is_none_or(|last| last.bid != next.bid) {
            self.number("bid1Price", next.bid.0, price);
            self.number("bid1Size", next.bid.1, qty);
        }
        if last.is_none_or(|last| last.ask != next.ask) {
            self.number("ask1Price", next.ask.0, price);
            self.number("ask1Size", next.ask.1, qty);
        }
    }
}
