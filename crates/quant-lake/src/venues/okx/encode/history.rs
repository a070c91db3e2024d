//! Answers of `GET /api/v5/public/market-data-history`: which archive files there are.

use super::InstType;
use super::names::Module;
use crate::venues::binance::Period;
use crate::venues::wire::{Digits, Json, WireError};

/// Host of the files.
const STATIC_HOST: &str = "https://static.okx.com";

/// One file of the archive.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryFile {
    /// Instrument whose file it is.
    pub inst_id: String,
    /// Day or month.
    pub period: Period,
    /// Size in megabytes.
    pub size_mb: f64,
}

/// The files of one family, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryGroup {
    /// Instrument family (instrument on spot): `BTC-USDT`.
    pub family: String,
    /// Kind of instrument.
    pub inst_type: InstType,
    /// First instant asked for, milliseconds UTC.
    pub start_ms: i64,
    /// Last instant asked for, milliseconds UTC.
    pub end_ms: i64,
    /// Files.
    pub files: Vec<HistoryFile>,
}

/// Appends an answer; groups without files are not shown, and no file at all gives `"details":[]`.
///
/// `host` replaces the venue's own file host, so that a stand-in can serve its own files.
///
/// # Errors
/// `BadNumber`; nothing is appended then.
pub fn push_history(
    out: &mut Vec<u8>,
    module: Module,
    is_monthly: bool,
    groups: &[HistoryGroup],
    host: Option<&str>,
    now_ms: i64,
) -> Result<(), WireError> {
    let megabytes = Digits::UpTo(2);
    let total = |g: &HistoryGroup| g.files.iter().map(|f| f.size_mb).sum::<f64>();
    let mut j = Json::new(out);
    j.raw("{\"code\":\"0\",\"data\":[{\"dateAggrType\":\"");
    j.raw(if is_monthly { "monthly" } else { "daily" });
    j.raw("\",\"details\":");
    let shown = groups.iter().filter(|g| !g.files.is_empty());
    j.list(shown, |j, g| {
        j.raw("{\"dateRangeStart\":").int_text(g.start_ms);
        j.raw(",\"dateRangeEnd\":").int_text(g.end_ms);
        j.raw(",\"groupDetails\":").list(&g.files, |j, f| {
            let file = module.file_name(&f.inst_id, f.period);
            j.raw("{\"dateTs\":").int_text(module.span_ms(f.period).0);
            j.raw(",\"filename\":").text(&file.name);
            j.raw(",\"sizeMB\":")
                .num_text("sizeMB", f.size_mb, megabytes);
            let host = host.unwrap_or(STATIC_HOST);
            j.raw(",\"url\":")
                .text(&format!("{host}/{}/{}", file.folder, file.name));
            j.raw("}");
        });
        j.raw(",\"groupSizeMB\":")
            .num_text("groupSizeMB", total(g), megabytes);
        j.raw(",\"instFamily\":");
        // Spot answers name the instrument, all others the family.
        let is_spot = g.inst_type == InstType::Spot;
        j.text(if is_spot { "" } else { &g.family });
        j.raw(",\"instId\":")
            .text(if is_spot { &g.family } else { "" });
        j.raw(",\"instType\":").text(g.inst_type.name()).raw("}");
    });
    let sum = groups.iter().map(total).sum::<f64>();
    j.raw(",\"totalSizeMB\":")
        .num_text("totalSizeMB", sum, megabytes);
    j.raw(",\"ts\":").int_text(now_ms).raw("}],\"msg\":\"\"}");
    j.finish()
}
