//! What the path of a file says about it: venue layouts put product, instrument and day into names.

use quant_core::market::Market;
use quant_core::time::{Day, TimeRange};

use crate::schema::Dataset;
use crate::venues::binance::Period;

/// What a name says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// Instrument.
    pub symbol: Option<String>,
    /// The day or month it is named after.
    pub period: Option<Period>,
    /// Binance market, by a folder `spot`, `um` or `cm`; Bybit's by `linear`, `inverse` or `spot`.
    pub market: Option<Market>,
    /// Product, by a folder or the name.
    pub dataset: Option<Dataset>,
    /// Levels of a book file.
    pub depth: Option<u32>,
    /// Cut at midnight of UTC+8 (OKX trades, candles, funding).
    pub utc8: bool,
}

impl FileFacts {
    /// Returns the times its name promises.
    pub fn covers(&self) -> Option<TimeRange> {
        let (first, end) = self.period?.days();
        let shift = if self.utc8 { -8 * 3_600_000_000 } else { 0 };
        TimeRange::new(first.start().plus(shift), end.start().plus(shift)).ok()
    }
}

/// Folders and infixes of Binance's archive.
const PRODUCTS: [(&str, Dataset); 11] = [
    ("klines", Dataset::Klines1m),
    ("aggTrades", Dataset::AggTrades),
    ("trades", Dataset::Trades),
    ("bookTicker", Dataset::BookTicker),
    ("bookDepth", Dataset::DepthBands),
    ("markPriceKlines", Dataset::MarkKlines),
    ("premiumIndexKlines", Dataset::PremiumKlines),
    ("indexPriceKlines", Dataset::IndexKlines),
    ("metrics", Dataset::Metrics),
    ("fundingRate", Dataset::Funding),
    ("liquidationSnapshot", Dataset::Liquidations),
];

/// Infixes of OKX's archive; all but the book's are cut at midnight of UTC+8.
const OKX: [(&str, Dataset, bool); 7] = [
    ("trades", Dataset::Trades, true),
    ("aggtrades", Dataset::AggTrades, true),
    ("candlesticks", Dataset::Klines1m, true),
    ("fundingrates", Dataset::Funding, true),
    ("swaprate", Dataset::Funding, true),
    ("L2orderbook-400lv", Dataset::L2Snapshots, false),
    ("L2orderbook-5000lv", Dataset::L2Snapshots, false),
];

/// Reads a path, `/`-separated.
pub fn facts_of(path: &str) -> FileFacts {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or(path);
    let folders: Vec<&str> = parts.collect();
    let stem = [
        ".tar.gz",
        ".csv.gz",
        ".data.zip",
        ".zip",
        ".csv",
        ".data",
        ".gz",
    ]
    .iter()
    .find_map(|end| name.strip_suffix(end))
    .unwrap_or(name);
    let market = folders.iter().find_map(|folder| match *folder {
        "um" => Some(Market::Um),
        "cm" => Some(Market::Cm),
        "spot" => Some(Market::Spot),
        "linear" => Some(Market::Linear),
        "inverse" => Some(Market::Inverse),
        _ => None,
    });
    let dataset = folders.iter().find_map(|folder| {
        let known = PRODUCTS.iter().find(|(product, _)| product == folder);
        known.map(|(_, dataset)| *dataset)
    });
    let mut facts = FileFacts {
        market,
        dataset,
        ..FileFacts::default()
    };
    if bybit_book(stem, &mut facts) {
        return facts;
    }
    let Some((rest, period)) = period_at_end(stem) else {
        return facts;
    };
    facts.period = Some(period);
    let dashed = rest.strip_suffix('-');
    let Some(rest) = dashed else {
        // Bybit: `BTCUSDT2024-01-01` and `BTCUSDT_2024-01-01`.
        facts.symbol = some(rest.strip_suffix('_').unwrap_or(rest));
        return facts;
    };
    let is_okx = |symbol: &str| symbol.contains('-') || symbol.starts_with("all");
    for (infix, dataset, utc8) in OKX {
        if let Some(symbol) = rest.strip_suffix(infix).and_then(|r| r.strip_suffix('-'))
            && is_okx(symbol)
        {
            facts.dataset = Some(dataset);
            facts.utc8 = utc8;
            facts.symbol = some(symbol).filter(|s| !s.starts_with("all"));
            let depth = infix.strip_prefix("L2orderbook-");
            facts.depth = depth.and_then(|d| d.strip_suffix("lv")?.parse().ok());
            return facts;
        }
    }
    for (infix, dataset) in PRODUCTS {
        if let Some(symbol) = rest.strip_suffix(infix).and_then(|r| r.strip_suffix('-')) {
            facts.dataset = facts.dataset.or(Some(dataset));
            facts.symbol = some(symbol);
            return facts;
        }
    }
    // `BTCUSDT-1m-2024-01-01`, and Bybit's monthly `BTCUSDT-2024-01`.
    facts.symbol = some(rest.strip_suffix("-1m").unwrap_or(rest));
    facts
}

/// `2024-12-01_XRPUSDT_ob500`.
fn bybit_book(stem: &str, facts: &mut FileFacts) -> bool {
    let mut parts = stem.splitn(3, '_');
    let (Some(day), Some(symbol), Some(depth)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let (Ok(day), Some(depth)) = (day.parse::<Day>(), depth.strip_prefix("ob")) else {
        return false;
    };
    facts.period = Some(Period::Day(day));
    facts.symbol = some(symbol);
    facts.depth = depth.parse().ok();
    facts.dataset = Some(Dataset::L2Snapshots);
    true
}

/// Splits `...2024-01-01` or `...2024-01` off the end.
fn period_at_end(stem: &str) -> Option<(&str, Period)> {
    let at = |n: usize| {
        stem.len()
            .checked_sub(n)
            .filter(|i| stem.is_char_boundary(*i))
    };
    if let Some(i) = at(10)
        && let Ok(day) = stem[i..].parse::<Day>()
    {
        return Some((&stem[..i], Period::Day(day)));
    }
    let i = at(7)?;
    let first = format!("{}-01", &stem[i..]).parse::<Day>().ok()?;
    Some((&stem[..i], Period::Month(first)))
}

fn some(symbol: &str) -> Option<String> {
    (!symbol.is_empty()).then(|| symbol.to_owned())
}
