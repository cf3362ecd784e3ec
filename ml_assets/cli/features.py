"""`ml-assets features`: the features of a day, as they were known at a moment.

Rebuilding them is done by `ml_assets.features.as_known`; only asking and showing belong here.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ml_assets.books.source_days import first_loads, restatements
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.database.names import Schemas
from ml_assets.errors import UserError
from ml_assets.lake import Lake
from ml_assets.settings.read.load import load_settings
from ml_assets.whole_files import replacing

if TYPE_CHECKING:
    import polars as pl

    from ml_assets.settings.shop import Settings


def features(
    day: Annotated[
        datetime, typer.Option("--date", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="As of this day.")
    ],
    as_known: Annotated[
        str, typer.Option("--as-known", metavar="MOMENT", help="Such as '2026-03-02 07:00', in the shop's time zone.")
    ],
    asset: Annotated[
        Literal["customer_features", "interactions"], typer.Option("--asset", help="Which features.")
    ] = "customer_features",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write them to a .parquet or .csv file.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Rebuild the features of a day from the transactions that were known at a moment, corrections since then left out.

    Names and categories of items are those of today: the catalogue has no versions.
    """
    from ml_assets.features.as_known import features_as_known  # noqa: PLC0415 Polars imports slowly

    settings = load_settings(config)
    at = _moment(as_known, settings)
    if output is not None and output.suffix not in (".parquet", ".csv"):
        raise UserError(f"--output {output} is neither a .parquet nor a .csv file.", "Give it one of these endings.")
    with shop_database(settings) as connection:
        ledger, loads = restatements(connection), first_loads(connection)
    known = features_as_known(Lake.of(settings), ledger, loads, asset, as_of=day.date(), at=at, settings=settings)
    facts = {
        "asset": asset,
        "date": day.date(),
        "as_known": at.isoformat(),
        "rows": known.frame.height,
        "corrected_since": known.corrected_since,
        "not_known_then": known.not_known_then,
    }
    if output is not None:
        _write(known.frame, output)
    if emit(facts | {"output": output}, as_json):
        return 0
    rows = [[name.replace("_", " "), _short(value)] for name, value in facts.items()]
    table(f"{asset} of {day.date()}", ["fact", "value"], rows)
    OUT.print(f"Written to {output}." if output else "Add -o FILE (.parquet or .csv) for the rows.")
    ledger_view = f"{Schemas(settings.name).ml}.restatements"
    next_commands(config, (f"ml-assets psql -c 'SELECT * FROM {ledger_view}'", "what was corrected, and when"))  # noqa: S608 shown, not run
    return 0


def _short(value: object) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _moment(text: str, settings: "Settings") -> datetime:
    """A time of the shop, or one with an offset; not in the future, of which nothing is known."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(
            f"--as-known {text} is no moment.", "Write it as YYYY-MM-DD HH:MM, or with an offset such as +01:00."
        ) from None
    at = found if found.tzinfo else found.replace(tzinfo=settings.tz)
    if at > datetime.now(UTC):
        raise UserError(f"--as-known {text} is in the future.", "Choose a moment that is over.")
    return at


def _write(frame: "pl.DataFrame", path: Path) -> None:
    with replacing(path, "Choose another place with --output.", keep_mode=True) as file:
        frame.write_parquet(file) if path.suffix == ".parquet" else frame.write_csv(file)
