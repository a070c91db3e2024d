//! Tests of decimal steps.
use super::*;
use proptest::prelude::*;

#[test]
fn steps_parse_print_and_refuse() {
    for (text, shown) in [
        ("0.10", "0.1"),
        ("1", "1"),
        ("0.001", "0.001"),
        ("5.0", "5"),
        ("0.00000100", "0.000001"),
    ] {
        assert_eq!(
            text.parse::<Step>().map(|s| s.to_string()),
            Ok(shown.to_owned())
        );
    }
    for text in [
        "",
        "0",
        "-1",
        "0.0",
        "1e-3",
        "abc",
        "1.2.3",
        ".",
        "0.0000000000001",
    ] {
        assert!(text.parse::<Step>().is_err(), "{text}");
    }
}

#[test]
fn values_are_the_bits_of_the_decimal_text() {
    let tick: Step = "0.1".parse().unwrap();
    assert_eq!(tick.value(614_583).to_bits(), 61458.3_f64.to_bits());
    assert_eq!(tick.round(61458.3), Some(614_583));
    assert_eq!(tick.floor(61458.35), Some(614_583));
    assert_eq!(tick.ceil(61458.35), Some(614_584));
    assert_eq!(tick.round(f64::NAN), None);
    assert_eq!(tick.round(f64::INFINITY), None);
}

proptest! {
    #[test]
    fn round_inverts_value(n in -1_000_000_000_i64..1_000_000_000, step in prop::sample::select(vec!["0.1", "0.01", "0.5", "0.001", "25", "0.00001"])) {
        let step: Step = step.parse().unwrap();
        prop_assert_eq!(step.round(step.value(n)), Some(n));
        prop_assert_eq!(step.floor(step.value(n)), Some(n));
        prop_assert_eq!(step.ceil(step.value(n)), Some(n));
    }
}

#[test]
fn product_of_tick_and_lot_is_exact() {
    let step = |text: &str| text.parse::<Step>().unwrap();
    assert_eq!(step("0.1").product(step("0.001")), Some(step("0.0001")));
    assert_eq!(step("0.5").product(step("0.25")), Some(step("0.125")));
    assert_eq!(step("0.0000001").product(step("0.000001")), None);
}
