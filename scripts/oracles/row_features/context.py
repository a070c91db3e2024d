"""What a feature sees on one day: the rows of its replay, cut into segments, with windows over them.

Null is NaN throughout. A feature is a function `(segment or context, parameters) -> {column: Cells}`.
"""

import functools
import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

DAY_MINUTES = 1440
# Columns of a minute row besides its statistics.
ROW = ("open", "high", "low", "close", "volume", "quote_volume", "buy_volume", "vwap")


class Cells:
    """Values with the size of the terms they are made of: a difference is measured against the larger of the two."""

    def __init__(self, value, scale=None):
        self.value = np.asarray(value, dtype=float)
        self.scale = np.abs(self.value) if scale is None else np.asarray(scale, dtype=float)


def nulls(n):
    return np.full(n, np.nan)


def need(share, n):
    """Fewest valid values of a window of n; a value of nothing is never one."""
    return max(math.ceil(share * n), 1)


def ratio(a, b):
    """a / b, null where b is 0 (or one of them null)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(b) == 0, np.nan, np.divide(a, b))


# ---- windows: entry t is of x[t-n+1 .. t], null for t < n - 1 ---------------------------------------------------------


def windows(x, n):
    """The windows that are whole, one per row; the first one ends at n - 1."""
    return sliding_window_view(x, n) if len(x) >= n else np.empty((0, n))


def over(x, n, f):
    """f of every whole window (windows are rows), null before the first one."""
    out = nulls(len(x))
    if len(x) >= n:
        out[n - 1 :] = f(windows(x, n))
    return out


def counts(x, n):
    """Non-null values of every window."""
    return over((~np.isnan(x)).astype(float), n, lambda w: w.sum(axis=1))


def wsum(x, n, share):
    """Sum of the non-null values; null with too few of them."""
    sums = over(np.where(np.isnan(x), 0.0, x), n, lambda w: w.sum(axis=1))
    return np.where(counts(x, n) >= need(share, n), sums, np.nan)


def wmean(x, n, share):
    return wsum(x, n, share) / counts(x, n)


def z_cells(x, m, share, size=None, n=1):
    """(x_t - mean) / std over the non-null values of W_m; null where all are equal. Of sums over n minutes: from minute n + m - 1 on."""
    span = n
    size = np.abs(x) if size is None else size
    out, scale = nulls(len(x)), nulls(len(x))
    if len(x) >= m:
        w, ws = windows(x, m), windows(size, m)
        valid = ~np.isnan(w)
        n = valid.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(valid, w, 0.0).sum(axis=1) / n
            dev = np.where(valid, w - mean[:, None], 0.0)
            std = np.sqrt((dev * dev).sum(axis=1) / (n - 1))
            same = np.nanmax(np.where(valid, w, -np.inf), axis=1) == np.nanmin(np.where(valid, w, np.inf), axis=1)
            ok = (n >= max(need(share, m), 2)) & ~same & ~np.isnan(w[:, -1])
            z = np.where(ok, (w[:, -1] - mean) / std, np.nan)
            terms = np.where(valid, ws, 0.0).sum(axis=1) / n
            out[m - 1 :] = z
            scale[m - 1 :] = (ws[:, -1] + terms * (1 + np.abs(z))) / std
    out[: span + m - 2] = np.nan
    return Cells(out, scale)


def median_of_rows(w):
    """Median of the non-null values of each row."""
    ordered = np.sort(w, axis=1)  # nulls go last
    n = (~np.isnan(w)).sum(axis=1)
    low, high = np.maximum((n - 1) // 2, 0), np.maximum(n // 2, 0)
    rows = np.arange(len(w))
    mid = (ordered[rows, low] + ordered[rows, np.minimum(high, w.shape[1] - 1)]) / 2
    return np.where(n > 0, mid, np.nan)


def zmad_cells(x, m, share, size=None, n=1):
    """(x_t - median) / (1.4826 median abs(x - median)); null where the latter is 0. Of sums over n minutes: from minute n + m - 1 on."""
    span = n
    size = np.abs(x) if size is None else size
    out, scale = nulls(len(x)), nulls(len(x))
    if len(x) >= m:
        w, ws = windows(x, m), windows(size, m)
        n = (~np.isnan(w)).sum(axis=1)
        med = median_of_rows(w)
        mad = 1.4826 * median_of_rows(np.abs(w - med[:, None]))
        ok = n >= need(share, m)
        z = np.where(ok, ratio(w[:, -1] - med, mad), np.nan)
        out[m - 1 :] = z
        scale[m - 1 :] = ratio(ws[:, -1] + np.nanmax(np.where(np.isnan(ws), 0.0, ws), axis=1) * (1 + np.abs(z)), mad)
    out[: span + m - 2] = np.nan
    return Cells(out, scale)


# ---- rows ------------------------------------------------------------------------------------------------------------


class Minutes:
    """Consecutive minutes of one instrument: columns as arrays, null where there is no row."""

    def __init__(self, columns, present, filled, sources=None):
        self.sources = sources  # of a day: what its statistics are made of, if it has any
        self.columns = columns
        self.present = present
        self.filled = filled
        self.n = len(present)

    @property
    def real(self):
        return self.present & ~self.filled

    def stat(self, name):
        """A statistic; null throughout where the rows have no such column."""
        return self.columns[name] if name in self.columns else nulls(self.n)

    def slice(self, a, b):
        return Minutes({k: v[a:b] for k, v in self.columns.items()}, self.present[a:b], self.filled[a:b])


def concatenate(parts):
    names = sorted({k for p in parts for k in p.columns})
    columns = {k: np.concatenate([p.columns.get(k, nulls(p.n)) for p in parts]) for k in names}
    return Minutes(columns, np.concatenate([p.present for p in parts]), np.concatenate([p.filled for p in parts]))


def absent_day():
    return Minutes({}, np.zeros(DAY_MINUTES, bool), np.zeros(DAY_MINUTES, bool))


def segments(minutes, gap_minutes):
    """(pieces, in_gap): pieces are [start, end) of minutes between gaps, the first gap_minutes of a gap included.

    The minutes before the first real one are a piece of their own, at most gap_minutes long.
    """
    in_gap = np.zeros(minutes.n, bool)
    starts, missing, seen = [0], 0, False
    for t, real in enumerate(minutes.real):
        if real:
            if not seen or missing > gap_minutes:
                starts.append(t)
            seen, missing = True, 0
        else:
            missing += 1
            in_gap[t] = missing > gap_minutes
    pieces = []
    for a, b in zip(starts, starts[1:] + [minutes.n]):
        b = a + int((~in_gap[a:b]).sum())  # a gap is the end of its piece
        if b > a:
            pieces.append((a, b))
    return pieces, in_gap


def segment_of(minutes, gap_minutes):
    """(number of the segment, in a gap) of every minute: two minutes with the same have no beginning or end of one between them."""
    _, in_gap = segments(minutes, gap_minutes)
    number, missing, out = 0, 0, []
    for t, real in enumerate(minutes.real):
        number += bool(real and (number == 0 or missing > gap_minutes))
        missing = 0 if real else missing + 1
        out.append((number, bool(in_gap[t])))
    return out


class Bars:
    """Completed 5m bars with prices: `end` is the last minute of each."""

    def __init__(self, m, first_minute):
        ends = [t for t in range(m.n) if (first_minute + t + 1) % 5 == 0 and t >= 4]
        rows = []
        for t in ends:
            span = slice(t - 4, t + 1)
            if not m.present[span].all():
                continue
            real = ~m.filled[span]
            priced = real if real.any() else np.ones(5, bool)
            o, h, l, c = (m.stat(k)[span][priced] for k in ROW[:4])
            if np.isnan(c).any():
                continue
            volume = 0.0
            for v in m.stat("volume")[span]:
                volume += v
            rows.append((t, o[0], h.max(), l.min(), c[-1], volume))
        table = np.array(rows, dtype=float).reshape(-1, 6)
        self.end = table[:, 0].astype(int)
        self.o, self.h, self.l, self.c, self.v = table[:, 1:].T
        self.n = len(self.end)

    def select(self, keep):
        other = object.__new__(Bars)
        other.end, other.o, other.h, other.l, other.c, other.v = (x[keep] for x in (self.end, self.o, self.h, self.l, self.c, self.v))
        other.n = len(other.end)
        return other

    @property
    def r(self):
        """Log returns; the first one is null."""
        return np.concatenate([[np.nan], np.log(self.c[1:] / self.c[:-1])]) if self.n else nulls(0)


class Segment:
    """Minutes a..b of a context, and the 5m bars completed in them."""

    def __init__(self, ctx, a, b):
        m = ctx.traded.slice(a, b)
        self.n, self.a, self.whole = m.n, a, ctx.traded
        self.first_needed = max(ctx.today - a, 0)
        self.present, self.real = m.present, m.real
        self.o, self.h, self.l = (m.stat(k) for k in ("open", "high", "low"))
        self.c = ctx.close[a:b]
        self.v = np.where(m.present, m.stat("volume"), 0.0)
        self.qv, self.bv, self.vwap = m.stat("quote_volume"), m.stat("buy_volume"), m.stat("vwap")
        self.stat = m.stat
        self.bars = ctx.bars.select((ctx.bars.end >= a) & (ctx.bars.end < b))
        self.memo = {}

    @functools.cached_property
    def r(self):
        """ln(c_t / c_(t-1)); null in the first minute of the segment."""
        return np.concatenate([[np.nan], np.log(self.c[1:] / self.c[:-1])])

    @property
    def d(self):
        return np.concatenate([[np.nan], self.c[1:] - self.c[:-1]])

    def hold(self, cells):
        """Values of bars as values of minutes: each from the last minute of its bar until the next bar."""
        if not isinstance(cells, Cells):
            cells = Cells(cells)
        i = np.searchsorted(self.bars.end - self.a, np.arange(self.n), side="right") - 1
        if not self.bars.n:
            return Cells(nulls(self.n))
        return Cells(np.where(i >= 0, cells.value[i], np.nan), np.where(i >= 0, cells.scale[i], np.nan))


class Context:
    """The whole days before a day and the day itself, for one feature's `days_back`."""

    def __init__(self, instruments, traded_idx, gap_minutes):
        self.instruments = instruments
        self.traded_idx = traded_idx
        self.gap_minutes = gap_minutes
        self.traded = t = instruments[traded_idx]
        self.n = t.n
        self.today = t.n - DAY_MINUTES
        self.pieces, self.in_gap = segments(t, gap_minutes)
        last, close = np.nan, t.stat("close").copy()
        for i in range(t.n):  # an absent minute has the close before it
            if t.present[i] and not np.isnan(close[i]):
                last = close[i]
            elif not t.present[i]:
                close[i] = last
        self.close = close
        self.bars = Bars(t, 0)
        self.segments = [Segment(self, a, b) for a, b in self.pieces]

    def days(self):
        """The whole days before today as slices, oldest first."""
        return [slice(a, a + DAY_MINUTES) for a in range(0, self.today, DAY_MINUTES)]


def per_segment(f):
    """Makes a feature of contexts from one of segments: windows start anew in each."""

    def of_context(ctx, p):
        out = {}
        for s in ctx.segments:
            for name, cells in f(s, p).items():
                if not isinstance(cells, Cells):
                    cells = Cells(cells)
                if name not in out:
                    out[name] = Cells(nulls(ctx.n))
                out[name].value[s.a : s.a + s.n] = cells.value
                out[name].scale[s.a : s.a + s.n] = cells.scale
        return out

    of_context.of_segment = f
    return of_context
