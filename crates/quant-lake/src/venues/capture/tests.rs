//! Both forms of recorded lines, exact times, and hostile envelopes.

use proptest::prelude::*;

use super::*;

fn read(line: &str) -> Result<(Option<i64>, String), RowProblem> {
    match Capture::default().read(line.as_bytes())? {
        Frame::Message { received, body } => {
            Ok((received, String::from_utf8(body.to_vec()).unwrap()))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn receipt_in_front() {
    for (line, received) in [
        ("1737918843893903999 {}", Some(1_737_918_843_893_903)),
        ("1737918843893903 {}", Some(1_737_918_843_893_903)),
        ("1737918843893 {}", Some(1_737_918_843_893_000)),
    ] {
        assert_eq!(read(line).unwrap(), (received, "{}".to_owned()), "{line}");
    }
    assert_eq!(
        read("17379188438 {}").unwrap(),
        (None, "17379188438 {}".to_owned())
    );
    assert_eq!(read("pong").unwrap(), (None, "pong".to_owned()));
    assert_eq!(read(r#"{"a":1}"#).unwrap(), (None, r#"{"a":1}"#.to_owned()));
}

#[test]
fn envelopes_in_any_order_with_exact_seconds() {
    let line = r#"{"data":"{\"a\":\"\u0062\"}","ts":1652459225.5037491,"conn":"x","t":"recv"}"#;
    assert_eq!(
        read(line).unwrap(),
        (Some(1_652_459_225_503_749), r#"{"a":"b"}"#.to_owned())
    );
    for (seconds, micros) in [
        ("1652459225", 1_652_459_225_000_000),
        ("1652459225.5", 1_652_459_225_500_000),
        ("1652459225.000001", 1_652_459_225_000_001),
        ("1652459225.9999999", 1_652_459_225_999_999),
    ] {
        let line = format!(r#"{{"t":"recv","ts":{seconds},"data":"x"}}"#);
        assert_eq!(read(&line).unwrap().0, Some(micros), "{seconds}");
    }
    let bare = r#"{"t":"recv","ts":1652459225.5,"data":{"a":1}}"#;
    assert_eq!(read(bare).unwrap().1, r#"{"a":1}"#);
}

#[test]
fn kinds() {
    let mut capture = Capture::default();
    for (line, frame) in [
        (r#"{"t":"header","format":2}"#, Frame::Other),
        (r#"{"t":"send","data":"x"}"#, Frame::Other),
        (r#"{"t":"new","data":"x"}"#, Frame::Other),
        (r#"{"t":"connect","conn":"a"}"#, Frame::Connected),
        (r#"{"t":"http","data":"{}"}"#, Frame::Http { body: b"{}" }),
        (
            // A message may have a number called t.
            r#"{"t":5,"data":[]}"#,
            Frame::Message {
                received: None,
                body: br#"{"t":5,"data":[]}"#,
            },
        ),
    ] {
        assert_eq!(capture.read(line.as_bytes()), Ok(frame), "{line}");
    }
}

#[test]
fn hostile_envelopes() {
    for (line, words) in [
        (
            r#"{"t":"recv","ts":1652459225.5,"data":"x"#,
            "end of a string",
        ),
        (r#"{"t":"recv","ts":1652459225.5}"#, "`data`: missing"),
        (r#"{"t":"recv","t":"recv","data":"x"}"#, "given twice"),
        (r#"{"t":"recv","data":"x","data":"y"}"#, "given twice"),
        (
            r#"{"t":"recv","ts":1.6524592255e9,"data":"x"}"#,
            "not a time",
        ),
        (
            r#"{"t":"recv","ts":-1652459225.5,"data":"x"}"#,
            "not a time",
        ),
        (r#"{"t":"recv","ts":"soon","data":"x"}"#, "not a time"),
        (r#"{"t":"recv","ts":null,"data":"x"}"#, "not a time"),
        (r#"{"t":"recv","data":"\ud800"}"#, "no character"),
        (r#"{"t":"recv","data":"x"} {}"#, "end of the message"),
    ] {
        let text = read(line).unwrap_err().to_string();
        assert!(text.contains(words), "{line}: {text}");
    }
}

proptest! {
    #[test]
    fn any_bytes(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let _read = Capture::default().read(&line);
        let mut prefixed = b"{\"t\":\"recv\",\"ts\":1652459225.5,\"data\":".to_vec();
        prefixed.extend(line);
        let _read = Capture::default().read(&prefixed);
    }

    #[test]
    fn seconds_are_exact(s in 1_000_000_000_i64..9_999_999_999, us in 0_i64..1_000_000) {
        let line = format!(r#"{{"t":"recv","ts":{s}.{us:06},"data":"x"}}"#);
        prop_assert_eq!(read(&line).unwrap().0, Some(s * 1_000_000 + us));
    }
}
