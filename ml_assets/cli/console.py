"""How the command line looks: one console for results, one for the rest, tables and errors.

Results go to standard output, everything else to standard error, so that `--json` can be piped.
"""

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Wide enough for tables where there is no terminal to ask, such as in a pipe or a log of continuous integration.
WIDTH = 118
# Commands that have commands of their own.
GROUPS = ("alerts", "demo", "experiment", "export", "import", "quarantine", "rules")
OUT = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
ERR = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else WIDTH)

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file. Default: ML_ASSETS_CONFIG, or ./ml_assets.yaml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]


class ScreenHandler(logging.Handler):
    """Prints what is logged as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        colour = "yellow" if record.levelno >= logging.WARNING else "dim"
        ERR.print(f"[{colour}]{escape(record.getMessage())}[/{colour}]", soft_wrap=True)


def print_error(problem: str, next_step: str) -> None:
    """The one shape of an error: what, where, next step."""
    ERR.print(f"[red]Error:[/red] {escape(problem)}", soft_wrap=True)
    if next_step:
        ERR.print(f"[yellow]Next:[/yellow]  {escape(next_step)}", soft_wrap=True)


def emit(facts: object, as_json: bool) -> bool:
    """Print facts as JSON where `--json` asks for them; whether it does, as nothing else is to be printed then."""
    if as_json:
        typer.echo(json.dumps(facts, indent=2, default=_plain))
    return as_json


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else str(value)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    one_line: Sequence[str] = (),
) -> None:
    """Print a plain table; columns in `right` are aligned to the right, those in `one_line` are cut, not wrapped."""
    grid = Table(header_style="dim", box=None, pad_edge=False)
    for column in columns:
        single = column in one_line
        align: Literal["left", "right"] = "right" if column in right else "left"
        grid.add_column(column.strip(), justify=align, no_wrap=single, min_width=22 if single else None)
    for row in rows:
        grid.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    OUT.print(f"[bold]{escape(title)}[/bold]")
    OUT.print(grid)
    OUT.print()


def next_commands(config: Path | None, *commands: tuple[str, str]) -> None:
    """What to try now, as it can be typed here: each `ml-assets COMMAND ...`, on the same settings file."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    for command, purpose in commands:
        _, name, *rest = command.split(" ", 2)
        if name in GROUPS and rest:
            subcommand, _, options = rest[0].partition(" ")
            name, rest = f"{name} {subcommand}", [options] if options else []
        typed = " ".join([program(), name, *(["--config", str(config)] if config else []), *rest])
        grid.add_row(f"[cyan]{escape(typed)}[/cyan]", f"[dim]{escape(purpose)}[/dim]")
    OUT.print("[bold]Next[/bold]")
    OUT.print(grid)


def program() -> str:
    """`ml-assets` where the shell finds this one, otherwise the path to it from the current folder."""
    called = Path(sys.argv[0]).absolute()
    found = shutil.which("ml-assets")
    if called.name != "ml-assets" or (found and Path(found).absolute() == called):
        return "ml-assets"
    return str(called.relative_to(Path.cwd())) if called.is_relative_to(Path.cwd()) else str(called)
