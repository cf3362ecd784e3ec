"""A table of refunds beside the shop's lines.

Asking for refunds, and for the purchases of their orders, belongs here; how they are netted, to `sources/refunds.py`.
"""

from datetime import date
from functools import cached_property

import polars as pl
from psycopg import sql

from ml_assets.ids import IdTypes
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.base import together
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.lines import events_of, fields, lines_of
from ml_assets.sources.postgres.query import FINGERPRINT, Sql, Value, relation, value_of
from ml_assets.sources.refunds import as_lines


class RefundTable:
    """The relation of `source.refunds`; `order` is the order of the shop's lines."""

    def __init__(self, database: ShopDatabase, source: PostgresSource, timezone: str, order: Value) -> None:
        self._database = database
        self._source = source
        self._zone = timezone
        self._order = order
        self._table = relation(source.refunds or "")

    def stamps(self) -> dict[date | None, str]:
        """What changes with the refunds of each day; under None, with any of those that have no day of their own."""
        time = self._values.get("time")
        day = time.as_day(self._zone) if time else sql.SQL("NULL::date")
        query = sql.SQL("SELECT {}, count(*), {} FROM {} GROUP BY 1").format(day, FINGERPRINT, self._table)
        return {day: f"{count} {content}" for day, count, content in self._database.rows(query)}

    def lines(self, lines: Sql, asked: Sql, types: IdTypes, first: date, last: date) -> pl.DataFrame:
        """Return lines of the days `first` to `last`, or of no known day; more days where only orders have one.

        `lines` is the relation with the shop's lines, and `asked` what is selected of it.
        """
        values, time = self._values, self._values.get("time")
        wanted: Sql = sql.SQL("true")
        if time:
            wanted = sql.SQL("({}) OR {} IS NULL").format(time.within(first, last, self._zone), time.expression)
        query = sql.SQL("SELECT {} FROM {} WHERE {}")
        found = self._database.frame(query.format(fields(values, types, self._zone), self._table, wanted))
        if found.is_empty():
            return together((), types)
        orders = query.format(values["order"].as_text(), self._table, wanted)
        purchases = query.format(asked, lines, sql.SQL("{} IN ({})").format(self._order.as_text(), orders))
        bought = self._database.frame(purchases)
        place = f"{self._source.refunds}"
        refunds, sold = lines_of(found, types, place), events_of(bought, types, place)
        return as_lines(refunds, sold, types, self._zone, own_time=time is not None)

    @cached_property
    def _values(self) -> dict[str, Value]:
        have = self._database.types(sql.SQL("SELECT * FROM {}").format(self._table))
        texts = {name: text for name, text in self._source.refund_columns.model_dump().items() if text}
        return {
            name: value_of(f"source.refund_columns.{name}", text, self._table, have, self._database.types)
            for name, text in texts.items()
        }
