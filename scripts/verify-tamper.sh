#!/usr/bin/env bash
# Requires `quant verify` to pass on a lake, and to name the file after one byte of one partition was flipped.
#
# usage: scripts/verify-tamper.sh QUANT LAKE SCRATCH
#
# One partition of every top-level folder of the lake (raw, openings, bars, features) is tried on a copy of the lake.
set -euo pipefail

quant=$(realpath "$1")
lake=$(realpath "$2")
mkdir -p "$3"
scratch=$(realpath "$3")

"$quant" verify --lake "$lake"

copy=$scratch/tampered
tried=0
for top in "$lake"/*/; do
    partition=$(find "$top" -name 'part-*.parquet' | LC_ALL=C sort | sed -n 1p)
    [ -n "$partition" ] || continue
    name=${partition#"$lake"/}
    rm -rf "$copy"
    cp -r "$lake" "$copy"

    middle=$(($(wc -c <"$partition") / 2))
    byte=$(od -An -tu1 -j "$middle" -N 1 "$partition" | tr -d ' ')
    # shellcheck disable=SC2059  # the format is the octal escape of the flipped byte
    printf "\\$(printf '%03o' $((byte ^ 255)))" |
        dd of="$copy/$name" bs=1 seek="$middle" conv=notrunc status=none
    if cmp -s "$partition" "$copy/$name"; then
        echo "verify: the byte was not flipped in $name" >&2
        exit 1
    fi

    status=0
    "$quant" verify --lake "$copy" >"$scratch/verify.out" 2>&1 || status=$?
    if [ "$status" -ne 3 ] || ! grep -qF "$name" "$scratch/verify.out"; then
        echo "verify: byte $middle of $name was flipped; expected exit code 3 and its name, got $status:" >&2
        tail -n 20 "$scratch/verify.out" >&2
        exit 1
    fi
    echo "verify: one flipped byte found in $name"
    tried=$((tried + 1))
done
rm -rf "$copy"
if [ "$tried" -eq 0 ]; then
    echo "verify: the lake holds no partition" >&2
    exit 1
fi
