"""Reading what is published: which day of each subject is live.

Writing releases is in `publish.py`.
"""

from datetime import date

from ml_assets.errors import UserError
from ml_assets.serving.connection import ServingConnection


def live_days(connection: ServingConnection) -> dict[str, date]:
    """The day of the live release of every subject that has one."""
    query = connection.schemas.sql("SELECT subject, data_as_of FROM {ml}.releases WHERE state = 'live'")
    return dict(connection.execute(query).fetchall())


def published_days(connection: ServingConnection, subject: str) -> set[date]:
    """The days for which a release of a subject was made, whatever became of it."""
    query = connection.schemas.sql("SELECT DISTINCT data_as_of FROM {meta}.releases WHERE subject = %s")
    return {row[0] for row in connection.execute(query, [subject]).fetchall()}


def require_contract(connection: ServingConnection) -> None:
    """Raise `UserError` where nothing has ever been published to this database."""
    name = f"{connection.schemas.ml}.freshness"
    found = connection.execute("SELECT to_regclass(%s)", [name]).fetchone()
    if found is None or found[0] is None:
        raise UserError(f"The database has no {name} yet.", "Run `ml-assets run` (or `ml-assets demo`) first.")
