//! Which markets an instrument can be of, by the shape of its name: the one check before anything of it is stored.
//!
//! A market says what quantities count. A swap taken as spot would have its contracts stored as coins, so a name and a market
//! that contradict each other are refused before a byte is read.
//!
//! | venue | name | market |
//! |---|---|---|
//! | Binance | `BTCUSDT` | `spot`, `um` |
//! | | `BTCUSDT_240628` | `um` |
//! | | `BTCUSD_PERP`, `BTCUSD_240628` | `cm` |
//! | OKX, Deepcoin | `BTC-USDT` | `spot` |
//! | | `BTC-USDT-SWAP`, `BTC-USD-SWAP`, OKX also `BTC-USD-240628` | `swap` |
//! | Bybit | `BTCUSDT`, `BTCUSDC`, other pairs | `spot`, `linear` |
//! | | `BTCPERP`, `BTC-27DEC24`, `BTCUSDT-27DEC24` | `linear` |
//! | | `BTCUSD`, `BTCUSDZ24` | `inverse` |
//! | Hyperliquid | `BTC`, `xyz:TSLA` | `swap` |
//! | | `@107` | `spot` |
//! | CSV | any | any |
//!
//! # References
//! The venues' lists of instruments, as in `docs/formats.md`.

use quant_core::market::{InstrumentKey, Market, Venue};

/// The name of an instrument does not belong to its market.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {venue} has no instrument of this name on market `{}`\nhint: {hint}", key.market)]
pub struct WrongMarket {
    /// The instrument as asked for.
    pub key: InstrumentKey,
    /// Its venue.
    pub venue: &'static str,
    /// What to write instead.
    pub hint: String,
}

/// Checks that an instrument's name is one of its market; simulated exchanges follow their venue.
///
/// # Errors
/// `WrongMarket`, whose hint names the right market.
pub fn check_market(key: &InstrumentKey) -> Result<(), WrongMarket> {
    let name = key.symbol.as_str();
    let (allowed, shape): (&[Market], &str) = match key.exchange.venue {
        Venue::Csv => return Ok(()),
        Venue::Binance => of_binance(name),
        Venue::Okx => of_dashed(name, true),
        Venue::Deepcoin => of_dashed(name, false),
        Venue::Bybit => of_bybit(name),
        Venue::Hyperliquid if name.starts_with('@') => (&[Market::Spot], "a pair of coins"),
        Venue::Hyperliquid => (&[Market::Swap], "a perpetual"),
    };
    if allowed.contains(&key.market) {
        return Ok(());
    }
    let markets: Vec<String> = allowed.iter().map(|m| format!("--market {m}")).collect();
    let hint = if markets.is_empty() {
        format!("`{name}` is {shape}")
    } else {
        format!("`{name}` is {shape}: give {}", markets.join(" or "))
    };
    Err(WrongMarket {
        key: key.clone(),
        venue: key.exchange.venue.name(),
        hint,
    })
}

/// Returns whether a text is the date `YYMMDD` of a delivery.
fn is_date(text: &str) -> bool {
    text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit())
}

fn of_binance(name: &str) -> (&'static [Market], &'static str) {
    match name.rsplit_once('_') {
        None => (&[Market::Spot, Market::Um], "a pair of coins"),
        Some((_, "PERP")) => (&[Market::Cm], "a coin-margined perpetual"),
        // Coin-margined contracts are of dollars, the others of a stable coin.
        Some((pair, date)) if is_date(date) && pair.ends_with("USD") => {
            (&[Market::Cm], "a coin-margined future")
        }
        Some((_, date)) if is_date(date) => (&[Market::Um], "a USD-margined future"),
        Some(_) => (&[], "no name of its spot pairs, perpetuals or futures"),
    }
}

fn of_dashed(name: &str, has_futures: bool) -> (&'static [Market], &'static str) {
    let parts: Vec<&str> = name.split('-').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return (&[], "no name of its pairs or contracts");
    }
    match parts[..] {
        [_, "SWAP"] => (&[], "no name of its pairs or contracts"),
        [_, _] => (&[Market::Spot], "a pair of coins"),
        [_, _, "SWAP"] => (&[Market::Swap], "a perpetual swap"),
        [_, _, date] if has_futures && is_date(date) => (
            &[Market::Swap],
            "a dated future, which counts contracts as swaps do",
        ),
        _ if has_futures => (
            &[],
            "no pair (`BTC-USDT`), swap (`BTC-USDT-SWAP`) or future (`BTC-USD-240628`)",
        ),
        _ => (&[], "no pair (`BTC-USDT`) or swap (`BTC-USDT-SWAP`)"),
    }
}

/// Stable coins whose names end like the dollar.
const STABLE: [&str; 3] = ["RLUSD", "PYUSD", "FDUSD"];

fn of_bybit(name: &str) -> (&'static [Market], &'static str) {
    if let Some((base, _)) = name.split_once('-') {
        return if base.ends_with("USD") {
            (&[Market::Inverse], "a coin-margined future")
        } else {
            (&[Market::Linear], "a dated future")
        };
    }
    if name.len() > 4 && name.ends_with("PERP") {
        return (&[Market::Linear], "a perpetual settled in USDC");
    }
    if STABLE
        .iter()
        .any(|s| name.len() > s.len() && name.ends_with(s))
    {
        return (&[Market::Spot], "a pair of coins");
    }
    // `BTCUSDZ24`: a letter for the month, two digits for the year.
    let is_delivery = |code: &str| {
        code.len() == 3
            && code.starts_with(|c: char| c.is_ascii_uppercase())
            && code.bytes().skip(1).all(|b| b.is_ascii_digit())
    };
    let dated = name
        .rsplit_once("USD")
        .is_some_and(|(base, code)| !base.is_empty() && is_delivery(code));
    if dated {
        (&[Market::Inverse], "a coin-margined future")
    } else if name.ends_with("USD") {
        (&[Market::Inverse], "a coin-margined perpetual")
    } else {
        (&[Market::Spot, Market::Linear], "a pair of coins")
    }
}

#[cfg(test)]
mod tests;
