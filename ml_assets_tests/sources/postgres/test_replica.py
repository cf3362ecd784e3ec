"""A replica of the shop's database as the source: nothing is written, and what arrives there is read."""

import time
from datetime import date
from pathlib import Path

import psycopg

from ml_assets.database.embedded.server import start_embedded
from ml_assets_tests.conftest import short_lived_home
from ml_assets_tests.database.standby import standby_of
from ml_assets_tests.sources.postgres.shop import TABLES, shop

SALE = """
    WITH o AS (INSERT INTO sales.orders (customer_id, placed_at) VALUES (5, '2026-09-08 10:00+00') RETURNING order_id)
    INSERT INTO sales.lines SELECT order_id, 'x-1', 1, 2.5 FROM o
"""


def test_a_replica_is_read_like_the_database_that_it_copies_and_shows_what_arrives(tmp_path: Path) -> None:
    with short_lived_home() as primary, short_lived_home() as home:
        url = start_embedded(primary)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES)
            replica = standby_of(url, primary, home)
            found, copied = shop(tmp_path / "primary", url), shop(tmp_path / "replica", replica)
            covered = copied.days()
            assert covered == found.days()
            lines = copied.read_lines(covered.first, covered.last)
            assert lines.height == 20
            assert lines.equals(found.read_lines(covered.first, covered.last))
            assert copied.read_items().equals(found.read_items())
            connection.execute(SALE)
            _wait_for(replica, connection)
        later = shop(tmp_path / "replica", replica)
        assert later.days().last == date(2026, 9, 8)
        assert later.read_lines(date(2026, 9, 8), date(2026, 9, 8))["customer_id"].to_list() == [5]


def _wait_for(replica: str, connection: psycopg.Connection) -> None:
    """Until the replica has all that was written."""
    written = connection.execute("SELECT pg_current_wal_lsn()").fetchall()[0][0]
    deadline = time.monotonic() + 30
    with psycopg.connect(replica, autocommit=True) as reader:
        while not reader.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [written]).fetchall()[0][0]:
            assert time.monotonic() < deadline, "the replica is behind"
            time.sleep(0.05)
