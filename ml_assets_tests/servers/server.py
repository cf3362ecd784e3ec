"""A server of one PostgreSQL version, for as long as a block lasts.

Only creating, starting and stopping it belong here. The product's own server is one version, outlives its command
and recovers from crashes; this one is any version and leaves nothing behind.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_assets.database.embedded.account import let_traverse, server_account
from ml_assets.errors import UserError
from ml_assets_tests.servers.binaries import binaries

# As the embedded server has it; before 17 there is no locale that all machines have but C.
BUILTIN_LOCALE = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


@contextmanager
def server(major: int, home: Path) -> Iterator[str]:
    """The URL of a new server with its data in `home`, an existing folder that the caller removes.

    It listens on a socket in `home` alone. Raises `UserError` when it cannot be created or does not start.
    """
    data = home / "postgres"
    account = server_account(data)
    data.mkdir(mode=0o700)
    if account:
        os.chown(data, account["user"], account["group"])
        let_traverse(data, binaries(major))
    locale = ["--locale=C", *(BUILTIN_LOCALE if major >= 17 else [])]
    _run(major, "initdb", ["-D", ".", "-U", "postgres", "--auth=trust", "--encoding=UTF8", *locale], data, account)
    # Databases that live for one test need not survive a power cut.
    options = f"-h '' -p 5432 -k {data} -c fsync=off"
    _run(major, "pg_ctl", ["start", "-w", "-D", ".", "-l", "server.log", "-o", options], data, account)
    try:
        yield f"postgresql://postgres@/postgres?host={data}&port=5432"
    finally:
        _run(major, "pg_ctl", ["stop", "-w", "-m", "immediate", "-D", "."], data, account)


def _run(major: int, program: str, arguments: list[str], data: Path, account: dict[str, Any]) -> None:
    """Run a program of the version inside its data folder, out of reach of Ctrl-C and of PG* variables."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    outcome = subprocess.run(
        [binaries(major) / program, *arguments],
        check=False,
        cwd=data,
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        **account,
    )
    if outcome.returncode != 0:
        log = data / "server.log"
        said = outcome.stderr.strip() or (log.read_text(encoding="utf-8") if log.exists() else "no message")
        raise UserError(f"{program} of PostgreSQL {major} failed in {data}: {said}.", "See what it says.")
