"""`ml-assets status`: how old everything is, judged from the tables alone, for people, cron and Nagios."""

import json

import typer

from ml_assets.cli.console import ConfigOption, JsonOption, next_commands, table
from ml_assets.config import load_settings
from ml_assets.serving.connection import connect
from ml_assets.serving.freshness import Freshness, read_freshness
from ml_assets.serving.releases import require_contract

LATE = ("stale", "missing")


def status(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Show the freshness of every subject; exit code 2 when anything is stale or missing.

    Works without Dagster: it reads the database only.
    """
    settings = load_settings(config)
    with connect(settings) as connection:
        require_contract(connection)
        rows = read_freshness(connection)
    if as_json:
        typer.echo(json.dumps([_facts(row) for row in rows], indent=2, default=str))
    else:
        show_freshness(rows)
        next_commands(
            config,
            ("ml-assets run", "compute and publish the newest day"),
            ("ml-assets ui", "see runs and checks in Dagster"),
        )
    return 2 if any(row.status in LATE for row in rows) else 0


def show_freshness(rows: list[Freshness]) -> None:
    """Print ml.freshness."""
    cells = [[row.subject, row.kind, row.data_as_of or "never", _age(row), _limit(row), row.status] for row in rows]
    table("Freshness", ["subject", "kind", "data as of", "age", "stale after", "status"], cells, right=["age"])


def _facts(row: Freshness) -> dict[str, object]:
    return {
        "subject": row.subject,
        "kind": row.kind,
        "status": row.status,
        "data_as_of": row.data_as_of,
        "updated_at": row.updated_at,
        "age_seconds": row.age and row.age.total_seconds(),
        "warn_after_seconds": row.warn_after.total_seconds(),
        "error_after_seconds": row.error_after.total_seconds(),
    }


def _age(row: Freshness) -> str:
    return "" if row.age is None else _hours(row.age.total_seconds())


def _limit(row: Freshness) -> str:
    return _hours(row.error_after.total_seconds())


def _hours(seconds: float) -> str:
    return f"{seconds / 86400:.1f} d" if seconds >= 48 * 3600 else f"{seconds / 3600:.1f} h"
