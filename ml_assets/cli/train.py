"""`ml-assets train`: the models of a week, now; `ml-assets run` trains by itself those that it lacks."""

from datetime import datetime
from typing import Annotated

import typer
from rich.markup import escape

from ml_assets.cli import stopping
from ml_assets.cli.console import ERR, OUT, ConfigOption, next_commands
from ml_assets.cli.progress import Progress
from ml_assets.cli.run import quiet_libraries
from ml_assets.settings.read.load import load_settings


def train(
    week: Annotated[
        datetime | None,
        typer.Option(
            "--week", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="A day of the week. Default: of the newest day."
        ),
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Train the models that score a week, on events before its Monday; exit code 2 where a challenger is refused.

    Missing history is loaded first. Training again replaces the models of the week, and mends damaged ones.
    """
    settings = load_settings(config)
    with Progress().shown() as report:
        report("starting")
        quiet_libraries()
        # Dagster takes a second to import; `--help` and wrong dates should not wait for it.
        from ml_assets.dagster.runner import Runner  # noqa: PLC0415

        runner = Runner(settings, report)
        monday = runner.week_to_train(week.date() if week else None)
        with runner.working(), stopping.tidying(runner.close_runs):
            failed = runner.train(monday)
        report("done")
    OUT.print(f"Trained the models of week {monday}.")
    for line in failed:
        ERR.print(f"[red]Failed:[/red] {escape(line)}", soft_wrap=True)
    next_commands(
        config, ("ml-assets models", "what was decided, and why"), ("ml-assets run", "score the newest day with them")
    )
    return 2 if failed else 0
