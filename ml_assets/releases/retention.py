"""Which releases are kept, and the removal of the others and of purchases that the live one knows.

A release is retired in the publishing transaction and its rows are dropped later, in a transaction of their own that
gives up after a moment: dropping a partition needs a lock that readers hold, and readers that come later would queue
behind it. What could not be dropped is tried again at the next publication. The live release is never touched, and
with it the pinned one, nor is any that the snapshot of an open transaction may still call live.
"""

import logging
from datetime import timedelta

import psycopg
from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing

KEEP = 8
MOST_RETIRED = 3
# Long enough for statements that began before the pointer moved and have yet to touch the old partition.
GRACE = timedelta(minutes=10)
PATIENCE = "100ms"

logger = logging.getLogger(__name__)


def retire(connection: ServingConnection, release_id: int, *, keep: int) -> None:
    """Retire what a new release replaces, and all but the newest `keep` of live, ready and of blocked."""
    connection.execute(connection.schemas.sql("SELECT {meta}.retire_releases(%s, %s)"), [release_id, keep])


def drop_retired(
    connection: ServingConnection, subject: str, *, grace: timedelta = GRACE, most: int | None = None
) -> int:
    """Drop the rows of releases retired longer than `grace` ago; how many. Never fails, never waits long.

    Of those retired since, the newest `most` are kept.
    """
    query = """
        SELECT r.release_id
        FROM (
            SELECT o.*, row_number() OVER (ORDER BY o.retired_at DESC, o.release_id DESC) AS place
            FROM {meta}.releases AS o
            WHERE o.subject = %(subject)s AND o.state = 'retired' AND o.dropped_at IS NULL
        ) AS r
        WHERE (
                r.place > coalesce(%(most)s, 9223372036854775807)
                -- A clock that was ahead when it was retired must not keep it for years.
                OR r.retired_at NOT BETWEEN now() - %(grace)s AND now()
            )
            AND NOT EXISTS (
                SELECT FROM pg_stat_activity AS a
                WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_xmin IS NOT NULL
                    AND age(a.backend_xmin) >= age(r.retired_xid::xid)
            )
        ORDER BY r.release_id
    """
    dropped = 0
    try:
        retired = connection.execute(
            connection.schemas.sql(query), {"subject": subject, "grace": grace, "most": most}
        ).fetchall()
        for (release_id,) in retired:
            _drop(connection, release_id)
            dropped += 1
    except psycopg.Error as error:
        logger.info("Old releases of %s stay until the next publication: %s", subject, error)
    return dropped


def prune_purchases(connection: ServingConnection) -> None:
    """Remove noted purchases that the live release knows and that no placement still waits for."""
    connection.execute(connection.schemas.sql("SELECT {meta}.prune_purchases()"))


def _drop(connection: ServingConnection, release_id: int) -> None:
    with writing(connection) as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(PATIENCE))
        cursor.execute(connection.schemas.sql("SELECT {meta}.drop_release(%s)"), [release_id])
