//! Tests of which files a range needs and how they are asked for.
use super::*;
use quant_core::time::UnixMicros;

fn key(market: &str, symbol: &str) -> InstrumentKey {
    InstrumentKey {
        exchange: "okx".parse().unwrap(),
        market: market.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
    }
}

fn range(start: &str, end: &str) -> TimeRange {
    let at = |text: &str| text.parse::<UnixMicros>().unwrap();
    TimeRange::new(at(start), at(end)).unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[test]
fn a_utc_day_of_trades_needs_two_files_and_one_of_books_needs_one() {
    let one = range("2026-01-05", "2026-01-06");
    let d = |text| day(text);
    assert_eq!(
        file_days(Module::Trades, one),
        (d("2026-01-05"), d("2026-01-06"))
    );
    assert_eq!(
        file_days(Module::Book400, one),
        (d("2026-01-05"), d("2026-01-05"))
    );
    // Every instant of the day lies in the span of one of the files.
    for module in Module::ALL {
        let (first, last) = file_days(module, one);
        let spans: Vec<(i64, i64)> = (first.0..=last.0)
            .map(|n| module.span_ms(quant_lake::venues::binance::Period::Day(Day(n))))
            .collect();
        for minute in 0..1_440 {
            let at = one.start.0 / 1_000 + minute * 60_000;
            let n = spans.iter().filter(|s| (s.0..s.1).contains(&at)).count();
            assert_eq!(n, 1, "{module:?} minute {minute}");
        }
    }
    // A missing file leaves holes in the two days it has rows of.
    let two = range("2026-01-05", "2026-01-07");
    assert_eq!(
        utc_days(Module::Trades, d("2026-01-06"), two),
        [d("2026-01-05"), d("2026-01-06")]
    );
    assert_eq!(
        utc_days(Module::Trades, d("2026-01-05"), two),
        [d("2026-01-05")]
    );
    assert_eq!(
        utc_days(Module::Book400, d("2026-01-06"), two),
        [d("2026-01-06")]
    );
}

#[test]
fn long_ranges_are_cut_to_ten_days_and_halved_when_refused() {
    let days: Vec<Day> = (0..23).map(|i| Day(20_000 + i)).collect();
    let mut query = HistQuery::new(&key("swap", "BTC-USDT-SWAP"), Module::Trades, &days);
    let (request, asked) = query.next_request().unwrap();
    assert_eq!(asked, (Day(20_000), Day(20_009)));
    let noon = Module::Trades
        .span_ms(quant_lake::venues::binance::Period::Day(Day(20_000)))
        .0
        + 12 * 3_600_000;
    assert_eq!(
        request.path,
        format!(
            "/api/v5/public/market-data-history?module=1&instType=SWAP&instFamilyList=BTC-USDT&dateAggrType=daily&begin={noon}&end={}",
            noon + 9 * 86_400_000
        )
    );
    // A venue that takes four days at most.
    let (mut seen, mut requests) = (Vec::new(), 0);
    while let Some((_, (first, last))) = query.next_request() {
        requests += 1;
        if last.0 - first.0 >= 4 {
            assert!(query.halve());
            continue;
        }
        seen.extend((first.0..=last.0).map(Day));
        query.answered();
    }
    assert_eq!(seen, days);
    assert!(requests <= 16, "{requests}");
    // A single day that is refused is an error, not a loop.
    let mut query = HistQuery::new(&key("spot", "BTC-USDT"), Module::Trades, &[Day(20_000)]);
    assert!(!query.halve());
    let (request, _) = query.next_request().unwrap();
    assert!(
        request.path.contains("instType=SPOT&instIdList=BTC-USDT&"),
        "{}",
        request.path
    );
}

#[test]
fn known_days_are_not_asked_again_and_holes_split_the_stretches() {
    let days = [1, 2, 3, 7, 8, 20].map(|i| Day(20_000 + i));
    let mut query = HistQuery::new(&key("swap", "BTC-USDT-SWAP"), Module::Funding, &days);
    let mut asked = Vec::new();
    while let Some((request, (first, last))) = query.next_request() {
        assert!(
            request.path.contains("instFamilyList=ANY&"),
            "{}",
            request.path
        );
        asked.push((first.0 - 20_000, last.0 - 20_000));
        query.answered();
    }
    assert_eq!(asked, [(1, 3), (7, 8), (20, 20)]);
}

#[test]
fn a_file_is_known_by_its_stamp_and_its_name() {
    let file = HistoryFile {
        // The example of the document: 16:00 UTC the day before.
        date_ms: 1_756_656_000_000,
        filename: "BTC-USDT-SWAP-trades-2025-09-01.zip".to_owned(),
        url: String::new(),
        size_mb: 10.82,
    };
    let swap = key("swap", "BTC-USDT-SWAP");
    assert!(is_of(&file, &swap, Module::Trades, day("2025-09-01")));
    assert!(!is_of(&file, &swap, Module::Trades, day("2025-08-31")));
    assert!(!is_of(
        &file,
        &key("spot", "BTC-USDT-X"),
        Module::Trades,
        day("2025-09-01")
    ));
}

#[test]
fn the_cache_remembers_between_runs_but_not_what_may_still_come() {
    let dir = tempfile::tempdir().unwrap();
    let swap = key("swap", "BTC-USDT-SWAP");
    let file = HistoryFile {
        date_ms: 1_756_656_000_000,
        filename: "x.zip".to_owned(),
        url: "u".to_owned(),
        size_mb: 1.5,
    };
    let mut cache = Cache::open(dir.path(), "https://a");
    cache.put(&swap, Module::Trades, "1", Some(file.clone()));
    cache.put(&swap, Module::Trades, "2", None);
    cache.put_for_now(&swap, Module::Trades, "3");
    assert_eq!(cache.get(&swap, Module::Trades, "3"), Known::Absent);
    cache.save().unwrap();
    let again = Cache::open(dir.path(), "https://a");
    assert_eq!(again.get(&swap, Module::Trades, "1"), Known::File(file));
    assert_eq!(again.get(&swap, Module::Trades, "2"), Known::Absent);
    assert_eq!(again.get(&swap, Module::Trades, "3"), Known::Nothing);
    assert_eq!(again.get(&swap, Module::Candles, "1"), Known::Nothing);
    assert_eq!(
        Cache::open(dir.path(), "https://b").get(&swap, Module::Trades, "1"),
        Known::Nothing
    );
    std::fs::write(dir.path().join("okx_hist_files.json"), "{").unwrap();
    assert_eq!(
        Cache::open(dir.path(), "https://a").get(&swap, Module::Trades, "1"),
        Known::Nothing
    );
}

#[test]
fn products_of_datasets() {
    let spot = key("spot", "BTC-USDT");
    let swap = key("swap", "BTC-USDT-SWAP");
    let dated = key("swap", "BTC-USD-260327");
    let of = |dataset, key: &InstrumentKey| module_of(dataset, key, BookDepth::L400);
    assert_eq!(of(Dataset::Trades, &spot).unwrap(), Module::Trades);
    assert_eq!(of(Dataset::L2Deltas, &swap).unwrap(), Module::Book400);
    assert_eq!(of(Dataset::Funding, &swap).unwrap(), Module::Funding);
    for (dataset, key) in [
        (Dataset::Funding, &spot),
        (Dataset::Funding, &dated),
        (Dataset::AggTrades, &swap),
        (Dataset::Trades, &key("um", "BTCUSDT")),
    ] {
        let error = of(dataset, key).unwrap_err();
        assert!(error.to_string().contains("hint: "), "{error}");
    }
    // Levels of an order book and the number of the product that has them.
    for (depth, levels, number) in [
        (BookDepth::L50, 50, 6),
        (BookDepth::L400, 400, 4),
        (BookDepth::L5000, 5_000, 5),
    ] {
        let module = module_of(Dataset::L2Snapshots, &swap, depth).unwrap();
        assert_eq!((depth.levels(), module.number()), (levels, number));
        assert_eq!(of(Dataset::Trades, &swap).unwrap(), Module::Trades);
    }
}

#[test]
fn dated_contracts_are_asked_for_as_futures_of_their_family() {
    let dated = key("swap", "BTC-USD-260327");
    let query = HistQuery::new(&dated, Module::Book50, &[Day(20_000)]);
    let (request, _) = query.next_request().unwrap();
    assert!(
        request
            .path
            .contains("module=6&instType=FUTURES&instFamilyList=BTC-USD&"),
        "{}",
        request.path
    );
    // Their files hold the whole chain of the family, and no other family's.
    let day = Day(20_000);
    let file = |filename: String| HistoryFile {
        date_ms: Module::Book50
            .span_ms(quant_lake::venues::binance::Period::Day(day))
            .0,
        filename,
        url: String::new(),
        size_mb: 1.0,
    };
    for (name, is_it) in [
        (
            format!("BTC-USD-futureschain-L2orderbook-50lv-{day}.tar.gz"),
            true,
        ),
        (
            format!("BTC-USD-260327-L2orderbook-50lv-{day}.tar.gz"),
            true,
        ),
        (
            format!("BTC-USDT-futureschain-L2orderbook-50lv-{day}.tar.gz"),
            false,
        ),
        (format!("BTC-USD-SWAP-L2orderbook-50lv-{day}.tar.gz"), false),
    ] {
        assert_eq!(
            is_of(&file(name.clone()), &dated, Module::Book50, day),
            is_it,
            "{name}"
        );
    }
}
