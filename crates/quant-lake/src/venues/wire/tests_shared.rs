//! What the encoders' tests share: recorded data where it is present, and numbers out of JSON texts.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

/// Returns a file of the recorded data, `QUANT_SHARED_DATA` or `../shared/data` beside the workspace; absent data is
/// said out loud.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("QUANT_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let found = Some(root.join(path)).filter(|p| p.exists());
    if found.is_none() {
        let path = root.join(path);
        writeln!(
            std::io::stderr(),
            "SKIPPED: no shared data at {}",
            path.display()
        )
        .unwrap();
    }
    found
}

/// Reads a number in quotes.
pub(crate) fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}
