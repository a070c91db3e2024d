//! Tests of sizing and barrier terms.
use super::*;
use crate::market::{Instrument, InstrumentKey, Market};
use crate::time::UnixMicros;
use crate::units::Micros;
use proptest::prelude::*;

fn instrument() -> Instrument {
    Instrument {
        key: InstrumentKey {
            exchange: "binance".parse().unwrap(),
            market: Market::Um,
            symbol: "BTCUSDT".parse().unwrap(),
        },
        valid_from: UnixMicros(0),
        valid_to: None,
        tick_size: "0.1".parse().unwrap(),
        lot_size: "0.001".parse().unwrap(),
        min_notional: 100.0,
        contract_value: 1.0,
        inverse: false,
        funding_interval_h: Some(8),
        maker_bps: 2.0,
        taker_bps: 5.0,
        onboard: None,
        delist: None,
        source: "test".to_owned(),
    }
}

fn sizing(notional: f64, max_gross_notional: f64) -> FixedNotional {
    FixedNotional {
        notional,
        max_gross_notional,
    }
    .check()
    .unwrap()
}

#[test]
fn lots_are_rounded_down() {
    // 1000 / 61458 = 0.016271...
    assert_eq!(
        sizing(1_000.0, 5_000.0).lots(&instrument(), 61_458.0, 0.0),
        Ok(16)
    );
    // Exactly two lots stay two lots.
    assert_eq!(
        sizing(120.0, 5_000.0).lots(&instrument(), 60_000.0, 0.0),
        Ok(2)
    );
}

#[test]
fn refusals_say_why() {
    let x = instrument();
    let lots =
        |notional: f64, price: f64, open: f64| sizing(notional, 5_000.0).lots(&x, price, open);
    assert!(matches!(
        lots(50.0, 60_000.0, 0.0),
        Err(Refusal::BelowLot { .. })
    ));
    assert!(matches!(
        lots(99.0, 60_000.0, 0.0),
        Err(Refusal::BelowMinNotional { .. })
    ));
    assert!(matches!(
        lots(1_000.0, 60_000.0, 4_100.0),
        Err(Refusal::GrossLimit { .. })
    ));
    assert!(matches!(
        lots(1_000.0, f64::NAN, 0.0),
        Err(Refusal::BadPrice { .. })
    ));
    assert!(matches!(
        lots(1_000.0, 0.0, 0.0),
        Err(Refusal::BadPrice { .. })
    ));
    let inverse = Instrument {
        inverse: true,
        ..instrument()
    };
    let refused = sizing(1_000.0, 5_000.0).lots(&inverse, 60_000.0, 0.0);
    assert!(matches!(refused, Err(Refusal::Inverse { .. })));
}

#[test]
fn unusable_parameters_are_refused() {
    for (notional, limit) in [
        (0.0, 1.0),
        (-1.0, 1.0),
        (f64::NAN, 1.0),
        (2.0, 1.0),
        (1.0, f64::INFINITY),
    ] {
        assert!(
            FixedNotional {
                notional,
                max_gross_notional: limit
            }
            .check()
            .is_err()
        );
    }
    let ok = Barrier {
        width: 1.0,
        tp_mult: 1.5,
        sl_mult: 1.0,
        horizon: Micros(1),
        tie: TiePolicy::SlFirst,
    };
    assert!(ok.check().is_ok());
    for bad in [
        Barrier { width: 0.0, ..ok },
        Barrier {
            tp_mult: f64::NAN,
            ..ok
        },
        Barrier {
            sl_mult: -1.0,
            ..ok
        },
        Barrier {
            horizon: Micros(0),
            ..ok
        },
    ] {
        assert!(bad.check().is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn a_sized_order_never_exceeds_notional_or_limit(
        notional in 1.0_f64..1e5, extra in 0.0_f64..1e5, price in 1.0_f64..1e5, open in 0.0_f64..1e5,
    ) {
        let x = instrument();
        let sizing = sizing(notional, notional + extra);
        if let Ok(lots) = sizing.lots(&x, price, open) {
            let value = x.lot_size.value(lots) * price;
            prop_assert!(lots >= 1);
            prop_assert!(value <= notional * (1.0 + 1e-12));
            prop_assert!(value >= x.min_notional);
            prop_assert!(open + value <= notional + extra);
            prop_assert!(x.lot_size.value(lots + 1) * price > notional * (1.0 - 1e-12));
        }
    }
}
