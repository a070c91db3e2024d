//! Accounting invariants on random event streams.
use super::tests::{MIN, bar_with_volume, free, funding, instrument, near, quote, trade, venue};
use super::*;
use crate::market::{Event, MarkPrice, Side};
use crate::risk::{Barrier, BracketOrder, TiePolicy};
use crate::time::UnixMicros;
use crate::units::Micros;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One thing that happens at a minute: an event of some kind on one of two instruments, or an order.
#[derive(Clone, Debug)]
enum Step {
    Bar {
        idx: usize,
        px: [f64; 4],
        empty: bool,
    },
    Trade {
        idx: usize,
        px: f64,
    },
    Quote {
        idx: usize,
        px: f64,
    },
    Mark {
        idx: usize,
        px: f64,
    },
    Funding {
        idx: usize,
        rate: f64,
    },
    Order {
        idx: usize,
        buy: bool,
        lots: i64,
        width: f64,
        minutes: i64,
    },
}

fn px() -> impl Strategy<Value = f64> {
    // Every tick of both instruments (0.1 and 0.5) divides 0.5.
    (180_i32..220).prop_map(|n| f64::from(n) * 0.5)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (0_usize..2, px(), px(), px(), px(), 0_u8..10).prop_map(|(idx, a, b, c, d, e)| {
            let high = a.max(b).max(c).max(d);
            let low = a.min(b).min(c).min(d);
            Step::Bar { idx, px: [a, high, low, b], empty: e == 0 }
        }),
        1 => (0_usize..2, px()).prop_map(|(idx, px)| Step::Trade { idx, px }),
        1 => (0_usize..2, px()).prop_map(|(idx, px)| Step::Quote { idx, px }),
        1 => (0_usize..2, px()).prop_map(|(idx, px)| Step::Mark { idx, px }),
        1 => (0_usize..2, -0.01_f64..0.01).prop_map(|(idx, rate)| Step::Funding { idx, rate }),
        3 => (0_usize..2, any::<bool>(), 1_i64..9, 1.0_f64..9.0, 1_i64..15).prop_map(
            |(idx, buy, lots, width, minutes)| Step::Order { idx, buy, lots, width, minutes }
        ),
    ]
}

fn event(minute: i64, step: &Step) -> Option<(usize, Event)> {
    let ts = minute * MIN;
    Some(match *step {
        Step::Bar {
            idx,
            px: [open, high, low, close],
            empty,
        } => {
            let volume = if empty { 0.0 } else { 1.0 };
            (
                idx,
                bar_with_volume(minute, (open, high, low, close), volume),
            )
        }
        Step::Trade { idx, px } => (idx, trade(ts, px)),
        Step::Quote { idx, px } => (idx, quote(ts, px, px + 0.5)),
        Step::Mark { idx, px } => {
            let ts_event = UnixMicros(ts);
            let mark = MarkPrice {
                ts_event,
                mark: Some(px),
                index: None,
                premium: None,
                predicted_funding: None,
            };
            (idx, Event::MarkPrice(mark))
        }
        Step::Funding { idx, rate } => (idx, funding(ts, rate)),
        Step::Order { .. } => return None,
    })
}

/// Books kept from the reports alone.
#[derive(Default)]
struct Shadow {
    cash: f64,
    qty: [f64; 2],
    filled: BTreeMap<String, (i64, i64)>,
    net: f64,
    fees: f64,
}

impl Shadow {
    fn read(
        &mut self,
        reports: &[VenueReport],
        lots: [f64; 2],
        orders: &BTreeMap<String, BracketOrder>,
    ) {
        for report in reports {
            match report {
                VenueReport::Entered(x) | VenueReport::Exited(x) => {
                    let qty = f64::from(x.side.sign()) * x.qty_lots as f64 * lots[x.instrument_idx];
                    self.cash -= qty * x.px + x.fee;
                    self.fees += x.fee;
                    self.qty[x.instrument_idx] += qty;
                    let order = &orders[&x.id];
                    let filled = self.filled.entry(x.id.clone()).or_default();
                    if x.side == order.side {
                        filled.0 += x.qty_lots;
                        assert!(x.ts_fill >= order.ts_decision, "filled before the decision");
                    } else {
                        filled.1 += x.qty_lots;
                    }
                    assert!(x.ts_fill >= x.ts_arrival, "filled before arrival");
                    assert!(filled.0 <= order.qty_lots && filled.1 <= filled.0);
                    let against = f64::from(x.side.sign()) * (x.px - x.px_ref);
                    assert!(against >= 0.0, "slippage in our favour");
                }
                VenueReport::FundingPaid(x) => self.cash -= x.amount,
                VenueReport::Closed(x) => {
                    near(x.gross - x.slippage_cost - x.fees - x.funding, x.net);
                    let moved = f64::from(x.side.sign()) * (x.px_exit - x.px_entry) * x.qty;
                    near(x.gross - x.slippage_cost, moved);
                    assert!(x.slippage_cost >= 0.0 && x.mfe >= 0.0 && x.mae >= 0.0);
                    assert!(x.ts_known >= x.ts_exit && x.ts_exit >= x.ts_entry);
                    self.net += x.net;
                }
                VenueReport::Unfilled(x) => assert!(!self.filled.contains_key(&x.id)),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn cash_and_inventory_always_add_up(
        steps in prop::collection::vec(step(), 1..80),
        (slippage_bps, maker_bps, taker_bps) in (0.0_f64..50.0, -5.0_f64..5.0, 0.0_f64..10.0),
        latency in 0_i64..2 * MIN,
    ) {
        let params = VenueParams { slippage_bps, maker_bps, taker_bps, ..free(latency) };
        let instruments = [instrument("AAA", "0.1", "0.01"), instrument("BBB", "0.5", "1")];
        let mut venue = PaperVenue::new(&instruments, params.models(), 10_000.0).unwrap();
        let mut shadow = Shadow { cash: 10_000.0, ..Shadow::default() };
        let mut orders = BTreeMap::new();
        for (minute, step) in (0_i64..).zip(&steps) {
            if let Step::Order { idx, buy, lots, width, minutes } = *step {
                let order = BracketOrder {
                    id: minute.to_string(),
                    instrument_idx: idx,
                    side: if buy { Side::Buy } else { Side::Sell },
                    qty_lots: lots,
                    ts_decision: UnixMicros(minute * MIN),
                    barrier: Barrier {
                        width, tp_mult: 1.5, sl_mult: 1.0,
                        horizon: Micros(minutes * MIN), tie: TiePolicy::SlFirst,
                    },
                };
                orders.insert(order.id.clone(), order.clone());
                venue.submit(order).unwrap();
            }
            // A mark's own funding reports come with the next event, so the mark comes before the event.
            let mark = venue.mark(UnixMicros(minute * MIN));
            let right = mark.realised + mark.unrealised - mark.fees - mark.funding;
            near(mark.cash + mark.position_value, 10_000.0 + right);
            if let Some((idx, event)) = event(minute, step) {
                shadow.read(venue.on_event(&event, idx), [0.01, 1.0], &orders);
                let after = venue.account().at(UnixMicros(0), &[Some(101.3), Some(98.7)]);
                near(after.cash, shadow.cash);
                near(after.equity, shadow.cash + shadow.qty[0] * 101.3 + shadow.qty[1] * 98.7);
            }
        }
        shadow.read(venue.finish(), [0.01, 1.0], &orders);
        near(shadow.qty[0], 0.0);
        near(shadow.qty[1], 0.0);
        prop_assert_eq!(venue.account().n_open(), 0);
        let end = venue.mark(UnixMicros(1_000 * MIN));
        near(end.equity, 10_000.0 + shadow.net);
        near(end.fees, shadow.fees);
    }

    #[test]
    fn equity_without_orders_is_constant(steps in prop::collection::vec(step(), 1..60)) {
        let mut venue = venue(free(0));
        for (minute, step) in (0_i64..).zip(&steps) {
            if let Some((idx, event)) = event(minute, step) {
                venue.on_event(&event, idx);
            }
            let mark = venue.mark(UnixMicros(minute * MIN));
            prop_assert_eq!(mark.equity.to_bits(), 10_000.0_f64.to_bits());
        }
        prop_assert_eq!(venue.account().equity().len(), steps.len());
    }
}
