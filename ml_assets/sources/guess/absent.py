"""What lines do not say at all: by whom, as on receipts of a till, or what was bought, as in totals of orders."""

from dataclasses import replace

import polars as pl

from ml_assets.sources.guess.columns import NOTHING, Choice
from ml_assets.sources.guess.proposal import Proposal

# A column that nobody knows by its name may hold customers or items, where it has so many values that come again.
FEWEST_VALUES, MOST_VALUES = 20, 0.5
WHY = {
    "item": "no column says what was bought: segments and customer value are made, and no recommendations",
    "customer": "no column says who bought: similar and popular items are made, and no lists and segments of customers",
}


def without_what_is_not_there(found: Proposal, sample: pl.DataFrame) -> Proposal:
    """The proposal with null for customer or item, where one of them is nowhere and no column is left to hold it."""
    if len(found.missing) != 1 or found.missing[0] not in WHY or found.first_lines or may_hold_ids(found, sample):
        return found
    missing = found.missing[0]
    if missing == "customer" and "order" not in found.columns:
        # Nothing says what was bought together.
        return found
    return with_nothing(found, missing, WHY[missing])


def with_nothing(found: Proposal, name: str, why: str) -> Proposal:
    """The proposal with null for a field; without customers, orders are of guests."""
    columns = {**found.columns, name: Choice(NOTHING, why)}
    guests = {"guests": Choice("one_off", "every order is a guest's")} if name == "customer" else {}
    return replace(found, columns=columns, rules={**found.rules, **guests})


def may_hold_ids(found: Proposal, sample: pl.DataFrame) -> list[str]:
    """Columns that are for nothing yet, and whose values come again and again."""
    used = " ".join(choice.text for choice in [*found.columns.values(), *found.source.values()])
    return [
        name
        for name, kind in sample.schema.items()
        if name not in used
        and (kind == pl.String or kind.is_integer())
        and FEWEST_VALUES <= sample[name].n_unique() <= MOST_VALUES * sample.height
    ]
