//! Runs the targets of `quant_lake::fuzzing` by name: over bytes, or over a file in a scratch folder.

use quant_lake::fuzzing::{FILE_TARGETS, TARGETS};

/// Gives the bytes to the target of this name.
///
/// # Panics
/// If the target does: that is a finding. If there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    if let Some((_, target)) = TARGETS.iter().find(|(n, _)| *n == name) {
        target(bytes);
    } else if let Some((_, target)) = FILE_TARGETS.iter().find(|(n, _)| *n == name) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("fuzzed");
        std::fs::write(&path, bytes).expect("a file in the scratch folder");
        target(&path);
    } else {
        panic!("no target `{name}`");
    }
}

/// Panics that the product catches are not findings; libFuzzer's hook would abort on them.
///
/// A panic that leaves the target still ends the run, as the harness catches it at its edge.
pub fn allow_caught_panics() {
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
}
