"""The rules of an arm laid over the lists that are live, before anybody sees them.

Keeping them is in `arm_rules.py`.
"""

from dataclasses import dataclass
from typing import LiteralString

from ml_assets.database.ask import one_row
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.design import Arm, Experiment
from ml_assets.experiments.entrants import drawn, eligible

CUSTOMERS_TRIED = 1_000
"""Of an arm, on whose lists its rules are tried."""
TRIED: LiteralString = """
    SELECT count(*), count(*) FILTER (WHERE l.arms <> l.everybodys),
        coalesce(avg(cardinality(l.everybodys)), 0)::float8, coalesce(avg(cardinality(l.arms)), 0)::float8, EXISTS (
            SELECT FROM {meta}.experiment_rules AS e WHERE e.arm = %(arm)s AND e.valid_from > now()
        )
    FROM {store}.recommendations AS t
    JOIN {meta}.releases AS r ON r.release_id = t.release_id
    CROSS JOIN LATERAL (
        SELECT (
            {meta}.arrange(t.customer_id, t.placement, t.item_ids, r.data_as_of, r.k)
        )[:r.k] AS everybodys, (
            {meta}.arrange_for_arm(t.customer_id, t.placement, t.item_ids, r.data_as_of, r.k, %(arm)s)
        )[:r.k] AS arms
        OFFSET 0
    ) AS p
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(s.item_id ORDER BY s.rank) FILTER (WHERE NOT s.of_arm), '{{}}') AS everybodys,
            coalesce(array_agg(s.item_id ORDER BY s.rank) FILTER (WHERE s.of_arm), '{{}}') AS arms
        FROM (
            SELECT w.of_arm, u.rank, CASE
                WHEN u.place BETWEEN 1 AND 1000000 THEN t.item_ids[u.place]
                ELSE {meta}.item_outside(u.place)
            END AS item_id
            FROM (VALUES (false, p.everybodys), (true, p.arms)) AS w (of_arm, places)
            CROSS JOIN LATERAL unnest(w.places) WITH ORDINALITY AS u (place, rank)
        ) AS s
    ) AS l
    WHERE t.release_id = (SELECT release_id FROM {meta}.live WHERE subject = 'recommendations')
        AND t.placement = %(placement)s AND t.customer_id = ANY (%(customers)s)
"""


@dataclass(frozen=True)
class Tried:
    """What the rules of an arm do to the lists that are live."""

    lists: int
    changed: int
    """Those that show other items, or the same in another order."""
    length: float
    """Mean number of items that a list shows under the rules of everybody."""
    length_in_arm: float
    waits: bool
    """Whether some of its rules are in force later."""


def try_rules(connection: ServingConnection, experiment: Experiment, arm: Arm) -> Tried:
    """Lay the rules of an arm over the live lists of up to 1,000 of its customers."""
    customers = drawn(experiment, eligible(connection, experiment, None))
    theirs = customers.filter(arm=arm.name)["customer_id"]
    if len(theirs) > CUSTOMERS_TRIED:
        theirs = theirs.sample(CUSTOMERS_TRIED, seed=0)
    asked = {
        "arm": f"{experiment.name}.{arm.name}",
        "placement": experiment.placement,
        "customers": theirs.to_list(),
    }
    return Tried(*one_row(connection, TRIED, asked))


def require_lists(connection: ServingConnection, experiment: Experiment, least_length: float) -> None:
    """Raise `UserError` where the rules of an arm change no list, or leave less of lists than a gate would let live.

    `least_length` is that of `serving.gates`: a share of the length that lists have under the rules of everybody.
    """
    for arm in (each for each in experiment.arms if each.is_ruled):
        found = try_rules(connection, experiment, arm)
        what = f"The rules of the arm {arm.name} ({arm.list})"
        if found.lists and found.length_in_arm < least_length * found.length:
            raise UserError(
                f"{what} leave {found.length_in_arm:.1f} items of a list, those of everybody {found.length:.1f}: under "
                f"{least_length:.0%} (serving.gates.least_length).",
                "Hide less, or cap higher.",
                code="experiment.refused",
            )
        if found.lists and not found.changed and not found.waits:
            raise UserError(
                f"{what} change none of the {found.lists:,} lists that they were tried on, so there is nothing to "
                "measure.",
                "Look for misspelt items, categories, brands, segments and lists, or for rules that are over.",
                code="experiment.refused",
            )
