//! Configuration: layers -> raw tree -> checked values. A config that passes here cannot fail later for its values.

mod check;
pub mod core_params;
mod layers;
mod raw;

use std::path::{Path, PathBuf};

use quant_core::time::{Day, TimeRange, UnixMicros};
use serde_json::Value;

pub use check::{ConfigErrors, Violation};
pub use layers::LayerError;
pub use raw::*;

use crate::error::{CommandError, CommandResult, ErrorKind, Kinded as _};

/// A resolved and checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every key, typed.
    pub raw: RawConfig,
    /// Evaluated range `[start, end)`.
    pub range: TimeRange,
    /// First lake day read: warm-up before `range`.
    pub first_day: Day,
    /// Position of the traded instrument.
    pub traded: usize,
    /// The file the config came from, as given.
    pub file: PathBuf,
    tree: Value,
}

/// Returns the tree that `--set` overrides make without a file; the caller knows which of its keys mean something.
///
/// # Errors
/// Configuration errors: something that is not `key=value`, a value that is not YAML.
pub fn overrides(sets: &[String]) -> CommandResult<Value> {
    layers::of_overrides(sets).config_error()
}

impl Config {
    /// Reads, resolves and checks `file` with the environment and `--set` overrides on top.
    ///
    /// # Errors
    /// Configuration errors: unreadable or invalid YAML, unknown keys, wrong types, and every violated rule at once.
    pub fn load(file: &Path, sets: &[String]) -> CommandResult<Self> {
        let environment: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let tree = layers::resolve(file, &environment, sets).config_error()?;
        Self::from_tree(&tree, file)
    }

    /// Checks a resolved tree.
    ///
    /// # Errors
    /// As [`Config::load`], less the reading.
    pub fn from_tree(tree: &Value, file: &Path) -> CommandResult<Self> {
        let raw: RawConfig = serde_path_to_error::deserialize(tree).map_err(|error| {
            let key = error.path().to_string();
            CommandError::text(
                ErrorKind::Config,
                &format!(
                    "config `{}`, key `{key}`: {}",
                    file.display(),
                    error.inner()
                ),
            )
            .hint("`quant config schema` lists every key, its type and its meaning")
        })?;
        let checked = check::check(&raw).map_err(|errors| {
            CommandError::text(
                ErrorKind::Config,
                &format!("config `{}` {errors}", file.display()),
            )
        })?;
        // Written back from the typed form, so that two spellings of one value have one identity.
        let tree = serde_json::to_value(&raw).internal_error()?;
        Ok(Self {
            range: checked.range,
            first_day: checked.first_day,
            traded: checked.traded,
            raw,
            file: file.to_owned(),
            tree,
        })
    }

    /// Returns the part of the config that decides results: everything but where files are.
    ///
    /// # Determinism
    /// `paths.*` and the places vendor files are read from are left out: their content enters a run by its hash.
    pub fn identity(&self) -> Value {
        let mut tree = self.tree.clone();
        if let Value::Object(map) = &mut tree {
            map.remove("paths");
        }
        for pointer in [
            "/ingest/vision/root",
            "/ingest/vision/base_url",
            "/ingest/vision/retries",
            "/ingest/vision/timeout_s",
            "/ingest/csv/path",
            "/ingest/keep_sources",
        ] {
            if let Some((parent, key)) = pointer.rsplit_once('/')
                && let Some(Value::Object(map)) = tree.pointer_mut(parent)
            {
                map.remove(key);
            }
        }
        tree
    }

    /// Returns the resolved config as YAML.
    ///
    /// # Errors
    /// Internal, if the tree cannot be written.
    pub fn to_yaml(&self) -> CommandResult<String> {
        serde_saphyr::to_string(&self.tree).internal_error()
    }

    /// Returns [`Config::identity`] as YAML, the form kept beside a run.
    ///
    /// # Errors
    /// Internal, if the tree cannot be written.
    pub fn identity_yaml(&self) -> CommandResult<String> {
        serde_saphyr::to_string(&self.identity()).internal_error()
    }

    /// Returns the range that is read: evaluated range and warm-up, whole days.
    pub fn read_range(&self) -> TimeRange {
        TimeRange {
            start: self.first_day.start(),
            end: UnixMicros(self.last_day().end().0),
        }
    }

    /// Returns the last day that is read.
    pub fn last_day(&self) -> Day {
        UnixMicros(self.range.end.0 - 1).day()
    }
}

/// Returns the JSON schema of configs as pretty JSON with a final newline.
///
/// # Errors
/// Internal, if the schema cannot be written.
pub fn schema_json() -> CommandResult<String> {
    let schema = schemars::schema_for!(RawConfig);
    Ok(serde_json::to_string_pretty(&schema).internal_error()? + "\n")
}

#[cfg(test)]
mod tests;
