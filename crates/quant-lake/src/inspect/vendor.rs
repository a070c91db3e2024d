//! Vendor files that hold no market data of their own kind: checksums, and recorded answers of REST routes.

use std::collections::BTreeMap;

use serde_json::Value;

use super::report::Inspection;
use super::{Subject, first_line};
use crate::ingest::archive::hash_file;
use crate::ingest::checksum::parse_checksum;

/// Largest file of recorded answers that is read: whole, since it is one value of JSON.
const MAX_BYTES: u64 = 64 << 20;

/// Most routes that are named one by one.
const SHOWN: usize = 12;

/// Inspects a `.CHECKSUM` file, and the archive beside it if it is there; false if the text is none.
pub(super) fn checksum(subject: &Subject<'_>, text: &str, out: &mut Inspection) -> bool {
    let Ok(checksum) = parse_checksum(&subject.name, text) else {
        return false;
    };
    "Binance Vision, checksum of an archive".clone_into(&mut out.format);
    out.exchange = Some(super::exchange_of(
        subject,
        quant_core::market::Venue::Binance,
    ));
    out.lines = 1;
    out.ok("checksum", "64 hex digits");
    let named = subject
        .name
        .strip_suffix(".CHECKSUM")
        .map(str::to_owned)
        .or_else(|| checksum.name.clone());
    if let (Some(inside), Some(named)) = (&checksum.name, &named)
        && inside != named
    {
        out.warn(
            "file of the checksum",
            &format!("it was made for {inside}, not for {named}"),
        );
    }
    let Some(archive) = named.map(|name| subject.path.with_file_name(name)) else {
        return true;
    };
    if !archive.is_file() || archive == subject.path {
        out.note("the archive it belongs to does not lie beside it".to_owned());
        return true;
    }
    match hash_file(&archive) {
        Ok((_, sha256)) if sha256 == checksum.sha256 => {
            out.ok("archive", "its sha256 is this one");
        }
        Ok((_, sha256)) => out.fail(
            "archive",
            &format!("its sha256 is {sha256}, published is {}", checksum.sha256),
        ),
        Err(error) => out.fail("archive", &first_line(&error.to_string())),
    }
    true
}

/// What tells the venue of a route.
fn venue_of(path: &str) -> Option<&'static str> {
    [
        ("/deepcoin/", "deepcoin"),
        ("/fapi/", "binance"),
        ("/dapi/", "binance"),
        ("/sapi/", "binance"),
        ("/eapi/", "binance"),
        ("/api/v3/", "binance"),
        ("/futures/data/", "binance"),
        ("/api/v5/", "okx"),
        ("/v5/", "bybit"),
    ]
    .into_iter()
    .find(|(start, _)| path.starts_with(start))
    .map(|(_, venue)| venue)
}

/// Inspects recorded answers of REST routes, `{"routes": {"/path": {"GET": [{"data": ...}]}}}`; false if the file is
/// something else.
pub(super) fn recorded_answers(subject: &Subject<'_>, out: &mut Inspection) -> bool {
    if out.bytes > MAX_BYTES {
        return false;
    }
    let Ok(text) = std::fs::read(subject.path) else {
        return false;
    };
    let Ok(value) = serde_json::from_slice::<Value>(&text) else {
        return false;
    };
    let Some(routes) = value.get("routes").and_then(Value::as_object) else {
        return false;
    };
    let is_route = |path: &String| path.starts_with('/');
    if routes.is_empty() || !routes.keys().all(is_route) {
        return false;
    }
    let (mut answers, mut errors, mut lists) = (0_u64, 0_u64, Vec::new());
    let mut venues: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (path, methods) in routes {
        let mut of_route = 0_u64;
        for (_, recorded) in methods.as_object().into_iter().flatten() {
            for answer in recorded.as_array().into_iter().flatten() {
                of_route += 1;
                let code = answer.get("data").and_then(|data| data.get("code"));
                errors += u64::from(code.and_then(Value::as_i64).is_some_and(|code| code < 0));
            }
        }
        answers += of_route;
        *venues
            .entry(venue_of(path).unwrap_or("unknown"))
            .or_default() += of_route;
        lists.push(format!("{path} {of_route}"));
    }
    out.lines = memchr::memchr_iter(b'\n', &text).count() as u64;
    let busiest = venues.iter().max_by_key(|(_, n)| **n).map(|(v, _)| *v);
    "recorded answers of REST routes".clone_into(&mut out.format);
    out.exchange = busiest.filter(|v| *v != "unknown").map(str::to_owned);
    out.ok(
        "answers",
        &format!(
            "{answers} of {} routes, {errors} of them refusals",
            routes.len()
        ),
    );
    let shown: Vec<&str> = lists.iter().take(SHOWN).map(String::as_str).collect();
    let more = lists.len().saturating_sub(SHOWN);
    let more = if more > 0 {
        format!(", ... {more} more")
    } else {
        String::new()
    };
    out.note(format!("routes and answers: {}{more}", shown.join(", ")));
    for (venue, n) in &venues {
        out.note(format!("{n} answers of routes of {venue}"));
    }
    out.note("samples of answers, not a history: nothing to ingest".to_owned());
    true
}

/// Inspects a recorded exchange of one route or stream: method, path, whether it is signed and the answer; or frames marked
/// `>` (sent), `<` (received) and `=` (meant). False if the text is neither.
pub(super) fn sample(head: &[u8], out: &mut Inspection) -> bool {
    let Ok(text) = core::str::from_utf8(head) else {
        return false;
    };
    let mut lines = text.lines().map(str::trim_end).filter(|l| !l.is_empty());
    let first = lines.next().unwrap_or_default();
    let found = match first {
        "GET" | "POST" | "PUT" | "DELETE" => route_sample(first, lines, out),
        _ if first.starts_with('>') => frames(text, out),
        _ => false,
    };
    if found {
        out.note("a sample of one answer, not a history: nothing to ingest".to_owned());
    }
    found
}

fn route_sample<'a>(
    method: &str,
    mut lines: impl Iterator<Item = &'a str>,
    out: &mut Inspection,
) -> bool {
    let path = lines.next().unwrap_or_default();
    let Some(venue) = venue_of(path) else {
        return false;
    };
    let rest: Vec<&str> = lines
        .skip_while(|l| matches!(*l, "true" | "false") || l.starts_with("UriParams:"))
        .collect();
    out.format = format!("recorded answer of the REST route {method} {path}");
    out.exchange = Some(venue.to_owned());
    match serde_json::from_str::<Value>(&rest.join("\n")) {
        Ok(body) => {
            let rows = body.get("data").and_then(Value::as_array).map(Vec::len);
            let rows = rows.map_or_else(String::new, |n| format!(", {n} rows"));
            out.ok("answer", &format!("JSON{rows}"));
        }
        Err(error) => out.warn("answer", &format!("no whole JSON: {error}")),
    }
    true
}

/// Counts frames that were sent, received, and written down as what a reader should make of them.
fn frames(text: &str, out: &mut Inspection) -> bool {
    let mark = |line: &&str, mark: char| {
        let rest = line.strip_prefix(mark).unwrap_or_default();
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        line.starts_with(mark) && (rest.trim().is_empty() || rest.trim_start().starts_with('{'))
    };
    let count = |m: char| text.lines().filter(|line| mark(line, m)).count();
    let (sent, received, meant) = (count('>'), count('<'), count('='));
    if sent == 0 || received == 0 {
        return false;
    }
    "recorded frames of a WebSocket, `>` sent, `<` received, `=` meant".clone_into(&mut out.format);
    out.exchange = text
        .contains("SendTopicAction")
        .then(|| "deepcoin".to_owned());
    out.ok(
        "frames",
        &format!("{sent} sent, {received} received, {meant} meant"),
    );
    true
}
