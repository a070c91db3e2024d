//! `docs/features.md`: a preface and the declarations of both registries.

use core::fmt::Write as _;

use super::catalogue::{Entry, Tier};

const PREFACE: &str = "\
# Features

<!-- Made by `quant features docs` from the declarations in the code (`just docs`); a test compares. Do not edit. -->

Everything that can be known about a minute, as declared by the code that computes it. Tier 1 makes columns of minute rows
from the events of the minute (`crates/quant-core/src/bars/stats/`, defined in `docs/minute_rows.md`); tier 2 makes rolling
features from the rows (`crates/quant-core/src/features/`, defined in `docs/row_features.md`). `quant features list` and
`quant features show NAME` print the same. `python3 scripts/oracles/features.py RUN_FOLDER LAKE` recomputes, in plain Python,
every feature value a run writes down (`entries_5m.parquet`), and its main metrics.

## Rules

Inputs of tier 2 are the minute rows of the traded instrument (`docs/formats.md`, Bars), of other instruments where said, and 5m
bars made of them. `t` counts completed bars (or minutes, where said), `n` is the configured window, o h l c v = open, high,
low, close, volume.

- **Null.** A value is null, never NaN: before its warm-up is over, inside a gap, where its denominator is 0, and where an input it
  needs is unknown. Null is never 0.
- **5m bars.** Of five minute rows that all exist; prices come from those that are not filled (if all are filled, the bar
  repeats the previous close), volume is their sum. A 5m value changes with the last minute of its bar and holds until the next.
- **Gaps.** More than `bars.segment_gap_minutes` filled or absent minutes in a row are a gap; the next real minute starts a new
  segment and clears every window, except where the kind says otherwise. The first minutes of what turns out to be a gap still
  count.
- **Days.** At 00:00 UTC every feature is reset and replayed over its own whole days before (`days_back`, or its days). If one of
  these days has no real minute, the feature is null all day. So recursive features start from the first bar of the oldest of these
  days, whatever came earlier, and a single rebuilt day has the bits of an unbroken run.
- **Sources.** Statistics of a day before that are made of touches or books of another source than the day's own (events, images, images
  of another cadence) are null to it: they are never in one window (`docs/row_features.md`).
- **When known.** A value of minute `t` may be used from `ts_close` + decision lag on (ADR 0007).
- **Other instruments.** `other` is the position of an instrument in the run (`instruments` of the config), counted from 0; it must be
  there and not be the traded one.
";

/// Returns the document.
pub(super) fn markdown(entries: &[Entry]) -> String {
    let mut out = PREFACE.to_owned();
    tier_1(&mut out, entries);
    tier_2(&mut out, entries);
    out
}

/// Writing to a String cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        let _ = writeln!($out, $($arg)*);
    };
}

fn tier_1(out: &mut String, entries: &[Entry]) {
    put!(out, "\n## Tier 1: columns of minute rows");
    for entry in entries.iter().filter(|e| e.tier == Tier::Minute) {
        put!(
            out,
            "\n### `{}` (minute)\n\n{}.\n",
            entry.name,
            sentence(&entry.doc)
        );
        put!(out, "| column | definition | unit |\n|---|---|---|");
        for column in &entry.columns {
            put!(
                out,
                "| `{}` | {} | {} |",
                column.name,
                code(&column.formula),
                cell(&column.units)
            );
        }
        put!(
            out,
            "\nInputs: {}. Null: {}. Reference: {}.",
            entry.inputs,
            entry.null_policy,
            entry.reference
        );
        if !entry.found_as.is_empty() {
            put!(out, "\nFound as: {}.", entry.found_as.join(", "));
        }
    }
}

fn tier_2(out: &mut String, entries: &[Entry]) {
    let kinds = || entries.iter().filter(|e| e.tier == Tier::Row);
    put!(
        out,
        "\n## Tier 2: kinds of features\n\nColumns, windows and warm-ups are those of the example; an example is no default.\n"
    );
    put!(out, "| kind | parameters | what |\n|---|---|---|");
    for entry in kinds() {
        put!(
            out,
            "| [`{0}`](#{0}) | {1} | {2} |",
            entry.name,
            names(entry.params.iter()),
            cell(&entry.doc)
        );
    }
    for entry in kinds() {
        put!(out, "\n### `{}`\n\n{}.\n", entry.name, sentence(&entry.doc));
        let example = entry.example.as_ref().map(ToString::to_string);
        put!(out, "| | |\n|---|---|");
        let rows = [
            ("columns", names(entry.columns.iter().map(|c| &c.name))),
            ("formula", code(&entry.formula)),
            ("units", cell(&entry.units)),
            ("window", cell(&entry.window)),
            ("warm-up", cell(&entry.warmup)),
            ("inputs", cell(&entry.inputs)),
            ("null", cell(&entry.null_policy)),
            ("causality", cell(&entry.causality)),
            ("reference", cell(&entry.reference)),
            ("example", format!("`{}`", example.unwrap_or_default())),
        ];
        for (key, text) in rows {
            put!(out, "| {key} | {text} |");
        }
        if !entry.found_as.is_empty() {
            put!(out, "| found as | {} |", entry.found_as.join(", "));
        }
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names
        .map(|n| format!("`{n}`"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Text of a table: a bar would end the cell, a star would change the letters.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*")
}

/// A formula of a table.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// The text with a capital first letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
