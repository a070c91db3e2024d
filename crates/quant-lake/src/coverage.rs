//! Coverage
