//! Sums, distributions and verdicts on files whose content is known.

#![expect(
    clippy::float_cmp,
    reason = "small whole numbers and their exact quotients"
)]

use std::path::PathBuf;

use super::*;
use crate::inspect::measure::{Counts, Silences, Sum};

mod books;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn look(&self, name: &str, bytes: impl AsRef<[u8]>) -> Inspection {
        inspect(&self.write(name, bytes), &InspectOptions::default()).unwrap()
    }
}

fn verdict(found: &Inspection, name: &str) -> Option<Verdict> {
    found
        .checks
        .iter()
        .find(|c| c.name == name)
        .map(|c| c.verdict)
}

#[test]
fn distributions_are_exact_until_they_are_wide() {
    let mut counts = Counts::default();
    for value in [5, 1, 1, 3, -2] {
        counts.add(value);
    }
    let spread = counts.spread(1.0).unwrap();
    assert_eq!((spread.min, spread.median, spread.max), (-2.0, 1.0, 5.0));
    let mut wide = Counts::default();
    for value in 0..1_000_000 {
        wide.add(value);
    }
    let spread = wide.spread(1.0).unwrap();
    assert_eq!((spread.min, spread.max), (0.0, 999_999.0));
    assert!((spread.median - 499_999.0).abs() <= 128.0, "{spread:?}");
    assert!((spread.p99 - 989_999.0).abs() <= 128.0, "{spread:?}");
    assert_eq!(Counts::default().spread(1.0), None);
    let mut sum = Sum::default();
    for value in [1e16, 1.0, 1.0, -1e16] {
        sum.add(value);
    }
    assert_eq!(sum.value(), 2.0);
    let mut silences = Silences::default();
    for i in 1..=20 {
        silences.see(0, i, 5);
    }
    assert_eq!(silences.n, 15);
    let list = silences.list();
    assert_eq!((list.len(), list[0].to.0, list[9].to.0), (10, 20, 11));
}

#[test]
fn trades_are_summed_and_missing_ids_counted() {
    let dir = Folder::new();
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n\
        10,100,1,100,1704067200000,true\n\
        11,101,2,202,1704067201000,false\n\
        15,99,4,396,1704067301000,true\n";
    let found = dir.look(
        "data/futures/um/daily/trades/BTCUSDT/BTCUSDT-trades-2024-01-01.csv",
        text,
    );
    assert!(found.is_ok(), "{found:?}");
    assert_eq!(found.market.as_deref(), Some("um"));
    let table = &found.tables[0];
    assert_eq!(
        (table.rows, table.volume, table.price),
        (3, Some(7.0), Some((99.0, 101.0)))
    );
    assert_eq!((table.ids, table.ids_missing), (Some((10, 15)), Some(3)));
    assert_eq!((table.order.as_str(), table.n_gaps), ("ascending", 1));
    assert_eq!(table.cadence_ms.unwrap().max, 100_000.0);
    assert_eq!(verdict(&found, "day of the name"), Some(Verdict::Ok));
    let command = found.command.unwrap();
    assert!(
        command.contains("--start 2024-01-01 --end 2024-01-02 --source vision --root "),
        "{command}"
    );
    assert!(command.contains("--datasets trades"), "{command}");
    // The same under another day's name cannot be what it says.
    let found = dir.look("BTCUSDT-trades-2024-02-01.csv", text);
    assert_eq!(verdict(&found, "day of the name"), Some(Verdict::Fail));
    assert!(!found.is_ok());
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    let dir = Folder::new();
    let text = "id,price,qty,quote_qty,time,is_buyer_maker\n\
        10,100,1,100,1704067200000,true\n\
        11,abc,2,202,1704067201000,false\n";
    let found = dir.look("BTCUSDT-trades-2024-01-01.csv", text);
    assert_eq!((found.tables[0].rows, found.tables[0].refused), (1, 1));
    let check = found
        .checks
        .iter()
        .find(|c| c.verdict == Verdict::Fail)
        .unwrap();
    assert!(check.detail.contains("row 3: column `price`"), "{check:?}");
}

#[test]
fn a_bybit_book_is_measured_message_by_message() {
    let dir = Folder::new();
    let line = |kind: &str, ts: i64, u: i64, bids: &str, asks: &str| {
        format!(
            r#"{{"topic":"orderbook.200.BTCUSDT","type":"{kind}","ts":{ts},"data":{{"s":"BTCUSDT","b":{bids},"a":{asks},"u":{u},"seq":{}}},"cts":{}}}"#,
            u * 10,
            ts - 7
        )
    };
    let t = 1_704_067_200_000;
    let good = [
        line(
            "snapshot",
            t,
            5,
            r#"[["100","1"],["99","1"]]"#,
            r#"[["101","1"]]"#,
        ),
        line("delta", t + 100, 6, r#"[["99","0"]]"#, "[]"),
        line("delta", t + 200, 7, "[]", r#"[["102","3"]]"#),
    ];
    let name = "linear/2024-01-01_BTCUSDT_ob200.data";
    let found = dir.look(name, good.join("\n"));
    assert!(found.is_ok(), "{found:?}");
    let book = found.book.unwrap();
    assert_eq!(
        (book.messages, book.snapshots, book.deltas, book.crossed),
        (3, 1, 2, 0)
    );
    assert_eq!(book.cadence_ms.unwrap().median, 100.0);
    assert_eq!(
        (book.bid_depth.unwrap().min, book.ask_depth.unwrap().max),
        (1.0, 2.0)
    );
    let ids = book.bybit.unwrap();
    assert!(ids.u_contiguous && ids.seq_monotone);
    assert_eq!(
        (ids.u, ids.with_cts, ids.cts_lag_ms.unwrap().median),
        (Some((5, 7)), 3, 7.0)
    );
    // One delta less: the chain is broken and the rest waits.
    let found = dir.look(name, [good[0].as_str(), good[2].as_str()].join("\n"));
    let book = found.book.unwrap();
    assert_eq!(book.bybit.unwrap().u_gaps, 1);
    assert_eq!(
        found.checks.iter().find(|c| c.name == "u").unwrap().verdict,
        Verdict::Warn
    );
    // Without a snapshot there is no book at all.
    let found = dir.look(name, &good[1]);
    assert_eq!(verdict(&found, "snapshot"), Some(Verdict::Fail));
    // Crossed after the second message.
    let crossed = line("delta", t + 100, 6, r#"[["105","1"]]"#, "[]");
    let found = dir.look(name, [good[0].as_str(), crossed.as_str()].join("\n"));
    assert_eq!(found.book.unwrap().crossed, 1);
}

#[test]
fn what_no_one_knows_gets_a_hint_and_never_a_panic() {
    let dir = Folder::new();
    for (bytes, word) in [
        (&b"7z\xbc\xaf\x27\x1c\x00\x04"[..], "7z"),
        (b"\xff\xfea\x00b\x00", "UTF-16"),
        (b"", "no bytes"),
        (b"\n\n", "no line"),
        (b"hello\n", "separator"),
        (b"{\"a\":1}", "no message"),
        (b"PK\x03\x04garbage", "zip"),
        (b"\x1f\x8b\x08\x00\x00", ""),
        (b"PAR1PAR1", ""),
        (b"\x28\xb5\x2f\xfd", ""),
    ] {
        let found = dir.look("x.bin", bytes);
        assert!(!found.is_ok(), "{bytes:?}: {found:?}");
        let failed = found
            .checks
            .iter()
            .find(|c| c.verdict == Verdict::Fail)
            .unwrap();
        assert!(failed.detail.contains(word), "{bytes:?}: {failed:?}");
    }
    assert!(inspect(&dir.0.path().join("absent"), &InspectOptions::default()).is_err());
}

#[test]
fn a_users_csv_is_described_column_by_column() {
    let dir = Folder::new();
    let found = dir.look(
        "mine.csv",
        "when;o;c\n2024-01-01 00:00:00;1;2\n2024-01-01 00:01:00;1;\n",
    );
    assert!(found.is_ok(), "{found:?}");
    let units: Vec<_> = found
        .columns
        .iter()
        .map(|c| c.unit.clone().unwrap())
        .collect();
    assert_eq!(
        units,
        [
            "time: a date and time as text",
            "numbers",
            "numbers, some empty"
        ]
    );
    assert_eq!(found.tables[0].cadence_ms.unwrap().median, 60_000.0);
    assert!(found.command.unwrap().contains("--source csv"));
    let found = dir.look(
        "mine.csv",
        "when;o;c\n2024-01-01 00:00:00;1;2\n2024-01-01 00:01:00;1\n",
    );
    assert_eq!(verdict(&found, "columns"), Some(Verdict::Fail));
}

#[test]
fn only_the_asked_number_of_lines_is_read() {
    let dir = Folder::new();
    let mut lines = vec!["id,price,qty,quote_qty,time,is_buyer_maker".to_owned()];
    lines.extend((0..1_000).map(|i| format!("{i},100,1,100,{},true", 1_704_067_200_000_i64 + i)));
    let text = lines.join("\n");
    let path = dir.write("BTCUSDT-trades-2024-01-01.csv", text);
    let options = InspectOptions {
        max_rows: Some(101),
        ..InspectOptions::default()
    };
    let found = inspect(&path, &options).unwrap();
    assert_eq!(
        (found.lines, found.tables[0].rows, found.complete),
        (101, 100, false)
    );
    assert!(found.is_ok());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_bytes_make_it_panic(start in 0_usize..8, bytes: Vec<u8>) {
        let starts: [&[u8]; 8] = [
            b"", b"id,price,qty\n", b"1704067200123456789 {\"stream\":\"a@depth\",\"data\":{",
            b"{\"topic\":\"orderbook.200.A\",\"type\":\"delta\",", b"{\"t\":\"recv\",\"exchange\":\"OKX\"}\n",
            b"{\"instId\":\"A\",\"asks\":[],\"bids\":[],\"ts\":\"1704067200000\"}\n", b"a;b\n1;2\n", b"[[1704067200000,",
        ];
        let dir = Folder::new();
        let found = dir.look("x", [starts[start], &bytes].concat());
        proptest::prop_assert!(!found.format.is_empty());
    }
}
