"""What applications told of lists that were shown; `ml.log_exposure` takes it, and judges what cannot be counted."""

from datetime import date

from ml_assets.database.ask import one
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing


def drop_exposures(connection: ServingConnection, before: date) -> int:
    """Drop what was told of days before a day; how many days that were."""
    with writing(connection):
        return int(one(connection, "SELECT {meta}.drop_exposures(%s)", [before]))
