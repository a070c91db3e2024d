//! One integration binary: it reads this tree, runs `quant` and reads the files it wrote.

#![expect(
    clippy::unwrap_used,
    reason = "tests: a failed unwrap is a failed test"
)]

/// Rules of the tree that a reviewer would otherwise have to remember.
mod architecture;
/// The offline instrument table parses, is consistent and holds what the configs name.
mod instruments;
