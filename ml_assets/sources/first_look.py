"""What a shop's files are like as a whole: their days, their ids, and shapes that would be misread.

Looked at once, before anything is loaded, because each line by itself looks sound; a complaint names the file, the
column, a value and what to do. Reading single values belongs to `columns.py`, how numbers and dates are written to
`writing_styles.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from ml_assets.errors import UserError
from ml_assets.settings.columns import EventColumns
from ml_assets.sources.columns import Reading
from ml_assets.sources.days_over import Course, course
from ml_assets.sources.faults import collected
from ml_assets.sources.values import LOST_DIGITS

# A few broken lines are no shape.
SHARE_OF_A_SHAPE, LINES_OF_A_SHAPE = 0.05, 10
IDS = ("customer_id", "item_id")


@dataclass(frozen=True)
class FileFacts:
    """What one pass over a file tells."""

    first: date | None
    """Of the days up to today; None where no time can be read."""
    last: date | None
    given: int
    """Times, readable or not."""
    unreadable: int
    """Those that are none."""
    bare: int
    """Lines with neither customer nor time, or more."""
    lost: tuple[str, str] | None
    """An id that has lost digits: its field, and its value."""
    later: int
    """Lines of days after today."""
    course: Course
    """How its days go on from line to line."""


class Look:
    """What the lines of one file tell (`columns.read_fields`), gathered while they are read.

    Lines dated after `today` wait for their day.
    """

    def __init__(self, timezone: str, today: date) -> None:
        self.not_ids: set[str] = set()
        """The fields with ids that cannot be read as the type that they are taken for."""
        self._zone = ZoneInfo(timezone)
        self._end = datetime.combine(today, datetime.max.time(), self._zone).astimezone(UTC)
        self._ends: list[datetime] = []
        self._given = self._unreadable = self._bare = self._later = 0
        self._lost: tuple[str, str] | None = None
        self._course: list[tuple[int, date]] = []

    def add(self, block: pl.DataFrame) -> None:
        """Look at some lines more."""
        times = block["occurred_at"]
        first = times.min()
        self._course.append((block.height, first.astimezone(self._zone).date() if first else date.max))  # type: ignore[union-attr]
        past = times if (newest := times.max()) is None or newest <= self._end else times.filter(times <= self._end)  # type: ignore[operator]
        if past.count():
            self._ends += [past.min(), past.max()]  # type: ignore[list-item]
        self._later += times.count() - past.count()
        self._given += times.count()
        all_read = "unreadable" not in block.columns
        if times.null_count():
            is_read = pl.lit(value=True) if all_read else pl.col("unreadable").is_null()
            # Customers that were not looked at may be missing; whether they are is found out where it matters.
            given = [name for name in ("occurred_at", "customer_id") if name in block.columns]
            self._bare += block.filter(pl.col(given).is_null(), is_read).height
        if not all_read:
            self._add_unreadable(block.drop_nulls("unreadable"))

    def _add_unreadable(self, lines: pl.DataFrame) -> None:
        self._unreadable += lines.filter(unreadable="occurred_at").height
        of_ids = lines.filter(pl.col("unreadable").is_in(IDS))
        self.not_ids |= set(of_ids["unreadable"])
        lost = of_ids.filter(pl.col("detail").str.contains(LOST_DIGITS)).select("unreadable", "detail").head(1)
        for field, value in lost.iter_rows():
            self._lost = self._lost or (field, value)

    def facts(self) -> FileFacts:
        """What all of them tell."""
        first, last = (pick(self._ends).astimezone(self._zone).date() if self._ends else None for pick in (min, max))
        given = self._given + self._unreadable
        return FileFacts(
            first, last, given, self._unreadable, self._bare, self._lost, self._later, course(self._course)
        )


def lost_digits(path: str, column: str, value: str) -> UserError:
    """The complaint about an id that has lost digits on its way."""
    return UserError(
        f"{path}: the id {value} in the column {column} has lost digits (a spreadsheet or a floating-point "
        "number held it), so that different ids may have become one.",
        "Export the column as text or as whole numbers: in a spreadsheet, format it as text before the "
        "ids are pasted or imported.",
    )


def refuse_headers_on_first_lines(frames: Mapping[str, pl.LazyFrame], mapping: EventColumns, reading: Reading) -> None:
    """Raise `UserError` where customer and time stand on the first line of each order only, and nothing says so."""
    if mapping.order is None or reading.order_fields == "first_line":
        return
    for path, frame in frames.items():
        kinds = frame.collect_schema()
        lines = frame.select(
            order=reading.text(mapping.order),
            given=reading.is_given(mapping.customer, kinds) & reading.is_given(mapping.time, kinds),
            bare=~reading.is_given(mapping.customer, kinds) & ~reading.is_given(mapping.time, kinds),
        )
        orders = lines.drop_nulls("order").group_by("order", maintain_order=True)
        bare = orders.agg(pl.col("given").first(), pl.col("bare").sum()).filter("given", pl.col("bare") > 0)
        found = bare.select(pl.col("bare").sum(), pl.col("order").first())
        (count, order), total = collected(path, found).row(0), collected(path, frame.select(pl.len())).item()
        if count >= max(LINES_OF_A_SHAPE, SHARE_OF_A_SHAPE * total):
            raise UserError(
                f"{path}: {count:,} of {total:,} lines have neither {mapping.customer} nor {mapping.time}; in their "
                f"orders only the first line has them, as in order {order}.",
                "Set source.order_fields: first_line, and what stands on the first line holds for the whole order.",
            )


def refuse_unreadable_times(
    frames: Mapping[str, pl.LazyFrame], mapping: EventColumns, reading: Reading, *, limit: float
) -> None:
    """Raise `UserError` where more than this share of all times cannot be read: such lines are of no day."""
    given = unreadable = 0
    examples: list[str] = []
    for path, frame in frames.items():
        kinds = frame.collect_schema()
        has_time = reading.is_given(mapping.time, kinds)
        lines = frame.select(
            line=pl.int_range(1, pl.len() + 1),
            value=pl.col(mapping.time).cast(pl.String),
            given=has_time,
            lost=has_time & reading.time(mapping.time, kinds).is_null(),
        )
        counts = collected(path, lines.select(pl.col("given").sum(), pl.col("lost").sum()))
        given, unreadable = given + counts["given"][0], unreadable + counts["lost"][0]
        lost = collected(path, lines.filter("lost").select("line", "value").head(3 - len(examples)))
        examples += [f"{path} line {line}: {value}" for line, value in lost.iter_rows()]
    if unreadable >= LINES_OF_A_SHAPE and unreadable > limit * given:
        raise UserError(
            f"{unreadable:,} of {given:,} values in the column {mapping.time} are no time ({'; '.join(examples)}).",
            "Map another column under source.columns.time, or export times as 2026-05-31 14:30:00; a larger share is "
            "let through with events.max_quarantined. Nothing of this delivery was loaded.",
        )
