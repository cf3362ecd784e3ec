"""Weekly pages that show a person: removed whole, because the rest of a page is of its day and cannot be made again."""

from collections import Counter

from ml_assets.reports.kept import pages_that_show
from ml_assets.settings.shop import Settings


def erase_pages(settings: Settings, customer: int | str) -> Counter[str]:
    """Remove the kept pages with a customer's lists; how many."""
    shown = pages_that_show(settings, customer)
    for path in shown:
        path.unlink(missing_ok=True)
    return +Counter(pages=len(shown))


def count_pages(settings: Settings, customer: int | str) -> Counter[str]:
    """How many there are."""
    return +Counter(pages=len(pages_that_show(settings, customer)))
