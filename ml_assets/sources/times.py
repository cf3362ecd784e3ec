"""Times as shops write them: ISO 8601, days and months in either order, month names, epochs, spreadsheet serials.

Turning texts and numbers into moments belongs here. Which order of day and month a shop has is found out in
`first_look.py`; a value that fits nothing is null.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Literal
from zoneinfo import available_timezones

import polars as pl

from ml_assets.sources.values import Read, by_turns, read_texts

DateStyle = Literal["2026-12-31", "31.12.2026", "12/31/2026"]
UTC_TIME = pl.Datetime("us", "UTC")
PLAIN_FORMAT = "%Y-%m-%d %H:%M:%S"
ISO_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# The zones of RFC 2822, section 4.3, and the summer times that the zone database has no names for.
OFFSETS = {"z": 0, "ut": 0, "utc": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5}
OFFSETS |= {"mst": -7, "mdt": -6, "pst": -8, "pdt": -7, "cest": 2, "eest": 3, "west": 1}
ZONES = {name.lower(): name for name in available_timezones()}

CLOCK = r"(?:(?:T|,? +)(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:[.,](?<fraction>\d{1,9}))?)?"
CLOCK += r"(?: ?(?<half>[AaPp])\.?[Mm]\.?)?(?: ?(?<zone>[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:[/_+-][A-Za-z0-9]+)*))?)?$"
WEEKDAY = r"^(?:[A-Za-z]{2,9}\.?,? +)?"
YEAR_FIRST = r"^(?<year>\d{4})(?:[-/.](?<month>\d{1,2})[-/.]|(?<m>\d{2}))(?<day>\d{1,2})" + CLOCK
DAY_FIRST = r"^(?<day>\d{1,2})[-/.](?<month>\d{1,2})[-/.](?<year>\d{4}|\d{2})" + CLOCK
MONTH_FIRST = r"^(?<month>\d{1,2})[-/.](?<day>\d{1,2})[-/.](?<year>\d{4}|\d{2})" + CLOCK
DAY_FIRST_DIGITS = r"^(?<day>\d{2})(?<month>\d{2})(?<year>(?:19|20)\d{2})" + CLOCK
MONTH_FIRST_DIGITS = r"^(?<month>\d{2})(?<day>\d{2})(?<year>(?:19|20)\d{2})" + CLOCK
NAMED_DAY_FIRST = WEEKDAY + r"(?<day>\d{1,2})[- .]+(?<name>[A-Za-z]{3})[A-Za-z]*[-., ]+(?<year>\d{4}|\d{2})" + CLOCK
NAMED_MONTH_FIRST = WEEKDAY + r"(?<name>[A-Za-z]{3})[A-Za-z]*\.? +(?<day>\d{1,2}),? +(?<year>\d{4})" + CLOCK
# Dates whose order of day and month has to be known.
NUMBERED = r"^\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})(?:\D|$)"
DIGITS = r"^\d{4}(?:19|20)\d{2}$"
PATTERNS: dict[DateStyle, tuple[str, ...]] = {
    "2026-12-31": (YEAR_FIRST, NAMED_DAY_FIRST, NAMED_MONTH_FIRST),
    "31.12.2026": (DAY_FIRST, DAY_FIRST_DIGITS, YEAR_FIRST, NAMED_DAY_FIRST, NAMED_MONTH_FIRST),
    "12/31/2026": (MONTH_FIRST, MONTH_FIRST_DIGITS, YEAR_FIRST, NAMED_DAY_FIRST, NAMED_MONTH_FIRST),
}
"""What texts are tried as, in this order."""
STYLES = tuple(PATTERNS)
# Two digits of a year, as POSIX strptime reads them.
PIVOT = 69
# Days since 1899-12-30 from 1954 to 2119, what spreadsheets keep dates as; smaller than any epoch in use.
SERIALS = (20_000, 80_000)
SECONDS_A_DAY = 86_400
CLOCK_PARTS = ("hour", "minute", "second", "microsecond")


def read_times(values: pl.Series, style: DateStyle, timezone: str, null_words: tuple[str, ...] = ()) -> pl.Series:
    """Texts as moments, Datetime("us", "UTC"); without a zone of its own a time is in `timezone`.

    An hour that occurs twice is taken as the first, one that the clock skips as the hour after it. What cannot be read
    is null, and so are words for no value (in small letters).
    """
    if null_words and pl.Series(null_words).str.to_datetime(PLAIN_FORMAT, strict=False).count():
        values = read_texts(values, null_words)

    def any_way(rest: pl.Series) -> pl.Series:
        return by_turns(read_texts(rest, null_words), _readers(style, timezone), UTC_TIME)

    return by_turns(values, [partial(_plain, timezone=timezone), any_way], UTC_TIME)


def numbers_as_times(numbers: pl.Expr, timezone: str) -> pl.Expr:
    """Numbers as moments: seconds, milliseconds, microseconds or nanoseconds since 1970, or a spreadsheet's days.

    Told apart by magnitude: seconds of the years 1973 to 5138.
    """
    size = numbers.abs()
    scale = (
        pl.when(size >= 10**17)
        .then(0.001)
        .when(size >= 10**14)
        .then(1.0)
        .when(size >= 10**11)
        .then(1_000.0)
        .otherwise(1_000_000.0)
    )
    epoch = (numbers * scale).round().cast(pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    # To the second: a serial holds a moment as a fraction of a day.
    since = (numbers * SECONDS_A_DAY).round().cast(pl.Int64) * 1_000_000
    serial = pl.lit(0).cast(pl.Datetime("us")).dt.offset_by("-25569d") + since.cast(pl.Duration("us"))
    return pl.when(size.is_between(*SERIALS)).then(localized(serial, timezone)).when(size >= 10**8).then(epoch)


def localized(naive: pl.Expr, timezone: str) -> pl.Expr:
    """Wall-clock time in a zone as UTC."""
    return naive.map_batches(partial(_localized, timezone=timezone), return_dtype=UTC_TIME, is_elementwise=True)


def _localized(naive: pl.Series, timezone: str) -> pl.Series:
    first = naive.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    # The hours that the clock skips are rare.
    if first.null_count() > naive.null_count():
        later = naive.dt.offset_by("1h").dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        first = first.zip_with(first.is_not_null(), later)
    return first.dt.convert_time_zone("UTC")


def _readers(style: DateStyle, timezone: str) -> Iterator[Read]:
    """The usual ways first, because they are the fastest."""
    value = pl.col("value")
    blank = value.str.replace("T", " ", literal=True)
    for form in ISO_FORMATS:
        naive = blank.str.to_datetime(form, time_unit="us", strict=False, exact=True)
        yield _apply(localized(naive, timezone))
        yield _apply(blank.str.to_datetime(f"{form}%#z", time_unit="us", time_zone="UTC", strict=False))
    for pattern in PATTERNS[style]:
        yield partial(_matched, pattern=pattern, timezone=timezone)
    yield _apply(numbers_as_times(value.cast(pl.Float64, strict=False), timezone))


def _apply(expression: pl.Expr) -> Read:
    return lambda values: values.to_frame("value").select(time=expression)["time"]


def _plain(values: pl.Series, timezone: str) -> pl.Series:
    """Times as databases print them."""
    # Looking each value up among those before takes longer than reading it.
    naive = values.str.to_datetime(PLAIN_FORMAT, time_unit="us", strict=False, exact=True, cache=False)
    return _localized(naive, timezone)


def _matched(values: pl.Series, pattern: str, timezone: str) -> pl.Series:
    """The times of values that fit a pattern with named groups."""
    names = re.findall(r"\?<(\w+)>", pattern)
    groups = values.to_frame("value").select(pl.col("value").str.extract_groups(pattern)).unnest("value")
    month = pl.coalesce(pl.col(name).cast(pl.Int32) for name in names if name in ("month", "m"))
    parts = groups.select(
        *_clock(),
        zone=pl.col("zone").str.to_lowercase(),
        year=_year(),
        month=_month_of("name") if "name" in names else month,
        day=pl.col("day").cast(pl.Int32),
    )
    is_month = pl.col("month").is_between(1, 12)
    is_clock = (pl.col("hour") < 24) & (pl.col("minute") < 60) & (pl.col("second") < 60)
    last = pl.date("year", pl.when(is_month).then("month").otherwise(1), 1).dt.days_in_month()
    is_one = is_month & is_clock & pl.col("day").is_between(1, last)
    found = parts.select(
        naive=pl.datetime(*(pl.when(is_one).then(name) for name in ("year", "month", "day", *CLOCK_PARTS))), zone="zone"
    )
    return found.select(time=_in_their_zones(found["zone"].unique().drop_nulls(), timezone))["time"]


def _clock() -> Iterator[pl.Expr]:
    """Hour (null where there is no such hour of 12), minute, second and microsecond."""
    hour, half = pl.col("hour").cast(pl.Int32).fill_null(0), pl.col("half").str.to_lowercase()
    of_twelve = pl.when(hour.is_between(1, 12)).then(hour % 12 + 12 * (half == "p"))
    yield pl.when(half.is_null()).then(hour).otherwise(of_twelve).alias("hour")
    for name in ("minute", "second"):
        yield pl.col(name).cast(pl.Int32).fill_null(0)
    digits = pl.col("fraction").fill_null("0").str.pad_end(6, "0").str.head(6)
    yield digits.cast(pl.Int32).alias("microsecond")


def _year() -> pl.Expr:
    year = pl.col("year").cast(pl.Int32)
    century = pl.when(year < PIVOT).then(2000).otherwise(1900)
    return pl.when(pl.col("year").str.len_chars() == 4).then(year).otherwise(year + century)


def _month_of(column: str) -> pl.Expr:
    numbers = {name: number for number, name in enumerate(MONTHS, 1)}
    return pl.col(column).str.to_lowercase().replace_strict(numbers, default=None, return_dtype=pl.Int32)


def _in_their_zones(zones: pl.Series, timezone: str) -> pl.Expr:
    """The column naive as UTC, by the column zone; null where that names no zone."""
    naive = pl.col("naive")
    moments = [pl.when(pl.col("zone").is_null()).then(localized(naive, timezone))]
    for name in zones:
        if (offset := _offset(name)) is not None:
            moment = naive.dt.offset_by(f"{-offset}m").dt.replace_time_zone("UTC")
        elif name in ZONES:
            moment = localized(naive, ZONES[name])
        else:
            continue
        moments.append(pl.when(pl.col("zone") == name).then(moment))
    return pl.coalesce(moments)


def _offset(zone: str) -> int | None:
    """Minutes east of UTC; None of a name."""
    if zone in OFFSETS:
        return OFFSETS[zone] * 60
    if signs := re.fullmatch(r"([+-])(\d{2}):?(\d{2})?", zone):
        sign, hours, minutes = signs.groups()
        return int(f"{sign}1") * (int(hours) * 60 + int(minutes or 0))
    return None
