//! Targets over files of rows: archives of Binance, Bybit and OKX, and a user's CSV.

use quant_core::market::{Market, Venue};

use super::rows::hold;
use super::{Choice, instrument, symbol};
use crate::schema::Dataset;
use crate::venues::csv::{
    CsvHeader, CsvMapping, CsvRows, KlineColumns, QtyUnit, SideColumn, Stamp, TimeFormat,
    TradeColumns,
};
use crate::venues::rows::{ParseOptions, RowParser};
use crate::venues::{binance, bybit, csv, okx};

/// Gives the text to a parser that is known to exist for the choice.
fn hold_if<E: core::fmt::Display>(
    choice: &Choice<'_>,
    make: impl Fn(ParseOptions) -> Result<Box<dyn RowParser>, E>,
) {
    hold(choice, &|options| {
        make(options).unwrap_or_else(|e| panic!("{e}"))
    });
}

/// Datasets and markets of Binance Vision, in the order of the variants.
const BINANCE: [(Dataset, Market); 25] = [
    (Dataset::Klines1m, Market::Um),
    (Dataset::AggTrades, Market::Um),
    (Dataset::Trades, Market::Um),
    (Dataset::BookTicker, Market::Um),
    (Dataset::DepthBands, Market::Um),
    (Dataset::MarkKlines, Market::Um),
    (Dataset::PremiumKlines, Market::Um),
    (Dataset::IndexKlines, Market::Um),
    (Dataset::Metrics, Market::Um),
    (Dataset::Funding, Market::Um),
    (Dataset::Klines1m, Market::Spot),
    (Dataset::AggTrades, Market::Spot),
    (Dataset::Trades, Market::Spot),
    (Dataset::Klines1m, Market::Cm),
    (Dataset::AggTrades, Market::Cm),
    (Dataset::Trades, Market::Cm),
    (Dataset::BookTicker, Market::Cm),
    (Dataset::DepthBands, Market::Cm),
    (Dataset::MarkKlines, Market::Cm),
    (Dataset::PremiumKlines, Market::Cm),
    (Dataset::IndexKlines, Market::Cm),
    (Dataset::Metrics, Market::Cm),
    (Dataset::Funding, Market::Cm),
    (Dataset::Liquidations, Market::Cm),
    // Without the value of a contract: base quantities stay unknown.
    (Dataset::Metrics, Market::Spot),
];

/// Rows of Binance Vision: every dataset of every market.
pub(super) fn binance_archive(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let (dataset, market) = choice.pick(&BINANCE);
    // The last entry stands for coin-margined metrics of an unknown contract.
    let known = market != Market::Spot || dataset != Dataset::Metrics;
    let market = if known { market } else { Market::Cm };
    let (name, inverse) = match market {
        Market::Cm => ("BTCUSD_PERP", true),
        _ => ("BTCUSDT", false),
    };
    let terms = instrument(Venue::Binance, market, name, inverse);
    let terms = binance::Terms::new(market, &symbol(name), Some(&terms).filter(|_| known));
    hold_if(&choice, |options| binance::parser(dataset, &terms, options));
}

/// Trades of Bybit: linear, inverse, spot.
pub(super) fn bybit_trades(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let (market, name) = choice.pick(&[
        (Market::Linear, "BTCUSDT"),
        (Market::Inverse, "BTCUSD"),
        (Market::Spot, "BTCUSDT"),
    ]);
    let mut terms = instrument(Venue::Bybit, market, name, market == Market::Inverse);
    if market == Market::Inverse {
        terms.contract_value = 1.0;
    }
    hold_if(&choice, |options| {
        bybit::parser(
            Dataset::Trades,
            market,
            &symbol(name),
            Some(&terms),
            options,
        )
    });
}

/// Trades, aggregated trades, candles and funding of OKX.
pub(super) fn okx_archive(bytes: &[u8]) {
    const SWAP: (Market, &str, bool) = (Market::Swap, "BTC-USDT-SWAP", false);
    const INVERSE: (Market, &str, bool) = (Market::Swap, "BTC-USD-SWAP", true);
    const SPOT: (Market, &str, bool) = (Market::Spot, "BTC-USDT", false);
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let (dataset, (market, name, inverse)) = choice.pick(&[
        (Dataset::Trades, SWAP),
        (Dataset::AggTrades, SWAP),
        (Dataset::Klines1m, SWAP),
        (Dataset::Funding, SWAP),
        (Dataset::Trades, INVERSE),
        (Dataset::Klines1m, INVERSE),
        (Dataset::Trades, SPOT),
        (Dataset::AggTrades, SPOT),
        (Dataset::Klines1m, SPOT),
    ]);
    let terms = instrument(Venue::Okx, market, name, inverse);
    hold_if(&choice, |options| {
        okx::parser(dataset, market, &symbol(name), Some(&terms), options)
    });
}

/// A user's own CSV: klines and trades, every format of times, with and without a header.
pub(super) fn user_csv(bytes: &[u8]) {
    let Some(choice) = Choice::of(bytes) else {
        return;
    };
    let n = choice.number;
    let klines = n & 1 == 0;
    let time = [
        TimeFormat::Text,
        TimeFormat::EpochS,
        TimeFormat::EpochMs,
        TimeFormat::EpochUs,
        TimeFormat::EpochNs,
    ][usize::from(n >> 1) % 5];
    let other = usize::from(n >> 1) / 5;
    let names: &[&str] = if klines {
        &["time", "open", "high", "low", "close", "volume", "n"]
    } else {
        &["time", "price", "qty", "side", "id"]
    };
    let header = if other & 1 == 0 {
        CsvHeader::FirstLine
    } else {
        CsvHeader::Columns(names.iter().map(|&n| n.to_owned()).collect())
    };
    let mapping = CsvMapping {
        rows: if klines {
            CsvRows::Klines(kline_columns(other))
        } else {
            CsvRows::Trades(trade_columns(other))
        },
        time,
        header,
        delimiter: if other >= 4 { ';' } else { ',' },
    };
    hold_if(&choice, |options| csv::parser(&mapping, options));
}

fn kline_columns(other: usize) -> KlineColumns {
    KlineColumns {
        timestamp: "time".to_owned(),
        open: "open".to_owned(),
        high: "high".to_owned(),
        low: "low".to_owned(),
        close: "close".to_owned(),
        volume: "volume".to_owned(),
        quote_volume: None,
        n_trades: (other & 2 != 0).then(|| "n".to_owned()),
        taker_buy_volume: None,
        stamp: if other & 2 == 0 {
            Stamp::Open
        } else {
            Stamp::Close
        },
        volume_unit: if other < 4 {
            QtyUnit::Base
        } else {
            QtyUnit::Quote
        },
    }
}

fn trade_columns(other: usize) -> TradeColumns {
    TradeColumns {
        timestamp: "time".to_owned(),
        price: "price".to_owned(),
        qty: "qty".to_owned(),
        side: if other < 4 {
            SideColumn::Aggressor("side".to_owned())
        } else {
            SideColumn::IsBuyerMaker("side".to_owned())
        },
        trade_id: (other & 2 != 0).then(|| "id".to_owned()),
        qty_unit: if other < 4 {
            QtyUnit::Base
        } else {
            QtyUnit::InverseContracts {
                quote_per_contract: 10.0,
            }
        },
    }
}
