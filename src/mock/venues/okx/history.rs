//! `market-data-history`: which archive files there are, and the venue's own refusals of long ranges.

use quant_core::time::Day;
use quant_lake::venues::binance::Period;
use quant_lake::venues::okx::encode::InstType;
use quant_lake::venues::okx::encode::history::{HistoryFile, HistoryGroup, push_history};
use quant_lake::venues::okx::encode::names::{Module, archive_id};
use quant_lake::venues::okx::encode::rest::RANGE_ERROR;

use super::Okx;
use super::rest::{Page, Refusal, bad_parameter};
use crate::mock::venue::{Request, RestCx};
use crate::mock::venues::parts::{int, ms};

/// Most days of a daily request. The document says 20; eleven days are refused already.
const MAX_DAYS: i32 = 10;
/// Most months of a monthly request.
const MAX_MONTHS: i32 = 20;
/// Most instruments or families of a request.
const MAX_NAMES: usize = 10;
/// Bytes of the venue's megabyte.
const MEGABYTE: f64 = 1_048_576.0;

/// Answers a request; files are those of the served archive folder.
pub(super) fn answer(_: &Okx, request: &Request<'_>, cx: &RestCx<'_>) -> Page {
    let query = request.query;
    let number = int(query, "module")?.and_then(|n| u8::try_from(n).ok());
    let Some(module) = number.and_then(Module::from_number) else {
        return bad_parameter("module");
    };
    let Some(inst_type) = query.get("instType").and_then(InstType::from_name) else {
        return bad_parameter("instType");
    };
    let is_monthly = match query.get("dateAggrType") {
        Some("daily") => false,
        Some("monthly") => true,
        _ => return bad_parameter("dateAggrType"),
    };
    let list = if inst_type == InstType::Spot {
        "instIdList"
    } else {
        "instFamilyList"
    };
    let names: Vec<&str> = match query.get(list) {
        None | Some("") => return bad_parameter(list),
        Some(text) => text.split(',').map(str::trim).collect(),
    };
    let is_any = names == ["ANY"];
    // One file of all swaps per day, so that a family alone cannot be asked for by the day.
    let has_any = !is_monthly && module.is_hong_kong();
    let bad_names = names.len() > MAX_NAMES || (is_any && !has_any);
    if bad_names || (module == Module::Funding && !is_monthly && !is_any) {
        return bad_parameter(list);
    }
    if module == Module::Book50 && is_monthly {
        return bad_parameter("dateAggrType");
    }
    let (Some(begin), Some(end)) = (int(query, "begin")?, int(query, "end")?) else {
        return bad_parameter("begin");
    };
    let (first, last) = (module.day_of(begin), module.day_of(end));
    let months = |day: Day| {
        let (y, m, _) = day.ymd();
        y * 12 + i32::try_from(m).unwrap_or(1)
    };
    let is_long = if is_monthly {
        months(last) - months(first) >= MAX_MONTHS
    } else {
        last.0 - first.0 >= MAX_DAYS
    };
    if last < first || is_long {
        let text = "The time range is out of the limit".to_owned();
        return Err(Refusal(400, RANGE_ERROR, text));
    }
    let periods = periods(first, last, is_monthly);
    let groups: Vec<HistoryGroup> = names
        .iter()
        .map(|name| HistoryGroup {
            family: (*name).to_owned(),
            inst_type,
            start_ms: begin,
            end_ms: end,
            files: files(cx, module, &inst_id(name, inst_type, is_any), &periods),
        })
        .collect();
    let mut out = Vec::new();
    push_history(
        &mut out,
        module,
        is_monthly,
        &groups,
        Some(cx.base_url),
        ms(cx.now),
    )?;
    Ok(out)
}

/// Days or months from the last to the first.
fn periods(first: Day, last: Day, is_monthly: bool) -> Vec<Period> {
    let mut out: Vec<Period> = Vec::new();
    for day in (first.0..=last.0).rev().map(Day) {
        let period = if is_monthly {
            Period::month_of(day)
        } else {
            Period::Day(day)
        };
        if out.last() != Some(&period) {
            out.push(period);
        }
    }
    out
}

/// Returns the instrument whose files a name stands for: the swap of a family, the chain of its futures.
fn inst_id(name: &str, inst_type: InstType, is_any: bool) -> String {
    match inst_type {
        _ if is_any => String::new(),
        InstType::Spot => name.to_owned(),
        InstType::Swap => format!("{name}-SWAP"),
        InstType::Futures => archive_id(&format!("{name}-0"), inst_type),
    }
}

fn files(cx: &RestCx<'_>, module: Module, inst_id: &str, periods: &[Period]) -> Vec<HistoryFile> {
    let Some(archive) = cx.archive else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for period in periods {
        let file = module.file_name(inst_id, *period);
        let path = format!("{}/{}", file.folder, file.name);
        for entry in archive.list(&path) {
            if entry.path == path {
                out.push(HistoryFile {
                    inst_id: inst_id.to_owned(),
                    period: *period,
                    size_mb: entry.bytes as f64 / MEGABYTE,
                });
            }
        }
    }
    out
}
