//! Which stretches of days are still to be asked, and in how small pieces.

use quant_core::market::{InstrumentKey, Market};
use quant_core::time::Day;
use quant_lake::venues::okx::encode::InstType;
use quant_lake::venues::okx::encode::names::Module;

use crate::rest::governor::OKX_HISTORY;
use crate::rest::request::Request;

/// Days of one request: the document says 20, eleven are refused already.
const MAX_DAYS: i32 = 10;
const DAY_MS: i64 = 86_400_000;

/// Returns the venue's kind of an instrument: dated contracts of `--market swap` are futures there.
pub fn inst_type_of(key: &InstrumentKey) -> InstType {
    match key.market {
        Market::Spot => InstType::Spot,
        _ if key.symbol.as_str().ends_with("-SWAP") => InstType::Swap,
        _ => InstType::Futures,
    }
}

/// Returns what files are listed by: the pair of spot, else the family (`BTC-USD` of `BTC-USD-SWAP` and `BTC-USD-220527`).
fn family_of(symbol: &str, kind: InstType) -> &str {
    match kind {
        InstType::Spot => symbol,
        InstType::Swap | InstType::Futures => symbol.rsplit_once('-').map_or(symbol, |(f, _)| f),
    }
}

/// Asks for stretches of days, oldest first; a stretch that is too long is asked for in halves.
#[derive(Debug)]
pub struct HistQuery {
    kind: &'static str,
    list: &'static str,
    name: String,
    module: Module,
    is_monthly: bool,
    /// Stretches to ask, the next one last.
    left: Vec<(Day, Day)>,
}

impl HistQuery {
    /// Returns the query for the files of these days (ascending, by the calendar of the product).
    pub fn new(key: &InstrumentKey, module: Module, days: &[Day]) -> Self {
        let kind = inst_type_of(key);
        let list = match kind {
            InstType::Spot => "instIdList",
            InstType::Swap | InstType::Futures => "instFamilyList",
        };
        // One daily file holds the funding of all swaps, and only as that it can be asked for.
        let name = if module == Module::Funding {
            "ANY"
        } else {
            family_of(key.symbol.as_str(), kind)
        };
        let mut left: Vec<(Day, Day)> = Vec::new();
        for &day in days {
            match left.last_mut() {
                Some((first, last)) if last.0 + 1 == day.0 && day.0 - first.0 < MAX_DAYS => {
                    *last = day;
                }
                _ => left.push((day, day)),
            }
        }
        left.reverse();
        Self {
            kind: kind.name(),
            list,
            name: name.to_owned(),
            module,
            is_monthly: false,
            left,
        }
    }

    /// Returns the query for the monthly file that holds a day.
    pub fn month(key: &InstrumentKey, module: Module, day: Day) -> Self {
        Self {
            is_monthly: true,
            ..Self::new(key, module, &[day])
        }
    }

    /// Returns the next request and the days it asks for.
    pub fn next_request(&self) -> Option<(Request, (Day, Day))> {
        let (first, last) = *self.left.last()?;
        // Only the date counts, by whichever calendar: noon of UTC+8 is the same date in both.
        let noon = |day: Day| i64::from(day.0) * DAY_MS + DAY_MS / 2 - DAY_MS / 3;
        let request = Request::get("/api/v5/public/market-data-history", OKX_HISTORY, 1)
            .with("module", self.module.number())
            .with("instType", self.kind)
            .with(self.list, &self.name)
            .with(
                "dateAggrType",
                if self.is_monthly { "monthly" } else { "daily" },
            )
            .with("begin", noon(first))
            .with("end", noon(last));
        Some((request, (first, last)))
    }

    /// The last request was answered.
    pub fn answered(&mut self) {
        self.left.pop();
    }

    /// The last request was too long: asks for it in two halves; false if it was a single day.
    pub fn halve(&mut self) -> bool {
        match self.left.pop() {
            Some((first, last)) if first < last => {
                let middle = Day(first.0 + (last.0 - first.0) / 2);
                self.left.push((middle.plus(1), last));
                self.left.push((first, middle));
                true
            }
            Some(single) => {
                self.left.push(single);
                false
            }
            None => false,
        }
    }
}
