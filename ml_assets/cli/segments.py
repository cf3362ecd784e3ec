"""`ml-assets segments`: what the segments are, what became of them, and whether a new training may move customers.

The rule that holds a training back is in `models/selection/promotion.py`, the page of the report in
`reports/segments.py`.
"""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from ml_assets.alerts.store.incidents import acknowledge, list_incidents
from ml_assets.books.freshness import clock_of
from ml_assets.books.models import champion, decline, force_promotion, waiting_models
from ml_assets.cli.alerts import me
from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.inputs.made import require_made
from ml_assets.database.connection import ServingConnection
from ml_assets.settings.read.load import load_settings
from ml_assets.whole_files import replacing

app = typer.Typer(help="Segments: what they are, and whether a new training may move customers.", no_args_is_help=True)
COLUMNS = ("segment_key", "segment_name", "customers", "share", "description")
KIND = "segmentation"

VersionArgument = Annotated[
    str, typer.Argument(help="Version of the training, as `ml-assets segments list` prints it.")
]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WHY", help="Why; it is kept.")]


@app.command("list")
def list_(as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """The live segments with their profiles, and trainings that wait for somebody's consent."""
    settings = load_settings(config)
    require_made(settings, "segment_assignments")
    with shop_database(settings) as connection:
        query = """
            SELECT segment_key, segment_name, customers, share, description
            FROM {ml}.segments
            ORDER BY median_spend_365d DESC NULLS LAST, median_orders_90d DESC NULLS LAST, customers DESC
        """
        rows = connection.execute(connection.schemas.sql(query)).fetchall()
        version = _live_version(connection)
        scores = champion(connection, KIND, date.max)
        newer = waiting_models(connection, KIND)
    waiting = [{"version": one.version, "trained_through": one.trained_through, "reason": one.reason} for one in newer]
    facts = {
        "model_version": version,
        "next_model_version": scores.version if scores else None,
        "segments": [dict(zip(COLUMNS, row, strict=True)) for row in rows],
        "waiting": waiting,
    }
    if emit(facts, as_json):
        return 0
    shown = [[key, name, f"{customers:,}", f"{share:.0%}", words] for key, name, customers, share, words in rows]
    table(
        f"Segments of {version}" if version else "There are no segments yet.",
        ["key", "name", "customers", "share", "the median customer"],
        shown,
    )
    if scores and version and scores.version != version:
        OUT.print(f"The next run takes {scores.version}.", soft_wrap=True)
    for one in newer:
        OUT.print(f"{one.version} waits for consent. {one.reason}", soft_wrap=True)
    consent = ((f"ml-assets segments accept {newer[0].version} --reason '...'", "let it score"),) if newer else ()
    next_commands(config, *consent, ("ml-assets export segments --segment KEY", "the customers of one"))
    return 0


def _live_version(connection: ServingConnection) -> str | None:
    """What made the segments that readers see; None where there are none."""
    query = "SELECT model_version FROM {ml}.releases WHERE subject = 'segment_assignments' AND state = 'live'"
    row = connection.execute(connection.schemas.sql(query)).fetchone()
    return str(row[0]) if row else None


@app.command("accept")
def accept(version: VersionArgument, reason: ReasonOption, config: ConfigOption = None) -> int:
    """Let a training score that moves more customers than `segmentation.max_moved`; the reason is kept."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        model = force_promotion(connection, version, "", reason, kind=KIND)
        scores = champion(connection, KIND, date.max)
    OUT.print(f"Accepted {version}. {model.reason.replace('Refused: it', 'It')}", soft_wrap=True)
    if scores and scores.version != version:
        OUT.print(f"{scores.version} is newer and goes on scoring.", soft_wrap=True)
    next_commands(
        config, ("ml-assets run", "put customers into the new segments"), ("ml-assets segments list", "all segments")
    )
    return 0


@app.command("refuse")
def refuse(version: VersionArgument, reason: ReasonOption, config: ConfigOption = None) -> int:
    """Leave customers where they are: the training waits for nobody any more, and its alert is over."""
    settings = load_settings(config)
    with shop_database(settings) as connection:
        found = decline(connection, version, reason, who=me(), kind=KIND)
        about = [
            one.incident_id
            for one in list_incidents(connection, only_open=True)
            if one.subject == f"{KIND}_model" and one.cause == "refused" and one.incident_id is not None
        ]
        for incident in about:
            acknowledge(connection, incident, by=f"{me()}: {reason.strip()}", now=clock_of(connection))
    OUT.print(f"{version} stays refused. {found.reason}", soft_wrap=True)
    next_commands(config, ("ml-assets segments list", "the segments that go on"))
    return 0


@app.command("report")
def report(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write; one page of HTML that loads nothing.")
    ] = Path("segments.html"),
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Write a page about the segments: sizes, profiles, who moved and why, stability, example customers."""
    from ml_assets.lake import Lake  # noqa: PLC0415 Polars imports slowly
    from ml_assets.reports.segments import segment_report  # noqa: PLC0415

    settings = load_settings(config)
    with shop_database(settings) as connection:
        page = segment_report(connection, Lake.of(settings), settings, made_on=datetime.now(settings.tz).date())
    with replacing(output, "Choose another place with --output.", keep_mode=True) as file:
        file.write(page.encode())
    if not emit({"file": output}, as_json):
        OUT.print(f"Wrote {output}.", soft_wrap=True)
        next_commands(config, ("ml-assets segments list", "the segments on the screen"))
    return 0
