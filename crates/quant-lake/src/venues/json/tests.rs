//! The reader against `serde_json`, and its own promises.

use proptest::prelude::*;

use super::*;

fn is_json(text: &[u8]) -> bool {
    let mut json = Json::new(text);
    json.skip().is_ok() && json.end().is_ok()
}

#[test]
fn reads_fields_in_any_order_with_white_space() {
    let mut json =
        Json::new(b" { \"b\" : [ [ \"1.50\" , \"2\" ] , [ 3 , 4e0 ] ] , \"u\":\"12\",\"x\":null} ");
    json.object().unwrap();
    let (mut levels, mut id, mut other) = (Vec::new(), None, 0);
    while let Some(key) = json.key().unwrap() {
        match key {
            b"b" => {
                json.array().unwrap();
                while json.element().unwrap() {
                    json.array().unwrap();
                    let mut pair = Vec::new();
                    while json.element().unwrap() {
                        pair.push(json.decimal("level").unwrap());
                    }
                    levels.push(pair);
                }
            }
            b"u" => id = Some(json.integer("u").unwrap()),
            _ => {
                other += 1;
                json.skip().unwrap();
            }
        }
    }
    json.end().unwrap();
    assert_eq!(levels, [[1.5, 2.0], [3.0, 4.0]]);
    assert_eq!((id, other), (Some(12), 1));
}

#[test]
fn refuses_what_is_no_json() {
    for bad in [
        "",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{,\"a\":1}",
        "[,1]",
        "{\"a\" 1}",
        "[1 2]",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "nul",
        "tru",
        "NaN",
        "Infinity",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "{} {}",
        "[1]]",
        "{\"a\":}",
        "{a:1}",
        "0x10",
        "-",
        "--1",
        "[1,,2]",
    ] {
        assert!(!is_json(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn nesting_has_a_cap() {
    let deep = |n: usize| [vec![b'['; n], vec![b']'; n]].concat();
    assert!(is_json(&deep(32)));
    assert!(!is_json(&deep(33)));
    assert!(!is_json(&vec![b'['; 100_000]));
}

#[test]
fn numbers_are_read_bare_or_quoted_and_refused_by_column() {
    assert_eq!(Json::new(b"\"0.1\"").decimal("p"), Ok(0.1));
    assert_eq!(Json::new(b"-0").decimal("p").map(f64::to_bits), Ok(0));
    assert_eq!(Json::new(b"1.772e-05").decimal("p"), Ok(1.772e-05));
    for bad in [
        "\"\"",
        "\"NaN\"",
        "\"1e400\"",
        "\"0x1\"",
        "\"1,5\"",
        "1e999",
    ] {
        let read = Json::new(bad.as_bytes()).decimal("p");
        assert_eq!(read, Err(RowProblem::NotANumber { column: "p" }), "{bad}");
    }
    let read = Json::new(b"9223372036854775808").integer("t");
    assert_eq!(read, Err(RowProblem::NotAnInteger { column: "t" }));
    assert_eq!(
        Json::new(b"1.5").integer("t"),
        Err(RowProblem::NotAnInteger { column: "t" })
    );
}

#[test]
fn escapes_are_undone() {
    let mut out = Vec::new();
    assert!(unescape(br#"{\"a\":\"\u0041\n\\\ud83d\ude00\"}"#, &mut out));
    assert_eq!(out, "{\"a\":\"A\n\\😀\"}".as_bytes());
    assert!(!unescape(br"\ud83d", &mut out));
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[ -~\u{e9}\u{4e2d}]{0,8}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            proptest::collection::btree_map("[a-z\"\\\\]{0,4}", inner, 0..5)
                .prop_map(|m| serde_json::Value::Object(m.into_iter().collect())),
        ]
    })
}

/// The same array by the general methods alone.
fn levels_slowly(text: &[u8]) -> Result<(Vec<(u64, u64)>, usize), RowProblem> {
    let mut json = Json::new(text);
    json.array()?;
    let mut out = Vec::new();
    while json.element()? {
        json.array()?;
        let mut pair = Vec::new();
        while json.element()? {
            let column = ["price", "qty"]
                .get(pair.len())
                .ok_or(json.bad("the end of a level"))?;
            pair.push(json.decimal(column)?);
        }
        let [px, qty] = pair[..] else {
            return Err(json.bad("a price and a quantity"));
        };
        for (bad, column, required) in [
            (px <= 0.0, "price", "positive"),
            (qty < 0.0, "qty", "not negative"),
            (px > 1e15, "price", "at most 1e15"),
            (qty > 1e15, "qty", "at most 1e15"),
        ] {
            if bad {
                return Err(RowProblem::BadSign { column, required });
            }
        }
        out.push((px.to_bits(), qty.to_bits()));
    }
    Ok((out, json.position()))
}

fn levels_fast(text: &[u8]) -> Result<(Vec<(u64, u64)>, usize), RowProblem> {
    let mut json = Json::new(text);
    let mut out = Vec::new();
    json.levels(&mut out)?;
    let bits = out.iter().map(|l| (l.px.to_bits(), l.qty.to_bits()));
    Ok((bits.collect(), json.position()))
}

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[0-9]{1,6}(\\.[0-9]{1,8})?",
        1 => "[0-9]{0,18}(\\.[0-9]{0,24})?",
        1 => "-?[0-9]{1,3}(\\.[0-9]{1,3})?(e-?[0-9]{1,3})?",
        1 => Just(String::new()),
        1 => "[0-9.]{1,9}",
    ]
}

proptest! {
    /// Levels in the plain spelling and in any other, whole and damaged, are read as the general methods read them; the
    /// place an error is reported at may differ.
    #[test]
    fn levels_agree_with_the_general_methods(
        pairs in proptest::collection::vec((number_text(), number_text(), 0_u8..12), 0..9),
        damage in proptest::option::of((0_usize..200, any::<u8>(), any::<bool>())),
    ) {
        let level = |(px, qty, form): &(String, String, u8)| match form {
            0 => format!("[{px},{qty}]"),
            1 => format!(" [ \"{px}\" , \"{qty}\" ] "),
            2 => format!("[\"{px}\"]"),
            3 => format!("[\"{px}\",\"{qty}\",\"0\"]"),
            _ => format!("[\"{px}\",\"{qty}\"]"),
        };
        let inner: Vec<String> = pairs.iter().map(level).collect();
        let mut text = format!("[{}]}}", inner.join(",")).into_bytes();
        if let Some((at, byte, cut)) = damage {
            let at = at % text.len();
            if cut { text.truncate(at); } else { text[at] = byte; }
        }
        let (fast, slow) = (levels_fast(&text), levels_slowly(&text));
        let kind = |p: RowProblem| match p {
            RowProblem::NotJson { .. } => RowProblem::NotJson { at: 0, expected: "" },
            other => other,
        };
        prop_assert_eq!(fast.map_err(kind), slow.map_err(kind), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn takes_all_json(value in value()) {
        prop_assert!(is_json(value.to_string().as_bytes()));
        prop_assert!(is_json(serde_json::to_string_pretty(&value).unwrap().as_bytes()));
    }

    /// Broken JSON is judged as `serde_json` does, but for invalid UTF-8 and numbers beyond a float, which are values.
    #[test]
    fn agrees_with_serde_on_damage(value in value(), at in 0_usize..400, byte in 0x20_u8..0x7f, cut in any::<bool>()) {
        let mut text = value.to_string().into_bytes();
        let at = at % text.len();
        if cut { text.truncate(at); } else { text[at] = byte; }
        let ours = is_json(&text);
        let theirs = serde_json::from_slice::<serde_json::Value>(&text);
        // Half a surrogate is a well-formed escape that is no character; a huge exponent is a number that is no float.
        let only_value = theirs.as_ref().err().is_some_and(|e| {
            let why = e.to_string();
            why.contains("surrogate") || why.contains("code point") || why.contains("out of range") || why.contains("hex escape")
        });
        prop_assert!(only_value || ours == theirs.is_ok(), "{} {:?}", String::from_utf8_lossy(&text), theirs);
    }

    #[test]
    fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = is_json(&text);
        let mut out = Vec::new();
        let _ = unescape(&text, &mut out);
    }

    #[test]
    fn unescape_undoes_serde(text in "\\PC{0,20}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let mut json = Json::new(quoted.as_bytes());
        let inner = json.string().unwrap();
        let mut out = Vec::new();
        prop_assert!(unescape(inner, &mut out));
        prop_assert_eq!(out, text.into_bytes());
    }
}
