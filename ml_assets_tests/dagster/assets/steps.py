"""What an asset function needs when it is called alone: a shop, a database, a context."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import dagster as dg

from ml_assets.books.erased import erasure_waits, without_erased
from ml_assets.dagster.compute import Compute
from ml_assets.dagster.shop import Shop
from ml_assets.database.connection import ServingConnection
from ml_assets.features.as_known import Filter


@dataclass(frozen=True)
class OpenDatabase:
    """Stands for `ServingDatabase` where a test has a connection."""

    connection: ServingConnection

    @contextmanager
    def connect(self) -> Iterator[ServingConnection]:
        yield self.connection

    @contextmanager
    def without_erased(self) -> Iterator[Filter]:
        with erasure_waits(self.connection):
            yield partial(without_erased, self.connection)


def named(assets: Sequence[dg.AssetsDefinition], name: str) -> Any:
    """The step that makes an asset, to be called."""
    return next(one for one in assets if any(key.path[-1] == name for key in one.keys))


def on(day: date) -> dg.AssetExecutionContext:
    return dg.build_asset_context(partition_key=day.isoformat())


def ranked_by(shop: Shop, name: str) -> dict[str, Compute]:
    """The resource that the lists of everybody ask for besides the others."""
    return {"compute": Compute(shop.settings.compute)} if name == "recommendations" else {}
