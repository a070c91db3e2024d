//! Manifests
