//! Tables: what a CSV of any venue may suffer.

use super::*;
use crate::ingest::tests::fixture::{csv, day};
use crate::ingest::tests::lab::{DAY, TABLES};

const N: u64 = 40;
/// The spoiled row, from 0; its line is two more.
const AT: usize = 10;

fn with(row: &str, column: usize, value: &str) -> String {
    let mut fields: Vec<&str> = row.split(',').collect();
    fields[column] = value;
    fields.join(",")
}

/// Maker of one spoiled row after another.
struct Maker {
    format: Format,
    rows: Vec<String>,
    cases: Vec<Case>,
}

impl Maker {
    fn text(&self, name: &str, text: impl Into<Vec<u8>>, expect: Expect) -> Case {
        case(&format!("{:?}: {name}", self.format), text, expect)
    }

    fn add(&mut self, name: &str, text: impl Into<Vec<u8>>, expect: Expect) {
        let case = self.text(name, text, expect);
        self.cases.push(case);
    }

    /// Other rows under the usual header.
    fn rows(&mut self, name: &str, rows: &[String], expect: Expect) {
        let text = self.format.text(rows);
        self.add(name, text, expect);
    }

    fn row(&mut self, name: &str, row: String, expect: Expect) {
        let mut rows = self.rows.clone();
        rows[AT] = row;
        self.rows(name, &rows, expect);
    }

    fn value(&mut self, what: &str, column: usize, value: &str, expect: Expect) {
        let row = with(&self.rows[AT], column, value);
        self.row(&format!("{what} `{value}`"), row, expect);
    }
}

const ONE_BAD: Expect = Expect::Rows([N - 1, 0, 0, 1], "1 rows refused");
const ALL: Expect = Expect::Rows([N, 0, 0, 0], "");

fn values(m: &mut Maker) {
    let c = m.format.columns();
    for bad in [
        "NaN", "nan", "inf", "-inf", "Infinity", "1e400", "0x10", "1_000", "1.2.3", "", "-1.5",
        "0", "-0", "-0.0", "\u{0663}", "1,5", "1;5", "abc", "1e", "--1", "\0", ".", "null",
        "1.5\"",
    ] {
        // The price 0 of a quote says that its side is empty.
        let is_empty_side = m.format == Format::UmBookTicker && ["0", "-0", "-0.0"].contains(&bad);
        let expect = if is_empty_side { ALL } else { ONE_BAD };
        m.value("price", c.price, bad, expect);
    }
    if m.format == Format::UmBookTicker {
        m.value("crossed", c.price, "250.5", ALL);
        m.value("quantity", c.qty, "0", ALL);
    }
    m.value(
        "price of 30 digits",
        c.price,
        "100.500000000000000000000000001",
        ALL,
    );
    for bad in ["NaN", "inf", "-1", "1e400", "", "0x1", "abc"] {
        m.value("quantity", c.qty, bad, ONE_BAD);
    }
    if m.format.main() == crate::schema::Dataset::Trades {
        m.value("quantity", c.qty, "0", ONE_BAD);
    }
    for bad in [
        "0",
        "-1",
        "1",
        "",
        "NaN",
        "9223372036854775808",
        "99999999999999999999",
        "2024-07-02T00:00:11Z",
        "2024-07-02 00:00:11",
        "1719878411000000000",
        "17198784110000",
        "1719878411000 UTC",
        "0x190",
    ] {
        m.value("time", c.time, bad, ONE_BAD);
    }
    if let Some(id) = c.id {
        for bad in ["9223372036854775808", "1.5", "abc", "", "0x5", "1e5"] {
            m.value("id", id, bad, ONE_BAD);
        }
    }
    if let Some(side) = c.side {
        for bad in ["maybe", "", "2", "long", "b\0y"] {
            m.value("side", side, bad, ONE_BAD);
        }
    }
}

fn lines(m: &mut Maker) {
    let good = m.rows[AT].clone();
    m.row("blank line", String::new(), ONE_BAD);
    m.row("a field more", format!("{good},x"), ONE_BAD);
    m.row(
        "a field less",
        good.rsplit_once(',').unwrap().0.to_owned(),
        ONE_BAD,
    );
    m.row("NUL bytes", "\0\0\0".to_owned(), ONE_BAD);
    m.row("spaces", "   ".to_owned(), ONE_BAD);
    m.row("tabs for commas", good.replace(',', "\t"), ONE_BAD);
    m.row("semicolons for commas", good.replace(',', ";"), ONE_BAD);
    m.row("HTML", "<html><body>busy</body></html>".to_owned(), ONE_BAD);
    m.row(
        "JSON",
        r#"{"code":-1003,"msg":"Too many requests"}"#.to_owned(),
        ONE_BAD,
    );
    let again = match m.format {
        // Its first field is the name of an instrument, here of another one.
        Format::OkxTrades => Expect::Rows([N - 1, 0, 1, 0], "1 rows of other instruments"),
        _ => ONE_BAD,
    };
    m.row(
        "the header again",
        m.format.header().unwrap().to_owned(),
        again,
    );
    let broken = good.replacen('.', "\n.", 1);
    m.row(
        "line break inside a field",
        broken,
        Expect::Rows([N - 1, 0, 0, 2], "2 rows refused"),
    );
    let mut bytes = m.format.text(&m.rows).into_bytes();
    let at = bytes.iter().position(|b| *b == b'\n').unwrap() + 1;
    let end = at + bytes[at..].iter().position(|b| *b == b'\n').unwrap();
    bytes[at..end].fill(0xff);
    // The first row also tells how many fields the others have; under a header it is a row like any other.
    m.add("invalid UTF-8", bytes, ONE_BAD);
}

fn order(m: &mut Maker) {
    let rows = m.rows.clone();
    let mut twice = rows.clone();
    twice.insert(AT, rows[AT].clone());
    m.rows("a row twice", &twice, Expect::Same([N, 1, 0, 0], ""));
    let all_twice: Vec<String> = rows.iter().flat_map(|r| [r.clone(), r.clone()]).collect();
    m.rows(
        "every row twice",
        &all_twice,
        Expect::Same([N, N, 0, 0], ""),
    );
    let c = m.format.columns();
    let mut other = rows.clone();
    // The quantity of the copy differs, so its key does not.
    other.insert(AT + 1, with(&rows[AT], c.qty, "7"));
    m.rows(
        "same id, other values",
        &other,
        Expect::Same([N, 0, 0, 1], ""),
    );
    let mut swapped = rows.clone();
    swapped.swap(3, 30);
    m.rows("two rows swapped", &swapped, Expect::Same([N, 0, 0, 0], ""));
    let mut reversed = rows.clone();
    reversed.reverse();
    m.rows("reversed", &reversed, Expect::Same([N, 0, 0, 0], ""));
    let before = m.format.rows(day(DAY).plus(-1), 5, 3);
    let after = m.format.rows(day(DAY).plus(1), 0, 4);
    let mut around = [before.clone(), rows.clone(), after.clone()].concat();
    m.rows(
        "rows of the days around",
        &around,
        Expect::Same([N, 0, 7, 0], ""),
    );
    around = rows.clone();
    for (i, row) in before.iter().chain(&after).enumerate() {
        around.insert(i * 5, row.clone());
    }
    m.rows(
        "rows of the days around, interleaved",
        &around,
        Expect::Same([N, 0, 7, 0], ""),
    );
    let midnight = day(DAY).plus(1).start().0 / 1_000;
    let at = if m.format == Format::BybitContracts {
        format!("{}.000", midnight / 1_000)
    } else {
        midnight.to_string()
    };
    let mut end = rows.clone();
    let mut last = with(rows.last().unwrap(), c.time, &at);
    if m.format == Format::UmKlines {
        last = with(&last, 6, &(midnight + 59_999).to_string());
    }
    if let Some(id) = c.id {
        last = with(&last, id, "1999999999");
    }
    end.push(last);
    m.rows(
        "the first instant of the next day",
        &end,
        Expect::Same([N, 0, 1, 0], ""),
    );
    // A file of one day that has none of it is another file; those of other venues are cut by other calendars.
    let other_days = if m.format.is_vision() {
        refused(&["no row of 2024-07-02", "2024-07-03"])
    } else {
        Expect::Rows([0, 0, 4, 0], "")
    };
    m.rows("other days only", &after, other_days);
}

#[expect(clippy::too_many_lines, reason = "a list of cases")]
fn shape(m: &mut Maker) {
    let (rows, header) = (m.rows.clone(), m.format.header().unwrap());
    let good = m.format.text(&rows);
    let same = || Expect::Same([N, 0, 0, 0], "");
    m.add(
        "byte order mark",
        format!("\u{feff}{good}"),
        Expect::Same([N, 0, 0, 0], "byte order mark"),
    );
    m.add(
        "CRLF",
        good.replace('\n', "\r\n"),
        Expect::Same([N, 0, 0, 0], "CRLF"),
    );
    m.add(
        "CR only",
        good.replace('\n', "\r"),
        refused(&["carriage returns"]),
    );
    m.add("no final line end", good.trim_end().to_owned(), same());
    m.add(
        "blank lines at the end",
        format!("{good}\n\n"),
        Expect::Same([N, 0, 0, 2], ""),
    );
    let (first, rest) = header.split_once(',').unwrap();
    m.add("empty", "", refused(&["empty"]));
    m.add("line ends only", "\n\n\n", refused(&[]));
    m.add(
        "header only",
        format!("{header}\n"),
        Expect::Rows([0, 0, 0, 0], ""),
    );
    m.add(
        "HTML",
        "<html>\n<body>503</body>\n</html>\n",
        refused(&["row 1"]),
    );
    m.add(
        "JSON",
        "{\"code\":-1121,\"msg\":\"Invalid symbol.\"}\n",
        refused(&["row 1"]),
    );
    m.add("zeros", vec![0_u8; 4_096], refused(&[]));
    m.add(
        "a long line",
        format!("{good}{}", noise(5_000_000)),
        refused(&["longer than"]),
    );
    m.add(
        "no header",
        rows.join("\n") + "\n",
        match m.format {
            // Rows of these have one meaning in one order only.
            f if f.is_vision() => same(),
            _ => refused(&["row 1"]),
        },
    );
    let renamed = format!("unheard_of,{rest}");
    m.add(
        "renamed column",
        csv(&renamed, &rows),
        refused(&["row 1", first, "unheard_of"]),
    );
    let shouted = header.to_uppercase();
    m.add(
        "header in capitals",
        csv(&shouted, &rows),
        refused(&["row 1"]),
    );
    let cut: Vec<String> = rows
        .iter()
        .map(|r| r.split_once(',').unwrap().1.to_owned())
        .collect();
    m.add(
        "first column missing",
        csv(rest, &cut),
        refused(&["row 1", first]),
    );
    let doubled = format!("{first},{header}");
    let more: Vec<String> = rows.iter().map(|r| format!("0,{r}")).collect();
    m.add("a column twice", csv(&doubled, &more), refused(&["row 1"]));
    let turned = |line: &str| {
        let mut f: Vec<&str> = line.split(',').collect();
        f.reverse();
        f.join(",")
    };
    let reordered: Vec<String> = rows.iter().map(|r| turned(r)).collect();
    m.add(
        "columns in another order",
        csv(&turned(header), &reordered),
        same(),
    );
    let all_bad: Vec<String> = rows
        .iter()
        .map(|r| with(r, m.format.columns().price, "x"))
        .collect();
    m.rows(
        "no usable row",
        &all_bad,
        refused(&["40 of 40 rows", "row 2", "not a finite decimal"]),
    );
    let mut many = rows.clone();
    for row in many.iter_mut().take(9) {
        *row = with(row, m.format.columns().price, "x");
    }
    m.rows(
        "too many bad rows",
        &many,
        refused(&["9 of 40 rows", "row 2"]),
    );
    let mut less = rows.clone();
    for row in less.iter_mut().take(8) {
        *row = with(row, m.format.columns().price, "x");
    }
    m.rows(
        "just not too many bad rows",
        &less,
        Expect::Rows([N - 8, 0, 0, 8], ""),
    );
}

/// Returns the number of cases.
fn all(format: Format) -> usize {
    let rows = format.rows(day(DAY), 0, 40);
    let mut maker = Maker {
        format,
        rows,
        cases: Vec::new(),
    };
    values(&mut maker);
    lines(&mut maker);
    order(&mut maker);
    shape(&mut maker);
    run(format, &format.good(40), maker.cases)
}

macro_rules! tables {
    ($($name:ident = $format:ident;)*) => {
        $(#[test]
        fn $name() {
            let n = all(Format::$format);
            assert!(n > 80, "{n}");
        })*
    };
}

tables! {
    um_trades = UmTrades;
    um_agg_trades = UmAggTrades;
    um_book_ticker = UmBookTicker;
    um_klines = UmKlines;
    okx_trades = OkxTrades;
    bybit_contracts = BybitContracts;
    bybit_spot = BybitSpot;
}

#[test]
fn every_table_has_its_test() {
    assert_eq!(TABLES.len(), 7);
}
