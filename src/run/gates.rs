//! Gates: when a run refuses to give a number, and what it says instead.

use serde::Serialize;

/// One gate and what it saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// Name.
    pub name: &'static str,
    /// Whether the run may go on.
    pub passed: bool,
    /// What was measured.
    pub measured: Option<f64>,
    /// Smallest value that passes.
    pub required: Option<f64>,
    /// What is missing, in words; empty if passed.
    pub missing: String,
    /// Commands that would help.
    pub remedies: Vec<String>,
}

impl Gate {
    /// Returns a gate that compares a measured value with the smallest one allowed.
    pub fn at_least(
        name: &'static str,
        measured: f64,
        required: f64,
        missing: impl FnOnce() -> String,
        remedies: impl FnOnce() -> Vec<String>,
    ) -> Self {
        let passed = measured >= required;
        Self {
            name,
            passed,
            measured: Some(measured),
            required: Some(required),
            missing: if passed { String::new() } else { missing() },
            remedies: if passed { Vec::new() } else { remedies() },
        }
    }
}
