"""Independent oracle: the content hash of lake partitions, from the definition in docs/formats.md, with pyarrow.

usage: python3 scripts/oracles/content_hash.py PART.parquet ...   one `<content_sha256>  <file>` line per file
       python3 scripts/oracles/content_hash.py --check FOLDER     every partition of every manifest below FOLDER

Shares no code with `quant`. `--check` compares `content_sha256`, `sha256`, `rows` and `bytes` with each manifest, prints
one line per partition and exits with 1 if anything differs or nothing was found. Needs pyarrow.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

# Name that enters the hash, and struct code of one value; text has no fixed width.
TYPES = {
    pa.timestamp("us", tz="UTC"): ("ts_us", "q"),
    pa.float64(): ("f64", "d"),
    pa.int64(): ("i64", "q"),
    pa.int32(): ("i32", "i"),
    pa.int8(): ("i8", "b"),
    pa.bool_(): ("bool", "?"),
    pa.string(): ("utf8", None),
}


def text(value):
    data = value.encode()
    return struct.pack("<I", len(data)) + data


def validity_bits(values):
    """One bit per row, first row in the lowest bit of the first byte, the last byte filled with zeros."""
    out = bytearray((len(values) + 7) // 8)
    for i, value in enumerate(values):
        if value is not None:
            out[i // 8] |= 1 << (i % 8)
    return bytes(out)


def value_bytes(values, code):
    if code is None:
        return b"".join(text(v or "") for v in values)
    return struct.pack(f"<{len(values)}{code}", *(0 if v is None else v for v in values))


def column_digest(name, column):
    """Digest of one column, or None if no row has a value."""
    if column.null_count == len(column):
        return None
    kind, code = TYPES[column.type]
    # Times as integers: Python's datetime would do, but the integer is the definition.
    values = (column.cast(pa.int64()) if kind == "ts_us" else column).to_pylist()
    sha = lambda data: hashlib.sha256(data).digest()
    return sha(text(name) + text(kind) + sha(validity_bits(values)) + sha(value_bytes(values, code)))


def content_sha256(path):
    # `partitioning=None`: the folder name `date=...` is not a column.
    table = pq.read_table(path, partitioning=None)
    whole = hashlib.sha256(b"quant-content-1\n" + struct.pack("<Q", table.num_rows))
    for name, column in zip(table.column_names, table.columns):
        digest = column_digest(name, column)
        if digest is not None:
            whole.update(digest)
    return whole.hexdigest(), table.num_rows


def check(folder):
    found = bad = 0
    for manifest in sorted(Path(folder).rglob("manifest.json")):
        for partition in json.loads(manifest.read_text())["partitions"]:
            path = manifest.parent / f"date={partition['date']}" / partition["file"]
            content, rows = content_sha256(path)
            data = path.read_bytes()
            ours = {"content_sha256": content, "rows": rows, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            wrong = [key for key, value in ours.items() if partition[key] != value]
            found, bad = found + 1, bad + bool(wrong)
            print(f"{'FAIL ' + ','.join(wrong) if wrong else 'ok  '} {path.relative_to(folder)}")
    print(f"{found} partitions, {bad} differ")
    return found > 0 and bad == 0


def main():
    args = sys.argv[1:]
    if len(args) == 2 and args[0] == "--check":
        sys.exit(0 if check(args[1]) else 1)
    if not args or args[0].startswith("-"):
        raise SystemExit(__doc__)
    for path in args:
        print(f"{content_sha256(path)[0]}  {path}")


if __name__ == "__main__":
    main()
