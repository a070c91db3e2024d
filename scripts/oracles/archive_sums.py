#!/usr/bin/env python3
"""Row counts and volumes of a simulated archive, read by DuckDB and by pandas, against its truth.parquet.

Shares no code with the program. Usage: archive_sums.py ARCHIVE_ROOT   (pip install duckdb pandas pyarrow)
Exit 1 on any difference. Volumes are compared exactly: both readers hand back decimal text, summed as decimals.
"""
import gzip
import os
import sys
import tarfile
import tempfile
import zipfile
from decimal import Decimal

import duckdb
import pandas as pd
import pyarrow.parquet as pq

# dataset -> columns by venue: (column of base quantity, column of price or None, column of turnover or None)
BINANCE = {
    "klines_1m": (5, None, 7),
    "agg_trades": (2, 1, None),
    "trades": (2, 1, None),
}
BYBIT = {"trades": (3, 4, None)}
BYBIT_SPOT = {"trades": (3, 2, None)}
CONTRACT = {"BTC": "0.01", "ETH": "0.1", "DOGE": "1000"}


def okx(dataset, instrument):
    value = Decimal(1)
    if ":swap:" in instrument:
        value = Decimal(CONTRACT.get(instrument.split(":")[-1].split("-")[0], "1"))
    columns = {"trades": (4, 3, None), "klines_1m": (6, None, 7)}.get(dataset)
    return columns, value if dataset == "trades" else Decimal(1)


def extract(path, folder):
    """Returns the text file inside a zip, gz or tar.gz."""
    out = os.path.join(folder, "data.csv")
    if path.endswith(".tar.gz"):
        with tarfile.open(path) as tar:
            source = tar.extractfile(tar.next())
            text = source.read()
    elif path.endswith(".gz"):
        with gzip.open(path) as source:
            text = source.read()
    else:
        with zipfile.ZipFile(path) as archive:
            (name,) = archive.namelist()
            text = archive.read(name)
    with open(out, "wb") as target:
        target.write(text)
    return out, text


def has_header(text):
    first = text.split(b",", 1)[0]
    return not first.replace(b".", b"").replace(b"-", b"").replace(b":", b"").replace(b" ", b"").isdigit()


def totals(rows, price, turnover, value):
    """Sums (volume, quote) of rows given as decimal text."""
    volume = quote = Decimal(0)
    for row in rows:
        qty = Decimal(row[0]) * value
        volume += qty
        if price is not None:
            quote += qty * Decimal(row[1])
        elif turnover is not None:
            quote += Decimal(row[1])
    return volume, quote


def main(root):
    truth = pq.read_table(os.path.join(root, "truth.parquet"), filters=[("kind", "=", "file")]).to_pylist()
    failures = checked = summed = 0
    for entry in truth:
        path = os.path.join(root, entry["path"])
        venue = entry["instrument"].split(":")[0].removeprefix("sim-")
        dataset, value = entry["dataset"], Decimal(1)
        with tempfile.TemporaryDirectory() as folder:
            csv, text = extract(path, folder)
            if dataset in ("l2_deltas", "l2_snapshots"):
                rows = text.count(b"\n")
                found = [("lines", rows, None, None)]
                columns = None
            else:
                header = has_header(text)
                names = len(text.split(b"\n", 1)[0].split(b","))
                db = duckdb.connect()
                table = f"read_csv('{csv}', header={str(header).lower()}, all_varchar=true, names={[f'c{i}' for i in range(names)]})"
                frame = pd.read_csv(csv if not path.endswith(".zip") else path, header=0 if header else None, dtype=str)
                if venue == "okx":
                    columns, value = okx(dataset, entry["instrument"])
                elif venue == "bybit":
                    columns = (BYBIT_SPOT if ":spot:" in entry["instrument"] else BYBIT).get(dataset)
                else:
                    columns = BINANCE.get(dataset)
                found = [
                    ("duckdb", db.sql(f"select count(*) from {table}").fetchall()[0][0], None, None),
                    ("pandas", len(frame), None, None),
                ]
                if columns and entry["volume_exact"] is not None:
                    qty, price, turnover = columns
                    second = price if price is not None else turnover
                    by_duckdb = db.sql(f"select c{qty}, c{second} from {table}").fetchall()
                    by_pandas = zip(frame.iloc[:, qty], frame.iloc[:, second])
                    found = [
                        (name, n, *totals(rows, price, turnover, value))
                        for (name, n, _, _), rows in zip(found, [by_duckdb, by_pandas])
                    ]
        for name, n, volume, quote in found:
            checked += 1
            bad = n != entry["rows"]
            if volume is not None:
                summed += 1
                bad |= volume != Decimal(entry["volume_exact"])
                # A turnover column is rounded by the venue's eight decimals; prices times quantities are exact.
                bad |= abs(quote - Decimal(entry["quote_exact"])) > Decimal("1e-6") * max(1, entry["rows"])
                if columns[1] is not None:
                    bad |= quote != Decimal(entry["quote_exact"])
            if bad:
                failures += 1
                print(f"DIFFERENT {name} {entry['path']}: rows {n} volume {volume} quote {quote}; truth {entry}")
    print(f"{len(truth)} files, {checked} readings of row counts, {summed} of exact volumes, {failures} differences")
    return 1 if failures or not truth else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
