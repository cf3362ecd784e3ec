"""A published table may have columns of numbers, and needs no lists."""

import math
from typing import Any

import polars as pl
import pytest

from ml_assets.contract.migrate import Contract, Migration, delivered, migrate
from ml_assets.database.connection import ServingConnection
from ml_assets.errors import UserError
from ml_assets.ids import IdTypes
from ml_assets.releases.compare import compare
from ml_assets.releases.publish import Release
from ml_assets.releases.rows import checked
from ml_assets.subjects import PUBLISHED, Table
from ml_assets_tests.releases.frames import release

WORTH = Table(
    "a_table_of_numbers",
    "predictions",
    made_from=("customer_features",),
    keys=("customer_id",),
    counted="customers",
    numbers=("alive_probability", "expected_spend_90d"),
)
TABLE = Migration(
    900,
    "900_a_table_of_numbers",
    'CREATE TABLE :"store".a_table_of_numbers (release_id bigint NOT NULL, customer_id :customer_id_type NOT NULL, '
    "alive_probability double precision NOT NULL, expected_spend_90d double precision NOT NULL) "
    "PARTITION BY LIST (release_id);",
)


def worth(*spend: float | None) -> pl.DataFrame:
    alive = [0.125 * (number + 1) for number in range(len(spend))]
    return pl.DataFrame(
        {"customer_id": range(1, len(spend) + 1), "alive_probability": alive, "expected_spend_90d": spend}
    )


@pytest.fixture
def shop(connection: ServingConnection, monkeypatch: pytest.MonkeyPatch) -> ServingConnection:
    """A shop that publishes one more table."""
    now = delivered()
    shop: dict[str, Any] = {"customer_id_type": "bigint", "item_id_type": "bigint", "source": "files"}
    migrate(connection, **shop, contract=Contract([*now.migrations, TABLE], now.objects))
    monkeypatch.setitem(PUBLISHED, WORTH.name, WORTH)
    return connection


def publish(shop: ServingConnection, frame: pl.DataFrame, **more: Any) -> Release:
    return release(shop, frame, WORTH.name, **more)


def test_numbers_are_published_as_they_are_and_compared(shop: ServingConnection) -> None:
    first = publish(shop, worth(0.1, 1e300, -7))
    rows = shop.execute(f"SELECT * FROM ml_store.a_table_of_numbers_{first.release_id} ORDER BY customer_id").fetchall()
    assert [row[-3:] for row in rows] == [(1, 0.125, 0.1), (2, 0.25, 1e300), (3, 0.375, -7.0)]
    second = publish(shop, worth(0.1, 2).with_columns(customer_id=pl.Series([2, 4])), day=1)
    assert second.state == "live"
    found = compare(shop, first.release_id, second.release_id)
    assert (found.only_a, found.only_b, found.both, found.changed) == (2, 1, 1, 1)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_no_number_is_blocked(shop: ServingConnection, bad: float) -> None:
    blocked = publish(shop, worth(1.0, bad))
    assert blocked.state == "blocked"
    assert "1 values of expected_spend_90d are missing, not a number" in str(blocked.reason)


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (worth(1).cast({"expected_spend_90d": pl.String}), "expected_spend_90d holds String, no numbers"),
    ],
)
def test_a_column_that_holds_no_numbers_is_refused(frame: pl.DataFrame, told: str) -> None:
    with pytest.raises(UserError, match=told):
        checked(WORTH, frame, IdTypes("bigint", "bigint"))


def test_whole_numbers_become_real_ones() -> None:
    frame = worth(1, 2).cast({"expected_spend_90d": pl.Int32})
    assert checked(WORTH, frame, IdTypes("bigint", "bigint")).schema["expected_spend_90d"] == pl.Float64
