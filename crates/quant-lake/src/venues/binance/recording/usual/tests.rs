//! The usual spelling against the general reader.

use proptest::prelude::*;

use super::super::frame::{Frame, Levels};
use super::{quote, trade};

const QUOTE: &str = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":5123107839020,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.510","T":1723161256313,"E":1723161256314}}"#;
const TRADE: &str = r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false}}"#;

fn usual(text: &[u8]) -> Option<Frame<'_>> {
    let mut frame = Frame::default();
    let read = quote(text, &mut frame).or_else(|| trade(text, &mut frame));
    if read.is_none() {
        assert_eq!(frame, Frame::default(), "a frame half read");
    }
    read.map(|()| frame)
}

fn general(text: &[u8]) -> Option<Frame<'_>> {
    let mut frame = Frame::default();
    frame.general(text, &mut Levels::default()).ok()?;
    Some(frame)
}

#[test]
fn what_the_venue_sends_is_usual() {
    for text in [QUOTE, TRADE, &TRADE.replace("false", "true")] {
        assert!(usual(text.as_bytes()).is_some(), "{text}");
        assert_eq!(usual(text.as_bytes()), general(text.as_bytes()), "{text}");
    }
    for (from, to) in [
        ("5123107839020", "0"),
        ("5123107839020", "1234567"),
        ("5123107839020", "12345678"),
        ("5123107839020", "1234567812345678"),
        ("61800.20", ""),
        ("61800.20", "abc"),
        ("1723161256314", "3"),
        ("BTCUSDT", "\u{e4}\u{20ac}"),
    ] {
        let text = QUOTE.replace(from, to);
        assert!(usual(text.as_bytes()).is_some(), "{text}");
        assert_eq!(usual(text.as_bytes()), general(text.as_bytes()), "{text}");
    }
}

#[test]
fn what_is_not_the_pattern_is_left_to_the_general_reader() {
    for (from, to) in [
        // No JSON.
        ("5123107839020", "05123107839020"),
        ("5123107839020", ""),
        ("BTCUSDT", "BTC\tUSDT"),
        ("BTCUSDT", "BTC\\xUSDT"),
        ("}}", "}"),
        ("}}", "}}}"),
        // JSON of another spelling.
        ("5123107839020", "-1"),
        ("5123107839020", "1.5"),
        ("5123107839020", "1e3"),
        ("BTCUSDT", "BTC\\u0041USDT"),
        ("\"E\":", "\"E\": "),
        ("\"E\":", "\"b\":\"1\",\"E\":"),
        ("}}", "}} "),
        ("}}", ",\"x\":1}}"),
    ] {
        let text = QUOTE.replace(from, to);
        assert_eq!(usual(text.as_bytes()), None, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever is done to a frame: what still counts as usual is JSON, and is read alike.
    #[test]
    fn damaged_frames_are_read_alike(
        is_quote in any::<bool>(),
        at in 0..250_usize,
        bytes in prop::collection::vec(prop_oneof![0x20..0x7f_u8, Just(b'"'), Just(b'0'), any::<u8>()], 0..4),
        gone in 0..4_usize,
    ) {
        let mut text = if is_quote { QUOTE } else { TRADE }.as_bytes().to_vec();
        let at = at.min(text.len());
        let end = (at + gone).min(text.len());
        text.splice(at..end, bytes);
        if let Some(frame) = usual(&text) {
            prop_assert_eq!(Some(frame), general(&text));
        }
    }
}
