//! `GET /api/v5/public/instruments`.

use quant_core::units::Step;

use super::{InstType, Terms};
use crate::venues::wire::{Digits, Json, WireError};

/// Direction of a contract: what its face value is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContractType {
    /// Face value in coins, settled in quote currency.
    Linear,
    /// Face value in USD, settled in coins.
    Inverse,
}

/// What one contract is worth: coin amount = contracts * `ct_val` * `ct_mult` on linear ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Direction.
    pub kind: ContractType,
    /// Face value of a contract.
    pub ct_val: f64,
    /// Multiplier.
    pub ct_mult: f64,
    /// Currency of the face value.
    pub ct_val_ccy: String,
    /// Currency of settlement.
    pub settle_ccy: String,
    /// Expiry of a dated future, milliseconds UTC.
    pub expiry_ms: Option<i64>,
}

/// One instrument.
#[derive(Clone, Debug, PartialEq)]
pub struct InstrumentRow {
    /// Name, kind and decimals.
    pub terms: Terms,
    /// Base currency.
    pub base: String,
    /// Quote currency.
    pub quote: String,
    /// Terms of the contract; `None` on spot.
    pub contract: Option<Contract>,
    /// Largest leverage.
    pub lever: u32,
    /// Time of its listing, milliseconds UTC.
    pub list_ms: i64,
    /// Quantity step.
    pub lot_size: Step,
    /// Smallest quantity.
    pub min_size: Step,
    /// Price step.
    pub tick_size: Step,
    /// Largest limit order, in the venue's quantity unit.
    pub max_limit: f64,
    /// Largest market order.
    pub max_market: f64,
}

/// Appends the answer.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_instruments(out: &mut Vec<u8>, rows: &[InstrumentRow]) -> Result<(), WireError> {
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"data\":").list(rows, instrument);
    j.raw(",\"msg\":\"\"}");
    j.finish()
}

fn instrument(j: &mut Json<'_>, r: &InstrumentRow) {
    let is_spot = r.terms.inst_type == InstType::Spot;
    let contract = r.contract.as_ref();
    let value = |j: &mut Json<'_>, key: &'static str, value: Option<f64>| {
        j.raw(",\"").raw(key).raw("\":");
        match value {
            Some(value) => j.num_text(key, value, Digits::UpTo(12)),
            None => j.raw("\"\""),
        };
    };
    // The venue leaves base and quote of contracts empty: the underlying names them.
    j.raw("{\"alias\":\"\",\"baseCcy\":")
        .text(if is_spot { &r.base } else { "" });
    j.raw(",\"category\":\"1\"");
    value(j, "ctMult", contract.map(|c| c.ct_mult));
    j.raw(",\"ctType\":\"").raw(match contract.map(|c| c.kind) {
        None => "",
        Some(ContractType::Linear) => "linear",
        Some(ContractType::Inverse) => "inverse",
    });
    j.raw("\"");
    value(j, "ctVal", contract.map(|c| c.ct_val));
    j.raw(",\"ctValCcy\":")
        .text(contract.map_or("", |c| &c.ct_val_ccy));
    j.raw(",\"expTime\":");
    match contract.and_then(|c| c.expiry_ms) {
        Some(ms) => j.int_text(ms),
        None => j.raw("\"\""),
    };
    let family = if is_spot { "" } else { r.terms.family() };
    j.raw(",\"instFamily\":").text(family);
    j.raw(",\"instId\":").text(&r.terms.inst_id);
    j.raw(",\"instType\":").text(r.terms.inst_type.name());
    j.raw(",\"lever\":").int_text(i64::from(r.lever));
    j.raw(",\"listTime\":").int_text(r.list_ms);
    value(j, "lotSz", Some(r.lot_size.size()));
    value(j, "maxIcebergSz", Some(r.max_limit));
    value(j, "maxLmtSz", Some(r.max_limit));
    value(j, "maxMktSz", Some(r.max_market));
    value(j, "maxStopSz", Some(r.max_market));
    value(j, "maxTriggerSz", Some(r.max_limit));
    value(j, "maxTwapSz", Some(r.max_limit));
    value(j, "minSz", Some(r.min_size.size()));
    j.raw(",\"optType\":\"\",\"quoteCcy\":");
    j.text(if is_spot { &r.quote } else { "" });
    j.raw(",\"ruleType\":\"normal\",\"settleCcy\":");
    j.text(contract.map_or("", |c| &c.settle_ccy));
    j.raw(",\"state\":\"live\",\"stk\":\"\"");
    value(j, "tickSz", Some(r.tick_size.size()));
    j.raw(",\"uly\":").text(family).raw("}");
}
