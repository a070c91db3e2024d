//! Targets over messages: book archives and recordings of sockets.

use std::sync::Arc;

use quant_core::market::Market;

use super::rows::{LEVELS, hold};
use super::{Choice, symbol};
use crate::schema::Dataset;
use crate::venues::book_flow::{BookOptions, Cadence};
use crate::venues::contracts::QtyUnit;
use crate::venues::hyperliquid::messages as hyperliquid;
use crate::venues::{binance, bybit, okx};

/// Cadences of images, in the order of the variants; the intervals are short, as seeds are.
const CADENCES: [Cadence; 3] = [
    Cadence::EveryMessage,
    Cadence::EverySnapshot,
    Cadence::Every {
        us: 100_000,
        max_stale_us: 1_000_000,
    },
];

/// Returns how books become rows for a variant.
fn book(number: u8, unit: QtyUnit) -> BookOptions {
    BookOptions {
        levels: LEVELS,
        cadence: CADENCES[usize::from(number) % CADENCES.len()],
        unit,
    }
}

/// Recordings of Binance: `um` and spot.
pub(super) fn binance_recording(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let options = binance::recording::RecordingOptions {
        market: choice.pick(&[Market::Um, Market::Spot]),
        symbol: symbol("BTCUSDT"),
        book: book(choice.number >> 1, QtyUnit::Base),
    };
    hold(&choice, &|parse| {
        binance::recording::recording_parser(
            options.clone(),
            &binance::recording::RECORDED,
            parse,
            &Arc::default(),
            None,
        )
    });
}

/// Book archives of Bybit.
pub(super) fn bybit_book(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let inverse = QtyUnit::Inverse { usd: 1.0 };
    let file = bybit::book::BookFile {
        symbol: symbol("BTCUSDT"),
        depth: choice.pick(&[None, Some(200)]),
        book: book(
            choice.number >> 2,
            choice.pick(&[QtyUnit::Base, QtyUnit::Base, inverse, inverse]),
        ),
        datasets: vec![Dataset::L2Deltas, Dataset::L2Snapshots],
    };
    hold(&choice, &|parse| bybit::book::book_parser(&file, parse));
}

/// Recordings of Bybit: linear, inverse, spot.
pub(super) fn bybit_recording(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let market = choice.pick(&[Market::Linear, Market::Inverse, Market::Spot]);
    let unit = match market {
        Market::Inverse => QtyUnit::Inverse { usd: 1.0 },
        _ => QtyUnit::Base,
    };
    let recording = bybit::recording::Recording {
        market,
        symbol: symbol("BTCUSDT"),
        depth: if choice.number & 8 == 0 {
            None
        } else {
            Some(50)
        },
        book: book(choice.number / 3, unit),
        datasets: bybit::recording::DATASETS.to_vec(),
    };
    hold(&choice, &|parse| {
        bybit::recording::recording_parser(&recording, parse)
    });
}

/// Book archives of OKX: one instrument and several.
pub(super) fn okx_book(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let options = okx::book::OkxBookOptions {
        inst_id: "BTC-USDT-SWAP".to_owned(),
        unit: choice.pick(&[QtyUnit::Linear { ctval: 0.01 }, QtyUnit::Base]),
        levels: LEVELS,
        cadence: CADENCES[usize::from(choice.number >> 2) % CADENCES.len()],
        depth: 400,
        shared: choice.number & 2 != 0,
    };
    hold(&choice, &|parse| {
        okx::book::book_parser(&options, &okx::book::OkxBookOptions::DATASETS, parse)
    });
}

/// Recordings of OKX: with known and unknown worth of a contract.
pub(super) fn okx_recording(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let options = okx::recording::OkxRecordingOptions {
        inst_id: choice
            .pick(&["BTC-USDT-SWAP", "BTC-USDT-SWAP", "BTC-USDT"])
            .to_owned(),
        unit: choice.pick(&[
            Some(QtyUnit::Linear { ctval: 0.01 }),
            None,
            Some(QtyUnit::Base),
        ]),
        levels: LEVELS,
        cadence: CADENCES[usize::from(choice.number / 3) % CADENCES.len()],
        book_channel: None,
    };
    hold(&choice, &|parse| {
        okx::recording::recording_parser(
            &options,
            &okx::recording::OkxRecordingOptions::DATASETS,
            parse,
        )
    });
}

/// Recordings of Hyperliquid.
pub(super) fn hyperliquid_recording(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let options = hyperliquid::HyperliquidOptions {
        coin: "BTC".to_owned(),
        levels: LEVELS,
        cadence: choice.pick(&CADENCES),
    };
    hold(&choice, &|parse| {
        hyperliquid::recording_parser(&options, &hyperliquid::HyperliquidOptions::DATASETS, parse)
    });
}
