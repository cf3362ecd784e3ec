"""Fourteen days of a shop, told to real receivers: the exact messages, in order, and nothing else."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ml_assets.database.connection import ServingConnection
from ml_assets.subjects import SUBJECTS
from ml_assets_tests.alerts.receivers import http_receiver, smtp_receiver
from ml_assets_tests.alerts.shops import arrive, failing, set_up, settings_of, tell
from ml_assets_tests.releases import frames
from ml_assets_tests.releases.frames import release

BERLIN = ZoneInfo("Europe/Berlin")
STEP = timedelta(minutes=30)
# What is made from the transactions, directly or not, and is as old as they are.
FOLLOWING = [name for name, subject in SUBJECTS.items() if subject.kind in ("features", "predictions")]
# The night to the last day is the one on which the clock is put forward.
FIRST, LAST = datetime(2026, 3, 16, tzinfo=BERLIN), datetime(2026, 3, 30, tzinfo=BERLIN)
FEED_DOWN = (datetime(2026, 3, 19, tzinfo=BERLIN), datetime(2026, 3, 20, 15, tzinfo=BERLIN))


def at(text: str) -> datetime:
    return datetime.strptime(f"2026-03-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN)


FLAPPING = {at("25 10:00"), at("25 11:00")}
SHORT_NIGHT = (at("26 23:00"), at("27 02:00"))
MESSAGES = [
    # Thursday: nothing newer than Tuesday since 06:00, told when the quiet hours end.
    ("19 07:00", "mail", "Warning: transactions is late"),
    # Friday 06:00 it is an error, which the webhook hears as well; and at once, because of recommendations.
    ("20 06:30", "mail", "ERROR, was a warning: transactions is stale"),
    ("20 06:30", "hook", "ERROR, was a warning: transactions is stale"),
    # Friday 15:00 the feed is back; the second good evaluation ends it.
    ("20 15:30", "hook", "Recovered: transactions was stale"),
    ("20 15:30", "mail", "Recovered: transactions was stale"),
    # Sunday is closed, so Monday misses nothing. Wednesday's flapping check is one incident.
    ("25 10:00", "mail", "ERROR: customer_features check failed (no_nulls)"),
    ("25 10:00", "hook", "ERROR: customer_features check failed (no_nulls)"),
    ("25 12:00", "hook", "Recovered: customer_features check had failed (no_nulls)"),
    ("25 12:00", "mail", "Recovered: customer_features check had failed (no_nulls)"),
    # The failure of Thursday night was over before anybody got up. Friday's blocked release is told at any hour, and
    # the next run at 03:30 mends it.
    ("28 02:00", "mail", "ERROR: recommendations release is blocked"),
    ("28 02:00", "hook", "ERROR: recommendations release is blocked"),
    ("28 04:00", "hook", "Recovered: recommendations release was blocked"),
    ("28 04:00", "mail", "Recovered: recommendations release was blocked"),
]


def test_fourteen_days_bring_exactly_these_messages(connection: ServingConnection) -> None:
    told: list[tuple[str, str, str]] = []
    bodies: dict[str, str] = {}
    now = FIRST

    def note(channel: str, message: dict[str, str]) -> None:
        told.append((f"{now.astimezone(BERLIN):%d %H:%M}", channel, message["title"]))
        bodies.setdefault(message["title"], message["body"])

    naive = 0
    with http_receiver(note) as hook, smtp_receiver(note) as mail:
        settings = settings_of(
            {
                "channels": {"mail": {"url": mail.url}, "hook": {"url": hook.url}},
                "routes": [{"channels": ["mail"]}, {"channels": ["hook"], "severity": "error"}],
                "quiet_hours": {"start": "22:00", "end": "07:00", "escalate_subjects": ["recommendations"]},
            },
            calendar={"business_days": ["mon", "tue", "wed", "thu", "fri", "sat"]},
            owners=["team:shop"],
            freshness={"model": {"warn_after": "30d", "error_after": "60d"}},
        )
        set_up(connection, settings, day=date(2026, 3, 14), created=FIRST - timedelta(days=400))
        while now < LAST:
            local = now.astimezone(BERLIN)
            yesterday = local.date() - timedelta(days=1)
            is_down = FEED_DOWN[0] <= now < FEED_DOWN[1]
            if (local.hour, local.minute) == (3, 30) and yesterday.isoweekday() != 7 and not is_down:
                arrive(connection, yesterday)
            if now == FEED_DOWN[1]:
                arrive(connection, yesterday)
            if now == at("28 02:00"):
                release(connection, frames.recommendations().clear(), day=81)
            found = [failing("customer_features", "check:no_nulls", "check")] if now in FLAPPING else []
            found += [failing("weekly_training", "run")] if SHORT_NIGHT[0] <= now < SHORT_NIGHT[1] else []
            naive += len(tell(connection, settings, now, *found).findings)
            # Time passes in UTC: on the last night an hour of the clock does not exist.
            now = (now.astimezone(ZoneInfo("UTC")) + STEP).astimezone(BERLIN)
    # Two channels are told in one evaluation; which of them answers first is no part of the promise.
    assert sorted(told) == sorted(MESSAGES)
    assert [moment for moment, _, _ in told] == [moment for moment, _, _ in MESSAGES]
    assert naive > 20 * len(MESSAGES)
    body = bodies["ERROR, was a warning: transactions is stale"].splitlines()
    assert body.pop(3).startswith("Last good run: recommendations of 2026-03-17, published ")
    assert body == [
        "The newest day is 2026-03-17; a newer one was due 54 hours after its end. It is 54 hours old.",
        "3 customers see Tuesday's list (2026-03-17).",
        f"Because of it also: {', '.join(f'{name} is stale' for name in sorted(FOLLOWING))}.",
        "Noticed Thu 19 Mar 2026 06:30 CET, owner team:shop.",
        "Next: check the feed, then `ml-assets run`",
        "Runbook: docs/alerts.md#stale",
        "To take it on: `ml-assets alerts ack 1`",
    ]
