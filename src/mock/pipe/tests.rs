//! Every fault of a socket does to its frames what its name says, and nothing else.
use super::*;
use crate::mock::delay::{Delay, DelayRules, Lateness};
use crate::mock::faults::Plan;
use crate::mock::venue::FrameKind;

const MS: i64 = 1_000;

fn pipe() -> Pipe {
    Pipe::new(
        "binance",
        "/public/ws".to_owned(),
        1,
        Lateness::new(None, 0),
    )
}

fn faults(text: &str) -> Faults {
    Faults::new(Plan::parse(text).unwrap(), UnixMicros(0))
}

fn frame(stream: &str, number: i64) -> Frame {
    Frame {
        ts: UnixMicros(number * MS),
        stream: stream.into(),
        kind: FrameKind::Data,
        text: number.to_string(),
    }
}

/// Sends frames 1 to n of stream `a`, one per millisecond, and returns what left by the end of each millisecond.
fn play(plan: &str, n: i64) -> (Vec<String>, Pipe) {
    let faults = faults(plan);
    let mut pipe = pipe();
    let mut out = Vec::new();
    for number in 1..=n {
        pipe.frame(frame("a", number), &faults);
        collect(&mut pipe, number, &mut out);
    }
    (out, pipe)
}

fn collect(pipe: &mut Pipe, ms: i64, out: &mut Vec<String>) {
    pipe.settle(UnixMicros(ms * MS));
    while let Some(item) = pipe.due(UnixMicros(ms * MS)) {
        out.push(match item {
            Item::Frame(_, text) => text,
            Item::Control(Control::Text(text)) => format!("control {text}"),
            Item::Control(other) => format!("{other:?}"),
            Item::End(code) => format!("end {code:?}"),
            Item::Forget => "forget".to_owned(),
        });
    }
}

#[test]
fn without_faults_everything_passes_in_order() {
    let (out, pipe) = play("faults: []", 4);
    assert_eq!(out, ["1", "2", "3", "4"]);
    let counts = pipe.counts["a"];
    assert_eq!(
        (counts.made, counts.sent, counts.lost, counts.bytes),
        (4, 4, 0, 4)
    );
}

#[test]
fn a_gap_loses_exactly_its_frames_of_its_stream() {
    let faults =
        faults("faults: [{kind: gap, match: {stream: a}, at: {frame: 2}, params: {count: 2}}]");
    let (mut pipe, mut out) = (pipe(), Vec::new());
    for number in 1..=5 {
        pipe.frame(frame("a", number), &faults);
        pipe.frame(frame("b", number * 10), &faults);
    }
    collect(&mut pipe, 100, &mut out);
    assert_eq!(out, ["1", "10", "20", "30", "4", "40", "5", "50"]);
    assert_eq!(pipe.counts["a"].lost, 2);
    assert_eq!(pipe.counts["b"].lost, 0);
}

#[test]
fn duplicates_and_reorderings() {
    let (out, pipe) = play(
        "faults: [{kind: duplicate, at: {frame: 2}, params: {copies: 2}}]",
        3,
    );
    assert_eq!(out, ["1", "2", "2", "2", "3"]);
    assert_eq!((pipe.counts["a"].copies, pipe.counts["a"].sent), (2, 5));
    let (out, pipe) = play("faults: [{kind: reorder, at: {frame: 2}}]", 4);
    assert_eq!(out, ["1", "3", "2", "4"]);
    assert_eq!(pipe.counts["a"].moved, 1);
    let (out, _) = play(
        "faults: [{kind: reorder, at: {frame: 1}, params: {distance: 3}}]",
        5,
    );
    assert_eq!(out, ["2", "3", "4", "1", "5"]);
}

#[test]
fn a_silent_socket_loses_frames_and_keeps_answering() {
    let faults = faults("faults: [{kind: silent, at: {frame: 2}, params: {for_ms: 2}}]");
    let (mut pipe, mut out) = (pipe(), Vec::new());
    for number in 1..=5 {
        pipe.frame(frame("a", number), &faults);
        pipe.control(Control::Text(format!("c{number}")), UnixMicros(number * MS));
        collect(&mut pipe, number, &mut out);
    }
    assert_eq!(
        out,
        [
            "control c1",
            "1",
            "control c2",
            "control c3",
            "control c4",
            "4",
            "control c5",
            "5"
        ]
    );
    assert_eq!(pipe.counts["a"].lost, 2);
    let (out, _) = play("faults: [{kind: silent, at: {frame: 2}}]", 50);
    assert_eq!(out, ["1"], "without a length: for ever");
}

#[test]
fn a_frozen_socket_delivers_everything_later() {
    let faults = faults("faults: [{kind: freeze, at: {frame: 2}, params: {for_ms: 3}}]");
    let (mut pipe, mut out) = (pipe(), Vec::new());
    let mut left_at = Vec::new();
    for number in 1..=6 {
        pipe.frame(frame("a", number), &faults);
        if number == 3 {
            pipe.control(Control::Text("ack".to_owned()), UnixMicros(number * MS));
        }
        collect(&mut pipe, number, &mut out);
        left_at.push(out.len());
    }
    assert_eq!(out, ["1", "control ack", "2", "3", "4", "5", "6"]);
    assert_eq!(left_at, [1, 1, 1, 1, 6, 7], "nothing from 2 ms until 5 ms");
    assert_eq!(pipe.counts["a"].lost, 0);
}

#[test]
fn late_snapshots_arrive_after_increments() {
    let faults = faults("faults: [{kind: late_snapshot, at: {frame: 1}, params: {delay_ms: 2}}]");
    let (mut pipe, mut out) = (pipe(), Vec::new());
    pipe.frame(
        Frame {
            kind: FrameKind::Snapshot,
            ..frame("a", 1)
        },
        &faults,
    );
    for number in 2..=4 {
        pipe.frame(frame("a", number), &faults);
        collect(&mut pipe, number, &mut out);
    }
    assert_eq!(out, ["2", "1", "3", "4"]);
}

#[test]
fn disconnects_and_half_open_sockets_say_nothing_more() {
    let (out, pipe) = play("faults: [{kind: disconnect, at: {frame: 3}}]", 6);
    assert_eq!(out, ["1", "2", "end None"]);
    assert_eq!(
        pipe.counts["a"].lost, 1,
        "the frame that broke the connection"
    );
    let (out, _) = play(
        "faults: [{kind: disconnect, at: {frame: 1}, params: {code: 1012}}]",
        3,
    );
    assert_eq!(out, ["end Some(1012)"]);
    let (out, _) = play("faults: [{kind: half_open, at: {frame: 2}}]", 9);
    assert_eq!(out, ["1", "forget"]);
}

#[test]
fn delays_keep_order_and_controls_overtake() {
    let rules = DelayRules::parse(&["*=constant:5".to_owned()]).unwrap();
    assert_eq!(rules.of("/public/ws"), Some(Delay::Constant(5.0)));
    let late = Lateness::new(rules.of("/public/ws"), 1);
    let mut pipe = Pipe::new("binance", "/public/ws".to_owned(), 1, late);
    let none = faults("faults: []");
    let mut out = Vec::new();
    for number in 1..=3 {
        pipe.frame(frame("a", number), &none);
    }
    pipe.control(Control::Text("ack".to_owned()), UnixMicros(3 * MS));
    collect(&mut pipe, 3, &mut out);
    assert_eq!(out, ["control ack"]);
    collect(&mut pipe, 7, &mut out);
    assert_eq!(out, ["control ack", "1", "2"]);
    collect(&mut pipe, 8, &mut out);
    assert_eq!(out.len(), 4);
}
