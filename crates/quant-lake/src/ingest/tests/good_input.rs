//! Files that are accepted, as they are or with remarks; repeated, merged and replaced ingests.

#![expect(clippy::float_cmp, reason = "values must come back bit for bit")]

use arrow_array::Array as _;
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};

use super::fixture::*;
use crate::ingest::*;
use crate::schema::Dataset;
use crate::venues::binance::Period;

fn one_day(fixture: &Fixture, text: &str) -> FileOutcome {
    let key = key("um", "BTCUSDT");
    fixture.put(&key, Dataset::Trades, Period::Day(day("2024-07-02")), text);
    let request = fixture.request(&key, Dataset::Trades, "2024-07-02", "2024-07-03");
    fixture.ingest(&request).files.pop().unwrap()
}

fn content(outcome: &FileOutcome) -> &str {
    match &outcome.status {
        FileStatus::Written { days } => &days[0].content_sha256,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_way_to_write_a_day_gives_the_same_values() {
    let rows = trades(day("2024-07-02"), 1, 3_000);
    let plain = csv(UM_TRADES, &rows);
    let expected = one_day(&Fixture::new(), &plain);
    assert_eq!(expected.counts.written, 3_000);
    let hash = content(&expected).to_owned();

    let headerless = rows.join("\n");
    let crlf = plain.replace('\n', "\r\n");
    let bom = format!("\u{feff}{plain}");
    let micros = {
        let rows: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(i, row)| {
                let mut f: Vec<String> = row.split(',').map(str::to_owned).collect();
                if i % 2 == 1 {
                    f[4].push_str("000");
                }
                f.join(",")
            })
            .collect();
        csv(UM_TRADES, &rows)
    };
    let reordered = {
        let swap = |row: &String| {
            let f: Vec<&str> = row.split(',').collect();
            [f[4], f[5], f[0], f[1], f[2], f[3]].join(",")
        };
        csv(
            &swap(&UM_TRADES.to_owned()),
            &rows.iter().map(swap).collect::<Vec<_>>(),
        )
    };
    let reversed = csv(UM_TRADES, &rows.iter().rev().cloned().collect::<Vec<_>>());
    for (text, note) in [
        (&headerless, None),
        (&crlf, Some("3001 lines end in CRLF")),
        (&bom, Some("byte order mark")),
        (
            &micros,
            Some("1500 rows in milliseconds, 1500 in microseconds"),
        ),
        (&reordered, Some("mapped by name")),
        (&reversed, None),
    ] {
        for jobs in [1, 2, 3] {
            let mut fixture = Fixture::new();
            fixture.options.jobs = jobs;
            let outcome = one_day(&fixture, text);
            assert_eq!(content(&outcome), hash, "{:?}", outcome.notes);
            if let Some(note) = note {
                assert!(
                    outcome.notes.iter().any(|n| n.contains(note)),
                    "{:?}",
                    outcome.notes
                );
            }
        }
    }
    let fixture = Fixture::new();
    assert_eq!(one_day(&fixture, &reversed).out_of_order, 2_999);
}

#[test]
fn header_only_is_a_day_on_which_nothing_happened() {
    let fixture = Fixture::new();
    let outcome = one_day(&fixture, &format!("{UM_TRADES}\n"));
    assert_eq!(outcome.counts, RowCounts::default());
    let manifest = fixture
        .manifest(&key("um", "BTCUSDT"), Dataset::Trades)
        .unwrap();
    assert_eq!(manifest.partitions[0].rows, 0);
}

#[test]
fn rows_of_other_days_are_filtered_and_counted() {
    let fixture = Fixture::new();
    let mut rows = trades(day("2024-07-01"), 1, 10);
    rows.extend(trades(day("2024-07-02"), 11, 100));
    rows.extend(trades(day("2024-07-03"), 111, 5));
    let outcome = one_day(&fixture, &csv(UM_TRADES, &rows));
    assert_eq!(
        (
            outcome.counts.rows_in,
            outcome.counts.written,
            outcome.counts.filtered
        ),
        (115, 100, 15)
    );
    let partition = fixture
        .manifest(&key("um", "BTCUSDT"), Dataset::Trades)
        .unwrap()
        .partitions
        .pop()
        .unwrap();
    assert_eq!(
        (
            partition.rows_in,
            partition.quality.other_day,
            partition.quality.filtered
        ),
        (115, 15, 15)
    );
}

#[test]
fn ingesting_again_writes_nothing() {
    let fixture = Fixture::new();
    let text = csv(UM_TRADES, &trades(day("2024-07-02"), 1, 100));
    one_day(&fixture, &text);
    let before = fixture.listing();
    for _ in 0..2 {
        assert!(matches!(
            one_day(&fixture, &text).status,
            FileStatus::Current
        ));
        assert_eq!(fixture.listing(), before);
    }
    // The vendor replaces the file: the partition follows.
    let text = csv(UM_TRADES, &trades(day("2024-07-02"), 1, 90));
    assert_eq!(one_day(&fixture, &text).counts.written, 90);
    let manifest = fixture
        .manifest(&key("um", "BTCUSDT"), Dataset::Trades)
        .unwrap();
    assert_eq!(
        (manifest.row_count, manifest.partitions[0].sources.len()),
        (90, 1)
    );
}

#[test]
fn days_missing_in_the_archive() {
    let fixture = Fixture::new();
    let um = key("um", "BTCUSDT");
    fixture.put(&um, Dataset::BookTicker, Period::Day(day("2024-07-18")),
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n5,10.0,1,10.1,2,1721260800001,1721260800003\n");
    let report =
        fixture.ingest(&fixture.request(&um, Dataset::BookTicker, "2024-07-17", "2024-07-19"));
    let FileStatus::NotPublished { reason } = &report.files[0].status else {
        panic!("{report:?}")
    };
    assert!(reason.contains("2024-03-30"), "{reason}");
    // What is there is taken, whatever the venue is known to publish.
    assert_eq!(report.files[1].counts.written, 1);
    let report = fixture.ingest(&fixture.request(&um, Dataset::Trades, "2024-07-17", "2024-07-18"));
    assert!(matches!(report.files[0].status, FileStatus::NotFound));
    let report = fixture.ingest(&fixture.request(
        &key("spot", "BTCUSDT"),
        Dataset::Metrics,
        "2024-07-17",
        "2024-07-18",
    ));
    assert!(matches!(
        report.files[0].status,
        FileStatus::NotPublished { .. }
    ));
}

#[test]
fn a_month_of_funding_becomes_days() {
    let fixture = Fixture::new();
    let um = key("um", "BTCUSDT");
    let rows: Vec<String> = (0..93)
        .map(|i| {
            format!(
                "{},8,{}",
                1_719_792_000_000_i64 + i * 8 * 3_600_000 + i % 12,
                (i - 40) as f64 / 1e6
            )
        })
        .collect();
    let text = csv("calc_time,funding_interval_hours,last_funding_rate", &rows);
    fixture.put(
        &um,
        Dataset::Funding,
        Period::Month(day("2024-07-01")),
        &text,
    );
    let request = fixture.request(&um, Dataset::Funding, "2024-07-10", "2024-07-12");
    let report = fixture.ingest(&request);
    let counts = report.counts();
    assert_eq!(
        (counts.rows_in, counts.written, counts.filtered),
        (93, 6, 87)
    );
    let batch = fixture.rows(&um, Dataset::Funding, day("2024-07-10"));
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(
        times.value(0) % 1_000_000,
        3_000,
        "milliseconds of jitter are kept"
    );
    assert_eq!(
        batch.column(1).as_primitive::<Float64Type>().value(0),
        -13.0 / 1e6
    );
    assert_eq!(batch.column(2).as_primitive::<Int32Type>().value(0), 8);
    assert!(matches!(
        fixture.ingest(&request).files[0].status,
        FileStatus::Current
    ));
    let more = fixture.ingest(&fixture.request(&um, Dataset::Funding, "2024-07-01", "2024-08-01"));
    assert_eq!(more.counts().written, 93);
    assert_eq!(more.days_written(), 29);
}

#[test]
fn metrics_are_sorted_and_quoted_blanks_are_null() {
    let fixture = Fixture::new();
    let cm = key("cm", "BTCUSD_PERP");
    let header = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio";
    let row = |minute: i32| {
        format!(
            "2023-06-25 00:{minute:02}:00,BTCUSD_PERP,5578700.00000000,18265.00911826,\"\",\"\",\"\",0.00855776"
        )
    };
    let rows = vec![row(10), row(0), row(5), row(0)];
    fixture.put(
        &cm,
        Dataset::Metrics,
        Period::Day(day("2023-06-25")),
        &csv(header, &rows),
    );
    let report =
        fixture.ingest(&fixture.request(&cm, Dataset::Metrics, "2023-06-25", "2023-06-26"));
    let file = &report.files[0];
    assert_eq!(
        (
            file.counts.written,
            file.counts.duplicates,
            file.out_of_order
        ),
        (3, 1, 3)
    );
    let batch = fixture.rows(&cm, Dataset::Metrics, day("2023-06-25"));
    let times = batch
        .column(0)
        .as_primitive::<TimestampMicrosecondType>()
        .values()
        .to_vec();
    assert_eq!(
        times,
        [1687651200000000, 1687651500000000, 1687651800000000]
    );
    assert_eq!(
        batch.column(1).as_primitive::<Float64Type>().value(0),
        18265.00911826
    );
    assert_eq!(batch.column(3).null_count(), 3);
}

#[test]
fn equal_forced_orders_are_all_kept() {
    let mut fixture = Fixture::new();
    fixture.options.jobs = 2;
    let cm = key("cm", "BTCUSD_PERP");
    let header = "time,side,order_type,time_in_force,original_quantity,price,average_price,order_status,last_fill_quantity,accumulated_fill_quantity";
    let row = "1687656471926,BUY,LIMIT,IOC,7,30741.3,30631.6,FILLED,6,7".to_owned();
    let rows = vec![row.clone(), row.replace("BUY", "SELL"), row.clone(), row];
    fixture.put(
        &cm,
        Dataset::Liquidations,
        Period::Day(day("2023-06-25")),
        &csv(header, &rows),
    );
    let mut request = fixture.request(&cm, Dataset::Liquidations, "2023-06-25", "2023-06-26");
    let report = fixture.ingest(&request);
    let (_, error) = report.failures().next().unwrap();
    assert!(error.to_string().contains("contract_value"), "{error}");
    request.instruments.push(instrument(&cm, 100.0));
    assert_eq!(fixture.ingest(&request).counts().written, 4);
    let batch = fixture.rows(&cm, Dataset::Liquidations, day("2023-06-25"));
    assert_eq!(
        batch
            .column_by_name("occurrence")
            .unwrap()
            .as_primitive::<Int32Type>()
            .values()
            .to_vec(),
        [0, 0, 1, 2]
    );
    assert_eq!(
        batch
            .column_by_name("qty")
            .unwrap()
            .as_primitive::<Float64Type>()
            .value(0),
        700.0 / 30631.6
    );
}

fn instrument(
    key: &quant_core::market::InstrumentKey,
    value: f64,
) -> quant_core::market::Instrument {
    quant_core::market::Instrument {
        key: key.clone(),
        valid_from: quant_core::time::UnixMicros(0),
        valid_to: None,
        tick_size: "0.1".parse().unwrap(),
        lot_size: "1".parse().unwrap(),
        min_notional: 0.0,
        contract_value: value,
        inverse: true,
        funding_interval_h: Some(8),
        maker_bps: 0.0,
        taker_bps: 0.0,
        onboard: None,
        delist: None,
        source: "test".into(),
    }
}

#[test]
fn monthly_and_daily_files_of_a_day_merge() {
    let mut fixture = Fixture::new();
    let um = key("um", "BTCUSDT");
    let rows = trades(day("2024-07-02"), 1, 100);
    one_day(&fixture, &csv(UM_TRADES, &rows));
    let mut more = trades(day("2024-07-02"), 1, 120);
    more[7] = more[7].replace(",0.", ",5.");
    fixture.put(
        &um,
        Dataset::Trades,
        Period::Month(day("2024-07-01")),
        &csv(UM_TRADES, &more),
    );
    fixture.options.monthly = true;
    let report = fixture.ingest(&fixture.request(&um, Dataset::Trades, "2024-07-02", "2024-07-03"));
    let counts = report.counts();
    assert_eq!(
        (
            counts.rows_in,
            counts.written,
            counts.duplicates,
            counts.quarantined
        ),
        (120, 20, 99, 1)
    );
    let ids = fixture.rows(&um, Dataset::Trades, day("2024-07-02"));
    let ids = ids.column(2).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(ids, (1..=120).collect::<Vec<i64>>());
    let merged = fixture
        .manifest(&um, Dataset::Trades)
        .unwrap()
        .partitions
        .pop()
        .unwrap();
    assert_eq!((merged.rows_in, merged.sources.len()), (220, 2));

    // The other order gives the same values.
    let other = Fixture {
        options: fixture.options.clone(),
        ..Fixture::new()
    };
    other.put(
        &um,
        Dataset::Trades,
        Period::Month(day("2024-07-01")),
        &csv(UM_TRADES, &more),
    );
    other.ingest(&other.request(&um, Dataset::Trades, "2024-07-02", "2024-07-03"));
    let other = Fixture {
        options: IngestOptions {
            monthly: false,
            ..other.options.clone()
        },
        ..other
    };
    one_day(&other, &csv(UM_TRADES, &rows));
    let again = other
        .manifest(&um, Dataset::Trades)
        .unwrap()
        .partitions
        .pop()
        .unwrap();
    assert_eq!(again.content_sha256, merged.content_sha256);
}

#[test]
fn many_days_on_many_threads() {
    let mut hashes = Vec::new();
    for jobs in [1, 2, 5] {
        let mut fixture = Fixture::new();
        fixture.options.jobs = jobs;
        let um = key("um", "BTCUSDT");
        for i in 0..6 {
            let of = day("2024-07-01").plus(i);
            let text = csv(UM_TRADES, &trades(of, 1_000 * i64::from(i), 500));
            fixture.put(&um, Dataset::Trades, Period::Day(of), &text);
        }
        let report =
            fixture.ingest(&fixture.request(&um, Dataset::Trades, "2024-07-01", "2024-07-08"));
        assert_eq!(
            (
                report.counts().written,
                report.files.len(),
                report.days_written()
            ),
            (3_000, 7, 6)
        );
        let manifest = fixture.manifest(&um, Dataset::Trades).unwrap();
        hashes.push(
            manifest
                .partitions
                .into_iter()
                .map(|p| p.content_sha256)
                .collect::<Vec<_>>(),
        );
    }
    assert!(hashes.windows(2).all(|w| w[0] == w[1]));
}

#[test]
fn a_month_of_contracts_worth_two_amounts_is_refused_and_its_parts_are_not() {
    let mut fixture = Fixture::new();
    fixture.options.monthly = true;
    let cm = key("cm", "BTCUSD_PERP");
    let month = Period::month_of(day("2023-06-25"));
    let at = |text: &str, id: i64| {
        let ms = day(text).start().0 / 1_000;
        format!("{id},30000,6,{id},{id},{ms},true")
    };
    let rows = [at("2023-06-24", 1), at("2023-06-25", 2)];
    let header =
        "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker";
    fixture.put(&cm, Dataset::AggTrades, month, &csv(header, &rows));
    let worth = |value: f64, from: &str, to: Option<&str>| quant_core::market::Instrument {
        valid_from: from.parse().unwrap(),
        valid_to: to.map(|to| to.parse().unwrap()),
        ..instrument(&cm, value)
    };
    let ask = |start: &str, end: &str, change: &str| {
        let mut request = fixture.request(&cm, Dataset::AggTrades, start, end);
        request.instruments = vec![
            worth(100.0, "2023-01-01", Some(change)),
            worth(10.0, change, None),
        ];
        let source = LocalArchive::open(fixture.at.join("archive")).unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        ingest_vision(&fixture.lake(), &source, &request, &NoProgress, &stop)
    };
    let error = ask("2023-06-24", "2023-06-26", "2023-06-25").unwrap_err();
    assert!(matches!(error, IngestError::Terms(_)), "{error}");
    let text = error.to_string();
    for word in [
        "100 quote units",
        "2023-06-25, 10 quote units",
        "BTCUSD_PERP-aggTrades-2023-06.zip",
        "hint: ",
    ] {
        assert!(text.contains(word), "{text}");
    }
    let error = ask("2023-06-25", "2023-06-26", "2023-06-25T08:00:00Z").unwrap_err();
    assert!(error.to_string().contains("rows of both"), "{error}");
    assert!(fixture.listing().is_empty());
    for (start, end, qty) in [
        ("2023-06-24", "2023-06-25", 0.02),
        ("2023-06-25", "2023-06-26", 0.002),
    ] {
        let report = ask(start, end, "2023-06-25").unwrap();
        assert_eq!(report.counts().written, 1, "{report:?}");
        let batch = fixture.rows(&cm, Dataset::AggTrades, day(start));
        let column = batch.column_by_name("qty").unwrap();
        assert_eq!(column.as_primitive::<Float64Type>().value(0), qty);
    }
    // What does not depend on it is not refused.
    let mut request = fixture.request(&cm, Dataset::Trades, "2023-06-25", "2023-06-26");
    request.instruments = vec![
        worth(100.0, "2023-01-01", Some("2023-06-25T08:00:00Z")),
        worth(10.0, "2023-06-25T08:00:00Z", None),
    ];
    assert!(!fixture.ingest(&request).files.is_empty());
}
