"""`ml-assets demo`, `demo break` and `demo fix`: what the product shows, and what it says when something breaks.

What is computed is decided by `cli/run.py`, what is shown by `showcase.py`, the rehearsal by `rehearsal.py`.
"""

from datetime import timedelta
from pathlib import Path

import typer
from rich.markup import escape

from ml_assets.alerts.send.deliver import Delivery
from ml_assets.cli.console import OUT, ConfigOption, next_commands, program
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.progress import Progress
from ml_assets.cli.run import run_days
from ml_assets.database.connection import connect
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.shop import Settings

app = typer.Typer(invoke_without_command=True)


@app.callback()
def demo(context: typer.Context, config: ConfigOption = None) -> int:
    """Compute the newest day of the built-in data and show what came out.

    A second demo on the same day shows the same results without computing them again. `demo break` stops the feed and
    shows the alert, `demo fix` the recovery.
    """
    if context.invoked_subcommand is not None:
        # `ml-assets demo --config FILE break` means the same file.
        context.obj = config
        return 0
    from ml_assets.cli.demo.showcase import show  # noqa: PLC0415 showing needs the database driver and Polars

    settings = in_a_minute(load_settings(config))
    ran = run_days(settings, [None], only_missing=True)
    show(settings, ran.days[-1])
    if settings.recommender.selection.effort == "quick":
        OUT.print("The demo chose among few methods on one window; the weekly training tries them all, for minutes.\n")
    cutoff, before = ran.days[-1] - timedelta(days=30), ran.days[-1] - timedelta(days=1)
    next_commands(
        config,
        ("ml-assets ui", "assets, plots and checks in Dagster's UI"),
        ("ml-assets demo break", "stop the feed, and see the alert arrive"),
        ("ml-assets psql", "SQL on the tables above"),
        ("ml-assets status", "how fresh everything is"),
        (f"ml-assets run --date {before}", "any other day"),
        ("ml-assets backtest", "every method on the shop's own past, in some minutes"),
        (f"ml-assets evaluate --cutoff {cutoff} --horizon 7 30", "how good the lists would have been"),
    )
    return 2 if ran.failed else 0


def in_a_minute(settings: Settings) -> Settings:
    """The settings with quick selection of methods, unless they say themselves how much effort to make."""
    selection = settings.recommender.selection
    if "effort" in selection.model_fields_set:
        return settings
    quick = selection.model_copy(update={"effort": "quick"})
    return settings.model_copy(update={"recommender": settings.recommender.model_copy(update={"selection": quick})})


@app.command("break")
def break_(context: typer.Context, config: ConfigOption = None) -> int:
    """Stop the feed and let three days pass: the alert arrives on the screen, and in a file at home.

    Only the clock by which things are judged is shifted, no data are changed; `demo fix` ends it.
    """
    config = config or context.obj
    settings = _demo_settings(config)
    from ml_assets.cli.demo.rehearsal import break_feed, require_whole, with_inbox  # noqa: PLC0415 as in demo

    with shop_database(settings) as connection, Progress().shown() as report:
        require_whole(connection)
        report("the feed has stopped; three days pass")
        judged, deliveries = break_feed(connection, with_inbox(settings, _inbox(settings), program()))
        report("judged and told")
    _show(settings, deliveries)
    explained = sum(one.root is not None for one in judged.open)
    stale = len(judged.open)
    OUT.print(f"[bold]{stale} subjects are stale and one message tells it: {explained} follow from the feed.[/bold]\n")
    next_commands(
        config,
        ("ml-assets status", "exits with 2 now, as cron and Nagios would see"),
        ("ml-assets alerts list", "the incident and what it explains"),
        ("ml-assets demo fix", "bring the feed back, and see the recovery arrive"),
    )
    return 0


@app.command("fix")
def fix(context: typer.Context, config: ConfigOption = None) -> int:
    """Bring the feed back: the newest day is computed where it is missing, and the recovery arrives."""
    config = config or context.obj
    settings = _demo_settings(config)
    from ml_assets.cli.demo.rehearsal import fix_feed, is_broken, with_inbox  # noqa: PLC0415 as in demo

    with shop_database(settings) as connection:
        if not is_broken(connection):
            raise UserError("The feed is not stopped.", "`ml-assets demo break` stops it.")
    run_days(in_a_minute(settings), [None], only_missing=True)
    with connect(settings) as connection, Progress().shown() as report:
        _, deliveries = fix_feed(connection, with_inbox(settings, _inbox(settings), program()), report)
        report("judged and told")
    _show(settings, deliveries)
    next_commands(
        config,
        ("ml-assets status", "everything is fresh again"),
        ("ml-assets alerts list", "the incident, with its end"),
        ("ml-assets watch --once", "what cron would run beside Dagster"),
    )
    return 0


def _demo_settings(config: ConfigOption) -> Settings:
    settings = load_settings(config)
    if settings.source.kind != "complete_journey":
        raise UserError(
            "`demo break` and `demo fix` work on the built-in data only; this shop has its own.",
            "Run them in an empty folder, without this settings file.",
        )
    return settings


def _inbox(settings: Settings) -> Path:
    return settings.home / "inbox.jsonl"


def _show(settings: Settings, deliveries: list[Delivery]) -> None:
    """The messages that arrived, as the file has them."""
    from ml_assets.cli.demo.inbox import read_inbox  # noqa: PLC0415 Apprise imports slowly

    file = _inbox(settings)
    if failed := [done for done in deliveries if done.error is not None]:
        raise UserError(f"The message did not arrive in {file}: {failed[0].error}", "Make that file writable.")
    messages = read_inbox(file)
    for message in messages[len(messages) - len(deliveries) :]:
        OUT.print(f"\n[bold]{escape(message['title'])}[/bold]", soft_wrap=True)
        OUT.print(message["body"], markup=False, soft_wrap=True)
    OUT.print(f"\nThat is what your team's channel would show; it is kept in {file}.\n", soft_wrap=True)
