#!/usr/bin/env bash
# Runs the pipeline twice from nothing, in two environments, and requires the same bytes.
#
# usage: scripts/determinism.sh QUANT CONFIG SCRATCH [extra run-all arguments...]
#
# Run A: TZ=UTC, working folder = the repository, --jobs 1. Run B: TZ=Asia/Tokyo, another working folder, another
# locale, --jobs 2. Compared: the names and bytes of every file of every run, except timing.json (wall clock) and
# deflation.json (depends on the length of the ledger); and date and content_sha256 of every manifest of the lake.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

quant=$(realpath "$1")
config=$(realpath "$2")
mkdir -p "$3"
scratch=$(realpath "$3")
shift 3

run() { # NAME JOBS TZ LANG FOLDER [extra...]
    local name=$1 jobs=$2 tz=$3 lang=$4 folder=$5
    shift 5
    mkdir -p "$folder"
    (
        cd "$folder"
        TZ=$tz LANG=$lang LC_ALL=$lang "$quant" run-all --config "$config" --force --jobs "$jobs" \
            --set "paths.lake=$scratch/$name/lake" --set "paths.artifacts=$scratch/$name/artifacts" "$@" \
            >"$scratch/$name.stdout" 2>"$scratch/$name.stderr"
    ) || {
        local status=$?
        echo "determinism: run $name failed with exit code $status" >&2
        tail -n 40 "$scratch/$name.stderr" >&2
        return 1
    }
}

run_files() { # NAME -> "<sha256>  <path>" of every compared file
    (
        cd "$scratch/$1/artifacts/runs"
        find . -type f ! -name timing.json ! -name deflation.json -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    )
}

manifests() { # NAME -> path, then date and content_sha256 of each partition, in the manifest's order
    (
        cd "$scratch/$1/lake"
        find . -name manifest.json -print0 | LC_ALL=C sort -z | while IFS= read -r -d '' manifest; do
            echo "$manifest"
            grep -oE '"(date|content_sha256)" *: *"[^"]*"' "$manifest"
        done
    )
}

run a 1 UTC C "$here" "$@"
run b 2 Asia/Tokyo en_US.UTF-8 "$scratch/elsewhere" "$@"

for name in a b; do
    run_files "$name" >"$scratch/$name.files"
    manifests "$name" >"$scratch/$name.contents"
done

# Two empty lists are equal as well: that would prove nothing.
n_files=$(wc -l <"$scratch/a.files")
n_contents=$(grep -c content_sha256 "$scratch/a.contents" || true)
if [ "$n_files" -eq 0 ] || [ "$n_contents" -eq 0 ]; then
    echo "determinism: nothing to compare ($n_files run files, $n_contents partitions)" >&2
    exit 1
fi
if ! diff "$scratch/a.files" "$scratch/b.files" >&2; then
    echo "determinism: the runs differ in the files above" >&2
    exit 1
fi
if ! diff "$scratch/a.contents" "$scratch/b.contents" >&2; then
    echo "determinism: the lakes differ in the partitions above" >&2
    exit 1
fi
echo "determinism: $n_files run files byte-identical, $n_contents partitions with equal content"
