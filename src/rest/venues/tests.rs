//! Tests of what each venue is asked for, against its document: limits, bounds, what lies too far back.
use super::*;
use crate::rest::governor::quotas_of;

fn cx(id: &str, now: &str) -> VenueCx {
    let mut parts = id.split(':');
    let mut next = || parts.next().unwrap();
    VenueCx {
        key: InstrumentKey {
            exchange: next().parse().unwrap(),
            market: next().parse().unwrap(),
            symbol: next().parse().unwrap(),
        },
        now: now.parse().unwrap(),
        age_us: 0,
        unit: QtyUnit::Base,
    }
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

const NOW: &str = "2026-01-06T03:00:30.500Z";
const TODAY: &str = "2026-01-06";
const YESTERDAY: &str = "2026-01-05";

#[test]
#[expect(clippy::too_many_lines, reason = "one table, one row per route")]
fn first_requests_are_those_of_the_documents() {
    for (id, dataset, on, wanted) in [
        (
            "binance:um:BTCUSDT",
            Dataset::Klines1m,
            YESTERDAY,
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=1767571200000&endTime=1767657540000&limit=1500",
        ),
        // The bar that is forming at 03:00:30 is not asked for.
        (
            "binance:um:BTCUSDT",
            Dataset::Klines1m,
            TODAY,
            "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime=1767657600000&endTime=1767668340000&limit=1500",
        ),
        (
            "binance:spot:BTCUSDT",
            Dataset::Klines1m,
            YESTERDAY,
            "/api/v3/klines?symbol=BTCUSDT&interval=1m&startTime=1767571200000&endTime=1767657540000&limit=1000",
        ),
        (
            "binance:cm:BTCUSD_PERP",
            Dataset::IndexKlines,
            YESTERDAY,
            "/dapi/v1/indexPriceKlines?pair=BTCUSD&interval=1m&startTime=1767571200000&endTime=1767657540000&limit=1500",
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::PremiumKlines,
            YESTERDAY,
            "/fapi/v1/premiumIndexKlines?symbol=BTCUSDT&interval=1m&startTime=1767571200000&endTime=1767657540000&limit=1500",
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::AggTrades,
            TODAY,
            "/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1000&startTime=1767657600000&endTime=1767661199999",
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::Funding,
            YESTERDAY,
            "/fapi/v1/fundingRate?symbol=BTCUSDT&startTime=1767481200000&endTime=1767657599999&limit=1000",
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::OpenInterest,
            YESTERDAY,
            "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=500&startTime=1767571200000&endTime=1767657599999",
        ),
        (
            "okx:swap:BTC-USDT-SWAP",
            Dataset::Klines1m,
            YESTERDAY,
            "/api/v5/market/history-candles?instId=BTC-USDT-SWAP&bar=1m&limit=300&after=1767657600000",
        ),
        (
            "okx:spot:BTC-USDT",
            Dataset::Trades,
            YESTERDAY,
            "/api/v5/market/history-trades?instId=BTC-USDT&type=2&limit=100&after=1767657600000",
        ),
        (
            "okx:swap:BTC-USDT-SWAP",
            Dataset::Funding,
            YESTERDAY,
            "/api/v5/public/funding-rate-history?instId=BTC-USDT-SWAP&limit=100&after=1767657600000",
        ),
        (
            "deepcoin:swap:BTC-USDT-SWAP",
            Dataset::Klines1m,
            YESTERDAY,
            "/deepcoin/market/candles?instId=BTC-USDT-SWAP&bar=1m&limit=300&after=1767657600000",
        ),
        (
            "deepcoin:swap:BTC-USDT-SWAP",
            Dataset::Trades,
            YESTERDAY,
            "/deepcoin/market/handicap-trade?symbol=BTC-USDT-SWAP&stime=1767571200&etime=1767657599&limit=2000",
        ),
        (
            "deepcoin:swap:BTC-USDT-SWAP",
            Dataset::Trades,
            TODAY,
            "/deepcoin/market/trades?instId=BTC-USDT-SWAP&productGroup=SwapU&limit=500",
        ),
        (
            "deepcoin:spot:BTC-USDT",
            Dataset::Trades,
            TODAY,
            "/deepcoin/market/trades?instId=BTC-USDT&productGroup=Spot&limit=500",
        ),
        (
            "deepcoin:swap:BTC-USDT-SWAP",
            Dataset::Funding,
            YESTERDAY,
            "/deepcoin/trade/fund-rate/history?instId=BTC-USDT-SWAP&page=1&size=100",
        ),
    ] {
        let job = job(&cx(id, NOW), dataset, day(on), None).unwrap();
        let request = job.pager.next_request().unwrap();
        assert_eq!(request.path, wanted, "{id} {dataset} {on}");
        assert_eq!(job.complete, on == YESTERDAY);
        assert_eq!((job.format)().dataset(), dataset);
        assert_eq!(job.source.dataset, dataset);
        // Every request counts against a limit that is known.
        let venue = cx(id, NOW).key.exchange.venue;
        assert!(
            quotas_of(venue).iter().any(|q| q.bucket == request.bucket),
            "{wanted}"
        );
    }
}

#[test]
fn hyperliquid_is_asked_by_posts() {
    let cx = cx("hyperliquid:swap:BTC", NOW);
    let body = |dataset, on| {
        let job = job(&cx, dataset, day(on), None).unwrap();
        let request = job.pager.next_request().unwrap();
        assert_eq!(request.path, "/info");
        let body: serde_json::Value = serde_json::from_str(&request.post.unwrap()).unwrap();
        (body, job.stamped)
    };
    let (candles, stamped) = body(Dataset::Klines1m, YESTERDAY);
    assert_eq!(
        candles,
        serde_json::json!({"type": "candleSnapshot", "req": {"coin": "BTC", "interval": "1m",
            "startTime": 1_767_571_200_000_i64, "endTime": 1_767_657_540_000_i64}})
    );
    assert!(!stamped);
    assert_eq!(
        body(Dataset::Funding, YESTERDAY).0["type"],
        "fundingHistory"
    );
    let (context, stamped) = body(Dataset::OpenInterest, TODAY);
    assert_eq!(context, serde_json::json!({"type": "metaAndAssetCtxs"}));
    assert!(stamped);
    let clock = time_request(&cx.key).unwrap();
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&clock.post.unwrap()).unwrap(),
        serde_json::json!({"type": "l2Book", "coin": "BTC"})
    );
}

#[test]
fn coins_of_builders_are_asked_for_in_their_own_universe() {
    let mut cx = cx("hyperliquid:swap:BTC", NOW);
    cx.key.symbol = "xyz:TSLA".parse().unwrap();
    let json = |request: Request| -> serde_json::Value {
        serde_json::from_str(&request.post.unwrap()).unwrap()
    };
    let asked = |dataset, on| {
        let job = job(&cx, dataset, day(on), None).unwrap();
        json(job.pager.next_request().unwrap())
    };
    assert_eq!(
        asked(Dataset::OpenInterest, TODAY),
        serde_json::json!({"type": "metaAndAssetCtxs", "dex": "xyz"})
    );
    assert_eq!(
        json(terms_request(&cx.key).unwrap()),
        serde_json::json!({"type": "meta", "dex": "xyz"})
    );
    assert_eq!(
        asked(Dataset::Klines1m, YESTERDAY)["req"]["coin"],
        "xyz:TSLA"
    );
    assert_eq!(asked(Dataset::Funding, YESTERDAY)["coin"], "xyz:TSLA");
}

#[test]
fn what_is_out_of_reach_is_said_with_what_to_do() {
    for (id, dataset, on, says) in [
        (
            "binance:um:BTCUSDT",
            Dataset::AggTrades,
            "2026-01-04",
            &["24 h", "--source vision --datasets agg_trades"][..],
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::OpenInterest,
            "2025-12-07",
            &["30 days", "--datasets metrics"],
        ),
        (
            "okx:swap:BTC-USDT-SWAP",
            Dataset::Trades,
            "2025-09-01",
            &["three months", "okx-hist"],
        ),
        (
            "hyperliquid:swap:BTC",
            Dataset::Klines1m,
            "2026-01-02",
            &["5,000 bars"],
        ),
        (
            "hyperliquid:swap:BTC",
            Dataset::OpenInterest,
            YESTERDAY,
            &["the present only"],
        ),
        (
            "binance:um:BTCUSDT",
            Dataset::Klines1m,
            "2026-01-07",
            &["has not begun"],
        ),
        (
            "binance:spot:BTCUSDT",
            Dataset::Funding,
            YESTERDAY,
            &["no REST history", "klines_1m, agg_trades"],
        ),
        (
            "bybit:linear:BTCUSDT",
            Dataset::Klines1m,
            YESTERDAY,
            &["no REST history"],
        ),
    ] {
        let error = job(&cx(id, NOW), dataset, day(on), None)
            .err()
            .unwrap()
            .to_string();
        for word in says {
            assert!(error.contains(word), "{id} {dataset} {on}: {error}");
        }
    }
    // The same days a little nearer are asked for.
    for (id, dataset, on) in [
        ("binance:spot:BTCUSDT", Dataset::AggTrades, "2020-01-01"),
        ("binance:um:BTCUSDT", Dataset::Klines1m, "2020-01-01"),
        ("binance:um:BTCUSDT", Dataset::Funding, "2020-01-01"),
        ("binance:um:BTCUSDT", Dataset::OpenInterest, "2025-12-08"),
        ("hyperliquid:swap:BTC", Dataset::Klines1m, "2026-01-03"),
        ("okx:swap:BTC-USDT-SWAP", Dataset::Klines1m, "2022-01-01"),
    ] {
        assert!(
            job(&cx(id, NOW), dataset, day(on), None).is_ok(),
            "{id} {dataset} {on}"
        );
    }
}

#[test]
fn a_part_of_a_day_and_the_whole_day_are_different_things() {
    let params = |id: &str, dataset, on, unit| {
        let cx = VenueCx {
            unit,
            ..cx(id, NOW)
        };
        job(&cx, dataset, day(on), None).unwrap().source.params
    };
    let um = "binance:um:BTCUSDT";
    assert_ne!(
        params(um, Dataset::Klines1m, TODAY, QtyUnit::Base)["complete"],
        params(um, Dataset::Klines1m, YESTERDAY, QtyUnit::Base)["complete"]
    );
    let deepcoin = "deepcoin:swap:BTC-USDT-SWAP";
    let unit = QtyUnit::Linear { ctval: 0.001 };
    assert_eq!(
        params(deepcoin, Dataset::Trades, YESTERDAY, unit)["prices_only"],
        true
    );
    assert_eq!(
        params(deepcoin, Dataset::Klines1m, YESTERDAY, unit)["base_per_contract"],
        0.001
    );
}
