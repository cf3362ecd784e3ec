"""What the live release says about some of the keys of a new one, for gates that compare the two.

Only reading belongs here; judging is in `gates.py`. A sample is enough for shares, and reading a whole release would
take longer than writing one.
"""

from dataclasses import dataclass

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
    """The live release beside a new one."""

    release_id: int
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
    keys = frame[first].unique().sort()
    places = np.unique(np.linspace(0, max(len(keys) - 1, 0), min(SAMPLE, len(keys))).astype(np.int64))
    wanted = keys.gather(places)
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
    return LiveSample(live.release_id, live.keys, rows, None if mean_length is None else float(mean_length))
