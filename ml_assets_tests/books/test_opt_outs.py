"""What becomes of the shop's list of opt-outs in the database."""

import polars as pl

from ml_assets.books.erased import note_erased
from ml_assets.books.opt_outs import last_reading, take_opt_outs
from ml_assets.database.connection import ServingConnection


def take(connection: ServingConnection, *customers: int, most: float = 0.2) -> tuple[int, int, int, int]:
    taken = take_opt_outs(connection, pl.Series(customers, dtype=pl.Int64), most_returning=most)
    return taken.customers, taken.added, taken.returned, taken.held_back


def opted_out(connection: ServingConnection) -> set[int]:
    return {who for (who,) in connection.execute("SELECT customer_id FROM ml_meta.opted_out")}


def test_a_list_adds_and_lets_back_in_and_leaves_notes_by_hand_alone(connection: ServingConnection) -> None:
    assert last_reading(connection) is None
    connection.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    assert take(connection, 1, 2, 3) == (3, 3, 0, 0)
    assert take(connection, 3, 4) == (2, 1, 2, 0)
    assert opted_out(connection) == {1, 3, 4}
    reading = last_reading(connection)
    assert reading is not None
    assert reading[1] == 2


def test_a_list_that_lost_many_at_once_lets_nobody_back_in(connection: ServingConnection) -> None:
    take(connection, *range(100))
    assert take(connection, *range(50), 500) == (101, 1, 0, 50)
    assert take(connection) == (101, 0, 0, 101)
    assert opted_out(connection) == {*range(100), 500}
    assert take(connection, *range(81), 500) == (82, 0, 19, 0), "few may come back whenever they like"
    assert take(connection, 7, most=1.0) == (1, 0, 81, 0)


def test_whoever_was_erased_stays_unknown(connection: ServingConnection) -> None:
    note_erased(connection, 2)
    assert take(connection, 1, 2) == (1, 1, 0, 0)
    assert opted_out(connection) == {1}
