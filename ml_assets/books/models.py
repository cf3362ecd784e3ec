"""The model registry: one row per trained model, and per placement where it fills several.

What was trained, what was decided, where the artifact lies, and which model scores a day belong here. Training and
deciding do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, LiteralString

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.errors import UserError, require_reason

Decision = Literal["promoted", "refused", "on_trial", "dropped"]
SELECT: LiteralString = """
    SELECT kind, placement, method, version, trained_through, artifact, checksum, metrics, parameters, facts, decision,
        reason, forced_reason, trial_reason, run_id
    FROM {meta}.models
    WHERE kind = %(kind)s
"""


@dataclass(frozen=True, kw_only=True)
class RegisteredModel:
    """A model as the registry knows it, told apart by kind, placement, trained_through and version."""

    kind: str
    version: str
    trained_through: date
    artifact: str
    """Where its files lie."""
    checksum: str
    decision: Decision
    reason: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    facts: Mapping[str, float] = field(default_factory=dict)
    """The numbers behind the decision."""
    placement: str = ""
    """The list that it fills, or similar_items; empty for models of another kind."""
    method: str = ""
    run_id: str | None = None
    forced_reason: str | None = None
    """Why it was promoted against the rule."""
    trial_reason: str | None = None
    """What its trial on customers showed, where one ended."""


def register(connection: ServingConnection, model: RegisteredModel, card: Mapping[str, Any]) -> None:
    """Record a model with its card, as JSON.

    Again, it updates its row, but takes back neither a promotion nor the end of a trial.
    """
    facts = {"parameters": model.parameters, "metrics": model.metrics, "facts": model.facts, "card": card}
    row = vars(model) | {name: dict(values) for name, values in facts.items()}
    row |= {"data_fingerprint": card["data_fingerprint"], "trained_through": model.trained_through.isoformat()}
    with writing(connection) as cursor:
        cursor.execute(connection.schemas.sql("SELECT {meta}.register_model(%s)"), [Jsonb(row)])


def champion(connection: ServingConnection, kind: str, before: date, placement: str = "") -> RegisteredModel | None:
    """The newest promoted model that has seen no event of `before` or later: the one that scores that day."""
    newest: LiteralString = """
        AND placement = %(placement)s AND decision = 'promoted' AND trained_through < %(before)s
        ORDER BY trained_through DESC, greatest(registered_at, forced_at, trial_ended_at) DESC, model_id DESC
        LIMIT 1
    """
    return next(iter(select_models(connection, newest, kind=kind, placement=placement, before=before)), None)


def require_champion(connection: ServingConnection, kind: str, before: date, placement: str = "") -> RegisteredModel:
    """The same; raises `UserError` where there is none."""
    found = champion(connection, kind, before, placement)
    if found is None:
        raise UserError(
            f"No {kind} model{f' for {placement}' if placement else ''} was trained on data before {before}.",
            f"`ml-assets run --date {before}` trains it, and so does materializing {kind}_model for the week of that "
            "day.",
            code="model.missing",
        )
    return found


def trained_on(connection: ServingConnection, kind: str, through: date, placement: str = "") -> RegisteredModel | None:
    """The newest model trained through a day, promoted or not; none that is, or was, on trial beside it."""
    newest: LiteralString = """
        AND placement = %(placement)s AND trained_through = %(through)s AND decision IN ('promoted', 'refused')
            AND trial_ended_at IS NULL
        ORDER BY registered_at DESC, model_id DESC
        LIMIT 1
    """
    return next(iter(select_models(connection, newest, kind=kind, placement=placement, through=through)), None)


def of_version(
    connection: ServingConnection, kind: str, version: str, placement: str | None = None
) -> RegisteredModel | None:
    """The model of a version, as it fills a placement where one is named; None for what was made elsewhere."""
    newest: LiteralString = """
        AND version = %(version)s AND (%(placement)s::text IS NULL OR placement = %(placement)s)
        ORDER BY model_id DESC LIMIT 1
    """
    return next(iter(select_models(connection, newest, kind=kind, version=version, placement=placement)), None)


def list_models(connection: ServingConnection, kind: str) -> list[RegisteredModel]:
    """All models of a kind, newest first."""
    return select_models(connection, "ORDER BY trained_through DESC, model_id DESC", kind=kind)


def waiting_models(connection: ServingConnection, kind: str) -> list[RegisteredModel]:
    """Refused models that may still be accepted: newer than the champion, and nobody declined them; newest first."""
    waiting: LiteralString = """
        AND decision = 'refused' AND declined_at IS NULL AND NOT EXISTS (
            SELECT FROM {meta}.models AS m
            WHERE m.kind = models.kind AND m.placement = models.placement AND m.decision = 'promoted'
                AND (m.trained_through, greatest(m.registered_at, m.forced_at, m.trial_ended_at))
                    > (models.trained_through, models.registered_at)
        )
        ORDER BY trained_through DESC, registered_at DESC, model_id DESC
    """
    return select_models(connection, waiting, kind=kind)


def newest_refusals(connection: ServingConnection) -> list[tuple[str, date, list[str]]]:
    """Kinds of model of whose newest training a challenger was refused: trained through, reasons by placement."""
    query = """
        SELECT m.kind, m.trained_through,
            array_agg(concat_ws(': ', nullif(m.placement, ''), m.reason) ORDER BY m.placement)
        FROM (
            SELECT DISTINCT ON (kind, placement) *
            FROM {meta}.models
            WHERE decision IN ('promoted', 'refused')
            ORDER BY kind, placement, trained_through DESC, greatest(registered_at, forced_at, trial_ended_at) DESC,
                model_id DESC
        ) AS m
        WHERE m.decision = 'refused' AND m.declined_at IS NULL
            AND m.trained_through = (SELECT max(trained_through) FROM {meta}.models AS n WHERE n.kind = m.kind)
        GROUP BY 1, 2
        ORDER BY 1
        """
    return connection.execute(connection.schemas.sql(query)).fetchall()


def force_promotion(
    connection: ServingConnection, version: str, placement: str, reason: str, *, kind: str = "recommender"
) -> RegisteredModel:
    """Let a model score that was refused, is on trial or was dropped; who says so, when and why stays in its row.

    `placement` is empty for kinds of model that fill no list.

    Raises `UserError` where there is no such model, it is promoted already, or no reason is given.
    """
    require_reason(reason, "A promotion against the rule")
    found = [one for one in list_models(connection, kind) if one.version == version]
    model = next((one for one in found if one.placement == placement), None)
    if model is None:
        known = ", ".join(sorted({one.placement for one in found})) or "no placement"
        asked = f"{version} for {placement} (that version: {known})" if placement else f"{version} of kind {kind}"
        raise UserError(
            f"The registry has no model {asked}.",
            "`ml-assets models` lists all models.",
        )
    if model.decision == "promoted":
        for_it = f" for {placement}" if placement else ""
        raise UserError(f"{version} is promoted{for_it} already.", "`ml-assets models` shows which one scores.")
    force = connection.schemas.sql("SELECT {meta}.force_promotion(%s, %s, %s, %s)")
    with writing(connection) as cursor:
        cursor.execute(force, [model.kind, version, placement, reason.strip()])
    return model


def decline(connection: ServingConnection, version: str, reason: str, *, who: str, kind: str) -> RegisteredModel:
    """Leave a refused model refused, because somebody says so: it waits for nobody any more, and can be forced still.

    Raises `UserError` where there is no such model, it is promoted or on trial, or no reason is given.
    """
    require_reason(reason, "A refusal")
    model = of_version(connection, kind, version)
    if model is None:
        raise UserError(f"The registry has no {kind} {version}.", "`ml-assets models` lists all models.")
    if model.decision == "promoted":
        raise UserError(
            f"{version} is promoted; it cannot be refused any more.",
            "`ml-assets rollback SUBJECT --reason ...` brings back what was live before.",
        )
    if model.decision != "refused":
        state = "is on trial" if model.decision == "on_trial" else "was dropped by its trial"
        raise UserError(
            f"{version} {state}, so there is nothing to refuse.",
            "`ml-assets experiment stop NAME --reason ...` ends a trial.",
        )
    with writing(connection) as cursor:
        query = connection.schemas.sql("SELECT {meta}.decline_model(%s, %s, %s, %s)")
        cursor.execute(query, [kind, version, who, reason.strip()])
    return model


def select_models(connection: ServingConnection, clauses: LiteralString, **values: object) -> list[RegisteredModel]:
    """The models of a kind (`kind` is one of the values), with clauses behind its condition."""
    with connection.cursor(row_factory=class_row(RegisteredModel)) as cursor:
        return cursor.execute(connection.schemas.sql(SELECT + clauses), values).fetchall()
