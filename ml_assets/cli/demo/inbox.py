"""The channel of the demonstration: a function that Apprise calls, which keeps each message in a file.

Importing this module makes `inbox://` known to Apprise in this process; showing messages is up to `commands.py`.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from apprise.decorators import notify

from ml_assets.whole_files import make_private


def inbox_url(file: Path) -> str:
    """The Apprise URL of an inbox that is this file."""
    return f"inbox://localhost{quote(str(file.absolute()))}"


@notify(on="inbox")  # type: ignore[no-untyped-call, untyped-decorator]
def _keep(body: str, title: str, notify_type: str, *, meta: dict[str, Any], **_: object) -> None:
    file = Path(unquote(meta["fullpath"]))
    now = f"{datetime.now().astimezone():%a %d %b %Y %H:%M:%S %Z}"
    make_private(file.parent)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps({"at": now, "title": title, "body": body, "type": notify_type}) + "\n")


def read_inbox(file: Path) -> list[dict[str, str]]:
    """The messages so far, oldest first."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
