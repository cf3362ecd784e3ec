"""What others make for a shop that switched its own off: shown, and watched like what it makes itself."""

from collections.abc import Mapping

from ml_assets.database.connection import ServingConnection
from ml_assets.settings.made import switched_off
from ml_assets.settings.shop import Settings
from ml_assets.subjects import SUBJECTS, Subject


def imported_subjects(connection: ServingConnection, settings: Settings) -> Mapping[str, Subject]:
    """The subjects that the shop switched off and whose live release somebody imported, by name."""
    names = switched_off(settings)
    if not names:
        return {}
    # A release of a run has its id.
    query = """
        SELECT subject FROM {meta}.live JOIN {meta}.releases USING (release_id, subject)
        WHERE run_id IS NULL AND subject = ANY (%s)
        """
    found = connection.execute(connection.schemas.sql(query), [list(names)]).fetchall()
    live = {subject for (subject,) in found}
    return {name: row for name, row in SUBJECTS.items() if name in live}
