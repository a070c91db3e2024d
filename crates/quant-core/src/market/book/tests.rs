//! Tests of the book and of the venues' synchronisation: examples of the rules here, random streams in the files below.

mod binance;
mod bybit;
mod ladder;
mod okx;
mod speed;
mod world;

use super::*;

fn broken(kind: BreakKind, expected: i64, found: i64) -> Step {
    Step::Break(BreakReason {
        expected: Some(expected),
        found: Some(found),
        kind,
    })
}

// ---- Binance ----------------------------------------------------------------------------------------------

/// First events after a snapshot as recorded on 2024-08-08: U, u, lastUpdateId.
const UM_ETHUSDT: (i64, i64, i64) = (5123107853791, 5123107856276, 5123107856276);
const SPOT_ETHUSDT: (i64, i64, i64) = (35346513513, 35346513514, 35346513512);

#[test]
fn a_recorded_futures_start_is_valid_by_the_futures_rule_only() {
    let (first, last, snapshot) = UM_ETHUSDT;
    let mut futures = BinanceSync::new(BinanceRule::Futures);
    assert_eq!(futures.on_snapshot(snapshot), Step::Replace);
    assert_eq!(
        futures.on_update(first, last, Some(first - 30)),
        Step::Apply
    );
    assert!(futures.is_synced());
    assert_eq!(futures.last_id(), Some(last));

    // Under the other rule the same event is dropped, and no later one can join.
    let mut spot = BinanceSync::new(BinanceRule::Spot);
    assert_eq!(spot.on_snapshot(snapshot), Step::Replace);
    assert_eq!(spot.on_update(first, last, None), Step::Stale);
    let next = last + 200;
    assert_eq!(
        spot.on_update(next, next + 9, None),
        broken(BreakKind::SnapshotTooOld, last + 1, next)
    );
}

#[test]
fn a_recorded_spot_start_is_valid_by_the_spot_rule_only() {
    let (first, last, snapshot) = SPOT_ETHUSDT;
    let mut spot = BinanceSync::new(BinanceRule::Spot);
    assert_eq!(spot.on_snapshot(snapshot), Step::Replace);
    assert_eq!(spot.on_update(first, last, None), Step::Apply);
    assert_eq!(spot.on_update(last + 1, last + 4, None), Step::Apply);

    let mut futures = BinanceSync::new(BinanceRule::Futures);
    assert_eq!(futures.on_snapshot(snapshot), Step::Replace);
    assert_eq!(
        futures.on_update(first, last, Some(first - 1)),
        broken(BreakKind::SnapshotTooOld, snapshot, first)
    );
}

#[test]
fn a_message_of_the_other_market_is_told_by_its_shape() {
    let mut futures = BinanceSync::new(BinanceRule::Futures);
    assert_eq!(
        futures.on_update(1, 2, None),
        Step::WrongRule {
            expected: BinanceRule::Futures,
            found: BinanceRule::Spot
        }
    );
    let mut spot = BinanceSync::new(BinanceRule::Spot);
    assert_eq!(spot.on_snapshot(4), Step::Replace);
    assert_eq!(
        spot.on_update(5, 6, Some(4)),
        Step::WrongRule {
            expected: BinanceRule::Spot,
            found: BinanceRule::Futures
        }
    );
    assert_eq!(spot.on_update(5, 6, None), Step::Apply);
}

#[test]
fn futures_ids_are_linked_and_not_consecutive() {
    let mut sync = BinanceSync::new(BinanceRule::Futures);
    assert_eq!(sync.on_update(10, 19, Some(5)), Step::Wait);
    assert_eq!(sync.on_snapshot(20), Step::Replace);
    assert_eq!(sync.on_update(10, 19, Some(5)), Step::Stale);
    assert_eq!(sync.on_update(20, 29, Some(19)), Step::Apply);
    assert_eq!(sync.on_update(35, 40, Some(29)), Step::Apply);
    assert_eq!(sync.on_snapshot(40), Step::Ignored);
    // Consecutive by its first id, but linked to another message.
    assert_eq!(
        sync.on_update(41, 45, Some(30)),
        broken(BreakKind::Rewind, 40, 30)
    );
    assert_eq!(sync.on_update(46, 47, Some(45)), Step::Wait);
    assert_eq!(sync.last_id(), None);
    assert_eq!(sync.on_snapshot(46), Step::Replace);
    assert_eq!(sync.on_update(46, 47, Some(45)), Step::Apply);
    sync.reset();
    assert_eq!(sync.on_update(48, 49, Some(47)), Step::Wait);
}

#[test]
fn a_snapshot_ahead_of_the_stream_is_joined_anew() {
    let mut sync = BinanceSync::new(BinanceRule::Spot);
    assert_eq!(sync.on_snapshot(10), Step::Replace);
    assert_eq!(sync.on_update(11, 12, None), Step::Apply);
    assert_eq!(sync.on_snapshot(14), Step::Replace);
    assert!(!sync.is_synced());
    assert_eq!(sync.on_snapshot(13), Step::Ignored);
    assert_eq!(sync.on_update(13, 14, None), Step::Stale);
    assert_eq!(sync.on_update(15, 15, None), Step::Apply);
    assert_eq!(sync.on_update(17, 18, None), broken(BreakKind::Gap, 16, 17));
}

#[test]
fn ids_at_the_edge_of_the_type_neither_wrap_nor_panic() {
    for rule in [BinanceRule::Futures, BinanceRule::Spot] {
        for ids in [
            (i64::MIN, i64::MAX),
            (i64::MAX, i64::MAX),
            (i64::MAX, i64::MIN),
        ] {
            for at in [i64::MIN, -1, 0, i64::MAX] {
                let mut sync = BinanceSync::new(rule);
                let prev = (rule == BinanceRule::Futures).then_some(i64::MAX);
                assert_eq!(sync.on_snapshot(at), Step::Replace);
                let first = sync.on_update(ids.0, ids.1, prev);
                let second = sync.on_update(i64::MIN, i64::MIN, prev);
                assert!(!first.takes_levels() || second != Step::Wait);
            }
        }
    }
    let mut bybit = BybitSync::new();
    assert_eq!(bybit.on_message(true, i64::MAX, i64::MAX), Step::Replace);
    assert!(matches!(
        bybit.on_message(false, i64::MIN, 0),
        Step::Break(_)
    ));
}

// ---- Bybit ------------------------------------------------------------------------------------------------

#[test]
fn bybit_counts_messages() {
    let mut sync = BybitSync::new();
    assert_eq!(sync.on_message(false, 7, 100), Step::Wait);
    assert_eq!(sync.on_message(true, 8, 101), Step::Replace);
    assert_eq!(sync.on_message(false, 9, 104), Step::Apply);
    assert_eq!(sync.on_message(false, 9, 104), Step::Duplicate);
    assert_eq!(sync.on_message(false, 10, 104), Step::Apply);
    assert_eq!(sync.last_ids(), Some((10, 104)));
    assert_eq!(
        sync.on_message(false, 12, 110),
        broken(BreakKind::Gap, 11, 12)
    );
    assert_eq!(sync.on_message(false, 13, 111), Step::Wait);
    assert_eq!(sync.on_message(true, 20, 120), Step::Replace);
    assert_eq!(
        sync.on_message(false, 21, 119),
        broken(BreakKind::SeqRewind, 120, 119)
    );
    assert!(!sync.is_synced());
}

#[test]
fn bybit_snapshots_replace_unless_they_are_older() {
    let mut sync = BybitSync::new();
    assert_eq!(sync.on_message(true, 50, 500), Step::Replace);
    // A level-1 stream is sent again after three idle seconds.
    assert_eq!(sync.on_message(true, 50, 500), Step::Duplicate);
    assert_eq!(sync.on_message(true, 90, 510), Step::Replace);
    assert_eq!(
        sync.on_message(true, 80, 505),
        broken(BreakKind::SeqRewind, 510, 505)
    );
    assert_eq!(sync.on_message(true, 80, 505), Step::Replace);
}

#[test]
fn bybit_restarts_with_a_whole_book_whatever_the_type_says() {
    for is_snapshot in [true, false] {
        let mut sync = BybitSync::new();
        assert_eq!(sync.on_message(is_snapshot, 1, 5), Step::Replace);
        assert_eq!(sync.on_message(false, 2, 6), Step::Apply);
        assert_eq!(sync.on_message(is_snapshot, 1, 4), Step::Replace);
        assert_eq!(sync.on_message(false, 2, 6), Step::Apply);
    }
}

// ---- OKX --------------------------------------------------------------------------------------------------

#[test]
fn okx_messages_are_linked_through_idleness_and_maintenance() {
    let mut sync = OkxSync::new();
    assert_eq!(sync.on_message(false, Some(9), Some(10)), Step::Wait);
    assert_eq!(sync.on_message(true, Some(-1), Some(10)), Step::Replace);
    assert_eq!(sync.on_message(false, Some(10), Some(15)), Step::Apply);
    assert_eq!(sync.on_message(false, Some(15), Some(15)), Step::KeepAlive);
    assert_eq!(sync.on_message(false, Some(15), Some(3)), Step::Apply);
    assert_eq!((sync.n_resets(), sync.last_seq()), (1, Some(3)));
    assert_eq!(sync.on_message(false, Some(3), Some(5)), Step::Apply);
    assert_eq!(
        sync.on_message(false, Some(6), Some(8)),
        broken(BreakKind::Gap, 5, 6)
    );
    assert_eq!(sync.on_message(false, Some(8), Some(9)), Step::Wait);
}

#[test]
fn okx_streams_without_ids_stay_without() {
    let mut sync = OkxSync::new();
    assert_eq!(sync.on_message(true, None, None), Step::Replace);
    assert!(sync.is_unsequenced());
    assert_eq!(sync.on_message(false, None, None), Step::Apply);
    let mixed = |expected, found| {
        Step::Break(BreakReason {
            expected,
            found,
            kind: BreakKind::MixedIds,
        })
    };
    assert_eq!(
        sync.on_message(false, Some(4), Some(5)),
        mixed(None, Some(4))
    );
    assert_eq!(sync.on_message(true, Some(-1), Some(10)), Step::Replace);
    assert_eq!(sync.on_message(false, None, None), mixed(Some(10), None));
    assert!(!sync.is_synced());
}

#[test]
fn okx_checksums_equal_those_of_the_venues_documents() {
    // Both examples of the documentation: sides of equal and of unequal depth.
    let levels = |bids: &[(&'static str, &'static str)], asks: &[(&'static str, &'static str)]| {
        okx_checksum(bids.iter().copied(), asks.iter().copied())
    };
    assert_eq!(
        levels(
            &[("3366.1", "7"), ("3366", "6")],
            &[("3366.8", "9"), ("3368", "8")]
        ),
        -1_881_014_294
    );
    assert_eq!(
        levels(
            &[("3366.1", "7")],
            &[("3366.8", "9"), ("3368", "8"), ("3372", "8")]
        ),
        831_078_360
    );
    assert_eq!(levels(&[], &[]), 0);
}

#[test]
fn crc_of_the_check_string_is_the_published_one() {
    let mut crc = Crc32::new();
    crc.update(b"1234");
    crc.update(b"56789");
    assert_eq!(crc.value(), 0xCBF4_3926);
    assert_eq!(Crc32::default().value(), 0);
}

#[test]
fn the_text_book_keeps_the_original_texts() {
    let mut book = OkxTextBook::new();
    book.apply(Side::Sell, 3368.0, 8.0, "3368", "8");
    book.apply(Side::Buy, 3366.0, 6.0, "3366.0", "6.00");
    book.apply(Side::Sell, 3366.8, 1.0, "3366.80", "1");
    book.apply(Side::Buy, 3366.1, 7.0, "3366.1", "7");
    book.apply(Side::Buy, 3300.0, 0.0, "3300", "0");
    let with = |px: &'static str, qty: &'static str| {
        okx_checksum(
            [("3366.1", "7"), (px, qty)],
            [("3366.8", "9"), ("3368", "8")],
        )
    };
    book.apply(Side::Sell, 3366.8, 9.0, "3366.8", "9");
    assert_eq!(book.checksum(), with("3366.0", "6.00"));
    assert_ne!(book.checksum(), with("3366", "6"));
    book.apply(Side::Buy, 3366.0, 0.0, "3366.0", "0");
    book.apply(Side::Buy, 3366.0, 6.0, "3366", "6");
    assert_eq!(book.checksum(), -1_881_014_294);

    // Levels below the 25th do not count.
    for n in 0..40_u32 {
        let px = 3000.0 - f64::from(n);
        book.apply(Side::Buy, px, 1.0, &format!("{px}"), "1");
    }
    let at_25 = book.checksum();
    book.apply(Side::Buy, 3000.0 - 30.0, 2.0, "2970", "2");
    assert_eq!(book.checksum(), at_25);
    book.apply(Side::Buy, 3000.0 - 22.0, 2.0, "2978", "2");
    assert_ne!(book.checksum(), at_25);
    assert_eq!(book.n_levels(Side::Buy), 42);
    book.clear();
    assert_eq!((book.checksum(), book.n_levels(Side::Sell)), (0, 0));
}

#[test]
fn a_break_says_what_was_due() {
    let Step::Break(reason) = broken(BreakKind::Gap, 11, 12) else {
        unreachable!()
    };
    assert_eq!(
        reason.to_string(),
        "order book out of step: an update is missing (expected id 11, found 12)\n  hint: wait for the next snapshot or fetch one"
    );
}
