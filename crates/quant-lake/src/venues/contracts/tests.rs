//! Tests of the conversion of quantities against worked examples of the venues and against the instruments table.

#![expect(clippy::float_cmp, reason = "values must be exact")]

use super::tests_shared::terms;
use super::*;
use proptest::prelude::*;

#[test]
fn contracts_become_coins_as_the_venues_document() {
    // BTC-USDT-SWAP: 0.01 BTC a contract; fractional contracts occur.
    let linear = QtyUnit::Linear { ctval: 0.01 };
    assert_eq!(linear.base(20.0, 64_927.5), 0.2);
    assert_eq!(linear.base(3.58, 1.0), 0.0358);
    // The product of the floats is 2.8040000000000003.
    assert_eq!(QtyUnit::Linear { ctval: 0.02 }.base(140.2, 1.0), 2.804);
    assert_eq!(linear.quote(20.0, 64_927.5), 0.2 * 64_927.5);
    assert_eq!(linear.raw(20.0), Some(20.0));
    // BTC-USD-SWAP: 100 USD a contract.
    let inverse = QtyUnit::Inverse { usd: 100.0 };
    assert_eq!(inverse.base(3.0, 60_000.0), 0.005);
    assert_eq!(inverse.quote(3.0, 60_000.0), 300.0);
    assert_eq!(inverse.raw(3.0), Some(3.0));
    assert_eq!(QtyUnit::Base.base(0.004, 65_114.2), 0.004);
    assert_eq!(QtyUnit::Base.quote(0.5, 100.0), 50.0);
    assert_eq!(QtyUnit::Base.raw(0.004), None);
}

#[test]
fn the_market_decides_and_missing_terms_are_no_unit() {
    let swap = terms("swap", 0.1, false);
    let inverse = terms("swap", 100.0, true);
    for market in [Market::Spot, Market::Um, Market::Linear] {
        assert_eq!(QtyUnit::of(market, None), Some(QtyUnit::Base));
        assert_eq!(QtyUnit::of(market, Some(&swap)), Some(QtyUnit::Base));
    }
    for market in [Market::Swap, Market::Cm, Market::Inverse] {
        assert_eq!(QtyUnit::of(market, None), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(QtyUnit::of(market, Some(&terms("swap", bad, true))), None);
        }
    }
    assert_eq!(
        QtyUnit::of(Market::Swap, Some(&swap)),
        Some(QtyUnit::Linear { ctval: 0.1 })
    );
    // A swap of one coin per contract still counts contracts.
    assert_eq!(
        QtyUnit::of(Market::Swap, Some(&terms("swap", 1.0, false))),
        Some(QtyUnit::Linear { ctval: 1.0 })
    );
    for (market, terms) in [
        (Market::Swap, &inverse),
        (Market::Cm, &inverse),
        (Market::Inverse, &terms("inverse", 100.0, true)),
    ] {
        assert_eq!(
            QtyUnit::of(market, Some(terms)),
            Some(QtyUnit::Inverse { usd: 100.0 })
        );
    }
}

/// A decimal of `places` places: what is written, and what it is times ten to the places.
fn decimal(integer: u64, places: usize) -> String {
    let digits = format!("{integer:0width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{whole}.{fraction}0")
}

proptest! {
    #[test]
    fn short_decimals_multiply_as_decimals(
        m in 0_u64..=10_000_000, i in 0_usize..=8, n in 1_u64..=100_000_000, j in 0_usize..=8,
    ) {
        let (qty, ctval) = (decimal(m, i), decimal(n, j));
        let unit = QtyUnit::Linear { ctval: ctval.parse().unwrap() };
        let found = unit.base(qty.parse().unwrap(), 1.0);
        let expected: f64 = decimal(m * n, i + j).parse().unwrap();
        prop_assert_eq!(found.to_bits(), expected.to_bits(), "{} x {}", qty, ctval);
    }

    #[test]
    fn any_product_is_within_an_ulp(qty in 0.0_f64..1e12, ctval in 1e-9_f64..1e6) {
        let (found, plain) = (QtyUnit::Linear { ctval }.base(qty, 1.0), qty * ctval);
        prop_assert!((found - plain).abs() <= 3.0 * f64::EPSILON * plain, "{} {}", found, plain);
    }

    #[test]
    fn equals_the_instruments_table(
        qty in 1e-8_f64..1e9, price in 1e-6_f64..1e6, value in 1e-4_f64..1e4, inverse: bool,
    ) {
        let terms = terms("swap", value, inverse);
        let unit = QtyUnit::of(Market::Swap, Some(&terms)).unwrap();
        prop_assert_eq!(unit.base(qty, price).to_bits(), terms.base_qty(qty, price).to_bits());
    }
}
