//! What a run is: resolved config, input contents, code. The same work has the same id, wherever it runs.

use quant_core::time::Day;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Hash of every source file this binary was built from.
pub const CODE_VERSION: &str = env!("QUANT_CODE_VERSION");

/// One partition a run reads, or would read if it were there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Input {
    /// Partition set, as its folder in the lake.
    pub set: String,
    /// Day.
    pub date: Day,
    /// Content hash of its rows, or `absent`.
    pub content_sha256: String,
    /// Number of rows.
    pub rows: u64,
    /// Rows of the source and what became of them: printed by the report, so part of what a run is.
    pub provenance: String,
}

/// Content hash of a partition that is not there.
pub const ABSENT: &str = "absent";

/// The identity of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Folder name of the run: first 16 hex digits over the three hashes.
    pub run_id: String,
    /// Hash of the resolved config without places.
    pub config_hash: String,
    /// Hash of the ordered inputs.
    pub inputs_hash: String,
    /// Hash of the instruments table as used.
    pub instruments_hash: String,
    /// Hash of the sources.
    pub code_version: &'static str,
}

impl Identity {
    /// Returns the identity of a config over inputs; the order of `inputs` does not matter.
    pub fn of(config: &Value, inputs: &[Input], instruments_hash: &str) -> Self {
        let config_hash = sha256_hex(canonical(config).as_bytes());
        let mut sorted: Vec<&Input> = inputs.iter().collect();
        sorted.sort();
        let mut hash = Sha256::new();
        for input in sorted {
            hash.update(format!(
                "{}\0{}\0{}\0{}\n",
                input.set, input.date, input.content_sha256, input.provenance
            ));
        }
        let inputs_hash = quant_lake::content::hex(&hash.finalize());
        let run_id = sha256_hex(
            format!("{config_hash}\n{inputs_hash}\n{instruments_hash}\n{CODE_VERSION}\n")
                .as_bytes(),
        )[..16]
            .to_owned();
        Self {
            run_id,
            config_hash,
            inputs_hash,
            instruments_hash: instruments_hash.to_owned(),
            code_version: CODE_VERSION,
        }
    }
}

/// Returns the sha256 of `bytes` as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    quant_lake::content::hex(&Sha256::digest(bytes))
}

/// Writes JSON with sorted keys and no spaces: one text per value.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let body: Vec<String> = keys
                .into_iter()
                .map(|k| format!("{}:{}", Value::String(k.clone()), canonical(&map[k])))
                .collect();
            format!("{{{}}}", body.join(","))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(canonical).collect::<Vec<_>>().join(",")
            )
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    //! Tests of run identity.
    use super::*;

    fn input(set: &str, day: i32, hash: &str) -> Input {
        Input {
            set: set.to_owned(),
            date: Day(day),
            content_sha256: hash.to_owned(),
            rows: 1,
            provenance: String::new(),
        }
    }

    #[test]
    fn identity_ignores_order_and_sees_every_part() {
        let config = serde_json::json!({"b": 1, "a": {"y": 0.1, "x": [1, 2]}});
        let same = serde_json::json!({"a": {"x": [1, 2], "y": 0.1}, "b": 1});
        let (a, b) = (input("raw/a", 1, "h1"), input("raw/a", 2, ABSENT));
        let id = Identity::of(&config, &[a.clone(), b.clone()], "i");
        assert_eq!(id, Identity::of(&same, &[b.clone(), a.clone()], "i"));
        let other = serde_json::json!({"b": 2, "a": {"y": 0.1, "x": [1, 2]}});
        assert_ne!(
            id.run_id,
            Identity::of(&other, &[a.clone(), b.clone()], "i").run_id
        );
        assert_ne!(
            id.run_id,
            Identity::of(&config, &[a.clone(), input("raw/a", 2, "h2")], "i").run_id
        );
        assert_ne!(id.run_id, Identity::of(&config, &[a, b], "j").run_id);
    }
}
