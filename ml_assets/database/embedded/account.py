"""Which operating-system account runs the embedded PostgreSQL.

PostgreSQL refuses to run as root, so under root (containers) it runs as the owner of its data folder, or as an
account made for it. Everybody else runs it as themselves. Nothing about starting it belongs here.
"""

import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

from ml_assets.errors import UserError

ACCOUNT = "pgserver"


def server_account(data: Path) -> dict[str, Any]:
    """Arguments for subprocess.run: empty for ordinary users, else user, group and no extra groups."""
    if os.geteuid() != 0:
        _require_own(data)
        return {}
    if data.exists():
        facts = data.stat()
        if facts.st_uid == 0:
            raise UserError(
                f"{data} belongs to root, and PostgreSQL never runs as root.",
                f"Give it away, e.g. with `chown -R {ACCOUNT} {data}`.",
            )
        return {"user": facts.st_uid, "group": facts.st_gid, "extra_groups": []}
    return _made_account()


def let_traverse(*folders: Path) -> None:
    """Let the account pass through the folders above the given ones, without letting it list them."""
    for folder in folders:
        for parent in folder.parents:
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)


def _require_own(data: Path) -> None:
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise UserError(
            f"The embedded PostgreSQL in {data} belongs to another user (number {data.stat().st_uid}).",
            "Run the command as that user or as root, or set `home` to a folder of your own.",
        )


def _made_account() -> dict[str, Any]:
    try:
        try:
            entry = pwd.getpwnam(ACCOUNT)
        except KeyError:
            subprocess.run(["useradd", "--system", ACCOUNT], check=True, capture_output=True)
            entry = pwd.getpwnam(ACCOUNT)
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        raise UserError(
            f"PostgreSQL never runs as root, and the account {ACCOUNT} cannot be created: {error}.",
            "Run as an ordinary user, create the account with `useradd`, or set DATABASE_URL.",
        ) from error
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
