"""The rows of a release: from the frame of a subject to the columns that its rows are stored in.

What can be released is in `ml_assets/subjects.py`; loading them is in `partition.py`, judging them in `gates.py`.
"""

from collections.abc import Iterator

import polars as pl

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.subjects import Table

# Lists of words, which are stored as numbers.
WORDS = ("sources", "reason_codes")


class ReleaseRows:
    """The rows of a release as they are loaded, and the words behind their numbers.

    Translated block by block, so that no second copy of a large frame is made.
    """

    def __init__(self, subject: Table, frame: pl.DataFrame) -> None:
        """Take a frame that `checked` returned."""
        self._subject = subject
        self._frame = frame.with_columns(_as_enums(frame[name]) for name in WORDS if name in subject.lists)
        self._plain = subject.keys + subject.texts + subject.notes + subject.numbers
        self.names = self._plain
        """Columns of the table, in the order of the series in a block."""
        if subject.lists:
            self.names += ("item_ids", "scores")
        if "reason_items" in subject.lists:
            self.names += ("sources", "reasons", "reason_items_1", "reason_items_2")
        self._of_items = tuple(name for name in subject.numbers_of_items if name in frame.columns)
        self.names += self._of_items

    @property
    def rows(self) -> int:
        """Rows to load."""
        return self._frame.height

    @property
    def source_words(self) -> list[str]:
        """The words that the numbers in `sources` count, from 1."""
        return self._words("sources")

    @property
    def reason_words(self) -> list[str]:
        """The words that the numbers in `reasons` count, from 1."""
        return self._words("reason_codes")

    def blocks(self, rows: int) -> Iterator[list[pl.Series]]:
        """The columns of so many rows at a time."""
        for block in self._frame.iter_slices(rows):
            columns = [block[name] for name in self._plain]
            if self._subject.lists:
                columns += [block["item_ids"], block["scores"].cast(pl.List(pl.Float32))]
            if "reason_items" in self._subject.lists:
                columns += [_numbers(block[name]) for name in WORDS]
                columns += [_nth(block["reason_items"], place) for place in (0, 1)]
            columns += [block[name] for name in self._of_items]
            yield columns

    def _words(self, column: str) -> list[str]:
        if column not in self._subject.lists:
            return []
        words: list[str] = self._frame.schema[column].inner.categories.to_list()  # type: ignore[attr-defined]
        return words


def _as_enums(lists: pl.Series) -> pl.Series:
    """Lists of words as lists of the Enum of all of them; those that are stay."""
    if lists.dtype == pl.List(pl.Enum):
        return lists
    texts = lists.cast(pl.List(pl.String))
    words = texts.explode(empty_as_null=False).drop_nulls().unique().sort()
    return texts.cast(pl.List(pl.Enum(words)))


def _numbers(enums: pl.Series) -> pl.Series:
    """The places of the words in their Enum, from 1 as PostgreSQL counts; nulls stay."""
    return enums.list.eval((pl.element().to_physical().cast(pl.Int16) + 1).cast(pl.Int16))


def _nth(lists: pl.Series, place: int) -> pl.Series:
    """Of every inner list the element at a place, or null."""
    return lists.list.eval(pl.element().list.get(place, null_on_oob=True))


def checked(subject: Table, frame: pl.DataFrame, types: IdTypes) -> pl.DataFrame:
    """The subject's columns, sorted by key, ids as bigint or text, numbers as Float64; lists are never null.

    Notes and numbers that nobody computed are null; numbers of items are empty, or not there at all. Raises `UserError`
    that names the column which is missing, has null keys or texts, holds no numbers where there must be some, or ids of
    another type than the shop's.
    """
    if missing := [column for column in subject.columns if column not in frame.columns]:
        raise UserError(f"The frame of {subject.name} has no column {', '.join(missing)}.", "Materialize it again.")
    dtypes = {"bigint": pl.Int64(), "text": pl.String()}
    customer, item = dtypes[types.customer], dtypes[types.item]
    ids = {"customer_id": customer, "item_id": item, "item_ids": pl.List(item), "reason_items": pl.List(pl.List(item))}
    casts = []
    for column in subject.columns:
        series = frame[column]
        if column not in subject.lists and series.null_count():
            raise UserError(f"{subject.name}.{column} has {series.null_count()} nulls.", "Materialize it again.")
        wanted = ids.get(column)
        if wanted is not None and frame.height and _is_text(series.dtype) != _is_text(wanted):
            kind = "text" if _is_text(series.dtype) else "integers"
            raise UserError(
                f"The ids in {subject.name}.{column} are {kind}, but this database was set up with {wanted}.",
                "Use another database or another `name` for a source with other ids.",
            )
        casts.append(pl.col(column) if wanted is None else pl.col(column).cast(wanted))
    of_items = [column for column in subject.numbers_of_items if column in frame.columns]
    casts += [pl.col(column).cast(pl.List(pl.Float32)) for column in of_items]
    filled = [pl.col(column).fill_null([]) for column in (*subject.lists, *of_items)]
    for column in subject.numbers:
        if column in frame.columns and not (frame.schema[column].is_numeric() or frame.schema[column] == pl.Null):
            raise UserError(
                f"{subject.name}.{column} holds {frame.schema[column]}, no numbers.", "Materialize it again."
            )
    optional = {**dict.fromkeys(subject.notes, pl.String), **dict.fromkeys(subject.numbers, pl.Float64)}
    more = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in optional.items()
    ]
    taken = frame.select(*casts, *more).with_columns(filled)
    # Sorting nested lists takes as long as loading a part of them, and predictions mostly come in order.
    keys = taken.select(pl.struct(subject.keys).alias("key"))["key"]
    return taken if keys.is_sorted() else taken.sort(subject.keys)


def _is_text(dtype: pl.DataType) -> bool:
    while isinstance(dtype, pl.List):
        dtype = dtype.inner  # type: ignore[assignment]
    return dtype == pl.String
