"""Lines of files that are of no day up to today: without a readable time, or dated later.

Only finding and telling them belongs here; which days files hold is the matter of `files.py`.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from ml_assets.errors import Code, UserError
from ml_assets.settings.source import FilesSource
from ml_assets.sources.looked import LookedFiles


def later_lines(mapped: LookedFiles, paths: Sequence[str], source: FilesSource, today: date) -> pl.DataFrame:
    """Lines dated after `today`, which wait for their day: source, line, and the time as text."""
    parts = []
    for path in paths:
        frame = mapped.events(path)
        day = mapped.reading.local_day(frame, source.columns.time)
        line, time = pl.int_range(1, pl.len() + 1), pl.col(source.columns.time).cast(pl.String)
        parts.append(frame.select(source=pl.lit(path), line=line, time=time, day=day))
    return mapped.collect(pl.concat(parts).filter(pl.col("day") > today).select("source", "line", "time"))


def nothing_dated(
    mapped: LookedFiles, paths: Sequence[str], source: FilesSource, today: date, *, setting: str
) -> UserError:
    """Why no file has a line of today or of a day before; `setting` names where the files are said."""
    where, column = source.events, source.columns.time
    code: Code = "source.unreadable"
    lines, later, example = 0, [], ""
    for path in paths:
        frame = mapped.events(path)
        days = frame.select(day=mapped.reading.local_day(frame, column), given=pl.col(column).cast(pl.String))
        facts = pl.len().alias("lines"), pl.col("day").min(), pl.col("given").drop_nulls().first()
        count, day, given = mapped.collect(days.select(facts), path).row(0)
        lines += count
        later += [day] if day else []
        example = example or (f" ({path}: {given})" if given else "")
    if not lines:
        return UserError(
            f"The files under {where} hold no lines.", f"Deliver them again, or check {setting}.", code=code
        )
    if later:
        return UserError(
            f"All lines under {where} are of days to come, the earliest of {min(later)}; today is {today}.",
            f"Check the clock of this machine, source.columns.time ({column}) and timezone.",
            code=code,
        )
    return UserError(
        f"No line under {where} has a readable time in column {column}{example}.",
        "Check source.columns.time in the settings file.",
        code=code,
    )
