"""`ml-assets import`: predictions that were made elsewhere, as files.

Files are written and judged in `exchange/recommendations.py`.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ml_assets.cli.console import ERR, OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_possible
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    import polars as pl

    from ml_assets.database.connection import ServingConnection
    from ml_assets.exchange.known import Strangers
    from ml_assets.releases.publish import Publication, Release
    from ml_assets.settings.shop import Settings

app = typer.Typer(help="Publish predictions that were made elsewhere.", no_args_is_help=True)

AsOfOption = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        metavar="YYYY-MM-DD",
        help="Last day of data behind it. Default: the file's data_as_of, else yesterday.",
    ),
]

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header line, or .parquet.")]
VersionOption = Annotated[str | None, typer.Option("--model-version", help="Default: import- and a hash.")]
OverrideOption = Annotated[
    str | None, typer.Option("--override", metavar="REASON", help="Publish even what a gate refuses; why.")
]


@app.command("recommendations")
def import_recommendations(
    file: FileArgument,
    day: AsOfOption = None,
    version: VersionOption = None,
    k: Annotated[int | None, typer.Option("--k", min=1, max=500, help="Items shown. Default: recommender.k.")] = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Publish recommendations made elsewhere as a release of their own, through the same gates.

    Columns: customer_id, item_id, rank or score; optionally placement, source, reason_code, data_as_of. Exit code 2
    when a gate refuses them: they are kept, blocked, and the live ones stay.
    """
    from ml_assets.exchange.known import known_ids, without_strangers  # noqa: PLC0415 Polars imports slowly
    from ml_assets.exchange.recommendations import read_recommendations  # noqa: PLC0415
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415
    from ml_assets.lake import Lake  # noqa: PLC0415
    from ml_assets.releases.publish import publish  # noqa: PLC0415

    settings = load_settings(config)
    require_possible(settings, "recommendations")
    with shop_database(settings) as connection:
        imported = read_recommendations(file, vocabulary(connection, settings.tz))
        frame, strangers = without_strangers(imported.frame, known_ids(connection, Lake.of(settings)))
        new = _publication(
            settings, "recommendations", frame, version or imported.version, _day(settings, day, imported.day)
        )
        release = publish(connection, replace(new, k=k or settings.recommender.k, override=override))
        _watch(connection, settings)
    return _outcome(release, strangers, as_json, config)


@app.command("segments")
def import_segments(
    file: FileArgument,
    day: AsOfOption = None,
    version: VersionOption = None,
    override: OverrideOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Publish segments made elsewhere as a release of their own, through the same gates.

    Columns: customer_id, segment_key; optionally segment_name, description, data_as_of. Exit code 2 when a gate
    refuses them: they are kept, blocked, and the live ones stay.
    """
    from ml_assets.exchange.known import Strangers, known_ids, unknown_customers  # noqa: PLC0415 Polars imports slowly
    from ml_assets.exchange.segments import read_segments  # noqa: PLC0415
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415
    from ml_assets.lake import Lake  # noqa: PLC0415
    from ml_assets.releases.publish import publish  # noqa: PLC0415

    settings = load_settings(config)
    require_possible(settings, "segment_assignments")
    with shop_database(settings) as connection:
        found = read_segments(file, vocabulary(connection, settings.tz))
        known = known_ids(connection, Lake.of(settings))
        strangers = Strangers(unknown_customers(found.assignments, known), 0)
        as_of = _day(settings, day, found.day)
        new = _publication(settings, "segment_assignments", found.assignments, version or found.version, as_of)
        release = publish(connection, replace(new, segments=found.segments, override=override))
        _watch(connection, settings)
    return _outcome(release, strangers, as_json, config)


def _watch(connection: "ServingConnection", settings: "Settings") -> None:
    """From now on the age of what is imported is judged, also where the shop makes none of it itself."""
    from ml_assets.books.freshness import sync_policies  # noqa: PLC0415 as above
    from ml_assets.releases.withdraw import withdraw_unmade  # noqa: PLC0415

    sync_policies(connection, settings)
    for withdrawn in withdraw_unmade(connection, settings):
        ERR.print(withdrawn, soft_wrap=True)


def _day(settings: "Settings", given: datetime | None, told: date | None) -> date:
    """The last day of data behind a file: what the command says, else the file, else yesterday."""
    yesterday = datetime.now(settings.tz).date() - timedelta(days=1)
    as_of = given.date() if given else told or yesterday
    if as_of > yesterday + timedelta(days=1):
        raise UserError(f"The day {as_of} is in the future.", "Give the last day of data behind the file: --as-of.")
    return as_of


def _publication(settings: "Settings", subject: str, frame: "pl.DataFrame", version: str, day: date) -> "Publication":
    from ml_assets.releases.publish import Publication  # noqa: PLC0415 as above

    return Publication(
        subject,
        frame,
        day=day,
        model_version=version,
        k=settings.recommender.k,
        gates=settings.serving.gates,
        keep=settings.serving.keep_releases,
        most_retired=settings.serving.most_retired,
        give_way=settings.serving.give_way,
    )


def _outcome(release: "Release", strangers: "Strangers", as_json: bool, config: Path | None) -> int:
    facts = {
        "release_id": release.release_id,
        "state": release.state,
        "rows": release.rows,
        "day": release.day,
        "reason": release.reason,
        "unknown_customers": strangers.customers,
        "unknown_items": strangers.items,
    }
    if not emit(facts, as_json):
        for line in strangers.words:
            ERR.print(escape(line), soft_wrap=True)
        _show_import(release, config)
    return 2 if release.state == "blocked" else 0


def _show_import(release: "Release", config: Path | None) -> None:
    one, many = ("list", "lists") if release.subject == "recommendations" else ("customer", "customers")
    rows = f"1 {one}" if release.rows == 1 else f"{release.rows:,} {many}"
    OUT.print(f"Release {release.release_id} of {release.day}: {rows}, {release.state}.")
    if release.reason:
        ERR.print(f"[red]Gates:[/red] {release.reason}")
    again = f'ml-assets accept {release.release_id} --override "..."'
    blocked = ((again, "show it nevertheless"),) if release.state == "blocked" else ()
    next_commands(config, *blocked, (f"ml-assets releases {release.subject}", "what is live"))
