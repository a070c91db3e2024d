//! A market that breaks the rules is found out: signs without memory, prices that forget to be random, features that see ahead.

use quant_core::market::{Market, Side};
use quant_core::synth::{
    InstrumentParams, LevelChange, MinuteModel, SimBook, SimMatch, SimMinute, SimQuote,
};
use quant_core::time::{MICROS_PER_MINUTE, UnixMicros};

use crate::facts::run::{NullRequest, Watch, feature_table, instrument, null_report};
use crate::facts::{Fact, InstrumentFacts};
use crate::synth::Look;

/// How the toy market misbehaves.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// Nothing: independent flow, independent moves.
    None,
    /// The flow of a minute tells the move of the next one.
    LooksAhead,
    /// The book of a minute's end tells the move of the next one.
    TellingBook,
}

/// One trade and one move of the mid per second, both coin flips: white signs, normal returns, no clustering.
struct Toy {
    params: InstrumentParams,
    fault: Fault,
    noise: u64,
    start: i64,
    bid: i64,
    next_move: i64,
    id: i64,
}

impl Toy {
    fn new(fault: Fault, seed: u64) -> Self {
        Self {
            params: instrument(Look::Alt, Market::Um, 1.0).unwrap(),
            fault,
            noise: seed,
            start: 1_704_067_200_000_000,
            bid: 15_000,
            next_move: 0,
            id: 0,
        }
    }

    /// Steele, Lea and Flood 2014: a draw nobody could mistake for the model's own.
    fn draw(&mut self) -> u64 {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.noise;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn sizes(&mut self) -> (i64, i64) {
        let lean = if self.fault == Fault::TellingBook {
            5 * self.next_move
        } else {
            0
        };
        let jitter = i64::try_from(self.draw() % 50).unwrap();
        (
            500 + jitter + lean,
            500 + i64::try_from(self.draw() % 50).unwrap() - lean,
        )
    }
}

impl MinuteModel for Toy {
    fn params(&self) -> &InstrumentParams {
        &self.params
    }

    fn book(&self) -> SimBook {
        let mut out = SimBook::default();
        out.set(Side::Buy, self.bid, 500);
        out.set(Side::Sell, self.bid + 1, 500);
        out
    }

    fn next_minute(&mut self, out: &mut SimMinute) {
        *out = SimMinute::new();
        out.start = UnixMicros(self.start);
        self.start += MICROS_PER_MINUTE;
        let this_move = self.next_move;
        self.next_move = i64::try_from(self.draw() % 41).unwrap() - 20;
        for second in 0..60_i64 {
            let ts = out.start.plus(second * 1_000_000 + 1);
            self.id += 1;
            let ahead = self.fault == Fault::LooksAhead && second % 3 == 0;
            let buys = if ahead {
                self.next_move > 0
            } else {
                self.draw().is_multiple_of(2)
            };
            out.matches.push(SimMatch {
                ts,
                id: self.id,
                agg_id: self.id,
                update_id: self.id,
                price_ticks: self.bid + i64::from(buys),
                qty_lots: 10,
                aggressor: if buys { Side::Buy } else { Side::Sell },
                is_liquidation: false,
            });
            // The whole move happens in the middle of the minute.
            let old = self.bid;
            if second == 30 {
                self.bid = (self.bid + this_move).max(1_000);
            }
            let (bid_lots, ask_lots) = self.sizes();
            for (side, gone, price_ticks, qty_lots) in [
                (Side::Buy, old, self.bid, bid_lots),
                (Side::Sell, old + 1, self.bid + 1, ask_lots),
            ] {
                for (price_ticks, qty_lots) in [(gone, 0), (price_ticks, qty_lots)] {
                    out.changes.push(LevelChange {
                        ts,
                        update_id: self.id,
                        side,
                        price_ticks,
                        qty_lots,
                        msg_end: side == Side::Sell && qty_lots > 0,
                    });
                }
            }
            out.quotes.push(SimQuote {
                ts,
                update_id: self.id,
                bid_ticks: self.bid,
                bid_lots,
                ask_ticks: self.bid + 1,
                ask_lots,
            });
        }
    }
}

fn watch_with<T>(f: impl FnOnce(&Watch<'_>) -> T) -> T {
    let stop = core::sync::atomic::AtomicBool::new(false);
    f(&Watch {
        stop: &stop,
        on_day: &|| {},
    })
}

#[test]
fn a_market_of_coin_flips_is_outside_of_the_bands_it_must_miss() {
    let mut toy = Toy::new(Fault::None, 7);
    let mut facts = InstrumentFacts::new(&toy.params.clone(), toy.book());
    let mut minute = SimMinute::new();
    for _ in 0..3 * 1_440 {
        toy.next_minute(&mut minute);
        let measure = facts.push(&minute);
        // The book kept up from changes ends where the quotes do.
        let close = measure.close.unwrap();
        assert_eq!((close.bid, close.spread()), (toy.bid, 1));
        let rebuilt = (measure.bid_depth[2], measure.ask_depth[2]);
        assert_eq!(rebuilt, (close.bid_lots, close.ask_lots));
    }
    let facts = facts.finish(true);
    let is_ok = |name: &str| facts.iter().find(|f| f.name == name).map(Fact::is_ok);
    for name in [
        "kurtosis_1m",
        "hill_1m",
        "acf_size_1",
        "sign_acf_1",
        "sign_exponent",
        "hour_peak_over_trough",
        "matches_ratio",
        "one_tick_share",
        "hazard_depth",
        "hazard_move",
    ] {
        assert_eq!(is_ok(name), Some(false), "{name}: {facts:#?}");
    }
    for name in ["acf_return_1", "acf_return_2_10", "halts_z"] {
        assert_eq!(is_ok(name), Some(true), "{name}: {facts:#?}");
    }
    let mut names: Vec<&str> = facts.iter().map(|f| f.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), facts.len(), "names are unique");
}

fn beyond(fault: Fault) -> Vec<String> {
    let request = NullRequest {
        profile: quant_core::synth::MarketProfile::Null,
        look: Look::Alt,
        minutes: 6_000,
        seeds: vec![1, 2],
        start: "2024-01-01".parse().unwrap(),
        rate: 1.0,
    };
    let tables = request
        .seeds
        .iter()
        .map(|seed| watch_with(|w| feature_table(&mut Toy::new(fault, *seed), 3_000, w)).unwrap())
        .collect();
    let report = null_report(&request, tables);
    assert_eq!(report.minutes_with_edge, 0);
    let out: Vec<String> = report
        .rows
        .iter()
        .filter(|row| !row.ok)
        .map(|row| row.ic.column.name.clone())
        .collect();
    assert_eq!(report.is_ok(), out.is_empty());
    out
}

#[test]
fn a_null_market_passes_and_one_that_sees_ahead_does_not() {
    assert_eq!(beyond(Fault::None), Vec::<String>::new());
    let found = beyond(Fault::LooksAhead);
    assert!(found.contains(&"tfi_1".to_owned()), "{found:?}");
    assert!(found.contains(&"signed_volume_1m".to_owned()), "{found:?}");
    let found = beyond(Fault::TellingBook);
    assert!(found.contains(&"imbalance_1".to_owned()), "{found:?}");
    assert!(found.contains(&"wmid_minus_mid".to_owned()), "{found:?}");
    assert!(!found.contains(&"tfi_1".to_owned()), "{found:?}");
}

#[test]
fn a_raised_flag_stops_the_run() {
    let stop = core::sync::atomic::AtomicBool::new(true);
    let watch = Watch {
        stop: &stop,
        on_day: &|| {},
    };
    let stopped = feature_table(&mut Toy::new(Fault::None, 1), 3_000, &watch);
    assert!(matches!(
        stopped,
        Err(crate::facts::FactsError::Interrupted)
    ));
}
