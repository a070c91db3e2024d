//! Plans are read strictly; faults fire exactly where they say.
use super::*;

fn plan(text: &str) -> Plan {
    Plan::parse(text).unwrap()
}

fn engine(text: &str) -> Faults {
    Faults::new(plan(text), UnixMicros(1_000_000))
}

fn frame(stream: &str, ts: i64) -> Target<'_> {
    Target {
        venue: "binance",
        path: "/public/ws",
        stream: Some(stream),
        kind: FrameKind::Data,
        socket: Some(1),
        ts: UnixMicros(ts),
    }
}

fn request(path: &str) -> Target<'_> {
    Target {
        venue: "binance",
        path,
        stream: None,
        kind: FrameKind::Data,
        socket: None,
        ts: UnixMicros(1_000_000),
    }
}

/// Returns the ordinals (from 1) on which something fires.
fn fires_on(faults: &Faults, target: impl Fn(i64) -> Target<'static>, n: i64) -> Vec<i64> {
    (1..=n)
        .filter(|i| faults.decide(&target(*i)).is_some())
        .collect()
}

#[test]
fn a_plan_is_read_whole() {
    let read = plan(
        "seed: 7\nfaults:\n  - {kind: gap, match: {stream: 'btcusdt@depth*', venue: binance}, at: {frame: 100}, params: {count: 3}}\n  - {kind: http_429, match: {path: '/fapi/*'}, at: {request: 2, every: 5}, times: 4, params: {retry_after: 30}}\n  - {kind: http_5xx, at: {probability: 0.25}, params: {status: 502}}\n  - {kind: half_open, at: {time_ms: 1500}}\n",
    );
    assert_eq!(read.seed, 7);
    assert_eq!(read.faults[0].action, Action::Gap { count: 3 });
    assert_eq!(
        read.faults[0].times,
        Some(1),
        "planned for one moment: once"
    );
    assert_eq!(
        read.faults[1].at,
        At::Ordinal {
            nth: 2,
            every: Some(5)
        }
    );
    assert_eq!(read.faults[1].times, Some(4));
    assert!(
        matches!(&read.faults[1].action, Action::Status { status: 429, retry_after: Some(text), .. } if text == "30")
    );
    assert!(matches!(
        read.faults[2].action,
        Action::Status { status: 502, .. }
    ));
    assert_eq!(read.faults[2].times, None);
    assert_eq!(
        read.faults[3].at,
        At::Time {
            after_us: 1_500_000
        }
    );
}

#[test]
fn what_is_unknown_is_refused_with_the_known_ones() {
    let error = Plan::parse("faults: [{kind: earthquake, at: {frame: 1}}]").unwrap_err();
    assert!(matches!(&error, FaultError::UnknownFault { found, .. } if found == "earthquake"));
    let text = error.to_string();
    assert!(
        text.contains("fault 0") && text.contains("late_snapshot") && text.contains("http_429")
    );
    for (plan, part) in [
        (
            "faults: [{kind: gap, at: {frame: 1}, params: {counts: 2}}]",
            "unknown key `counts`",
        ),
        (
            "faults: [{kind: gap, att: {frame: 1}}]",
            "unknown key `att`",
        ),
        (
            "faults: [{kind: gap, at: {frame: 1}, match: {symbol: x}}]",
            "unknown key `symbol`",
        ),
        (
            "faults: [{kind: http_403, at: {request: 1}, match: {stream: x}}]",
            "unknown key `stream`",
        ),
        ("fault: []", "unknown key `fault`"),
        ("faults: [{kind: gap}]", "`at` is missing"),
        ("faults: [{at: {frame: 1}}]", "`kind` is missing"),
        ("faults: [{kind: gap, at: {frame: 0}}]", "`frame` is 0"),
        (
            "faults: [{kind: gap, at: {frame: 1, probability: 0.5}}]",
            "exactly one",
        ),
        ("faults: [{kind: gap, at: {}}]", "exactly one"),
        (
            "faults: [{kind: gap, at: {probability: 1.5}}]",
            "`probability` is 1.5",
        ),
        (
            "faults: [{kind: gap, at: {frame: 1}, params: {count: -1}}]",
            "`count` is -1",
        ),
        (
            "faults: [{kind: http_5xx, at: {request: 1}, params: {status: 404}}]",
            "`status` is 404",
        ),
        ("faults: 3", "`faults` is 3"),
        ("[1]", "not a mapping"),
        ("a: [", "not valid YAML"),
    ] {
        let error = Plan::parse(plan).unwrap_err().to_string();
        assert!(error.contains(part), "{plan}: {error}");
    }
}

#[test]
fn ordinals_count_matching_frames_only() {
    let faults = engine("faults: [{kind: gap, match: {stream: 'a*'}, at: {frame: 3}}]");
    for _ in 0..5 {
        assert_eq!(faults.decide(&frame("b", 0)), None);
    }
    assert_eq!(fires_on(&faults, |_| frame("a1", 0), 10), [3]);
    let status = &faults.status()[0];
    assert_eq!((status.matched, status.fired), (10, 1));
    assert_eq!(
        faults.record(),
        [Firing {
            fault: 0,
            kind: "gap",
            target: "a1".to_owned(),
            socket: Some(1),
            ordinal: 3,
            ts_us: 0
        }]
    );
}

#[test]
fn times_and_every_repeat() {
    let faults = engine("faults: [{kind: gap, at: {frame: 3}, times: 2}]");
    assert_eq!(fires_on(&faults, |_| frame("a", 0), 10), [3, 4]);
    let faults = engine("faults: [{kind: gap, at: {frame: 2, every: 4}, times: 2}]");
    assert_eq!(fires_on(&faults, |_| frame("a", 0), 20), [2, 6]);
    let faults = engine("faults: [{kind: gap, at: {every: 4}}]");
    assert_eq!(fires_on(&faults, |_| frame("a", 0), 12), [4, 8, 12]);
}

#[test]
fn times_count_from_the_start_of_the_clock() {
    let faults = engine("faults: [{kind: gap, at: {time_ms: 5}}]");
    // The clock began at one second.
    assert_eq!(
        fires_on(&faults, |i| frame("a", 1_000_000 + i * 1_000), 10),
        [5]
    );
}

#[test]
fn probabilities_are_seeded_and_have_their_rate() {
    let text = |seed| format!("seed: {seed}\nfaults: [{{kind: gap, at: {{probability: 0.1}}}}]");
    let run = |seed| fires_on(&engine(&text(seed)), |_| frame("a", 0), 20_000);
    let first = run(1);
    // Standard deviation of the count is sqrt(20000 * 0.1 * 0.9) = 42.
    assert!((1_830..=2_170).contains(&first.len()), "{}", first.len());
    assert_eq!(first, run(1));
    assert_ne!(first, run(2));
}

#[test]
fn frames_and_requests_have_their_own_faults() {
    let faults = engine(
        "faults: [{kind: gap, at: {every: 1}}, {kind: http_403, match: {path: '/a*'}, at: {every: 1}}, {kind: late_snapshot, at: {every: 1}, match: {path: '*depth'}}]",
    );
    assert_eq!(faults.decide(&frame("s", 0)).unwrap().kind(), "gap");
    assert_eq!(faults.decide(&request("/abc")).unwrap().kind(), "http_403");
    assert_eq!(faults.decide(&request("/b")), None);
    let late = faults.decide(&request("/fapi/v1/depth")).unwrap();
    assert_eq!(late.kind(), "late_snapshot");
    let snapshot = Target {
        kind: FrameKind::Snapshot,
        path: "/x/depth",
        ..frame("s", 0)
    };
    // Both match; the first of the plan decides, the other keeps its turn.
    assert_eq!(faults.decide(&snapshot).unwrap().kind(), "gap");
    let fired: Vec<u64> = faults.status().iter().map(|s| s.fired).collect();
    assert_eq!(fired, [2, 1, 1]);
}

#[test]
fn faults_can_be_added_while_it_runs() {
    let faults = engine("faults: []");
    assert!(!faults.any());
    assert_eq!(faults.decide(&frame("a", 0)), None);
    assert_eq!(
        faults.add(plan("faults: [{kind: silent, at: {frame: 1}}]")),
        0
    );
    assert_eq!(
        faults.add(plan("faults: [{kind: freeze, at: {frame: 1}}]")),
        1
    );
    assert_eq!(faults.decide(&frame("a", 0)).unwrap().kind(), "silent");
    assert_eq!(faults.decide(&frame("a", 0)).unwrap().kind(), "freeze");
    assert_eq!(faults.decide(&frame("a", 0)), None);
}
