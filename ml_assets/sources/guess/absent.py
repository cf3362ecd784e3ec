"""What lines do not say at all: by whom, as on receipts of a till, or what was bought, as in totals of orders."""

from dataclasses import replace

import polars as pl

from ml_assets.sources.guess.columns import NOTHING, Choice
from ml_assets.sources.guess.proposal import Proposal

# A column that nobody knows by its name may hold customers or items, where it has so many values that come again.
FEWEST_VALUES, MOST_VALUES = 20, 0.5
SURE = 0.98
DECIMAL = r"^-?\d+[.,]\d+$"
WHY = {
    "item": "no column says what was bought: segments and customer value are made, and no recommendations",
    "customer": "no column says who bought: similar and popular items are made, and no lists and segments of customers",
}


def without_what_is_not_there(found: Proposal, sample: pl.DataFrame) -> Proposal:
    """The proposal with null for customer or item, where one of them is told by no column.

    Columns that may hold it all the same are its candidates, to be asked for.
    """
    if found.first_lines:
        return _totals_without_names(found, sample)
    if len(found.missing) != 1 or found.missing[0] not in WHY:
        return found
    missing = found.missing[0]
    if missing == "customer" and "order" not in found.columns:
        # Nothing says what was bought together.
        return found
    candidates = may_hold_ids(found, sample)
    found = with_nothing(found, missing, WHY[missing])
    return replace(found, candidates={missing: candidates}) if candidates else found


def _totals_without_names(found: Proposal, sample: pl.DataFrame) -> Proposal:
    """Of files without a header those of four kinds of values at most: an id, a time, pieces, and money."""
    time = found.columns["time"].text if "time" in found.columns else ""
    others = [name for name in sample.columns if name != time]
    money = [name for name in others if has_cents(sample[name])]
    pieces = [name for name in others if is_small(sample[name]) and name not in money]
    ids = [name for name in others if name not in money + pieces]
    if not time or len(money) != 1 or len(pieces) > 1 or len(ids) != 1 or not comes_again(sample[ids[0]]):
        return found
    told = {"customer": (ids[0], "the only column that may hold ids, and they come again"),
            "quantity": (pieces[0], "small whole numbers") if pieces else None,
            "amount": (money[0], "the only column with decimals")}  # fmt: skip
    columns = {name: Choice(one[0], f"by its values alone: {one[1]}") for name, one in told.items() if one}
    return with_nothing(replace(found, columns={**found.columns, **columns}), "item", WHY["item"])


def has_cents(values: pl.Series) -> bool:
    """Whether most values are numbers with decimals."""
    return _share(values, r"^-?\d+[.,]\d{1,2}$") >= SURE


def is_small(values: pl.Series) -> bool:
    """Whether all values are whole numbers under a thousand, written without leading zeros."""
    return _share(values, r"^-?(0|[1-9]\d{0,2})$") == 1


def comes_again(values: pl.Series) -> bool:
    """Whether values are there more than once, most of them."""
    return 1 < values.n_unique() <= MOST_VALUES * len(values)


def _share(values: pl.Series, pattern: str) -> float:
    texts = values.drop_nulls().cast(pl.String).str.strip_chars()
    return float(texts.str.contains(pattern).mean() or 0) if len(texts) else 0.0  # type: ignore[arg-type]


def with_nothing(found: Proposal, name: str, why: str) -> Proposal:
    """The proposal with null for a field; without customers, orders are of guests."""
    columns = {**found.columns, name: Choice(NOTHING, why)}
    guests = {"guests": Choice("one_off", "every order is a guest's")} if name == "customer" else {}
    return replace(found, columns=columns, rules={**found.rules, **guests})


def with_column(found: Proposal, name: str, choice: Choice) -> Proposal:
    """The proposal with a column, or an expression, for a field that may have been said to be nowhere."""
    rules = dict(found.rules)
    if name == "customer" and name in found.columns and found.columns[name].text == NOTHING:
        rules.pop("guests", None)
    return replace(found, columns={**found.columns, name: choice}, rules=rules)


def may_hold_ids(found: Proposal, sample: pl.DataFrame) -> list[str]:
    """Columns that are for nothing yet, and whose values come again and again."""
    return [
        name
        for name, kind in sample.schema.items()
        if not found.mentions(name)
        and (kind == pl.String or kind.is_integer())
        and not _share(sample[name], DECIMAL) >= SURE
        and FEWEST_VALUES <= sample[name].n_unique() <= MOST_VALUES * sample.height
    ]
