"""A made-up shop for benchmarks of serving, on an embedded server of its own that is removed afterwards.

What is measured on it belongs to the benchmarks. Its numbers mean nothing; its sizes are those of a real shop.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from ml_assets.contract.migrate import migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.database.embedded.server import start_embedded, stop_embedded
from ml_assets.database.names import Schemas

DEPTH = 60
ITEMS = 20_011
FIRST_DAY = date(2026, 1, 1)


@contextmanager
def server(folder: Path | None = None) -> Iterator[tuple[str, Path]]:
    """The URL of a new server with its defaults, and its home, in `folder` or a folder of the system."""
    home = Path(tempfile.mkdtemp(prefix="ml_assets_benchmark-", dir=folder))
    try:
        yield start_embedded(home), home
    finally:
        stop_embedded(home)
        shutil.rmtree(home)


@contextmanager
def shop() -> Iterator[tuple[ServingConnection, str, Path]]:
    """A connection to a shop that is set up and empty, its URL and its home."""
    with server() as (url, home), ServingConnection.open(url, Schemas()) as connection:
        migrate(connection, customer_id_type="bigint", item_id_type="bigint", source="benchmark")
        yield connection, url, home


def recommendations(customers: int, turn: int = 0) -> pl.DataFrame:
    """One `for_you` list of 60 different items per customer, with scores, sources, reasons and reason items.

    `turn` begins every list so many places later, as another day would.
    """
    rng = np.random.default_rng(1)
    first, step = rng.integers(0, ITEMS, customers), rng.integers(1, ITEMS // 2, customers)
    items = (first[:, None] + step[:, None] * np.arange(DEPTH)) % ITEMS
    items = np.roll(items, -turn, axis=1)
    scores = np.sort(rng.random((customers, DEPTH), dtype=np.float32), axis=1)[:, ::-1]
    words = rng.integers(0, 3, (customers, DEPTH))
    because = pl.Series(np.stack([items, (items + 7) % ITEMS], axis=2).reshape(-1)).reshape((customers, DEPTH, 2))
    return pl.DataFrame(
        {
            "customer_id": pl.int_range(customers, eager=True),
            "placement": ["for_you"] * customers,
            "item_ids": _lists(items),
            "scores": _lists(scores),
            "sources": _words(words, ["personal", "neighbours", "popular"]),
            "reason_codes": _words(words, ["bought_often", "because_you_bought", "popular"]),
            "reason_items": because.arr.to_list().list.eval(pl.element().arr.to_list()),
        }
    )


def _lists(matrix: np.ndarray) -> pl.Series:
    return pl.Series(matrix.reshape(-1)).reshape(matrix.shape).arr.to_list()


def _words(codes: np.ndarray, words: list[str]) -> pl.Series:
    flat = pl.Series(words, dtype=pl.Enum(words)).gather(codes.reshape(-1))
    return flat.reshape(codes.shape).arr.to_list()
