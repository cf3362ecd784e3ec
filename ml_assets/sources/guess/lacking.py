"""What is said where no column tells who, what or when: all of it at once, and for each what can be done."""

from collections.abc import Iterator

from ml_assets.errors import UserError
from ml_assets.sources.guess.columns import NOTHING
from ml_assets.sources.guess.proposal import Proposal

WORDS = {"customer": "the customer", "item": "the item", "time": "the time"}
LINES_SHOWN = 2


def complaint(found: Proposal) -> UserError:
    """The complaint about the fields for which no column was found."""
    missing = [WORDS[name] for name in found.missing]
    listed = ", ".join(missing[:-1]) + " or " * (len(missing) > 1) + missing[-1]
    words = f"No column of {found.events} can be told to be {listed} (it has: {', '.join(found.have)})."
    if found.first_lines:
        words += f" The file has no header line; it begins: {' / '.join(found.first_lines[:LINES_SHOWN])}"
    if found.others:
        words += f" Lines and orders do not belong together: {found.others}."
    words += "".join(f" {doubt.problem}" for doubt in found.doubts)
    return UserError(words, " ".join(_steps(found)))


def is_lacking(found: Proposal, name: str) -> bool:
    """Whether no column says a field."""
    return name not in found.columns or found.columns[name].text == NOTHING


def _steps(found: Proposal) -> Iterator[str]:
    yield from (doubt.next_step for doubt in found.doubts)
    options = " ".join(f"--column {name}=COLUMN" for name in found.missing if not _has_days_since(found, name))
    if options:
        yield f"Where a column holds it, say which with {options}; SQL over columns is possible too."
    if "customer" in found.missing:
        yield _without_customers(found)
    if "item" in found.missing:
        yield "Where lines do not say what was bought, --column item=null makes segments and customer value of them."
    if _has_days_since(found, "time"):
        yield (
            f"Orders have no date, but {found.days_since}: give --start 2024-01-01, the day on which every customer's "
            "first order is put."
        )
    elif "time" in found.missing:
        yield (
            "Without times nothing can be learnt of what is bought after what, and no list can be judged: export them "
            "too. Where a file is one day's, its path may name the day: rename it to 2024-05-31.csv, set "
            "source.day_from: path and --column time=\"'2024-05-31'\"."
        )


def _has_days_since(found: Proposal, name: str) -> bool:
    return name == "time" and bool(found.days_since)


def _without_customers(found: Proposal) -> str:
    order = "" if "order" in found.columns else " --column order=COLUMN"
    return (
        f"Where the shop knows no customers, --column customer=null{order} makes similar and popular items of what was "
        "bought together."
    )
