"""Quiet hours end when they should, also over closed days and on the nights when the clock is changed."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from ml_assets.alerts.tell.quiet import may_be_sent_at
from ml_assets.settings.alerts import QuietHours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(start="22:00", end="07:00", closed_days=True, escalate_subjects=["recommendations"])
CLOSED = frozenset({date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 25)})


def moment(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("now", "heard"),
    [
        ("03-18T12:00", "03-18T12:00"),
        ("03-18T21:59", "03-18T21:59"),
        ("03-18T22:00", "03-19T07:00"),
        ("03-19T06:59", "03-19T07:00"),
        ("03-19T07:00", "03-19T07:00"),
        # Friday evening to Monday morning, over the night on which the clock is put forward.
        ("03-27T22:30", "03-30T07:00"),
        ("03-28T12:00", "03-30T07:00"),
        # And back.
        ("10-24T23:00", "10-26T07:00"),
    ],
)
def test_messages_wait_for_the_end_of_the_quiet_hours(now: str, heard: str) -> None:
    found = may_be_sent_at(
        moment(now), severity="error", subjects=["transactions"], quiet=NIGHT, zone=BERLIN, closed_days=CLOSED
    )
    assert found == moment(heard)


def test_hours_within_a_day_are_quiet_as_well() -> None:
    noon = QuietHours(start="12:00", end="13:00")
    found = may_be_sent_at(moment("03-18T12:30"), severity="error", subjects=["x"], quiet=noon, zone=BERLIN)
    assert found == moment("03-18T13:00")


@pytest.mark.parametrize(
    ("severity", "subject", "is_told"),
    [("error", "recommendations", True), ("warning", "recommendations", False), ("error", "transactions", False)],
)
def test_what_cannot_wait_is_told_at_any_hour(severity: str, subject: str, is_told: bool) -> None:
    now = moment("03-18T23:00")
    found = may_be_sent_at(now, severity=severity, subjects=[subject], quiet=NIGHT, zone=BERLIN)  # type: ignore[arg-type]
    assert (found == now) == is_told


def test_a_cause_is_as_urgent_as_what_it_explains() -> None:
    now = moment("03-18T23:00")
    subjects = ["transactions", "recommendations"]
    assert may_be_sent_at(now, severity="error", subjects=subjects, quiet=NIGHT, zone=BERLIN) == now
