"""The shop's own list of customers who opted out, as it was last read.

Whoever was on it stays opted out until a list that can be believed says otherwise. Reading it is in
`sources/opt_outs.py`; opt-outs noted by hand are in the table `opt_outs`, which nothing here touches.
"""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
from psycopg.sql import SQL

from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing

OPT_OUTS = "opt_outs"
"""What the list is called where it could not be read (`unread.py`)."""
AT_ONCE = 200_000
FEWEST = 20
"""So few may come back at once, whatever their share."""


@dataclass(frozen=True)
class Taken:
    """What became of a list."""

    customers: int
    """Who are opted out by it now."""
    added: int
    returned: int
    """Who are not any more."""
    held_back: int
    """Who are gone from the list and stay opted out, because too many are at once."""


def take_opt_outs(connection: ServingConnection, customers: pl.Series, *, most_returning: float) -> Taken:
    """Take a list over: new customers are opted out, those who are gone from it are not any more.

    Where more than the share `most_returning` of them is gone, or all, nobody is let back in. Erased customers are
    left out.
    """
    sql = connection.schemas.sql
    known = set(known_opt_outs(connection))
    listed = set(customers.to_list())
    gone, new = known - listed, listed - known
    is_broken = (
        bool(gone)
        and most_returning < 1
        and (not listed or (len(gone) > FEWEST and len(gone) > most_returning * len(known)))
    )
    kind = SQL("bigint" if id_types(connection).customer == "bigint" else "text")
    insert = sql("INSERT INTO {meta}.opt_outs_of_shop (customer_id) SELECT * FROM unnest(%s::{kind}[])", kind=kind)
    delete = sql("DELETE FROM {meta}.opt_outs_of_shop WHERE customer_id = ANY (%s::{kind}[])", kind=kind)
    added = returned = 0
    with writing(connection) as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        for part in _parts(new):
            added += cursor.execute(insert, [part]).rowcount
        for part in _parts(set() if is_broken else gone):
            returned += cursor.execute(delete, [part]).rowcount
        note = """
            INSERT INTO {meta}.opt_outs_read (read_at) VALUES (now())
            ON CONFLICT (only_row) DO UPDATE SET read_at = excluded.read_at
            """
        cursor.execute(sql(note))
    return Taken(len(known) + added - returned, added, returned, len(gone) if is_broken else 0)


def known_opt_outs(connection: ServingConnection) -> list[int | str]:
    """The customers who are opted out by the shop's list."""
    query = connection.schemas.sql("SELECT customer_id FROM {meta}.opt_outs_of_shop")
    return [customer for (customer,) in connection.execute(query)]


def last_reading(connection: ServingConnection) -> tuple[datetime, int] | None:
    """When the list was last read, and how many are opted out by it; None where it never was."""
    query = "SELECT read_at, (SELECT count(*) FROM {meta}.opt_outs_of_shop) FROM {meta}.opt_outs_read"
    return connection.execute(connection.schemas.sql(query)).fetchone()


def _parts(customers: set[int | str]) -> list[list[int | str]]:
    every = list(customers)
    return [every[start : start + AT_ONCE] for start in range(0, len(every), AT_ONCE)]
