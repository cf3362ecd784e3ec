"""Who is counted in an experiment: everybody who could see a list of it, from the day on which that was first so.

Whether they looked is not asked (intention to treat), so applications that cannot write need no exposures. In which arm
they are is drawn by the database.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date

import polars as pl

from ml_assets.database.ask import id_types, one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.errors import UserError
from ml_assets.experiments.assignment import arms_at, places_of
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.register import running, serve

# Sent to the database at once.
CUSTOMERS_AT_ONCE = 50_000
FEATURES = ("customer_id", "orders", "orders_90d", "spend_90d")
"""Of the customer features what is asked of those who enter."""
PAST = ("orders_90d", "spend_90d", "margin_90d")


def drawn(experiment: Experiment, customers: pl.Series) -> pl.DataFrame:
    """customer_id and arm of those customers that the layer gives to the experiment."""
    layer = places_of(experiment.layer_salt, customers.to_list())
    inside = customers.filter(pl.Series((layer >= experiment.slice_from) & (layer < experiment.slice_until)))
    arms = sorted(experiment.arms, key=lambda arm: arm.drawn_below)
    numbers = arms_at(places_of(experiment.salt, inside.to_list()), [arm.drawn_below for arm in arms])
    names = pl.Series("arm", [arm.name for arm in arms])
    return pl.DataFrame({"customer_id": inside, "arm": names.gather(pl.Series(numbers, dtype=pl.UInt32))})


def eligible(connection: ServingConnection, experiment: Experiment, orders: pl.DataFrame | None) -> pl.Series:
    """The customers with a live list who have the segment and the orders that the experiment asks for, ascending.

    `orders` has customer_id and orders in the look-back; without it nobody has the orders that are asked for.
    """
    query = """
        SELECT DISTINCT t.customer_id
        FROM {store}.recommendations AS t
        WHERE t.release_id = (SELECT release_id FROM {meta}.live WHERE subject = 'recommendations')
            AND (%(placement)s::text IS NULL OR t.placement = %(placement)s)
            AND (%(segment)s::text IS NULL OR EXISTS (
                SELECT FROM {store}.segment_assignments AS s
                WHERE s.release_id = (SELECT release_id FROM {meta}.live WHERE subject = 'segment_assignments')
                    AND s.customer_id = t.customer_id AND s.segment_key = %(segment)s
            ))
        ORDER BY 1
    """
    asked = {"placement": experiment.placement, "segment": experiment.segment_key}
    with writing(connection) as cursor:
        rows = cursor.execute(connection.schemas.sql(query), asked).fetchall()
    dtype = pl.Int64 if id_types(connection).customer == "bigint" else pl.String
    found = pl.Series("customer_id", [row[0] for row in rows], dtype=dtype)
    if experiment.min_orders is None:
        return found
    if orders is None:
        return found.clear()
    enough = orders.filter(pl.col("orders") >= experiment.min_orders)["customer_id"].cast(dtype)
    return found.filter(found.is_in(enough.implode()))


def require_customers(connection: ServingConnection, experiment: Experiment, orders: pl.DataFrame | None) -> None:
    """Raise `UserError` where an arm of the experiment would be nobody's."""
    customers = eligible(connection, experiment, orders)
    counts = Counter(drawn(experiment, customers)["arm"].to_list())
    empty = [arm.name for arm in experiment.arms if not counts[arm.name]]
    if not empty:
        return
    asked = [
        f"a live list of {experiment.placement or 'any kind'}",
        *([f"the segment {experiment.segment_key}"] if experiment.segment_key else []),
        *([f"at least {experiment.min_orders} orders"] if experiment.min_orders else []),
    ]
    raise UserError(
        f"The experiment {experiment.name} has no customers in the arm {', '.join(empty)}: {len(customers):,} have "
        f"{' and '.join(asked)}.",
        "Ask for less, or publish a day first (`ml-assets run`).",
        code="experiment.refused",
    )


def enter_customers(connection: ServingConnection, features: pl.DataFrame | None) -> Mapping[str, int]:
    """Count who is eligible now in every experiment that serves; how many were new, by its name.

    `features` has customer_id, orders, orders_90d and spend_90d as of the day of the live lists, and where the shop has
    costs margin_90d; without it nothing is known of the time before.

    They count from the first day on which the list was live, which is the day after the newest data of its release, and
    not before the experiment served.
    """
    day = """
        SELECT greatest(r.data_as_of + 1, (e.serving_since AT TIME ZONE h.timezone)::date)
        FROM {meta}.experiments AS e
        CROSS JOIN {meta}.shop AS h
        JOIN {meta}.live AS l ON l.subject = 'recommendations'
        JOIN {meta}.releases AS r USING (release_id)
        WHERE e.experiment = %s
    """
    entered = {}
    for experiment in running(connection):
        if experiment.serving_since is None:
            continue
        customers = eligible(connection, experiment, features)
        if customers.is_empty():
            entered[experiment.name] = 0
            continue
        first: date = one(connection, day, [experiment.name])
        entered[experiment.name] = _enter(connection, experiment.name, _with_past(customers, features), first)
    return entered


def _with_past(customers: pl.Series, features: pl.DataFrame | None) -> pl.DataFrame:
    """customer_id, orders_90d, spend_90d, margin_90d: null where nothing is known."""
    known = customers.to_frame().clear() if features is None else features
    absent = [pl.lit(None, pl.Float64).alias(name) for name in PAST if name not in known.columns]
    past = known.with_columns(absent).select(pl.col("customer_id").cast(customers.dtype), *map(_as_float, PAST))
    return customers.to_frame().join(past, on="customer_id", how="left", maintain_order="left")


def _as_float(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _enter(connection: ServingConnection, name: str, customers: pl.DataFrame, day: date) -> int:
    total = 0
    for part in customers.iter_slices(CUSTOMERS_AT_ONCE):
        columns = [column.to_list() for column in part.iter_columns()]
        with writing(connection):
            call = "SELECT {meta}.enter_customers(%s, %s, %s::float8[], %s::float8[], %s::float8[], %s)"
            total += int(one(connection, call, [name, *columns, day]))
    return total


def count_customers(connection: ServingConnection) -> Mapping[tuple[str, str], int]:
    """How many are counted, by experiment and arm; who opted out is not."""
    query = "SELECT experiment, arm, count(*) FROM {ml}.experiment_customers GROUP BY 1, 2"
    rows = connection.execute(connection.schemas.sql(query)).fetchall()
    return {(experiment, arm): int(count) for experiment, arm, count in rows}


def live_arms(connection: ServingConnection) -> set[str]:
    """The arms, each EXPERIMENT.ARM, that the live release of lists made for arms has."""
    query = """
        SELECT DISTINCT t.arm FROM {store}.arm_recommendations AS t
        WHERE t.release_id = (SELECT release_id FROM {meta}.live WHERE subject = 'arm_recommendations')
    """
    with writing(connection) as cursor:
        return {arm for (arm,) in cursor.execute(connection.schemas.sql(query)).fetchall()}


def serve_what_is_ready(connection: ServingConnection) -> list[str]:
    """Let experiments begin that waited for lists which are live now; their names."""
    live = live_arms(connection)
    ready = [
        one.name
        for one in running(connection)
        if one.serving_since is None and {f"{one.name}.{arm.name}" for arm in one.made_arms} <= live
    ]
    for name in ready:
        serve(connection, name)
    return ready
