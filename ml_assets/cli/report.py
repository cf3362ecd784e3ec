"""`ml-assets report`: one page about the shop, for those who answer for it. What it says is in `reports/shop.py`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.whole_files import replacing


def report(
    output: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the page.")] = Path(
        "report.html"
    ),
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=["%Y-%m-%d"],
            metavar="YYYY-MM-DD",
            help="Look back on the weeks until this day. What is live is of now. Default: the newest day that is live.",
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write a page for people: what is live, lists of ten customers, segments, what lists are worth, data, costs."""
    from ml_assets.lake import Lake  # noqa: PLC0415 Polars imports slowly
    from ml_assets.reports.shop import shop_report  # noqa: PLC0415

    settings = load_settings(config)
    today = datetime.now(settings.tz).date()
    if day is not None and day.date() > today:
        raise UserError(f"{day:%Y-%m-%d} is not over yet.", f"Choose a day up to {today}.", code="day.out_of_range")
    with shop_database(settings) as connection:
        made = shop_report(connection, Lake.of(settings), settings, day.date() if day else None)
    with replacing(output, "Choose another place with --out.", keep_mode=True) as file:
        file.write(made.page.encode())
    if not emit({"file": output, "day": made.day, "summary": made.summary}, as_json):
        for sentence in made.summary:
            OUT.print(sentence, soft_wrap=True, markup=False)
        OUT.print(f"Wrote {output}.", soft_wrap=True)
        next_commands(config, ("ml-assets segments report", "more about segments"))
    return 0
