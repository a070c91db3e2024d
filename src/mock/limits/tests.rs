//! Windows end, limits hold, and those who go on are banned.
use super::*;

#[test]
fn weight_is_counted_per_window() {
    let mut w = Window::new(60_000, 100);
    assert_eq!(w.take(0, 60), Verdict::Ok(60));
    assert_eq!(w.take(59_999, 40), Verdict::Ok(100));
    assert_eq!(w.used(59_999), 100);
    assert_eq!(w.take(59_999, 1), Verdict::TooMany(1));
    assert_eq!(w.used(60_000), 0);
    assert_eq!(w.take(60_000, 1), Verdict::Ok(1));
}

#[test]
fn going_on_over_the_limit_ends_in_a_ban_that_grows() {
    let mut w = Window::new(60_000, 10).with_bans(2, 120_000, 200_000);
    assert_eq!(w.take(0, 11), Verdict::TooMany(60_000));
    assert_eq!(w.take(10, 1), Verdict::TooMany(59_990));
    assert_eq!(w.take(20, 1), Verdict::Banned(120_000));
    assert_eq!(
        w.take(60_000, 1),
        Verdict::Banned(60_020),
        "a new window does not end a ban"
    );
    assert_eq!(w.take(120_020, 1), Verdict::Ok(1));
    for _ in 0..2 {
        assert!(matches!(w.take(120_030, 20), Verdict::TooMany(_)));
    }
    assert_eq!(
        w.take(120_030, 20),
        Verdict::Banned(200_000),
        "twice as long, up to the longest"
    );
}

#[test]
fn retry_after_is_whole_seconds_rounded_up() {
    assert_eq!(retry_after_s(1), 1);
    assert_eq!(retry_after_s(1_000), 1);
    assert_eq!(retry_after_s(1_001), 2);
    assert_eq!(retry_after_s(-5), 1);
}
