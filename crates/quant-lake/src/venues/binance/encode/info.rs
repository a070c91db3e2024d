//! Bodies of `exchangeInfo` and `fundingInfo`: what the venue says about its symbols.
//!
//! What no simulated market has (order types, margin percents, algo limits) is written as the venue has it for BTCUSDT
//! and `BTCUSD_PERP`, so that readers find every key.

use quant_core::market::{Market, Symbol};

use super::json::{Json, push_array};
use super::text::{Decimals, Look};

/// `deliveryDate` of perpetuals, milliseconds: 2100-12-25.
pub const PERPETUAL_DELIVERY_MS: i64 = 4_133_404_800_000;

/// Terms of one futures symbol as `exchangeInfo` gives them.
///
/// # Units
/// Prices in quote currency, quantities in base units (COIN-M: contracts).
#[derive(Clone, Debug, PartialEq)]
pub struct SymbolInfo<'a> {
    /// Symbol.
    pub symbol: &'a Symbol,
    /// Pair: `BTCUSDT`, or `BTCUSD` for `BTCUSD_PERP`.
    pub pair: &'a str,
    /// `PERPETUAL`, `CURRENT_QUARTER`, `TRADIFI_PERPETUAL`, ...
    pub contract_type: &'a str,
    /// `TRADING`, `SETTLING`, ...
    pub status: &'a str,
    /// Base asset.
    pub base: &'a str,
    /// Quote asset.
    pub quote: &'a str,
    /// Margin asset.
    pub margin: &'a str,
    /// First day of trading, milliseconds UTC.
    pub onboard_ms: i64,
    /// Delivery, milliseconds UTC; [`PERPETUAL_DELIVERY_MS`], or the delisting once it is announced.
    pub delivery_ms: i64,
    /// `pricePrecision` and `quantityPrecision`: not tick and lot, but the decimals texts are padded to.
    pub decimals: Decimals,
    /// Smallest price step.
    pub tick_size: f64,
    /// Smallest price.
    pub min_price: f64,
    /// Largest price.
    pub max_price: f64,
    /// Smallest quantity step.
    pub step_size: f64,
    /// Smallest quantity.
    pub min_qty: f64,
    /// Largest quantity of a limit order.
    pub max_qty: f64,
    /// Largest quantity of a market order.
    pub max_market_qty: f64,
    /// Smallest worth of an order; USD-M only.
    pub min_notional: f64,
    /// Worth of one contract in quote currency; COIN-M only.
    pub contract_size: f64,
}

/// Appends `exchangeInfo` of USD-M or COIN-M (any other market is written as USD-M).
pub fn push_exchange_info(
    out: &mut Vec<u8>,
    market: Market,
    ts_us: i64,
    symbols: &[SymbolInfo<'_>],
) {
    let inverse = market == Market::Cm;
    let mut json = Json(out);
    json.raw(r#"{"timezone":"UTC","serverTime":"#).millis(ts_us);
    if inverse {
        json.raw(r#","rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400},{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200}],"exchangeFilters":[],"symbols":"#);
    } else {
        json.raw(r#","futuresType":"U_MARGINED","rateLimits":[{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":2400},{"rateLimitType":"ORDERS","interval":"MINUTE","intervalNum":1,"limit":1200},{"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":300}],"exchangeFilters":[],"assets":[{"asset":"USDT","marginAvailable":true,"autoAssetExchange":"-10000"}],"symbols":"#);
    }
    push_array(json.0, symbols, |out, s| push_symbol(out, inverse, s));
    json.raw("}");
}

fn push_symbol(out: &mut Vec<u8>, inverse: bool, s: &SymbolInfo<'_>) {
    let Decimals { price, qty } = s.decimals;
    let mut json = Json(out);
    json.raw(r#"{"symbol":"#)
        .text(s.symbol.as_str())
        .raw(r#","pair":"#)
        .text(s.pair)
        .raw(r#","contractType":"#)
        .text(s.contract_type)
        .raw(r#","deliveryDate":"#)
        .int(s.delivery_ms)
        .raw(r#","onboardDate":"#)
        .int(s.onboard_ms);
    if inverse {
        json.raw(r#","contractStatus":"#)
            .text(s.status)
            .raw(r#","contractSize":"#);
        super::text::push_decimal(json.0, s.contract_size, Look::Trimmed(8));
    } else {
        json.raw(r#","status":"#).text(s.status);
    }
    json.raw(r#","maintMarginPercent":"2.5000","requiredMarginPercent":"5.0000","baseAsset":"#)
        .text(s.base)
        .raw(r#","quoteAsset":"#)
        .text(s.quote)
        .raw(r#","marginAsset":"#)
        .text(s.margin)
        .raw(r#","pricePrecision":"#)
        .int(i64::from(price))
        .raw(r#","quantityPrecision":"#)
        .int(i64::from(qty))
        .raw(r#","baseAssetPrecision":8,"quotePrecision":8"#);
    if inverse {
        json.raw(r#","equalQtyPrecision":4"#);
    }
    json.raw(r#","underlyingType":"COIN","underlyingSubType":["PoW"],"triggerProtect":"0.0500""#)
        .raw(if inverse {
            r#","liquidationFee":"0.015000""#
        } else {
            r#","liquidationFee":"0.012500""#
        })
        .raw(r#","marketTakeBound":"0.05","maxMoveOrderLimit":10000,"filters":"#);
    push_filters(json.0, inverse, s);
    json.raw(r#","orderTypes":["LIMIT","MARKET","STOP","STOP_MARKET","TAKE_PROFIT","TAKE_PROFIT_MARKET","TRAILING_STOP_MARKET"],"timeInForce":["GTC","IOC","FOK","GTX""#)
        .raw(if inverse {
            "]}"
        } else {
            r#","GTD"],"permissionSets":["GRID","COPY"]}"#
        });
}

fn push_filters(out: &mut Vec<u8>, inverse: bool, s: &SymbolInfo<'_>) {
    let (price, qty) = (Look::Fixed(s.decimals.price), Look::Fixed(s.decimals.qty));
    // Limits are written short, steps padded; the least price has the decimals of prices, unless it is whole.
    let whole = Look::Trimmed(8);
    let least = if s.min_price.fract() == 0.0 {
        whole
    } else {
        price
    };
    let mut json = Json(out);
    json.raw(r#"[{"filterType":"PRICE_FILTER","maxPrice":"#)
        .decimal(s.max_price, whole)
        .raw(r#","minPrice":"#)
        .decimal(s.min_price, least)
        .raw(r#","tickSize":"#)
        .decimal(s.tick_size, price)
        .raw("}");
    for (name, max) in [
        ("LOT_SIZE", s.max_qty),
        ("MARKET_LOT_SIZE", s.max_market_qty),
    ] {
        json.raw(r#",{"filterType":""#)
            .raw(name)
            .raw(r#"","maxQty":"#)
            .decimal(max, whole)
            .raw(r#","minQty":"#)
            .decimal(s.min_qty, qty)
            .raw(r#","stepSize":"#)
            .decimal(s.step_size, qty)
            .raw("}");
    }
    json.raw(r#",{"filterType":"MAX_NUM_ORDERS","limit":200},{"filterType":"MAX_NUM_ALGO_ORDERS","limit":"#)
        .raw(if inverse { "20}" } else { "10}" });
    if !inverse {
        json.raw(r#",{"filterType":"MIN_NOTIONAL","notional":"#)
            .decimal(s.min_notional, whole)
            .raw("}");
    }
    json.raw(r#",{"filterType":"PERCENT_PRICE","multiplierDecimal":"4","multiplierDown":"0.9500","multiplierUp":"1.0500"}"#);
    if !inverse {
        json.raw(r#",{"filterType":"POSITION_RISK_CONTROL","positionControlSide":"NONE"}"#);
    }
    json.raw("]");
}

/// Funding terms of a symbol whose terms were adjusted, of the route `fundingInfo`.
#[derive(Clone, Debug, PartialEq)]
pub struct FundingInfo<'a> {
    /// Symbol.
    pub symbol: &'a Symbol,
    /// Largest rate as a fraction.
    pub cap: f64,
    /// Smallest rate as a fraction.
    pub floor: f64,
    /// Hours between settlements.
    pub interval_h: u32,
    /// Last change, microseconds UTC; older answers had none.
    pub updated_us: Option<i64>,
}

/// Appends `fundingInfo`.
pub fn push_funding_info(out: &mut Vec<u8>, infos: &[FundingInfo<'_>]) {
    push_array(out, infos, |out, info| {
        let mut json = Json(out);
        json.raw(r#"{"symbol":"#)
            .text(info.symbol.as_str())
            .raw(r#","adjustedFundingRateCap":"#)
            .decimal(info.cap, Look::Fixed(8))
            .raw(r#","adjustedFundingRateFloor":"#)
            .decimal(info.floor, Look::Fixed(8))
            .raw(r#","fundingIntervalHours":"#)
            .int(i64::from(info.interval_h))
            .raw(r#","disclaimer":false"#);
        if let Some(updated_us) = info.updated_us {
            json.raw(r#","updateTime":"#).millis(updated_us);
        }
        json.raw("}");
    });
}
