//! Pages of REST answers: one body in, typed rows out, and what a pager needs to know to ask for the next one.
//!
//! A page file holds one body per line in the order they were asked for, each optionally after the nanoseconds at which it was
//! received and a space (as in recordings); [`PageMessages`] reads it as messages. What a body means is the venue's
//! (`venues/<venue>/pages.rs`); what to ask next is the caller's.

use serde_json::Value;

use super::number::{parse_decimal, parse_integer};
use super::records::{
    AggTrade, FundingRow, IndexKline, Kline, MarkKline, OpenInterestRow, PremiumKline, Record,
    TradeRow, Ts,
};
use super::row_values::MAX_POSITIVE;
use super::rows::RowProblem;
use super::tables::{MessageFormat, Tables};
use crate::schema::Dataset;

/// Why a body is not the page it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not the JSON shape of the route.
    #[error(
        "not a page of {route}: expected {expected}, found `{found}`\nhint: the venue changed the route, or another program answers at this address"
    )]
    Shape {
        /// The route.
        route: &'static str,
        /// What belongs there.
        expected: &'static str,
        /// Start of what came.
        found: String,
    },
    /// The venue answered with an error of its own.
    #[error("{route} answered with code {code}: {msg}")]
    Venue {
        /// The route.
        route: &'static str,
        /// The venue's code.
        code: String,
        /// The venue's text.
        msg: String,
    },
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// The row as the venue wrote it.
    pub text: String,
    /// Why.
    pub problem: RowProblem,
}

/// What a pager needs to know of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Rows on the page, usable or not.
    pub rows: usize,
    /// Smallest time, microseconds.
    pub first_ts: Option<i64>,
    /// Largest time, microseconds.
    pub last_ts: Option<i64>,
    /// Smallest id.
    pub first_id: Option<i64>,
    /// Largest id.
    pub last_id: Option<i64>,
    /// Where the venue says the next page begins, in the venue's own unit.
    pub next: Option<i64>,
}

/// Usable rows of one page, in the order of the page.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "one variant per dataset")]
pub enum Rows {
    Klines(Vec<Kline>),
    MarkKlines(Vec<MarkKline>),
    PremiumKlines(Vec<PremiumKline>),
    IndexKlines(Vec<IndexKline>),
    AggTrades(Vec<AggTrade>),
    Trades(Vec<TradeRow>),
    Funding(Vec<FundingRow>),
    OpenInterest(Vec<OpenInterestRow>),
}

impl Rows {
    /// Returns the number of rows.
    pub const fn len(&self) -> usize {
        match self {
            Self::Klines(rows) => rows.len(),
            Self::MarkKlines(rows) => rows.len(),
            Self::PremiumKlines(rows) => rows.len(),
            Self::IndexKlines(rows) => rows.len(),
            Self::AggTrades(rows) => rows.len(),
            Self::Trades(rows) => rows.len(),
            Self::Funding(rows) => rows.len(),
            Self::OpenInterest(rows) => rows.len(),
        }
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A record that pages hold.
pub trait PageRow: Record {
    /// Wraps rows.
    fn wrap(rows: Vec<Self>) -> Rows;
}

macro_rules! page_rows {
    ($($row:ty => $variant:ident),+ $(,)?) => {$(
        impl PageRow for $row {
            fn wrap(rows: Vec<Self>) -> Rows {
                Rows::$variant(rows)
            }
        }
    )+};
}
page_rows! {
    Kline => Klines, MarkKline => MarkKlines, PremiumKline => PremiumKlines, IndexKline => IndexKlines,
    AggTrade => AggTrades, TradeRow => Trades, FundingRow => Funding, OpenInterestRow => OpenInterest,
}

/// One page, read.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Usable rows.
    pub rows: Rows,
    /// Rows that are not final yet (a bar still forming) and are left out.
    pub forming: u64,
    /// Rows that cannot be used.
    pub bad: Vec<BadRow>,
    /// For the pager.
    pub span: Span,
}

impl Page {
    /// Reads each item as a row and whether it is final.
    pub(crate) fn read<R: PageRow>(
        items: &[Value],
        mut read: impl FnMut(&Value) -> Result<(R, bool), RowProblem>,
    ) -> Self {
        let mut rows = Vec::with_capacity(items.len());
        let (mut bad, mut forming) = (Vec::new(), 0);
        let mut span = Span {
            rows: items.len(),
            ..Span::default()
        };
        for item in items {
            match read(item) {
                Ok((row, is_final)) => {
                    widen(&mut span.first_ts, &mut span.last_ts, row.ts());
                    if let Some(id) = row.unique_id() {
                        widen(&mut span.first_id, &mut span.last_id, id);
                    }
                    if is_final {
                        rows.push(row);
                    } else {
                        forming += 1;
                    }
                }
                Err(problem) => bad.push(BadRow {
                    text: item.to_string(),
                    problem,
                }),
            }
        }
        Self {
            rows: R::wrap(rows),
            forming,
            bad,
            span,
        }
    }
}

fn widen(first: &mut Option<i64>, last: &mut Option<i64>, value: i64) {
    *first = Some(first.map_or(value, |f| f.min(value)));
    *last = Some(last.map_or(value, |l| l.max(value)));
}

/// Reads the bodies of one route.
pub trait PageFormat: Send {
    /// Returns the dataset of its rows.
    fn dataset(&self) -> Dataset;

    /// Reads one body; `received_us` is known if the page file says so.
    ///
    /// # Errors
    /// The body is another thing than a page of this route.
    fn page(&mut self, body: &[u8], received_us: Option<i64>) -> Result<Page, PageError>;
}

/// Reads page files as messages: one body per line.
pub struct PageMessages(pub Box<dyn PageFormat>);

impl core::fmt::Debug for PageMessages {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "pages of {}", self.0.dataset())
    }
}

impl MessageFormat for PageMessages {
    fn name(&self) -> &'static str {
        "REST pages"
    }

    fn message(&mut self, line: &[u8], out: &mut Tables) -> Result<(), RowProblem> {
        let (received_us, body) = split_received(line);
        let page = self
            .0
            .page(body, received_us)
            .map_err(|_| RowProblem::UnknownName {
                column: "page",
                expected: "the JSON of the venue's route",
            })?;
        let dataset = self.0.dataset();
        match page.rows {
            Rows::Klines(rows) => rows.into_iter().for_each(|row| out.kline(row)),
            Rows::MarkKlines(rows) => rows.into_iter().for_each(|row| out.mark_kline(row)),
            Rows::PremiumKlines(rows) => rows.into_iter().for_each(|row| out.premium_kline(row)),
            Rows::IndexKlines(rows) => rows.into_iter().for_each(|row| out.index_kline(row)),
            Rows::AggTrades(rows) => rows.into_iter().for_each(|row| out.agg_trade(row)),
            Rows::Trades(rows) => rows.into_iter().for_each(|row| out.trade(row)),
            Rows::Funding(rows) => rows.into_iter().for_each(|row| out.funding(row)),
            Rows::OpenInterest(rows) => rows.into_iter().for_each(|row| out.open_interest(row)),
        }
        for bad in page.bad {
            out.refuse(dataset, bad.text.as_bytes(), bad.problem);
        }
        if page.forming > 0 {
            out.leave_out(dataset, page.forming);
            out.diagnose(dataset, "forming_bars_left_out", page.forming);
        }
        Ok(())
    }
}

/// Splits `<received ns> <body>`; a body alone has no time.
pub fn split_received(line: &[u8]) -> (Option<i64>, &[u8]) {
    let digits = line.iter().take_while(|b| b.is_ascii_digit()).count();
    match (digits, line.get(digits)) {
        (16..=19, Some(b' ')) => match parse_integer(&line[..digits]) {
            Some(ns) => (Some(ns.div_euclid(1_000)), &line[digits + 1..]),
            None => (None, line),
        },
        _ => (None, line),
    }
}

/// Parses a body.
pub(crate) fn json(body: &[u8], route: &'static str) -> Result<Value, PageError> {
    serde_json::from_slice(body).map_err(|_| shape(route, "JSON", body))
}

/// Returns the error of a body of another shape.
pub(crate) fn shape(route: &'static str, expected: &'static str, body: &[u8]) -> PageError {
    let text = String::from_utf8_lossy(&body[..body.len().min(200)]);
    PageError::Shape {
        route,
        expected,
        found: text.escape_debug().to_string(),
    }
}

/// Returns the rows of `{"code":"0","msg":"","data":[...]}`; the code may be a number.
pub(crate) fn enveloped(body: &[u8], route: &'static str) -> Result<Value, PageError> {
    let mut value = json(body, route)?;
    let code = match value.get("code") {
        Some(Value::String(code)) => code.clone(),
        Some(Value::Number(code)) => code.to_string(),
        _ => return Err(shape(route, "an envelope with a code", body)),
    };
    if code != "0" {
        let msg = value.get("msg").and_then(Value::as_str).unwrap_or("");
        return Err(PageError::Venue {
            route,
            code,
            msg: msg.to_owned(),
        });
    }
    Ok(value["data"].take())
}

/// Returns the items of a list.
pub(crate) fn list<'a>(
    value: &'a Value,
    route: &'static str,
    body: &[u8],
) -> Result<&'a [Value], PageError> {
    match value {
        Value::Array(items) => Ok(items),
        // Venues write null for nothing.
        Value::Null => Ok(&[]),
        _ => Err(shape(route, "a list of rows", body)),
    }
}

// ---- values -----------------------------------------------------------------------------------------------------

/// Reads a number, bare or in quotes; -0 becomes 0.
pub(crate) fn number(value: &Value, column: &'static str) -> Result<f64, RowProblem> {
    let read = match value {
        Value::String(text) => parse_decimal(text.as_bytes()),
        Value::Number(n) => n.as_f64().filter(|x| x.is_finite()),
        _ => None,
    };
    read.map(|x| x + 0.0)
        .ok_or(RowProblem::NotANumber { column })
}

/// Reads a number above zero.
pub(crate) fn positive(value: &Value, column: &'static str) -> Result<f64, RowProblem> {
    let x = number(value, column)?;
    let required = if x > MAX_POSITIVE {
        "at most 1e15"
    } else if x > 0.0 {
        return Ok(x);
    } else {
        "positive"
    };
    Err(RowProblem::BadSign { column, required })
}

/// Reads a number of at least zero.
pub(crate) fn not_negative(value: &Value, column: &'static str) -> Result<f64, RowProblem> {
    let x = number(value, column)?;
    if x >= 0.0 {
        Ok(x)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "not negative",
        })
    }
}

/// Reads an integer, bare or in quotes.
pub(crate) fn integer(value: &Value, column: &'static str) -> Result<i64, RowProblem> {
    let read = match value {
        Value::String(text) => parse_integer(text.as_bytes()),
        Value::Number(n) => n.as_i64(),
        _ => None,
    };
    read.ok_or(RowProblem::NotAnInteger { column })
}

/// Reads an id or count of at least zero.
pub(crate) fn count(value: &Value, column: &'static str) -> Result<i64, RowProblem> {
    let n = integer(value, column)?;
    if n >= 0 {
        Ok(n)
    } else {
        Err(RowProblem::BadSign {
            column,
            required: "not negative",
        })
    }
}

/// Reads milliseconds of 13 digits.
pub(crate) fn millis(value: &Value, column: &'static str) -> Result<Ts, RowProblem> {
    let ms = integer(value, column)?;
    if (1_000_000_000_000..10_000_000_000_000).contains(&ms) {
        Ok(Ts(ms * 1_000))
    } else {
        Err(RowProblem::NotATime {
            column,
            expected: "13 digits of milliseconds",
        })
    }
}

/// Reads seconds of 10 digits.
pub(crate) fn seconds(value: &Value, column: &'static str) -> Result<Ts, RowProblem> {
    let s = integer(value, column)?;
    if (1_000_000_000..10_000_000_000).contains(&s) {
        Ok(Ts(s * 1_000_000))
    } else {
        Err(RowProblem::NotATime {
            column,
            expected: "10 digits of seconds",
        })
    }
}

/// Returns the cells of a row that is a list of at least `expected`.
pub(crate) fn cells(item: &Value, expected: usize) -> Result<&[Value], RowProblem> {
    let found = item.as_array().map_or(0, Vec::len);
    match item.as_array() {
        Some(cells) if found >= expected => Ok(cells),
        _ => Err(RowProblem::FieldCount { expected, found }),
    }
}

/// Refuses a row that names another symbol; a row that names none is taken.
pub(crate) fn same_symbol(item: &Value, field: &str, symbol: &str) -> Result<(), RowProblem> {
    match item.get(field).and_then(Value::as_str) {
        Some(found) if found != symbol => Err(RowProblem::OtherSymbol {
            expected: symbol.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Sets the hours between settlements from the distance to the settlement before: a whole number of hours from 1 to 24,
/// a minute of jitter allowed.
///
/// Rows may come in any order; the oldest one of a page keeps what it has.
pub(crate) fn set_intervals(rows: &mut [FundingRow]) {
    let mut times: Vec<i64> = rows.iter().map(|r| r.ts_event.0).collect();
    times.sort_unstable();
    for row in rows.iter_mut().filter(|r| r.interval_h.is_none()) {
        let at = times.partition_point(|&t| t < row.ts_event.0);
        let Some(before) = at.checked_sub(1).map(|i| times[i]) else {
            continue;
        };
        let hour = quant_core::time::MICROS_PER_HOUR;
        let apart = row.ts_event.0 - before;
        let hours = (apart + hour / 2).div_euclid(hour);
        let jitter = (apart - hours * hour).abs();
        if (1..=24).contains(&hours) && jitter <= 60_000_000 {
            row.interval_h = i32::try_from(hours).ok();
        }
    }
}

#[cfg(test)]
mod tests;
