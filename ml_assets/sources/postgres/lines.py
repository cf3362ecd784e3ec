"""The shop's lines as they are asked for and as they come: only what is mapped is sent, in types that need no cast.

Which lines are asked for is the matter of `source.py` and `refunds.py`.
"""

from collections.abc import Callable, Mapping

import polars as pl

from ml_assets.ids import IdTypes
from ml_assets.sources.base import COST, LEFT_OUT, LINE_COLUMNS, line_schema, with_cost
from ml_assets.sources.postgres.query import Sql, Value, named

WHERE = "where"
"""The column that says whether `source.where` holds for a line."""
LONGEST_NAME = 200


def fields(values: Mapping[str, Value], types: IdTypes, timezone: str) -> Sql:
    """What is selected of a relation with lines or refunds; `values` are by the fields of their mapping."""
    ways: dict[str, tuple[str, Callable[[Value], Sql]]] = {
        "customer_id": ("customer", lambda value: value.as_id(types.customer)),
        "item_id": ("item", lambda value: value.as_id(types.item)),
        "occurred_at": ("time", lambda value: value.as_moment(timezone)),
        "quantity": ("quantity", Value.as_number),
        "amount": ("amount", Value.as_number),
        COST: ("cost", Value.as_number),
        "order_id": ("order", Value.as_word),
        "event_type": ("event_type", Value.as_word),
        WHERE: (WHERE, lambda value: value.expression),
    }
    return named({name: way(values[field]) for name, (field, way) in ways.items() if field in values})


def events_of(found: pl.DataFrame, types: IdTypes, source: str) -> pl.DataFrame:
    """The shop's lines (LINE_COLUMNS and COST, without days) out of `fields`; a piece each where nothing says more."""
    if "quantity" not in found.columns:
        found = found.with_columns(quantity=1.0)
    if WHERE in found.columns:
        left_out = pl.when(~pl.col(WHERE).fill_null(value=False)).then(pl.lit(LEFT_OUT))
        found = found.with_columns(unreadable=left_out)
    return lines_of(found, types, source)


def lines_of(found: pl.DataFrame, types: IdTypes, source: str) -> pl.DataFrame:
    """LINE_COLUMNS out of `fields`, null where nothing was asked for, and COST where it was."""
    schema = line_schema(types)
    missing = [pl.lit(None, kind).alias(name) for name, kind in schema.items() if name not in found.columns]
    lines = found.with_columns(missing).with_columns(source=pl.lit(source[:LONGEST_NAME]))
    return lines.select(with_cost(LINE_COLUMNS, lines)).cast(schema)  # type: ignore[arg-type]
