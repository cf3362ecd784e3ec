"""What can be released: the frame of each subject, and the columns its rows are stored in.

The translation from frames to columns belongs here; loading them is in `load.py`, judging them in `gates.py`.
"""

from dataclasses import dataclass

import polars as pl

from ml_assets.errors import UserError
from ml_assets.serving.migrate import IdType

SAMPLE = 1000


@dataclass(frozen=True)
class Subject:
    """One kind of release."""

    name: str
    keys: tuple[str, ...]
    """Columns that are unique together; the first is what coverage counts."""
    lists: tuple[str, ...] = ()
    """Columns of lists that run in parallel, best first."""
    texts: tuple[str, ...] = ()
    """Further columns of text."""

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns a frame must have."""
        return self.keys + self.texts + self.lists


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject(
            "recommendations",
            keys=("customer_id", "placement"),
            lists=("item_ids", "scores", "sources", "reason_codes", "reason_items"),
        ),
        Subject("segment_assignments", keys=("customer_id",), texts=("segment_key",)),
        Subject("similar_items", keys=("item_id",), lists=("item_ids", "scores")),
        Subject("popular_items", keys=("scope",), lists=("item_ids", "scores")),
    )
}


@dataclass(frozen=True)
class Stored:
    """The columns of a release as they are loaded, and the words behind its numbers."""

    columns: list[pl.Series]
    source_words: list[str]
    reason_words: list[str]

    @property
    def rows(self) -> int:
        """Rows to load."""
        return len(self.columns[0])


def checked(subject: Subject, frame: pl.DataFrame, customer: IdType, item: IdType) -> pl.DataFrame:
    """The subject's columns, sorted by key, ids as bigint or text; lists are never null.

    Raises `UserError` that names the column which is missing, has null keys, or ids of another type than the shop's.
    """
    if missing := [column for column in subject.columns if column not in frame.columns]:
        raise UserError(f"The frame of {subject.name} has no column {', '.join(missing)}.", "Materialize it again.")
    dtypes = {"bigint": pl.Int64(), "text": pl.String()}
    ids = {"customer_id": dtypes[customer], "item_id": dtypes[item], "item_ids": pl.List(dtypes[item])}
    ids["reason_items"] = pl.List(pl.List(dtypes[item]))
    casts = []
    for column in subject.columns:
        series = frame[column]
        if column in subject.keys + subject.texts and series.null_count():
            raise UserError(f"{subject.name}.{column} has {series.null_count()} nulls.", "Materialize it again.")
        wanted = ids.get(column)
        if wanted is not None and frame.height and _is_text(series.dtype) != _is_text(wanted):
            kind = "text" if _is_text(series.dtype) else "integers"
            raise UserError(
                f"The ids in {subject.name}.{column} are {kind}, but this database was set up with {wanted}.",
                "Use another database or another `name` for a source with other ids.",
            )
        casts.append(pl.col(column) if wanted is None else pl.col(column).cast(wanted))
    filled = [pl.col(column).fill_null([]) for column in subject.lists]
    taken = frame.select(casts).with_columns(filled)
    # Sorting nested lists takes as long as loading a part of them, and predictions mostly come in order.
    keys = taken.select(pl.struct(subject.keys).alias("key"))["key"]
    return taken if keys.is_sorted() else taken.sort(subject.keys)


def stored(subject: Subject, frame: pl.DataFrame) -> Stored:
    """The columns to load from a frame that `checked` returned."""
    columns: dict[str, pl.Expr] = {column: pl.col(column) for column in subject.keys + subject.texts}
    sources: list[str] = []
    reasons: list[str] = []
    if subject.lists:
        columns["item_ids"] = pl.col("item_ids")
        columns["scores"] = pl.col("scores").cast(pl.List(pl.Float32))
    if "reason_items" in subject.lists:
        numbered, sources = _numbered(frame["sources"])
        columns["sources"] = pl.lit(numbered)
        numbered, reasons = _numbered(frame["reason_codes"])
        columns["reasons"] = pl.lit(numbered)
        for place in (0, 1):
            nth = pl.element().list.get(place, null_on_oob=True)
            columns[f"reason_items_{place + 1}"] = pl.col("reason_items").list.eval(nth)
    selected = frame.select(expression.alias(name) for name, expression in columns.items())
    return Stored(selected.get_columns(), sources, reasons)


def _numbered(lists: pl.Series) -> tuple[pl.Series, list[str]]:
    """Words as their place in a list of words, from 1 as PostgreSQL counts, and that list."""
    # Nearly always some rows have all the words; looking at every one takes as long as numbering them.
    for rows in (lists.sample(min(SAMPLE, len(lists)), seed=1), lists):
        words = rows.explode(empty_as_null=False).drop_nulls().cast(pl.String).unique().sort().to_list()
        coded = pl.element().cast(pl.String).cast(pl.Enum(words), strict=False).to_physical().cast(pl.Int16) + 1
        numbered = lists.list.eval(coded.cast(pl.Int16))
        nulls = numbered.explode(empty_as_null=False).null_count()
        if not nulls or nulls == lists.explode(empty_as_null=False).null_count():
            break
    return numbered, words


def _is_text(dtype: pl.DataType) -> bool:
    while isinstance(dtype, pl.List):
        dtype = dtype.inner  # type: ignore[assignment]
    return dtype == pl.String
