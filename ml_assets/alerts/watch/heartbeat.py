"""The heartbeat: a sign of life to an outside service, which raises the alarm when it stays away."""

import urllib.error
import urllib.request
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ml_assets.alerts.send.channels import resolve
from ml_assets.errors import UserError

SECONDS = 10


def beat(template: str, *, ok: bool) -> str | None:
    """Fetch the URL, or the one that means failure; returns why it did not work, in words without secrets."""
    try:
        address = resolve(template)
        scheme = address.url.partition("://")[0]
        if scheme not in ("http", "https"):
            return "alerts.heartbeat_url must begin with https:// or http://."
        url = address.url if ok else failure_url(address.url)
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310 the scheme was just checked
            return None
    except UserError as error:
        return str(error)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"The heartbeat URL did not answer: {address.scrub(str(getattr(error, 'reason', error)))}."


def failure_url(url: str) -> str:
    """What to fetch after a bad round: healthchecks.io and its kin take PATH/fail, Uptime Kuma `status=down`."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "/api/push/" in parts.path or "status" in query:
        return urlunsplit(parts._replace(query=urlencode(query | {"status": "down", "msg": "failed"})))
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/fail"))
