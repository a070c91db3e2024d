//! `RUN_DIAGNOSIS.md`: why a gate refused, what is missing, and which command helps.

use core::fmt::Write as _;

use super::RunReport;

pub(super) fn write(run: &RunReport) -> String {
    let mut out = String::new();
    if compose(&mut out, run).is_err() {
        out.push_str("(the rest could not be written)\n");
    }
    out
}

fn compose(out: &mut String, run: &RunReport) -> core::fmt::Result {
    writeln!(out, "# Run {} was refused\n", run.identity.run_id)?;
    writeln!(out, "`{}` over {}\n", run.keys[run.traded], run.range)?;
    for gate in run.gates.iter().filter(|g| !g.passed) {
        writeln!(out, "## Gate `{}`\n\n{}\n", gate.name, gate.missing)?;
        if let (Some(measured), Some(required)) = (gate.measured, gate.required) {
            writeln!(out, "Measured {measured}, required at least {required}.\n")?;
        }
        if !gate.remedies.is_empty() {
            writeln!(out, "What helps:\n")?;
            for remedy in &gate.remedies {
                writeln!(out, "- `{remedy}`")?;
            }
            writeln!(out)?;
        }
    }
    writeln!(out, "## What the lake holds\n")?;
    writeln!(
        out,
        "| set | days present | days absent | rows in | rows |\n|---|--:|--:|--:|--:|"
    )?;
    for h in &run.health {
        writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            h.set, h.days_present, h.days_absent, h.rows_in, h.rows
        )?;
    }
    writeln!(
        out,
        "\nNo number of this run is a result: exit code {}.",
        run.exit_code
    )
}
