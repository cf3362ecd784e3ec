"""What a setting says a value is: a column of the file, or an expression in SQL over its columns.

Parsing and computing expressions belongs here, in Polars' dialect of SQL; reading the values that come out belongs to
`columns.py`. A computed column bears the text of its expression as its name, so that nothing after it has to know.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import polars as pl

from ml_assets.errors import UserError

# What no column's name has, so that a text with it that is no SQL is a mistaken expression.
OF_EXPRESSIONS = re.compile(r"[()*+=<>'\"|]")
KEPT = "as delivered: "
FIRST_THAT_IS_THERE = re.compile(r"\s*coalesce\s*\(", re.IGNORECASE)


def quoted(name: str) -> str:
    """A column's name as SQL writes it."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'


def columns_of(setting: str, text: str, have: Sequence[str]) -> list[str]:
    """The columns that a text is made of: itself where the file has such a column, else those of the expression.

    A text that is no SQL is the name of a column. Raises `UserError` where it is meant as an expression.
    """
    if text in have:
        return [text]
    try:
        return list(dict.fromkeys(pl.sql_expr(text).meta.root_names()))
    except (pl.exceptions.PolarsError, ValueError) as error:
        if OF_EXPRESSIONS.search(text):
            raise _cannot(setting, text, str(error).partition("\n")[0]) from None
        return [text]


def may_lack(text: str, missing: Sequence[str], needed: Sequence[str]) -> bool:
    """Whether an expression says what stands in place of columns that an older or newer file lacks.

    That is a coalesce of columns of which one is there, or of one with a constant: `coalesce(customer_id, CustomerID)`.
    """
    has_constant = re.search(r",\s*('[^']*'|[-0-9.]+|null)\s*\)\s*$", text, re.IGNORECASE) is not None
    return FIRST_THAT_IS_THERE.match(text) is not None and (has_constant or len(missing) < len(needed))


def numbers_within(setting: str, text: str, kinds: pl.Schema, holding_numbers: Sequence[str]) -> list[str]:
    """Which text columns an expression takes as numbers: as many of those that hold numbers as SQL's types allow.

    Raises `UserError` where the expression cannot be computed either way, or gives no single value a line.
    """
    expression = pl.sql_expr(text)
    roots = expression.meta.root_names()
    fault = ""
    for chosen in _subsets([column for column in dict.fromkeys(roots) if column in holding_numbers]):
        lines = pl.DataFrame(schema=kinds).cast(dict.fromkeys(chosen, pl.Float64))
        try:
            found = lines.select(expression.alias(text))
        except pl.exceptions.PolarsError as error:
            fault = fault or str(error).partition("\n")[0]
            continue
        if (roots and found.height) or found.schema[text].is_nested():
            raise _cannot(setting, text, "it gives no single value for each line")
        return list(chosen)
    raise _cannot(setting, text, fault)


def computed(
    frame: pl.LazyFrame, text: str, numeric: Sequence[str], number: Callable[[str, pl.Schema], pl.Expr]
) -> pl.LazyFrame:
    """The frame with one more column, the expression's, for which the columns `numeric` are read as numbers."""
    kinds = frame.collect_schema()
    kept = [pl.col(column).alias(f"{KEPT}{column}") for column in numeric]
    read = frame.with_columns(kept).with_columns(number(column, kinds).alias(column) for column in numeric)
    restored = [pl.col(f"{KEPT}{column}").alias(column) for column in numeric]
    with_value = read.with_columns(pl.sql_expr(text).alias(text)).with_columns(restored)
    return with_value.drop(f"{KEPT}{column}" for column in numeric)


def _subsets(columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All of them, the largest first."""
    for size in range(len(columns), -1, -1):
        yield from combinations(columns, size)


def _cannot(setting: str, text: str, why: str) -> UserError:
    return UserError(
        f"{setting}: {text} cannot be computed: {why}.",
        "Write a column's name, or an expression in SQL such as UnitPrice * Quantity; names with blanks stand in "
        "double quotes, texts in single ones.",
        code="source.unreadable",
    )
