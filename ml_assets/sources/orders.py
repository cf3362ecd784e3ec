"""A second set of files with one line per order, beside the files with its items.

Joining belongs here: what stands in the orders' files is added to every line of the order. What the columns mean is the
same mapping as for one file.
"""

from collections.abc import Callable, Sequence

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.columns import UndatedOrders
from ml_assets.sources.refunds import key_of
from ml_assets.sources.undated import dated

Stamp = Callable[[str], str | None]
# Of a column that both have, the orders' one.
SUFFIX = "_of_order"
KEY = "key of the order"


class Orders:
    """The orders' files at `paths`; `on` is a column that both have, or `column of lines = column of orders`."""

    def __init__(
        self,
        paths: Sequence[str],
        on: str,
        open_file: Callable[[str], pl.LazyFrame],
        stamp: Stamp,
        undated: UndatedOrders | None = None,
    ) -> None:
        self._paths = paths
        self._undated = undated
        lines, _, orders = (part.strip() for part in on.partition("="))
        self._line_key, self._order_key = lines, orders or lines
        self._open = open_file
        self._stamp = stamp
        self._table: pl.LazyFrame | None = None

    def stamps(self) -> str:
        """What changes when a file of orders does; never the same twice where a file tells nothing."""
        found = {path: self._stamp(path) for path in self._paths}
        return f"{found}" if None not in found.values() else f"{id(self)} {found}"

    def joined(self, lines: pl.LazyFrame, path: str) -> pl.LazyFrame:
        """The lines of one file, in their order, with what is known of their orders."""
        self._require(lines, path, self._line_key)
        added = self._orders()
        keyed = lines.with_columns(key_of(pl.col(self._line_key)).alias(KEY))
        return keyed.join(added, on=KEY, how="left", suffix=SUFFIX, maintain_order="left").drop(KEY)

    def _orders(self) -> pl.LazyFrame:
        if self._table is None:
            frames = []
            for path in self._paths:
                frame = self._open(path)
                self._require(frame, path, self._order_key)
                frames.append(frame.with_columns(key_of(pl.col(self._order_key)).alias(KEY)))
            # The newest mention of an order wins: files are read in the order of their names.
            whole = pl.concat(frames, how="diagonal_relaxed").drop_nulls(KEY)
            orders = whole.unique(KEY, keep="last")
            if self._undated:
                orders = dated(orders, self._undated, self._paths[-1])
            self._table = orders.collect().lazy()
        return self._table

    def _require(self, frame: pl.LazyFrame, path: str, key: str) -> None:
        have = frame.collect_schema().names()
        if key not in have:
            raise UserError(
                f"{path} has no column {key}, by which lines and orders belong together (it has: {', '.join(have)}).",
                "Set source.orders_on to the column that both have, or to `column of lines = column of orders`.",
                code="source.unreadable",
            )
