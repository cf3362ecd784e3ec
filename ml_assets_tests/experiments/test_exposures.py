"""Exposures are counted once a day, bounded, judged, hidden and erased; who tells them may do nothing else."""

from datetime import date

import psycopg
import pytest
from psycopg import errors

from ml_assets.database.connection import ServingConnection
from ml_assets.erasure.database import count_rows, delete_rows
from ml_assets.experiments.exposures import drop_exposures
from ml_assets_tests.contract.test_roles import member_url
from ml_assets_tests.releases.frames import recommendations, release


@pytest.fixture
def shop(connection: ServingConnection) -> ServingConnection:
    release(connection, recommendations(range(1, 11)))
    return connection


def told(connection: psycopg.Connection[tuple[object, ...]], call: str) -> object:
    row = connection.execute(f"SELECT ml.log_exposure({call})".encode()).fetchone()
    return row and row[0]


def counted(connection: ServingConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT customer_id, placement, times FROM ml.exposures ORDER BY 1, 2, shown_on"
    ).fetchall()


def test_a_list_that_is_shown_often_is_one_row_of_its_day_and_a_robot_makes_no_more(shop: ServingConnection) -> None:
    assert [told(shop, "1"), told(shop, "1"), told(shop, "1, 'discover'"), told(shop, "2")] == ["counted"] * 4
    assert told(shop, "1, 'for_you', now() - interval '3 days'") == "counted"
    assert counted(shop) == [(1, "discover", 1), (1, "for_you", 1), (1, "for_you", 2), (2, "for_you", 1)]
    answers = shop.execute("SELECT ml.log_exposure(3), n FROM generate_series(1, 500) AS n").fetchall()
    assert [answer for answer, _ in answers] == ["counted"] * 100 + ["too often"] * 400
    assert (3, "for_you", 100) in counted(shop)


def test_what_cannot_be_counted_is_set_aside_with_its_reason(shop: ServingConnection) -> None:
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (4)")
    calls = {
        "99": "unknown customer",
        "NULL": "incomplete",
        "1, 'front'": "unknown placement",
        "1, 'for_you', now() + interval '1 day'": "in the future",
        "1, 'for_you', now() - interval '8 days'": "too late",
        "1, 'for_you', 'infinity'": "in the future",
        "4": "opted out",
    }
    assert {call: told(shop, call) for call in calls} == calls
    assert told(shop, "99") == "unknown customer"
    aside: dict[str, int] = dict(shop.execute("SELECT reason, times FROM ml_meta.exposures_set_aside").fetchall())
    assert aside == dict.fromkeys(calls.values(), 1) | {"unknown customer": 2, "in the future": 2}
    assert counted(shop) == []


def test_opting_out_hides_erasing_removes_and_old_days_go(shop: ServingConnection) -> None:
    for call in ("1", "2", "3", "2, 'for_you', now() - interval '6 days'"):
        assert told(shop, call) == "counted"
    shop.execute("INSERT INTO ml_meta.opt_outs (customer_id) VALUES (1)")
    assert {row[0] for row in counted(shop)} == {2, 3}
    removed = delete_rows(shop, 2)
    assert removed["exposures"] == 2
    assert count_rows(shop, 2).total() == 0
    assert told(shop, "2") == "unknown customer"
    assert drop_exposures(shop, date(2000, 1, 1)) == 0
    row = shop.execute("SELECT current_date - 2").fetchone()
    assert row is not None
    assert drop_exposures(shop, row[0]) == 1
    assert {row[0] for row in counted(shop)} == {3}


def test_who_tells_exposures_may_do_nothing_else_and_nobody_else_may_tell_them(
    shop: ServingConnection, postgres_url: str
) -> None:
    with psycopg.connect(member_url(postgres_url, "ml_exposure"), autocommit=True) as teller:
        assert told(teller, "1") == "counted"
        for statement in (
            "SELECT * FROM ml.exposures",
            "SELECT * FROM ml.recommendations",
            "SELECT * FROM ml.recommend(1)",
            "SELECT ml.assign_arm('x', 1)",
            "INSERT INTO ml_store.exposures VALUES (current_date, 1, 'for_you', now(), now(), 1)",
            "SELECT ml_meta.open_day_of_exposures(current_date)",
            "SELECT ml_meta.drop_exposures(current_date)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                teller.execute(statement)
    for role in ("ml_reader", "ml_writer", "ml_merchandiser"):
        with (
            psycopg.connect(member_url(postgres_url, role), autocommit=True) as other,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            other.execute("SELECT ml.log_exposure(1)")
