"""Erasing one of 1,000,000 customers from releases, tables and the lake, and rolling back a release of that size."""

import time
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.shop import FIRST_DAY, ITEMS, shop
from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.erase import erase
from ml_assets.lake import Lake
from ml_assets.releases.pointer import roll_back
from ml_assets.releases.publish import Publication, publish
from ml_assets.settings.shop import Settings

CUSTOMERS = 1_000_000
RELEASES = 2
DEPTH = 10
DAYS = 30


def main() -> None:
    """Measure and print."""
    with shop() as (connection, _, home):
        for number in range(RELEASES):
            _publish(connection, number)
        settings = Settings(home=home)
        lake = Lake.of(settings)
        for number in range(DAYS):
            lake.write("transactions", _lines(number), FIRST_DAY + timedelta(days=number))
        began = time.perf_counter()
        connection.execute("SELECT sum(cardinality(item_ids)) FROM ml_store.recommendations_1")
        scan = time.perf_counter() - began
        began = time.perf_counter()
        receipt = erase(connection, settings, str(CUSTOMERS // 2), verify=False)
        erased = time.perf_counter() - began
        began = time.perf_counter()
        found = erase(connection, settings, str(CUSTOMERS // 2), verify=True).found
        searched = time.perf_counter() - began
        began = time.perf_counter()
        roll_back(connection, "recommendations", to=None, reason="benchmark")
        rolled = time.perf_counter() - began
    print(f"{CUSTOMERS:,} customers, {RELEASES} releases of each subject, {DAYS} days of 100,000 lines in the lake")
    print(f"  reading one release from end to end      {scan:7.2f} s   1.00")
    rows = sum(receipt.removed.values())
    print(f"  erase, {rows:4} rows in {len(receipt.removed)} places            {erased:7.2f} s   {erased / scan:.2f}")
    print(f"  erase again and search everything        {searched:7.2f} s   found {found}")
    print(f"  roll back                                {rolled:7.3f} s")


def _publish(connection: ServingConnection, number: int) -> None:
    day = FIRST_DAY + timedelta(days=number)
    rng = np.random.default_rng(number)
    # Every list is a run of the catalogue, so that no item is in it twice.
    items = (rng.integers(0, ITEMS, CUSTOMERS)[:, None] // 2 + np.arange(DEPTH)) % ITEMS
    scores = np.broadcast_to(np.arange(DEPTH, 0, -1, dtype=np.float32), items.shape)
    words = pl.Series([["personal"] * DEPTH]).new_from_index(0, CUSTOMERS)
    frame = pl.DataFrame(
        {
            "customer_id": pl.int_range(CUSTOMERS, eager=True),
            "placement": pl.Series(["for_you"]).new_from_index(0, CUSTOMERS),
            "item_ids": pl.Series(items.reshape(-1)).reshape(items.shape).arr.to_list(),
            "scores": pl.Series(np.ascontiguousarray(scores).reshape(-1)).reshape(items.shape).arr.to_list(),
            "sources": words,
            "reason_codes": words,
            "reason_items": pl.Series([[[]] * DEPTH], dtype=pl.List(pl.List(pl.Int64))).new_from_index(0, CUSTOMERS),
        }
    )
    facts: dict[str, Any] = {"day": day, "model_version": "m", "k": DEPTH, "override": "random lists"}
    publish(connection, Publication("recommendations", frame, **facts))
    segments = pl.DataFrame({"customer_id": frame["customer_id"], "segment_key": words.list.first()})
    publish(connection, Publication("segment_assignments", segments, **facts))


def _lines(number: int) -> pl.DataFrame:
    rng = np.random.default_rng(number)
    return pl.DataFrame(
        {"customer_id": rng.integers(0, CUSTOMERS, 100_000), "item_id": rng.integers(0, ITEMS, 100_000)}
    )
