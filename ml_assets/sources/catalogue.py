"""The items of a shop's files: one line for each, out of a catalogue or of what order lines say.

Choosing among mentions belongs here; reading values belongs to `columns.py`.
"""

from collections.abc import Callable, Iterable

import polars as pl

from ml_assets.ids import IdType
from ml_assets.settings.columns import ItemColumns
from ml_assets.sources.columns import Reading

LINES_THAT_NAME = 30


def newest(values: pl.Expr) -> pl.Expr:
    """Of what is said of an item the last."""
    return values.drop_nulls().last()


def usual(values: pl.Expr) -> pl.Expr:
    """Of what lines say of an item the most common of the last, so that `damaged?` on one of them renames nothing."""
    # The newest first, so that of two that are equally common it wins.
    return values.drop_nulls().tail(LINES_THAT_NAME).reverse().mode(maintain_order=True).first()


def items(frame: pl.LazyFrame, mapping: ItemColumns, reading: Reading, item_type: IdType) -> pl.LazyFrame:
    """Catalogue columns of one file; all but the id may be absent."""
    texts = {"item_name": mapping.name, "category": mapping.category, "brand": mapping.brand}
    return frame.select(
        item_id=reading.id(mapping.item, frame.collect_schema(), item_type),
        **{name: reading.text(column) if column else pl.lit(None, pl.String) for name, column in texts.items()},
        available=reading.flag(mapping.available) if mapping.available else pl.lit(None, pl.Boolean),
    )


def one_of_each(
    blocks: Iterable[pl.DataFrame], choose: Callable[[pl.Expr], pl.Expr], nothing: pl.DataFrame
) -> pl.DataFrame:
    """One line for each item of the blocks, sorted, with what `choose` takes of its last LINES_THAT_NAME mentions."""
    words = pl.exclude("item_id")
    held = nothing.cast({name: pl.List(kind) for name, kind in nothing.schema.items() if name != "item_id"})
    for block in blocks:
        mentions = block.drop_nulls("item_id").group_by("item_id", maintain_order=True).agg(words)
        together = pl.concat([held, mentions]).group_by("item_id", maintain_order=True)
        held = together.agg(words.explode().drop_nulls().tail(LINES_THAT_NAME))
    return held.sort("item_id").select("item_id", words.list.eval(choose(pl.element())).list.first())
