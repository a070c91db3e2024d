//! Tests of the number readers against the standard library.

use proptest::prelude::*;

use super::*;

#[test]
fn refuses_what_is_not_a_finite_decimal() {
    for bad in [
        "", "-", ".", "-.", "+1", "NaN", "nan", "inf", "-inf", "infinity", "1e400", "-1e400",
        "0x10", "1,5", "1_0", " 1", "1 ", "1.2.3", "--1", "e5", "1e", "\u{0661}",
    ] {
        assert_eq!(parse_decimal(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(parse_decimal(b"1\xff"), None);
    assert_eq!(parse_decimal(b"1\0"), None);
}

#[test]
fn a_plus_sign_makes_no_integer_of_any_length() {
    for text in [
        "+1",
        "+123456789012345678",
        "+1234567890123456789",
        "+9223372036854775807",
    ] {
        assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_integer(b"9223372036854775807"), Some(i64::MAX));
    assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
    assert_eq!(parse_integer(b"9223372036854775808"), None);
}

#[test]
fn reads_vendor_examples() {
    assert_eq!(parse_decimal(b"65014.60"), Some(65014.6));
    assert_eq!(
        parse_decimal(b"6858675634.7062540000000000"),
        Some(6858675634.706254)
    );
    assert_eq!(parse_decimal(b"1.772e-05"), Some(0.00001772));
    assert_eq!(parse_decimal(b"0.00005703"), Some(0.00005703));
    assert_eq!(parse_decimal(b"-5.00"), Some(-5.0));
    assert_eq!(
        parse_decimal(b"123456789012345678901234567890.5"),
        Some(1.2345678901234568e29)
    );
    assert_eq!(
        parse_decimal(b"-0").map(f64::to_bits),
        Some((-0.0_f64).to_bits())
    );
}

#[test]
fn epochs_go_by_digits() {
    assert_eq!(
        parse_epoch(b"1784073600000"),
        Some((1784073600000000, EpochUnit::Millis))
    );
    assert_eq!(
        parse_epoch(b"1784851208006037"),
        Some((1784851208006037, EpochUnit::Micros))
    );
    for bad in [
        "1784073600",
        "1784073600000000000",
        "178407360000a",
        "",
        "-784073600000",
    ] {
        assert_eq!(parse_epoch(bad.as_bytes()), None, "{bad:?}");
    }
}

#[test]
fn integers_at_the_ends() {
    assert_eq!(parse_integer(b"9223372036854775807"), Some(i64::MAX));
    assert_eq!(parse_integer(b"-9223372036854775808"), Some(i64::MIN));
    assert_eq!(parse_integer(b"9223372036854775808"), None);
    assert_eq!(parse_integer(b"-12"), Some(-12));
    assert_eq!(parse_digits(b"-12"), None);
    assert_eq!(parse_digits(b"000000000000000012"), Some(12));
}

proptest! {
    #[test]
    fn decimals_equal_std(text in r"-?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?") {
        let expected = text.parse::<f64>().ok().filter(|v| v.is_finite());
        prop_assert_eq!(parse_decimal(text.as_bytes()).map(f64::to_bits), expected.map(f64::to_bits));
    }

    #[test]
    fn printed_floats_come_back(value in proptest::num::f64::NORMAL) {
        prop_assert_eq!(parse_decimal(format!("{value}").as_bytes()).map(f64::to_bits), Some(value.to_bits()));
        prop_assert_eq!(parse_decimal(format!("{value:e}").as_bytes()).map(f64::to_bits), Some(value.to_bits()));
    }

    #[test]
    fn short_decimals_equal_std(mantissa in 0_u64..10_000_000_000_000, scale in 0_usize..9) {
        let text = format!("{}.{:0scale$}", mantissa / 7, mantissa % 10_u64.pow(u32::try_from(scale).unwrap()));
        prop_assert_eq!(parse_decimal(text.as_bytes()), text.parse::<f64>().ok());
    }

    #[test]
    fn digits_equal_std(text in "[0-9]{1,18}") {
        prop_assert_eq!(parse_digits(text.as_bytes()), text.parse::<i64>().ok());
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let number = parse_decimal(&bytes);
        prop_assert!(number.is_none_or(f64::is_finite));
        prop_assert!(parse_integer(&bytes).is_none() || bytes.iter().any(u8::is_ascii_digit));
        prop_assert!(parse_epoch(&bytes).is_none() || bytes.iter().all(u8::is_ascii_digit));
    }
}
