//! Lines of fields: the vendors' columns, by header or by the shape of the first row.

use quant_core::market::{Market, Venue};

use super::{FileFacts, RowsFile, Sniffed};
use crate::schema::Dataset;
use crate::venues::number::{parse_decimal, parse_epoch, parse_flag, parse_integer};
use crate::venues::stamp::parse_stamp;

/// First column names of Binance's products, as headers write them.
const BINANCE: [(&[&str], &[Dataset]); 8] = [
    (
        &[
            "open_time",
            "open",
            "high",
            "low",
            "close",
            "volume",
            "close_time",
        ],
        &[
            Dataset::Klines1m,
            Dataset::MarkKlines,
            Dataset::PremiumKlines,
            Dataset::IndexKlines,
        ],
    ),
    (
        &["agg_trade_id", "price", "quantity", "first_trade_id"],
        &[Dataset::AggTrades],
    ),
    (&["id", "price", "qty"], &[Dataset::Trades]),
    (&["update_id", "best_bid_price"], &[Dataset::BookTicker]),
    (
        &["timestamp", "percentage", "depth", "notional"],
        &[Dataset::DepthBands],
    ),
    (
        &["create_time", "symbol", "sum_open_interest"],
        &[Dataset::Metrics],
    ),
    (
        &["calc_time", "funding_interval_hours"],
        &[Dataset::Funding],
    ),
    (&["time", "side", "order_type"], &[Dataset::Liquidations]),
];

pub(super) fn sniff(first: &[u8], second: Option<&[u8]>, facts: &FileFacts) -> Sniffed {
    let line = String::from_utf8_lossy(first);
    let delimiter = delimiter_of(&line);
    let Some(delimiter) = delimiter else {
        return Sniffed::Text;
    };
    let fields: Vec<String> = line.split(delimiter as char).map(clean).collect();
    let numeric = |f: &String| parse_decimal(f.as_bytes()).is_some();
    let header = !fields.iter().any(numeric);
    let data: Vec<String> = if header {
        let second = String::from_utf8_lossy(second.unwrap_or_default());
        second.split(delimiter as char).map(clean).collect()
    } else {
        fields.clone()
    };
    if delimiter == b',' {
        let named = header.then(|| by_header(&fields, &data, facts));
        let found = match named {
            Some(found) => found,
            None => by_shape(&fields, facts),
        };
        if let Some(found) = found {
            return found;
        }
    }
    let columns = if header {
        fields
    } else {
        (1..=fields.len()).map(|i| format!("column {i}")).collect()
    };
    Sniffed::Csv {
        delimiter,
        columns,
        header,
    }
}

fn clean(field: &str) -> String {
    field.trim().trim_matches('"').to_owned()
}

/// Returns the separator that the first line has most of.
fn delimiter_of(line: &str) -> Option<u8> {
    let count = |d: u8| line.bytes().filter(|b| *b == d).count();
    let best = [b',', b';', b'\t', b'|']
        .into_iter()
        .max_by_key(|d| (count(*d), *d == b','))?;
    (count(best) > 0).then_some(best)
}

fn by_header(names: &[String], data: &[String], facts: &FileFacts) -> Option<Sniffed> {
    let has = |name: &str| names.iter().any(|n| n == name);
    if has("Original File Checksum") && has("New File Checksum") {
        return Some(Sniffed::UpdatesList);
    }
    if ["timestamp", "symbol", "side", "size", "price"]
        .into_iter()
        .all(has)
    {
        let at = names.iter().position(|n| n == "symbol")?;
        let symbol = data.get(at).filter(|s| !s.is_empty()).cloned();
        let symbol = symbol.map(|s| (s, "column `symbol`".to_owned()));
        let symbol = symbol.or_else(|| named(facts));
        let market = symbol.as_ref().map(|(s, _)| bybit_market(s));
        return Some(rows(
            Venue::Bybit,
            market,
            &[Dataset::Trades],
            symbol,
            names,
            true,
        ));
    }
    if ["id", "timestamp", "price", "volume", "side"]
        .into_iter()
        .all(has)
    {
        let market = (Market::Spot, "columns of Bybit's spot archive".to_owned());
        let symbol = named(facts);
        return Some(rows(
            Venue::Bybit,
            Some(market),
            &[Dataset::Trades],
            symbol,
            names,
            true,
        ));
    }
    if let Some(found) = okx(names, data, facts) {
        return Some(found);
    }
    for (columns, datasets) in BINANCE {
        let starts = columns.iter().enumerate();
        if starts
            .into_iter()
            .all(|(i, c)| names.get(i).is_some_and(|n| same(n, c)))
        {
            return Some(binance(datasets, names.to_vec(), true, facts));
        }
    }
    None
}

/// Whether a header means a column of the archive: names changed over the years.
fn same(name: &str, column: &str) -> bool {
    name == column
        || matches!(
            (name, column),
            ("agg_id" | "aggTradeId", "agg_trade_id")
                | ("qty", "quantity")
                | ("quantity", "qty")
                | ("first_id", "first_trade_id")
        )
}

/// OKX's names, also the older ones that go on in Chinese after a slash.
fn okx(names: &[String], data: &[String], facts: &FileFacts) -> Option<Sniffed> {
    let short: Vec<&str> = names
        .iter()
        .map(|n| n.split('/').next().unwrap_or(n))
        .collect();
    let has = |name: &str| short.contains(&name);
    let dataset = if has("created_time") && has("trade_id") {
        if facts.dataset == Some(Dataset::AggTrades) {
            Dataset::AggTrades
        } else {
            Dataset::Trades
        }
    } else if has("vol_ccy") && has("open_time") {
        Dataset::Klines1m
    } else if has("funding_rate") && (has("instrument_name") || has("contract_type")) {
        Dataset::Funding
    } else {
        return None;
    };
    let at = short
        .iter()
        .position(|n| matches!(*n, "instrument_name" | "contract_type"));
    let symbol = at.and_then(|at| data.get(at)).filter(|s| !s.is_empty());
    let symbol = named(facts).or_else(|| {
        symbol.map(|s| {
            (
                s.clone(),
                "its first row; the file may hold more".to_owned(),
            )
        })
    });
    let market = symbol.as_ref().map(|(s, _)| okx_market(s));
    Some(rows(Venue::Okx, market, &[dataset], symbol, names, true))
}

/// A first row without a header: only Binance writes such files.
fn by_shape(row: &[String], facts: &FileFacts) -> Option<Sniffed> {
    let bytes = |i: usize| row.get(i).map_or(&[][..], |f| f.as_bytes());
    let time = |i: usize| parse_epoch(bytes(i)).is_some();
    let whole = |i: usize| parse_integer(bytes(i)).is_some();
    let flag = |i: usize| parse_flag(bytes(i)).is_some();
    let (columns, datasets): (&[&str], &[Dataset]) = match row.len() {
        12 if time(0) && time(6) => (
            &[
                "open_time",
                "open",
                "high",
                "low",
                "close",
                "volume",
                "close_time",
                "quote_volume",
                "count",
                "taker_buy_volume",
                "taker_buy_quote_volume",
                "ignore",
            ],
            BINANCE[0].1,
        ),
        7 | 8 if time(5) && whole(3) && whole(4) && flag(6) => (
            &[
                "agg_trade_id",
                "price",
                "quantity",
                "first_trade_id",
                "last_trade_id",
                "transact_time",
                "is_buyer_maker",
                "is_best_match",
            ],
            &[Dataset::AggTrades],
        ),
        6 | 7 if time(4) && whole(0) && flag(5) => (
            &[
                "id",
                "price",
                "qty",
                "quote_qty",
                "time",
                "is_buyer_maker",
                "is_best_match",
            ],
            &[Dataset::Trades],
        ),
        7 if time(5) && time(6) && whole(0) => (
            &[
                "update_id",
                "best_bid_price",
                "best_bid_qty",
                "best_ask_price",
                "best_ask_qty",
                "transaction_time",
                "event_time",
            ],
            &[Dataset::BookTicker],
        ),
        _ => return None,
    };
    let n = row.len().min(columns.len());
    let columns = columns[..n].iter().map(|c| (*c).to_owned()).collect();
    Some(binance(datasets, columns, false, facts))
}

fn binance(datasets: &[Dataset], columns: Vec<String>, header: bool, facts: &FileFacts) -> Sniffed {
    let named_kind = facts.dataset.filter(|d| datasets.contains(d));
    let datasets = named_kind.map_or_else(|| datasets.to_vec(), |d| vec![d]);
    let n = columns.len();
    let told = |text: &str| text.to_owned();
    let last = columns.last().map_or("", String::as_str);
    let symbol = facts.symbol.as_deref().unwrap_or_default();
    let coin = symbol.split_once('_').is_some_and(|(_, kind)| {
        kind == "PERP" || (kind.len() == 6 && kind.bytes().all(|b| b.is_ascii_digit()))
    });
    let only_spot =
        (datasets == [Dataset::AggTrades] && n == 8) || (datasets == [Dataset::Trades] && n == 7);
    let by_name = facts
        .market
        .filter(|m| matches!(m, Market::Spot | Market::Um | Market::Cm));
    let market = if only_spot {
        Some((
            Market::Spot,
            format!("{n} columns, the last is `{last}`: spot only"),
        ))
    } else if columns.iter().any(|c| c == "base_qty") || (coin && symbol.contains("USD_")) {
        Some((Market::Cm, told("coin-margined columns or symbol")))
    } else if let Some(market) = by_name {
        Some((market, format!("the folder `{market}` it lies in")))
    } else if header || matches!(datasets[..], [Dataset::AggTrades | Dataset::Trades]) {
        Some((
            Market::Um,
            told("columns of futures and a symbol that is not coin-margined"),
        ))
    } else {
        None
    };
    rows_owned(
        Venue::Binance,
        market,
        datasets,
        named(facts),
        columns,
        header,
    )
}

fn named(facts: &FileFacts) -> Option<(String, String)> {
    facts
        .symbol
        .clone()
        .map(|s| (s, "the file's name".to_owned()))
}

/// Returns Bybit's market of a contract.
pub(crate) fn bybit_market(symbol: &str) -> (Market, String) {
    if symbol.contains("USDT") || symbol.contains("USDC") || symbol.ends_with("PERP") {
        (Market::Linear, "a symbol of linear contracts".to_owned())
    } else {
        (Market::Inverse, "a symbol of inverse contracts".to_owned())
    }
}

/// Returns OKX's market of an instrument.
pub(crate) fn okx_market(inst_id: &str) -> (Market, String) {
    if inst_id.split('-').count() > 2 {
        (
            Market::Swap,
            "an instrument with an expiry or `-SWAP`".to_owned(),
        )
    } else {
        (Market::Spot, "an instrument of two currencies".to_owned())
    }
}

fn rows(
    venue: Venue,
    market: Option<(Market, String)>,
    datasets: &[Dataset],
    symbol: Option<(String, String)>,
    columns: &[String],
    header: bool,
) -> Sniffed {
    rows_owned(
        venue,
        market,
        datasets.to_vec(),
        symbol,
        columns.to_vec(),
        header,
    )
}

fn rows_owned(
    venue: Venue,
    market: Option<(Market, String)>,
    datasets: Vec<Dataset>,
    symbol: Option<(String, String)>,
    columns: Vec<String>,
    header: bool,
) -> Sniffed {
    Sniffed::Rows(RowsFile {
        venue,
        market,
        datasets,
        symbol,
        columns,
        header,
    })
}

/// Returns the column of a user's file that most likely holds the time, and its unit, from one row.
pub fn likely_time(columns: &[String], row: &[String]) -> Option<(String, &'static str)> {
    let unit_of = |text: &str| -> Option<&'static str> {
        let bytes = text.as_bytes();
        if let Some((_, unit)) = parse_stamp(bytes) {
            return Some(match unit {
                crate::venues::stamp::StampUnit::Seconds => "seconds since 1970",
                crate::venues::stamp::StampUnit::Millis => "milliseconds since 1970",
                crate::venues::stamp::StampUnit::Micros => "microseconds since 1970",
            });
        }
        if bytes.len() == 19 && bytes.iter().all(u8::is_ascii_digit) {
            return Some("nanoseconds since 1970");
        }
        let dated = bytes.len() >= 10
            && text.is_char_boundary(10)
            && text[..10]
                .replace('/', "-")
                .parse::<quant_core::time::Day>()
                .is_ok();
        dated.then_some("a date and time as text")
    };
    let candidates: Vec<(usize, &'static str)> = row
        .iter()
        .enumerate()
        .filter_map(|(i, text)| Some((i, unit_of(text)?)))
        .collect();
    let named = |i: usize| {
        let name = columns.get(i).map(|c| c.to_ascii_lowercase());
        name.is_some_and(|n| ["time", "date", "ts"].iter().any(|w| n.contains(w)))
    };
    let best = candidates.iter().find(|(i, _)| named(*i));
    let (i, unit) = *best.or(candidates.first())?;
    Some((
        columns
            .get(i)
            .cloned()
            .unwrap_or_else(|| format!("column {}", i + 1)),
        unit,
    ))
}
