"""A standby of an embedded server, for tests of replicas."""

import os
import subprocess
from pathlib import Path

from ml_assets.database.embedded.account import server_account
from ml_assets.database.embedded.server import psql_path, start_embedded


def standby_of(url: str, primary: Path, home: Path) -> str:
    """Copy a running server into another home and start the copy as its standby."""
    account = server_account(primary / "postgres")
    data = home / "postgres"
    data.mkdir(mode=0o700)
    if account:
        home.chmod(0o755)
        os.chown(data, account["user"], account["group"])
    copy = [str(psql_path().with_name("pg_basebackup")), "-d", url, "-D", str(data), "-R", "-X", "stream", "-c", "fast"]
    subprocess.run(copy, check=True, capture_output=True, cwd="/", **account)
    # Options and pid file of the primary would send us to the primary.
    for name in ("postmaster.opts", "postmaster.pid"):
        (data / name).unlink(missing_ok=True)
    with (data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("hot_standby_feedback = on\n")
    return start_embedded(home)
