"""Files of several kinds that belong together: orders beside their lines, older files, a catalogue.

Each function adds to a proposal what one more kind of files is for; which kinds there are is found in `tables.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from ml_assets.errors import UserError
from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.columns import Choice, guess_columns
from ml_assets.sources.guess.names import plain
from ml_assets.sources.guess.proposal import Proposal
from ml_assets.sources.guess.tables import Beside, Table, pattern_of
from ml_assets.sources.orders import KEY, SUFFIX

DAYS_SINCE = ("dayssinceprior", "dayssincepriororder", "dayssincelastorder", "dayssinceprevious", "dayssincelast")


def with_orders(found: Proposal, lines: Table, beside: Beside) -> tuple[Proposal, pl.DataFrame]:
    """Lines whose orders lie beside them: guessed anew from both."""
    line_key, order_key, orders = beside.line_key, beside.order_key, beside.orders
    keyed = lines.sample.with_columns(pl.col(line_key).cast(pl.String).alias(KEY))
    others = beside.sample.with_columns(pl.col(order_key).cast(pl.String).alias(KEY))
    joined = keyed.join(others, on=KEY, how="left", suffix=SUFFIX).drop(KEY)
    on = line_key if line_key == order_key else f"{line_key} = {order_key}"
    source = {
        "orders": Choice(orders.newest, "one line an order, with what the lines lack"),
        "orders_on": Choice(on, "by which lines and orders belong together"),
    }
    columns = {**guess_columns(joined, lines.reading), "order": Choice(line_key, "the order that the line belongs to")}
    # What an order counts or costs as a whole stands beside each of its lines.
    of_lines = guess_columns(lines.sample, lines.reading)
    for field in ("quantity", "amount", "cost"):
        columns.pop(field, None)
        columns |= {field: of_lines[field]} if field in of_lines else {}
    found = replace(found, columns=columns, source={**found.source, **source}, have=joined.columns)
    since = next((column for column in joined.columns if plain(column) in DAYS_SINCE), "")
    if since and "time" not in columns:
        note = "Orders have no date, only the days since the customer's order before."
        found = replace(found, days_since=since, shape="the shape of Instacart's orders", note=note)
    return found, joined


def on_calendar(found: Proposal, start: date) -> Proposal:
    """Orders without a date, with the first ones of all customers put on a day."""
    names = {plain(column): column for column in found.have}
    number = next((names[name] for name in ("ordernumber", "orderno", "sequence") if name in names), "order_number")
    hour = next((names[name] for name in ("orderhourofday", "hourofday", "hour") if name in names), None)
    undated = {"start": start.isoformat(), "customer": found.columns["customer"].text, "number": number}
    undated |= {"days": found.days_since} | ({"hour": hour} if hour else {})
    why = "the orders have no date; this lays them on a calendar"
    columns = {**found.columns, "time": Choice("ordered_at", "the first orders of all customers on one day")}
    return replace(found, columns=columns, structured={**found.structured, "undated": (undated, why)})


def is_of_other_age(table: Table, lines: Table) -> bool:
    """Whether a table holds lines of the same kind, with columns that were renamed, added or taken away."""
    return lines.is_complete and table.is_complete and table.is_like(lines)


def with_ages(found: Proposal, lines: Table, ages: Sequence[Table]) -> Proposal:
    """Columns that older files call otherwise, or lack."""
    columns = dict(found.columns)
    for name, choice in found.columns.items():
        texts = [choice.text]
        lacked = False
        for age in ages:
            there = age.guessed.get(name)
            if choice.text in age.sample.columns:
                continue
            if there is None:
                lacked = True
            elif there.text not in texts:
                texts.append(there.text)
        if len(texts) == 1 and not lacked:
            continue
        plainly = [quoted(text) if text in lines.sample.columns or _in_any(text, ages) else text for text in texts]
        text = f"coalesce({', '.join([*plainly, *(['NULL'] if lacked and len(texts) == 1 else [])])})"
        columns[name] = Choice(text, "files of other ages call it otherwise, or lack it")
    return replace(found, columns=columns)


def _in_any(column: str, tables: Sequence[Table]) -> bool:
    return any(column in table.sample.columns for table in tables)


def with_catalogue(found: Proposal, table: Table) -> Proposal:
    """Names and categories from a table with one line an item."""
    fields = {"item": "item", "item_name": "name", "item_category": "category"}
    columns = {new: table.guessed[old].text for old, new in fields.items() if old in table.guessed}
    columns = {name: text for name, text in columns.items() if name == "item" or text != columns["item"]}
    why = "one line an item"
    events = {name: choice for name, choice in found.columns.items() if name not in ("item_name", "item_category")}
    return replace(
        found, columns=events, source={**found.source, "items": Choice(table.newest, why)},
        structured={**found.structured, "item_columns": (columns, "columns of the catalogue")},
    )  # fmt: skip


def with_tables(found: Proposal, roles: Mapping[str, list[Table]], tables: Sequence[Table]) -> Proposal:
    """Which tables of a database the lines, orders and items are."""
    used = [table for mine in roles.values() for table in mine]
    others = tuple(table.newest for table in tables if table not in used)
    return replace(found, events=roles["events"][0].newest, left_alone=others)


def with_paths(found: Proposal, given: str, roles: Mapping[str, list[Table]], tables: Sequence[Table]) -> Proposal:
    """Where the tables of each role lie, apart from all other files: `events`, and maybe `orders` and `items`."""
    places = {}
    for role, mine in roles.items():
        paths = sorted(path for table in mine for path in table.paths)
        others = [path for table in tables if table not in mine for path in table.paths]
        if (pattern := pattern_of(given, paths, others)) is None:
            raise UserError(
                f"{given} holds files of {len(tables)} kinds; those for source.{role} ({paths[-1]}, ...) share no "
                f"pattern that the others ({others[-1]}, ...) have not.",
                "Put them into a folder of their own, and give the folder above all as --from.",
            )
        places[role] = pattern
    used = [table for mine in roles.values() for table in mine]
    source = {name: replace(choice, text=places.get(name, choice.text)) for name, choice in found.source.items()}
    return replace(
        found, events=places["events"], files=sum(len(table.paths) for table in roles["events"]), source=source,
        left_alone=tuple(path for table in tables if table not in used for path in table.paths),
    )  # fmt: skip
