"""The rules of arms that see the live list under a file's, kept when their experiment is started.

Reading files belongs to `exchange/rules.py`, trying rules to `tried_rules.py`; what they do to a list is in the
functions of the contract.
"""

from collections.abc import Mapping, Sequence

from ml_assets.database.connection import ServingConnection

Rule = Mapping[str, object]
"""One line of a file, by the names of its columns."""
COLUMNS = ("kind", "item_id", "category", "brand", "placement", "segment_key", "value", "note")


def keep_rules(connection: ServingConnection, experiment: str, rules: Mapping[str, Sequence[Rule]]) -> None:
    """Write down the rules of each arm, in the transaction that starts its experiment."""
    insert = connection.schemas.sql("""
        INSERT INTO {meta}.experiment_rules (
            arm, kind, item_id, category, brand, placement, segment_key, value, note, valid_from, valid_until
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, coalesce(%s, '-infinity'::timestamptz),
            coalesce(%s, 'infinity'::timestamptz))
    """)
    for arm, rows in rules.items():
        values = [
            [f"{experiment}.{arm}", *map(row.get, COLUMNS), row.get("valid_from"), row.get("valid_until")]
            for row in rows
        ]
        connection.cursor().executemany(insert, values)
