//! Tests of features.
