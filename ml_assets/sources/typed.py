"""Which columns of a CSV file can be read as numbers at once, with the same result as by their texts.

Only the rule belongs here; `looked.py` reads, and reads as text from the first line on that the rule does not hold for.
"""

from collections import Counter
from collections.abc import Collection

import polars as pl

from ml_assets.ids import IdTypes
from ml_assets.settings.source import FilesSource
from ml_assets.sources.base import COST
from ml_assets.sources.columns import FIELDS, Reading

NUMBERS = ("quantity", "amount", COST)


def typed_columns(
    source: FilesSource, reading: Reading, types: IdTypes, not_ids: Collection[str]
) -> dict[str, type[pl.DataType]]:
    """Columns and their types: ids where all are integers, and numbers, as far as each stands for one thing.

    `not_ids` are fields with an id that is no integer: Polars' reader takes 007 and +5 for integers. None where a
    condition, order fields on first lines, or words for no value may need the text.
    """
    words = any(word.lstrip("-+").replace(".", "", 1).isdigit() for word in reading.null_words)
    if words or source.where or source.order_fields != "every_line" or source.unnest or source.csv_header:
        return {}
    mapping = source.columns.model_dump()
    uses = Counter(mapping.values())
    found: dict[str, type[pl.DataType]] = {}
    for field, kind in (("customer_id", types.customer), ("item_id", types.item)):
        if kind == "bigint" and field not in not_ids:
            found[mapping[FIELDS[field]]] = pl.Int64
    if reading.numbers == "1,234.56":
        found |= {mapping[FIELDS[field]]: pl.Float64 for field in NUMBERS if mapping[FIELDS[field]]}
    return {column: kind for column, kind in found.items() if uses[column] == 1}


def refuse_odd_numbers(block: pl.DataFrame) -> None:
    """Raise Polars' `ComputeError` for numbers of which the text says more, which is told where they are refused."""
    for column in block.select(pl.col(pl.Float64)):
        if not column.is_finite().all():
            raise pl.exceptions.ComputeError(f"{column.name} holds numbers that are not finite")
