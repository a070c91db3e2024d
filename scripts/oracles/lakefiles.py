"""Reading and comparing lake partitions, for the other oracles; docs/formats.md is the only thing it knows of the program.

Rows are tuples in the order of a column list. Prices and quantities stay decimals: the lake's shortest decimal is the venue's own.
"""

import datetime
import json
import pathlib
from decimal import Decimal

DAY_US = 86_400_000_000


def day_of(us):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=us // DAY_US)).isoformat()


def day_start(day):
    """Start of a day, microseconds UTC."""
    return (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days * DAY_US


def open_day(lake, exchange, market, symbol, dataset):
    """Yields (day, table) of every partition the manifest lists; nothing if the set is absent."""
    import pyarrow.parquet as pq

    folder = pathlib.Path(lake) / "raw" / exchange / market / symbol.replace(":", "%3A") / dataset
    if not (folder / "manifest.json").is_file():
        return
    manifest = json.loads((folder / "manifest.json").read_text())
    for part in manifest["partitions"]:
        table = pq.read_table(folder / f"date={part['date']}" / part["file"], partitioning=None)
        if table.num_rows != part["rows"]:
            raise SystemExit(f"{folder} {part['date']}: manifest says {part['rows']} rows, file holds {table.num_rows}")
        yield part["date"], table


def column(table, name):
    """Values of a column: times as microseconds, floats as they are, None where null or absent."""
    import pyarrow as pa

    if name not in table.column_names:
        return [None] * table.num_rows
    values = table[name]
    if pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    if name == "ts_inferred":  # null says the same as false
        return [bool(value) for value in values.to_pylist()]
    return values.to_pylist()


def rows_of(table, names):
    return list(zip(*(column(table, n) for n in names)))


def exact(value):
    """A float as the decimal it was parsed from."""
    return Decimal(repr(value)) if isinstance(value, float) else value


def near(a, b, relative):
    return a == b or (a is not None and b is not None and abs(float(a) - float(b)) <= relative * abs(float(b)))


class Comparison:
    """Collects differences; `compare` takes my rows of all days and the lake's set."""

    def __init__(self, lake, exchange, market, symbol, start=None, end=None):
        self.where = (lake, exchange, market, symbol)
        self.start, self.end, self.failures = start, end, 0

    def fail(self, text):
        self.failures += 1
        if self.failures <= 20:
            print("DIFFERENT", text)

    def inside(self, day):
        return (self.start is None or day >= self.start) and (self.end is None or day < self.end)

    def compare(self, dataset, names, mine, key, sums, loose=(), skip=()):
        """`key` sorts both sides, None pairs them in the order they have; `sums` are compared as exact decimal sums; columns in
        `loose` to 1e-14 (contracts -> base), their sums to 1e-12; those in `skip` not at all."""
        days = {}
        for row in mine:
            days.setdefault(day_of(row[0]), []).append(row)
        days = {day: rows for day, rows in days.items() if self.inside(day)}
        found = {}
        for day, table in open_day(*self.where, dataset):
            if self.inside(day):
                found[day] = rows_of(table, names)
        for day in sorted(set(days) | set(found)):
            a, b = days.get(day, []), found.get(day)
            name = f"{dataset} {day}"
            if b is None:
                self.fail(f"{name}: {len(a)} rows of mine, no partition")
                continue
            if any(not day == day_of(row[0]) for row in b):
                self.fail(f"{name}: rows of another day in the partition")
            if len(a) != len(b):
                self.fail(f"{name}: {len(a)} rows of mine, {len(b)} in the lake")
            parts = []
            for column_name in sums:
                i = names.index(column_name)
                x = sum((r[i] for r in a if r[i] is not None), Decimal(0))
                y = sum((exact(r[i]) for r in b if r[i] is not None), Decimal(0))
                parts.append(f"sum({column_name}) {x.normalize():f}")
                if not (near(y, x, 1e-12) if column_name in loose else x == y):
                    self.fail(f"{name}: sum({column_name}) {x} of mine, {y} in the lake")
            self.values(name, names, a, b, key, loose, skip)
            print(f"{name}: {len(b)} rows in the lake, {len(a)} of mine, {', '.join(parts)}")

    def values(self, name, names, a, b, key, loose, skip):
        """Pairs rows by their key columns and compares all columns but `skip`."""
        order = [names.index(k) for k in key or []]
        # Decimals become floats once, correctly rounded, as the lake must have done.
        as_float = [tuple(float(v) if isinstance(v, Decimal) else v for v in row) for row in a]
        sorter = lambda row: tuple((row[i] is not None, row[i]) for i in order)  # noqa: E731
        checked = [i for i, n in enumerate(names) if n not in skip]
        bad = 0
        if key is not None:
            as_float, b = sorted(as_float, key=sorter), sorted(b, key=sorter)
        for x, y in zip(as_float, b):
            if x == y:
                continue
            off = [names[i] for i in checked if x[i] != y[i] and not (names[i] in loose and near(x[i], y[i], 1e-14))]
            if off:
                bad += 1
                if bad <= 3:
                    self.fail(f"{name}: {','.join(off)}: {x} of mine, {y} in the lake")
        if bad > 3:
            self.fail(f"{name}: {bad} rows differ")


def describe(dataset, names, rows, sums):
    """Prints counts and exact sums per day of my reading."""
    days = {}
    for row in rows:
        days.setdefault(day_of(row[0]), []).append(row)
    for day in sorted(days):
        text = ", ".join(
            f"sum({c}) {sum((r[names.index(c)] for r in days[day] if r[names.index(c)] is not None), Decimal(0)).normalize():f}"
            for c in sums
        )
        print(f"{dataset} {day}: {len(days[day])} rows, {text}")
    if not days:
        print(f"{dataset}: no rows")
