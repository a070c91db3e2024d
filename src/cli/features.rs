//! `quant features`: every statistic of tier 1 and every kind of tier 2, as declared by the code that computes them.

mod catalogue;
mod docs;
mod synonyms;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::ui::Ui;
use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};
use catalogue::{Entry, Tier};

#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    #[command(subcommand)]
    pub(crate) command: FeaturesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FeaturesCommand {
    /// List every statistic of minute rows and every kind of feature
    List,
    /// Show the whole declaration of a statistic, a kind of feature or the one that writes a column
    Show {
        /// Name as in `quant features list`, a column, or what others call it (`microprice`, `tobi`)
        name: String,
    },
    /// Print docs/features.md, which is made of the declarations
    Docs,
}

pub(crate) fn run(args: &FeaturesArgs, ui: Ui) -> CommandResult<ExitCode> {
    let entries = catalogue::entries().internal_error()?;
    match &args.command {
        FeaturesCommand::List => ui.answer(&entries, &list(&entries))?,
        FeaturesCommand::Show { name } => {
            let found = find(name, &entries);
            if found.is_empty() {
                return Err(unknown(name, &entries));
            }
            let texts: Vec<String> = found.iter().map(|e| show(e)).collect();
            ui.answer(&found, &texts.join("\n\n"))?;
        }
        FeaturesCommand::Docs => {
            let text = docs::markdown(&entries);
            ui.answer(&serde_json::json!({ "markdown": text }), &text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(entries: &[Entry]) -> String {
    let width = |of: fn(&Entry) -> usize| entries.iter().map(of).max().unwrap_or(0);
    let names = width(|e| e.name.len());
    let mut out = vec![format!(
        "{:<4} {:<names$} {:>7}  what",
        "tier", "name", "columns"
    )];
    out.extend(entries.iter().map(|e| {
        format!(
            "{:<4} {:<names$} {:>7}  {}",
            e.tier.number(),
            e.name,
            e.columns.len(),
            e.doc
        )
    }));
    let of = |tier| entries.iter().filter(move |e| e.tier == tier);
    let columns = |tier| of(tier).map(|e| e.columns.len()).sum::<usize>();
    out.push(format!(
        "{} statistics of minute rows ({} columns), {} kinds of features",
        of(Tier::Minute).count(),
        columns(Tier::Minute),
        of(Tier::Row).count()
    ));
    out.join("\n")
}

fn show(entry: &Entry) -> String {
    let mut out = vec![format!(
        "{} (tier {}): {}",
        entry.name,
        entry.tier.number(),
        entry.doc
    )];
    let mut put = |key: &str, text: &str| out.push(format!("  {key:<12} {text}"));
    if !entry.found_as.is_empty() {
        put("found as", &entry.found_as.join(", "));
    }
    match entry.tier {
        Tier::Minute => {
            for column in &entry.columns {
                let (name, units) = (&column.name, &column.units);
                put("column", &format!("{name} [{units}] = {}", column.formula));
            }
        }
        Tier::Row => {
            let names: Vec<&str> = entry.columns.iter().map(|c| c.name.as_str()).collect();
            put("columns", &names.join(", "));
            put("formula", &entry.formula);
            put("units", &entry.units);
        }
    }
    put("window", &entry.window);
    put("warm-up", &entry.warmup);
    put("inputs", &entry.inputs);
    put("null", &entry.null_policy);
    put("causality", &entry.causality);
    put("reference", &entry.reference);
    if let Some(example) = &entry.example {
        put("example", &example.to_string());
    }
    out.join("\n")
}

/// Returns the entries a name means: those that have it, else those that write such a column with other parameters.
fn find<'a>(name: &str, entries: &'a [Entry]) -> Vec<&'a Entry> {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let of = |is_meant: &dyn Fn(&Entry) -> bool| -> Vec<&'a Entry> {
        entries.iter().filter(|e| is_meant(e)).collect()
    };
    let found = of(&|e| e.answers_to(&name));
    if found.is_empty() {
        of(&|e| e.is_kin_of(&name))
    } else {
        found
    }
}

/// Most names that a refusal suggests.
const N_NEAREST: usize = 3;

fn unknown(name: &str, entries: &[Entry]) -> CommandError {
    let mut known: Vec<&str> = entries
        .iter()
        .flat_map(|e| {
            std::iter::once(e.name.as_str())
                .chain(e.columns.iter().map(|c| c.name.as_str()))
                .chain(e.found_as.iter().copied())
        })
        .collect();
    known.sort_unstable();
    known.dedup();
    // The order of names decides among equally near ones: the same refusal everywhere.
    known.sort_by_key(|other| edits(name, other));
    known.truncate(N_NEAREST);
    CommandError::text(
        ErrorKind::Config,
        &format!("there is no feature or column `{}`", name.escape_debug()),
    )
    .hint(format!(
        "nearest: {}; `quant features list` has all",
        known
            .iter()
            .map(|n| format!("`{n}`"))
            .collect::<Vec<_>>()
            .join(", ")
    ))
}

/// Returns how many letters must be added, removed or replaced to turn `a` into `b` (Levenshtein).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
