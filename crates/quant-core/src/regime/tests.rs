//! Tests of the regime.
