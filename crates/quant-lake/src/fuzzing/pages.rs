//! Targets over answers of REST routes: pages of rows, and what venues say about instruments and themselves.

use quant_core::market::{Instrument, InstrumentKey, Market, Venue};
use quant_core::time::UnixMicros;

use super::Choice;
use super::rows::hold;
use crate::schema::Dataset;
use crate::venues::contracts::QtyUnit;
use crate::venues::pages::{PageError, PageFormat, PageMessages};
use crate::venues::tables::{MessageParser, TableOptions};
use crate::venues::{binance, deepcoin, hyperliquid, okx};

/// Bars that close later are left out: 2024-01-02 00:00.
const CLOSED_BEFORE: UnixMicros = UnixMicros(1_704_153_600_000_000);

type MakeFormat = fn() -> Box<dyn PageFormat>;

fn binance_page(dataset: Dataset, market: Market) -> Box<dyn PageFormat> {
    let cm = market == Market::Cm;
    Box::new(binance::pages::BinancePages {
        dataset,
        market,
        symbol: if cm { "BTCUSD_PERP" } else { "BTCUSDT" }.to_owned(),
        unit: if cm {
            QtyUnit::Inverse { usd: 100.0 }
        } else {
            QtyUnit::Base
        },
        closed_before: CLOSED_BEFORE,
    })
}

fn okx_page(dataset: Dataset, swap: bool) -> Box<dyn PageFormat> {
    Box::new(okx::pages::OkxPages {
        dataset,
        inst_id: if swap { "BTC-USDT-SWAP" } else { "BTC-USDT" }.to_owned(),
        unit: if swap {
            QtyUnit::Linear { ctval: 0.01 }
        } else {
            QtyUnit::Base
        },
    })
}

fn deepcoin_page(route: deepcoin::pages::Route) -> Box<dyn PageFormat> {
    Box::new(deepcoin::pages::DeepcoinPages {
        route,
        inst_id: "BTC-USDT-SWAP".to_owned(),
        unit: QtyUnit::Linear { ctval: 0.001 },
        closed_before: CLOSED_BEFORE,
    })
}

fn hyperliquid_page(dataset: Dataset) -> Box<dyn PageFormat> {
    Box::new(hyperliquid::pages::HyperliquidPages {
        dataset,
        coin: "BTC".to_owned(),
        closed_before: CLOSED_BEFORE,
    })
}

/// Routes, in the order of the variants.
const ROUTES: [MakeFormat; 22] = [
    || binance_page(Dataset::Klines1m, Market::Um),
    || binance_page(Dataset::AggTrades, Market::Um),
    || binance_page(Dataset::MarkKlines, Market::Um),
    || binance_page(Dataset::PremiumKlines, Market::Um),
    || binance_page(Dataset::IndexKlines, Market::Um),
    || binance_page(Dataset::Funding, Market::Um),
    || binance_page(Dataset::OpenInterest, Market::Um),
    || binance_page(Dataset::Klines1m, Market::Cm),
    || binance_page(Dataset::AggTrades, Market::Cm),
    || binance_page(Dataset::Klines1m, Market::Spot),
    || okx_page(Dataset::Klines1m, true),
    || okx_page(Dataset::Trades, true),
    || okx_page(Dataset::Funding, true),
    || okx_page(Dataset::Klines1m, false),
    || deepcoin_page(deepcoin::pages::Route::Candles),
    || deepcoin_page(deepcoin::pages::Route::Trades),
    || deepcoin_page(deepcoin::pages::Route::OldTrades),
    || deepcoin_page(deepcoin::pages::Route::OldKlines),
    || deepcoin_page(deepcoin::pages::Route::Funding),
    || hyperliquid_page(Dataset::Klines1m),
    || hyperliquid_page(Dataset::Funding),
    || hyperliquid_page(Dataset::OpenInterest),
];

/// Pages of every venue and route, one body a line.
pub(super) fn rest_pages(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let make = choice.pick(&ROUTES);
    hold(&choice, &|parse| {
        let format = make();
        let tables = TableOptions {
            datasets: vec![format.dataset()],
            book_levels: 0,
            watermark_us: None,
        };
        Box::new(MessageParser::new(PageMessages(format), &tables, parse))
    });
}

/// Reads the terms of one instrument out of an answer.
type ReadInstrument =
    fn(&[u8], &InstrumentKey, UnixMicros, (f64, f64)) -> Result<Option<Instrument>, PageError>;

/// Answers about instruments, files and clocks.
pub(super) fn instruments(bytes: &[u8]) {
    const OF: [(ReadInstrument, Venue, Market, &str); 6] = [
        (
            binance::pages::instrument,
            Venue::Binance,
            Market::Um,
            "BTCUSDT",
        ),
        (
            binance::pages::instrument,
            Venue::Binance,
            Market::Cm,
            "BTCUSD_PERP",
        ),
        (
            binance::pages::instrument,
            Venue::Binance,
            Market::Spot,
            "BTCUSDT",
        ),
        (
            okx::pages::instrument,
            Venue::Okx,
            Market::Swap,
            "BTC-USDT-SWAP",
        ),
        (
            deepcoin::pages::instrument,
            Venue::Deepcoin,
            Market::Swap,
            "BTC-USDT-SWAP",
        ),
        (
            hyperliquid::pages::instrument,
            Venue::Hyperliquid,
            Market::Swap,
            "BTC",
        ),
    ];
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let body = choice.text;
    let (read, venue, market, name) = choice.pick(&OF);
    let key = super::key(venue, market, name);
    if let Ok(Some(found)) = read(body, &key, CLOSED_BEFORE, (2.0, 5.0)) {
        assert_eq!(found.key, key, "terms of another instrument");
        for value in [found.min_notional, found.contract_value] {
            assert!(
                value.is_finite() && value >= 0.0,
                "terms that are no number: {found:?}"
            );
        }
        assert!(found.contract_value > 0.0, "a contract of no worth");
    }
    // Every other answer: whether it can be read must not depend on anything but its bytes.
    let times = [
        binance::pages::server_time(body).ok(),
        okx::pages::server_time(body).ok(),
        deepcoin::pages::server_time(body).ok(),
    ];
    for time in times.into_iter().flatten() {
        assert_eq!(time.0 % 1_000, 0, "venues tell milliseconds");
    }
    if let Ok(Some(hours)) = binance::pages::funding_interval(body, name) {
        assert!(hours > 0, "funding every 0 hours");
    }
    if let Ok(files) = okx::pages::history_files(body) {
        assert!(files.iter().all(|f| f.size_mb.is_finite()));
    }
    if let Ok(all) = okx::instruments::instruments(body) {
        for one in &all {
            let worth = one.contract.as_ref().map(|c| (c.ct_val, c.ct_mult));
            let is_fine = worth.is_none_or(|(a, b)| a.is_finite() && b.is_finite());
            assert!(is_fine, "a contract that is no number: {one:?}");
        }
        if let Ok(Some(found)) = okx::instruments::find_instrument(body, name) {
            assert_eq!(found.inst_id, name);
            assert!(all.contains(&found), "found but not listed");
        }
    }
}
