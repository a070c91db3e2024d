#!/usr/bin/env bash
# Counts the packages of Cargo.lock against the budget that tests/it/architecture.rs states.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

budget=$(sed -n 's/^const MAX_PACKAGES: usize = \([0-9]*\);$/\1/p' tests/it/architecture.rs)
packages=$(grep -c '^\[\[package\]\]$' Cargo.lock)
if [ -z "$budget" ]; then
    echo "package budget: no MAX_PACKAGES in tests/it/architecture.rs" >&2
    exit 1
fi
echo "package budget: $packages of $budget"
[ "$packages" -le "$budget" ]
