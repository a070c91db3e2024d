//! Numbers and JSON pieces: known texts, and decimal text in = decimal text out.

use proptest::prelude::*;
use quant_core::units::Step;

use super::*;

fn text(digits: Digits, x: f64) -> String {
    let mut out = Vec::new();
    digits.push(&mut out, x);
    String::from_utf8(out).unwrap()
}

#[test]
fn known_numbers() {
    for (digits, x, expected) in [
        (Digits::Fixed(2), 65114.2, "65114.20"),
        (Digits::UpTo(2), 65114.2, "65114.2"),
        (Digits::UpTo(1), 65140.0, "65140"),
        (Digits::Fixed(0), 6203.0, "6203"),
        (Digits::Fixed(3), 0.77, "0.770"),
        (Digits::UpTo(8), 0.00004617, "0.00004617"),
        (Digits::UpTo(16), 0.0000746604960499, "0.0000746604960499"),
        (Digits::Fixed(6), -0.006899, "-0.006899"),
        (Digits::Fixed(2), -0.001, "0.00"),
        (Digits::UpTo(2), -0.0, "0"),
        (Digits::UpTo(3), 1000.0, "1000"),
        (Digits::Fixed(1), 0.05, "0.1"),
        // Past the exact range of the fast path.
        (Digits::Fixed(4), 1142118412902.25, "1142118412902.2500"),
        (Digits::UpTo(8), 525_802_090.625, "525802090.625"),
        (Digits::UpTo(2), 1e18, "1000000000000000000"),
        (Digits::Fixed(0), 1e22, "10000000000000000000000"),
    ] {
        assert_eq!(text(digits, x), expected, "{digits:?} of {x}");
    }
}

#[test]
fn decimals_of_a_step() {
    let tick: Step = "0.10".parse().unwrap();
    assert_eq!(Digits::of(tick, true), Digits::Fixed(1));
    let lot: Step = "1".parse().unwrap();
    assert_eq!(Digits::of(lot, false), Digits::UpTo(0));
    assert_eq!(Digits::Fixed(3).trimmed(), Digits::UpTo(3));
}

#[test]
fn products_are_exact() {
    let product = |a, b, shift| {
        let mut out = Vec::new();
        push_product(&mut out, a, b, shift);
        String::from_utf8(out).unwrap()
    };
    let (price, qty) = (Digits::Fixed(2), Digits::Fixed(3));
    // 0.009 * 65114.30 in f64 is 586.0287000000001.
    assert_eq!(product((65114.3, price), (0.009, qty), 0), "586.0287");
    assert_eq!(product((65114.3, price), (0.009, qty), 8), "58602870000");
    assert_eq!(product((65114.2, price), (0.004, qty), 8), "26045680000");
    let six = Digits::UpTo(6);
    assert_eq!(product((0.000123, six), (0.000456, six), 8), "5.6088");
}

#[test]
fn strings_are_escaped() {
    let mut out = Vec::new();
    let mut j = Json::new(&mut out);
    j.text("a\"b\\c\n\u{1}\u{e9}");
    j.finish().unwrap();
    let back: String = serde_json::from_slice(&out).unwrap();
    assert_eq!(back, "a\"b\\c\n\u{1}\u{e9}");
}

#[test]
fn a_bad_number_leaves_the_output_as_it_was() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let mut out = b"before".to_vec();
        let mut j = Json::new(&mut out);
        j.raw("{\"p\":")
            .num_text("p", bad, Digits::UpTo(2))
            .raw("}");
        let fault = j.finish().unwrap_err();
        assert!(matches!(fault, WireError::BadNumber { field: "p", .. }));
        assert_eq!(out, b"before");
    }
}

/// Writes n * 10^-d in full, by string surgery.
fn decimal(n: i64, d: usize) -> String {
    let digits = format!("{:0>width$}", n.unsigned_abs(), width = d + 1);
    let (whole, fraction) = digits.split_at(digits.len() - d);
    let sign = if n < 0 { "-" } else { "" };
    if d == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

proptest! {
    #[test]
    fn decimal_text_comes_back(n in -999_999_999_999_999_i64..=999_999_999_999_999, d in 0_usize..=12) {
        let padded = decimal(n, d);
        let x: f64 = padded.parse().unwrap();
        let digits = u8::try_from(d).unwrap();
        prop_assert_eq!(text(Digits::Fixed(digits), x), padded.clone());
        let trimmed = if d == 0 { &padded } else { padded.trim_end_matches('0').trim_end_matches('.') };
        prop_assert_eq!(text(Digits::UpTo(digits), x), trimmed);
    }

    #[test]
    fn any_finite_number_gives_a_plain_decimal(x in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL, d in 0_u8..=18) {
        for digits in [Digits::Fixed(d), Digits::UpTo(d)] {
            let text = text(digits, x);
            let back: f64 = text.parse().unwrap();
            let error = (back - x).abs();
            prop_assert!(error <= 0.500_001 * 10_f64.powi(-i32::from(d)) || error <= x.abs() * 1e-15, "{} of {}", text, x);
            prop_assert!(text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'-')));
        }
    }
}
