"""The job of lists that are made anew inside the day: what it says where there is nothing to be made anew.

That it makes them is tested by `cli/test_since_last.py`.
"""

import dagster as dg

from ml_assets.dagster.automation.alert_sensor import what_to_watch
from ml_assets.dagster.build import build_defs
from ml_assets.dagster.findings import failed_runs
from ml_assets_tests.dagster.house import House
from ml_assets_tests.releases.frames import recommendations, release


def ran(house: House) -> dg.ExecuteInProcessResult:
    defs = build_defs(house.settings, source=house.source, retry=None)
    return defs.resolve_job_def("books_since_last").execute_in_process(instance=house.instance, raise_on_error=False)


def wrong_runs(house: House) -> list[str]:
    """What the team is told of runs."""
    repository = build_defs(house.settings, source=house.source).get_repository_def()
    return [one.key for one in failed_runs(house.instance, what_to_watch(house.shop, repository))]


def test_before_the_first_release_it_fails_with_the_next_step_and_imported_lists_stay_as_they_are(house: House) -> None:
    failed = ran(house)
    assert not failed.success
    assert "Nothing of recommendations is live yet" in str(failed.get_step_failure_events())
    assert wrong_runs(house) == ["since_last/run"]
    with house.serving.connect() as connection:
        release(connection, recommendations(["c-001"], ["i-001", "i-002", "i-003", "i-004"]))
    done = ran(house)
    assert done.success
    assert wrong_runs(house) == []
    (seen,) = [event for event in done.all_events if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION]
    told = seen.asset_observation_data.asset_observation
    assert told.asset_key.path == ["books", "recommendations_release"]
    assert told.metadata["state"].value == "not_made"
    assert "were made elsewhere (m-1)" in str(told.metadata["words"].value)
    with house.serving.connect() as connection:
        assert connection.execute("SELECT count(*) FROM books_ml.rescorings").fetchone() == (0,)
