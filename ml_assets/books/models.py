"""The model registry: one row per trained model, and per placement where it fills several.

What was trained, what was decided, where the artifact lies, and which model scores a day belong here. Training and
deciding do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import act_as_writer
from ml_assets.errors import UserError

Decision = Literal["promoted", "refused"]
SELECT: LiteralString = (
    "SELECT kind, placement, method, version, trained_through, artifact, checksum, metrics, parameters, facts, "
    "decision, reason, forced_reason, run_id, registered_at FROM {meta}.models WHERE kind = %s"
)


@dataclass(frozen=True)
class RegisteredModel:
    """A model as the registry knows it."""

    kind: str
    placement: str
    """The list that it fills, or similar_items; empty for models of another kind."""
    method: str
    version: str
    trained_through: date
    artifact: str
    """Where its files lie."""
    checksum: str
    metrics: dict[str, float]
    parameters: dict[str, Any]
    facts: dict[str, float]
    """The numbers behind the decision."""
    decision: Decision
    reason: str
    forced_reason: str | None
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
    placement: str = "",
    method: str = "",
    facts: Mapping[str, float] | None = None,
) -> None:
    """Record a model; the same version again updates its row, but never takes a promotion back.

    A model is identified by kind, placement, trained_through and version. `card` is the whole model card, as JSON;
    `facts` are the numbers behind the decision.
    """
    upsert = """
        INSERT INTO {meta}.models AS m (kind, version, trained_through, data_fingerprint, parameters, metrics, card,
            artifact, checksum, decision, reason, run_id, placement, method, facts)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (kind, placement, trained_through, version) DO UPDATE SET
            method = excluded.method, facts = excluded.facts,
            data_fingerprint = excluded.data_fingerprint, parameters = excluded.parameters,
            metrics = excluded.metrics, card = excluded.card, artifact = excluded.artifact,
            checksum = excluded.checksum, run_id = excluded.run_id,
            decision = CASE WHEN m.decision = 'promoted' THEN m.decision ELSE excluded.decision END,
            reason = CASE WHEN m.decision = 'promoted' THEN m.reason ELSE excluded.reason END
    """
    row = [kind, version, trained_through, data_fingerprint, Jsonb(dict(parameters)), Jsonb(dict(metrics))]
    row += [Jsonb(dict(card)), artifact, checksum, decision, reason, run_id, placement, method]
    row += [Jsonb(dict(facts or {}))]
    with connection.transaction():
        act_as_writer(connection)
        connection.execute(connection.schemas.sql(upsert), row)


def champion(connection: ServingConnection, kind: str, before: date, placement: str = "") -> RegisteredModel | None:
    """The newest promoted model that has seen no event of `before` or later: the one that scores that day."""
    query = connection.schemas.sql(
        SELECT + " AND placement = %s AND decision = 'promoted' AND trained_through < %s "
        "ORDER BY trained_through DESC, greatest(registered_at, forced_at) DESC, model_id DESC LIMIT 1"
    )
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(query, [kind, placement, before]).fetchone()


def trained_on(connection: ServingConnection, kind: str, through: date, placement: str = "") -> RegisteredModel | None:
    """The newest model trained through a day, promoted or not."""
    query = connection.schemas.sql(
        SELECT + " AND placement = %s AND trained_through = %s ORDER BY registered_at DESC, model_id DESC LIMIT 1"
    )
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(query, [kind, placement, through]).fetchone()


def list_models(connection: ServingConnection, kind: str) -> list[RegisteredModel]:
    """All models of a kind, newest first."""
    query = connection.schemas.sql(SELECT + " ORDER BY trained_through DESC, model_id DESC")
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(query, [kind]).fetchall()


def force_promotion(connection: ServingConnection, version: str, placement: str, reason: str) -> RegisteredModel:
    """Let a refused model score, because somebody says so; who, when and why stays in its row.

    Raises `UserError` where there is no such model, it is promoted already, or no reason is given.
    """
    if not reason.strip():
        raise UserError("A promotion against the rule needs a reason.", "Give it: --force 'why'.")
    found = [one for one in list_models(connection, "recommender") if one.version == version]
    model = next((one for one in found if one.placement == placement), None)
    if model is None:
        known = ", ".join(sorted({one.placement for one in found})) or "no placement"
        raise UserError(
            f"The registry has no model {version} for {placement} (that version: {known}).",
            "`ml-assets models` lists all models.",
        )
    if model.decision == "promoted":
        raise UserError(f"{version} is promoted for {placement} already.", "`ml-assets models` shows which one scores.")
    update = """
        UPDATE {meta}.models SET decision = 'promoted', forced_reason = %s, forced_by = session_user, forced_at = now()
        WHERE kind = %s AND version = %s AND placement = %s
    """
    with connection.transaction():
        act_as_writer(connection)
        connection.execute(connection.schemas.sql(update), [reason.strip(), model.kind, version, placement])
    return model
