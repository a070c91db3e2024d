//! What to simulate: a world, a venue whose formats it is written in, and what of it is written.

use super::defects::DefectRequest;
use quant_core::market::{Market, MarketError, Symbol, Venue};
use quant_core::synth::{InstrumentParams, MODEL_VERSION, MarketProfile, SynthError, WorldParams};
use quant_core::time::Day;
use quant_lake::schema::Dataset;
use serde::Serialize;

use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use crate::run::identity::sha256_hex;

/// Longest archive in days: ten years.
const MAX_DAYS: u32 = 3_660;

/// What to simulate and write.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SynthRequest {
    /// The market.
    pub world: WorldParams,
    /// Whose formats.
    #[serde(serialize_with = "venue_name")]
    pub venue: Venue,
    /// Number of days from `world.start_day`.
    pub days: u32,
    /// What is written of each instrument, where the venue has a format for it.
    pub datasets: Vec<Dataset>,
    /// Images and changes of the book, for the datasets that carry levels.
    pub book: BookOptions,
    /// Defects to plant; `None` leaves the archive clean.
    pub defects: Option<DefectRequest>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature serde asks for"
)]
fn venue_name<S: serde::Serializer>(venue: &Venue, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(venue.name())
}

/// How much of the book is written, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct BookOptions {
    /// Levels per side; 0: as the venue's archive has.
    pub levels: u16,
    /// Milliseconds between two images or updates.
    pub cadence_ms: u32,
}

/// A ready-made instrument.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// Fine tick, busy: like BTCUSDT.
    Btc,
    /// Coarse tick, thick book: like SOLUSDT.
    Alt,
}

impl Look {
    /// Every look.
    pub const ALL: [Self; 2] = [Self::Btc, Self::Alt];

    /// Returns the name used in configs and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Btc => "btc",
            Self::Alt => "alt",
        }
    }

    /// Returns the look of a name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|x| x.name() == name)
    }

    /// Returns the instrument; its asset is the base currency of the symbol.
    ///
    /// # Errors
    /// Never for the constants of a look; the signature leaves the check in one place.
    pub fn params(self, market: Market, symbol: Symbol) -> Result<InstrumentParams, SynthError> {
        let asset = asset_of(symbol.as_str());
        let params = match self {
            Self::Btc => InstrumentParams::btc_like(market, symbol),
            Self::Alt => InstrumentParams::alt_like(market, symbol),
        }?;
        Ok(InstrumentParams { asset, ..params })
    }
}

/// Returns the look of a name.
///
/// # Errors
/// Configuration error that lists the known names.
pub fn look_of(name: &str) -> CommandResult<Look> {
    Look::from_name(name).ok_or_else(|| {
        CommandError::text(
            ErrorKind::Config,
            &format!(
                "unknown look `{name}`; known: {}",
                Look::ALL.map(Look::name).join(", ")
            ),
        )
    })
}

/// Reads an instrument as `MARKET:SYMBOL[:LOOK]`; without a look it is `btc` for bitcoin and `alt` for all else.
///
/// # Errors
/// Configuration error for anything else.
pub fn instrument_of(text: &str) -> CommandResult<InstrumentParams> {
    let refuse = |why: &str| {
        CommandError::text(ErrorKind::Config, &format!("instrument `{text}`: {why}"))
            .hint("e.g. um:BTCUSDT:btc,spot:BTCUSDT:btc,um:SOLUSDT:alt")
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (market, symbol, look) = match parts[..] {
        [market, symbol, look] => (market, symbol, look),
        [market, symbol] if asset_of(symbol) == "BTC" => (market, symbol, "btc"),
        [market, symbol] => (market, symbol, "alt"),
        _ => return Err(refuse("expected MARKET:SYMBOL or MARKET:SYMBOL:LOOK")),
    };
    let market: Market = market
        .parse()
        .map_err(|e: MarketError| refuse(&e.to_string()))?;
    let symbol: Symbol = symbol
        .parse()
        .map_err(|e: MarketError| refuse(&e.to_string()))?;
    look_of(look)?.params(market, symbol).config_error()
}

/// Splits a venue symbol into base and quote: `BTCUSDT`, `BTC-USDT-SWAP` and `BTCUSD_PERP` all name a pair.
pub fn split_pair(symbol: &str) -> (String, String) {
    if let Some((base, rest)) = symbol.split_once('-') {
        let quote = rest.split('-').next().unwrap_or(rest);
        return (base.to_owned(), quote.to_owned());
    }
    let bare = symbol.split('_').next().unwrap_or(symbol);
    for quote in ["USDT", "USDC", "FDUSD", "USD", "BTC"] {
        if let Some(base) = bare.strip_suffix(quote)
            && !base.is_empty()
        {
            return (base.to_owned(), quote.to_owned());
        }
    }
    (bare.to_owned(), String::new())
}

/// Returns the base currency of a symbol as venues write it: `BTCUSDT`, `BTCUSD_PERP`, `BTC-USDT-SWAP` are all `BTC`.
pub fn asset_of(symbol: &str) -> String {
    split_pair(symbol).0
}

/// Returns the profile of a name.
///
/// # Errors
/// Configuration error that lists the known names.
pub fn profile_of(name: &str) -> CommandResult<MarketProfile> {
    MarketProfile::from_name(name).ok_or_else(|| {
        CommandError::text(
            ErrorKind::Config,
            &format!("unknown profile `{name}`; known: {}", profile_names()),
        )
    })
}

/// Returns every profile name, separated by commas.
pub fn profile_names() -> String {
    MarketProfile::ALL.map(MarketProfile::name).join(", ")
}

/// Applies `key=value` overrides to every instrument, e.g. `branching=0.5`, or to one, e.g. `BTCUSDT.branching=0.5`.
///
/// # Errors
/// Configuration error: not `key=value`, an unknown key or symbol, a value of the wrong type. Ranges are those of
/// [`SynthRequest::check`].
pub fn apply_overrides(
    instruments: &mut [InstrumentParams],
    overrides: &[String],
) -> CommandResult<()> {
    for text in overrides {
        let refuse = |why: &str| {
            CommandError::text(ErrorKind::Config, &format!("--set `{text}`: {why}")).hint(
                "e.g. --set trades_per_day=50000, or for one symbol --set BTCUSDT.branching=0.5",
            )
        };
        let (path, value) = text
            .split_once('=')
            .ok_or_else(|| refuse("expected KEY=VALUE"))?;
        let (symbol, key) = match path.split_once('.') {
            Some((symbol, key)) => (Some(symbol), key),
            None => (None, path),
        };
        let mut hit = false;
        for instrument in instruments.iter_mut() {
            if symbol.is_some_and(|s| s != instrument.symbol.as_str()) {
                continue;
            }
            hit = true;
            let mut tree = serde_json::to_value(&*instrument).internal_error()?;
            let slot = tree
                .get_mut(key)
                .ok_or_else(|| refuse("no such parameter"))?;
            *slot = if slot.is_string() {
                serde_json::Value::String(value.to_owned())
            } else {
                serde_json::from_str(value).map_err(|_| refuse("not a number"))?
            };
            // Whether the parameters fit together is asked once all overrides are in.
            *instrument = serde_json::from_value(tree).map_err(|e| refuse(&e.to_string()))?;
        }
        if !hit {
            return Err(refuse("no instrument has this symbol"));
        }
    }
    Ok(())
}

impl SynthRequest {
    /// Returns the request if it can be simulated and written.
    ///
    /// # Errors
    /// Configuration error for the first thing that cannot.
    pub fn check(self) -> CommandResult<Self> {
        let refuse = |text: String| Err(CommandError::text(ErrorKind::Config, &text));
        if !(1..=MAX_DAYS).contains(&self.days) {
            return refuse(format!("{} days; expected 1 to {MAX_DAYS}", self.days));
        }
        let known = markets_of(self.venue);
        if known.is_empty() {
            return refuse(format!(
                "venue `{}` publishes no archive that could be simulated; known: binance, bybit, okx",
                self.venue.name()
            ));
        }
        if self.world.instruments.is_empty() {
            return refuse("no instrument to simulate".to_owned());
        }
        for (i, instrument) in self.world.instruments.iter().enumerate() {
            if !known.contains(&instrument.market) {
                let names: Vec<String> = known.iter().map(ToString::to_string).collect();
                return refuse(format!(
                    "market `{}` of {} cannot be simulated; known: {}",
                    instrument.market,
                    self.venue.name(),
                    names.join(", ")
                ));
            }
            let same = |x: &&InstrumentParams| {
                (x.market, &x.symbol) == (instrument.market, &instrument.symbol)
            };
            if self.world.instruments[..i].iter().find(same).is_some() {
                return refuse(format!(
                    "instrument {} {} is named twice",
                    instrument.market, instrument.symbol
                ));
            }
        }
        if self.datasets.is_empty() {
            return refuse("no dataset to write".to_owned());
        }
        for dataset in &self.datasets {
            let written = |x: &InstrumentParams| is_written(self.venue, x.market, *dataset);
            if !self.world.instruments.iter().any(written) {
                return refuse(format!(
                    "{} publishes no archive of {dataset} for these markets, and none is written",
                    self.venue.name()
                ));
            }
        }
        if !(10..=60_000).contains(&self.book.cadence_ms) || 60_000 % self.book.cadence_ms != 0 {
            return refuse(format!(
                "book every {} ms; expected 10 to 60000 ms that divide a minute",
                self.book.cadence_ms
            ));
        }
        if self.venue == Venue::Binance
            && self.datasets.contains(&Dataset::L2Snapshots)
            && ![5, 10, 20].contains(&self.book.levels)
        {
            return refuse(format!(
                "l2_snapshots with {} levels; the venue's partial-depth stream has 5, 10 or 20",
                self.book.levels
            ));
        }
        for instrument in &self.world.instruments {
            instrument.clone().check().map_err(|e| {
                CommandError::text(
                    ErrorKind::Config,
                    &format!(
                        "instrument {} {}: {e}",
                        instrument.market, instrument.symbol
                    ),
                )
            })?;
        }
        Ok(self)
    }

    /// Returns the exclusive last day.
    pub fn end_day(&self) -> Day {
        self.world
            .start_day
            .plus(i32::try_from(self.days).unwrap_or(i32::MAX))
    }

    /// Returns a name that changes with everything that changes what is written, but the number of days.
    ///
    /// # Errors
    /// Internal, if the request cannot be written as JSON.
    pub fn id(&self) -> CommandResult<String> {
        let text = serde_json::to_string(&(
            MODEL_VERSION,
            &self.world,
            self.venue.name(),
            &self.datasets,
            &self.book,
            &self.defects,
        ))
        .internal_error()?;
        Ok(sha256_hex(text.as_bytes())[..16].to_owned())
    }
}

/// Returns the markets of a venue the simulator has formats for.
pub fn markets_of(venue: Venue) -> &'static [Market] {
    match venue {
        Venue::Binance => &[Market::Um, Market::Spot],
        Venue::Bybit => &[Market::Linear, Market::Spot],
        Venue::Okx => &[Market::Swap, Market::Spot],
        Venue::Deepcoin | Venue::Hyperliquid | Venue::Csv => &[],
    }
}

/// Returns what is written when nothing is asked for: every archive the venue publishes.
pub fn default_datasets(venue: Venue) -> Vec<Dataset> {
    match venue {
        Venue::Bybit => vec![Dataset::Trades, Dataset::L2Deltas],
        Venue::Okx => vec![
            Dataset::Trades,
            Dataset::Klines1m,
            Dataset::L2Deltas,
            Dataset::Funding,
        ],
        _ => vec![
            Dataset::Klines1m,
            Dataset::AggTrades,
            Dataset::Trades,
            Dataset::BookTicker,
            Dataset::DepthBands,
            Dataset::MarkKlines,
            Dataset::PremiumKlines,
            Dataset::IndexKlines,
            Dataset::Metrics,
            Dataset::Funding,
        ],
    }
}

/// Returns whether `build-dataset` reads a Binance archive of this dataset in this market.
pub fn is_ingested(market: Market, dataset: Dataset) -> bool {
    match market {
        Market::Spot => matches!(
            dataset,
            Dataset::Klines1m | Dataset::AggTrades | Dataset::Trades
        ),
        _ => !matches!(dataset, Dataset::L2Deltas | Dataset::L2Snapshots),
    }
}

/// Returns whether the simulator has a format of a venue for this dataset in this market.
pub fn is_written(venue: Venue, market: Market, dataset: Dataset) -> bool {
    let is_binance_level = matches!(dataset, Dataset::L2Deltas | Dataset::L2Snapshots);
    match venue {
        Venue::Binance if market == Market::Spot => {
            is_ingested(market, dataset) || is_binance_level
        }
        Venue::Binance => default_datasets(venue).contains(&dataset) || is_binance_level,
        Venue::Okx if market == Market::Spot => {
            dataset != Dataset::Funding && default_datasets(venue).contains(&dataset)
        }
        _ => default_datasets(venue).contains(&dataset),
    }
}
