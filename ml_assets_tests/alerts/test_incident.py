"""The life of an incident, step by step, and what explains what."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ml_assets.alerts.causes import CAUSES
from ml_assets.alerts.finding import Finding, Severity
from ml_assets.alerts.incident import Event, Incident, advance, open_incident
from ml_assets.alerts.judge.roots import find_root
from ml_assets.alerts.message import Context, compose
from ml_assets.alerts.tell.routing import channels_for
from ml_assets.settings.alerts import AlertSettings
from ml_assets_tests.alerts.shops import settings_of

RUNBOOK = Path(__file__).parents[2] / "docs" / "alerts.md"
T0 = datetime(2026, 3, 18, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
RULES = AlertSettings.model_validate({"channels": {"a": {"url": "x://"}}, "escalation": ["a"]})


def finding(severity: Severity = "error") -> Finding:
    return Finding("transactions", "stale", "data", severity, "freshness", "Old.", "run")


def live(*steps: tuple[timedelta, Severity | None], rules: AlertSettings = RULES, **more: object) -> list[Event | None]:
    """The events of an incident that is seen (with a severity) or not (None) at these times."""
    incident = replace(open_incident(finding(steps[0][1] or "error"), "team:a", T0), **more)  # type: ignore[arg-type]
    events = []
    for after, severity in steps:
        seen = finding(severity) if severity else None
        incident, event = advance(incident, seen, now=T0 + after, rules=rules)
        events.append(event)
    return events


def test_an_incident_is_told_once_and_its_end_once() -> None:
    steps: list[tuple[timedelta, Severity | None]] = [(MINUTE * number, "error") for number in range(30)]
    steps += [(MINUTE * number, None) for number in (30, 31)]
    assert [event for event in live(*steps) if event] == ["opened", "resolved"]


def test_two_good_evaluations_in_the_same_second_are_one() -> None:
    steps = [(MINUTE, "error"), (2 * MINUTE, None), (2 * MINUTE + timedelta(seconds=1), None), (3 * MINUTE, None)]
    assert live(*steps) == ["opened", None, None, "resolved"]  # type: ignore[arg-type]


def test_flapping_is_one_incident() -> None:
    steps = [(MINUTE * number, None if number % 2 else "error") for number in range(20)]
    assert [event for event in live(*steps) if event] == ["opened"]  # type: ignore[arg-type]


def test_an_unacknowledged_error_escalates_once_and_is_reminded_daily() -> None:
    steps: list[tuple[timedelta, Severity | None]] = [(HOUR * number, "error") for number in range(60)]
    told = [(number, event) for number, event in enumerate(live(*steps)) if event]
    assert told == [(0, "opened"), (4, "escalated"), (28, "reminded"), (52, "reminded")]


def test_who_takes_it_on_is_left_in_peace_until_it_gets_worse() -> None:
    quiet = {"acknowledged_at": T0, "acknowledged_by": "ann", "told_at": T0, "told_severity": "warning"}
    steps = [(HOUR * number, "warning") for number in range(60)] + [(60 * HOUR, "error")]
    events = live(*steps, **quiet)  # type: ignore[arg-type]
    assert [event for event in events if event] == ["worsened"]


def test_the_clock_set_back_or_far_ahead_tells_nothing_twice() -> None:
    back = [(timedelta(0), "error"), (-10 * HOUR, "error"), (MINUTE, "error")]
    assert live(*back) == ["opened", None, None]  # type: ignore[arg-type]
    # Days that nobody saw are one reminder, not many.
    ahead = [(timedelta(0), "error"), (HOUR * 500, "error"), (HOUR * 500 + MINUTE, "error")]
    no_escalation = RULES.model_copy(update={"escalation": []})
    assert live(*ahead, rules=no_escalation) == ["opened", "reminded", None]  # type: ignore[arg-type]
    # Good, then back in time: counted anew.
    good = [(timedelta(0), "error"), (HOUR, None), (timedelta(0), None), (MINUTE, None)]
    assert live(*good) == ["opened", None, None, "resolved"]  # type: ignore[arg-type]


def test_a_consequence_is_told_only_when_it_outlives_its_cause() -> None:
    def step(incident: Incident, at: timedelta, root: str | None) -> tuple[Incident, Event | None]:
        return advance(incident, finding(), root=root, now=T0 + at, rules=RULES)

    incident, event = step(open_incident(finding(), "team:a", T0), MINUTE, "daily_scoring/run")
    assert event is None
    incident, event = step(incident, HOUR, None)
    assert event is None
    # The cause comes back and goes again: the wait begins anew.
    incident, event = step(incident, 2 * HOUR, "daily_scoring/run")
    incident, event = step(incident, 3 * HOUR, None)
    assert event is None
    incident, event = step(incident, 5 * HOUR, None)
    assert event == "opened"


def test_a_muted_subject_is_told_when_the_mute_ends_if_it_is_still_wrong() -> None:
    incident = open_incident(finding(), "team:a", T0)
    incident, event = advance(incident, finding(), muted=True, now=T0, rules=RULES)
    assert event is None
    incident, event = advance(incident, finding(), now=T0 + HOUR, rules=RULES)
    assert event == "opened"


FEED, RUN, SILENT = "transactions/stale", "daily_scoring/run", "dagster/silent"


@pytest.mark.parametrize(
    ("key", "present", "root"),
    [
        ("recommendations/stale", {"interactions/stale", FEED}, FEED),
        ("recommendations/stale", {"interactions/stale", FEED, RUN}, RUN),
        (FEED, {RUN, SILENT}, SILENT),
        ("recommendations/stale", {"recommendations/blocked", FEED}, FEED),
        ("recommendations/stale", {"recommendations/blocked"}, "recommendations/blocked"),
        ("recommendations/blocked", {FEED, "recommendations/stale"}, None),
        ("recommender_model/stale", {FEED}, FEED),
        ("recommender_model/stale", {"recommender_model/refused"}, "recommender_model/refused"),
        # An old model goes on scoring: its staleness explains nothing that is old.
        ("recommendations/stale", {"recommender_model/stale", "recommender_model/refused"}, None),
        ("recommendations/missing", {"recommender_model/missing"}, "recommender_model/missing"),
        ("transactions/volume", {RUN}, None),
        ("recommendations/drift", {FEED}, None),
        (RUN, {SILENT}, None),
        (FEED, {"transactions/volume", "customer_features/stale"}, None),
    ],
)
def test_the_most_remote_cause_is_the_root(key: str, present: set[str], root: str | None) -> None:
    assert find_root(key, present | {key}) == root


def test_the_runbook_has_a_section_for_each_cause() -> None:
    sections = RUNBOOK.read_text(encoding="utf-8").partition("## Runbook")[2]
    assert re.findall(r"^### (.*)$", sections, re.MULTILINE) == list(CAUSES)


ROUTED = settings_of(
    {
        "channels": {
            "all": {"url": "x://"},
            "errors": {"url": "x://"},
            "web": {"url": "x://"},
            "boss": {"url": "x://"},
            "mail": {"url": "x://"},
        },
        "routes": [
            {"channels": ["all"]},
            {"channels": ["errors"], "severity": "error"},
            {"channels": ["web", "all"], "owners": ["team:web"], "kinds": ["predictions"]},
            {"channels": ["mail"], "subjects": ["similar_items"]},
        ],
        "escalation": ["boss"],
        "owners": {"popular_items": "team:web"},
    }
)


@pytest.mark.parametrize(
    ("changes", "event", "channels"),
    [
        ({"severity": "warning"}, "opened", ["all"]),
        ({}, "opened", ["all", "errors"]),
        ({"owner": "team:web", "kind": "predictions"}, "opened", ["all", "errors", "web"]),
        ({"owner": "team:web", "severity": "warning"}, "opened", ["all"]),
        ({"subject": "similar_items", "severity": "warning"}, "reminded", ["all", "mail"]),
        ({}, "escalated", ["boss"]),
    ],
)
def test_routes_choose_by_owner_severity_kind_and_subject(
    changes: dict[str, str], event: Event, channels: list[str]
) -> None:
    incident = replace(open_incident(finding(), "team:a", T0), **changes)  # type: ignore[arg-type]
    assert channels_for(incident, event, ROUTED.alerts) == channels


def test_a_title_is_one_line_whatever_is_in_it() -> None:
    nasty = replace(open_incident(finding(), "team:a", T0), subject="x\r\nBcc: everybody@example.com")
    message = compose(nasty, "opened", Context("", settings_of({}).tz, "docs/alerts.md"), T0)
    assert message.title == "ERROR: x Bcc: everybody@example.com is stale"
