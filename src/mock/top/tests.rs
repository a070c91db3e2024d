//! The differences, applied to the old best levels, give the new ones.
use super::*;
use crate::mock::delay::Rand;
use std::collections::BTreeMap;

#[test]
fn differences_lead_from_old_to_new() {
    let mut rand = Rand::new(7);
    for n in 1..12 {
        let mut book = SimBook::default();
        let mut top = TopN::new(n);
        let mut client: [BTreeMap<i64, i64>; 2] = Default::default();
        for _ in 0..200 {
            for _ in 0..=rand.below(8) {
                let (is_bid, price, qty) = (rand.below(2) == 0, rand.below(40), rand.below(4));
                let (price, qty) = (i64::from(price), i64::from(qty));
                let (side, price) = if is_bid {
                    (Side::Buy, 100 - price)
                } else {
                    (Side::Sell, 101 + price)
                };
                book.set(side, price, qty);
            }
            let (bids, asks) = top.diff(&book);
            for (levels, changes) in client.iter_mut().zip([bids, asks]) {
                for (price, qty) in changes {
                    if qty == 0 {
                        assert!(
                            levels.remove(&price).is_some(),
                            "removed what was not there"
                        );
                    } else {
                        assert_ne!(levels.insert(price, qty), Some(qty), "said what was known");
                    }
                }
            }
            let bids: Vec<_> = book.levels(Side::Buy).take(n).collect();
            let asks: Vec<_> = book.levels(Side::Sell).take(n).collect();
            let copy = |levels: &BTreeMap<i64, i64>| -> Vec<(i64, i64)> {
                levels.iter().map(|(p, q)| (*p, *q)).collect()
            };
            assert_eq!(copy(&client[1]), asks);
            assert_eq!(copy(&client[0]).into_iter().rev().collect::<Vec<_>>(), bids);
        }
    }
}
