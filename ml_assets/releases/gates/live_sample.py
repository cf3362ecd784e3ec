"""What the live release says about some of the keys of a new one, for gates that compare the two.

Only reading belongs here; judging is in `gates.py`. A sample is enough for shares, and reading a whole release would
take longer than writing one.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from psycopg import sql

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import partition_name
from ml_assets.releases.catalog import Live
from ml_assets.subjects import Table

# A share from this many keys is right to about two points.
SAMPLE = 2000


@dataclass(frozen=True)
class LiveSample:
    """What readers see of the same keys, beside a new release."""

    source: str
    """What it is of, in words."""
    keys: int
    """Different customers, items or scopes in it."""
    rows: pl.DataFrame
    """The new frame's rows of the sampled keys that the live release has too, with its value as `live`."""
    mean_length: float | None
    """Mean items shown per list, as noted when it was published."""


def sample_live(connection: ServingConnection, subject: Table, live: Live, frame: pl.DataFrame) -> LiveSample:
    """Read the live rows of up to `SAMPLE` keys that are spread over the frame."""
    schemas = connection.schemas
    noted = "SELECT facts ->> 'mean_length' FROM {meta}.releases WHERE release_id = %s"
    mean_length = one(connection, noted, [live.release_id])
    first = subject.keys[0]
    wanted = _spread(frame[first])
    column = (subject.lists or subject.texts or subject.numbers)[0]
    shown = sql.SQL("{}[:{}]").format(sql.Identifier(column), live.k) if subject.lists else sql.Identifier(column)
    query = schemas.sql(
        "SELECT {keys}, {shown} FROM {store}.{part} WHERE {first} = ANY (%s)",
        keys=sql.SQL(", ").join(map(sql.Identifier, subject.keys)),
        shown=shown,
        part=sql.Identifier(partition_name(subject.name, live.release_id)),
        first=sql.Identifier(first),
    )
    found = connection.execute(query, [wanted.to_list()]).fetchall()
    schema = {key: frame.schema[key] for key in subject.keys} | {"live": frame.schema[column]}
    live_rows = pl.DataFrame(found, schema=schema, orient="row")
    rows = frame.filter(pl.col(first).is_in(wanted.implode())).join(live_rows, on=subject.keys, how="inner")
    return LiveSample("the live release", live.keys, rows, None if mean_length is None else float(mean_length))


def sample_history(connection: ServingConnection, frame: pl.DataFrame, day: date) -> LiveSample | None:
    """What the history of segments has of a day behind the live one, or else of the newest day before it.

    None where it begins later: then there is nothing to compare with, as a shop was smaller in the past.
    """
    counted = """
        SELECT day, sum(customers)::bigint FROM {ml}.segment_moves
        WHERE day <= %s AND kind <> 'left'
        GROUP BY day ORDER BY day DESC LIMIT 1
    """
    found = connection.execute(connection.schemas.sql(counted), [day]).fetchone()
    if found is None:
        return None
    known, customers = found
    states = """
        SELECT customer_id, segment_key FROM {ml}.segment_history
        WHERE customer_id = ANY (%(wanted)s) AND valid_from <= %(day)s AND (valid_to > %(day)s OR valid_to IS NULL)
    """
    wanted = {"wanted": _spread(frame["customer_id"]).to_list(), "day": known}
    schema = {"customer_id": frame.schema["customer_id"], "live": pl.String()}
    rows = connection.execute(connection.schemas.sql(states), wanted).fetchall()
    before = pl.DataFrame(rows, schema=schema, orient="row")
    return LiveSample(f"the history of {known}", customers, frame.join(before, on="customer_id", how="inner"), None)


def _spread(keys: pl.Series) -> pl.Series:
    """Up to `SAMPLE` keys that are spread over all."""
    sorted_keys = keys.unique().sort()
    count = len(sorted_keys)
    return sorted_keys.gather(np.unique(np.linspace(0, max(count - 1, 0), min(SAMPLE, count)).astype(np.int64)))
