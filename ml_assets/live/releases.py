"""Which lists were live on a day, and which days are due to be judged."""

from dataclasses import dataclass
from datetime import date, timedelta

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing

LOOK_BACK_DAYS = 60
"""Days that are looked at again, because they came late or were corrected."""


@dataclass(frozen=True)
class LiveLists:
    """The lists of a day."""

    day: date
    """The day on which they were live: the first whose purchases count."""
    release_id: int
    popular_release_id: int | None
    """What those without a list of their own were shown."""
    model_version: str
    data_as_of: date
    was_live: bool
    """False: published later than the day, when nobody could see them on it any more."""
    is_kept: bool
    """Whether their rows are still there."""
    is_due: bool
    """Whether they were never judged, or days of their horizon were loaded since."""


def newest_loaded(connection: ServingConnection) -> date | None:
    """The newest day whose transactions are in."""
    with writing(connection) as cursor:
        row = cursor.execute(connection.schemas.sql("SELECT max(day) FROM {meta}.source_days")).fetchone()
    return row[0] if row else None


def live_lists(connection: ServingConnection, last: date, horizon: int) -> list[LiveLists]:
    """The lists of the days whose horizon ends on a day or before, oldest first.

    Live is what the pointer showed at the end of the day: where a release was late, blocked or rolled back, that is an
    older one. Before anything was live, the lists that were made for a day are judged all the same.
    """
    # The pointer's last move by the end of the day; a clock that was set back is overruled by the order of moves.
    query = """
        WITH days AS (
            SELECT d.day, (d.day + 1)::timestamp AT TIME ZONE h.timezone AS ended
            FROM {meta}.shop AS h
            CROSS JOIN LATERAL (SELECT %(last)s::date - n AS day FROM generate_series(0, %(days)s) AS n) AS d
        ), found AS (
            SELECT d.day, s.subject,
                (
                    SELECT m.release_id FROM {meta}.live_history AS m
                    WHERE m.subject = s.subject AND m.live_from < d.ended
                    ORDER BY m.move_id DESC LIMIT 1
                ) AS live,
                (
                    SELECT max(r.release_id) FROM {meta}.releases AS r
                    WHERE r.subject = s.subject AND r.data_as_of = d.day - 1 AND r.state IN ('live', 'ready')
                        AND r.dropped_at IS NULL
                ) AS made
            FROM days AS d
            CROSS JOIN (VALUES ('recommendations'), ('popular_items')) AS s (subject)
        )
        SELECT f.day, r.release_id, coalesce(p.live, p.made), r.model_version, r.data_as_of, f.live IS NOT NULL,
            r.dropped_at IS NULL,
            k.computed_at IS NULL OR k.horizon <> %(horizon)s OR EXISTS (
                SELECT FROM {meta}.source_days AS s
                WHERE s.day >= f.day AND s.day < f.day + %(horizon)s AND s.loaded_at > k.computed_at
            )
        FROM found AS f
        JOIN found AS p ON p.day = f.day AND p.subject = 'popular_items'
        JOIN {meta}.releases AS r ON r.release_id = coalesce(f.live, f.made)
        LEFT JOIN LATERAL (
            SELECT min(q.computed_at) AS computed_at, min(q.horizon) AS horizon
            FROM {meta}.live_quality AS q WHERE q.day = f.day
        ) AS k ON true
        WHERE f.subject = 'recommendations'
        ORDER BY 1
    """
    values = {"last": last - timedelta(days=horizon - 1), "days": LOOK_BACK_DAYS, "horizon": horizon}
    with writing(connection) as cursor:
        return [LiveLists(*row) for row in cursor.execute(connection.schemas.sql(query), values).fetchall()]
