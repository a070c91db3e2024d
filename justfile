# `just` lists these; CI runs `.ci/run`.

default:
    @just --list

# fast loop: format, lint, core tests
check:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
    cargo test -p quant-core

# every test
test:
    cargo test --workspace

# exactly what CI runs
ci:
    .ci/run

# accept changed snapshots, after reading their diff
bless:
    INSTA_UPDATE=always cargo test --workspace

# where the build time goes
timings:
    cargo build --release --timings

# ingestion against DuckDB, same file, same machine
bench *ARGS:
    python3 benches/ingest_vs_duckdb.py {{ARGS}}

# the default pipeline, offline
run *ARGS:
    cargo run --release -- run-all --config configs/default.yaml {{ARGS}}

# two runs, two environments, same bytes
determinism:
    cargo build --release
    scripts/determinism.sh "${CARGO_TARGET_DIR:-target}/release/quant" configs/default.yaml "$(mktemp -d)"

# packages in Cargo.lock
budget:
    scripts/package-budget.sh

# licences, bans, sources (needs cargo-deny)
deny:
    cargo deny --offline check bans licenses sources

# the checked-in schema of configs
schema:
    cargo run --quiet -- config schema > configs/schema.json

# docs/features.md, made of the declarations of features
docs:
    cargo run --quiet -- features docs > docs/features.md
