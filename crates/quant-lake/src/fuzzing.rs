//! The surface of fuzz targets: every parser of outside bytes as a function that panics when a promise is broken.
//!
//! The crate `fuzz` gives them to libFuzzer, `tests/it/fuzz_corpus.rs` replays the checked-in corpus through them and
//! mutates it; `docs/fuzzing.md` says how. Nothing of the product calls them.
//!
//! What any input must satisfy: no panic, every row counted once, batches a partition writer takes as they are, the same
//! result wherever a file is cut into chunks of lines, the same answers as an independent reader where there is one.
//! Targets with variants take the first byte as the choice: see [`variant`].

mod archives;
mod files;
mod messages;
mod pages;
mod rows;
mod text;

use std::path::Path;

use quant_core::market::{Exchange, Instrument, InstrumentKey, Market, Symbol, Venue};
use quant_core::time::UnixMicros;

/// A target that takes the bytes themselves.
pub type BytesTarget = fn(&[u8]);

/// A target that takes a file; the folder around it is its own and may be filled.
pub type FileTarget = fn(&Path);

/// Targets over bytes, by name.
pub const TARGETS: &[(&str, BytesTarget)] = &[
    ("binance_archive", archives::binance_archive),
    ("binance_recording", messages::binance_recording),
    ("bybit_book", messages::bybit_book),
    ("bybit_recording", messages::bybit_recording),
    ("bybit_trades", archives::bybit_trades),
    ("checksum", text::checksum),
    ("hyperliquid_recording", messages::hyperliquid_recording),
    ("instruments", pages::instruments),
    ("json", text::json),
    ("manifest", text::manifest),
    ("numbers", text::numbers),
    ("okx_archive", archives::okx_archive),
    ("okx_book", messages::okx_book),
    ("okx_recording", messages::okx_recording),
    ("rest_pages", pages::rest_pages),
    ("user_csv", archives::user_csv),
];

/// Targets over files, by name: these readers seek, hash and map, so bytes alone are not what they see.
pub const FILE_TARGETS: &[(&str, FileTarget)] = &[
    ("container_gzip", files::gzip),
    ("container_tar_gz", files::tar_gz),
    ("container_zip", files::zip),
    ("container_zstd", files::zstd),
    ("parquet", files::parquet),
];

/// Bits of the first byte that choose among variants; the bit above them narrows the wanted range to one day.
pub const VARIANT_BITS: u8 = 0x7f;

/// Returns the first byte that chooses a variant.
///
/// Letters and digits stay what they are in an editor: variant 0 is `0`, 10 is `:`.
pub const fn variant(number: u8) -> u8 {
    (b'0' + number) & VARIANT_BITS
}

/// What the first byte says.
struct Choice<'a> {
    number: u8,
    one_day: bool,
    text: &'a [u8],
}

impl<'a> Choice<'a> {
    /// Splits the first byte off; `None` for no bytes at all.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (&first, text) = bytes.split_first()?;
        Some(Self {
            number: (first & VARIANT_BITS).wrapping_sub(b'0') & VARIANT_BITS,
            one_day: first & !VARIANT_BITS != 0,
            text,
        })
    }

    /// Returns one of several things.
    fn pick<T: Copy>(&self, from: &[T]) -> T {
        from[usize::from(self.number) % from.len()]
    }
}

/// Returns a symbol of the targets' own.
fn symbol(text: &str) -> Symbol {
    text.parse().unwrap_or_else(|e| panic!("{e}"))
}

/// Returns the key of an instrument of the targets' own.
fn key(venue: Venue, market: Market, name: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: Exchange {
            venue,
            simulated: false,
        },
        market,
        symbol: symbol(name),
    }
}

/// Returns the terms of a made-up instrument: 0.01 coins a contract, or 10 quote units if inverse.
fn instrument(exchange: Venue, market: Market, name: &str, inverse: bool) -> Instrument {
    let step = |text: &str| text.parse().unwrap_or_else(|e| panic!("{e}"));
    Instrument {
        key: key(exchange, market, name),
        valid_from: UnixMicros(0),
        valid_to: None,
        tick_size: step("0.1"),
        lot_size: step("0.001"),
        min_notional: 5.0,
        contract_value: if inverse { 10.0 } else { 0.01 },
        inverse,
        funding_interval_h: Some(8),
        maker_bps: 2.0,
        taker_bps: 5.0,
        onboard: None,
        delist: None,
        source: "made up".to_owned(),
    }
}
