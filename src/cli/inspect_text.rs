//! The readable form of an inspection.

use quant_lake::inspect::{BookSummary, Inspection, Spread, TableSummary, Verdict};

/// Streams and days that are shown; JSON has all.
const SHOWN: usize = 24;

/// Width of the labels in front.
const LABEL: usize = 12;

struct Lines(Vec<String>);

impl Lines {
    fn add(&mut self, label: &str, text: &str) {
        self.0.push(format!("{label:<LABEL$} {text}"));
    }
}

/// Writes an inspection as lines of `label text`.
pub(super) fn text_of(found: &Inspection) -> String {
    let mut out = Lines(Vec::new());
    out.add("file", &format!("{} ({} bytes)", found.file, found.bytes));
    let members = if found.members.is_empty() {
        String::new()
    } else {
        format!(", member {}", found.members.join(", "))
    };
    out.add("container", &format!("{}{members}", found.container));
    out.add("format", &found.format);
    for (label, value, by) in [
        ("exchange", &found.exchange, &None),
        ("market", &found.market, &found.market_by),
        ("symbol", &found.symbol, &found.symbol_by),
        ("named", &found.period, &None),
    ] {
        if let Some(value) = value {
            let by = by.as_ref().map_or(String::new(), |by| format!(" ({by})"));
            out.add(label, &format!("{value}{by}"));
        }
    }
    columns(found, &mut out);
    for table in &found.tables {
        rows(table, &mut out);
    }
    if !found.channels.is_empty() {
        for channel in found.channels.iter().take(SHOWN) {
            let name = format!("{} {}", channel.channel, channel.instrument);
            out.add(
                "stream",
                &format!("{:<34} {:>9}", name.trim_end(), channel.count),
            );
        }
        if found.channels.len() > SHOWN {
            out.add(
                "",
                &format!("... {} more (--json)", found.channels.len() - SHOWN),
            );
        }
    }
    if let Some(lag) = &found.receive_lag_ms {
        out.add("recv - event", &spread(lag, " ms"));
    }
    if let Some(book) = &found.book {
        order_book(book, &mut out);
    }
    for check in &found.checks {
        let label = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warning",
            Verdict::Fail => "FAILED",
        };
        out.add(label, &format!("{}: {}", check.name, check.detail));
    }
    if !found.is_ok() {
        out.add(
            "verdict",
            if found.refused {
                "an ingest would refuse it"
            } else {
                "an ingest would take it, without what is missing"
            },
        );
    }
    for note in &found.notes {
        out.add("note", note);
    }
    if let Some(command) = &found.command {
        out.add("ingest", command);
    }
    out.0.join("\n")
}

fn columns(found: &Inspection, out: &mut Lines) {
    if found.columns.is_empty() {
        return;
    }
    let header = match found.header {
        Some(true) => "named by the first line: ",
        Some(false) => "no header: ",
        None => "",
    };
    let names: Vec<String> = found
        .columns
        .iter()
        .take(SHOWN)
        .map(|c| match &c.unit {
            Some(unit) => format!("{} [{unit}]", c.name),
            None => c.name.clone(),
        })
        .collect();
    let more = found.columns.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!(", ... {more} more")
    } else {
        String::new()
    };
    out.add("columns", &format!("{header}{}{more}", names.join(", ")));
}

fn rows(table: &TableSummary, out: &mut Lines) {
    let mut parts = vec![format!("{} rows", table.rows)];
    if table.rows_in != table.rows {
        parts.push(format!("{} in the file", table.rows_in));
    }
    for (n, what) in [
        (table.duplicates, "duplicate"),
        (table.filtered, "left out"),
        (table.refused, "unusable"),
    ] {
        if n > 0 {
            parts.push(format!("{n} {what}"));
        }
    }
    out.add(&table.dataset, &parts.join(", "));
    if let (Some(first), Some(last)) = (table.first, table.last) {
        let unit = table
            .time_unit
            .as_ref()
            .map_or(String::new(), |u| format!(", {u}"));
        out.add(
            "  times",
            &format!("{first} .. {last}, {}{unit}", table.order),
        );
    }
    if table.days.len() > 1 {
        let days: Vec<String> = table
            .days
            .iter()
            .take(8)
            .map(|(day, n)| format!("{day}: {n}"))
            .collect();
        let more = if table.days.len() > 8 { ", ..." } else { "" };
        out.add("  days", &format!("{}{more}", days.join(", ")));
    }
    if let Some(cadence) = &table.cadence_ms {
        out.add("  cadence", &spread(cadence, " ms"));
    }
    if let Some(missing) = table.missing_intervals {
        out.add(
            "  missing",
            &format!("{missing} intervals between the first and the last"),
        );
    }
    gaps(table.n_gaps, &table.gaps, out);
    let mut sums = Vec::new();
    if let (Some(volume), Some(unit)) = (table.volume, &table.volume_unit) {
        sums.push(format!("volume {} {unit}", short(volume)));
    }
    if let Some((low, high)) = table.price {
        sums.push(format!("price {low} .. {high}"));
    }
    if let Some((first, last)) = table.ids {
        sums.push(format!("ids {first} .. {last}"));
    }
    if let Some(missing) = table.ids_missing {
        sums.push(format!("{missing} ids missing"));
    }
    if !sums.is_empty() {
        out.add("  sums", &sums.join(", "));
    }
    if !table.counters.is_empty() {
        let counters: Vec<String> = table
            .counters
            .iter()
            .map(|(k, n)| format!("{k} {n}"))
            .collect();
        out.add("  counts", &counters.join(", "));
    }
}

/// Returns a sum without the noise of its last bits.
fn short(value: f64) -> String {
    let text = format!("{value:.8}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

fn gaps(n: u64, longest: &[quant_lake::inspect::Silence], out: &mut Lines) {
    for (i, gap) in longest.iter().take(3).enumerate() {
        let label = if i == 0 {
            format!("{n} gaps, ")
        } else {
            String::new()
        };
        let seconds = (gap.to.0 - gap.from.0) as f64 / 1e6;
        out.add(
            "  gaps",
            &format!("{label}{} .. {} ({seconds} s)", gap.from, gap.to),
        );
    }
}

fn order_book(book: &BookSummary, out: &mut Lines) {
    out.add(
        "book",
        &format!(
            "{} messages: {} snapshots, {} deltas; {:.0} bytes each",
            book.messages, book.snapshots, book.deltas, book.mean_bytes
        ),
    );
    if let Some((first, last)) = book.times {
        out.add("  times", &format!("{first} .. {last}, {}", book.time_unit));
    }
    for (label, value, unit) in [
        ("  cadence", &book.cadence_ms, " ms"),
        ("  bid depth", &book.bid_depth, " levels"),
        ("  ask depth", &book.ask_depth, " levels"),
        ("  levels", &book.levels_per_message, " a message"),
    ] {
        if let Some(value) = value {
            out.add(label, &spread(value, unit));
        }
    }
    gaps(book.n_gaps, &book.gaps, out);
    if let Some(ids) = &book.bybit {
        if let Some((first, last)) = ids.u {
            out.add(
                "  u",
                &format!(
                    "{first} .. {last}, {} gaps, {} restarts",
                    ids.u_gaps, ids.u_restarts
                ),
            );
        }
        let cts = match &ids.cts_lag_ms {
            Some(lag) => format!(
                "in {} messages; ts - cts {}",
                ids.with_cts,
                spread(lag, " ms")
            ),
            None => "in no message".to_owned(),
        };
        out.add("  cts", &cts);
    }
    out.add(
        "  crossed",
        &format!(
            "{} ({:.1} %), locked {}",
            book.crossed,
            100.0 * book.crossed_share,
            book.locked
        ),
    );
    out.add(
        "  breaks",
        &format!("{}, {} messages lost after them", book.breaks, book.lost),
    );
    out.add(
        "  images",
        &format!("{} at the default cadence", book.images),
    );
    out.add("  advice", &book.advice);
}

fn spread(value: &Spread, unit: &str) -> String {
    format!(
        "min {}, median {}, p99 {}, max {}{unit}",
        value.min, value.median, value.p99, value.max
    )
}
