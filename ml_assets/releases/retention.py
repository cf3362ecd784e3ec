"""Which releases are kept, and the removal of the others and of purchases that the live one knows.

A release is retired in the publishing transaction and its rows are dropped later, in a transaction of their own that
gives up after a moment: dropping a partition needs a lock that readers hold, and readers that come later would queue
behind it. What could not be dropped is tried again at the next publication. The live release is never touched, and
with it the pinned one, nor is any that the snapshot of an open transaction may still call live.
"""

import logging
from datetime import date, timedelta

import psycopg
from psycopg import sql

from ml_assets.database.connection import ServingConnection
from ml_assets.database.names import partition_name
from ml_assets.database.rights import writing

KEEP = 8
MOST_RETIRED = 3
# Long enough for statements that began before the pointer moved and have yet to touch the old partition.
GRACE = timedelta(minutes=10)
PATIENCE = "100ms"

logger = logging.getLogger(__name__)


def retire(connection: ServingConnection, subject: str, day: date, release_id: int, *, keep: int) -> None:
    """Retire what the new release of `day` replaces, and all but the newest `keep` of live, ready and of blocked."""
    connection.execute(
        connection.schemas.sql(
            """
            UPDATE {meta}.releases AS r
            SET state = 'retired', retired_at = now(), retired_xid = pg_current_xact_id()
            FROM {meta}.releases AS new
            WHERE new.release_id = %(new)s AND r.subject = %(subject)s AND r.data_as_of = %(day)s
                AND r.release_id <> new.release_id
                AND (r.state = 'blocked' OR (r.state = 'ready' AND new.state <> 'blocked'))
            """
        ),
        {"new": release_id, "subject": subject, "day": day},
    )
    connection.execute(
        connection.schemas.sql(
            """
            UPDATE {meta}.releases AS r
            SET state = 'retired', retired_at = now(), retired_xid = pg_current_xact_id()
            FROM (
                SELECT release_id, row_number() OVER (
                    PARTITION BY state = 'blocked' ORDER BY data_as_of DESC, release_id DESC
                ) AS place
                FROM {meta}.releases
                WHERE subject = %(subject)s AND state <> 'retired'
            ) AS ranked
            WHERE r.release_id = ranked.release_id AND ranked.place > %(keep)s AND r.state <> 'live'
            """
        ),
        {"subject": subject, "keep": keep},
    )


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
            _drop(connection, subject, release_id)
            dropped += 1
    except psycopg.Error as error:
        logger.info("Old releases of %s stay until the next publication: %s", subject, error)
    return dropped


def prune_purchases(connection: ServingConnection) -> None:
    """Remove noted purchases that the live release knows and that no placement still waits for."""
    delete = """
        DELETE FROM {meta}.purchases AS b
        WHERE b.bought_at < least(
            now() - (SELECT coalesce(max(p.repeat_after), '0') FROM {meta}.placements AS p),
            (
                SELECT r.data_as_of::timestamp AT TIME ZONE h.timezone
                FROM {meta}.live AS l
                JOIN {meta}.releases AS r USING (release_id)
                CROSS JOIN {meta}.shop AS h
                WHERE l.subject = 'recommendations'
            )
        )
    """
    connection.execute(connection.schemas.sql(delete))


def _drop(connection: ServingConnection, subject: str, release_id: int) -> None:
    schemas = connection.schemas
    with writing(connection) as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(PATIENCE))
        table = sql.Identifier(partition_name(subject, release_id))
        cursor.execute(schemas.sql("DROP TABLE IF EXISTS {store}.{table}", table=table))
        cursor.execute(schemas.sql("DELETE FROM {store}.segments WHERE release_id = %s"), [release_id])
        cursor.execute(schemas.sql("UPDATE {meta}.releases SET dropped_at = now() WHERE release_id = %s"), [release_id])
