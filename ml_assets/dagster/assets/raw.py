"""Raw assets: events that keep the contract, lines that do not, and the item catalogue.

Reading and judging lines is done by `sources/` and `events/`; only wiring and metadata belong here.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from ml_assets.books.erased import without_erased
from ml_assets.books.source_days import known_days, record_days, refuse_lost_lake
from ml_assets.dagster.database import ServingDatabase
from ml_assets.dagster.failures import final_failures
from ml_assets.dagster.io_manager import Frames
from ml_assets.dagster.shop import Shop
from ml_assets.dagster.source_look import days_with_features
from ml_assets.events.arrivals import late_days
from ml_assets.events.load import DayFacts, LoadedDays, load_days, refused_share
from ml_assets.features.as_known import keep_superseded
from ml_assets.lake import Lake
from ml_assets.sources.base import EventSource
from ml_assets.whole_files import make_private

ACCOUNTED = "every_line_is_accounted_for"
QUARANTINE = "quarantine_is_small"
QUARANTINE_LIMIT = 0.05
GUESTS = "lines_of_guests"
REBUILD_LAKE_TAG = "ml_assets/rebuild_lake"
"""A run with this tag loads days into a lake that was there before and is empty now."""
KINDS = {"polars", "parquet"}
EVENTS = {
    "transactions": "Events of the day that keep the event contract, one row per line of behaviour.",
    "quarantined_transactions": "Lines of the day that break the event contract, each with its reason.",
}


def build_raw_assets(shop: Shop) -> list[dg.AssetsDefinition]:
    """transactions and quarantined_transactions (daily), items (unpartitioned)."""
    return [_items(shop), _raw_events(shop)]


def _items(shop: Shop) -> dg.AssetsDefinition:
    @shop.asset("raw", KINDS)
    def items(source: dg.ResourceParam[EventSource]) -> pl.DataFrame:
        """The item catalogue: one row per item with its name and category."""
        return source.read_items()

    return items


def _raw_events(shop: Shop) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="raw_events",
        outs={name: shop.out(name, says, group="raw", kinds=KINDS) for name, says in EVENTS.items()},
        partitions_def=shop.calendar.daily,
        backfill_policy=dg.BackfillPolicy.single_run(),
        check_specs=[
            dg.AssetCheckSpec(
                ACCOUNTED,
                asset=shop.key("transactions"),
                blocking=True,
                description="Valid and quarantined lines add up to the lines read.",
            ),
            dg.AssetCheckSpec(
                QUARANTINE,
                asset=shop.key("quarantined_transactions"),
                blocking=True,
                description=f"At most {QUARANTINE_LIMIT:.0%} of the lines break the contract, not counting lines "
                "without a customer, returns and duplicates.",
            ),
        ],
    )
    @final_failures
    def raw_events(
        context: dg.AssetExecutionContext,
        source: dg.ResourceParam[EventSource],
        lake: dg.ResourceParam[Lake],
        serving: dg.ResourceParam[ServingDatabase],
    ) -> Iterator[dg.Output[Frames] | dg.AssetCheckResult]:

        def admit(lines: pl.DataFrame) -> pl.DataFrame:
            """Whoever was erased stays away, whatever the source still holds."""
            with serving.connect() as connection:
                return without_erased(connection, lines)

        if not context.op_execution_context.get_tag(REBUILD_LAKE_TAG):
            with serving.connect() as connection:
                refuse_lost_lake(connection, lake)
        wanted = [date.fromisoformat(key) for key in context.partition_keys]
        days = load_days(source, wanted, shop.settings.events, admit, aside=_aside(shop, lake))
        _keep_what_changes(lake, serving, days)
        for day, facts in days.facts.items():
            _describe(context, shop, day, facts)
        yield dg.Output(Frames(days, days.packed), "transactions")
        yield dg.Output(Frames(days, days.quarantined), "quarantined_transactions")
        with serving.connect() as connection:
            contents = {day: facts.content for day, facts in days.facts.items()}
            late = late_days(contents, days_with_features(lake), shop.settings.lookback_days)
            for day in record_days(connection, contents, late=late, run_id=context.op_execution_context.run_id):
                context.log.warning("Features were built from other lines of %s; see ml.restatements.", day)
        yield _accounted(shop, days.facts)
        yield _small_quarantine(shop, days.facts)

    return raw_events


def _aside(shop: Shop, lake: Lake) -> Path:
    """Where lines wait that do not fit into memory: on the lake's disk, which has room for them."""
    folder = Path(str(lake.root)) if lake.is_local else shop.settings.home
    make_private(folder)
    return folder


def _keep_what_changes(lake: Lake, serving: ServingDatabase, days: LoadedDays) -> None:
    """Before a day is overwritten with other lines, what was known of it is put aside."""
    with serving.connect() as connection:
        known = known_days(connection, min(days), max(days))
    changed = {
        day: before
        for day, before in known.items()
        if day in days.facts and days.facts[day].content.differs_from(before)
    }
    if changed:
        with serving.without_erased() as without:
            for day, before in changed.items():
                keep_superseded(lake, day, before.fingerprint, without)


def _describe(context: dg.AssetExecutionContext, shop: Shop, day: date, facts: DayFacts) -> None:
    refused = sum(facts.quarantined.values())
    more: dict[str, dict[str, Any]] = {
        "transactions": {"dagster/partition_row_count": facts.valid, "lines_read": facts.read, GUESTS: facts.guests},
        "quarantined_transactions": {"dagster/partition_row_count": refused, "reasons": facts.quarantined},
    }
    for name, metadata in more.items():
        context.add_asset_metadata(metadata, asset_key=shop.key(name), partition_key=day.isoformat())


def _accounted(shop: Shop, days: Mapping[date, DayFacts]) -> dg.AssetCheckResult:
    refused = {day: sum(facts.quarantined.values()) for day, facts in days.items()}
    differences = {day.isoformat(): facts.read - facts.valid - refused[day] for day, facts in days.items()}
    lost = {day: lines for day, lines in differences.items() if lines}
    return dg.AssetCheckResult(
        check_name=ACCOUNTED,
        asset_key=shop.key("transactions"),
        passed=not lost,
        description=f"Lines unaccounted for on: {lost}." if lost else "Every line read is valid or quarantined.",
        metadata={
            "days": len(days),
            "lines_read": sum(facts.read for facts in days.values()),
            "valid": sum(facts.valid for facts in days.values()),
            "quarantined": sum(refused.values()),
        },
    )


def _small_quarantine(shop: Shop, days: Mapping[date, DayFacts]) -> dg.AssetCheckResult:
    read = sum(facts.read for facts in days.values())
    counts: Counter[str] = Counter()
    for facts in days.values():
        counts.update(facts.quarantined)
    share = refused_share(days.values())
    nothing_left = read > 0 and counts.total() == read
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
    return dg.AssetCheckResult(
        check_name=QUARANTINE,
        asset_key=shop.key("quarantined_transactions"),
        passed=share <= QUARANTINE_LIMIT and not nothing_left,
        # A day of which nothing is left is a broken feed or a wrong mapping; nothing may be built on it.
        severity=dg.AssetCheckSeverity.ERROR if nothing_left else dg.AssetCheckSeverity.WARN,
        description=f"{counts.total():,} of {read:,} lines are quarantined"
        + (f" ({share:.2%} not counting guests, returns and duplicates): {reasons}." if reasons else "."),
        metadata={"share": share},
    )
