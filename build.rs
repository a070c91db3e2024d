//! Computes the code version: a hash of every source file, manifest and the lock file, in path order.
//!
//! It enters every run id, so that a changed program never answers from the cache of another one. Line endings are
//! normalised, because a checkout on another system is the same program.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

const HEX: &[u8; 16] = b"0123456789abcdef";

fn main() {
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for dir in ["src", "crates"] {
        println!("cargo::rerun-if-changed={dir}");
        collect(&root.join(dir), &mut files);
    }
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
        "configs/instruments.yaml",
    ] {
        println!("cargo::rerun-if-changed={file}");
        files.push(root.join(file));
    }
    let mut named: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|f| {
            (
                f.strip_prefix(&root)
                    .unwrap_or(&f)
                    .to_string_lossy()
                    .replace('\\', "/"),
                f,
            )
        })
        .filter(|(name, _)| !is_test(name))
        .collect();
    named.sort();
    let mut hash = Sha256::new();
    for (name, file) in named {
        let body = std::fs::read(&file).unwrap_or_default();
        let body: Vec<u8> = body.into_iter().filter(|b| *b != b'\r').collect();
        hash.update(name.as_bytes());
        hash.update([0]);
        hash.update((body.len() as u64).to_le_bytes());
        hash.update(&body);
    }
    let digest = hash.finalize().iter().fold(String::new(), |mut out, b| {
        out.push(char::from(HEX[usize::from(b >> 4)]));
        out.push(char::from(HEX[usize::from(b & 15)]));
        out
    });
    println!("cargo::rustc-env=QUANT_CODE_VERSION={digest}");
}

/// Tests do not decide results.
fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.ends_with("proptests.rs") || name.contains("/tests/")
}

fn collect(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return;
    };
    for path in entries.flatten().map(|e| e.path()) {
        if path.is_dir() {
            collect(&path, out);
        } else if matches!(
            path.extension().and_then(|e| e.to_str()),
            Some("rs" | "toml")
        ) {
            out.push(path);
        }
    }
}
