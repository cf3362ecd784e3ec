"""Alerts: who may be told of what, and how long they wait."""

from datetime import timedelta

import pytest

from ml_assets.dagster.build import build_defs
from ml_assets.errors import UserError
from ml_assets.settings.read.load import load_settings
from ml_assets.settings.routable import ROUTABLE
from ml_assets.settings.shop import Settings
from ml_assets.subjects import PUBLISHED, SUBJECTS
from ml_assets_tests.settings.files import write


def test_everything_an_incident_can_be_about_may_be_routed_and_owned() -> None:
    more = {"opt_outs": {"files": "out.csv"}, "schedules": {"since_last": "*/15 * * * *"}}
    repository = build_defs(Settings.model_validate(more)).get_repository_def()
    checked = {key.asset_key.path[-1] for key in repository.asset_graph.asset_check_keys}
    instigators = {one.name for one in repository.schedule_defs} | {one.name for one in repository.sensor_defs}
    jobs = {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} - {"freshness"}
    assert set(ROUTABLE) == checked | instigators | jobs | {*SUBJECTS, *PUBLISHED} | {"dagster", "database"}
    write(
        "owners: [team:ml]\nalerts: {channels: {ops: {url: 'x://'}}, owners: {channel ops: team:it, dagster: team:it}, "
        "routes: [{channels: [ops], subjects: [channel ops, since_last_schedule], owners: [team:it, team:ml]}]}"
    )
    assert load_settings().alerts.routes[0].subjects == ["channel ops", "since_last_schedule"]


@pytest.mark.parametrize("key", ["remind_after", "escalate_after", "consequence_wait", "silent_after"])
@pytest.mark.parametrize(("given", "shown"), [("0s", "0s"), ("-1d", "-1d"), ("0", "0s"), ("-PT1H", "-1h")])
def test_alerts_do_not_wait_for_no_time_at_all(key: str, given: str, shown: str) -> None:
    write(f"alerts: {{{key}: {given}}}")
    with pytest.raises(UserError, match=rf"alerts\.{key}: {shown} is no length of time; write one longer than 0"):
        load_settings()


def test_incidents_may_settle_at_once_but_not_before() -> None:
    write("alerts: {settle: 0s, remind_after: 1w}")
    assert load_settings().alerts.settle == timedelta(0)
    write("alerts: {settle: -5s}")
    with pytest.raises(UserError, match=r"alerts\.settle: -5s is no length of time; write 0s or more"):
        load_settings()
