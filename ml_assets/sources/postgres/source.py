"""Events and items from the shop's PostgreSQL.

A line belongs to the shop's day of its time; one without a time belongs to the newest day, so that it is quarantined
there and not lost. Which days changed is told by a fingerprint that the database computes, or by a column that holds
when a line was changed.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import cached_property

import polars as pl
from psycopg import sql

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import PostgresSource
from ml_assets.sources.as_found import zone
from ml_assets.sources.base import DayRange, empty_items, polars_type, together
from ml_assets.sources.memory import SourceMemory
from ml_assets.sources.postgres.connection import ShopDatabase
from ml_assets.sources.postgres.lines import WHERE, events_of, fields
from ml_assets.sources.postgres.query import (
    FINGERPRINT,
    INTEGERS,
    NUMBERS,
    TIMES,
    ZONED,
    Sql,
    Value,
    expression,
    named,
    relation,
    value_of,
)
from ml_assets.sources.postgres.refunds import RefundTable

LONGEST_HISTORY = timedelta(days=3660)
LATER_SHOWN = 100


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

    def id_types(self) -> IdTypes:
        """bigint where the column is of an integer type, text otherwise; remembered from the first time."""
        return self._memory.id_types(self._find_id_types)

    def _find_id_types(self) -> IdTypes:
        found = ("bigint" if self._values[name].type in INTEGERS else "text" for name in ("customer", "item"))
        return IdTypes(*found)  # type: ignore[arg-type]

    def days(self) -> DayRange:
        """From the oldest to the newest time, what is dated in the future left out."""
        time = self._values["time"]
        # Of times, not of days: an index on the column tells them at once.
        query = "SELECT min(time) AS first, max(time) AS last FROM (SELECT {} AS time FROM {}) AS t WHERE {}"
        past = Value(sql.SQL("time"), time.type).within(self._today - LONGEST_HISTORY, self._today, self._zone)
        ends = sql.SQL(query).format(time.expression, self._table, past)
        days = [
            Value(sql.SQL("{}").format(sql.Identifier(end)), time.type).as_day(self._zone) for end in ("first", "last")
        ]
        ((first, last),) = self._database.rows(sql.SQL("SELECT {}, {} FROM ({}) AS ends").format(*days, ends))
        if first is None:
            raise UserError(
                f"source.table: {self._source.table} holds no line with a time up to today.",
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
            )
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
        return int(self._database.rows(query)[0][0])

    def later_lines(self) -> pl.DataFrame:
        """The first of them."""
        time = self._values["time"].expression
        query = sql.SQL("SELECT ({0})::text FROM {1} WHERE {2} ORDER BY {0} LIMIT {3}")
        rows = self._database.rows(query.format(time, self._table, self._is_later, LATER_SHOWN))
        table = self._source.table[:200]
        schema = dict.fromkeys(("source", "line", "time"), pl.String)
        return pl.DataFrame([(table, None, when) for (when,) in rows], schema=schema, orient="row")

    @property
    def _is_later(self) -> Sql:
        time = self._values["time"]
        # Bounds that an index on the time can use; times that no calendar has are left to the reading of lines.
        return time.within(self._today + timedelta(days=1), date.max - timedelta(days=2), self._zone)

    def read_items(self) -> pl.DataFrame:
        """The items' table, else names and categories that the lines carry, else nothing."""
        item_type = self.id_types().item
        columns, mapping = self._source.columns, self._source.item_columns
        if self._source.items:
            table = relation(self._source.items)
            have = self._database.types(sql.SQL("SELECT * FROM {}").format(table))
            texts = mapping.model_dump()
        elif columns.item_name or columns.item_category:
            table, have = self._table, self._columns
            texts = {"item": columns.item, "name": columns.item_name, "category": columns.item_category}
        else:
            return empty_items(item_type)
        value = {name: Value(expression(text, have), "") for name, text in texts.items() if text}
        nothing = sql.SQL("NULL::text")
        fields = {
            "item_id": value["item"].as_id(item_type),
            "item_name": value["name"].as_text() if "name" in value else nothing,
            "category": value["category"].as_text() if "category" in value else nothing,
            "brand": value["brand"].as_text() if "brand" in value else nothing,
            "available": sql.SQL("({})::boolean").format(value["available"].expression)
            if "available" in value
            else sql.SQL("NULL::boolean"),
        }
        # The most common last: a word such as `damaged?` on one line renames nothing.
        query = "SELECT {} FROM {} GROUP BY 1, 2, 3, 4, 5 ORDER BY count(*), 1, 2, 3, 4, 5"
        found = self._database.frame(sql.SQL(query).format(named(fields), table))
        found = found.drop_nulls("item_id").cast({"item_id": polars_type(item_type)})
        return found.group_by("item_id").agg(pl.all().drop_nulls().last()).sort("item_id")

    @cached_property
    def _refunds(self) -> RefundTable | None:
        if self._source.refunds is None:
            return None
        return RefundTable(self._database, self._source, self._zone, self._values["order"])

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
        found = {setting.removeprefix("columns."): self._value(setting, text) for setting, text in texts.items()}
        for name, kinds, words in (
            ("time", TIMES, "a time"),
            ("quantity", NUMBERS, "a number"),
            ("amount", NUMBERS, "a number"),
            ("cost", NUMBERS, "a number"),
        ):
            if name in found and found[name].type not in kinds:
                text = self._source.columns.model_dump()[name]
                raise UserError(
                    f"source.columns.{name}: {text} is of the type {found[name].type}, which is not {words}.",
                    f"Cast it: source.columns.{name}: '{text}::{'timestamptz' if name == 'time' else 'numeric'}'.",
                    code="source.unreadable",
                )
        return found

    def _value(self, setting: str, text: str) -> Value:
        return value_of(f"source.{setting}", text, self._table, self._columns, self._database.types)
