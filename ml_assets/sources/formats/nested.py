"""Events that carry their items in a list, as trackers write them: one line for each item.

Single values within values need no help: `ecommerce.transaction_id` is SQL.
"""

import polars as pl

from ml_assets.errors import UserError

LINE = "line of the file"
"""Column with the number of the line that an item comes from."""
ITEM_WORDS = ("item_id", "item_name", "sku", "product_id", "id", "price", "quantity")


def unnested(frame: pl.LazyFrame, column: str, path: str) -> pl.LazyFrame:
    """One line for each item of the lists in a column, with the items' fields as columns.

    Lines without items stay, with none. A field that the line has as well is called COLUMN_FIELD.
    """
    kinds = frame.collect_schema()
    if column not in kinds:
        raise UserError(
            f"{path} has no column {column} (it has: {', '.join(kinds.names())}).",
            "Set source.unnest to the column with the lists of items.",
            code="source.unreadable",
        )
    fields = _fields(kinds[column])
    if not fields:
        raise UserError(
            f"{path}: the column {column} holds no lists of items with fields, but {kinds[column]}.",
            "Set source.unnest to a column with lists of objects, or take it out.",
            code="source.unreadable",
        )
    names = {name: f"{column}_{name}" if name in kinds and name != column else name for name in fields}
    numbered = frame.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias(LINE)).explode(
        column, empty_as_null=True, keep_nulls=True
    )
    item = pl.col(column)
    return numbered.with_columns(
        item.struct.field(name).alias(new) for name, new in names.items() if new != column
    ).drop([] if column in names.values() else [column])


def lists_of_items(sample: pl.DataFrame) -> list[str]:
    """Columns that hold lists of what has an item's fields."""
    return [name for name, kind in sample.schema.items() if len(set(_fields(kind)) & set(ITEM_WORDS)) > 1]


def _fields(kind: pl.DataType | type[pl.DataType]) -> list[str]:
    if isinstance(kind, pl.List) and isinstance(kind.inner, pl.Struct):
        return [field.name for field in kind.inner.fields]
    return []
