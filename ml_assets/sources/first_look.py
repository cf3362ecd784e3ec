"""What a shop's files are like as a whole: id types, numbers, dates, and shapes that would be misread.

Looked at once, before anything is loaded, because each line by itself looks sound; a complaint names the file, the
column, a value and what to do. Reading single values belongs to `columns.py`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.settings.columns import NO_CUSTOMER, EventColumns
from ml_assets.sources.columns import NUMBER, Reading, has_lost_digits, is_plainly_whole, is_whole
from ml_assets.sources.faults import unreadable_file
from ml_assets.sources.times import DIGITS, NUMBERED, STYLES, DateStyle, read_times
from ml_assets.sources.values import AROUND_NUMBERS, NumberStyle

# In each style: what only it can be, and what only the other can be.
POINT = r"\.[0-9]{1,2}$|\.[0-9]{4,}$|,[0-9]{3}\.|^[0-9]{4,}\.[0-9]|(,[0-9]{3}){2}"
COMMA = r",[0-9]{1,2}$|,[0-9]{4,}$|\.[0-9]{3},|^[0-9]{4,},[0-9]|(\.[0-9]{3}){2}"
# A few broken lines are no shape.
SHARE_OF_A_SHAPE, LINES_OF_A_SHAPE = 0.05, 10
# Most is told by these.
LINES_AT_FIRST = 20_000


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
    """Lines with neither customer nor time."""
    lost: bool
    """Whether ids have lost digits."""
    whole: tuple[bool, bool]
    """Whether every customer id, every item id is an integer."""
    later: int
    """Lines of days after today."""


def look_at(blocks: Iterable[pl.DataFrame], mapping: EventColumns, reading: Reading, today: date) -> FileFacts:
    """What the blocks of a file tell; lines dated after `today` wait for their day."""
    zone = ZoneInfo(reading.timezone)
    end = datetime.combine(today, datetime.max.time(), zone).astimezone(UTC)
    ends: list[datetime] = []
    given = unreadable = bare = later = 0
    lost, whole = False, [True, True]
    for block in blocks:
        kinds = block.schema
        times = block.select(reading.time(mapping.time, kinds)).to_series()
        past = times.filter(times <= end)
        if past.count():
            ends += [past.dt.min(), past.dt.max()]  # type: ignore[list-item]
        later += times.count() - past.count()
        given += times.count()
        if times.null_count():
            without = block.filter(times.is_null()).select(
                given=reading.is_given(mapping.time, kinds), customer=reading.is_given(mapping.customer, kinds)
            )
            unreadable += int(without["given"].sum())
            bare += without.filter(~pl.col("given") & ~pl.col("customer")).height
        for place, column in enumerate((mapping.customer, mapping.item)):
            if is_plainly_whole(block[column]):
                continue
            lost = lost or block.select(has_lost_digits(column, kinds).any()).item()
            whole[place] = whole[place] and block.select(is_whole(column, kinds, reading).all()).item()
    first, last = (pick(ends).astimezone(zone).date() if ends else None for pick in (min, max))
    return FileFacts(first, last, given + unreadable, unreadable, bare, lost, (whole[0], whole[1]), later)


def find_id_types(frames: Mapping[str, pl.LazyFrame], mapping: EventColumns, facts: Mapping[str, FileFacts]) -> IdTypes:
    """bigint where every id of a column is an integer, text otherwise.

    Raises `UserError` where ids have lost digits on their way.
    """
    for path in [path for path, each in facts.items() if each.lost]:
        for column in (mapping.customer, mapping.item):
            kinds = frames[path].collect_schema()
            lost = frames[path].filter(has_lost_digits(column, kinds)).select(pl.col(column).cast(pl.String))
            for (value,) in _read(path, lost.head(1)).iter_rows():
                raise UserError(
                    f"{path}: the id {value} in the column {column} has lost digits (a spreadsheet or a floating-point "
                    "number held it), so that different ids may have become one.",
                    "Export the column as text or as whole numbers: in a spreadsheet, format it as text before the "
                    "ids are pasted or imported.",
                )
    customer, item = (all(each.whole[place] for each in facts.values()) for place in (0, 1))
    # Customers that are known one day may be called anything.
    customer = customer and mapping.customer != NO_CUSTOMER
    return IdTypes("bigint" if customer else "text", "bigint" if item else "text")


def find_number_style(frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading) -> NumberStyle:
    """How the numbers of some columns are written; with a point where nothing says otherwise.

    Raises `UserError` where every number with a comma could be read both ways.
    """
    heads = {path: frame.head(LINES_AT_FIRST) for path, frame in frames.items()}
    return _number_style(heads, columns, reading)[0] or _proven(*_number_style(frames, columns, reading))


def _number_style(
    frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading
) -> tuple[NumberStyle | None, tuple[str, str, str] | None]:
    """What the first values prove that can, and a value that proves nothing."""
    with_comma: tuple[str, str, str] | None = None
    for column in columns:
        for path, frame in frames.items():
            if frame.collect_schema().get(column) != pl.String:
                continue
            bare = frame.select(bare=reading.text(column).str.replace_all(AROUND_NUMBERS, "")).drop_nulls()
            facts = bare.select(
                point=pl.col("bare").str.contains(POINT).sum(),
                comma=pl.col("bare").str.contains(COMMA).sum(),
                either=pl.col("bare").filter(pl.col("bare").str.contains(",", literal=True)).first(),
            )
            point, comma, either = _read(path, facts, streaming=True).row(0)
            if point or comma:
                return ("1.234,56" if comma > point else "1,234.56"), None
            if either and with_comma is None:
                with_comma = (path, column, either)
    return None, with_comma


def _proven(found: NumberStyle | None, with_comma: tuple[str, str, str] | None) -> NumberStyle:
    """With a point where nothing says otherwise; raises where something might."""
    if found is None and with_comma:
        path, column, value = with_comma
        thousands, decimal = value.replace(",", ""), value.replace(",", ".")
        raise UserError(
            f"{path}: {value} in the column {column} can be {thousands} or {decimal}, and no other number tells which.",
            "Set source.numbers to '1,234.56' where the comma stands between thousands, to '1.234,56' where it stands "
            "before decimals.",
        )
    return found or "1,234.56"


def find_date_style(frames: Mapping[str, pl.LazyFrame], column: str, reading: Reading) -> DateStyle:
    """Whether day or month comes first where dates do not begin with their year.

    Raises `UserError` where every date could be read both ways, or some only one way and others only the other.
    """
    proofs: dict[DateStyle, str] = {}
    unproven: tuple[str, str] | None = None
    for path, frame in frames.items():
        kind = frame.collect_schema()[column]
        if kind.is_temporal() or kind.is_float():
            continue
        start = reading.text(column).str.extract(r"^([^\sT,]+)")
        lines = frame.with_row_index(NUMBER, 1).select(line=NUMBER, value=start)
        dates = lines.filter(pl.col("value").str.contains(f"{NUMBERED}|{DIGITS}"))
        firsts = dates.group_by("value").agg(pl.col("line").min()).select("line", "value").sort("line")
        found = _read(path, firsts, streaming=True)
        for style in STYLES:
            for line, value in found.filter(_is_read_in(found["value"], style)).head(1).iter_rows():
                proofs.setdefault(style, f"{path} line {line}: {value}")
        if unproven is None and not found.is_empty():
            unproven = (path, found["value"][0])
    if len(proofs) > 1:
        raise UserError(
            f"The column {column} holds dates with the day first and with the month first: "
            f"{'; '.join(proofs.values())}.",
            "Export all of them in one order, best as 2026-05-31 14:30:00.",
            code="source.unreadable",
        )
    if unproven and not proofs:
        path, value = unproven
        day_first, month_first = (read_times(pl.Series([value]), style, "UTC").dt.date()[0] for style in STYLES[1:])
        raise UserError(
            f"{path}: {value} in the column {column} can be {day_first} or {month_first}, and no other date "
            "tells which.",
            "Set source.dates to '31.12.2026' where the day comes first, to '12/31/2026' where the month does.",
            code="source.unreadable",
        )
    return next(iter(proofs), "2026-12-31")


def needs_date_style(frames: Mapping[str, pl.LazyFrame], column: str, reading: Reading) -> bool:
    """Whether dates whose order of day and month must be known are among the first lines."""
    for path, frame in frames.items():
        kind = frame.collect_schema()[column]
        if not (kind.is_temporal() or kind.is_float()):
            heads = frame.head(LINES_AT_FIRST).select(reading.text(column).str.contains(f"{NUMBERED}|{DIGITS}").any())
            if _read(path, heads).item():
                return True
    return False


def hold_numbers(frames: Mapping[str, pl.LazyFrame], columns: Sequence[str], reading: Reading) -> list[str]:
    """Of text columns those whose values, where there is one, are numbers: told by the first file that has values."""
    found = []
    for column in columns:
        for path, frame in frames.items():
            kinds = frame.collect_schema()
            if kinds.get(column) != pl.String:
                continue
            given, number = reading.is_given(column, kinds), reading.number(column, kinds)
            facts = frame.select(given.sum().alias("given"), (given & number.is_not_null()).sum().alias("numbers"))
            values, numbers = _read(path, facts, streaming=True).row(0)
            if values:
                found += [column] * (numbers >= (1 - SHARE_OF_A_SHAPE) * values)
                break
    return found


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
        (count, order), total = _read(path, found).row(0), _read(path, frame.select(pl.len())).item()
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
        counts = _read(path, lines.select(pl.col("given").sum(), pl.col("lost").sum()))
        given, unreadable = given + counts["given"][0], unreadable + counts["lost"][0]
        lost = _read(path, lines.filter("lost").select("line", "value").head(3 - len(examples)))
        examples += [f"{path} line {line}: {value}" for line, value in lost.iter_rows()]
    if unreadable >= LINES_OF_A_SHAPE and unreadable > limit * given:
        raise UserError(
            f"{unreadable:,} of {given:,} values in the column {mapping.time} are no time ({'; '.join(examples)}).",
            "Map another column under source.columns.time, or export times as 2026-05-31 14:30:00; a larger share is "
            "let through with events.max_quarantined. Nothing of this delivery was loaded.",
        )


def _is_read_in(values: pl.Series, style: DateStyle) -> pl.Series:
    """Which dates can be read in this order of day and month only."""
    others = [read_times(values, other, "UTC").is_null() for other in STYLES if other != style]
    return read_times(values, style, "UTC").is_not_null() & others[0] & others[1]


def _read(path: str, frame: pl.LazyFrame, *, streaming: bool = False) -> pl.DataFrame:
    """`streaming` holds less in memory, and keeps no order."""
    try:
        return frame.collect(engine="streaming" if streaming else "in-memory")
    except pl.exceptions.PolarsError as error:
        raise unreadable_file(path, error) from None
