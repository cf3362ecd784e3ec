"""`ml-assets export` and `ml-assets import`: predictions as files, for and from programs that know no PostgreSQL.

Files are written and judged in `exchange/recommendations.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ml_assets.cli.console import ERR, OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_made
from ml_assets.erasure.unfinished import exports_folder
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    import polars as pl

    from ml_assets.database.connection import ServingConnection
    from ml_assets.releases.publish import Publication, Release
    from ml_assets.settings.shop import Settings

export_app = typer.Typer(help="Write what applications see now to a file.", no_args_is_help=True)
import_app = typer.Typer(help="Publish predictions that were made elsewhere.", no_args_is_help=True)
CsvOption = Annotated[bool, typer.Option("--csv", help="As CSV (the default).")]
ParquetOption = Annotated[bool, typer.Option("--parquet", help="As Parquet.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write. Default: in the folder serving.exports.")
]

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


@dataclass(frozen=True)
class Chosen:
    """Which segments are written, and with which addresses."""

    segments: tuple[str, ...] = ()
    contacts: Path | None = None
    hashed: bool = False


@export_app.command("recommendations")
def export_recommendations(
    csv: CsvOption = False,
    parquet: ParquetOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write ml.recommendations, all rules applied: one row per customer, placement and rank."""
    return _export("recommendations", csv, parquet, output, as_json, config)


@export_app.command("segments")
def export_segments(
    segment: Annotated[
        list[str] | None, typer.Option("--segment", metavar="KEY", help="Only customers of this segment; repeatable.")
    ] = None,
    contacts: Annotated[
        Path | None,
        typer.Option(
            "--contacts",
            metavar="FILE",
            help="CSV or Parquet with customer_id and email: write the addresses for a mail tool.",
        ),
    ] = None,
    hashed: Annotated[
        bool, typer.Option("--hashed", help="Addresses as SHA-256, as ad platforms match audiences.")
    ] = False,
    csv: CsvOption = False,
    parquet: ParquetOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write ml.segment_assignments: one row per customer; those who opted out are not in it."""
    chosen = Chosen(tuple(segment or ()), contacts, hashed)
    if hashed and contacts is None:
        raise UserError("--hashed needs addresses.", "Name the file that has them: --contacts FILE.")
    return _export("segments", csv, parquet, output, as_json, config, chosen)


@import_app.command("recommendations")
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
    from ml_assets.exchange.recommendations import read_recommendations  # noqa: PLC0415 Polars imports slowly
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415
    from ml_assets.releases.publish import publish  # noqa: PLC0415

    settings = load_settings(config)
    require_made(settings, "recommendations")
    with shop_database(settings) as connection:
        imported = read_recommendations(file, vocabulary(connection, settings.tz))
        new = _publication(
            settings, "recommendations", imported.frame, version or imported.version, _day(settings, day, imported.day)
        )
        release = publish(connection, replace(new, k=k or settings.recommender.k, override=override))
    return _outcome(release, as_json, config)


@import_app.command("segments")
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
    from ml_assets.exchange.segments import read_segments  # noqa: PLC0415 Polars imports slowly
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415
    from ml_assets.releases.publish import publish  # noqa: PLC0415

    settings = load_settings(config)
    require_made(settings, "segment_assignments")
    with shop_database(settings) as connection:
        found = read_segments(file, vocabulary(connection, settings.tz))
        as_of = _day(settings, day, found.day)
        new = _publication(settings, "segment_assignments", found.assignments, version or found.version, as_of)
        release = publish(connection, replace(new, segments=found.segments, override=override))
    return _outcome(release, as_json, config)


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


def _outcome(release: "Release", as_json: bool, config: Path | None) -> int:
    facts = {
        "release_id": release.release_id,
        "state": release.state,
        "rows": release.rows,
        "day": release.day,
        "reason": release.reason,
    }
    if not emit(facts, as_json):
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


def _export(
    what: str,
    csv: bool,
    parquet: bool,
    output: Path | None,
    as_json: bool,
    config: Path | None,
    chosen: Chosen = Chosen(),
) -> int:
    from ml_assets.exchange.contacts import read_contacts  # noqa: PLC0415
    from ml_assets.exchange.exports import write_audience, write_export  # noqa: PLC0415
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415

    if csv and parquet:
        raise UserError("--csv and --parquet exclude each other.", "Choose one; run it twice for both.")
    settings = load_settings(config)
    require_made(settings, "recommendations" if what == "recommendations" else "segment_assignments")
    kind: Literal["csv", "parquet"] = "csv"
    if parquet or (output and output.suffix == ".parquet" and not csv):
        kind = "parquet"
    name = "_".join(("segment", *chosen.segments)) if chosen.segments else what
    path = output or exports_folder(settings) / f"{name}.{kind}"
    with shop_database(settings) as connection:
        _require_known(connection, chosen.segments)
        if chosen.contacts:
            words = vocabulary(connection, settings.tz)
            known = read_contacts(chosen.contacts, words, is_hashed=chosen.hashed)
            rows = write_audience(connection, path, kind, chosen.segments, known)
        else:
            rows = write_export(connection, what, path, kind, chosen.segments)
    if emit({"file": path, "rows": rows, "format": kind}, as_json):
        return 0
    OUT.print(f"Wrote {rows:,} rows to {path}.", soft_wrap=True)
    commands = [("ml-assets releases", "which releases they are of")]
    if not chosen.contacts:
        commands.append((f"ml-assets import {what} {path}", "publish such a file"))
    if output is not None and not path.resolve().is_relative_to(exports_folder(settings).resolve()):
        OUT.print("`ml-assets erase` looks in the folder serving.exports only; this file is in your own care.")
    next_commands(config, *commands)
    return 0


def _require_known(connection: "ServingConnection", segments: Sequence[str]) -> None:
    known = [
        key for (key,) in connection.execute(connection.schemas.sql("SELECT segment_key FROM {ml}.segments ORDER BY 1"))
    ]
    if unknown := [key for key in segments if key not in known]:
        raise UserError(
            f"There is no segment {', '.join(unknown)} now.",
            f"Choose of {', '.join(known)}." if known else "`ml-assets run` makes segments.",
        )
