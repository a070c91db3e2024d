//! Bodies of the public REST routes of one symbol: keys in the venue's order, decimals as strings, times in
//! milliseconds. Paging, weights and limits are the business of a server.

use quant_core::market::{Market, Symbol};

use super::json::{Json, push_array};
use super::rows::{AggTradeRow, KlineRow, ReferenceKlineRow, TradeRow};
use super::text::{Decimals, Look};
use super::{EncodeError, Unit};

/// Eight decimals, as rates and reference prices have.
const EIGHT: Look = Look::Fixed(8);

/// Four decimals, as ratios have.
const FOUR: Look = Look::Fixed(4);

/// One settled funding payment of the route `fundingRate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRateRow {
    /// Settlement, microseconds UTC.
    pub ts_us: i64,
    /// Rate as a fraction.
    pub rate: f64,
    /// Mark price at settlement; answers before 2023 had none.
    pub mark_price: Option<f64>,
}

/// Open interest at the end of a period of the route `openInterestHist`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenInterestRow {
    /// End of the period, microseconds UTC.
    pub ts_us: i64,
    /// Base units (coin-margined: contracts).
    pub open_interest: f64,
    /// Quote currency (coin-margined: coins).
    pub value: f64,
    /// Coins in existence (`CMCCirculatingSupply`, sent since 2025).
    pub circulating_supply: Option<f64>,
}

/// Longs against shorts in one period, of three routes with one shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LongShortRow {
    /// Stamp of the period, microseconds UTC.
    pub ts_us: i64,
    /// Long over short.
    pub ratio: f64,
}

/// Taker volumes of one period, of the route `takerlongshortRatio`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TakerRow {
    /// Stamp of the period, microseconds UTC.
    pub ts_us: i64,
    /// Quantity bought by takers.
    pub buy: f64,
    /// Quantity sold by takers; above zero.
    pub sell: f64,
}

/// Current mark price and funding, of the route `premiumIndex`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PremiumIndex {
    /// Mark price.
    pub mark: f64,
    /// Index price.
    pub index: f64,
    /// Estimated settlement price.
    pub settle: f64,
    /// Rate of the next funding as a fraction; `None` on dated contracts, whose interest rate is absent too.
    pub funding_rate: Option<f64>,
    /// Time of the next funding, microseconds UTC; 0 on dated contracts.
    pub next_funding_us: i64,
    /// Time of the answer, microseconds UTC.
    pub ts_us: i64,
}

/// Writes the bodies of one symbol.
///
/// # Shapes
/// Lists are written in the order given: ascending by time, as the venue does. Numbers must be finite; one that is not
/// is written as zero (and asserted against in debug builds).
#[derive(Clone, Debug)]
pub struct RestEncoder {
    unit: Unit,
    recent: bool,
}

impl RestEncoder {
    /// Prepares the names and decimals of a symbol. Spot has 8 decimals whatever is asked for.
    ///
    /// # Errors
    /// `NotBinance` for a market of another venue.
    pub fn new(market: Market, symbol: &Symbol, decimals: Decimals) -> Result<Self, EncodeError> {
        Ok(Self {
            unit: Unit::new(market, symbol, decimals)?,
            recent: false,
        })
    }

    /// Adds the keys USD-M answers have since 2025: `nq` in `aggTrades` (equal to `q`: no retail price improvement
    /// orders) and `isRPITrade` in `trades`.
    #[must_use]
    pub const fn with_rpi_keys(mut self) -> Self {
        self.recent = true;
        self
    }

    fn has_rpi_keys(&self) -> bool {
        self.recent && self.unit.market == Market::Um
    }

    /// Appends `klines`: 12-element arrays; `interval_us` gives the close times.
    pub fn klines(&self, out: &mut Vec<u8>, rows: &[KlineRow], interval_us: i64) {
        let Unit {
            price, qty, quote, ..
        } = self.unit;
        push_array(out, rows, |out, k| {
            Json(out)
                .raw("[")
                .millis(k.open_us)
                .raw(",")
                .decimal(k.open, price)
                .raw(",")
                .decimal(k.high, price)
                .raw(",")
                .decimal(k.low, price)
                .raw(",")
                .decimal(k.close, price)
                .raw(",")
                .decimal(k.volume, qty)
                .raw(",")
                .millis(k.open_us + interval_us - 1)
                .raw(",")
                .decimal(k.quote_volume, quote)
                .raw(",")
                .int(k.n_trades)
                .raw(",")
                .decimal(k.taker_buy_volume, qty)
                .raw(",")
                .decimal(k.taker_buy_quote_volume, quote)
                .raw(r#","0"]"#);
        });
    }

    /// Appends `markPriceKlines`, `indexPriceKlines` or `premiumIndexKlines`.
    pub fn reference_klines(
        &self,
        out: &mut Vec<u8>,
        rows: &[ReferenceKlineRow],
        interval_us: i64,
    ) {
        push_array(out, rows, |out, k| {
            Json(out)
                .raw("[")
                .millis(k.open_us)
                .raw(",")
                .decimal(k.open, EIGHT)
                .raw(",")
                .decimal(k.high, EIGHT)
                .raw(",")
                .decimal(k.low, EIGHT)
                .raw(",")
                .decimal(k.close, EIGHT)
                .raw(r#","0","#)
                .millis(k.open_us + interval_us - 1)
                .raw(r#","0","#)
                .int(k.n_ticks)
                .raw(r#","0","0","0"]"#);
        });
    }

    /// Appends `aggTrades`.
    pub fn agg_trades(&self, out: &mut Vec<u8>, rows: &[AggTradeRow]) {
        let Unit { price, qty, .. } = self.unit;
        push_array(out, rows, |out, t| {
            let mut json = Json(out);
            json.raw(r#"{"a":"#)
                .int(t.agg_id)
                .raw(r#","p":"#)
                .decimal(t.price, price)
                .raw(r#","q":"#)
                .decimal(t.qty, qty);
            if self.has_rpi_keys() {
                json.raw(r#","nq":"#).decimal(t.qty, qty);
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
                    "}"
                });
        });
    }

    /// Appends `trades` or `historicalTrades`. USD-M cuts the quote quantity after the decimals of a price.
    pub fn trades(&self, out: &mut Vec<u8>, rows: &[TradeRow]) {
        let Unit { price, qty, .. } = self.unit;
        let (worth, worth_look) = match self.unit.market {
            Market::Cm => (r#","baseQty":"#, EIGHT),
            Market::Um => (r#","quoteQty":"#, price),
            _ => (r#","quoteQty":"#, EIGHT),
        };
        push_array(out, rows, |out, t| {
            let quote_qty = if let (Market::Um, Look::Fixed(places)) = (self.unit.market, price) {
                cut(t.quote_qty, places)
            } else {
                t.quote_qty
            };
            let mut json = Json(out);
            json.raw(r#"{"id":"#)
                .int(t.id)
                .raw(r#","price":"#)
                .decimal(t.price, price)
                .raw(r#","qty":"#)
                .decimal(t.qty, qty)
                .raw(worth)
                .decimal(quote_qty, worth_look)
                .raw(r#","time":"#)
                .millis(t.ts_us)
                .raw(r#","isBuyerMaker":"#)
                .flag(t.is_buyer_maker);
            if self.has_rpi_keys() {
                json.raw(r#","isRPITrade":false"#);
            }
            json.raw(if self.unit.is_spot() {
                r#","isBestMatch":true}"#
            } else {
                "}"
            });
        });
    }

    /// Appends `fundingRate`.
    pub fn funding_rates(&self, out: &mut Vec<u8>, rows: &[FundingRateRow]) {
        push_array(out, rows, |out, f| {
            let mut json = Json(out);
            self.symbol(&mut json)
                .raw(r#","fundingRate":"#)
                .decimal(f.rate, EIGHT)
                .raw(r#","fundingTime":"#)
                .millis(f.ts_us);
            if let Some(mark) = f.mark_price {
                json.raw(r#","markPrice":"#).decimal(mark, EIGHT);
            }
            json.raw("}");
        });
    }

    /// Appends `openInterestHist` of USD-M.
    pub fn open_interest_hist(&self, out: &mut Vec<u8>, rows: &[OpenInterestRow]) {
        push_array(out, rows, |out, o| {
            let mut json = Json(out);
            self.symbol(&mut json)
                .raw(r#","sumOpenInterest":"#)
                .decimal(o.open_interest, EIGHT)
                .raw(r#","sumOpenInterestValue":"#)
                .decimal(o.value, EIGHT);
            if let Some(supply) = o.circulating_supply {
                json.raw(r#","CMCCirculatingSupply":"#)
                    .decimal(supply, EIGHT);
            }
            json.raw(r#","timestamp":"#).millis(o.ts_us).raw("}");
        });
    }

    /// Appends `topLongShortAccountRatio`, `topLongShortPositionRatio` or `globalLongShortAccountRatio`. The shares
    /// follow from the ratio.
    pub fn long_short_ratios(&self, out: &mut Vec<u8>, rows: &[LongShortRow]) {
        push_array(out, rows, |out, r| {
            // Rounded first, so that both shares as written add up to one.
            let long = (r.ratio / (1.0 + r.ratio) * 1e4).round() / 1e4;
            let mut json = Json(out);
            self.symbol(&mut json)
                .raw(r#","longAccount":"#)
                .decimal(long, FOUR)
                .raw(r#","longShortRatio":"#)
                .decimal(r.ratio, FOUR)
                .raw(r#","shortAccount":"#)
                .decimal(1.0 - long, FOUR)
                .raw(r#","timestamp":"#)
                .millis(r.ts_us)
                .raw("}");
        });
    }

    /// Appends `takerlongshortRatio`, whose rows name no symbol. Without sales the ratio is written as zero.
    pub fn taker_ratios(&self, out: &mut Vec<u8>, rows: &[TakerRow]) {
        push_array(out, rows, |out, t| {
            let ratio = if t.sell > 0.0 { t.buy / t.sell } else { 0.0 };
            Json(out)
                .raw(r#"{"buySellRatio":"#)
                .decimal(ratio, FOUR)
                .raw(r#","buyVol":"#)
                .decimal(t.buy, FOUR)
                .raw(r#","sellVol":"#)
                .decimal(t.sell, FOUR)
                .raw(r#","timestamp":"#)
                .millis(t.ts_us)
                .raw("}");
        });
    }

    /// Appends one object of `premiumIndex`; for all symbols, callers put them into [`push_array`]. COIN-M answers an
    /// array even for one symbol.
    pub fn premium_index(&self, out: &mut Vec<u8>, p: &PremiumIndex) {
        let mut json = Json(out);
        self.symbol(&mut json);
        if let Some(pair) = &self.unit.pair {
            json.raw(r#","pair":"#).text(pair);
        }
        json.raw(r#","markPrice":"#)
            .decimal(p.mark, EIGHT)
            .raw(r#","indexPrice":"#)
            .decimal(p.index, EIGHT)
            .raw(r#","estimatedSettlePrice":"#)
            .decimal(p.settle, EIGHT)
            .raw(r#","lastFundingRate":"#);
        match p.funding_rate {
            Some(rate) => json
                .decimal(rate, EIGHT)
                .raw(r#","interestRate":"0.00010000""#),
            None => json.raw(r#""","interestRate":"""#),
        }
        .raw(r#","nextFundingTime":"#)
        .millis(p.next_funding_us)
        .raw(r#","time":"#)
        .millis(p.ts_us)
        .raw("}");
    }

    /// Appends `openInterest` of USD-M: the quantity at one moment.
    pub fn open_interest(&self, out: &mut Vec<u8>, open_interest: f64, ts_us: i64) {
        let mut json = Json(out);
        self.symbol(&mut json)
            .raw(r#","openInterest":"#)
            .decimal(open_interest, self.unit.qty)
            .raw(r#","time":"#)
            .millis(ts_us)
            .raw("}");
    }

    fn symbol<'a, 'b>(&self, json: &'a mut Json<'b>) -> &'a mut Json<'b> {
        json.raw(r#"{"symbol":"#).text(&self.unit.symbol)
    }
}

/// Drops the digits after so many decimals; a product of decimals that lies a rounding error below one counts as it.
fn cut(value: f64, places: u8) -> f64 {
    let power = 10_f64.powi(i32::from(places));
    (value * power * (1.0 + 1e-12)).floor() / power
}

/// Appends the body of `time`.
pub fn push_server_time(out: &mut Vec<u8>, ts_us: i64) {
    Json(out).raw(r#"{"serverTime":"#).millis(ts_us).raw("}");
}

/// Appends an error body: `{"code":-1121,"msg":"Invalid symbol."}`.
pub fn push_error(out: &mut Vec<u8>, code: i64, msg: &str) {
    Json(out)
        .raw(r#"{"code":"#)
        .int(code)
        .raw(r#","msg":"#)
        .text(msg)
        .raw("}");
}
