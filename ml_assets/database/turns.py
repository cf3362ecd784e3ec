"""One transaction at a time: a lock that ends with its transaction, and that readers cannot take.

What is done in the meantime does not belong here. Advisory locks are open to everybody who may log in, so a reader
could stop publishing with one; this is a row that only writers may lock.
"""

from ml_assets.database.connection import ServingConnection


def take_turn(connection: ServingConnection, what: str) -> None:
    """For the rest of the transaction be the only one of those who do something, such as `publish recommendations`."""
    with connection.waiting_for(f"for the lock of those who {what}"):
        connection.execute(connection.schemas.sql("SELECT {meta}.take_turn(%s)"), [what])
