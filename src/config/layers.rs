//! From files, environment and `--set` to one resolved tree: `extends` < file < `QUANT__A__B` < `--set a.b=`.
//!
//! Knows nothing of what the keys mean; `raw.rs` does.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// Largest config file read; anything bigger is not a config.
const MAX_CONFIG_BYTES: u64 = 1 << 20;
/// Longest `extends` chain.
const MAX_EXTENDS: usize = 8;
/// Prefix of environment overrides.
const ENV_PREFIX: &str = "QUANT__";

/// Why the layers do not make a tree.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A config file cannot be read.
    #[error("cannot read config `{}`: {source}\nhint: give an existing YAML file with `--config FILE`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A config file is not YAML, or exceeds the budget against alias bombs.
    #[error("config `{}` is not valid YAML: {message}", path.display())]
    NotYaml {
        /// The file.
        path: PathBuf,
        /// The parser's words with line and column.
        message: String,
    },
    /// A config file is larger than any config.
    #[error("config `{}` has {bytes} bytes, more than the {MAX_CONFIG_BYTES} a config may have", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The top level is not a mapping.
    #[error("config `{}` is not a mapping of keys to values", path.display())]
    NotAMapping {
        /// The file.
        path: PathBuf,
    },
    /// `extends` is not a file name, or the chain never ends.
    #[error("`extends` in `{}` {problem}\nhint: `extends: other.yaml` names one file beside this one", path.display())]
    BadExtends {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: &'static str,
    },
    /// A `--set` without `=`.
    #[error("override `{text}` is not `key=value`\nhint: write `--set run.end=2024-02-01`")]
    NotAnOverride {
        /// The argument.
        text: String,
    },
    /// An override walks through something that is not a mapping.
    #[error(
        "override `{key}` does not name a setting: `{at}` is not a mapping\nhint: `quant config schema` lists every key"
    )]
    NotAPath {
        /// The whole key.
        key: String,
        /// The part that is a value already.
        at: String,
    },
    /// An override value is not YAML.
    #[error(
        "value of override `{key}` is not valid YAML: {message}\nhint: quote it, e.g. --set 'key=\"text\"'"
    )]
    BadValue {
        /// The key.
        key: String,
        /// The parser's words.
        message: String,
    },
}

/// Returns the resolved tree of `path`, environment and `--set` overrides, lowest layer first.
///
/// # Errors
/// The first layer that cannot be read or applied.
pub(super) fn resolve(
    path: &Path,
    environment: &[(String, String)],
    sets: &[String],
) -> Result<Value, LayerError> {
    let mut tree = read_with_extends(path, 0)?;
    let mut vars: Vec<_> = environment
        .iter()
        .filter(|(key, _)| key.starts_with(ENV_PREFIX))
        .collect();
    vars.sort();
    for (name, text) in vars {
        let key = name[ENV_PREFIX.len()..]
            .to_ascii_lowercase()
            .replace("__", ".");
        apply(&mut tree, &key, text)?;
    }
    apply_all(&mut tree, sets)?;
    Ok(tree)
}

/// Returns the tree that `--set` overrides make of nothing.
///
/// # Errors
/// The first one that cannot be applied.
pub(super) fn of_overrides(sets: &[String]) -> Result<Value, LayerError> {
    let mut tree = Value::Object(Map::new());
    apply_all(&mut tree, sets)?;
    Ok(tree)
}

fn apply_all(tree: &mut Value, sets: &[String]) -> Result<(), LayerError> {
    for set in sets {
        let (key, text) = set
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| LayerError::NotAnOverride { text: set.clone() })?;
        apply(tree, key.trim(), text)?;
    }
    Ok(())
}

fn read_with_extends(path: &Path, depth: usize) -> Result<Value, LayerError> {
    if depth > MAX_EXTENDS {
        return Err(LayerError::BadExtends {
            path: path.to_owned(),
            problem: "makes a chain that is too long or circular",
        });
    }
    let mut tree = read_yaml(path)?;
    let Value::Object(map) = &mut tree else {
        return Err(LayerError::NotAMapping {
            path: path.to_owned(),
        });
    };
    match map.remove("extends") {
        None => Ok(tree),
        Some(Value::String(other)) => {
            let base = path.parent().unwrap_or(Path::new("")).join(other);
            let mut below = read_with_extends(&base, depth + 1)?;
            merge(&mut below, tree);
            Ok(below)
        }
        Some(_) => Err(LayerError::BadExtends {
            path: path.to_owned(),
            problem: "is not a file name",
        }),
    }
}

fn read_yaml(path: &Path) -> Result<Value, LayerError> {
    let unreadable = |source| LayerError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_CONFIG_BYTES {
        return Err(LayerError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    serde_saphyr::from_str(&text).map_err(|e| LayerError::NotYaml {
        path: path.to_owned(),
        message: e.to_string(),
    })
}

/// Lays `over` on `base`: mappings merge key by key, anything else replaces.
fn merge(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                match base.get_mut(&key) {
                    Some(slot) => merge(slot, value),
                    None => {
                        base.insert(key, value);
                    }
                }
            }
        }
        (base, over) => *base = over,
    }
}

fn apply(tree: &mut Value, key: &str, text: &str) -> Result<(), LayerError> {
    let value: Value = if text.is_empty() {
        Value::Null
    } else {
        serde_saphyr::from_str(text).map_err(|e| LayerError::BadValue {
            key: key.to_owned(),
            message: e.to_string(),
        })?
    };
    let parts: Vec<&str> = key.split('.').collect();
    let mut slot = tree;
    for (i, part) in parts.iter().enumerate() {
        let not_a_path = || LayerError::NotAPath {
            key: key.to_owned(),
            at: parts[..i].join("."),
        };
        slot = match slot {
            Value::Object(map) => map.entry((*part).to_owned()).or_insert(Value::Null),
            Value::Array(items) => part
                .parse::<usize>()
                .ok()
                .and_then(|n| items.get_mut(n))
                .ok_or_else(not_a_path)?,
            // A key that is null in the file may be given as a whole mapping by overrides.
            Value::Null if i > 0 => {
                *slot = Value::Object(Map::new());
                match slot {
                    Value::Object(map) => map.entry((*part).to_owned()).or_insert(Value::Null),
                    _ => return Err(not_a_path()),
                }
            }
            _ => return Err(not_a_path()),
        };
    }
    *slot = value;
    Ok(())
}
