"""Events and items from the shop's PostgreSQL.

A line belongs to the shop's day of its time; one without a time belongs to the newest day, so that it is quarantined
there and not lost. Which days changed is told by a fingerprint that the database computes, or by a column that holds
when a line was changed.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property, partial
from time import monotonic

import polars as pl
from psycopg import sql

from ml_assets.errors import PassingError, UserError, raise_all
from ml_assets.ids import IdTypes
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.as_found import zone
from ml_assets.sources.base import DayRange, together
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.postgres.catalogue import read_catalogue
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.kinds import EXAMPLES, KINDS, fault_of_kind
from ml_assets.sources.postgres.lines import WHERE, events_of, fields
from ml_assets.sources.postgres.query import (
    FINGERPRINT,
    INTEGERS,
    ZONED,
    Sql,
    Value,
    expression,
    relation,
    value_of,
)
from ml_assets.sources.postgres.refunds import RefundTable
from ml_assets.sources.relations import called, is_query

LONGEST_HISTORY = timedelta(days=3660)
LATER_SHOWN = 100
SLOW_SECONDS = 5.0
TAKEN_AGAIN = 4
"""An answer that took longer is good for so many times as long as it took."""


class Postgres:
    """Events from a table, view or query; see `PostgresSource` for the settings."""

    kind = "postgres"
    is_whole = False
    measured_categories: tuple[str, ...] = ()

    def __init__(self, settings: Settings, source: PostgresSource, *, today: date) -> None:
        self.identity = f"postgres {source.table}"
        self._today = today
        self._zone = settings.timezone
        self._window = settings.schedules.catch_up_days
        self._source = source
        own = settings.database_url.get_secret_value() if settings.database_url else None
        self._database = ShopDatabase(source, own)
        self._memory = SourceMemory(settings)
        self._known_days: tuple[DayRange, float] | None = None

    def id_types(self) -> IdTypes:
        """bigint where the column is of an integer type, text otherwise; remembered from the first time."""
        return self._memory.id_types(self._find_id_types)

    def _find_id_types(self) -> IdTypes:
        found = ("bigint" if self._values[name].type in INTEGERS else "text" for name in ("customer", "item"))
        return IdTypes(*found)  # type: ignore[arg-type]

    def days(self) -> DayRange:
        """From the oldest to the newest time, what is dated in the future left out.

        An answer that took long is taken again for a while: without an index every question reads the whole table.
        """
        if self._known_days and monotonic() < self._known_days[1]:
            return self._known_days[0]
        began = monotonic()
        found = self._find_days()
        taken = monotonic() - began
        self._known_days = (found, monotonic() + TAKEN_AGAIN * taken) if taken > SLOW_SECONDS else None
        return found

    def _find_days(self) -> DayRange:
        time = self._values["time"]
        # Of times, not of days: an index on the column tells them at once.
        query = "SELECT min(time) AS first, max(time) AS last FROM (SELECT {} AS time FROM {}) AS t WHERE {}"
        past = Value(sql.SQL("time"), time.type).within(self._today - LONGEST_HISTORY, self._today, self._zone)
        ends = sql.SQL(query).format(time.expression, self._table, past)
        days = [
            Value(sql.SQL("{}").format(sql.Identifier(end)), time.type).as_day(self._zone) for end in ("first", "last")
        ]
        statement = sql.SQL("SELECT {}, {} FROM ({}) AS ends").format(*days, ends)
        ((first, last),) = self._database.rows(statement, "looking for the first and last day")
        if first is None:
            raise UserError(
                f"{self._called} holds no line with a time up to today.",
                "Check source.columns.time and source.where.",
                code="source.unreadable",
            )
        return DayRange(first, last)

    def first_day(self) -> date:
        """The oldest day when the shop was first seen; then remembered."""
        return self._memory.first_day(lambda: self.days().first)

    def blocks(self, first: date, last: date) -> Iterator[pl.DataFrame]:
        """Lines of the given days, as the database sends them; numbered when a day is whole."""
        newest = self.days().last
        types = self.id_types()
        wanted = self._values["time"].within(first, last, self._zone)
        if first <= newest <= last:
            wanted = sql.SQL("({}) OR {} IS NULL").format(wanted, self._values["time"].expression)
        query = sql.SQL("SELECT {fields} FROM {table} WHERE {wanted}")
        asked = fields(self._values, types, self._zone)
        local = pl.col("occurred_at").dt.convert_time_zone(self._zone).dt.date()
        for found in self._database.blocks(query.format(fields=asked, table=self._table, wanted=wanted)):
            lines = events_of(found, types, self._source.table)
            yield lines.with_columns(day=local, source_day=local.fill_null(newest))
        if self._refunds:
            refunded = self._refunds.lines(self._table, asked, types, first, last)
            dated = refunded.with_columns(pl.col("source_day").fill_null(newest))
            yield dated.filter(pl.col("source_day").is_between(first, last))

    def read_lines(self, first: date, last: date) -> pl.DataFrame:
        """The same at once."""
        return together(self.blocks(first, last), self.id_types())

    def pieces(self) -> dict[str, str | None]:
        """The days of the time that is looked back, each with what changes with its lines."""
        time = self._values["time"]
        newest = self.days().last
        changed = self._source.updated_at
        content = sql.SQL("max({})::text").format(expression(changed, self._columns)) if changed else FINGERPRINT
        query = sql.SQL("SELECT {day}, count(*), {content} FROM {table} WHERE {wanted} GROUP BY 1 ORDER BY 1")
        rows = self._database.rows(
            query.format(
                day=time.as_day(self._zone),
                content=content,
                table=self._table,
                wanted=time.within(newest - timedelta(days=self._window), newest, self._zone),
            ),
            "looking for days that changed",
        )
        reading = f"{self._zone} {self._source.model_dump_json(exclude={'url'})}"
        refunded = self._refunds.stamps() if self._refunds else {}
        return {
            day.isoformat(): f"{count} {stamp} {refunded.get(day)} {refunded.get(None)} {reading}"
            for day, count, stamp in rows
        }

    def read_piece(self, piece: str, first: date, last: date) -> tuple[pl.DataFrame, date | None]:
        """The lines of one day."""
        day = date.fromisoformat(piece)
        lines = self.read_lines(day, day)
        return lines.filter(pl.col("source_day").is_between(first, last)), day

    def as_found(self) -> dict[str, str]:
        """The zone, where the column has none."""
        return {} if self._values["time"].type == ZONED else dict([zone(self._zone)])

    def count_later(self) -> int:
        """Lines dated after today, which wait for their day."""
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(self._table, self._is_later)
        return int(self._database.rows(query, "counting lines dated after today")[0][0])

    def later_lines(self) -> pl.DataFrame:
        """The first of them."""
        time = self._values["time"].expression
        query = sql.SQL("SELECT ({0})::text FROM {1} WHERE {2} ORDER BY {0} LIMIT {3}")
        rows = self._database.rows(query.format(time, self._table, self._is_later, LATER_SHOWN))
        table = called(self._source.table)
        schema = dict.fromkeys(("source", "line", "time"), pl.String)
        return pl.DataFrame([(table, None, when) for (when,) in rows], schema=schema, orient="row")

    @property
    def _is_later(self) -> Sql:
        time = self._values["time"]
        # Bounds that an index on the time can use; times that no calendar has are left to the reading of lines.
        return time.within(self._today + timedelta(days=1), date.max - timedelta(days=2), self._zone)

    def read_items(self) -> pl.DataFrame:
        """The items' table, else names and categories that the lines carry, else nothing."""
        return read_catalogue(self._database, self._source, self.id_types().item, self._table, self._columns)

    @cached_property
    def _refunds(self) -> RefundTable | None:
        if self._source.refunds is None:
            return None
        return RefundTable(self._database, self._source, self._zone, self._values["order"])

    @property
    def _called(self) -> str:
        return "The query of source.table" if is_query(self._source.table) else f"source.table: {self._source.table}"

    @property
    def _table(self) -> Sql:
        return relation(self._source.table)

    @cached_property
    def _columns(self) -> dict[str, str]:
        """The relation's columns and their types."""
        return self._database.types(sql.SQL("SELECT * FROM {}").format(self._table))

    @cached_property
    def _values(self) -> dict[str, Value]:
        """Per field of source.columns what it is in SQL; raises `UserError` naming the setting that is wrong."""
        texts = {f"columns.{name}": text for name, text in self._source.columns.model_dump().items() if text}
        if self._source.where:
            texts[WHERE] = self._source.where
        found, wrong = dict[str, Value](), list[UserError]()
        for setting, text in texts.items():
            name = setting.removeprefix("columns.")
            try:
                found[name] = self._value(setting, text)
            except PassingError:
                raise
            except UserError as error:
                wrong.append(error)
        for name in (each for each in KINDS if each in found):
            text, value = texts[f"columns.{name}"], found[name]
            fault = fault_of_kind(name, text, value, self._columns, partial(self._examples, value))
            wrong += [fault] if fault else []
        raise_all(wrong)
        return found

    def _examples(self, value: Value) -> list[str]:
        """A value or two, as text."""
        query = sql.SQL("SELECT {0} FROM {1} WHERE {2} IS NOT NULL LIMIT {3}")
        rows = self._database.rows(query.format(value.as_text(), self._table, value.expression, EXAMPLES))
        return [text for (text,) in rows]

    def _value(self, setting: str, text: str) -> Value:
        return value_of(f"source.{setting}", text, self._table, self._columns, self._database.types)
