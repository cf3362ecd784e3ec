"""Files with refunds beside a shop's event files.

Finding the purchases of refunded orders in the event files belongs here; how refunds are netted, to `refunds.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from ml_assets.ids import IdTypes
from ml_assets.settings.source import FilesSource
from ml_assets.sources import columns
from ml_assets.sources.base import together
from ml_assets.sources.looked import LookedFiles
from ml_assets.sources.refunds import as_lines, key_of

SECTION = "source.refund_columns"


class RefundFiles:
    """The files of `source.refunds`, at `paths`."""

    def __init__(self, paths: Sequence[str], source: FilesSource, mapped: LookedFiles) -> None:
        self.paths = paths
        self._source = source
        self._mapped = mapped

    def stamps(self, events: Mapping[str, str | None]) -> dict[str, str | None]:
        """What changes with a file of refunds, or with the purchases that it is matched with."""
        beside = None if None in events.values() else f"{events}"
        stamps = {path: self._mapped.stamp(path) for path in self.paths}
        return {path: f"{stamp} {beside}" if stamp and beside else None for path, stamp in stamps.items()}

    def lines(self, paths: Sequence[str], types: IdTypes, first: date, last: date) -> pl.DataFrame:
        """Return lines of the days `first` to `last`, or of no known day; more days where only orders have one."""
        refunds = [self._read(path, types) for path in paths]
        own_time = self._source.refund_columns.time is not None
        if own_time:
            refunds = [each.filter(pl.col("day").is_between(first, last) | pl.col("day").is_null()) for each in refunds]
        found = pl.concat(refunds)
        if found.is_empty():
            return together((), types)
        bought = pl.concat(self._bought(path, found["order_id"], types) for path in self._mapped.paths)
        return as_lines(found, bought, types, self._mapped.reading.timezone, own_time=own_time)

    def _read(self, path: str, types: IdTypes) -> pl.DataFrame:
        mapping, reading = self._source.refund_columns, self._mapped.reading
        frame = columns.needed(self._mapped.table(path, SECTION, mapping), mapping, reading, None)
        lines = self._mapped.collect(frame, path)
        fields = columns.read_fields(lines, mapping, reading, types=types)
        return columns.whole_lines(fields, types, path, pl.col("day"), one=None)

    def _bought(self, path: str, orders: pl.Series, types: IdTypes) -> pl.DataFrame:
        """The purchases of these orders in one file of events."""
        mapping, reading, where = self._source.columns, self._mapped.reading, self._source.where
        keys = orders.to_frame("order").select(key_of(pl.col("order"))).to_series().drop_nulls().unique()
        frame = columns.needed(self._mapped.events(path), mapping, reading, where)
        wanted = frame.filter(key_of(reading.text(mapping.order or "")).is_in(keys.implode()))
        lines = self._mapped.collect(wanted, path)
        fields = columns.read_fields(lines, mapping, reading, types=types, where=where)
        return columns.whole_lines(fields, types, path, pl.col("day"))
