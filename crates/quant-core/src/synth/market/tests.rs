//! Tests of the order-book market: invariants of every minute, independence, rates, edges, hazards, golden digests.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::market::{Market, Side, Symbol};
use crate::synth::book::SimBook;
use crate::synth::error::SynthError;
use crate::synth::event::{Regime, SimMinute, SimQuote};
use crate::synth::market::{MinuteModel, OrderBookMarket, regime, transitions};
use crate::synth::world::{InstrumentParams, MarketProfile, WorldParams};
use crate::time::{Day, MICROS_PER_MINUTE};

fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

fn btc(market: Market) -> InstrumentParams {
    InstrumentParams::btc_like(market, symbol("BTCUSDT")).unwrap()
}

/// Few events, so that days pass quickly.
fn slow(market: Market) -> InstrumentParams {
    InstrumentParams {
        trades_per_day: 6_000,
        quotes_per_day: 25_000,
        ..btc(market)
    }
}

fn world(profile: MarketProfile, seed: u64, instruments: Vec<InstrumentParams>) -> WorldParams {
    WorldParams {
        seed,
        profile,
        start_day: Day::from_ymd(2026, 6, 1).unwrap(),
        instruments,
    }
}

fn market(profile: MarketProfile, seed: u64, params: InstrumentParams) -> OrderBookMarket {
    OrderBookMarket::new(&world(profile, seed, vec![params]), 0).unwrap()
}

fn perpetual() -> Market {
    "um".parse().unwrap()
}

/// Calls `see` with every minute.
fn run(market: &mut OrderBookMarket, minutes: usize, mut see: impl FnMut(&SimMinute)) {
    let mut minute = SimMinute::new();
    for _ in 0..minutes {
        market.next_minute(&mut minute);
        see(&minute);
    }
}

/// What the checks carry from minute to minute.
struct Checker {
    book: SimBook,
    ids: Option<(i64, i64, i64)>,
    update: Option<i64>,
    best: (i64, i64, i64, i64),
    depth_ticks: i64,
}

impl Checker {
    fn new(market: &OrderBookMarket) -> Self {
        let book = market.book();
        let (bid, ask) = (
            book.best(Side::Buy).unwrap(),
            book.best(Side::Sell).unwrap(),
        );
        Self {
            ids: None,
            update: None,
            best: (bid.0, bid.1, ask.0, ask.1),
            book,
            depth_ticks: i64::from(market.params().depth_ticks),
        }
    }

    /// Checks one minute against the contract of [`SimMinute`], independently of how it was made.
    fn check(&mut self, minute: &SimMinute) {
        let inside = minute.start.0 + 1..minute.start.0 + MICROS_PER_MINUTE;
        self.check_matches(minute, &inside);
        let mut quotes = minute.quotes.iter();
        let mut last = inside.start;
        let mut is_open = false;
        for change in &minute.changes {
            assert!(inside.contains(&change.ts.0) && change.ts.0 >= last);
            last = change.ts.0;
            let expected = match self.update {
                Some(update) if is_open => update,
                Some(update) => update + 1,
                None => change.update_id,
            };
            assert_eq!(change.update_id, expected);
            self.update = Some(expected);
            assert!(change.qty_lots >= 0);
            self.book.apply(change);
            is_open = !change.msg_end;
            if change.msg_end {
                self.check_message(change.update_id, change.ts.0, &mut quotes);
            }
        }
        assert!(!is_open, "a message ends in its minute");
        assert_eq!(quotes.next(), None, "a quote without a message");
        if minute.truth.is_halted {
            assert!(minute.matches.is_empty() && minute.changes.is_empty());
            assert!(minute.marks.is_empty() && minute.liquidations.is_empty());
        }
        let mut last = minute.start.0;
        for mark in &minute.marks {
            assert!(mark.ts.0 >= last && mark.ts.0 < inside.end && mark.ts.0 % 1_000_000 == 0);
            assert!(mark.mark > 0.0 && mark.index > 0.0 && mark.predicted_funding.is_finite());
            last = mark.ts.0;
        }
        if let Some(positions) = minute.positions {
            let delay = positions.published_at.0 - positions.ts.0;
            assert_eq!(positions.ts, minute.start);
            assert!(delay > 200_000_000 && delay <= 300_000_000);
            assert!(positions.open_interest_lots > 0 && positions.taker_ratio > 0.0);
        }
    }

    fn check_matches(&mut self, minute: &SimMinute, inside: &core::ops::Range<i64>) {
        let mut last = inside.start;
        let mut prices: Vec<(i64, i64)> = Vec::new();
        for m in &minute.matches {
            assert!(inside.contains(&m.ts.0) && m.ts.0 >= last && m.qty_lots > 0);
            last = m.ts.0;
            if let Some((id, agg, update)) = self.ids {
                assert_eq!(m.id, id + 1);
                assert!(m.agg_id == agg || m.agg_id == agg + 1);
                assert!(m.update_id >= update);
            }
            self.ids = Some((m.id, m.agg_id, m.update_id));
            if prices
                .last()
                .is_none_or(|p| *p != (m.update_id, m.price_ticks))
            {
                prices.push((m.update_id, m.price_ticks));
            }
            assert!(
                minute
                    .changes
                    .iter()
                    .any(|c| c.update_id == m.update_id && c.ts == m.ts)
            );
        }
        let aggregates = minute.matches.last().map_or(0, |m| m.agg_id)
            - minute.matches.first().map_or(1, |m| m.agg_id)
            + 1;
        assert_eq!(
            i64::try_from(prices.len()).unwrap(),
            aggregates,
            "one aggregate per order and price"
        );
    }

    fn check_message<'a>(
        &mut self,
        update_id: i64,
        ts: i64,
        quotes: &mut impl Iterator<Item = &'a SimQuote>,
    ) {
        let (bid_ticks, bid_lots) = self.book.best(Side::Buy).unwrap();
        let (ask_ticks, ask_lots) = self.book.best(Side::Sell).unwrap();
        assert!(bid_ticks < ask_ticks);
        for side in [Side::Buy, Side::Sell] {
            assert!(self.book.depth(side) >= 20);
            let (touch, far) = (
                self.book.best(side).unwrap().0,
                self.book.levels(side).last().unwrap().0,
            );
            assert!((touch - far).abs() <= self.depth_ticks + 4 * 24 * 100);
        }
        let now = SimQuote {
            ts: crate::time::UnixMicros(ts),
            update_id,
            bid_ticks,
            bid_lots,
            ask_ticks,
            ask_lots,
        };
        let best = (bid_ticks, bid_lots, ask_ticks, ask_lots);
        let is_same = self.best == best;
        if !is_same {
            assert_eq!(quotes.next(), Some(&now));
        }
        self.best = best;
    }
}

#[test]
fn every_profile_keeps_the_contract_of_a_minute() {
    for (seed, profile) in MarketProfile::ALL.into_iter().enumerate() {
        let mut market = market(profile, seed as u64, btc(perpetual()));
        let mut checker = Checker::new(&market);
        run(&mut market, 12, |minute| checker.check(minute));
        assert_eq!(market.book(), checker.book);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_instrument_keeps_the_contract_of_a_minute(
        seed in any::<u64>(),
        profile in 0..6_usize,
        is_spot in any::<bool>(),
        trades_per_day in 2_000..40_000_u32,
        quotes_per_day in 2_000..90_000_u32,
        spread_ticks in 1.0..30.0_f64,
        occupancy in 0.02..1.0_f64,
        depth_ticks in 32..600_u32,
        daily_volatility in 0.01..0.2_f64,
        median_qty in 0.001..5.0_f64,
        touch_qty in 0.001..10.0_f64,
        halts_per_day in 0.0..4.0_f64,
    ) {
        let kind = if is_spot { Market::Spot } else { perpetual() };
        let params = InstrumentParams {
            trades_per_day, quotes_per_day, spread_ticks, occupancy, depth_ticks, daily_volatility, median_qty,
            touch_qty, halts_per_day, empty_minutes_per_day: 100.0, ..btc(kind)
        };
        let mut market = market(MarketProfile::ALL[profile], seed, params);
        let mut checker = Checker::new(&market);
        run(&mut market, 20, |minute| checker.check(minute));
        prop_assert_eq!(market.book(), checker.book);
    }
}

/// Returns the first eight bytes of a hash of every minute.
fn digest(market: &mut OrderBookMarket, minutes: usize) -> u64 {
    let mut hash = Sha256::new();
    run(market, minutes, |minute| hash.update(format!("{minute:?}")));
    let bytes: [u8; 8] = hash.finalize()[..8].try_into().unwrap();
    u64::from_be_bytes(bytes)
}

/// The bits of an hour in each profile: they change only when the simulator is meant to change.
#[test]
fn the_first_hour_of_each_profile_is_as_recorded() {
    let found =
        MarketProfile::ALL.map(|profile| digest(&mut market(profile, 7, slow(perpetual())), 60));
    assert_eq!(found, GOLDEN, "found {found:#018x?}");
}

const GOLDEN: [u64; 6] = [
    0x51de71674d60a6e8,
    0x9b35bacd4e108c5c,
    0x30732875032d41bc,
    0xc06d46a508ef47c3,
    0xd8e86082dc44570f,
    0xae1a5bb66b191320,
];

#[test]
fn the_same_parameters_give_the_same_bits_and_another_seed_others() {
    let [a, b, c] = [1, 1, 2].map(|seed| {
        digest(
            &mut market(MarketProfile::Mixed, seed, slow(perpetual())),
            60,
        )
    });
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn an_instrument_does_not_depend_on_its_neighbours() {
    let alt = InstrumentParams::alt_like(perpetual(), symbol("SOLUSDT")).unwrap();
    let alone = world(MarketProfile::Mixed, 1, vec![slow(perpetual())]);
    let among = world(
        MarketProfile::Mixed,
        1,
        vec![alt, slow(Market::Spot), slow(perpetual())],
    );
    let mut a = OrderBookMarket::new(&alone, 0).unwrap();
    let mut b = OrderBookMarket::new(&among, 2).unwrap();
    assert_eq!(digest(&mut a, 30), digest(&mut b, 30));
    let refused = OrderBookMarket::new(&among, 3);
    assert!(matches!(
        refused,
        Err(SynthError::OutOfRange {
            name: "instrument index",
            ..
        })
    ));
}

#[test]
fn a_perpetual_and_its_spot_share_shocks_and_a_small_basis_apart() {
    let pair = world(
        MarketProfile::Null,
        4,
        vec![slow(perpetual()), slow(Market::Spot)],
    );
    let mut logs = [Vec::new(), Vec::new()];
    for (index, logs) in logs.iter_mut().enumerate() {
        let mut market = OrderBookMarket::new(&pair, index).unwrap();
        run(&mut market, 720, |minute| {
            logs.push(libm::log(minute.truth.efficient));
        });
    }
    let basis: Vec<f64> = logs[0]
        .iter()
        .zip(&logs[1])
        .map(|(perp, spot)| perp - spot)
        .collect();
    let moves = |xs: &[f64]| {
        xs.windows(2)
            .map(|w| (w[1] - w[0]) * (w[1] - w[0]))
            .sum::<f64>()
    };
    // The basis moves little against the price, stays within some of its 4 bp, and does not wander off.
    assert!(moves(&basis) < 0.02 * moves(&logs[0]));
    assert!(basis.iter().all(|b| b.abs() < 30e-4));
    let crossings = basis.windows(2).filter(|w| w[0] * w[1] < 0.0).count();
    assert!(crossings > 3, "{crossings} crossings of zero");
}

#[test]
fn matches_and_quotes_per_day_are_those_asked_for() {
    for profile in [MarketProfile::Null, MarketProfile::Mixed] {
        let params = InstrumentParams {
            halts_per_day: 0.0,
            ..slow(perpetual())
        };
        let (mut matches, mut quotes) = (0, 0);
        run(&mut market(profile, 3, params.clone()), 1_440, |minute| {
            matches += minute.matches.len();
            quotes += minute.quotes.len();
        });
        let ratio = |n: usize, per_day: u32| n as f64 / f64::from(per_day);
        let (a, b) = (
            ratio(matches, params.trades_per_day),
            ratio(quotes, params.quotes_per_day),
        );
        assert!((a - 1.0).abs() < 0.1, "{profile:?}: matches {a}");
        assert!((b - 1.0).abs() < 0.1, "{profile:?}: quotes {b}");
    }
}

#[test]
fn the_null_market_has_no_edge_and_the_others_do() {
    for profile in MarketProfile::ALL {
        let (mut most, mut n) = (0.0_f64, 0);
        let (mut product, mut square) = (0.0, 0.0);
        let mut before: Option<(f64, f64)> = None;
        run(
            &mut market(profile, 5, slow(perpetual())),
            1_440,
            |minute| {
                let (price, edge) = (minute.truth.efficient, minute.truth.edge);
                most = most.max(edge.abs());
                if let Some((price_before, edge_before)) = before {
                    product += edge_before * libm::log(price / price_before);
                    square += edge_before * edge_before;
                    n += 1;
                }
                before = Some((price, edge));
            },
        );
        if profile == MarketProfile::Null {
            assert!(most.abs() <= 0.0);
        } else {
            // The slope of returns on edges is 1 up to noise: within 4 standard errors with 7 to 10 bp per minute.
            let error = 4.0 * 10e-4 / square.sqrt();
            let slope = product / square;
            assert!(
                n > 500 && (slope - 1.0).abs() < error,
                "{profile:?}: {slope} +- {error}"
            );
            assert!(most > 1e-5);
        }
    }
}

#[test]
fn a_hazard_is_announced_before_the_price_moves() {
    let params = InstrumentParams {
        trades_per_day: 20_000,
        quotes_per_day: 80_000,
        ..btc(perpetual())
    };
    let mut touch = [(0.0, 0.0); 6];
    let mut moved = [0.0; 6];
    let mut signed = (0.0, 0.0);
    let mut before: Option<f64> = None;
    run(
        &mut market(MarketProfile::PlantedHazard, 1, params),
        1_440,
        |minute| {
            let i = regime::index(minute.truth.regime);
            for q in &minute.quotes {
                touch[i].0 += (q.bid_lots + q.ask_lots) as f64;
                touch[i].1 += 1.0;
            }
            let sign = f64::from(minute.truth.hazard_sign);
            if minute.truth.regime == Regime::HazardOnset {
                for m in &minute.matches {
                    signed.0 += sign * f64::from(m.aggressor.sign());
                    signed.1 += 1.0;
                }
            }
            let price = libm::log(minute.truth.efficient);
            moved[i] += sign * before.map_or(0.0, |b| price - b);
            before = Some(price);
        },
    );
    let mean = |i: usize| touch[i].0 / touch[i].1;
    let (calm, onset, last) = (0, 4, 5);
    assert!(mean(onset) < 0.7 * mean(calm), "the book thins first");
    assert!(signed.0 / signed.1 > 0.3, "flow is one-sided first");
    assert!(moved[last] > 0.01, "the move itself: {moved:?}");
    assert!(
        moved[onset].abs() < 0.3 * moved[last],
        "the price waits: {moved:?}"
    );
}

#[test]
fn halts_are_silent_and_end_with_a_whole_new_book() {
    let params = InstrumentParams {
        halts_per_day: 4.0,
        ..slow(perpetual())
    };
    let mut market = market(MarketProfile::Null, 2, params);
    let mut checker = Checker::new(&market);
    let mut halted = 0;
    let mut reopenings = 0;
    let mut was_halted = false;
    run(&mut market, 960, |minute| {
        halted += usize::from(minute.truth.is_halted);
        if was_halted && !minute.truth.is_halted {
            let first = minute.changes.first().unwrap().update_id;
            let removed = minute
                .changes
                .iter()
                .filter(|c| c.update_id == first && c.qty_lots == 0);
            assert!(removed.count() >= 20);
            reopenings += 1;
        }
        was_halted = minute.truth.is_halted;
        minute.changes.iter().for_each(|c| checker.book.apply(c));
    });
    assert_eq!(market.book(), checker.book);
    assert!(
        halted > 5 && reopenings > 0,
        "{halted} minutes, {reopenings} reopenings"
    );
}

#[test]
fn empty_minutes_have_quotes_and_no_match() {
    let params = InstrumentParams {
        empty_minutes_per_day: 720.0,
        ..btc(perpetual())
    };
    let (mut empty, mut quoted) = (0, 0);
    run(
        &mut market(MarketProfile::Mixed, 2, params),
        120,
        |minute| {
            empty += usize::from(minute.matches.is_empty());
            quoted += usize::from(minute.matches.is_empty() && !minute.quotes.is_empty());
        },
    );
    assert!((30..90).contains(&empty), "{empty}");
    assert_eq!(empty, quoted);
}

#[test]
fn funding_settles_every_eight_hours_and_positions_every_five_minutes() {
    let params = InstrumentParams {
        halts_per_day: 0.0,
        ..slow(perpetual())
    };
    let (mut settled, mut positions, mut marks) = (Vec::new(), 0, 0);
    run(
        &mut market(MarketProfile::Mixed, 1, params),
        961,
        |minute| {
            settled.extend(minute.funding);
            positions += usize::from(minute.positions.is_some());
            marks += minute.marks.len();
        },
    );
    let gaps: Vec<i64> = settled.windows(2).map(|w| w[1].ts.0 - w[0].ts.0).collect();
    assert_eq!(gaps, [8 * 3_600_000_000; 2]);
    assert!(
        settled
            .iter()
            .all(|f| f.interval_h == 8 && f.rate.abs() < 0.02)
    );
    assert_eq!((positions, marks), (193, 961 * 60));
}

#[test]
fn transition_rows_are_probabilities() {
    for profile in MarketProfile::ALL {
        for row in transitions(profile) {
            assert!(row.iter().all(|p| (0.0..=1.0).contains(p)));
            assert!(
                (row.iter().sum::<f64>() - 1.0).abs() < 1e-12,
                "{profile:?} {row:?}"
            );
        }
    }
}

/// The window behind the touch stays as full as it was opened, wherever the price goes.
#[test]
fn a_book_keeps_its_depth() {
    let params = slow(perpetual());
    let expected = params.occupancy * f64::from(params.depth_ticks);
    let mut market = market(MarketProfile::Mixed, 3, params);
    for _ in 0..4 {
        run(&mut market, 45, |_| {});
        let book = market.book();
        for side in [Side::Buy, Side::Sell] {
            let share = book.depth(side) as f64 / expected;
            assert!((0.75..1.25).contains(&share), "{side:?}: {share}");
        }
    }
}
