//! Bans and long pauses on disk, so that the next process keeps them too, whichever way it asks the host.

use std::collections::BTreeMap;
use std::path::Path;

use quant_core::time::UnixMicros;
use serde::{Deserialize, Serialize};

/// File of a lake that holds them.
pub(crate) const HOLDS_FILE: &str = ".rest-holds.json";

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Kept {
    until: UnixMicros,
    status: u16,
}

type Holds = BTreeMap<String, Kept>;

fn load(file: &Path) -> Holds {
    // A file that cannot be read keeps nobody away for longer than the venue itself does.
    std::fs::read(file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default()
}

/// Returns until when a host wants no requests, and the status that said so.
pub(crate) fn read(file: &Path, host: &str) -> Option<(UnixMicros, u16)> {
    load(file).get(host).map(|kept| (kept.until, kept.status))
}

/// Keeps a pause; the file is replaced as a whole.
pub(crate) fn write(
    file: &Path,
    host: &str,
    until: UnixMicros,
    status: u16,
) -> std::io::Result<()> {
    let mut holds = load(file);
    holds.insert(host.to_owned(), Kept { until, status });
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = file.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&temporary, serde_json::to_vec(&holds)?)?;
    std::fs::rename(&temporary, file)
}
