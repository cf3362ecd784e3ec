"""Texts as shops write them, read as plain text, numbers and ids: the usual way first, because it is the fastest.

Only single values belong here, a column of a block at a time; which columns there are is the matter of `columns.py`.
What cannot be read is null.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Literal

import polars as pl

from ml_assets.ids import IdType

NumberStyle = Literal["1,234.56", "1.234,56"]
# An integer as a database would print it: 007 is text, or its zeros would be lost. A tool that has no empty integers
# writes 17 as 17.0.
PLAIN_INTEGER = r"^(0|-?[1-9][0-9]{0,17})$"
CANONICAL_INTEGER = r"^(0|-?[1-9][0-9]{0,17})(\.0+)?$"
MOST_DIGITS = 18
# 1.23457E+18 is what spreadsheets leave of 19 digits, and a float holds 15 of them.
LOST_DIGITS = r"^-?([0-9](\.[0-9]+)?[eE]\+[0-9]+|[0-9]{16,}\.0+)$"
# Blanks of all kinds and apostrophes between thousands, currencies on either side.
AROUND_NUMBERS = r"[\s\u00a0\u202f'\u2019]|^[A-Z]{3}|[A-Z]{3}$|[$\u20ac\u00a3\u00a5]"
# Signs that are left out, and the one that stands before decimals.
SIGNS: dict[NumberStyle, tuple[str, str]] = {"1,234.56": (",", "."), "1.234,56": (".", ",")}
Read = Callable[[pl.Series], pl.Series]


def by_turns(values: pl.Series, readers: Iterable[Read], kind: pl.DataType | type[pl.DataType]) -> pl.Series:
    """What the first reader that can makes of each value; a reader sees only what those before could not read."""
    found: pl.Series | None = None
    for read in readers:
        if found is None:
            found = read(values)
            continue
        # What is no value is read as none.
        if found.null_count() == values.null_count():
            break
        left = (found.is_null() & values.is_not_null()).arg_true()
        more = read(values.gather(left))
        if more.null_count() < len(more):
            found = found.to_physical().scatter(left, more.to_physical()).cast(found.dtype)
    return pl.Series(values.name, [None] * len(values), dtype=kind) if found is None else found


def read_texts(values: pl.Series, null_words: tuple[str, ...]) -> pl.Series:
    """Texts without surrounding blanks; empty ones and words for no value (in small letters) are null."""
    if not values.str.contains(_not_plain(null_words)).any():
        return values
    text = pl.col("value").str.strip_chars()
    given = pl.when(~text.str.to_lowercase().is_in(["", *null_words])).then(text)
    return values.to_frame("value").select(given).to_series()


def read_numbers(values: pl.Series, style: NumberStyle, null_words: tuple[str, ...]) -> pl.Series:
    """Finite numbers, Float64."""
    if any(_is_number(word) for word in null_words):
        values = read_texts(values, null_words)
    found = by_turns(values, [_usual_numbers(style), lambda rest: _any_numbers(rest, style, null_words)], pl.Float64)
    return found if found.is_finite().all() else found.to_frame("n").select(_finite(pl.col("n"))).to_series()


def read_ids(values: pl.Series, wanted: IdType, null_words: tuple[str, ...]) -> pl.Series:
    """Ids of the shop's type; null where a value is none, or has lost digits."""
    if wanted == "text":
        text = read_texts(values, null_words)
        # PostgreSQL has no way to store the first character.
        bad = text.str.contains("\x00", literal=True) | text.str.contains(LOST_DIGITS)
        return text.to_frame("v").select(pl.when(~bad).then("v")).to_series() if bad.any() else text
    if any(re.search(PLAIN_INTEGER, word) for word in null_words):
        values = read_texts(values, null_words)
    plain = values.cast(pl.Int64, strict=False)
    if plain.null_count() == values.null_count() and (
        _are_written_so(values, plain) or values.str.contains(PLAIN_INTEGER).all()
    ):
        return plain
    given = read_texts(values, null_words).to_frame("v")
    is_whole = pl.col("v").str.contains(CANONICAL_INTEGER) & ~pl.col("v").str.contains(LOST_DIGITS)
    whole = pl.when(is_whole).then(pl.col("v").str.replace(r"\.0+$", ""))
    return given.select(whole.cast(pl.Int64, strict=False)).to_series()


def _are_written_so(texts: pl.Series, numbers: pl.Series) -> bool:
    """Whether texts are the digits of these numbers of at most 18 and no more; False as well where some are negative.

    What a cast reads and is written otherwise, 007 or +5, is longer, and so is -5, whose digits are not counted:
    lengths tell all of them at once.
    """
    highest = max(int(numbers.max() or 0), 0)  # type: ignore[arg-type]
    if highest >= 10**MOST_DIGITS:
        return False
    digits = len(numbers) - numbers.null_count()
    digits += sum(int((numbers >= 10**power).sum()) for power in range(1, len(str(highest))))
    return bool((texts.str.len_bytes().sum() or 0) == digits)


def _usual_numbers(style: NumberStyle) -> Read:
    between, before = SIGNS[style]
    if before == ".":
        # Nothing with a sign between thousands can be cast.
        return lambda values: values.cast(pl.Float64, strict=False)
    plain = pl.when(~pl.col("value").str.contains(between, literal=True)).then(
        pl.col("value").str.replace(before, ".", literal=True)
    )
    return lambda values: values.to_frame("value").select(plain.cast(pl.Float64, strict=False)).to_series()


def _any_numbers(values: pl.Series, style: NumberStyle, null_words: tuple[str, ...]) -> pl.Series:
    between, before = SIGNS[style]
    bare = pl.col("value").str.replace_all(AROUND_NUMBERS, "")
    # Accountants write (3.50), mainframes 3.50-.
    bare = bare.str.replace(r"^\((.*)\)$|^(.*)-$", "-$1$2")
    grouped = rf"^-?[0-9]{{1,3}}(\{between}[0-9]{{3}})+(\{before}[0-9]*)?$"
    plain = (
        pl.when(bare.str.contains(grouped))
        .then(bare.str.replace_all(between, "", literal=True))
        .when(~bare.str.contains(between, literal=True))
        .then(bare)
    )
    number = plain.str.replace(before, ".", literal=True).cast(pl.Float64, strict=False)
    return read_texts(values, null_words).to_frame("value").select(_finite(number)).to_series()


def _finite(number: pl.Expr) -> pl.Expr:
    return pl.when(number.is_finite()).then(number)


@lru_cache
def _not_plain(null_words: tuple[str, ...]) -> str:
    """What no text has that is given and needs no trimming."""
    words = "|".join(re.escape(word) for word in null_words)
    return r"^\s|\s$|^$" + (f"|(?i:^(?:{words})$)" if words else "")


def _is_number(word: str) -> bool:
    try:
        return float(word) == float(word)
    except ValueError:
        return False
