//! Ticks, labels and text of charts, and what is drawn where.

use super::*;

#[test]
fn ticks_are_round_and_inside() {
    assert_eq!(ticks(0.0, 10.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
    let fine = ticks(-0.013, 0.021, 6);
    let labels: Vec<String> = fine.iter().map(|t| label(*t)).collect();
    assert_eq!(labels, ["-0.01", "0", "0.01", "0.02"]);
    assert_eq!(ticks(5.0, 5.0, 6), [5.0]);
    assert_eq!(ticks(1.0, f64::INFINITY, 6), [1.0]);
}

#[test]
fn labels_are_short() {
    for (x, text) in [
        (0.0, "0"),
        (1.5, "1.5"),
        (40_000.0, "40000"),
        (-0.00125, "-0.00125"),
        (2.5e-7, "2.50e-7"),
        (3e9, "3.00e9"),
    ] {
        assert_eq!(label(x), text);
    }
}

#[test]
fn text_is_escaped() {
    assert_eq!(
        escape("a<b>&\"c\"'\u{1}"),
        "a&lt;b&gt;&amp;&quot;c&quot;&#39;?"
    );
    let chart = line("<t>", "x&", "y", &[]);
    assert!(chart.contains("&lt;t&gt;") && chart.contains("x&amp;") && !chart.contains("<t>"));
}

#[test]
fn a_line_has_a_hole_where_a_value_is_missing() {
    let point = |x: f64, y| {
        (
            label(x),
            Point {
                x,
                y,
                interval: None,
            },
        )
    };
    let points = [
        point(1.0, Some(0.1)),
        point(2.0, None),
        point(3.0, Some(0.2)),
        point(4.0, Some(0.3)),
    ];
    let chart = line("ic", "minutes", "IC", &points);
    assert_eq!(chart.matches("<circle").count(), 3);
    let path = chart
        .lines()
        .find(|l| l.contains("fill=\"none\" stroke=\"#1f4e9c\""))
        .unwrap();
    assert_eq!(
        (path.matches('M').count(), path.matches('L').count()),
        (2, 1)
    );
    assert_eq!(chart, line("ic", "minutes", "IC", &points));
    assert!(!chart.contains("NaN") && !chart.contains("inf"));
    assert!(chart.ends_with("</svg>\n"));
}

#[test]
fn whiskers_and_bars_are_where_the_numbers_are() {
    let point = Point {
        x: 0.0,
        y: Some(0.0),
        interval: Some((-1.0, 1.0)),
    };
    let chart = line("", "", "", &[(String::new(), point)]);
    // 5 % of the span of 2 above and below: the plot runs from 308 (low) to 40 (high).
    assert!(chart.contains("V52.2\" stroke=\"#5b8fd6\""), "{chart}");
    let bars = histogram("h", "x", &[0.0, 1.0, 2.0], &[10, 5]);
    let rects: Vec<&str> = bars
        .lines()
        .filter(|l| l.contains("fill=\"#5b8fd6\""))
        .collect();
    assert_eq!(rects.len(), 2);
    // Twice the count, twice the height; the top is 5 % above the largest.
    assert!(
        rects[0].contains("height=\"255.2\"") && rects[1].contains("height=\"127.6\""),
        "{rects:?}"
    );
}

#[test]
fn a_heat_map_shows_sign_and_absence() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    let map = heat_map(
        "m",
        &names,
        &[vec![Some(1.0), Some(-1.0)], vec![None, Some(0.0)]],
    );
    for colour in ["#326ec8", "#d63c3c", "#d0d0d0", "#ffffff"] {
        assert!(
            map.contains(&format!("fill=\"{colour}\"")),
            "{colour}\n{map}"
        );
    }
}
