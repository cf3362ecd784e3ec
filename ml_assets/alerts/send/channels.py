"""Sending one message through one channel, with Apprise, and never hanging or telling a secret.

Secrets are put into the URL at the moment of sending. What Apprise says about a failure is kept, with every secret
blotted out. Redirects are failures: a POST that becomes a GET is answered with 200 and told to nobody.
"""

import logging
import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from urllib.parse import quote, unquote, urlsplit

from ml_assets.alerts.message import Message
from ml_assets.errors import UserError

# A sensor's tick has a minute; several channels may hang in one.
SECONDS_TO_SEND = 10.0
PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Where Docker and Kubernetes mount secrets as files.
MOUNTED = "/run/secrets"
KINDS = {"error": "failure", "warning": "warning", "info": "info"}
ANSWER = re.compile(r"error=(\d{3})")


@dataclass(frozen=True)
class Address:
    """A URL with its secrets in it, and what must not be shown of it."""

    url: str
    secrets: tuple[str, ...]

    def scrub(self, text: str) -> str:
        """The text without any secret."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def resolve(template: str, environment: Mapping[str, str] | None = None) -> Address:
    """Put the values of `${NAME}` in, from the variable, the file that NAME_FILE names, or /run/secrets/NAME.

    Raises `UserError` that names the variable, where neither is there.
    """
    known = os.environ if environment is None else environment
    secrets: list[str] = []

    def value(found: re.Match[str]) -> str:
        secret = _secret(found[1], known)
        secrets.append(secret)
        # Inside an address every sign of a secret must be one of the secret's, except in a whole address.
        return secret if found[0] == template else quote(secret, safe="")

    url = PLACEHOLDER.sub(value, template)
    return Address(url, (*secrets, *(quote(secret, safe="") for secret in secrets), *_secret_parts(url)))


def _secret(name: str, known: Mapping[str, str]) -> str:
    if known.get(name):
        return known[name]
    for file in (known.get(f"{name}_FILE"), f"{MOUNTED}/{name}"):
        if file and Path(file).is_file():
            return Path(file).read_text(encoding="utf-8").strip()
    raise UserError(
        f"The secret ${{{name}}} of a channel is not set.",
        f"Set the variable {name}, or {name}_FILE to a file that holds it, where this process runs.",
    )


def _secret_parts(url: str) -> set[str]:
    """User, password, path and query of an address: where services put tokens."""
    parts = urlsplit(url)
    found = {url, parts.username, parts.password, parts.path.strip("/"), parts.query, *parts.path.split("/")}
    if parts.scheme not in ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos", "http", "https"):
        found.add(parts.hostname)  # slack://TOKEN/...
        found.add(parts.netloc.rpartition("@")[2])
    texts = {text for text in found if text}
    return {text for text in texts | {unquote(text) for text in texts} if len(text) > 4}


def endpoint_of(template: str) -> tuple[str | None, int]:
    """Host and port that a channel connects to; no host where only its service knows.

    Raises `UserError` where a secret is missing, or the address is none that Apprise knows.
    """
    import apprise  # noqa: PLC0415 most commands send nothing

    address = resolve(template)
    _silence(address)
    service = apprise.Apprise.instantiate(address.url)
    if not isinstance(service, apprise.NotifyBase):
        raise UserError(
            f"The address of the channel ({address.scrub(template)}) is none that Apprise knows.",
            "docs/alerts.md shows how addresses are written.",
        )
    host = getattr(service, "smtp_host", None) or getattr(service, "host", None)
    is_secure = bool(getattr(service, "secure", False))
    return (str(host) if host else None), int(service.port or (443 if is_secure else 80))


def send(template: str, message: Message, *, seconds: float = SECONDS_TO_SEND) -> str | None:
    """Send, and return None, or why it was not accepted, in words without secrets."""
    try:
        address = resolve(template)
    except UserError as error:
        return str(error)
    outcome: list[str | None] = []
    # A server that answers a byte a minute outlasts every timeout of a socket; only a deadline ends that.
    worker = Thread(target=lambda: outcome.append(_notify(address, message)), daemon=True)
    worker.start()
    worker.join(seconds)
    return outcome[0] if outcome else f"It did not answer within {seconds:g} seconds."


def _notify(address: Address, message: Message) -> str | None:
    import apprise  # noqa: PLC0415 most evaluations send nothing

    _silence(address)
    asset = apprise.AppriseAsset(
        app_id="ml_assets",
        app_desc="ml_assets",
        app_url="",
        async_mode=False,
        http_redirects=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    kind = "success" if message.event == "resolved" else KINDS[message.severity]
    with apprise.LogCapture(level=logging.WARNING, fmt="%(message)s") as log:  # type: ignore[no-untyped-call]
        try:
            client = apprise.Apprise(asset=asset)
            if not client.add(with_incident(address.url, message)):
                return "Its URL is not one that Apprise understands; see https://appriseit.com/services/."
            accepted = client.notify(
                body=message.body,
                title=message.title,
                notify_type=apprise.NotifyType(kind),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001 a plug-in's fault must not stop the other channels
            return address.scrub(f"{type(error).__name__}: {error}")
        lines = [line for line in log.getvalue().splitlines() if line.strip()]
    if accepted:
        return None
    why = address.scrub(lines[-1] if lines else "no reason was given")
    answer = ANSWER.search(why)
    if answer is None and "Connection error" in why:
        return "It cannot be reached, or does not answer."
    return f"It answered with status {answer[1]}." if answer else why


class _Scrubber(logging.Filter):
    """Blots the secrets of the address in use out of everything a library logs in this thread."""

    address: ContextVar[Address | None] = ContextVar("address", default=None)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; none is dropped."""
        address = self.address.get()
        if address is not None:
            record.msg, record.args, record.exc_info = address.scrub(record.getMessage()), (), None
        return True


SCRUBBER = _Scrubber()


def _silence(address: Address) -> None:
    """Apprise logs addresses that it does not understand as they are, and urllib3 every path, at debug level."""
    SCRUBBER.address.set(address)
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.addFilter(SCRUBBER)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)


def with_incident(url: str, message: Message) -> str:
    """PagerDuty ends an incident of its own when it hears of the same key again."""
    if not url.startswith("pagerduty:") or message.incident_id is None or "dedup=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}dedup=ml_assets-{message.incident_id}&action=map"
