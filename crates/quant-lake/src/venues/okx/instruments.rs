//! Terms of OKX instruments, out of the answer of `/api/v5/public/instruments`, fetched or captured.

use quant_core::units::Step;

use super::encode::InstType;
use super::encode::instruments::ContractType;
use crate::venues::contracts::QtyUnit;
use crate::venues::json::Json;
use crate::venues::json_values::{millis, need, positive, set};
use crate::venues::rows::RowProblem;

type Read<T> = Result<T, RowProblem>;

/// What a contract is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ContractTerms {
    /// `ctType`.
    pub kind: ContractType,
    /// `ctVal`: coins of a linear contract, USD of an inverse one.
    pub ct_val: f64,
    /// `ctMult`, 1 where it is not said.
    pub ct_mult: f64,
}

/// Terms of one instrument.
///
/// # Units
/// `tick_size` quote per base; `lot_size` and `min_size` contracts, coins on spot; times microseconds UTC.
#[derive(Clone, Debug, PartialEq)]
pub struct OkxInstrument {
    /// `instId`.
    pub inst_id: String,
    /// `instType`; `None` for kinds that are not traded here (options, margin).
    pub inst_type: Option<InstType>,
    /// Terms of the contract; `None` on spot.
    pub contract: Option<ContractTerms>,
    /// `tickSz`.
    pub tick_size: Option<Step>,
    /// `lotSz`.
    pub lot_size: Option<Step>,
    /// `minSz`.
    pub min_size: Option<Step>,
    /// `state`: `live`, `suspend`, `preopen` ...
    pub state: String,
    /// `listTime`.
    pub listed: Option<i64>,
    /// `expTime`.
    pub expires: Option<i64>,
}

impl OkxInstrument {
    /// Returns the unit of its quantities; `None` if they are contracts whose worth the answer does not tell.
    pub fn unit(&self) -> Option<QtyUnit> {
        match (self.inst_type?, self.contract) {
            (InstType::Spot, _) => Some(QtyUnit::Base),
            (_, None) => None,
            (_, Some(c)) => {
                let value = c.ct_val * c.ct_mult;
                Some(match c.kind {
                    ContractType::Linear => QtyUnit::Linear { ctval: value },
                    ContractType::Inverse => QtyUnit::Inverse { usd: value },
                })
            }
        }
    }
}

/// Reads every instrument of an answer.
///
/// # Errors
/// The answer is not one of this route, the venue refused (`code` other than 0), or terms contradict themselves.
pub fn instruments(body: &[u8]) -> Read<Vec<OkxInstrument>> {
    let mut out = Vec::new();
    visit(body, |item| {
        out.push(read(item)?);
        Ok(())
    })?;
    Ok(out)
}

/// Reads one instrument of an answer; `None` if it is not in it. The others are not looked at.
///
/// # Errors
/// As [`instruments`].
pub fn find_instrument(body: &[u8], inst_id: &str) -> Read<Option<OkxInstrument>> {
    let mut found = None;
    visit(body, |item| {
        if memchr::memmem::find(item, inst_id.as_bytes()).is_some() {
            let terms = read(item)?;
            if terms.inst_id == inst_id {
                found = Some(terms);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `f` with the text of every row.
fn visit(body: &[u8], mut f: impl FnMut(&[u8]) -> Read<()>) -> Read<()> {
    let mut json = Json::new(body);
    json.object()?;
    let (mut code, mut data) = (None, None);
    while let Some(key) = json.key()? {
        match key {
            b"code" => set(&mut code, "code", json.number_text()?)?,
            b"data" => set(&mut data, "data", json.value()?)?,
            _ => json.skip()?,
        }
    }
    json.end()?;
    if need(code, "code")? != b"0" {
        return Err(RowProblem::UnknownName {
            column: "code",
            expected: "0: the venue refused",
        });
    }
    let mut json = Json::new(need(data, "data")?);
    json.array()?;
    while json.element()? {
        f(json.value()?)?;
    }
    Ok(())
}

fn read(item: &[u8]) -> Read<OkxInstrument> {
    let mut json = Json::new(item);
    json.object()?;
    let (mut inst_id, mut inst_type, mut state) = (None, None, None);
    let (mut kind, mut ct_val, mut ct_mult) = (None, None, None);
    let (mut tick, mut lot, mut min) = (None, None, None);
    let (mut listed, mut expires) = (None, None);
    while let Some(key) = json.key()? {
        match key {
            b"instId" => set(&mut inst_id, "instId", text(&mut json)?)?,
            b"instType" => set(&mut inst_type, "instType", text(&mut json)?)?,
            b"state" => set(&mut state, "state", text(&mut json)?)?,
            b"ctType" => set(&mut kind, "ctType", text(&mut json)?)?,
            b"ctVal" => set(
                &mut ct_val,
                "ctVal",
                optional(&mut json, "ctVal", positive)?,
            )?,
            b"ctMult" => set(
                &mut ct_mult,
                "ctMult",
                optional(&mut json, "ctMult", positive)?,
            )?,
            b"tickSz" => set(&mut tick, "tickSz", step(&mut json)?)?,
            b"lotSz" => set(&mut lot, "lotSz", step(&mut json)?)?,
            b"minSz" => set(&mut min, "minSz", step(&mut json)?)?,
            b"listTime" => set(
                &mut listed,
                "listTime",
                optional(&mut json, "listTime", millis)?,
            )?,
            b"expTime" => set(
                &mut expires,
                "expTime",
                optional(&mut json, "expTime", millis)?,
            )?,
            _ => json.skip()?,
        }
    }
    let kind = match kind.as_deref() {
        Some("linear") => Some(ContractType::Linear),
        Some("inverse") => Some(ContractType::Inverse),
        _ => None,
    };
    let contract = match (kind, ct_val.flatten()) {
        (Some(kind), Some(ct_val)) => Some(ContractTerms {
            kind,
            ct_val,
            ct_mult: ct_mult.flatten().unwrap_or(1.0),
        }),
        _ => None,
    };
    Ok(OkxInstrument {
        inst_id: need(inst_id, "instId")?,
        inst_type: inst_type.as_deref().and_then(InstType::from_name),
        contract,
        tick_size: tick.flatten(),
        lot_size: lot.flatten(),
        min_size: min.flatten(),
        state: state.unwrap_or_default(),
        listed: listed.flatten(),
        expires: expires.flatten(),
    })
}

fn text(json: &mut Json<'_>) -> Read<String> {
    Ok(String::from_utf8_lossy(json.string()?).into_owned())
}

/// Reads a field that the venue leaves empty where it means nothing.
fn optional<T>(
    json: &mut Json<'_>,
    column: &'static str,
    read: impl Fn(&mut Json<'_>, &'static str) -> Read<T>,
) -> Read<Option<T>> {
    let mut ahead = json.clone();
    if json.null() || ahead.string().is_ok_and(<[u8]>::is_empty) {
        if ahead.position() > json.position() {
            *json = ahead;
        }
        return Ok(None);
    }
    read(json, column).map(Some)
}

fn step(json: &mut Json<'_>) -> Read<Option<Step>> {
    let text = json.number_text()?;
    Ok(core::str::from_utf8(text).ok().and_then(|t| t.parse().ok()))
}

#[cfg(test)]
mod tests;
