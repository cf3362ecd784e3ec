"""Reading what is known of the live release's lists before some of them are made anew.

Making and showing them is not done here.
"""

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
from psycopg.rows import class_row

from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.ids import polars_type
from ml_assets.releases.rescore import SUBJECT


@dataclass(frozen=True)
class LiveLists:
    """The live release of recommendations."""

    release_id: int
    day: date
    model_version: str
    k: int
    pinned_by: str | None
    pinned_reason: str | None


@dataclass(frozen=True)
class LastTime:
    """The newest attempt to make lists of a release anew inside the day."""

    state: str
    """shown, refused or undone."""
    at: datetime
    customers: int
    reason: str | None
    shown: int
    """How many times lists were made anew, of those that were not undone."""


def last_time(connection: ServingConnection, release_id: int) -> LastTime | None:
    """What was tried last on a release, or that all was undone; None where nothing was tried."""
    query = """
        SELECT r.state, r.at, r.customers, r.reason, r.shown FROM (
            SELECT rescoring_id, state, coalesce(rescored_at, began_at) AS at, customers, reason,
                count(*) FILTER (WHERE state = 'shown') OVER () AS shown
            FROM {ml}.rescorings WHERE release_id = %s
        ) AS r
        ORDER BY (r.state = 'undone' AND r.shown = 0) DESC, r.rescoring_id DESC LIMIT 1
    """
    with connection.cursor(row_factory=class_row(LastTime)) as cursor:
        return cursor.execute(connection.schemas.sql(query), [release_id]).fetchone()


def live_lists(connection: ServingConnection) -> LiveLists | None:
    """The release whose lists readers see; None before the first."""
    query = """
        SELECT r.release_id, r.data_as_of, r.model_version, r.k, l.pinned_by, l.pinned_reason
        FROM {meta}.live AS l JOIN {meta}.releases AS r USING (release_id) WHERE l.subject = %s
    """
    row = connection.execute(connection.schemas.sql(query), [SUBJECT]).fetchone()
    return None if row is None else LiveLists(*row)


def known_customers(connection: ServingConnection, release_id: int) -> pl.DataFrame:
    """Whose lists know newer purchases than the release: customer_id and `known`, their fingerprint."""
    query = "SELECT customer_id, known FROM {store}.rescored_customers WHERE release_id = %s ORDER BY 1"
    with writing(connection) as cursor:
        rows = cursor.execute(connection.schemas.sql(query), [release_id]).fetchall()
    schema = {"customer_id": polars_type(id_types(connection).customer), "known": pl.Int64()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def customers_shown(connection: ServingConnection, live: LiveLists, items: pl.Series) -> pl.Series:
    """The customers whose lists show one of these items, ascending."""
    kind = id_types(connection)
    found: list[tuple[int | str]] = []
    if len(items):
        query = f"""
            SELECT DISTINCT t.customer_id FROM {{store}}.recommendations AS t
            WHERE t.release_id = %s AND t.item_ids[:%s] && %s::{kind.item}[] ORDER BY 1
        """  # noqa: S608 the type of ids is one of two words
        with writing(connection) as cursor:
            values = [live.release_id, live.k, items.to_list()]
            found = cursor.execute(connection.schemas.sql(query), values).fetchall()
    return pl.Series("customer_id", [row[0] for row in found], dtype=polars_type(kind.customer))
