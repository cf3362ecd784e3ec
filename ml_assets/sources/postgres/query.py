"""The statements: what a mapping means in SQL, and the bounds of days.

Building statements belongs here, running them to `connection.py`. Columns and expressions are those of the settings, so
SQL of the shop's owner: they run as a role with SELECT only, in read-only transactions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from psycopg import sql

from ml_assets.errors import UserError
from ml_assets.ids import IdType
from ml_assets.sources.relations import is_query, parts_of

Sql = sql.Composed | sql.SQL
INTEGERS = ("int2", "int4", "int8")
FLOATS = ("float4", "float8")
NUMBERS = (*INTEGERS, *FLOATS, "numeric")
TEXTS = ("text", "varchar")
ZONED, NAIVE, DATE = "timestamptz", "timestamp", "date"
TIMES = (ZONED, NAIVE, DATE)
FINGERPRINT: Sql = sql.SQL("sum(hashtextextended(source::text, 0)::numeric)::text")
"""What changes with any value of the rows of a relation."""


@dataclass(frozen=True)
class Value:
    """One field: its expression in SQL and the name of its type."""

    expression: Sql
    type: str

    # What the reader's side makes the same of is sent as it is: a cast costs the server more than sending does.
    def as_id(self, wanted: IdType) -> Sql:
        """As an integer or text."""
        if self.type in (INTEGERS if wanted == "bigint" else TEXTS):
            return self.expression
        kind = sql.SQL("bigint" if wanted == "bigint" else "text")
        return sql.SQL("({})::{}").format(self.expression, kind)

    def as_text(self) -> Sql:
        """As text."""
        return sql.SQL("({})::text").format(self.expression)

    def as_word(self) -> Sql:
        """As text, or as an integer."""
        return self.expression if self.type in (*INTEGERS, *TEXTS) else self.as_text()

    def as_number(self) -> Sql:
        """As a number that is no numeric."""
        if self.type in (*INTEGERS, *FLOATS):
            return self.expression
        return sql.SQL("({})::double precision").format(self.expression)

    def as_moment(self, timezone: str) -> Sql:
        """As timestamptz, what has no zone is in the shop's; as timestamp where that is UTC."""
        if self.type == ZONED or (self.type == NAIVE and timezone == "UTC"):
            return self.expression
        return sql.SQL("(({})::timestamp AT TIME ZONE {})").format(self.expression, sql.Literal(timezone))

    def as_day(self, timezone: str) -> Sql:
        """The shop's calendar day."""
        moment = sql.SQL("({} AT TIME ZONE {})::date") if self.type == ZONED else sql.SQL("({})::date")
        return moment.format(self.expression, sql.Literal(timezone))

    def within(self, first: date, last: date, timezone: str) -> Sql:
        """Whether a time lies in the days `first` to `last`; bounds are of its own type, so that an index is used."""
        start, end = (datetime.combine(day, datetime.min.time()) for day in (first, last + timedelta(days=1)))
        bounds = [
            moment.replace(tzinfo=ZoneInfo(timezone)) if self.type == ZONED else moment for moment in (start, end)
        ]
        low, high = (sql.SQL("{}::{}").format(sql.Literal(str(bound)), sql.SQL(self.type)) for bound in bounds)
        return sql.SQL("{0} >= {1} AND {0} < {2}").format(self.expression, low, high)


def relation(table: str) -> Sql:
    """A table or view by its name, or a query, to be selected from."""
    text = table.strip().rstrip(";").strip()
    if is_query(text):
        return sql.SQL("({}) AS source").format(sql.SQL(text))
    return sql.SQL("{} AS source").format(sql.Identifier(*parts_of(text)))


def expression(text: str, have: Mapping[str, str]) -> Sql:
    """A column of the relation, or the expression as it is."""
    return sql.SQL("source.{}").format(sql.Identifier(text)) if text in have else sql.SQL("({})").format(sql.SQL(text))


def named(fields: Mapping[str, Sql]) -> Sql:
    """Values with their names, to be selected."""
    return sql.SQL(", ").join(sql.SQL("{} AS {}").format(value, sql.Identifier(name)) for name, value in fields.items())


def value_of(
    setting: str, text: str, table: Sql, have: Mapping[str, str], types: Callable[[Sql], Mapping[str, str]]
) -> Value:
    """What a setting says, with the type that the database (`types`) gives it.

    Raises `UserError` naming the setting where it cannot be selected.
    """
    sought = expression(text, have)
    try:
        kind = types(sql.SQL("SELECT {} AS value FROM {}").format(sought, table))["value"]
    except UserError as error:
        if error.code != "source.unreadable":
            raise
        raise UserError(
            f"{setting}: {text} cannot be selected: {error.problem}",
            f"It has: {', '.join(have)}. Write one of them, or an expression in PostgreSQL's SQL.",
            code="source.unreadable",
        ) from None
    return Value(sought, kind)
