"""The heartbeat: a sign of life to an outside service, which raises the alarm when it stays away."""

import urllib.error
import urllib.request

from ml_assets.alerts.channels import resolve
from ml_assets.errors import UserError

SECONDS = 10


def beat(template: str, *, ok: bool) -> str | None:
    """Fetch the URL, or URL/fail; returns why it did not work, in words without secrets."""
    try:
        address = resolve(template)
        scheme = address.url.partition("://")[0]
        if scheme not in ("http", "https"):
            return "alerts.heartbeat_url must begin with https:// or http://."
        url = address.url if ok else f"{address.url.rstrip('/')}/fail"
        with urllib.request.urlopen(url, timeout=SECONDS):  # noqa: S310 the scheme was just checked
            return None
    except UserError as error:
        return str(error)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return f"The heartbeat URL did not answer: {address.scrub(str(getattr(error, 'reason', error)))}."
