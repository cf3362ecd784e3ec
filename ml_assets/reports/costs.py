"""What it costs to run: time of the jobs, space of the database, the lake and the home folder."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ml_assets.books.activity import Spent, time_spent
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets.settings.shop import Settings

DAYS = 28
JOBS = {
    "load_days": "Loading days",
    "daily_scoring": "Scoring a day",
    "weekly_training": "Training the models of a week",
    "rebuild": "Building days again",
    "since_last": "Making lists anew inside the day",
    "weekly_report": "Writing this page",
}


@dataclass(frozen=True)
class Costs:
    """Of the last four weeks, and of now."""

    jobs: list[tuple[str, Spent]]
    """In words, with what they took."""
    database: int
    """Bytes of what ml_assets keeps in the database."""
    lake: int | None
    """Bytes of its files; None where they lie in an object store, which would have to be asked for each."""


def costs(connection: ServingConnection, lake: Lake, settings: Settings, now: datetime) -> Costs:
    """What was spent in the four weeks before a moment."""
    spent = time_spent(connection, settings.name, now - timedelta(days=DAYS))
    size = """
        SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = ANY (%s) AND c.relkind = 'r'
    """
    schemas = connection.schemas
    owned = [schemas.ml, schemas.store, schemas.meta]
    return Costs(
        [(JOBS.get(each.job, each.job), each) for each in spent],
        int(one(connection, size, [owned])),
        sum(file.stat().st_size for file in lake.files(".parquet")) if lake.is_local else None,
    )
