"""Lists that explored and were live, with what was bought afterwards: what other lists are estimated from.

Reading them belongs here; what other lists would have held is in `other_lists.py`, the arithmetic in
`ml_assets/experiments/off_policy.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import LiteralString

import polars as pl

from ml_assets.database.ask import id_types
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.lake import Lake
from ml_assets.live.releases import LiveLists, live_lists, newest_loaded
from ml_assets.models.metrics.judge import bought_after
from ml_assets.settings.shop import Settings

# Whoever was shown another list by an experiment, or none, says nothing about this one.
FIND: LiteralString = """
    SELECT t.customer_id, t.item_ids, t.propensities,
        ARRAY(
            SELECT r.source_words[s.source] FROM unnest(t.sources) WITH ORDINALITY AS s (source, place) ORDER BY s.place
        ),
        r.k
    FROM {meta}.published_recommendations AS t
    JOIN {meta}.releases AS r ON r.release_id = t.release_id
    CROSS JOIN {meta}.shop AS h
    WHERE t.release_id = %(release)s AND t.placement = %(placement)s AND cardinality(t.propensities) > 0
        AND (%(customers)s::text[] IS NULL OR t.customer_id::text = ANY (%(customers)s))
        AND NOT EXISTS (SELECT FROM {meta}.opted_out AS o WHERE o.customer_id = t.customer_id)
        AND NOT EXISTS (
            SELECT FROM {store}.experiment_customers AS c
            JOIN {meta}.experiments AS e ON e.experiment = c.experiment
            JOIN {meta}.experiment_arms AS a ON a.experiment = c.experiment AND a.arm = c.arm
            WHERE c.customer_id = t.customer_id AND a.list <> 'live'
                AND coalesce(e.placement, t.placement) = t.placement AND c.entered_on <= %(through)s
                AND coalesce(least(e.stopped_at, e.ends_at), 'infinity') >= %(day)s::timestamp AT TIME ZONE h.timezone
        )
        AND (
            NOT %(exposed)s
            OR EXISTS (
                SELECT FROM {store}.exposures AS x
                WHERE x.customer_id = t.customer_id AND x.placement = t.placement AND x.shown_on = %(day)s
            )
        )
    ORDER BY 1
"""


@dataclass(frozen=True)
class Asked:
    """Which list is to be estimated, and which of those that were shown are looked at."""

    list: str
    """live, without exploring, method:NAME, model:VERSION or challenger:METHOD."""
    placement: str
    days: int = 14
    """The newest so many days whose outcome is known, those among them whose lists are not kept any more."""
    within: int = 7
    """Days after a list in which what is bought of it counts, from the first on which it is live."""
    lower_half: bool = False
    """Whether the other list fills the lower half alone, from the candidates that the lists drew from."""
    exposed: bool = False
    """Only customers of whom an application told that the list was shown to them on that day."""


@dataclass(frozen=True)
class LoggedDay:
    """The lists of a day that explored."""

    as_of: date
    """The day after which they were live."""
    was_live: bool
    """False: made when nobody could see them any more."""
    items: pl.DataFrame
    """customer_id, item_id, source, propensity, is_shown and bought of everything that was stored, best first."""
    k: int
    """Items shown of a list."""


def days_to_read(connection: ServingConnection, asked: Asked) -> list[LiveLists]:
    """The newest days whose outcome is known, oldest first; some may not be kept any more.

    A list that was live for several days was drawn once, so only its first day counts.
    """
    newest = newest_loaded(connection)
    if newest is None:
        return []
    found = live_lists(connection, newest, asked.within)
    return [one for one in found if one.data_as_of == one.day - timedelta(days=1)][-asked.days :]


def read_day(
    connection: ServingConnection, lake: Lake, settings: Settings, asked: Asked, one: LiveLists
) -> LoggedDay | None:
    """The lists of a day, of as many customers as methods are chosen by, always the same; None where none explored."""
    most = settings.recommender.selection.max_customers
    customers = _some_customers(connection, one.release_id, most, settings.recommender.seed)
    last = one.day + timedelta(days=asked.within - 1)
    values = {
        "release": one.release_id,
        "placement": asked.placement,
        "customers": customers,
        "day": one.day,
        "through": last,
        "exposed": asked.exposed,
    }
    with writing(connection) as cursor:
        rows = cursor.execute(connection.schemas.sql(FIND), values).fetchall()
    if not rows:
        return None
    types = id_types(connection)
    customer, item = (pl.Int64 if kind == "bigint" else pl.String for kind in (types.customer, types.item))
    schema = {
        "customer_id": customer,
        "item_id": pl.List(item),
        "propensity": pl.List(pl.Float64),
        "source": pl.List(pl.String),
        "k": pl.Int64,
    }
    stored = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        place=pl.int_ranges(1, pl.col("item_id").list.len() + 1)
    )
    items = stored.explode("item_id", "propensity", "source", "place")
    days = lake.days_between("transactions", one.day, last)
    bought = bought_after(lake.scan("transactions", days), one.day, asked.within, settings.events.weights)
    items = items.join(
        bought.select("customer_id", "item_id", bought=pl.lit(value=True)),
        on=["customer_id", "item_id"],
        how="left",
        maintain_order="left",
    )
    told = items.select(
        "customer_id",
        "item_id",
        "source",
        "propensity",
        is_shown=pl.col("place") <= pl.col("k"),
        bought=pl.col("bought").fill_null(value=False),
    )
    return LoggedDay(one.data_as_of, one.was_live, told, int(rows[0][-1]))


def _some_customers(connection: ServingConnection, release: int, most: int, seed: int) -> Sequence[str] | None:
    """Ids of some customers of a release, as texts; None for all of them."""
    query = """
        SELECT c.customer_id FROM (
            SELECT DISTINCT t.customer_id::text AS customer_id FROM {meta}.published_recommendations AS t
            WHERE t.release_id = %(release)s
        ) AS c
        ORDER BY sha256(convert_to(%(seed)s::text || ':' || c.customer_id, 'UTF8'))
        LIMIT %(most)s
    """
    values = {"release": release, "seed": seed, "most": most + 1}
    with writing(connection) as cursor:
        found = [row[0] for row in cursor.execute(connection.schemas.sql(query), values).fetchall()]
    return None if len(found) <= most else found[:most]
