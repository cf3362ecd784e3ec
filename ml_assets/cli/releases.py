"""`ml-assets releases`, `rollback`, `unpin`, `accept` and `diff`: what is live, and moving it by hand.

Moving the pointer is in `releases/pointer.py`, comparing in `releases/compare.py`.
"""

from time import perf_counter
from typing import Annotated, Any

import typer

from ml_assets.cli.console import OUT, ConfigOption, JsonOption, emit, next_commands, table
from ml_assets.cli.inputs.known_shop import shop_database
from ml_assets.cli.rescored import show_inside_the_day
from ml_assets.errors import UserError
from ml_assets.releases.catalog import list_releases
from ml_assets.releases.compare import Difference, compare
from ml_assets.releases.pointer import Move, roll_back
from ml_assets.releases.pointer import accept as accept_release
from ml_assets.releases.pointer import unpin as unpin_subject
from ml_assets.releases.rescore import SUBJECT as RESCORED
from ml_assets.releases.rescore import undo_rescorings
from ml_assets.releases.rescored import last_time
from ml_assets.settings.read.load import load_settings
from ml_assets.subjects import PUBLISHED

SubjectArgument = Annotated[str, typer.Argument(metavar="SUBJECT", help=f"One of: {', '.join(PUBLISHED)}.")]


def releases(
    subject: Annotated[str | None, typer.Argument(metavar="[SUBJECT]", help="Only this subject.")] = None,
    retired: Annotated[bool, typer.Option("--all", help="Also those that retention has retired.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """List the releases of every subject, newest day first: which is live, pinned, ready or blocked, and why."""
    if subject is not None and subject not in PUBLISHED:
        raise UserError(f"There is no subject {subject}.", f"Subjects are {', '.join(PUBLISHED)}.")
    settings = load_settings(config)
    with shop_database(settings) as connection:
        rows = list_releases(connection, subject, retired=retired)
        live = next((row.release_id for row in rows if row.subject == RESCORED and row.state == "live"), None)
        inside = None if live is None else last_time(connection, live)
    if emit(rows, as_json):
        return 0
    for name in sorted({row.subject for row in rows}):
        cells = [
            [
                row.release_id,
                row.data_as_of,
                f"{row.state}, pinned" if row.pinned else row.state,
                f"{row.rows:,}",
                row.model_version,
                f"{row.published_at.astimezone(settings.tz):%Y-%m-%d %H:%M}",
                row.reason or "",
            ]
            for row in rows
            if row.subject == name
        ]
        columns = ["id", "day", "state", "rows", "model", "published", "reason"]
        table(name, columns, cells, right=["id", "rows"])
        if inside and name == RESCORED:
            show_inside_the_day(inside, settings.tz)
    if not rows:
        OUT.print("Nothing is published yet.")
    blocked = next((row.release_id for row in rows if row.state == "blocked"), None)
    accepting = (f'ml-assets accept {blocked} --override "..."', "publish what a gate refused, when you know better")
    next_commands(
        config,
        *([accepting] if blocked is not None else []),
        ("ml-assets diff A B", "what differs between two releases"),
        ('ml-assets rollback SUBJECT --reason "..."', "show the one before, at once"),
    )
    return 0


def rollback(
    subject: SubjectArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept with the release.")],
    to: Annotated[int | None, typer.Option("--to", help="Release to show. Default: the whole one before.")] = None,
    rescored: Annotated[
        bool, typer.Option("--rescored", help="Only take back what `run --since-last` changed in the live release.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show an earlier release at once and pin it: new ones are published, but not shown until `unpin`."""
    began = perf_counter()
    if rescored:
        return _take_back(subject, reason, to, as_json=as_json, config=config)
    with shop_database(load_settings(config)) as connection:
        move = roll_back(connection, subject, to=to, reason=reason)
    text = f"{subject} shows release {move.after} of {move.day}, pinned ({perf_counter() - began:.2f} s)."
    _report(
        move,
        text,
        as_json,
        config,
        (f"ml-assets unpin {subject}", "when the fault is mended"),
        (f"ml-assets diff {move.after} {move.before}", "what the release that is not shown changes"),
    )
    return 0


def _take_back(subject: str, reason: str, to: int | None, *, as_json: bool, config: Any) -> int:
    """Show the lists of the live release as they were published."""
    if to is not None:
        raise UserError("--rescored and --to exclude each other.", "Give one of them.")
    with shop_database(load_settings(config)) as connection:
        undone = undo_rescorings(connection, subject, reason=reason)
    if not emit(undone, as_json):
        OUT.print(
            f"{subject} shows release {undone.release_id} of {undone.day} as it was published, pinned: the lists of "
            f"{undone.customers:,} customers were taken back."
        )
        next_commands(config, (f"ml-assets unpin {subject}", "when the fault is mended"))
    return 0


def unpin(subject: SubjectArgument, as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Show the newest whole release again, and those that come."""
    with shop_database(load_settings(config)) as connection:
        move = unpin_subject(connection, subject)
    text = f"{subject} shows release {move.after} of {move.day} and follows publications again."
    _report(move, text, as_json, config, (f"ml-assets releases {subject}", "what is live"))
    return 0


def accept(
    release_id: Annotated[int, typer.Argument(metavar="ID", help="The blocked release.")],
    override: Annotated[str, typer.Option("--override", metavar="REASON", help="Why; kept with the release.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Take a blocked release although a gate refused it; it goes live where its day is the newest."""
    with shop_database(load_settings(config)) as connection:
        move = accept_release(connection, release_id, reason=override)
    went = f"of {move.day} is live now" if move.after == release_id else f"is ready; live is {move.after}"
    text = f"Release {release_id} {went}."
    look = (f"ml-assets releases {move.subject}", "what is live")
    _report(move, text, as_json, config, look)
    return 0


def diff(
    a: Annotated[int, typer.Argument(metavar="A", help="A release.")],
    b: Annotated[int, typer.Argument(metavar="B", help="Another of the same subject.")],
    most: Annotated[int, typer.Option("--most", min=1, max=1000, help="Movers shown.")] = 10,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> int:
    """Show what differs between two releases: whose rows changed, how much is common, the biggest movers."""
    with shop_database(load_settings(config)) as connection:
        found = compare(connection, a, b, most=most)
    if emit(found, as_json):
        return 0
    _show(found)
    next_commands(
        config,
        (f"ml-assets rollback {found.subject} --to {a} --reason ...", f"show release {a}"),
        (f"ml-assets releases {found.subject}", "what is live"),
    )
    return 0


def _show(found: Difference) -> None:
    share = found.changed / found.both if found.both else 0.0
    OUT.print(f"[bold]{found.subject}: release {found.a} and release {found.b}[/bold]")
    OUT.print(f"{found.both:,} in both, {found.changed:,} of them changed ({share:.1%})")
    OUT.print(f"{found.only_a:,} only in {found.a}, {found.only_b:,} only in {found.b}")
    if found.overlap is not None:
        OUT.print(f"{found.overlap:.1%} of the items shown are common, on average")
    OUT.print()
    for title, rows in (("Biggest movers", found.movers), ("Items shown more or less often", found.items)):
        if rows:
            columns = list(rows[0])
            cells = [[f"{value:.2f}" if isinstance(value, float) else value for value in row.values()] for row in rows]
            table(title, columns, cells, right=[name for name in columns if name in RIGHT])


RIGHT = ("overlap", "customers", "before", "after")


def _report(move: Move, text: str, as_json: bool, config: Any, *commands: tuple[str, str]) -> None:
    if not emit(move, as_json):
        OUT.print(text)
        next_commands(config, *commands)
