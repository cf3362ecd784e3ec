"""The serving database as a Dagster resource: connections to a schema that is up to date, and a note of what arrived.

Which SQL that takes is written in `contract/` and `books/`; assets and checks call those rooms with a connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial

from ml_assets.books.erased import erasure_waits, without_erased
from ml_assets.books.freshness import observe, sync_policies
from ml_assets.contract.migrate import migrate
from ml_assets.contract.shop_tables import sync_reading
from ml_assets.database.clocks import refuse_other_clock
from ml_assets.database.connection import ServingConnection, connect
from ml_assets.features.as_known import Filter
from ml_assets.releases.withdraw import withdraw_unmade
from ml_assets.settings.shop import Settings
from ml_assets.sources.base import EventSource
from ml_assets.subjects import SUBJECTS


class ServingDatabase:
    """Opens connections to the migrated database of a shop, starting the embedded server where needed."""

    def __init__(self, settings: Settings, source: EventSource) -> None:
        self.settings = settings
        self._source = source
        self._is_migrated = False
        self.withdrawn: list[str] = []
        """What readers do not see any more, as the shop does not make it, each a sentence."""

    @contextmanager
    def connect(self) -> Iterator[ServingConnection]:
        """A connection; the schema is brought up to date on first use."""
        with connect(self.settings) as connection:
            if not self._is_migrated:
                refuse_other_clock(connection)
                types = self._source.id_types()
                migrate(
                    connection, customer_id_type=types.customer, item_id_type=types.item, source=self._source.identity
                )
                sync_policies(connection, self.settings)
                sync_reading(connection, self.settings.serving)
                self.withdrawn = withdraw_unmade(connection, self.settings)
                self._is_migrated = True
            yield connection

    @contextmanager
    def without_erased(self) -> Iterator[Filter]:
        """Files with customers are written in this block, each through the filter it gives; an erasure waits for it."""
        with self.connect() as connection, erasure_waits(connection):
            yield partial(without_erased, connection)

    def note_arrival(self, asset: str, day: date) -> None:
        """Tell the freshness book-keeping that a day of an asset is in the lake."""
        subject = SUBJECTS.get(asset)
        if subject is not None and subject.kind in ("data", "features"):
            with self.connect() as connection:
                observe(connection, subject.name, subject.kind, day)
