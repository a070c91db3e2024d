//! The commit protocol
