"""What a shop does not make any more is not shown either, and readers are told why.

Which subjects those are is known to `settings/made.py`.
"""

from ml_assets.books.imported import imported_subjects
from ml_assets.database.connection import ServingConnection
from ml_assets.database.rights import writing
from ml_assets.releases.catalog import live_days
from ml_assets.releases.pointer import begin
from ml_assets.releases.retention import drop_retired
from ml_assets.settings.made import not_made
from ml_assets.settings.shop import Settings


def withdraw_unmade(connection: ServingConnection, settings: Settings) -> list[str]:
    """Take the subjects over that the shop does not make; a sentence for each that readers saw until now.

    What somebody pinned stays, and what was imported while ml_assets makes none of it.
    """
    sql, imported = connection.schemas.sql, imported_subjects(connection, settings)
    unmade = {subject: reason for subject, reason in not_made(settings).items() if subject not in imported}
    known: dict[str, str] = dict(connection.execute(sql("SELECT subject, reason FROM {meta}.not_made")).fetchall())
    if known != unmade:
        with writing(connection) as cursor:
            cursor.execute(sql("DELETE FROM {meta}.not_made WHERE subject <> ALL (%s)"), [list(unmade)])
            upsert = """
                INSERT INTO {meta}.not_made AS n (subject, reason) VALUES (%s, %s)
                ON CONFLICT (subject) DO UPDATE SET reason = excluded.reason WHERE n.reason <> excluded.reason
                """
            cursor.executemany(sql(upsert), list(unmade.items()))
    if not unmade:
        return []
    pinned_ones = connection.execute(sql("SELECT subject FROM {meta}.live WHERE pinned_at IS NOT NULL")).fetchall()
    pinned = {subject for (subject,) in pinned_ones}
    shown = [subject for subject in live_days(connection) if subject in unmade and subject not in pinned]
    for subject in shown:
        with connection.transaction():
            begin(connection, subject)
            connection.execute(sql("SELECT {meta}.withdraw_release(%s)"), [subject])
        drop_retired(connection, subject)
    return [f"{subject} is not made any more and not shown: {unmade[subject]}" for subject in shown]
