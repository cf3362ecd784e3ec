"""`ml-assets export`: what applications see now as files, for programs that know no PostgreSQL.

Files are written in `exchange/exports.py`; taking such files in is in `imports.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.experiment_uplift import uplift_now
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_made
from ml_assets.erasure.unfinished import exports_folder
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings

if TYPE_CHECKING:
    from ml_assets.database.connection import ServingConnection

app = typer.Typer(help="Write what applications see now to a file.", no_args_is_help=True)
CsvOption = Annotated[bool, typer.Option("--csv", help="As CSV (the default).")]
ParquetOption = Annotated[bool, typer.Option("--parquet", help="As Parquet.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="File to write. Default: in the folder serving.exports.")
]


@dataclass(frozen=True)
class Chosen:
    """Which segments are written, and with which addresses."""

    segments: tuple[str, ...] = ()
    contacts: Path | None = None
    hashed: bool = False
    experiment: str | None = None
    """Whose uplift orders the customers."""
    arm: str | None = None


@app.command("recommendations")
def export_recommendations(
    csv: CsvOption = False,
    parquet: ParquetOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write ml.recommendations, all rules applied: one row per customer, placement and rank."""
    return _export("recommendations", csv, parquet, output, as_json, config)


@app.command("segments")
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
    by: Annotated[
        Literal["uplift"] | None,
        typer.Option("--by", help="Order: those whom the arm of an experiment makes buy most more come first."),
    ] = None,
    experiment: Annotated[
        str | None, typer.Option("--experiment", metavar="NAME", help="The experiment that the uplift is learnt from.")
    ] = None,
    arm: Annotated[
        str | None, typer.Option("--arm", metavar="ARM", help="Its arm, where it has more than two.")
    ] = None,
    csv: CsvOption = False,
    parquet: ParquetOption = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write ml.segment_assignments: one row per customer; those who opted out are not in it."""
    if hashed and contacts is None:
        raise UserError("--hashed needs addresses.", "Name the file that has them: --contacts FILE.")
    if (by is None) != (experiment is None):
        raise UserError(
            "--by uplift and --experiment NAME belong together.", "`ml-assets experiment list` shows what there is."
        )
    if by and contacts:
        raise UserError("--by uplift and --contacts exclude each other.", "Run it twice, and join on customer_id.")
    chosen = Chosen(tuple(segment or ()), contacts, hashed, experiment, arm)
    return _export("segments", csv, parquet, output, as_json, config, chosen)


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
    from ml_assets.exchange.exports import write_audience, write_by_uplift, write_export  # noqa: PLC0415
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
        elif chosen.experiment:
            uplift = uplift_now(connection, settings, chosen.experiment, chosen.arm)
            rows = write_by_uplift(connection, path, kind, chosen.segments, uplift)
        else:
            rows = write_export(connection, what, path, kind, chosen.segments)
    if emit({"file": path, "rows": rows, "format": kind}, as_json):
        return 0
    OUT.print(f"Wrote {rows:,} rows to {path}.", soft_wrap=True)
    commands = [("ml-assets releases", "which releases they are of")]
    if not chosen.contacts and not chosen.experiment:
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
