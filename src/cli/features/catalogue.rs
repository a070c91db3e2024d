//! Both registries in one shape: what `list`, `show` and the document are made of.

use quant_core::bars::{STATS, StatSpec};
use quant_core::features::{FeatureError, FeatureKind, kinds};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::synonyms;

/// Which registry an entry is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    /// Events of a minute become columns of its row.
    Minute,
    /// Rows become rolling features.
    Row,
}

impl Tier {
    /// Returns the number the documents use.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Minute => 1,
            Self::Row => 2,
        }
    }
}

impl Serialize for Tier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.number())
    }
}

/// One column; of a kind of features, as its example names it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) formula: String,
    pub(super) units: String,
}

/// One statistic or one kind of features.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) tier: Tier,
    pub(super) doc: String,
    /// Other names by which `show` finds it; near to it, not always the same thing.
    pub(super) found_as: Vec<&'static str>,
    pub(super) columns: Vec<Column>,
    /// Of the whole kind; a statistic has one per column.
    pub(super) formula: String,
    /// Of the whole kind; a statistic has one per column.
    pub(super) units: String,
    pub(super) window: String,
    pub(super) warmup: String,
    pub(super) inputs: String,
    pub(super) null_policy: String,
    pub(super) causality: String,
    pub(super) reference: String,
    /// Names of the parameters; a statistic has none.
    pub(super) params: Vec<String>,
    /// Valid parameters as a config writes them, which the columns, window and warm-up are of; not defaults.
    pub(super) example: Option<Value>,
}

impl Entry {
    /// Returns whether it has this name, writes this column, or is called so by others.
    pub(super) fn answers_to(&self, name: &str) -> bool {
        self.name == name
            || self.columns.iter().any(|c| c.name == name)
            || self.found_as.contains(&name)
    }

    /// Returns whether it writes such a column with other parameters.
    pub(super) fn is_kin_of(&self, name: &str) -> bool {
        let stem = stem(name);
        self.name == stem || self.columns.iter().any(|c| self::stem(&c.name) == stem)
    }
}

/// Returns the name of a column without the parameters at its end: `ofi_z` of `ofi_z_30_240`.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((head, tail)) = stem.rsplit_once('_') {
        if !tail.starts_with(|c: char| c.is_ascii_digit()) {
            break;
        }
        stem = head;
    }
    stem
}

/// Returns the statistics in column order, then the kinds by name.
///
/// # Errors
/// That of an example that its own kind refuses.
pub(super) fn entries() -> Result<Vec<Entry>, FeatureError> {
    let statistics = STATS.iter().map(|spec| Ok(of_statistic(spec)));
    statistics.chain(kinds().iter().map(of_kind)).collect()
}

fn of_statistic(spec: &StatSpec) -> Entry {
    let columns = spec.columns.iter().map(|c| Column {
        name: c.name.to_owned(),
        formula: c.formula.to_owned(),
        units: c.units.to_owned(),
    });
    Entry {
        name: spec.name.to_owned(),
        tier: Tier::Minute,
        doc: spec.doc.to_owned(),
        found_as: synonyms::of(spec.name).collect(),
        columns: columns.collect(),
        formula: "see the columns".to_owned(),
        units: "see the columns".to_owned(),
        window: "the minute".to_owned(),
        warmup: "none".to_owned(),
        inputs: spec.inputs.to_owned(),
        null_policy: spec.nan_policy.to_owned(),
        causality: "events before ts_close of the row; state records known at its ts_avail"
            .to_owned(),
        reference: spec.reference.to_owned(),
        params: Vec::new(),
        example: None,
    }
}

fn of_kind(kind: &FeatureKind) -> Result<Entry, FeatureError> {
    let feature = kind.example.build()?;
    let spec = feature.spec();
    let columns = spec.columns.iter().map(|name| Column {
        name: name.clone(),
        formula: spec.formula.to_owned(),
        units: spec.units.to_owned(),
    });
    // Parameters are plain numbers: they always become JSON.
    let example = serde_json::to_value(kind.example).unwrap_or(Value::Null);
    let params = example
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys())
        .filter(|key| *key != "kind")
        .cloned();
    Ok(Entry {
        name: kind.name.to_owned(),
        tier: Tier::Row,
        doc: kind.doc.to_owned(),
        found_as: synonyms::of(kind.name).collect(),
        columns: columns.collect(),
        formula: spec.formula.to_owned(),
        units: spec.units.to_owned(),
        window: spec.window.clone(),
        warmup: spec.warmup.clone(),
        inputs: spec.inputs.to_owned(),
        null_policy: spec.nan_policy.to_owned(),
        causality: spec.causality.to_owned(),
        reference: spec.reference.to_owned(),
        params: params.collect(),
        example: Some(example),
    })
}
