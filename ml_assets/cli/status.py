"""`ml-assets status`: how old everything is, judged from the tables alone, for people, cron and Nagios."""

from zoneinfo import ZoneInfo

from ml_assets.books.freshness import Freshness, clock_shift, read_freshness
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.prune import show_space
from ml_assets.cli.rescored import facts_inside_the_day, show_inside_the_day
from ml_assets.releases.rescore import SUBJECT
from ml_assets.releases.rescored import LastTime, last_time, live_lists
from ml_assets.settings.read.load import load_settings

LATE = ("stale", "missing")


def status(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show the freshness of every subject and what changed inside the day; exit code 2 when any is stale or missing.

    Works without Dagster: it reads the database only.
    """
    settings = load_settings(config)
    with shop_database(settings) as connection:
        rows, shift = read_freshness(connection), clock_shift(connection)
        live = live_lists(connection)
        inside = None if live is None else last_time(connection, live.release_id)
        if emit([_facts(row, inside) for row in rows], as_json):
            return _code(rows)
        show_freshness(rows, settings.tz)
        for row in rows:
            if row.volume_reason:
                OUT.print(f"{row.subject}: {row.volume_reason}\n")
        if inside:
            show_inside_the_day(inside, settings.tz)
        show_space(connection, settings)
    if shift:
        OUT.print(f"The clock is {shift.days} days ahead because of `ml-assets demo break`.\n")
    next_commands(
        config,
        *([("ml-assets demo fix", "bring the feed back")] if shift else []),
        ("ml-assets run", "compute and publish the newest day"),
        ("ml-assets ui", "see runs and checks in Dagster"),
    )
    return _code(rows)


def _code(rows: list[Freshness]) -> int:
    return 2 if any(row.status in LATE for row in rows) else 0


def show_freshness(rows: list[Freshness], tz: ZoneInfo) -> None:
    """Print ml.freshness, with the moments at which things become stale, or became so."""
    cells = [
        [
            row.subject,
            row.kind,
            row.data_as_of or "never",
            _age(row),
            f"{row.stale_at.astimezone(tz):%a %d %b %H:%M}" if row.stale_at else "",
            row.status,
        ]
        for row in rows
    ]
    table("Freshness", ["subject", "kind", "data as of", "age", "stale at", "status"], cells, right=["age"])


def _facts(row: Freshness, inside: LastTime | None) -> dict[str, object]:
    return {
        "subject": row.subject,
        "kind": row.kind,
        "status": row.status,
        "data_as_of": row.data_as_of,
        "updated_at": row.updated_at,
        "age_seconds": row.age and row.age.total_seconds(),
        "warn_after_seconds": row.warn_after.total_seconds(),
        "error_after_seconds": row.error_after.total_seconds(),
        "stale_at": row.stale_at,
        "rows": row.row_count,
        "usual_rows": row.usual_row_count,
        "reason": row.reason,
        "rescored": facts_inside_the_day(inside) if inside and row.subject == SUBJECT else None,
    }


def _age(row: Freshness) -> str:
    return "" if row.age is None else _hours(row.age.total_seconds())


def _hours(seconds: float) -> str:
    if abs(seconds) < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 86400:.1f} d" if seconds >= 48 * 3600 else f"{seconds / 3600:.1f} h"
