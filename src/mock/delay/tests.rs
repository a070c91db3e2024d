//! Distributions have their moments, order is kept, globs match.
use super::*;

fn rules(text: &str) -> Result<DelayRules, BadDelay> {
    DelayRules::parse(&[text.to_owned()])
}

#[test]
fn rules_are_read_and_the_first_match_decides() {
    let two = DelayRules::parse(&[
        "/public/*=constant:5".to_owned(),
        "*=exponential:10".to_owned(),
    ])
    .unwrap();
    assert_eq!(two.of("/public/ws"), Some(Delay::Constant(5.0)));
    assert_eq!(two.of("/market/ws"), Some(Delay::Exponential(10.0)));
    for bad in [
        "constant:5",
        "*=constant",
        "*=constant:-1",
        "*=constant:nan",
        "*=constant:1,2",
        "*=lognormal:5",
        "*=lognormal:5,0.1,3",
        "*=lognormal:5,99",
        "*=uniform:5",
        "*=exponential:1e99",
    ] {
        let error = rules(bad).unwrap_err();
        assert!(error.to_string().contains("hint:"), "{bad}");
    }
    assert_eq!(rules("/a=lognormal:20,0.5").unwrap().of("/b"), None);
}

#[test]
fn mean_and_median_are_those_asked_for() {
    let mut rand = Rand::new(3);
    let n = 100_000_i64;
    let sum: i64 = (0..n)
        .map(|_| Delay::Exponential(10.0).draw_us(&mut rand))
        .sum();
    // Standard error of the mean is 10 ms / sqrt(1e5) = 32 us.
    assert!((sum / n - 10_000).abs() < 160, "{}", sum / n);
    let mut draws: Vec<i64> = (0..n)
        .map(|_| Delay::Lognormal(20.0, 0.5).draw_us(&mut rand))
        .collect();
    draws.sort_unstable();
    assert!((draws[50_000] - 20_000).abs() < 200, "{}", draws[50_000]);
    // The 84th percentile of a lognormal is median * exp(sigma).
    let p84 = 20_000.0 * 0.5_f64.exp();
    assert!(
        (draws[84_134] as f64 - p84).abs() < 0.02 * p84,
        "{}",
        draws[84_134]
    );
}

#[test]
fn a_socket_never_reorders_and_the_same_seed_repeats() {
    let run = |seed| -> Vec<i64> {
        let mut late = Lateness::new(Some(Delay::Lognormal(20.0, 1.0)), seed);
        (0..2_000)
            .map(|i| late.release(UnixMicros(i * 1_000)).0)
            .collect()
    };
    let first = run(1);
    assert!(first.is_sorted());
    assert!(
        (0_i64..)
            .zip(&first)
            .all(|(i, release)| *release >= i * 1_000)
    );
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
    let mut prompt = Lateness::new(None, 1);
    assert_eq!(prompt.release(UnixMicros(5)), UnixMicros(5));
}

#[test]
fn globs_match_whole_texts() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("*", "abc", true),
        ("a*c", "abc", true),
        ("a*c", "ac", true),
        ("a*c", "abd", false),
        ("btcusdt@depth*", "btcusdt@depth@100ms", true),
        ("btcusdt@depth", "btcusdt@depth@100ms", false),
        ("*@depth*", "ethusdt@depth", true),
        ("a*b*a", "aba", true),
        ("a*a", "a", false),
        ("", "x", false),
        ("", "", true),
    ] {
        assert_eq!(glob_matches(pattern, text), expected, "{pattern} {text}");
    }
}
