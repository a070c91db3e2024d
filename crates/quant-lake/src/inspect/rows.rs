//! Files of rows: Binance Vision, Bybit trades, OKX trades, candles and funding.

use std::collections::BTreeMap;

use quant_core::market::{Exchange, Instrument, InstrumentKey, Market, Symbol, Venue};
use quant_core::time::{TimeRange, UnixMicros};
use quant_core::units::Step;

use super::batches::BatchMeter;
use super::channels::ChannelSummary;
use super::input::{self, Ended, Head};
use super::report::{Column, Inspection};
use super::{Subject, exchange_of, first_line};
use crate::schema::Dataset;
use crate::sniff::RowsFile;
use crate::venues::binance::Period;
use crate::venues::number::parse_decimal;
use crate::venues::rows::{FileTotals, ParseError, ParseOptions, RowParser, Totals};
use crate::venues::{binance, bybit, okx};

/// Instruments of a shared file that are counted apart.
const MAX_NAMES: usize = 10_000;

/// Refused rows that are named.
const NAMED_ROWS: usize = 3;

pub(super) fn inspect(subject: &Subject<'_>, head: &Head, found: &RowsFile, out: &mut Inspection) {
    out.exchange = Some(exchange_of(subject, found.venue));
    if let Some((market, by)) = &found.market {
        out.market = Some(market.name().to_owned());
        out.market_by = Some(by.clone());
    }
    if let Some((symbol, by)) = &found.symbol {
        out.symbol = Some(symbol.clone());
        out.symbol_by = Some(by.clone());
    }
    out.period = subject.facts.period.map(|p| p.to_string());
    out.header = Some(found.header);
    out.columns = columns(found);
    let venue = match found.venue {
        Venue::Binance => "Binance Vision",
        Venue::Okx => "OKX archive",
        _ => "Bybit archive",
    };
    let names: Vec<&str> = found.datasets.iter().map(|d| d.name()).collect();
    out.format = format!("{venue}, {}", names.join(" or "));
    if names.len() > 1 {
        out.note("all kinds of klines have these columns: only folder or name could tell which one it is; read as klines_1m".to_owned());
    }
    let Some(&dataset) = found.datasets.first() else {
        return;
    };
    if found.venue == Venue::Okx {
        explain_okx(subject, dataset, out);
        instruments(subject, head, found, out);
    }
    let market = match (&found.market, found.venue) {
        (Some((market, _)), _) => *market,
        (None, _) => Market::Um,
    };
    let symbol = found.symbol.as_ref().map_or("UNKNOWN", |(s, _)| s.as_str());
    let Ok(symbol) = symbol.parse::<Symbol>() else {
        return out.fail("instrument", "its name is no symbol");
    };
    let worth = contract_worth(head, found);
    if let Some(worth) = worth.filter(|_| market == Market::Swap) {
        out.note(format!(
            "a contract is worth {worth} by `vol` and `vol_ccy` of its first rows"
        ));
    }
    let make = |parse: ParseOptions| {
        let terms = contracts(found.venue, market, &symbol).map(|mut terms| {
            terms.contract_value = worth.unwrap_or(1.0);
            terms
        });
        match found.venue {
            Venue::Binance => {
                let terms = binance::Terms::new(market, &symbol, terms.as_ref());
                binance::parser(dataset, &terms, parse)
            }
            Venue::Okx => okx::parser(dataset, market, &symbol, terms.as_ref(), parse),
            _ => bybit::parser(dataset, market, &symbol, terms.as_ref(), parse),
        }
        .map_err(|e| first_line(&e.to_string()))
    };
    let numbered = found.venue != Venue::Bybit;
    run(subject, head, &[dataset], numbered, &make, out);
    inside_period(subject, out);
}

/// Returns terms under which contracts are counted as they are: sums are of the raw quantity then.
pub(super) fn contracts(venue: Venue, market: Market, symbol: &Symbol) -> Option<Instrument> {
    let one: Step = "1".parse().ok()?;
    Some(Instrument {
        key: InstrumentKey {
            exchange: Exchange {
                venue,
                simulated: false,
            },
            market,
            symbol: symbol.clone(),
        },
        valid_from: UnixMicros(0),
        valid_to: None,
        tick_size: one,
        lot_size: one,
        min_notional: 0.0,
        contract_value: 1.0,
        inverse: matches!(market, Market::Cm | Market::Inverse)
            || (market == Market::Swap && symbol.as_str().contains("-USD-")),
        funding_interval_h: None,
        maker_bps: 0.0,
        taker_bps: 0.0,
        onboard: None,
        delist: None,
        source: String::new(),
    })
}

/// Returns what a contract is worth by the candles themselves, which state volumes in contracts and in coins: a power of
/// ten as all of the venue's are, in coins (linear) or dollars (inverse).
fn contract_worth(head: &Head, found: &RowsFile) -> Option<f64> {
    let at = |name: &str| found.columns.iter().position(|c| c == name);
    let (vol, coins, close) = (at("vol")?, at("vol_ccy")?, at("close")?);
    let inverse = found
        .symbol
        .as_ref()
        .is_some_and(|(s, _)| s.contains("-USD-"));
    let lines = head.bytes.split(|b| *b == b'\n');
    let worth = lines.skip(1).find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b',').collect();
        let number = |i: usize| fields.get(i).and_then(|f| parse_decimal(f));
        let (vol, coins, close) = (number(vol)?, number(coins)?, number(close)?);
        let worth = if inverse {
            coins * close / vol
        } else {
            coins / vol
        };
        (worth.is_finite() && worth > 0.0).then_some(worth)
    })?;
    let powers = (-10_i32..=10).filter_map(|n| format!("1e{n}").parse::<f64>().ok());
    let mut near = powers.filter(|p| (worth / p - 1.0).abs() < 0.05);
    Some(near.next().unwrap_or(worth))
}

/// Makes a parser, or says why there is none.
pub(super) type Make<'a> = dyn Fn(ParseOptions) -> Result<Box<dyn RowParser>, String> + 'a;

/// Runs a file through a parser, again in any order if its rows are not in time order, and books what came out.
pub(super) fn run(
    subject: &Subject<'_>,
    head: &Head,
    datasets: &[Dataset],
    numbered: bool,
    make: &Make<'_>,
    out: &mut Inspection,
) -> Option<FileTotals> {
    let mut collect: Vec<Dataset> = Vec::new();
    loop {
        let parse = ParseOptions {
            file: subject.name.clone(),
            range: TimeRange {
                start: UnixMicros(i64::MIN / 4),
                end: UnixMicros(i64::MAX / 4),
            },
            max_quarantine_share: 1.0,
            collect: collect.clone(),
        };
        let mut parser = match make(parse) {
            Ok(parser) => parser,
            Err(problem) => {
                out.fail("parser", &problem);
                return None;
            }
        };
        let mut meters: Vec<BatchMeter> = datasets.iter().map(|d| BatchMeter::new(*d)).collect();
        let mut batches = Vec::new();
        let mut refused: Option<ParseError> = None;
        let mut book = |batches: &mut Vec<_>| {
            for parsed in batches.drain(..) {
                for meter in &mut meters {
                    meter.take(&parsed, subject.options);
                }
            }
        };
        let (ended, read) = input::blocks(subject, &head.spec, |block| {
            if let Err(error) = parser.feed(block, &mut batches) {
                refused = Some(error);
                return false;
            }
            book(&mut batches);
            true
        });
        let totals = match refused {
            Some(error) => Err(error),
            None => parser.finish(&mut batches),
        };
        book(&mut batches);
        let totals = match totals {
            Err(ParseError::OutOfOrder { dataset, .. }) if !collect.contains(&dataset) => {
                collect.push(dataset);
                continue;
            }
            Err(error) => Err(error),
            Ok(totals) => Ok(totals),
        };
        ending(subject, ended, &read, out);
        return match totals {
            Err(error) => {
                out.fail("rows", &all_but_hint(&error.to_string()));
                None
            }
            Ok(totals) => {
                for (meter, dataset) in meters.into_iter().zip(datasets) {
                    let of = totals.iter().find(|(d, _)| d == dataset).map(|(_, t)| t);
                    let table = meter.finish(of, numbered, subject.options);
                    if table.rows > 0 || table.rows_in > 0 || datasets.len() == 1 {
                        out.tables.push(table);
                    }
                    if let Some(totals) = of {
                        judge(subject, *dataset, totals, out);
                    }
                }
                Some(totals)
            }
        };
    }
}

fn all_but_hint(text: &str) -> String {
    text.split("\nhint:")
        .next()
        .unwrap_or(text)
        .replace('\n', " ")
}

/// Books how reading ended.
pub(super) fn ending(
    subject: &Subject<'_>,
    ended: Ended,
    read: &Result<(), input::Problem>,
    out: &mut Inspection,
) {
    out.lines = out.lines.max(ended.lines);
    if out.checks.iter().any(|c| c.name == "container") {
        return;
    }
    out.complete = !ended.stopped && read.is_ok() && !ended.truncated;
    if ended.passed > 0 {
        out.warn(
            "lines",
            &format!("{} too long to be looked at", ended.passed),
        );
    }
    match read {
        Err(problem) => out.fail("container", &problem.text()),
        Ok(()) if ended.truncated => {
            let cut = "it ends too early: cut short while it was written or fetched";
            if out.format.contains("recording") {
                out.warn("container", &format!("{cut}; its last whole line counts"));
            } else {
                out.fail("container", cut);
            }
        }
        Ok(()) if ended.stopped => {
            let max = subject.options.max_rows.unwrap_or_default();
            out.note(format!("only the first {max} lines were read (--max-rows)"));
        }
        Ok(()) => out.ok("container", &format!("{} read to its end", subject.kind)),
    }
}

/// Books refused rows and what the parser noticed.
fn judge(subject: &Subject<'_>, dataset: Dataset, totals: &Totals, out: &mut Inspection) {
    let refused = totals.quarantined.len() as u64;
    let name = format!("rows of {dataset}");
    if refused == 0 && totals.rows > 0 {
        out.ok(&name, &format!("all {} readable", totals.rows));
    } else if refused > 0 {
        let first: Vec<String> = totals
            .quarantined
            .iter()
            .take(NAMED_ROWS)
            .map(|q| format!("row {}: {} (`{}`)", q.line, q.reason, q.text.escape_debug()))
            .collect();
        let text = format!(
            "{refused} of {} unusable: {}",
            totals.rows,
            first.join("; ")
        );
        let share = refused as f64 / totals.rows.max(1) as f64;
        if share > subject.options.max_quarantine_share {
            out.fail(&name, &text);
        } else {
            out.warn(&name, &text);
        }
    }
    let gaps: u64 = totals.days.values().map(|d| d.gaps).sum();
    if gaps > 0 {
        let text = format!("{gaps} stretches are known to be missing");
        out.warn(&format!("gaps of {dataset}"), &text);
    }
    for line in totals.notes.lines(totals.filtered) {
        out.note(line);
    }
    for remark in &totals.remarks {
        out.note(format!("{dataset}: {remark}"));
    }
}

/// Checks that rows lie in the day or month of the file's name.
pub(super) fn inside_period(subject: &Subject<'_>, out: &mut Inspection) {
    let (Some(covers), Some(period)) = (subject.facts.covers(), subject.facts.period) else {
        return;
    };
    let (first, last) = out.tables.iter().fold((None, None), |(a, b), t| {
        (min_of(a, t.first), b.max(t.last))
    });
    let (Some(first), Some(last)) = (first, last) else {
        return;
    };
    if let Period::Day(_) = period
        && out.complete
        && let [table] = out.tables.as_slice()
        && table.missing_intervals.is_some()
    {
        let (rows, due) = (table.rows, covers.len_us() / 60_000_000);
        if i64::try_from(rows) != Ok(due) {
            out.warn("minutes of the day", &format!("{rows} of {due}"));
        }
    }
    // Edges of OKX's files are off by up to half a minute.
    let slack = if subject.facts.utc8 { 30_000_000 } else { 0 };
    let inside = first.0 >= covers.start.0 - slack && last.0 < covers.end.0 + slack;
    let none = last < covers.start || first >= covers.end;
    if inside {
        out.ok("day of the name", &format!("rows lie in {period}"));
    } else {
        let text = format!("named {period}, rows from {first} to {last}");
        if none {
            out.fault(
                "day of the name",
                &format!("{text}: it holds nothing of {period}"),
            );
        } else {
            out.warn("day of the name", &text);
        }
    }
}

fn min_of(a: Option<UnixMicros>, b: Option<UnixMicros>) -> Option<UnixMicros> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn columns(found: &RowsFile) -> Vec<Column> {
    let unit = |name: &str| {
        let coin = matches!(
            found.market,
            Some((Market::Cm | Market::Inverse | Market::Swap, _))
        );
        let text = match name.split('/').next().unwrap_or(name) {
            n if n.contains("time") && !n.contains("force") || n == "timestamp" => "time",
            "base_qty" => "base units",
            "qty" | "quantity" | "size" | "volume" | "vol" | "best_bid_qty" | "best_ask_qty" => {
                if coin {
                    "contracts"
                } else {
                    "base units"
                }
            }
            "quote_qty" | "quote_volume" | "vol_quote" => "quote units",
            "open" | "high" | "low" | "close" => "quote per base",
            n if n.contains("price") => "quote per base",
            _ => return None,
        };
        Some(text.to_owned())
    };
    let named = found.columns.iter();
    named
        .map(|name| Column {
            name: name.escape_debug().to_string(),
            unit: unit(name),
        })
        .collect()
}

fn explain_okx(subject: &Subject<'_>, dataset: Dataset, out: &mut Inspection) {
    if let Some(covers) = subject.facts.covers().filter(|_| subject.facts.utc8) {
        out.note(format!(
            "the file's days are days of UTC+8: it covers {} to {}, so a UTC day needs this file and the next one",
            covers.start, covers.end
        ));
    }
    if dataset == Dataset::Trades {
        out.note("single matches; also serves agg_trades, one match a row".to_owned());
    }
}

/// Counts the rows of each instrument of an OKX file.
fn instruments(subject: &Subject<'_>, head: &Head, found: &RowsFile, out: &mut Inspection) {
    let at = found
        .columns
        .iter()
        .position(|c| c.starts_with("instrument_name") || c.starts_with("contract_type"));
    let Some(at) = at else {
        return;
    };
    let mut names: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut header = found.header;
    let (_, _) = input::lines(subject, &head.spec, |_, line| {
        if std::mem::take(&mut header) {
            return;
        }
        let name = line.split(|b| *b == b',').nth(at).unwrap_or_default();
        if let Some(n) = names.get_mut(name) {
            *n += 1;
        } else if names.len() < MAX_NAMES {
            names.insert(name.to_vec(), 1);
        }
    });
    let mut counted: Vec<ChannelSummary> = names
        .into_iter()
        .map(|(name, n)| {
            let instrument = crate::venues::rows::excerpt(&name, 64);
            ChannelSummary::rows(found.datasets[0].name(), &instrument, n)
        })
        .collect();
    counted.sort_by(|a, b| b.count.cmp(&a.count).then(a.instrument.cmp(&b.instrument)));
    if counted.len() > 1 {
        out.note(format!(
            "rows of {} instruments; sums below are of one",
            counted.len()
        ));
    }
    out.channels = counted;
}
