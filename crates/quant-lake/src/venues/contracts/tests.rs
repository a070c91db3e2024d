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
    assert_eq!(linear.base(3.58, 1.0), 3.58 * 0.01);
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

proptest! {
    #[test]
    fn equals_the_instruments_table(
        qty in 1e-8_f64..1e9, price in 1e-6_f64..1e6, value in 1e-4_f64..1e4, inverse: bool,
    ) {
        let terms = terms("swap", value, inverse);
        let unit = QtyUnit::of(Market::Swap, Some(&terms)).unwrap();
        prop_assert_eq!(unit.base(qty, price).to_bits(), terms.base_qty(qty, price).to_bits());
    }
}
