"""A small shop with text ids, made for tests: customers who prefer one half of a catalogue, over some weeks.

Not real data; where quality is judged, tests use the Complete Journey.
"""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

FIRST = datetime(2024, 4, 1, 9)  # noqa: DTZ001 a Monday, in the shop's own time
DAYS = 61  # to 31 May 2024


def write_shop(
    folder: Path,
    *,
    customers: int = 40,
    items: int = 30,
    name: str = "books",
    letter: str = "i",
    days: int = DAYS,
    effort: str = "quick",
) -> Path:
    """Write event and item files and a settings file, whose path it returns; ids of items begin with `letter`.

    Choosing among all methods takes most of the time of a run, so that it is left to the tests of it (`effort`).
    """
    rng = np.random.default_rng(7)
    rows = []
    for day in range(days):
        for customer in rng.choice(customers, size=customers // 3, replace=False):
            half = np.arange(items // 2) + (customer % 2) * (items // 2)
            time = FIRST + timedelta(days=day, minutes=int(rng.integers(0, 600)))
            rows += [
                (f"c-{customer:03}", f"{letter}-{item:03}", time, f"o-{day}-{customer}", 1, float(item % 9 + 1))
                for item in rng.choice(half, size=3, replace=False)
            ]
    (folder / "events").mkdir(parents=True, exist_ok=True)
    frame = pl.DataFrame(rows, schema=["buyer", "isbn", "sold_at", "receipt", "copies", "paid"], orient="row")
    for number, month in enumerate((4, 5)):
        part = frame.filter(pl.col("sold_at").dt.month() == month)
        part.write_parquet(folder / "events" / f"part-{number}.parquet")
    catalogue = pl.DataFrame(
        {
            "isbn": [f"{letter}-{item:03}" for item in range(items)],
            "title": [f"Book {item}" for item in range(items)],
            "genre": ["crime" if item < items // 2 else "poetry" for item in range(items)],
        }
    )
    catalogue.write_csv(folder / "items.csv")
    settings = folder / "shop.yaml"
    settings.write_text(
        f"""name: {name}
timezone: Europe/Berlin
source:
  kind: files
  events: events
  columns: {{customer: buyer, item: isbn, time: sold_at, order: receipt, quantity: copies, amount: paid}}
  items: items.csv
  item_columns: {{item: isbn, name: title, category: genre}}
recommender: {{selection: {{effort: {effort}}}, k: 5, stored: 10, min_item_buyers: 2, evaluation_days: [7]}}
""",
        encoding="utf-8",
    )
    return settings
