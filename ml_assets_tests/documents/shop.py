"""The shop of somebody who follows the documents: its ids are those of the examples, its newest day is yesterday."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

CUSTOMERS = [2498, 1234, 27, *range(3001, 3038)]
ITEMS = [981760, 1082185, 995242, *range(990001, 990028)]
DAYS = 61


def write_exports(folder: Path) -> None:
    """Orders of two months, in which customers prefer one half of the catalogue; a line in two hundred is unusable."""
    rng = np.random.default_rng(7)
    first = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    rows = []
    for day in range(DAYS):
        for who in rng.choice(len(CUSTOMERS), size=14, replace=False):
            half = np.arange(len(ITEMS) // 2) + (who % 2) * (len(ITEMS) // 2)
            time = first + timedelta(days=day, minutes=int(rng.integers(0, 500)))
            for number in rng.choice(half, size=3, replace=False):
                price, kind = f"{2.5 + number % 9:.2f}", "CHEESE" if number % 2 else "BEER"
                what = ITEMS[number], f"Item {number}", kind
                rows.append((f"{day}-{who}", CUSTOMERS[who], *what, time.strftime("%Y-%m-%d %H:%M:%S"), 1, price))
    rows += [(f"x-{number}", 27, ITEMS[0], "Item 0", "BEER", "yesterday", 1, "1.00") for number in range(10)]
    columns = ["order_id", "customer_id", "item_id", "item_name", "category", "ordered_at", "quantity", "amount"]
    folder.mkdir(parents=True)
    pl.DataFrame(rows, schema=columns, orient="row").write_csv(folder / "orders.csv")
