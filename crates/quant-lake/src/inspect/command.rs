//! The command line that would ingest a file.

use super::Subject;
use super::report::Inspection;
use crate::venues::binance::Period;

/// Writes the command for what was found; what is not known stays in capitals between angle brackets.
pub(super) fn fill(subject: &Subject<'_>, out: &mut Inspection) {
    let Some(exchange) = out.exchange.clone() else {
        return;
    };
    if out.format.starts_with("lake partition")
        || out.format.contains("list of replaced")
        || out.format.contains("checksum of")
    {
        return;
    }
    let market = out.market.clone().unwrap_or_else(|| "<MARKET>".to_owned());
    let symbol = out.symbol.clone().unwrap_or_else(|| "<SYMBOL>".to_owned());
    let (start, end) = days(subject, out);
    let file = quoted(&subject.path.to_string_lossy());
    let folder = subject
        .path
        .parent()
        .map_or_else(String::new, |p| p.to_string_lossy().into_owned());
    let folder = if folder.is_empty() {
        ".".to_owned()
    } else {
        quoted(&folder)
    };
    let common =
        format!("quant build-dataset --exchange {exchange} --market {market} --symbol {symbol}");
    let ranged = format!("{common} --start {start} --end {end}");
    let command = if out.format.starts_with("recording") {
        format!("{common} --source recording --input {file}")
    } else if out.format.starts_with("Binance Vision") {
        let root = vision_root(subject).map_or_else(|| "<ROOT>".to_owned(), |r| quoted(&r));
        let dataset = datasets(out);
        format!("{ranged} --source vision --root {root} --datasets {dataset}")
    } else if out.format.starts_with("Bybit") {
        format!(
            "{ranged} --source bybit-manual --root {folder} --datasets {}",
            datasets(out)
        )
    } else if out.format.starts_with("OKX") {
        format!(
            "{ranged} --source okx-manual --root {folder} --datasets {}",
            datasets(out)
        )
    } else if out.format.starts_with("REST") {
        format!("{ranged} --source rest --datasets {}", datasets(out))
    } else if out.format.starts_with("delimited") {
        format!("{ranged} --source csv --config <CONFIG> --set ingest.csv.path={file}")
    } else {
        return;
    };
    out.command = Some(format!("{command} --lake data"));
}

fn datasets(out: &Inspection) -> String {
    if out.book.is_some() {
        return "l2_snapshots,l2_deltas".to_owned();
    }
    match out.tables.first() {
        Some(table) => table.dataset.clone(),
        None => "<DATASET>".to_owned(),
    }
}

/// Returns the days to ask for: those of its name, else those of its rows.
fn days(subject: &Subject<'_>, out: &Inspection) -> (String, String) {
    if let Some(period) = subject.facts.period {
        let (mut first, end) = period.days();
        // The file of a day of UTC+8 holds most of that UTC day and the end of the one before.
        if subject.facts.utc8 && matches!(period, Period::Day(_)) {
            first = first.plus(-1);
        }
        return (first.to_string(), end.to_string());
    }
    let first = out.tables.iter().filter_map(|t| t.first).min();
    let last = out.tables.iter().filter_map(|t| t.last).max();
    match (first, last) {
        (Some(first), Some(last)) => (first.day().to_string(), last.day().plus(1).to_string()),
        _ => ("<DAY>".to_owned(), "<DAY>".to_owned()),
    }
}

/// Returns the folder above `data/`, if the file lies in the archive's own layout.
fn vision_root(subject: &Subject<'_>) -> Option<String> {
    let path = subject.path.to_string_lossy().replace('\\', "/");
    let at = path
        .rfind("data/spot/")
        .or_else(|| path.rfind("data/futures/"))?;
    let root = path[..at].trim_end_matches('/');
    Some(match root {
        "" if path.starts_with('/') => "/".to_owned(),
        "" => ".".to_owned(),
        root => root.to_owned(),
    })
}

fn quoted(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(&b);
    if !path.is_empty() && path.bytes().all(plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', "'\\''"))
    }
}
