"""What another list would have brought, on the command line."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from ml_assets.database.connection import ServingConnection
from ml_assets.lake import Lake
from ml_assets_tests.cli.calls import Run
from ml_assets_tests.cli.test_serving_commands import facts, run  # noqa: F401 a fixture
from ml_assets_tests.releases.frames import recommendations, release

CUSTOMERS = range(1, 101)
LIVE_ON = date(2026, 1, 8)


@pytest.fixture
def explored(
    run: Run,  # noqa: F811
    connection: ServingConnection,
    tmp_path: Path,
) -> Run:
    """A day on which half the customers were shown another second item, and bought it."""
    drawn = recommendations(range(51, 101), (11, 13, 12, 14)), [1.0, 0.125, 0.75, 0.125]
    kept = recommendations(range(1, 51)), [1.0, 0.75, 0.125, 0.125]
    frames = [frame.with_columns(propensities=pl.lit(values)) for frame, values in (drawn, kept)]
    made = release(connection, pl.concat(frames), day=2)
    since = datetime(LIVE_ON.year, LIVE_ON.month, LIVE_ON.day, 6, tzinfo=UTC)
    change = "UPDATE ml_meta.live_history SET live_from = %s WHERE release_id = %s"
    connection.execute(change, [since, made.release_id])
    lake = Lake(tmp_path / ".ml_assets" / "lake")
    for number in range(7):
        day = LIVE_ON + timedelta(days=number)
        bought = pl.DataFrame({"customer_id": range(51, 101), "item_id": 13, "event_type": None, "is_return": False})
        lake.write("transactions", bought.with_columns(day=pl.lit(day), event_type=pl.lit(None, pl.String)), day)
        load = "INSERT INTO ml_meta.source_days (day, row_count, fingerprint) VALUES (%s, 50, 'x')"
        connection.execute(load, [day])
    lake.write("items", pl.DataFrame({"item_id": [11, 12, 13, 14]}))
    return run


def test_the_live_list_without_exploring_is_told_in_a_sentence_and_as_json(explored: Run) -> None:
    code, out, err = explored("experiment", "estimate")
    assert code == 0, err
    assert "The live list without exploring would have brought less: 0.0" in " ".join(out.split())
    assert "100 of 100 lists from 2026-01-07 to 2026-01-07 could have shown it" in " ".join(out.split())
    found = facts(explored, "experiment", "estimate", "--placement", "for_you")
    assert found["estimates"]["shown"]["estimate"] == 0.5
    assert found["estimates"]["ips"]["worth"] == {"estimate": 0, "low": 0, "high": 0}
    assert found["estimates"]["items"] == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--list", "best"], "--list best is none that can be estimated"),
        (["--list", "none"], "--list none is none that can be estimated"),
        (["--list", "method:magic"], "There is no method magic"),
        (["--list", "model:1999"], "There is no recommender of the version 1999"),
        (["--within", "8"], "of which the 8 days since are known"),
        (["--exposed"], "to customers of whom an application told so"),
    ],
)
def test_what_cannot_be_estimated_is_told_with_the_next_step(explored: Run, asked: list[str], told: str) -> None:
    code, _, err = explored("experiment", "estimate", *asked)
    assert code == 1
    assert told in " ".join(err.split())


def test_lists_that_did_not_explore_say_nothing(run: Run) -> None:  # noqa: F811
    code, _, err = run("experiment", "estimate")
    assert code == 1
    assert "experiments.exploration.epsilon" in " ".join(err.split())
