//! REST pages of v5 about contracts: instruments, funding, open interest.

use quant_core::units::Step;

use super::rest::answer;
use super::{Category, Terms};
use crate::venues::wire::{Digits, WireError};

/// One instrument.
///
/// # Units
/// Limits in the venue's quantity unit; `launch_ms` milliseconds UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentRow {
    /// Symbol and its decimals.
    pub terms: Terms,
    /// Base coin.
    pub base: String,
    /// Quote coin.
    pub quote: String,
    /// Time of its listing.
    pub launch_ms: i64,
    /// Price step.
    pub tick_size: Step,
    /// Quantity step (base precision on spot).
    pub qty_step: Step,
    /// Smallest quantity.
    pub min_qty: Step,
    /// Largest limit order.
    pub max_qty: f64,
    /// Smallest order, quote currency.
    pub min_notional: f64,
    /// Largest leverage.
    pub max_leverage: f64,
    /// Minutes between settlements.
    pub funding_interval_min: i64,
    /// Largest funding rate, as a fraction.
    pub funding_cap: f64,
}

/// Appends `/v5/market/instruments-info`; all rows are of one category.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_instruments(
    out: &mut Vec<u8>,
    category: Category,
    rows: &[InstrumentRow],
    now_ms: i64,
) -> Result<(), WireError> {
    answer(out, now_ms, |j| {
        j.raw("\"category\":\"")
            .raw(category.name())
            .raw("\",\"list\":");
        j.list(rows.iter().enumerate(), |j, (i, r)| {
            let id = i64::try_from(i).unwrap_or(i64::MAX) + 1;
            match category {
                Category::Spot => spot(j, r, id),
                Category::Linear | Category::Inverse => contract(j, category, r, id),
            }
        });
        if category != Category::Spot {
            j.raw(",\"nextPageCursor\":\"\"");
        }
    })
}

fn contract(j: &mut crate::venues::wire::Json<'_>, category: Category, r: &InstrumentRow, id: i64) {
    let is_linear = category == Category::Linear;
    let qty = r.terms.qty.trimmed();
    j.raw("{\"symbol\":\"").raw(r.terms.symbol.as_str());
    j.raw("\",\"contractType\":\"");
    j.raw(if is_linear {
        "LinearPerpetual"
    } else {
        "InversePerpetual"
    });
    j.raw("\",\"status\":\"Trading\",\"baseCoin\":")
        .text(&r.base);
    j.raw(",\"quoteCoin\":").text(&r.quote);
    j.raw(",\"launchTime\":").int_text(r.launch_ms);
    j.raw(",\"deliveryTime\":\"0\",\"deliveryFeeRate\":\"\",\"priceScale\":");
    j.int_text(i64::from(r.terms.price.decimals()));
    j.raw(",\"leverageFilter\":{\"minLeverage\":\"1\",\"maxLeverage\":");
    j.num_text("maxLeverage", r.max_leverage, Digits::Fixed(2));
    j.raw(",\"leverageStep\":\"0.01\"},\"priceFilter\":{\"minPrice\":");
    let tick = r.tick_size.size();
    j.num_text("minPrice", tick, r.terms.price)
        .raw(",\"maxPrice\":");
    // The venue's rule of thumb: 20 million steps less two.
    let max_price = r.tick_size.value(19_999_998);
    j.num_text("maxPrice", max_price, r.terms.price)
        .raw(",\"tickSize\":");
    j.num_text("tickSize", tick, r.terms.price);
    j.raw("},\"lotSizeFilter\":{\"maxOrderQty\":");
    j.num_text("maxOrderQty", r.max_qty, r.terms.qty)
        .raw(",\"minOrderQty\":");
    j.num_text("minOrderQty", r.min_qty.size(), qty)
        .raw(",\"qtyStep\":");
    j.num_text("qtyStep", r.qty_step.size(), qty);
    j.raw(",\"postOnlyMaxOrderQty\":");
    j.num_text("postOnlyMaxOrderQty", r.max_qty, r.terms.qty);
    j.raw(",\"maxMktOrderQty\":");
    j.num_text("maxMktOrderQty", r.max_qty / 5.0, r.terms.qty);
    j.raw(",\"minNotionalValue\":");
    j.num_text("minNotionalValue", r.min_notional, Digits::UpTo(8));
    j.raw("},\"unifiedMarginTrade\":true,\"fundingInterval\":")
        .int(r.funding_interval_min);
    j.raw(",\"settleCoin\":")
        .text(if is_linear { &r.quote } else { &r.base });
    j.raw(",\"copyTrading\":\"both\",\"upperFundingRate\":");
    j.num_text("upperFundingRate", r.funding_cap, Digits::UpTo(8));
    j.raw(",\"lowerFundingRate\":");
    j.num_text("lowerFundingRate", -r.funding_cap, Digits::UpTo(8));
    j.raw(",\"isPreListing\":false,\"preListingInfo\":null,\"riskParameters\":{\"priceLimitRatioX\":\"0.15\",\"priceLimitRatioY\":\"0.3\"},\"displayName\":\"\",\"symbolType\":\"\",\"forbidUplWithdrawal\":false,\"symbolId\":");
    j.int(id).raw("}");
}

fn spot(j: &mut crate::venues::wire::Json<'_>, r: &InstrumentRow, id: i64) {
    let qty = r.terms.qty.trimmed();
    let quote_digits = Digits::UpTo(r.terms.price.decimals() + r.terms.qty.decimals());
    j.raw("{\"symbolId\":").int(id);
    j.raw(",\"symbol\":\"").raw(r.terms.symbol.as_str());
    j.raw("\",\"baseCoin\":")
        .text(&r.base)
        .raw(",\"quoteCoin\":")
        .text(&r.quote);
    j.raw(",\"innovation\":\"0\",\"status\":\"Trading\",\"marginTrading\":\"utaOnly\",\"stTag\":\"0\",\"lotSizeFilter\":{\"basePrecision\":");
    j.num_text("basePrecision", r.qty_step.size(), qty);
    j.raw(",\"quotePrecision\":");
    let smallest = r.tick_size.product(r.qty_step).map_or(0.0, Step::size);
    j.num_text("quotePrecision", smallest, quote_digits);
    j.raw(",\"minOrderQty\":")
        .num_text("minOrderQty", r.min_qty.size(), qty);
    j.raw(",\"maxOrderQty\":")
        .num_text("maxOrderQty", r.max_qty, qty);
    j.raw(",\"minOrderAmt\":")
        .num_text("minOrderAmt", r.min_notional, Digits::UpTo(8));
    j.raw(",\"maxOrderAmt\":\"8000000\",\"maxLimitOrderQty\":");
    j.num_text("maxLimitOrderQty", r.max_qty, qty)
        .raw(",\"maxMarketOrderQty\":");
    j.num_text("maxMarketOrderQty", r.max_qty / 2.0, qty);
    j.raw(",\"postOnlyMaxLimitOrderSize\":");
    j.num_text("postOnlyMaxLimitOrderSize", r.max_qty * 5.0, qty);
    j.raw("},\"priceFilter\":{\"tickSize\":");
    j.num_text("tickSize", r.tick_size.size(), r.terms.price.trimmed());
    j.raw("},\"riskParameters\":{\"priceLimitRatioX\":\"0.005\",\"priceLimitRatioY\":\"0.01\"},\"symbolType\":\"\",\"xstockMultiplier\":\"1\"}");
}

/// A settled funding rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FundingRow {
    /// Settlement, milliseconds UTC.
    pub ts_ms: i64,
    /// Rate as a fraction; positive means longs pay.
    pub rate: f64,
}

/// Appends `/v5/market/funding/history`.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_funding_history(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[FundingRow],
    now_ms: i64,
) -> Result<(), WireError> {
    answer(out, now_ms, |j| {
        j.raw("\"category\":\"")
            .raw(terms.category.name())
            .raw("\",\"list\":");
        j.list(rows, |j, r| {
            j.raw("{\"symbol\":\"")
                .raw(terms.symbol.as_str())
                .raw("\",\"fundingRate\":");
            j.num_text("fundingRate", r.rate, Digits::UpTo(8));
            j.raw(",\"fundingRateTimestamp\":")
                .int_text(r.ts_ms)
                .raw("}");
        });
    })
}

/// Open interest at an instant, in the venue's quantity unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OpenInterestRow {
    /// Time, milliseconds UTC.
    pub ts_ms: i64,
    /// Open interest.
    pub open_interest: f64,
}

/// Appends `/v5/market/open-interest`; an empty `cursor` ends the pages.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_open_interest(
    out: &mut Vec<u8>,
    terms: &Terms,
    rows: &[OpenInterestRow],
    cursor: &str,
    now_ms: i64,
) -> Result<(), WireError> {
    answer(out, now_ms, |j| {
        j.raw("\"symbol\":\"").raw(terms.symbol.as_str());
        j.raw("\",\"category\":\"")
            .raw(terms.category.name())
            .raw("\",\"list\":");
        j.list(rows, |j, r| {
            j.raw("{\"openInterest\":");
            j.num_text("openInterest", r.open_interest, Digits::Fixed(8));
            j.raw(",\"timestamp\":").int_text(r.ts_ms).raw("}");
        });
        j.raw(",\"nextPageCursor\":").text(cursor);
    })
}
