//! Targets over small texts: JSON, numbers and times, checksum files, manifests. Each has an independent reader beside it.

use std::path::Path;

use quant_core::time::{Day, parse_naive};
use serde::de::IgnoredAny;

use crate::ingest::checksum::parse_checksum;
use crate::manifest::Manifest;
use crate::venues::capture::received_in_front;
use crate::venues::json::{Json, MAX_DEPTH, unescape};
use crate::venues::number::{
    EpochUnit, parse_decimal, parse_digits, parse_epoch, parse_flag, parse_integer,
};
use crate::venues::pages::split_received;
use crate::venues::stamp::{EARLIEST, LATEST, StampUnit, parse_stamp};

/// Returns the deepest nesting of brackets outside of strings.
fn depth(text: &[u8]) -> u32 {
    let (mut now, mut most, mut quoted, mut escaped) = (0_u32, 0, false, false);
    for &b in text {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'[' | b'{' if !quoted => {
                now += 1;
                most = most.max(now);
            }
            b']' | b'}' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// The JSON reader against `serde_json`: the same texts are JSON, but for nesting beyond [`MAX_DEPTH`].
pub(super) fn json(bytes: &[u8]) {
    let mut reader = Json::new(bytes);
    let ours = reader.skip().is_ok() && reader.end().is_ok();
    let theirs = serde_json::from_slice::<IgnoredAny>(bytes).is_ok();
    if depth(bytes) <= MAX_DEPTH {
        assert_eq!(ours, theirs, "is this JSON?");
    } else {
        assert!(!ours || theirs, "JSON for us alone");
    }
    string(bytes);
    decimal(bytes);
    // Levels of a book are JSON too.
    let mut levels = Vec::new();
    let mut reader = Json::new(bytes);
    if reader.levels(&mut levels).is_ok() && reader.end().is_ok() {
        assert!(ours, "levels that are no JSON");
        for level in &levels {
            assert!(level.px > 0.0 && level.px.is_finite(), "{level:?}");
            assert!(level.qty >= 0.0 && level.qty.is_finite(), "{level:?}");
        }
    }
}

/// A text that is one string: its characters are those that `serde_json` reads.
fn string(bytes: &[u8]) {
    let mut reader = Json::new(bytes);
    let Ok(inner) = reader.string() else { return };
    if reader.end().is_err() {
        return;
    }
    let mut ours = Vec::new();
    let is_text = unescape(inner, &mut ours) && core::str::from_utf8(&ours).is_ok();
    match serde_json::from_slice::<String>(bytes) {
        Ok(theirs) => assert!(
            is_text && ours == theirs.as_bytes(),
            "another string than {theirs:?}"
        ),
        Err(e) => assert!(!is_text, "a string for us alone: {e}"),
    }
}

/// A text that is one number, bare or in quotes.
fn decimal(bytes: &[u8]) {
    let mut reader = Json::new(bytes);
    let Ok(ours) = reader.decimal("x") else {
        return;
    };
    assert!(ours.is_finite());
    if reader.end().is_ok()
        && let Ok(theirs) = serde_json::from_slice::<f64>(bytes)
    {
        // Zero has no sign for us.
        let theirs = theirs + 0.0;
        assert_eq!(ours.to_bits(), theirs.to_bits(), "{ours} and {theirs}");
    }
}

/// Numbers, times and dates against the standard library and plain arithmetic.
pub(super) fn numbers(bytes: &[u8]) {
    for line in bytes.split(|&b| b == b'\n') {
        number(line);
        time(line);
    }
}

fn number(text: &[u8]) {
    let word = core::str::from_utf8(text).ok();
    let plain = |b: &u8| b.is_ascii_digit() || b"+-.eE".contains(b);
    let spelled = text.iter().all(plain) && text.first() != Some(&b'+');
    let decimal = word
        .filter(|_| spelled)
        .and_then(|w| w.parse::<f64>().ok())
        .filter(|x| x.is_finite());
    assert_eq!(
        parse_decimal(text).map(f64::to_bits),
        decimal.map(f64::to_bits)
    );
    let digits = !text.is_empty() && text.len() <= 18 && text.iter().all(u8::is_ascii_digit);
    let of_digits = word.filter(|_| digits).and_then(|w| w.parse::<i64>().ok());
    assert_eq!(parse_digits(text), of_digits);
    let integer = word
        .filter(|_| text.first() != Some(&b'+'))
        .and_then(|w| w.parse::<i64>().ok());
    assert_eq!(parse_integer(text), integer);
    let flag = match text {
        b"true" | b"True" => Some(true),
        b"false" | b"False" => Some(false),
        _ => None,
    };
    assert_eq!(parse_flag(text), flag);
}

fn time(text: &[u8]) {
    let epoch = match text.len() {
        13 => parse_digits(text).map(|n| (n * 1_000, EpochUnit::Millis)),
        16 => parse_digits(text).map(|n| (n, EpochUnit::Micros)),
        _ => None,
    };
    assert_eq!(parse_epoch(text), epoch);
    if let Some((ts, unit)) = parse_stamp(text) {
        assert!((EARLIEST..LATEST).contains(&ts));
        // A whole number in the unit, or seconds with decimals: exactly, digit by digit.
        let word = String::from_utf8_lossy(text);
        let (whole, fraction) = word.split_once('.').unwrap_or((&word, ""));
        let padded = format!("{whole}{fraction:0<6}");
        let (head, rest) = padded.split_at(whole.len() + 6);
        assert!(rest.bytes().all(|b| b == b'0'), "{word} was rounded");
        let read = |w: &str| w.parse::<i128>().unwrap_or_else(|e| panic!("{word}: {e}"));
        let expected = match unit {
            StampUnit::Seconds => read(head),
            StampUnit::Millis => read(whole) * 1_000,
            StampUnit::Micros => read(whole),
        };
        assert_eq!(i128::from(ts), expected, "{word}");
    }
    if let Some(day) = Day::parse_bytes(text) {
        assert_eq!(day.to_string().as_bytes(), text);
    }
    if let Some(ts) = parse_naive(text) {
        let date = text.get(..10).and_then(Day::parse_bytes);
        assert_eq!(Some(ts.day()), date, "a time of another day");
    }
    for (_, rest) in [split_received(text), received_in_front(text)] {
        assert!(text.ends_with(rest), "what follows a time is not the text");
    }
}

/// Checksum files: what is read is written and read the same again.
pub(super) fn checksum(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else {
        return;
    };
    let Ok(sum) = parse_checksum("fuzzed.CHECKSUM", text) else {
        return;
    };
    let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    assert!(sum.sha256.len() == 64 && sum.sha256.bytes().all(is_hex));
    let name = sum.name.clone().unwrap_or_default();
    let again = parse_checksum("again", &format!("{}  {name}\n", sum.sha256));
    assert_eq!(again.as_ref(), Ok(&sum));
}

/// Manifests: one that is accepted is written and read the same again, and its rows add up.
pub(super) fn manifest(bytes: &[u8]) {
    let path = Path::new("manifest.json");
    for interval in [None, Some(60_000_000)] {
        let Ok(read) = Manifest::parse(bytes, path, interval) else {
            continue;
        };
        let rows: u128 = read.partitions.iter().map(|p| u128::from(p.rows)).sum();
        assert_eq!(rows, u128::from(read.row_count), "rows do not add up");
        for p in &read.partitions {
            let left_out = [
                p.quality.duplicates,
                p.quality.filtered,
                p.quality.quarantined,
            ];
            let seen: u128 = left_out.into_iter().map(u128::from).sum();
            assert_eq!(
                u128::from(p.rows) + seen,
                u128::from(p.rows_in),
                "{}",
                p.date
            );
        }
        let text = read.to_json().unwrap_or_else(|e| panic!("{e}"));
        let again = Manifest::parse(&text, path, interval);
        assert_eq!(again.ok().as_ref(), Some(&read), "another manifest");
    }
}
