"""The model registry: one row per trained model.

What was trained, what was decided, where the artifact lies, and which model scores a day belong here. Training and
deciding do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ml_assets.serving.connection import ServingConnection
from ml_assets.serving.roles import act_as_writer

Decision = Literal["promoted", "refused"]
SELECT: LiteralString = (
    "SELECT kind, version, trained_through, artifact, checksum, metrics, decision, reason, run_id, registered_at "
    "FROM {meta}.models WHERE kind = %s"
)


@dataclass(frozen=True)
class RegisteredModel:
    """A model as the registry knows it."""

    kind: str
    version: str
    trained_through: date
    artifact: str
    """Where its files lie."""
    checksum: str
    metrics: dict[str, float]
    decision: Decision
    reason: str
    run_id: str | None
    registered_at: datetime


def register(
    connection: ServingConnection,
    *,
    kind: str,
    version: str,
    trained_through: date,
    data_fingerprint: str,
    parameters: Mapping[str, Any],
    metrics: Mapping[str, float],
    card: Mapping[str, Any],
    artifact: str,
    checksum: str,
    decision: Decision,
    reason: str,
    run_id: str | None = None,
) -> None:
    """Record a model; the same version again updates its row, but never takes a promotion back.

    A model is identified by kind, trained_through and version. `card` is the whole model card, as JSON.
    """
    upsert = """
        INSERT INTO {meta}.models AS m (kind, version, trained_through, data_fingerprint, parameters, metrics, card,
            artifact, checksum, decision, reason, run_id)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (kind, trained_through, version) DO UPDATE SET
            data_fingerprint = excluded.data_fingerprint, parameters = excluded.parameters,
            metrics = excluded.metrics, card = excluded.card, artifact = excluded.artifact,
            checksum = excluded.checksum, run_id = excluded.run_id,
            decision = CASE WHEN m.decision = 'promoted' THEN m.decision ELSE excluded.decision END,
            reason = CASE WHEN m.decision = 'promoted' THEN m.reason ELSE excluded.reason END
    """
    facts = [kind, version, trained_through, data_fingerprint, Jsonb(dict(parameters)), Jsonb(dict(metrics))]
    facts += [Jsonb(dict(card)), artifact, checksum, decision, reason, run_id]
    with connection.transaction():
        act_as_writer(connection)
        connection.execute(connection.schemas.sql(upsert), facts)


def champion(connection: ServingConnection, kind: str, before: date) -> RegisteredModel | None:
    """The newest promoted model that has seen no event of `before` or later: the one that scores that day."""
    query = connection.schemas.sql(
        SELECT + " AND decision = 'promoted' AND trained_through < %s "
        "ORDER BY trained_through DESC, registered_at DESC, model_id DESC LIMIT 1"
    )
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(query, [kind, before]).fetchone()


def list_models(connection: ServingConnection, kind: str) -> list[RegisteredModel]:
    """All models of a kind, newest first."""
    query = connection.schemas.sql(SELECT + " ORDER BY trained_through DESC, model_id DESC")
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(query, [kind]).fetchall()
