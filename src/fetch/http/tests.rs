//! Tests of `Retry-After`, HTTP dates and jitter.
use super::*;
use reqwest::header::HeaderValue;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            let name = header::HeaderName::from_static(name);
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}

#[test]
fn retry_after_is_seconds_or_a_date_and_nothing_else() {
    let wall = "1994-11-06T08:49:30Z".parse::<UnixMicros>().unwrap();
    let of = |text: &str| retry_after(&headers(&[("retry-after", text)]), wall);
    assert_eq!(of("0"), Some(Duration::ZERO));
    assert_eq!(of("120"), Some(Duration::from_mins(2)));
    assert_eq!(of("1000000000"), Some(Duration::from_secs(1_000_000_000)));
    assert_eq!(
        of("Sun, 06 Nov 1994 08:49:37 GMT"),
        Some(Duration::from_secs(7))
    );
    assert_eq!(of("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
    for nonsense in ["-1", "", "soon", "1.5", "Sun, 31 Feb 1994 08:49:37 GMT"] {
        assert_eq!(of(nonsense), None, "{nonsense}");
    }
    assert_eq!(retry_after(&headers(&[]), wall), None);
    // The server's own clock counts, not ours.
    let both = headers(&[
        ("date", "Sun, 06 Nov 1994 08:49:00 GMT"),
        ("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT"),
    ]);
    assert_eq!(
        retry_after(&both, UnixMicros(0)),
        Some(Duration::from_secs(37))
    );
}

#[test]
fn dates_are_read_exactly() {
    let at = |text: &str| http_date(text).map(|t| t.to_string());
    assert_eq!(
        at("Thu, 29 Feb 2024 23:59:59 GMT").as_deref(),
        Some("2024-02-29T23:59:59Z")
    );
    for bad in [
        "Thu, 29 Feb 2023 23:59:59 GMT",
        "Thu, 29 Feb 2024 24:00:00 GMT",
        "Thu, 29 Feb 2024 23:59:59 CET",
        "Thursday, 29-Feb-24 23:59:59 GMT",
        "2024-02-29",
    ] {
        assert_eq!(at(bad), None, "{bad}");
    }
}

#[test]
fn pauses_double_to_a_cap_and_are_jittered_by_the_seed() {
    let first = Duration::from_millis(100);
    let cap = Duration::from_secs(1);
    let mut pauses = Backoff::new(first, cap, 7);
    let mut step = first;
    let mut seen = Vec::new();
    for _ in 0..8 {
        let pause = pauses.pause();
        assert!(pause >= step / 2 && pause <= step, "{pause:?} of {step:?}");
        step = (step * 2).min(cap);
        seen.push(pause);
    }
    let again = |seed| {
        let mut pauses = Backoff::new(first, cap, seed);
        (0..8).map(|_| pauses.pause()).collect::<Vec<_>>()
    };
    assert_eq!(again(7), seen);
    assert_ne!(again(8), seen);
    // At the cap pauses still differ from each other.
    assert_ne!(seen[6], seen[7]);
}

#[test]
fn redirects_stay_on_their_host_and_scheme() {
    let problem =
        |from: &str, to: &str, n| redirect_problem(&from.parse().unwrap(), &to.parse().unwrap(), n);
    let a = "https://a.example/x";
    assert_eq!(problem(a, "https://a.example/y", 1), None);
    assert_eq!(problem(a, "https://a.example:443/y", 3), None);
    assert_eq!(
        problem(a, "https://a.example/y", 4),
        Some("redirected in circles")
    );
    for (from, to, word) in [
        (a, "http://a.example/x", "https to http"),
        (a, "https://b.example/x", "another host"),
        (a, "https://a.example:444/x", "another host"),
        ("http://a.example/x", "https://a.example/x", "another host"),
        ("http://a.example/x", "file:///etc/passwd", "not http"),
        (a, "ftp://a.example/x", "not http"),
    ] {
        let found = problem(from, to, 1).unwrap();
        assert!(found.contains(word), "{from} -> {to}: {found}");
    }
}
