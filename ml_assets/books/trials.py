"""Challengers on trial: models of another method that an experiment shows to some customers before they may score.

The registry's part of a trial belongs here. What is fitted for one is decided in `models/selection/trials.py`, what
becomes of it in `live/trials.py`.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import LiteralString

from ml_assets.books.models import RegisteredModel, select_models
from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing

KIND = "recommender"


@dataclass(frozen=True)
class Trial:
    """A method that is tried on customers."""

    placement: str
    method: str
    begun_at: datetime
    """When its first model was registered, one that was promoted by force meanwhile included."""


@dataclass(frozen=True)
class Dropped:
    """A method whose trial ended without a win."""

    placement: str
    method: str
    again_from: date
    """The day, in the shop's time zone, from which it may be tried again."""


def on_trial(connection: ServingConnection) -> list[Trial]:
    """The trials that have not ended, at most one of a list and a method, by their names."""
    query = """
        SELECT m.placement, m.method, min(b.registered_at)
        FROM {meta}.models AS m
        JOIN {meta}.models AS b ON b.kind = m.kind AND b.placement = m.placement AND b.method = m.method
            AND (b.decision = 'on_trial' OR b.trial_ended_at >= m.registered_at)
        WHERE m.kind = %s AND m.decision = 'on_trial'
        GROUP BY 1, 2
        ORDER BY 1, 2
    """
    return [Trial(*row) for row in connection.execute(connection.schemas.sql(query), [KIND]).fetchall()]


def challenger(connection: ServingConnection, placement: str, method: str, before: date) -> RegisteredModel | None:
    """The newest model of a method that is, or was, on trial and has seen no event of `before` or later."""
    newest: LiteralString = """
        AND placement = %(placement)s AND method = %(method)s AND trained_through < %(before)s
            AND (decision = 'on_trial' OR trial_ended_at IS NOT NULL)
        ORDER BY trained_through DESC, registered_at DESC, model_id DESC
        LIMIT 1
    """
    found = select_models(connection, newest, kind=KIND, placement=placement, method=method, before=before)
    return next(iter(found), None)


def dropped_methods(connection: ServingConnection, days: int) -> list[Dropped]:
    """The methods that were dropped within so many days, newest last."""
    query = """
        SELECT m.placement, m.method, max((m.trial_ended_at AT TIME ZONE h.timezone)::date)
        FROM {meta}.models AS m
        CROSS JOIN {meta}.shop AS h
        WHERE m.kind = %s AND m.decision = 'dropped' AND m.trial_ended_at > now() - make_interval(days => %s)
        GROUP BY 1, 2
        ORDER BY 3, 1, 2
    """
    rows = connection.execute(connection.schemas.sql(query), [KIND, days]).fetchall()
    return [Dropped(placement, method, ended + timedelta(days=days)) for placement, method, ended in rows]


def end_trial(connection: ServingConnection, placement: str, method: str, *, is_won: bool, reason: str) -> int:
    """End the trial of a method, which scores from now on or is dropped; how many models were on trial."""
    with writing(connection):
        call = "SELECT {meta}.end_trial(%s, %s, %s, %s, %s)"
        return int(one(connection, call, [KIND, placement, method, is_won, reason]))
