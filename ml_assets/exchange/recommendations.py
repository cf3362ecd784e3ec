"""Predictions as plain tables: written for others to read, and read from files that others made.

Reading and judging files belongs here; publishing what they hold is done by `releases/publish.py`, through the
same gates.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from ml_assets.errors import UserError
from ml_assets.exchange.imported import digest, single_day
from ml_assets.exchange.table_file import SHOWN, Column, read_table, refuse
from ml_assets.exchange.vocabulary import Vocabulary


@dataclass(frozen=True)
class Imported:
    """A file of recommendations, ready to publish."""

    frame: pl.DataFrame
    day: date | None
    """The data_as_of that the file names, if it names one."""
    version: str
    """Names the file by its contents."""


def read_recommendations(path: Path, words: Vocabulary) -> Imported:
    """Recommendations from CSV or Parquet: one row per customer, placement and item, best first by rank or score.

    Columns: customer_id and item_id, rank (from 1, each once in a list) or score (or both), and optionally placement
    (for_you), source (imported), reason_code, data_as_of. Where rank gives the order, a score may be empty, as of
    pinned items in an export: it is then that of the item before. Further columns of an export are ignored. Raises
    `UserError` that names file, row and column of what cannot be taken.
    """
    columns = {
        "customer_id": words.column("customer_id", required=True),
        "item_id": words.column("item_id", required=True),
        "rank": Column(pl.Int64(), filled=True, least=1),
        "score": Column(pl.Float64()),
        "placement": words.column("placement"),
        "source": Column(),
        "reason_code": Column(),
        "data_as_of": Column(pl.Date(), filled=True),
    }
    frame = read_table(path, columns, others_allowed=True)
    if not {"rank", "score"} & set(frame.columns):
        raise UserError(
            f"{path} has neither a column rank nor one score.", "One of them must give the order.", code="file.refused"
        )
    if "rank" not in frame.columns and frame["score"].has_nulls():
        refuse(path, [(row, "column score: empty") for row in frame["score"].is_null().arg_true()])
    usual = {"placement": "for_you", "source": "imported", "reason_code": "imported"}
    frame = frame.with_columns(
        pl.col(name).fill_null(word) if name in frame.columns else pl.lit(word).alias(name)
        for name, word in usual.items()
    )
    _refuse_doubles(path, frame)
    return Imported(_lists(frame), single_day(path, frame), f"import-{digest(path)}")


def _lists(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per customer and placement, items best first; no item has others as its reason."""
    scored = "score" in frame.columns
    order = ["customer_id", "placement", *(name for name in ("rank", "score") if name in frame.columns), "item_id"]
    # Without scores the place is all that is known.
    place = -pl.int_range(1, pl.len() + 1).cast(pl.Float64)
    score = pl.col("score").fill_null(strategy="forward").fill_null(strategy="backward") if scored else place
    lists = (
        frame.sort(order, descending=[name == "score" for name in order])
        .group_by("customer_id", "placement", maintain_order=True)
        .agg(
            item_ids="item_id",
            scores=pl.coalesce(score, place).cast(pl.Float32),
            sources="source",
            reason_codes="reason_code",
        )
    )
    empty = pl.List(pl.List(frame.schema["item_id"]))
    return lists.with_columns(pl.Series("reason_items", [[[]] * len(ids) for ids in lists["item_ids"]], dtype=empty))


def _refuse_doubles(path: Path, frame: pl.DataFrame) -> None:
    doubled = frame.select("customer_id", "placement", "item_id").is_duplicated().arg_true()
    if len(doubled):
        again = int(doubled[1])
        row = frame.row(again, named=True)
        words = f"item {row['item_id']} is twice in the {row['placement']} list of customer {row['customer_id']}"
        refuse(path, [(again, f"{words} ({len(doubled):,} such rows)")])
    if "rank" not in frame.columns:
        return
    twice = frame.with_row_index("row").filter(~pl.struct("customer_id", "placement", "rank").is_first_distinct())
    if twice.height:
        told = "column rank: {} is twice in the {} list of customer {}"
        shown = twice.select("row", "rank", "placement", "customer_id").head(SHOWN).iter_rows()
        refuse(path, [(row, told.format(*rest)) for row, *rest in shown], max(twice.height - SHOWN, 0))
