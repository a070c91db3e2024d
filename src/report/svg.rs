//! A minimal SVG writer: one chart per file, axes with ticks, text escaped, the same bytes for the same numbers.

use core::fmt::Write as _;

/// Outer size and inner margins, pixels.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 72.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 52.0;
/// Ticks aimed at per axis.
const TICKS: usize = 6;

/// Returns text safe inside an element or an attribute; characters that XML 1.0 forbids become `?`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && !matches!(c, '\t' | '\n' | '\r') => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

/// Returns round numbers inside of `[low, high]`, ascending, about `wanted` of them; steps are 1, 2 or 5 times a power of ten.
pub fn ticks(low: f64, high: f64, wanted: usize) -> Vec<f64> {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || wanted == 0 {
        return vec![low];
    }
    let rough = span / wanted as f64;
    let magnitude = power_of_ten(exponent(rough));
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * magnitude)
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(10.0 * magnitude);
    let mut out = Vec::new();
    let mut k = (low / step - 1e-9).ceil();
    while k * step <= high + step * 1e-9 && out.len() < 100 {
        // Adding 0 makes one zero of two.
        out.push(k * step + 0.0);
        k += 1.0;
    }
    out
}

/// Returns the decimal exponent of a positive number, without logarithms: the same on every platform.
fn exponent(x: f64) -> i32 {
    let (mut rest, mut exponent) = (x, 0);
    while rest >= 10.0 && exponent < 400 {
        rest /= 10.0;
        exponent += 1;
    }
    while rest < 1.0 && exponent > -400 {
        rest *= 10.0;
        exponent -= 1;
    }
    exponent
}

/// Returns the nearest number to a power of ten.
fn power_of_ten(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(1.0)
}

/// Returns a number as a tick label: four significant digits, no trailing zeros.
pub fn label(x: f64) -> String {
    if x == 0.0 || x.abs() < 1e-300 {
        return "0".to_owned();
    }
    let exponent = exponent(x.abs());
    if !(-4..6).contains(&exponent) {
        return format!("{x:.2e}");
    }
    let digits = usize::try_from(3 - exponent).unwrap_or(0);
    let text = format!("{x:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A linear map of values to pixels.
#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Covers all finite `values`, widened by 5 % on both sides; something drawable whatever they are.
    fn over(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|v| v.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let margin = if high > low {
            (high - low) * 0.05
        } else {
            high.abs() * 0.05 + 1e-9
        };
        Self {
            low: low - margin,
            high: high + margin,
            from,
            to,
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (value - self.low) / (self.high - self.low) * (self.to - self.from)
    }
}

/// A chart under construction.
#[derive(Debug)]
pub struct Chart {
    body: String,
    x: Scale,
    y: Scale,
    height: f64,
}

/// A point of a line with the interval around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Horizontal position.
    pub x: f64,
    /// Value; `None` leaves a hole.
    pub y: Option<f64>,
    /// Interval, drawn as a whisker.
    pub interval: Option<(f64, f64)>,
}

macro_rules! put {
    ($out:expr, $($part:tt)*) => {{
        // Writing to a String cannot fail.
        let _ = writeln!($out, $($part)*);
    }};
}

impl Chart {
    fn new(title: &str, x: Scale, y: Scale, height: f64) -> Self {
        let mut body = String::new();
        put!(
            body,
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">"#
        );
        put!(
            body,
            r#"<rect width="{WIDTH}" height="{height}" fill="white"/>"#
        );
        put!(
            body,
            r#"<text x="{:.1}" y="22" text-anchor="middle" font-size="14">{}</text>"#,
            WIDTH / 2.0,
            escape(title)
        );
        Self { body, x, y, height }
    }

    /// Draws both axes: `x_ticks` where given, else round numbers; a line at 0 if it is in sight.
    fn axes(&mut self, x_name: &str, y_name: &str, x_ticks: Option<&[(f64, String)]>) {
        let (left, right) = (self.x.from, self.x.to);
        let (bottom, top) = (self.y.from, self.y.to);
        put!(
            self.body,
            r#"<path d="M{left:.1} {top:.1}V{bottom:.1}H{right:.1}" fill="none" stroke="black"/>"#
        );
        let round: Vec<(f64, String)> = ticks(self.x.low, self.x.high, TICKS)
            .into_iter()
            .map(|t| (t, label(t)))
            .collect();
        for (value, text) in x_ticks.unwrap_or(&round) {
            let at = self.x.at(*value);
            put!(
                self.body,
                r#"<path d="M{at:.1} {bottom:.1}v5" stroke="black"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                bottom + 18.0,
                escape(text)
            );
        }
        for value in ticks(self.y.low, self.y.high, TICKS) {
            let at = self.y.at(value);
            put!(
                self.body,
                r##"<path d="M{left:.1} {at:.1}h-5" stroke="black"/><path d="M{left:.1} {at:.1}H{right:.1}" stroke="#e5e5e5"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"##,
                left - 8.0,
                at + 4.0,
                label(value)
            );
        }
        if self.y.low < 0.0 && self.y.high > 0.0 {
            let zero = self.y.at(0.0);
            put!(
                self.body,
                r##"<path d="M{left:.1} {zero:.1}H{right:.1}" stroke="#888" stroke-dasharray="4 3"/>"##
            );
        }
        put!(
            self.body,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            f64::midpoint(left, right),
            self.height - 12.0,
            escape(x_name)
        );
        let middle = f64::midpoint(top, bottom);
        put!(
            self.body,
            r#"<text x="16" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 16 {middle:.1})">{}</text>"#,
            escape(y_name)
        );
    }

    fn finish(mut self) -> String {
        self.body.push_str("</svg>\n");
        self.body
    }
}

/// Draws a line over named positions, at equal distances, with whiskers.
pub fn line(title: &str, x_name: &str, y_name: &str, points: &[(String, Point)]) -> String {
    let values = points.iter().flat_map(|(_, p)| {
        let (low, high) = p.interval.unzip();
        [p.y, low, high].into_iter().flatten()
    });
    let y = Scale::over(values.chain([0.0]), HEIGHT - BOTTOM, TOP);
    let x = Scale::over(points.iter().map(|(_, p)| p.x), LEFT, WIDTH - RIGHT);
    let mut chart = Chart::new(title, x, y, HEIGHT);
    // With many positions only some have a name, or the names would overlap.
    let every = points.len().div_ceil(12).max(1);
    let named: Vec<(f64, String)> = points
        .iter()
        .step_by(every)
        .map(|(name, p)| (p.x, name.clone()))
        .collect();
    chart.axes(x_name, y_name, Some(&named));
    let mut path = String::new();
    let mut pen_is_down = false;
    for (_, point) in points {
        if let Some((low, high)) = point.interval {
            let at = chart.x.at(point.x);
            put!(
                chart.body,
                r##"<path d="M{at:.1} {:.1}V{:.1}" stroke="#5b8fd6" stroke-width="2"/>"##,
                chart.y.at(low),
                chart.y.at(high)
            );
        }
        let Some(value) = point.y else {
            pen_is_down = false;
            continue;
        };
        let (x, y) = (chart.x.at(point.x), chart.y.at(value));
        let _ = write!(path, "{}{x:.1} {y:.1}", if pen_is_down { 'L' } else { 'M' });
        pen_is_down = true;
        put!(
            chart.body,
            r##"<circle cx="{x:.1}" cy="{y:.1}" r="3" fill="#1f4e9c"/>"##
        );
    }
    if !path.is_empty() {
        put!(
            chart.body,
            r##"<path d="{path}" fill="none" stroke="#1f4e9c"/>"##
        );
    }
    chart.finish()
}

/// Draws counts of neighbouring bins: `edges` has one more entry than `counts`.
pub fn histogram(title: &str, x_name: &str, edges: &[f64], counts: &[u64]) -> String {
    let top = counts.iter().copied().max().unwrap_or(0) as f64;
    let mut y = Scale::over([0.0, top].into_iter(), HEIGHT - BOTTOM, TOP);
    y.low = 0.0;
    let x = Scale::over(edges.iter().copied(), LEFT, WIDTH - RIGHT);
    let mut chart = Chart::new(title, x, y, HEIGHT);
    chart.axes(x_name, "minutes", None);
    for (pair, count) in edges.windows(2).zip(counts) {
        let (from, to) = (chart.x.at(pair[0]), chart.x.at(pair[1]));
        let (high, base) = (chart.y.at(*count as f64), chart.y.at(0.0));
        put!(
            chart.body,
            r##"<rect x="{from:.1}" y="{high:.1}" width="{:.1}" height="{:.1}" fill="#5b8fd6" stroke="white" stroke-width="0.5"/>"##,
            to - from,
            base - high
        );
    }
    chart.finish()
}

/// Draws a square matrix of correlations: blue above 0, red below, grey where there is none.
pub fn heat_map(title: &str, names: &[String], values: &[Vec<Option<f64>>]) -> String {
    let (edge, cell, right, bottom) = (190.0, 26.0, 24.0, 190.0);
    let side = cell * names.len() as f64;
    let (width, height) = (edge + side + right, TOP + side + bottom);
    let mut out = String::new();
    put!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">"#
    );
    put!(
        out,
        r#"<rect width="{width}" height="{height}" fill="white"/>"#
    );
    put!(
        out,
        r#"<text x="{:.1}" y="22" text-anchor="middle" font-size="14">{}</text>"#,
        width / 2.0,
        escape(title)
    );
    for (i, (name, row)) in names.iter().zip(values).enumerate() {
        let y = TOP + cell * i as f64;
        put!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
            edge - 6.0,
            y + cell / 2.0 + 4.0,
            escape(name)
        );
        for (k, value) in row.iter().enumerate() {
            let x = edge + cell * k as f64;
            put!(
                out,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{cell}" height="{cell}" fill="{}" stroke="white"/>"#,
                colour(*value)
            );
            if let Some(value) = value {
                put!(
                    out,
                    r#"<text x="{:.1}" y="{:.1}" text-anchor="middle" font-size="8">{value:.2}</text>"#,
                    x + cell / 2.0,
                    y + cell / 2.0 + 3.0
                );
            }
        }
        let (x, y) = (edge + cell * (i as f64 + 0.5), TOP + side + 10.0);
        put!(
            out,
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="end" transform="rotate(-60 {x:.1} {y:.1})">{}</text>"#,
            escape(name)
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Returns the colour of a correlation.
fn colour(value: Option<f64>) -> String {
    let Some(value) = value else {
        return "#d0d0d0".to_owned();
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= strength <= 1"
    )]
    let fade = |strength: f64, full: f64| (255.0 - (255.0 - full) * strength) as u8;
    let strength = value.abs().min(1.0);
    let [r, g, b] = if value < 0.0 {
        [214.0, 60.0, 60.0]
    } else {
        [50.0, 110.0, 200.0]
    };
    format!(
        "#{:02x}{:02x}{:02x}",
        fade(strength, r),
        fade(strength, g),
        fade(strength, b)
    )
}

#[cfg(test)]
mod tests;
