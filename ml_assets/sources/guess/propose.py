"""From a file, folder or URL to settings that read it.

The order of looking belongs here: which files are alike, known shapes, names and values, orders beside their lines.
Trying the settings out is in `trial.py`.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.columns import EventColumns
from ml_assets.settings.shop import Settings
from ml_assets.settings.source import FilesSource
from ml_assets.sources.columns import Reading
from ml_assets.sources.database_file import is_database, kind_of_database
from ml_assets.sources.files import Files
from ml_assets.sources.first_look import refuse_headers_on_first_lines
from ml_assets.sources.guess.absent import without_what_is_not_there
from ml_assets.sources.guess.columns import REQUIRED, Choice
from ml_assets.sources.guess.left_over import seen_in, with_amount
from ml_assets.sources.guess.postgres import PostgresShop, is_postgres
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.several import (
    is_of_other_age,
    with_ages,
    with_catalogue,
    with_orders,
    with_paths,
    with_tables,
)
from ml_assets.sources.guess.shapes import known_shape, with_columns_of
from ml_assets.sources.guess.states import with_states, without_deleted
from ml_assets.sources.guess.tables import Table, database_tables, find_tables, orders_beside


def propose(events: str, table: str | None = None) -> Proposal:
    """Look at the newest file of each kind, or at the tables of a database; `table` is which of them has the lines.

    Raises `UserError` where there is none, or it cannot be read.
    """
    settings = FilesSource(kind="files", events=events)
    if is_postgres(events):
        shop = PostgresShop(events, table)
        return shop.described(_proposed(events, shop.tables(settings, _plainly(settings)), in_database=True))
    if table:
        raise UserError("--table names a table of a PostgreSQL, and --from is none.", "Leave it out.")
    if is_database(events):
        return _of_database(events, settings)
    with tempfile.TemporaryDirectory() as home:
        paths = Files(Settings(home=Path(home), source=settings), settings, today=date.max).event_paths
    return _proposed(events, find_tables(paths, settings, _plainly(settings)))


def _of_database(path: str, settings: FilesSource) -> Proposal:
    kind = kind_of_database(path, "--from")
    tables = database_tables(path, kind, settings, _plainly(settings))
    if not tables:
        raise UserError(f"{path} has no table with lines.", "Give a file that has some.", code="source.unreadable")
    return replace(_proposed(path, tables, in_database=True), kind=kind, database=path)


def _plainly(settings: FilesSource) -> Reading:
    return Reading("UTC", tuple(word.lower() for word in settings.null_words))


def _proposed(given: str, tables: Sequence[Table], *, in_database: bool = False) -> Proposal:
    lines = _lines_among(tables)
    found, sample = _of_lines(lines)
    beside = None if lines.is_complete and not lines.is_late else orders_beside(lines, tables)
    roles = {"events": [lines]}
    if beside and beside.belong:
        roles["orders"] = [beside.orders]
        found, sample = with_orders(found, lines, beside)
    elif beside:
        found = replace(found, others=f"{beside.orders.newest} has {beside.matched:.1%} of their orders")
    elif not in_database:
        ages = [table for table in tables if table is not lines and is_of_other_age(table, lines)]
        roles["events"] += ages
        found = with_ages(found, lines, ages)
    found = _with_shape(found, sample)
    found = without_deleted(with_states(found, sample), sample, lines.reading)
    found = with_amount(found, sample.select(name for name in lines.sample.columns if name in sample.columns))
    found = replace(found, seen=seen_in(sample, lines.reading))
    used = [table for mine in roles.values() for table in mine]
    if catalogue := _catalogue_among([table for table in tables if table not in used], found, sample):
        roles["items"] = [catalogue]
        found = with_catalogue(found, catalogue)
    found = with_tables(found, roles, tables) if in_database else with_paths(found, given, roles, tables)
    return _with_order_fields(without_what_is_not_there(found, sample), sample, lines.reading)


def _catalogue_among(tables: Sequence[Table], found: Proposal, sample: pl.DataFrame) -> Table | None:
    """The table with one line an item that has most of the items sold."""
    if "item" not in found.columns:
        return None
    item = found.columns["item"].text
    sold = sample[item].cast(pl.String).drop_nulls().unique() if item in sample.columns else pl.Series(dtype=pl.String)

    def knows(table: Table) -> int:
        return int(table.sample[table.guessed["item"].text].cast(pl.String).is_in(sold.implode()).sum())

    return max((table for table in tables if table.is_catalogue), key=knows, default=None)


def _lines_among(tables: Sequence[Table]) -> Table:
    """The complete table with most fields, else one whose orders lie beside it, else that with most fields."""

    def merit(table: Table) -> tuple[bool, float, bool, int]:
        beside = None if table.is_complete or len(tables) == 1 else orders_beside(table, tables)
        return (
            table.is_complete,
            beside.matched if beside and beside.belong else 0.0,
            "item" in table.guessed,
            len(table.guessed),
        )

    return max(tables, key=merit)


def _of_lines(lines: Table) -> tuple[Proposal, pl.DataFrame]:
    have = lines.sample.columns
    found = Proposal("", len(lines.paths), lines.words, have, dict(lines.guessed))
    if lines.header:
        why = "the files have no header line; these names are given in the order of the columns"
        rows = [" ".join(map(str, row)) for row in lines.sample.head(3).iter_rows()]
        found = replace(found, structured={"csv_header": (lines.header, why)}, first_lines=tuple(rows))
    if lines.unnest:
        why = "each item of this list becomes a line"
        found = replace(found, source={"unnest": Choice(lines.unnest, why)})
    return found, lines.sample


def _with_shape(found: Proposal, sample: pl.DataFrame) -> Proposal:
    shape = known_shape(sample)
    if not shape:
        return found
    have, why = sample.columns, f"as {shape.name} has it"
    columns = {name: Choice(text, why) for name, text in _in_file(shape.columns, have).items()}
    source = {name: Choice(text, shape.note) for name, text in _in_file(shape.source, have).items()}
    rules = {name: Choice(str(value), why) for name, value in shape.events.items()}
    guessed = {name: choice for name, choice in found.columns.items() if name in (*REQUIRED, "cost")}
    return replace(
        found, shape=shape.name, note=shape.note, columns={**guessed, **columns}, source={**found.source, **source},
        rules=rules,
    )  # fmt: skip


def _in_file(texts: Mapping[str, str | tuple[str, ...]], have: list[str]) -> dict[str, str]:
    """What a shape says, in the file's own names, as far as its columns are there."""
    found = {}
    for name, several in texts.items():
        for text in (several,) if isinstance(several, str) else several:
            if (there := with_columns_of(text, have)) is not None:
                found[name] = there
                break
    return found


def _with_order_fields(found: Proposal, sample: pl.DataFrame, reading: Reading) -> Proposal:
    """Customer and time stand on the first line of an order only: noticed in the sample."""
    if found.missing or "order" not in found.columns or "order_fields" in found.source:
        return found
    columns = {name: choice.text for name, choice in found.columns.items() if choice.text in sample.columns}
    if not set(REQUIRED) <= set(columns):
        return found
    try:
        refuse_headers_on_first_lines({found.events: sample.lazy()}, EventColumns(**columns), reading)
    except UserError as error:
        why = error.problem.partition(": ")[2]
        return replace(found, source={**found.source, "order_fields": Choice("first_line", why)})
    return found
