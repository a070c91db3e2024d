//! Tests of the row engine: no bytes make it panic, no row vanishes, chunking does not matter.

use proptest::prelude::*;
use quant_core::market::Market;
use quant_core::time::{TimeRange, UnixMicros};

use super::*;
use crate::schema::Dataset;
use crate::venues::binance::{Terms, parser};

const DATASETS: [Dataset; 10] = [
    Dataset::Klines1m,
    Dataset::AggTrades,
    Dataset::Trades,
    Dataset::BookTicker,
    Dataset::DepthBands,
    Dataset::MarkKlines,
    Dataset::PremiumKlines,
    Dataset::Metrics,
    Dataset::Funding,
    Dataset::Liquidations,
];

fn options(collect: bool, share: f64) -> ParseOptions {
    ParseOptions {
        file: "x.csv".to_owned(),
        range: TimeRange {
            start: UnixMicros(0),
            end: UnixMicros(4_000_000_000_000_000),
        },
        max_quarantine_share: share,
        collect: if collect {
            Dataset::ALL.to_vec()
        } else {
            Vec::new()
        },
    }
}

fn terms(market: Market) -> Terms {
    Terms {
        market,
        symbol: "BTCUSDT".parse().unwrap(),
        contract_value: Some(100.0),
    }
}

fn run(
    dataset: Dataset,
    market: Market,
    chunks: &[&[u8]],
    collect: bool,
) -> Result<(Totals, u64), ParseError> {
    let mut parser = parser(dataset, &terms(market), options(collect, 1.0)).unwrap();
    let mut out = Vec::new();
    for chunk in chunks {
        parser.feed(chunk, &mut out)?;
    }
    let (_, totals) = parser.finish(&mut out)?.remove(0);
    let rows = out.iter().map(|p| match p {
        Parsed::Rows { batch, .. } => batch.num_rows() as u64,
        Parsed::DayEnd { .. } => 0,
    });
    Ok((totals, rows.sum()))
}

#[test]
fn a_row_refused_before_the_first_is_named_under_the_day_that_counts_it() {
    // Collected rows come in any order: the first usable row is of a later day than the second.
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n\
        1,x,1,1,1704153600000,true\n\
        2,1,1,1,1735776000000,true\n\
        3,1,1,1,1704153600000,true\n";
    let chunks = [text.as_bytes()];
    let (totals, rows) = run(Dataset::Trades, Market::Um, &chunks, true).unwrap();
    check(&totals, rows);
    let later: Day = "2025-01-02".parse().unwrap();
    assert_eq!(totals.days[&later].quarantined, 1);
    assert_eq!(totals.quarantined[0].day, Some(later));
    assert_eq!((totals.quarantined[0].line, rows), (2, 2));
}

fn check(totals: &Totals, rows: u64) {
    let sum = |f: fn(&DayCounts) -> u64| totals.days.values().map(f).sum::<u64>();
    let quarantined = totals.quarantined.len() as u64;
    assert_eq!(sum(|d| d.kept), rows);
    assert_eq!(
        totals.rows,
        rows + sum(|d| d.duplicates) + quarantined + totals.filtered
    );
    if !totals.days.is_empty() {
        assert_eq!(sum(|d| d.quarantined), quarantined);
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..600), which in 0..DATASETS.len(), collect: bool,
    ) {
        if let Ok((totals, rows)) = run(DATASETS[which], Market::Cm, &[&bytes], collect) {
            check(&totals, rows);
        }
    }

    #[test]
    fn random_fields_never_panic_and_are_all_counted(
        rows in proptest::collection::vec(
            proptest::collection::vec("(1719878400[0-9]{3}|[0-9]{1,4}(\\.[0-9]{1,3})?|true|false|-1|NaN|\"\"|)", 6..8), 0..30,
        ),
        collect: bool,
    ) {
        let mut text = String::from("1,1.0,1,1,1719878400000,true\n");
        for row in &rows {
            text.push_str(&row.join(","));
            text.push('\n');
        }
        match run(Dataset::Trades, Market::Um, &[text.as_bytes()], collect) {
            Ok((totals, kept)) => {
                prop_assert_eq!(totals.rows, rows.len() as u64 + 1);
                check(&totals, kept);
            }
            Err(ParseError::OutOfOrder { .. }) => prop_assert!(!collect),
            Err(e) => prop_assert!(false, "{}", e),
        }
    }

    #[test]
    fn chunking_does_not_matter(n in 1_usize..60, cut in 0_usize..60) {
        let lines: Vec<String> =
            (0..n).map(|i| format!("{i},1.5,2,3,{},true\n", 1_719_878_400_000_u64 + i as u64 * 40_000_000)).collect();
        let cut = cut.min(n);
        let (head, tail) = (lines[..cut].concat(), lines[cut..].concat());
        let whole = run(Dataset::Trades, Market::Um, &[lines.concat().as_bytes()], false).unwrap();
        let split = run(Dataset::Trades, Market::Um, &[head.as_bytes(), tail.as_bytes()], false).unwrap();
        prop_assert_eq!(&whole, &split);
        check(&whole.0, whole.1);
    }

    /// Quotes around the first field are allowed but not plain, so they send a line to the general parser.
    #[test]
    fn the_plain_way_reads_what_the_general_one_reads(
        rows in proptest::collection::vec((
            "[0-9]{1,17}", "[0-9]{0,9}(\\.[0-9]{0,9})?", "-?[0-9]{1,3}\\.[0-9]{1,8}", "(17[0-9]{11}|17[0-9]{14}|[0-9]{12,17})",
            "(true|false|True|False|TRUE|fals|true,1|true\r)",
        ), 1..12),
        end in "\n{0,1}",
    ) {
        for (dataset, ids) in [(Dataset::AggTrades, true), (Dataset::Trades, false)] {
            let text = |quote: &str| {
                let lines: Vec<String> = std::iter::once("1,1,1,1,1,1700000000000,true".to_owned())
                    .filter(|_| ids)
                    .chain(std::iter::once("1,1,1,1,1700000000000,true".to_owned()).filter(|_| !ids))
                    .chain(rows.iter().map(|(id, price, qty, time, flag)| {
                        let middle = if ids { format!("{id},{id}") } else { price.clone() };
                        format!("{quote}{id}{quote},{price},{qty},{middle},{time},{flag}")
                    }))
                    .collect();
                lines.join("\n") + &end
            };
            let [plain, general] = ["", "\""].map(|quote| {
                let mut parser = parser(dataset, &terms(Market::Um), options(true, 1.0)).unwrap();
                let mut out = Vec::new();
                parser.feed(text(quote).as_bytes(), &mut out).unwrap();
                let (_, mut totals) = parser.finish(&mut out).unwrap().remove(0);
                for refused in &mut totals.quarantined {
                    refused.text.retain(|c| c != '"');
                }
                let batches: Vec<RecordBatch> = out
                    .into_iter()
                    .filter_map(|p| match p {
                        Parsed::Rows { batch, .. } => Some(batch),
                        Parsed::DayEnd { .. } => None,
                    })
                    .collect();
                (totals, batches)
            });
            prop_assert_eq!(plain, general);
        }
    }

    #[test]
    fn fields_split_like_the_standard_library(text in "[a-c,\\-\u{1}]{0,80}", cut in 0_usize..81) {
        let text = text.as_bytes();
        let line = &text[..cut.min(text.len())];
        let fields = Fields::split_front(text, line.len(), b',');
        let expected: Vec<&[u8]> = line.split(|&b| b == b',').collect();
        prop_assert_eq!(fields.len(), expected.len());
        for (i, want) in expected.iter().take(MAX_FIELDS).enumerate() {
            prop_assert_eq!(fields.raw(i), *want);
        }
    }
}

#[test]
fn quarantined_rows_stay_with_the_day_around_them() {
    let text = "bad,1,1,1,1,true\n1,1.0,1,1,1719878399000,true\nx,1,1,1,1719878399000,true\n\
                2,1.0,1,1,1719878400000,true\ny\n";
    // The first line would be taken for a header, so start with a good one.
    let text = text.replacen("bad,1,1,1,1,true\n", "", 1);
    let (totals, rows) = run(Dataset::Trades, Market::Um, &[text.as_bytes()], false).unwrap();
    assert_eq!((rows, totals.quarantined.len()), (2, 2));
    let days: Vec<String> = totals
        .quarantined
        .iter()
        .map(|q| q.day.unwrap().to_string())
        .collect();
    assert_eq!(days, ["2024-07-01", "2024-07-02"]);
}
