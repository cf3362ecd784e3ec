"""Quiet hours: the moment from which a message may be sent."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from ml_assets.alerts.finding import Severity
from ml_assets.settings.alerts import QuietHours


def may_be_sent_at(
    now: datetime,
    *,
    severity: Severity,
    subjects: Collection[str],
    quiet: QuietHours | None,
    zone: ZoneInfo,
    closed_days: frozenset[date] = frozenset(),
) -> datetime:
    """Now, or the end of the quiet hours that now lies in.

    `subjects` are that of the incident, and those that have an error because of it.
    `closed_days` are the days without business around now; they count where `closed_days` is set in the settings.
    """
    if quiet is None or severity in quiet.escalate_anyway:
        return now
    if severity == "error" and set(subjects) & set(quiet.escalate_subjects):
        return now
    moment = now
    # A night may end on a closed day and that in the next night.
    for _ in range(60):
        local = moment.astimezone(zone)
        if quiet.closed_days and local.date() in closed_days:
            moment = _at(local.date() + timedelta(days=1), time(0), zone)
        elif (end := _end_of_night(local, quiet, zone)) is not None:
            moment = end
        else:
            return max(moment, now)
    return moment


def _end_of_night(local: datetime, quiet: QuietHours, zone: ZoneInfo) -> datetime | None:
    start, end = time.fromisoformat(quiet.start), time.fromisoformat(quiet.end)
    clock = local.time().replace(tzinfo=None)
    if start < end:
        return _at(local.date(), end, zone) if start <= clock < end else None
    if clock >= start:
        return _at(local.date() + timedelta(days=1), end, zone)
    return _at(local.date(), end, zone) if clock < end else None


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone)
