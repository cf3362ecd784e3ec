"""The page about the shop, for those who answer for it: what is live, what it is worth, how good the data were.

How it is put together belongs here; what each section says is in the files beside.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from ml_assets.books.freshness import Freshness, clock_of, read_freshness
from ml_assets.database.connection import ServingConnection
from ml_assets.experiments.design import Experiment
from ml_assets.experiments.register import list_experiments
from ml_assets.experiments.report import Report, report
from ml_assets.lake import Lake
from ml_assets.reports.costs import DAYS as COST_DAYS
from ml_assets.reports.costs import costs
from ml_assets.reports.data_quality import DAYS, DataQuality, data_quality
from ml_assets.reports.examples import WORDS, examples_of, popular_of
from ml_assets.reports.live_section import LiveList, live_section
from ml_assets.reports.page import render
from ml_assets.reports.rows import rows_of
from ml_assets.reports.segment_flows import LOOK_BACK_DAYS, are_without_amounts, flows_of, live_segments
from ml_assets.settings.experiments import HOLD_OUT
from ml_assets.settings.made import WITHOUT_AMOUNTS, has_amounts
from ml_assets.settings.shop import Settings

STATES = {"fresh": "fresh", "warn": "late", "stale": "stale", "missing": "never arrived"}
SUBJECTS = {
    "transactions": "Orders",
    "recommendations": "Lists of customers",
    "segment_assignments": "Segments",
    "similar_items": "Similar items",
    "popular_items": "Popular items",
    "recommender_model": "Model of the lists",
    "segmentation_model": "Model of the segments",
    "customer_value_model": "Model of what customers will spend",
    "interactions": "Purchases, prepared",
    "customer_features": "Figures of customers",
}
"""What subjects are called on pages."""


@dataclass(frozen=True)
class ShopReport:
    """The page, and the same in a few sentences."""

    day: date | None
    """The newest day that is live; None before anything is."""
    page: str
    summary: list[str]


@dataclass(frozen=True)
class Judged:
    """An experiment with what came of it."""

    experiment: Experiment
    state: str
    found: Report

    @property
    def name(self) -> str:
        """As people call it."""
        return "The permanent hold-out" if self.experiment.name == HOLD_OUT else self.experiment.name


def shop_report(connection: ServingConnection, lake: Lake, settings: Settings, until: date | None = None) -> ShopReport:
    """The page as HTML; `until` ends the weeks that are looked back on, by default the newest day that is live.

    What is live, and what experiments say, is of now. A shop in which nothing is live yet gets a page that says so.
    """
    now = clock_of(connection)
    ages = {row.subject: row for row in read_freshness(connection)}
    live = rows_of(connection, LIVE)
    newest = max((row["data_as_of"] for row in live), default=None)
    day = until or newest or (now.astimezone(settings.tz).date() - timedelta(days=1))
    segments = live_segments(connection)
    quality = data_quality(connection, lake, day)
    lists = live_section(connection, day)
    experiments = _experiments(connection, now, amounts=has_amounts(settings))
    facts: dict[str, Any] = {
        "title": f"How {settings.name or 'the shop'} is doing",
        "day": newest,
        "until": day,
        "made_at": now.astimezone(settings.tz),
        "rows": [_row(row, ages.get(row["subject"])) for row in live],
        "ages": [row for row in ages.values() if row.status != "fresh"],
        "subjects": SUBJECTS,
        "states": STATES,
        "customers": sum(row["key_count"] for row in live if row["subject"] == "recommendations"),
        "not_made": rows_of(connection, "SELECT subject, reason FROM {ml}.not_made ORDER BY subject"),
        "examples": examples_of(connection, lake, newest) if newest else [],
        "popular": popular_of(connection),
        "words": WORDS,
        "segments": segments,
        "without_amounts": are_without_amounts(segments),
        "segment_day": segments[0]["data_as_of"] if segments else None,
        "moved": flows_of(connection, segments, segments[0]["data_as_of"]) if segments else None,
        "look_back": LOOK_BACK_DAYS,
        "live": lists,
        "experiments": experiments,
        "quality": quality,
        "quality_days": DAYS,
        "costs": costs(connection, lake, settings, now),
        "cost_days": COST_DAYS,
    }
    said = _summary(newest, ages.get("recommendations"), lists, experiments, quality)
    if facts["without_amounts"] or (experiments and not has_amounts(settings)):
        said.append(WITHOUT_AMOUNTS)
    return ShopReport(newest, render("shop.html", **facts, summary=said), said)


LIVE = """
    SELECT r.subject, r.data_as_of, r.predicted_at, r.model_version, r.key_count, l.pinned_reason
    FROM {meta}.live AS l JOIN {meta}.releases AS r USING (release_id)
    WHERE l.subject <> 'arm_recommendations' OR r.row_count > 0
    ORDER BY array_position(
        ARRAY['recommendations', 'segment_assignments', 'similar_items', 'popular_items'], l.subject
    ), l.subject
"""


def _row(row: dict[str, Any], age: Freshness | None) -> dict[str, Any]:
    return row | {
        "name": SUBJECTS.get(row["subject"], "Lists of experiments"),
        "status": STATES[age.status] if age else "",
        "is_fresh": age is None or age.status == "fresh",
        "stale_at": age.stale_at if age else None,
    }


def _experiments(connection: ServingConnection, now: datetime, *, amounts: bool) -> list[Judged]:
    """Those that run first, then the newest."""
    found = [
        Judged(each, each.state(now), report(connection, each, amounts=amounts))
        for each in list_experiments(connection)
    ]
    return sorted(found, key=lambda one: (one.state != "running", -one.experiment.started_at.timestamp()))


def _summary(
    day: date | None,
    age: Freshness | None,
    lists: list[LiveList],
    experiments: list[Judged],
    quality: DataQuality,
) -> list[str]:
    """What a reader must know who reads no further."""
    if day is None:
        return ["Nothing is live yet. `ml-assets run` computes and publishes a day."]
    state = f", {STATES[age.status]}" if age else ""
    said = [f"What is live is of {day:%A, %d %B %Y}{state}."]
    below = [one.name for one in lists if one.newest.was_live and one.newest.is_below]
    if below:
        said.append(f"Customers find less in these lists than was promised: {', '.join(below)}.")
    elif any(one.newest.was_live and one.newest.is_below is not None for one in lists):
        said.append("Customers find as much in their lists as was promised.")
    said += [f"{one.name}: {one.found.verdict}" for one in experiments if one.state == "running"]
    if count := quality.open_incidents:
        said.append(f"{count} {'thing is' if count == 1 else 'things are'} wrong at the moment.")
    return said
