"""Columns that no name tells: the one that must be the amount, and what the others hold, so that people see them."""

import re
from dataclasses import replace

import polars as pl

from ml_assets.sources.columns import Reading
from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.absent import is_small
from ml_assets.sources.guess.columns import Choice
from ml_assets.sources.guess.moments import are_times
from ml_assets.sources.guess.names import is_a_price, is_no_money, rank
from ml_assets.sources.guess.proposal import Proposal

NUMBER, CENTS = r"^-?\d[\d.,]*$", r"\d[.,]\d{2}$"
MONEY = r"^-?\d+([.,]\d{3})*([.,]\d{1,2})?$"
# Of the numbers; money is also written 2.5 and 3.
IN_CENTS = 0.3
FEW_VALUES, SHOWN = 12, 4
GLANCE, YES_OR_NO = 200, 2


def with_amount(found: Proposal, lines: pl.DataFrame) -> Proposal:
    """The proposal with the only column of the lines whose numbers have two decimals, where no name tells the amount.

    Where several have, or small whole numbers may be the quantity, that is said.
    """
    if found.first_lines:
        # Without names the values of all columns together tell (`absent.py`).
        return found
    free = [
        name for name, kind in lines.schema.items()
        if not (kind.is_nested() or kind.is_temporal() or found.mentions(name) or is_known(name))
    ]  # fmt: skip
    money = [name for name in free if has_two_decimals(lines[name]) and not is_no_money(name)]
    advice = list(found.advice)
    if "amount" not in found.columns and len(money) == 1:
        why, text = "no name tells the amount; the only column left of numbers with two decimals", money[0]
        if is_a_price(text) and "quantity" in found.columns:
            text = f"{quoted(text)} * {quoted(found.columns['quantity'].text)}"
            why += ", a price by its name, times the pieces"
        found = replace(found, columns={**found.columns, "amount": Choice(text, why)})
    elif "amount" not in found.columns and money:
        advice.append(f"No name tells the amount; numbers with two decimals are in {', '.join(money)}: say which with "
                      "--column amount=COLUMN.")  # fmt: skip
    counts = [name for name in free if is_small(lines[name]) and lines[name].n_unique() > YES_OR_NO]
    if "quantity" not in found.columns and counts:
        advice.append(f"No name tells the quantity; small whole numbers are in {', '.join(counts)}: where one is how "
                      "many were bought, say it with --column quantity=COLUMN.")  # fmt: skip
    return replace(found, advice=tuple(advice))


def is_known(column: str) -> bool:
    """Whether a name is one of an id."""
    return any(rank(field, column) is not None for field in ("customer", "item", "order")) or bool(
        re.search(r"(?i)(^|[^a-z])id$|[a-z]I[dD]$|_(no|nr|key|code)$", column)
    )


def has_two_decimals(values: pl.Series) -> bool:
    """Whether all values are numbers, many of them with two decimals and none with more."""
    given = values.drop_nulls()
    if given.is_empty() or given.dtype.is_integer() or given.dtype == pl.Boolean:
        return False
    texts = given.cast(pl.String).str.strip_chars()
    texts = texts.filter(texts != "")
    in_cents = int(texts.str.contains(CENTS).sum())
    return bool(texts.str.contains(MONEY).all()) and in_cents >= max(1, IN_CENTS * len(texts))


def seen_in(sample: pl.DataFrame, reading: Reading) -> dict[str, str]:
    """What the columns hold, in words."""
    return {name: _in_words(sample[name], reading) for name, kind in sample.schema.items() if not kind.is_nested()}


def _in_words(values: pl.Series, reading: Reading) -> str:
    schema = values.to_frame().schema
    given = values.filter(values.to_frame().select(reading.is_given(values.name, schema)).to_series())
    if given.is_empty():
        return "empty"
    if are_times(given.head(GLANCE), reading):
        return f"times, {len(given) / len(values):.0%} filled"
    counted = given.cast(pl.String).value_counts(sort=True)[values.name].to_list()
    if has_two_decimals(given):
        return "numbers with two decimals"
    if given.dtype.is_numeric() or given.cast(pl.String).str.contains(NUMBER).all():
        return f"numbers, {len(counted):,} different"
    if len(counted) <= FEW_VALUES:
        return ", ".join(counted[:SHOWN]) + (" …" if len(counted) > SHOWN else "")
    return f"text, {len(counted):,} different"
