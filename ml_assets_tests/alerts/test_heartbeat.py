"""The sign of life: what is fetched after good and bad rounds."""

import pytest

from ml_assets.alerts.watch.heartbeat import beat, failure_url
from ml_assets_tests.alerts.receivers import http_receiver


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("https://hc-ping.com/1234", "https://hc-ping.com/1234/fail"),
        ("https://hc-ping.com/1234/?create=1", "https://hc-ping.com/1234/fail?create=1"),
        ("https://kuma/api/push/T?status=up&msg=OK&ping=", "https://kuma/api/push/T?status=down&msg=failed&ping="),
        ("https://kuma/api/push/T", "https://kuma/api/push/T?status=down&msg=failed"),
    ],
)
def test_a_bad_round_never_looks_like_a_good_one(good: str, bad: str) -> None:
    assert failure_url(good) == bad


def test_both_are_fetched() -> None:
    with http_receiver() as outside:
        url = f"http://127.0.0.1:{outside.port}/api/push/T?status=up&msg=OK&ping="
        assert beat(url, ok=True) is None
        assert beat(url, ok=False) is None
        assert [path for _, path in outside.requests] == [
            "/api/push/T?status=up&msg=OK&ping=",
            "/api/push/T?status=down&msg=failed&ping=",
        ]
