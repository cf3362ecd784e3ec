"""What another list would have brought, from lists that explored: which of them can say it, and a verdict.

Reading is in `logged.py` and `other_lists.py`, the arithmetic in `ml_assets/experiments/off_policy.py`.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.experiments.off_policy import Estimates, estimate, predicted_rewards
from ml_assets.experiments.report import LEAST_CUSTOMERS
from ml_assets.lake import Lake
from ml_assets.live.logged import Asked, LoggedDay, days_to_read, read_day
from ml_assets.live.other_lists import OtherLists
from ml_assets.progress import Report as Progress
from ml_assets.progress import Stage, silent
from ml_assets.settings.shop import Settings

LIVE = "live"
"""The list that everybody sees, without exploring."""
LIKELY = 0.5
"""Items of the list without exploring are shown with a probability above this, those drawn in their places below."""


@dataclass(frozen=True)
class OffPolicyReport:
    """What a list would have brought that was not shown."""

    list: str
    placement: str
    within: int
    first: date
    last: date
    """Days of the data behind the lists."""
    lists: int
    """Lists that explored."""
    supported: int
    """Those of them that could have shown every item of the other list."""
    never_live: int
    """Days whose lists were made when nobody could see them any more."""
    not_kept: int
    """Days whose lists are gone, because newer releases replaced them."""
    estimates: Estimates
    verdict: str


def off_policy_report(
    connection: ServingConnection, lake: Lake, settings: Settings, asked: Asked, report: Progress = silent
) -> OffPolicyReport:
    """What a list would have brought on days that explored.

    Raises `UserError` where nothing has explored, or where hardly any list could have shown it.
    """
    other = None if asked.list == LIVE else OtherLists(connection, lake, settings, asked.list, asked.placement)
    days, wanted = [], []
    asked_for = [one for one in days_to_read(connection, asked) if other is None or other.can_be_of(one.data_as_of)]
    known = [one for one in asked_for if one.is_kept]
    not_kept = len(asked_for) - len(known)
    for number, one in enumerate(known):
        report(Stage(f"reading the lists of {one.data_as_of}, and making the others", number / len(known)))
        if day := read_day(connection, lake, settings, asked, one):
            days.append(day)
            wanted.append(_without_exploring(day) if other is None else _made(other, day, asked))
    if not days:
        raise _nothing_explored(asked, not_kept)
    lists, items = _prepared(days, wanted)
    supported = lists.filter(pl.col("can_show"))
    if supported["customer"].n_unique() < LEAST_CUSTOMERS:
        raise _no_support(asked, lists.height, supported)
    numbered = supported.with_row_index("list")
    found = estimate(numbered, items.join(numbered.select("key", "list"), on="key", maintain_order="left"))
    return OffPolicyReport(
        asked.list,
        asked.placement,
        asked.within,
        days[0].as_of,
        days[-1].as_of,
        lists.height,
        supported.height,
        sum(not day.was_live for day in days),
        not_kept,
        found,
        _sentence(asked, found),
    )


def _without_exploring(day: LoggedDay) -> pl.DataFrame:
    return day.items.filter(pl.col("propensity") > LIKELY).select("customer_id", "item_id")


def _made(other: OtherLists, day: LoggedDay, asked: Asked) -> pl.DataFrame:
    ranked = other.of_day(day.as_of, day.items["customer_id"].unique().sort())
    if asked.lower_half:
        return in_lower_half(day.items, ranked)
    return ranked.filter(pl.col("rank") <= day.k).drop("rank")


def in_lower_half(stored: pl.DataFrame, ranked: pl.DataFrame) -> pl.DataFrame:
    """customer_id and item_id of lists that keep what is always shown; other places go to the best ranked.

    `stored` is as in `LoggedDay`; `ranked` has customer_id, item_id and rank. What it does not rank follows, in an
    order that knows nothing of what was drawn: a list that did could not be estimated by it.
    """
    always = stored.filter(pl.col("propensity") == 1).select("customer_id", "item_id")
    places = stored.filter("is_shown").group_by("customer_id").agg(places=(pl.col("propensity") < 1).sum())
    candidates = (
        stored.filter(pl.col("propensity").is_between(0, 1, closed="none"))
        .join(ranked, on=["customer_id", "item_id"], how="left")
        .join(places, on="customer_id")
        .sort("customer_id", "rank", -pl.col("propensity"), "item_id", nulls_last=True)
        .filter(pl.int_range(pl.len()).over("customer_id") < pl.col("places"))
    )
    return pl.concat([always, candidates.select("customer_id", "item_id")])


def _prepared(days: list[LoggedDay], wanted: list[pl.DataFrame]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """`lists` and `items` for `estimate`, by a key of day and customer; can_show tells who could have shown it all."""
    ids = ["day", "customer_id"]
    logged = pl.concat(day.items.with_columns(day=pl.lit(number)) for number, day in enumerate(days))
    asked = pl.concat(frame.with_columns(day=pl.lit(number)) for number, frame in enumerate(wanted))
    customers = logged.select(pl.col("customer_id").unique().sort()).with_row_index("customer")
    keys = logged.select(ids).unique(maintain_order=True).with_row_index("key").join(customers, on="customer_id")
    logged, asked = (frame.join(keys, on=ids, maintain_order="left").drop("day") for frame in (logged, asked))
    items = asked.join(logged.drop("customer", "customer_id"), on=["key", "item_id"], how="left", maintain_order="left")
    items = items.with_columns(pl.col("propensity").fill_null(0.0), pl.col("is_shown", "bought").fill_null(value=False))
    shown = logged.filter("is_shown")
    items = items.with_columns(predicted=predicted_rewards(shown, items))
    could = items.group_by("key").agg(can_show=(pl.col("propensity") > 0).all())
    brought = shown.group_by("key", "customer").agg(pl.col("bought").sum())
    # Who would have got no other list is not asked about it.
    return brought.join(could, on="key").sort("key"), items


def _sentence(asked: Asked, found: Estimates) -> str:
    best, before = found.doubly_robust, found.shown.estimate
    name = "The live list without exploring" if asked.list == LIVE else asked.list
    if asked.lower_half and asked.list != LIVE:
        name = f"The live list with {asked.list} in its lower half"
    bounds = f"{best.difference.estimate:+,.3f}, from {best.difference.low:+,.3f} to {best.difference.high:+,.3f}"
    worth = (
        f"{best.worth.estimate:,.3f} items bought of a list within {asked.within} days, beside {before:,.3f}: {bounds}."
    )
    if best.difference.low > 0:
        return f"{name} would have brought more: {worth}"
    if best.difference.high < 0:
        return f"{name} would have brought less: {worth}"
    return f"No difference is shown. {name} would have had {worth}"


def _nothing_explored(asked: Asked, not_kept: int) -> UserError:
    told = " to customers of whom an application told so" if asked.exposed else ""
    after = f" after {asked.list} was trained" if asked.list.startswith("model:") else ""
    gone = f" The lists of {not_kept} days before are not kept any more." if not_kept else ""
    return UserError(
        f"No list {asked.placement} that explored was shown{told} on a day{after} of which the {asked.within} days "
        f"since are known, so nothing can be said of lists that were not shown.{gone}",
        "Set experiments.exploration.epsilon, keep the lists for so long (serving.keep_releases), run the days, and "
        f"ask {asked.within} days later; or ask for fewer days since with --within.",
        code="experiment.refused",
    )


def _no_support(asked: Asked, lists: int, supported: pl.DataFrame) -> UserError:
    customers = supported["customer"].n_unique()
    return UserError(
        f"Of {lists:,} lists {asked.placement} that explored, {supported.height:,} (of {customers} customers) could "
        f"have shown all that {asked.list} names; at least {LEAST_CUSTOMERS} customers are needed. What was never to "
        "be shown says nothing of what it would have brought.",
        "Ask what it would bring in the lower half of the lists (--lower-half), let an experiment show it "
        "(`ml-assets experiment start`), or store more candidates (recommender.stored), from "
        "which lists draw.",
        code="experiment.refused",
    )
