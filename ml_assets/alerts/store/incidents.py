"""Incidents in the database: the open ones, under the lock of one evaluation at a time.

Reading and writing rows belongs here; what happens to an incident is decided in `alerts/incident.py`.
"""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from psycopg.sql import SQL, Identifier, Placeholder

from ml_assets.alerts.incident import Incident
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.turns import take_turn

COLUMNS = tuple(field.name for field in fields(Incident))


def lock_evaluation(connection: ServingConnection) -> None:
    """For the rest of the transaction be the only one who evaluates this shop."""
    take_turn(connection, "evaluate alerts")


def open_incidents(connection: ServingConnection) -> dict[str, Incident]:
    """Everything that is wrong, by subject/cause."""
    return {incident.key: incident for incident in list_incidents(connection, only_open=True)}


def list_incidents(connection: ServingConnection, *, only_open: bool = False) -> list[Incident]:
    """Incidents, newest first."""
    query = connection.schemas.sql(
        """
        SELECT {columns}
        FROM {meta}.incidents
        WHERE NOT %(only_open)s OR state <> 'resolved'
        ORDER BY opened_at DESC, incident_id DESC
        """,
        columns=SQL(", ").join(map(Identifier, COLUMNS)),
    )
    with connection.cursor(row_factory=class_row(Incident)) as cursor:
        return cursor.execute(query, {"only_open": only_open}).fetchall()


def save_incident(connection: ServingConnection, incident: Incident) -> int:
    """Insert or update one incident; returns its number."""
    values: dict[str, Any] = asdict(incident)
    number = values.pop("incident_id")
    names = list(values)
    if number is None:
        query = connection.schemas.sql(
            "INSERT INTO {meta}.incidents ({names}) VALUES ({values}) RETURNING incident_id",
            names=SQL(", ").join(map(Identifier, names)),
            values=SQL(", ").join(map(Placeholder, names)),
        )
        return int(one(connection, query, values))
    assignments = SQL(", ").join(SQL("{} = {}").format(Identifier(name), Placeholder(name)) for name in names)
    query = connection.schemas.sql(
        "UPDATE {meta}.incidents SET {assignments} WHERE incident_id = %(incident_id)s", assignments=assignments
    )
    connection.execute(query, {**values, "incident_id": number})
    return int(number)


def acknowledge(connection: ServingConnection, incident_id: int, *, by: str, now: datetime) -> Incident | None:
    """Note that somebody has taken an open incident on: no reminders and no escalation from now on."""
    update = """
        UPDATE {meta}.incidents
        SET acknowledged_at = %(now)s, acknowledged_by = %(by)s
        WHERE incident_id = %(incident_id)s AND state <> 'resolved'
        """
    with connection.transaction():
        lock_evaluation(connection)
        connection.execute(connection.schemas.sql(update), {"now": now, "by": by, "incident_id": incident_id})
    return next((found for found in list_incidents(connection) if found.incident_id == incident_id), None)


def mute(
    connection: ServingConnection, subject: str, cause: str, *, until: datetime, by: str, reason: str = ""
) -> None:
    """Say nothing about a subject until a moment; in the past: be heard again."""
    upsert = """
        INSERT INTO {meta}.mutes (subject, cause, until, muted_by, reason) VALUES (%s, %s, %s, %s, %s)
        ON CONFLICT (subject, cause) DO UPDATE
        SET until = excluded.until, muted_by = excluded.muted_by, reason = excluded.reason
        """
    connection.execute(connection.schemas.sql(upsert), [subject, cause, until, by, reason])


def muted(connection: ServingConnection, now: datetime) -> dict[tuple[str, str], datetime]:
    """(subject, cause) to the end of the mute; the cause * stands for all."""
    query = connection.schemas.sql("SELECT subject, cause, until FROM {meta}.mutes WHERE until > %s")
    return {(subject, cause): until for subject, cause, until in connection.execute(query, [now]).fetchall()}


def note_evaluation(connection: ServingConnection, evaluator: str, now: datetime) -> None:
    """Note who evaluated when."""
    query = connection.schemas.sql(
        "INSERT INTO {meta}.evaluators VALUES (%s, %s) "
        "ON CONFLICT (evaluator) DO UPDATE SET evaluated_at = excluded.evaluated_at"
    )
    connection.execute(query, [evaluator, now])


def forget_evaluator(connection: ServingConnection, evaluator: str) -> None:
    """An evaluator that was stopped on purpose is not missed."""
    connection.execute(connection.schemas.sql("DELETE FROM {meta}.evaluators WHERE evaluator = %s"), [evaluator])


def last_evaluation(connection: ServingConnection, evaluator: str) -> datetime | None:
    """When an evaluator last did its work; None where it never did."""
    query = connection.schemas.sql("SELECT evaluated_at FROM {meta}.evaluators WHERE evaluator = %s")
    row = connection.execute(query, [evaluator]).fetchone()
    return row[0] if row else None
