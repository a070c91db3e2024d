//! Tests of weights and holds in simulated time.
use super::*;

const S: Duration = Duration::from_secs(1);

/// Sends as fast as allowed for `total` and returns when each request left.
fn run(governor: &Governor, bucket: &'static str, weight: u32, total: Duration) -> Vec<Duration> {
    let (mut now, mut sent) = (Duration::ZERO, Vec::new());
    while now < total {
        match governor.ask(bucket, weight, now) {
            Grant::Go => {
                sent.push(now);
                now += Duration::from_millis(7);
            }
            Grant::Wait(wait) | Grant::Held { wait, .. } => {
                assert!(wait > Duration::ZERO);
                now += wait;
            }
        }
    }
    sent
}

#[test]
fn no_window_wherever_it_begins_holds_more_than_the_quota() {
    for (window, max, weight) in [
        (60 * S, 2_160, 20),
        (2 * S, 1, 1),
        (S, 4, 1),
        (60 * S, 50, 7),
    ] {
        let governor = Governor::new(vec![Quota::new("x", window, max)]);
        let sent = run(&governor, "x", weight, window * 4);
        for (i, start) in sent.iter().enumerate() {
            let inside = sent[i..]
                .iter()
                .take_while(|t| **t < *start + window)
                .count();
            let inside = u32::try_from(inside).unwrap();
            assert!(inside * weight <= max, "{inside} x {weight} > {max}");
        }
        // And it is not far below what it may use.
        let possible = usize::try_from(4 * (max / weight)).unwrap();
        assert!(
            sent.len() >= possible * 9 / 10,
            "{} of {possible}",
            sent.len()
        );
    }
}

#[test]
fn the_weight_the_host_reports_counts_when_it_is_more_than_ours() {
    let governor = Governor::new(vec![Quota::new("x", 60 * S, 100)]);
    assert_eq!(governor.ask("x", 10, Duration::ZERO), Grant::Go);
    governor.report_used("x", 10, S);
    assert_eq!(governor.ask("x", 80, S), Grant::Go);
    // Somebody else used 5 more.
    governor.report_used("x", 95, 2 * S);
    assert!(matches!(governor.ask("x", 10, 2 * S), Grant::Wait(w) if w == 58 * S));
    assert_eq!(governor.ask("x", 5, 2 * S), Grant::Go);
    assert_eq!(governor.ask("x", 10, 60 * S), Grant::Go);
}

#[test]
fn a_hold_stops_every_bucket_and_a_shorter_one_does_not_end_it() {
    let governor = Governor::new(quotas_of(Venue::Binance));
    governor.hold(120 * S, 418);
    governor.hold(10 * S, 429);
    for bucket in [BINANCE_WEIGHT, BINANCE_DATA, "unlimited"] {
        assert_eq!(
            governor.ask(bucket, 1, 20 * S),
            Grant::Held {
                wait: 100 * S,
                status: 418
            }
        );
    }
    assert_eq!(governor.ask(BINANCE_WEIGHT, 1, 120 * S), Grant::Go);
}

#[test]
fn a_request_heavier_than_the_quota_goes_alone() {
    let governor = Governor::new(vec![Quota::new("x", S, 5)]);
    assert_eq!(governor.ask("x", 50, Duration::ZERO), Grant::Go);
    assert!(matches!(
        governor.ask("x", 1, Duration::ZERO),
        Grant::Wait(_)
    ));
    assert_eq!(governor.ask("x", 50, S), Grant::Go);
}
