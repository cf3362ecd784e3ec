"""What an experiment says: its metrics arm by arm, whether the split can be trusted, and a verdict in a sentence.

Reading the outcomes and judging them belongs here; the arithmetic is in `statistics.py`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import polars.selectors as cs

from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.margin_before import DAYS_BEFORE
from ml_assets.experiments.statistics import (
    SRM_ALPHA,
    Comparison,
    Floats,
    compare,
    corrected,
    ratio_mismatch,
    winsorised,
)

PLANNED_DAYS = 28
"""Of an experiment without an end; the always valid interval is narrowest there."""
ALPHA = 0.05
LEAST_CUSTOMERS = 30
"""In an arm, without which nothing is said."""
METRICS = {
    "revenue": "revenue_before",
    "orders": "orders_before",
    "bought": "orders_before",
    "listed_items": "",
    "new_categories": "",
    "lapsed": "orders_before",
    "margin": "margin_before",
    "returned": "revenue_before",
}
"""Each metric with what is known of the time before. The first decides. One that nothing is known of is left out."""
UNSUBSCRIBED = "unsubscribed"
"""A metric that is counted by arm: who opted out has no row of outcomes."""
PRIMARY = next(iter(METRICS))
GUARDRAILS = ("revenue", "orders")
GUARDRAILS_ABOVE = {
    "returned": "Nothing was returned (events.returns: net keeps returns).",
    UNSUBSCRIBED: "Nobody opted out (setting opt_outs).",
}
"""Those of which more is harm, with what is said where there is none of it."""


@dataclass(frozen=True)
class Row:
    """One metric of one arm beside the control."""

    metric: str
    arm: str
    found: Comparison
    corrected_p: float
    """Over all metrics and arms (Holm)."""
    is_breached: bool
    """Whether it is a guardrail and worse for sure."""


@dataclass(frozen=True)
class Report:
    """What is known of an experiment now."""

    experiment: str
    customers: dict[str, int]
    days: int
    """Days with outcomes since the first customer entered."""
    mismatch: float
    """Probability of such a split; below `SRM_ALPHA` nothing is concluded."""
    rows: list[Row]
    verdict: str
    is_trusted: bool
    left_out: dict[str, str]
    """Guardrails that nothing can be said of, with the reason."""

    @property
    def is_breached(self) -> bool:
        """Whether a guardrail of an arm is worse for sure."""
        return any(row.is_breached for row in self.rows)


def report(connection: ServingConnection, experiment: Experiment, *, amounts: bool = True) -> Report:
    """What came of an experiment until now; revenue counts pieces where the shop has no amounts, and is called so."""
    frame, days = _outcomes(connection, experiment.name), _days(connection, experiment.name)
    unsubscribes = _unsubscribes(connection, experiment.name)
    return judge(experiment, frame, days, planned_days(experiment), unsubscribes, amounts=amounts)


def judge(
    experiment: Experiment,
    frame: pl.DataFrame,
    days: int,
    planned: int,
    unsubscribes: Mapping[str, tuple[int, int]] | None = None,
    *,
    amounts: bool = True,
) -> Report:
    """The report on outcomes: arm, the metrics, orders_before, revenue_before and margin_before, one row per customer.

    `unsubscribes` are customers and those who opted out, by arm.
    """
    arms = {arm.name: frame.filter(pl.col("arm") == arm.name) for arm in experiment.arms}
    counts = {name: part.height for name, part in arms.items()}
    mismatch = ratio_mismatch([*counts.values()], [arm.share for arm in experiment.arms])
    small = [name for name, count in counts.items() if count < LEAST_CUSTOMERS]
    counted = _opted_out(experiment, unsubscribes or {})
    rows = [] if small or not days else _rows(experiment, arms, planned, counted)
    problem = None
    if mismatch < SRM_ALPHA:
        split = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        problem = (
            f"No verdict: the split is not the one that was drawn ({split}; probability {mismatch:.1g}). Somebody is "
            "left out of an arm, by a fault or by what the arm does; find out before anything is believed."
        )
    elif small:
        problem = f"No verdict: fewer than {LEAST_CUSTOMERS} customers in {', '.join(small)}."
    elif not days:
        problem = "No verdict: no day has its outcomes yet. Run the next day."
    verdict = problem or " ".join(
        _sentence(experiment, [row for row in rows if row.arm == arm.name], days, "revenue" if amounts else "pieces")
        for arm in experiment.arms[1:]
    )
    known = {row.metric for row in rows}
    left_out = {name: why for name, why in GUARDRAILS_ABOVE.items() if rows and name not in known}
    return Report(experiment.name, counts, days, mismatch, rows, verdict, problem is None, left_out)


def planned_days(experiment: Experiment) -> int:
    """Days from its begin to its end."""
    if experiment.ends_at is None:
        return PLANNED_DAYS
    return max(1, (experiment.ends_at - (experiment.serving_since or experiment.started_at)).days)


def _rows(
    experiment: Experiment, arms: dict[str, pl.DataFrame], planned: int, counted: dict[str, list[Floats]]
) -> list[Row]:
    """`counted` are values by metric, arm by arm, of which no frame has rows."""
    control = experiment.control.name
    compared = []
    of_rows = [name for name in METRICS if all(name in part.columns and part[name].count() for part in arms.values())]
    known = [*of_rows, *counted]
    known_before = pl.concat([part.select(cs.ends_with("_before")) for part in arms.values()])
    for metric in known:
        past = past_of(metric, known_before)
        values = counted.get(metric) or winsorised([_floats(part, metric) for part in arms.values()])
        before = winsorised([_floats(part, past) for part in arms.values()]) if past else None
        named = dict(zip(arms, values, strict=True))
        pasts = dict(zip(arms, before, strict=True)) if before else None
        for arm in (name for name in arms if name != control):
            both = (pasts[control], pasts[arm]) if pasts else None
            expected = _expected(both, planned) if past == f"{metric}_before" else None
            # The first metric decides; the others share the errors that are allowed.
            alpha = ALPHA if metric == PRIMARY else ALPHA / (len(known) - 1)
            compared.append(
                (metric, arm, compare(named[control], named[arm], both, alpha=alpha, expected_variance=expected))
            )
    p_values = corrected([found.p_value for _, _, found in compared])
    earns_more = {arm for metric, arm, found in compared if metric == PRIMARY and found.always.low > 0}
    return [
        Row(metric, arm, found, p, is_breached=_is_harm(metric, found, earns_more=arm in earns_more))
        for (metric, arm, found), p in zip(compared, p_values, strict=True)
    ]


def past_of(metric: str, before: pl.DataFrame) -> str | None:
    """The column of `before` that a metric is adjusted by; None where there is none.

    Margin is adjusted by margin where it is known of all of whom revenue is, else by revenue: of customers who entered
    before it was noted it is not.
    """
    past = METRICS.get(metric) or None
    if past == "margin_before" and (
        past not in before.columns or before[past].count() < max(before["revenue_before"].count(), 1)
    ):
        return "revenue_before"
    return past


def _is_harm(metric: str, found: Comparison, *, earns_more: bool) -> bool:
    """Whether a guardrail is worse for sure. Who buys more returns more, which revenue has subtracted already."""
    if metric in GUARDRAILS_ABOVE:
        return found.always.low > 0 and not (metric == "returned" and earns_more)
    return metric in GUARDRAILS and found.always.high < 0


def _opted_out(experiment: Experiment, unsubscribes: Mapping[str, tuple[int, int]]) -> dict[str, list[Floats]]:
    """One value a customer, 1 for who opted out, arm by arm; nothing where nobody did."""
    if not any(left for _, left in unsubscribes.values()):
        return {}
    by_arm = [unsubscribes.get(arm.name, (0, 0)) for arm in experiment.arms]
    if min(customers for customers, _ in by_arm) < LEAST_CUSTOMERS:
        return {}
    return {UNSUBSCRIBED: [np.repeat([1.0, 0.0], [left, customers - left]) for customers, left in by_arm]}


def _expected(before: tuple[Floats, Floats] | None, planned: int) -> float | None:
    """The variance of the difference after the planned days, guessed from the time before alone."""
    if before is None:
        return None
    known = [each[np.isfinite(each)] for each in before]
    if min(each.size for each in known) < 2:
        return None
    variance = sum(float(each.var(ddof=1)) / each.size for each in known) * planned / DAYS_BEFORE
    return variance or None


def _sentence(experiment: Experiment, rows: Sequence[Row], days: int, worth: str) -> str:
    arm, control = rows[0].arm, experiment.control.name
    first = next(row for row in rows if row.metric == PRIMARY).found
    change = _change(first)
    after = f"after {days} day{'s' if days != 1 else ''}"
    if first.always.low > 0:
        found = f"{arm} brings more {worth} than {control} {after}: {change}."
    elif first.always.high < 0:
        found = f"{arm} brings {'less' if worth == PRIMARY else 'fewer'} {worth} than {control} {after}: {change}."
    else:
        found = f"No difference in {worth} between {arm} and {control} is shown {after}: {change}."
    found += "".join(f" In margin: {_change(row.found)}." for row in rows if row.metric == "margin")
    told = [row for row in rows if row.is_breached and row.metric != PRIMARY]
    lower = [row.metric for row in told if row.metric in GUARDRAILS]
    higher = [row.metric for row in told if row.metric in GUARDRAILS_ABOVE]
    found += f" Lower for sure: {', '.join(lower)}." if lower else ""
    return found + (f" Higher for sure: {', '.join(higher)}." if higher else "")


def _change(found: Comparison) -> str:
    """The difference per customer, and as a share, with the bounds that may be peeked at."""
    base = found.control_mean
    words = f"{found.always.estimate:+,.2f} a customer, from {found.always.low:+,.2f} to {found.always.high:+,.2f}"
    if base <= 0 or not math.isfinite(base):
        return words
    share = found.always.scaled(1 / base)
    return f"{words} ({share.estimate:+.1%}, from {share.low:+.1%} to {share.high:+.1%})"


def _outcomes(connection: ServingConnection, name: str) -> pl.DataFrame:
    query = """
        SELECT arm, revenue, orders, (orders > 0)::integer AS bought, listed_items,
            CASE WHEN count(new_categories) OVER () > 0 THEN coalesce(new_categories, 0) END, lapsed::integer,
            CASE WHEN count(margin) OVER () > 0 THEN coalesce(margin, 0) END,
            CASE WHEN sum(returned) OVER () > 0 THEN returned END,
            orders_before, revenue_before, margin_before
        FROM {ml}.experiment_outcomes WHERE experiment = %s ORDER BY customer_id
    """
    rows = connection.execute(connection.schemas.sql(query), [name]).fetchall()
    numbers = (*METRICS, "orders_before", "revenue_before", "margin_before")
    return pl.DataFrame(rows, schema={"arm": pl.String, **dict.fromkeys(numbers, pl.Float64)}, orient="row")


def _unsubscribes(connection: ServingConnection, name: str) -> dict[str, tuple[int, int]]:
    query = "SELECT arm, customers, unsubscribed FROM {ml}.experiment_unsubscribes WHERE experiment = %s"
    rows = connection.execute(connection.schemas.sql(query), [name]).fetchall()
    return {arm: (customers, left) for arm, customers, left in rows}


def _days(connection: ServingConnection, name: str) -> int:
    query = """
        SELECT count(*) FROM {meta}.experiment_days_known AS k
        CROSS JOIN {meta}.shop AS h
        JOIN {meta}.experiments AS e ON e.experiment = %(name)s
        WHERE k.day >= (SELECT min(c.entered_on) FROM {ml}.experiment_customers AS c WHERE c.experiment = %(name)s)
            AND (
                least(e.stopped_at, e.ends_at) = 'infinity'
                OR k.day < (least(e.stopped_at, e.ends_at) AT TIME ZONE h.timezone)::date
            )
    """
    row = connection.execute(connection.schemas.sql(query), {"name": name}).fetchone()
    return int(row[0]) if row else 0


def _floats(frame: pl.DataFrame, column: str) -> Floats:
    return np.asarray(frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy(), np.float64)
