"""Days of other sources: which statistics of a day before count for a day, by docs/row_features.md."""

from .context import Minutes, nulls

TOUCHES = ("mid_", "spread_", "imbalance_", "wmid_", "bid_qty_tw", "ask_qty_tw", "quote_coverage", "quote_age", "refill_secs")
TOUCHES_EXACT = {"ofi", "ofi_events", "ofi_depth", "n_quotes", "is_stale", "n_depletions", "n_refills"}
BOOKS = ("depth_", "mlofi_", "obi_", "wall_ratio", "book_added_", "book_removed_", "book_coverage", "book_age")
BOOKS_EXACT = {"ofi_weighted", "n_book_updates"}
PRICES = ("flow_", "rv_")
PRICES_EXACT = {"rv"}


class Sources:
    """What the statistics of one instrument and day are made of."""

    def __init__(self, quotes, book, bars):
        self.touch = f"first level of {book}" if quotes == "book" else quotes
        self.book = book
        self.prices = self.touch if quotes != "none" else "trades" if bars in ("trades", "agg_trades") else "none"

    def of(self, column):
        """What a column is made of; a constant where every day is like every other."""
        if column in TOUCHES_EXACT or column.startswith(TOUCHES):
            return self.touch
        if column in BOOKS_EXACT or column.startswith(BOOKS):
            return self.book
        if column in PRICES_EXACT or column.startswith(PRICES):
            return self.prices
        return None


def seen_from(today, minutes):
    """The minutes of a day before as a day sees them: statistics made of something else than its own are null."""
    own, other = today.sources or Sources("none", "none", None), minutes.sources or Sources("none", "none", None)
    if today.sources is None and minutes.sources is None:
        return minutes
    columns = {name: x if own.of(name) == other.of(name) else nulls(minutes.n) for name, x in minutes.columns.items()}
    return Minutes(columns, minutes.present, minutes.filled)
