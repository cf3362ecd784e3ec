"""`ml-assets export` and `ml-assets import`: predictions as files, for and from programs that know no PostgreSQL.

Files are written and judged in `exchange/recommendations.py`.
"""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml_assets.cli.console import ERR, OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.erasure.unfinished import exports_folder
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    from ml_assets.releases.publish import Release

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
    csv: CsvOption = False,
    parquet: ParquetOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write ml.segment_assignments: one row per customer."""
    return _export("segments", csv, parquet, output, as_json, config)


@import_app.command("recommendations")
def import_recommendations(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV with a header line, or .parquet.")],
    day: AsOfOption = None,
    version: Annotated[str | None, typer.Option("--model-version", help="Default: import- and a hash.")] = None,
    k: Annotated[int | None, typer.Option("--k", min=1, max=500, help="Items shown. Default: recommender.k.")] = None,
    override: Annotated[
        str | None, typer.Option("--override", metavar="REASON", help="Publish even what a gate refuses; why.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Publish recommendations made elsewhere as a release of their own, through the same gates.

    Columns: customer_id, item_id, rank or score; optionally placement, source, reason_code, data_as_of. Exit code 2
    when a gate refuses them: they are kept, blocked, and the live ones stay.
    """
    from ml_assets.exchange.recommendations import read_recommendations  # noqa: PLC0415 Polars imports slowly
    from ml_assets.exchange.vocabulary import vocabulary  # noqa: PLC0415
    from ml_assets.releases.publish import Publication, publish  # noqa: PLC0415

    settings = load_settings(config)
    with shop_database(settings) as connection:
        imported = read_recommendations(file, vocabulary(connection, settings.tz))
        yesterday = datetime.now(settings.tz).date() - timedelta(days=1)
        as_of = day.date() if day else imported.day or yesterday
        if as_of > yesterday + timedelta(days=1):
            raise UserError(f"The day {as_of} is in the future.", "Give the last day of data behind the file: --as-of.")
        new = Publication(
            "recommendations",
            imported.frame,
            day=as_of,
            model_version=version or imported.version,
            k=k or settings.recommender.k,
            gates=settings.serving.gates,
            override=override,
            keep=settings.serving.keep_releases,
            most_retired=settings.serving.most_retired,
            give_way=settings.serving.give_way,
        )
        release = publish(connection, new)
    facts = {
        "release_id": release.release_id,
        "state": release.state,
        "rows": release.rows,
        "day": as_of,
        "reason": release.reason,
    }
    if not emit(facts, as_json):
        _show_import(release, as_of, config)
    return 2 if release.state == "blocked" else 0


def _show_import(release: "Release", as_of: date, config: Path | None) -> None:
    lists = "1 list" if release.rows == 1 else f"{release.rows:,} lists"
    OUT.print(f"Release {release.release_id} of {as_of}: {lists}, {release.state}.")
    if release.reason:
        ERR.print(f"[red]Gates:[/red] {release.reason}")
    again = f'ml-assets accept {release.release_id} --override "..."'
    blocked = ((again, "show it nevertheless"),) if release.state == "blocked" else ()
    next_commands(config, *blocked, ("ml-assets releases recommendations", "what is live"))


def _export(what: str, csv: bool, parquet: bool, output: Path | None, as_json: bool, config: Path | None) -> int:
    from ml_assets.exchange.recommendations import write_export  # noqa: PLC0415

    if csv and parquet:
        raise UserError("--csv and --parquet exclude each other.", "Choose one; run it twice for both.")
    settings = load_settings(config)
    kind = "parquet" if parquet or (output and output.suffix == ".parquet" and not csv) else "csv"
    path = output or exports_folder(settings) / f"{what}.{kind}"
    with shop_database(settings) as connection:
        rows = write_export(connection, what, path, kind)  # type: ignore[arg-type]
    if emit({"file": path, "rows": rows, "format": kind}, as_json):
        return 0
    OUT.print(f"Wrote {rows:,} rows to {path}.", soft_wrap=True)
    commands = [("ml-assets releases", "which releases they are of")]
    if what == "recommendations":
        commands.append((f"ml-assets import recommendations {path}", "publish such a file"))
    if output is not None and not path.resolve().is_relative_to(exports_folder(settings).resolve()):
        OUT.print("`ml-assets erase` looks in the folder serving.exports only; this file is in your own care.")
    next_commands(config, *commands)
    return 0
