"""Waits of Dagster's own storage, bounded and told as ours are (`database/waits.py`).

Dagster speaks to PostgreSQL through psycopg2, which waits for an answer for as long as it takes: a server that is
frozen, or the disk under it, would hold a command for ever. Here its waits become ours.
"""

import os
import select
import time

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, STATUS_SETUP, connection, set_wait_callback

from ml_assets.database.connection import SECONDS_TO_CONNECT, plain_url
from ml_assets.database.waits import Statement, watched

STORAGE_VARIABLE = "DAGSTER_STORAGE_URL"
MILLISECONDS_A_LOOK = 500


def bound_storage_waits() -> None:
    """From now on, in this process: who is waited for is said, and a server that answers nobody is given up.

    Only where the variable names the storage. For processes that run steps; those that listen for notifications need
    psycopg2's own way of waiting.
    """
    given = os.environ.get(STORAGE_VARIABLE)
    if not given:
        return
    url = plain_url(given)

    def wait(waiting: connection) -> None:
        if waiting.status == STATUS_SETUP:
            # libpq keeps `connect_timeout` only where it waits itself.
            _poll(waiting, until=time.monotonic() + SECONDS_TO_CONNECT)
            return
        with watched(Statement(url, waiting.info.backend_pid, waiting.fileno(), None)):
            _poll(waiting)

    set_wait_callback(wait)


def _poll(waiting: connection, until: float | None = None) -> None:
    """Wait for an answer; psycopg2 closes the connection where this raises."""
    while (state := waiting.poll()) != POLL_OK:
        look = select.poll()
        look.register(waiting.fileno(), select.POLLIN if state == POLL_READ else select.POLLOUT)
        look.poll(MILLISECONDS_A_LOOK)
        if until is not None and time.monotonic() > until:
            raise psycopg2.OperationalError(f"timeout expired: no answer in {SECONDS_TO_CONNECT} s")
