"""Which column holds what, by its name and by its values.

Names say most (`names.py`); values decide between several and refuse what cannot be. Systems whose columns need more
than that are in `shapes.py`.
"""

from dataclasses import dataclass, replace

import polars as pl

from ml_assets.sources.columns import Reading
from ml_assets.sources.expressions import quoted
from ml_assets.sources.guess.moments import time_among
from ml_assets.sources.guess.names import (
    LINE_COSTS,
    NAMES,
    UNIT_COSTS,
    UNIT_PRICES,
    is_a_title,
    plain,
    rank,
)
from ml_assets.sources.values import SIGNS

REQUIRED = ("customer", "item", "time")
NOTHING = "null"
"""In place of a column: no line says it."""
# What a look needs to be sure: values of a column that are as they should be.
ENOUGH = 0.8
SURE = 0.99
# Letters alone, some small, as in `Brown bread`; codes have digits.
WORD = r"^[^0-9]*[a-z]{2}[^0-9]*$"
CLOCK = r"^\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp]\.?[Mm]\.?)?$"


@dataclass(frozen=True)
class Choice:
    """A column or an expression, and why it was taken."""

    text: str
    why: str


def guess_columns(sample: pl.DataFrame, reading: Reading) -> dict[str, Choice]:
    """Fields of source.columns found in some lines of a file, each column for one field at most.

    An item that is told by its name only is its own name.
    """
    found: dict[str, Choice] = {}
    sample = sample.select(name for name, kind in sample.schema.items() if not kind.is_nested())
    for field in NAMES:
        taken = {choice.text for choice in found.values()}
        free = [column for column in sample.columns if column not in taken]
        if choice := _guess(field, sample.select(free), reading):
            found[field] = choice
    if "item" in found and "item_name" not in found and _are_words(sample, found["item"].text, reading):
        found["item_name"] = Choice(found["item"].text, "what people read")
    if "time" in found and (column := _clock_beside(sample, found["time"].text, reading)):
        text = f"{quoted(found['time'].text)} || ' ' || {quoted(column)}"
        found["time"] = Choice(text, "the date stands in one column, the time of day in another")
    found |= _price_times_quantity(sample, found, reading)
    return found | _cost(sample, found, reading)


def _guess(field: str, free: pl.DataFrame, reading: Reading) -> Choice | None:
    if field == "time":
        moment = time_among(free, free.columns, reading)
        return Choice(moment.column, moment.why) if moment else None
    ranked = sorted((place, column) for column in free.columns if (place := rank(field, column)) is not None)
    for _, column in ranked:
        if fits := _why_it_fits(field, free[column], reading):
            more = "; two customers of one name count as one" if field == "customer" and is_a_title(column) else ""
            return Choice(column, f"by its name; {fits}{more}")
    return None


def _are_words(sample: pl.DataFrame, item: str, reading: Reading) -> bool:
    """Whether items are called what people read."""
    texts = _texts(sample, item, reading)
    return is_a_title(item) or _share(texts.str.contains(WORD), texts.is_not_null()) >= ENOUGH


def _clock_beside(sample: pl.DataFrame, time: str, reading: Reading) -> str | None:
    """The column with the time of day, where that of the time has dates alone."""
    dates = _texts(sample, time, reading)
    if sample[time].dtype != pl.Date and (sample[time].dtype.is_temporal() or dates.str.contains(r"\d:\d").any()):
        return None
    for column in sample.columns:
        if sample[column].dtype == pl.Time:
            return column
        texts = _texts(sample, column, reading)
        if sample[column].dtype == pl.String and _share(texts.str.contains(CLOCK), texts.is_not_null()) >= SURE:
            return column
    return None


def _texts(sample: pl.DataFrame, column: str, reading: Reading) -> pl.Series:
    return sample.select(reading.text(column))[column]


def _price_times_quantity(sample: pl.DataFrame, found: dict[str, Choice], reading: Reading) -> dict[str, Choice]:
    """An amount where there are only prices of one piece."""
    prices = [column for column in sample.columns if plain(column) in UNIT_PRICES]
    if "amount" in found or not prices or not _why_it_fits("amount", sample[prices[0]], reading):
        return {}
    if "quantity" not in found:
        return {"amount": Choice(prices[0], "a price, and no quantity beside it")}
    text = f"{quoted(prices[0])} * {quoted(found['quantity'].text)}"
    return {"amount": Choice(text, "a price of one piece times the pieces")}


def _cost(sample: pl.DataFrame, found: dict[str, Choice], reading: Reading) -> dict[str, Choice]:
    """What lines cost the shop, beside what was paid for them; a bare `cost` is of a piece where the price is."""
    if "amount" not in found:
        return {}
    taken = {choice.text for choice in found.values()}
    free = {plain(name): name for name in sample.columns if name not in taken}
    of_line, of_piece = ([free[name] for name in names if name in free] for names in (LINE_COSTS, UNIT_COSTS))
    pieces = found.get("quantity")
    if of_line and plain(of_line[0]) == "cost" and pieces and found["amount"].text not in sample.columns:
        of_line, of_piece = [], of_line
    for column in (*of_line, *of_piece):
        fits = _why_it_fits("cost", sample[column], reading)
        if fits and pieces and column in of_piece:
            text = f"{quoted(column)} * {quoted(pieces.text)}"
            return {"cost": Choice(text, "the cost of one piece times the pieces; experiments then tell margin")}
        if fits:
            return {"cost": Choice(column, f"what the line cost, by its name; {fits}; experiments then tell margin")}
    return {}


def _why_it_fits(field: str, values: pl.Series, reading: Reading) -> str:
    """What the values show, in words; nothing where they cannot be the field's."""
    frame, name = values.to_frame(), values.name
    kinds = frame.schema
    given = frame.select(reading.is_given(name, kinds))[name]
    if not given.any():
        return ""
    if field in ("quantity", "amount", "cost"):
        either = (replace(reading, numbers=style).number(name, kinds) for style in SIGNS)
        share = _share(frame.select(pl.coalesce(either).is_not_null().alias(name))[name], given)
        return f"{share:.0%} of its values are numbers" if share >= ENOUGH else ""
    distinct = values.filter(given).n_unique()
    if field == "event_type" and distinct > max(50, 0.1 * len(values)):
        return ""
    return f"{int(given.sum()) / len(given):.0%} filled, {distinct:,} different in {len(values):,} lines"


def _share(good: pl.Series, given: pl.Series) -> float:
    return int((good & given).sum()) / max(int(given.sum()), 1)
