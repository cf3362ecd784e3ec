"""Dagster beside `ml-assets ui`: one in a home, started, found again, and ended whatever became of its parent.

What a person sees of it is in `ui.py`; the process in between is `supervisor.py`.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from ml_assets.cli.supervisor import SECONDS_TO_STOP, SECONDS_TO_TERMINATE, end_group, members
from ml_assets.errors import UserError

# What a supervisor needs at most to end everything, and some more.
SECONDS_TO_END = SECONDS_TO_STOP + 3 * SECONDS_TO_TERMINATE


@dataclass(frozen=True)
class Owner:
    """The `ml-assets ui` that Dagster belongs to."""

    pid: int
    url: str
    group: int | None = None
    """The process group of what it started."""

    @property
    def is_alive(self) -> bool:
        """Whether its process is there; what it started may be without it."""
        try:
            return bool(psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    def refuse(self) -> UserError:
        """Why it cannot be started or its database stopped now."""
        return UserError(
            f"Dagster is running for this shop: `ml-assets ui`, process {self.pid}, at {self.url}.",
            f"Stop it with Ctrl-C where it was started, or with `kill {self.pid}`.",
        )


def running(home: Path) -> Owner | None:
    """The `ml-assets ui` that runs in a home."""
    try:
        with _lock_file(home).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _noted(home)
    return None


@dataclass(frozen=True)
class Place:
    """The right to run Dagster in a home."""

    home: Path
    lock: int
    url: str

    def start(self, command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Dagster under a supervisor that ends it when this process ends, in a session of its own.

        Ctrl-C then reaches this process only.
        """
        process = subprocess.Popen(
            [sys.executable, "-m", "ml_assets.cli.supervisor", *command],
            env=environment,
            start_new_session=True,
            stdin=subprocess.PIPE,
            # The supervisor holds the lock as well, so that what it ends is known to be there after this process.
            pass_fds=[self.lock],
        )
        _note(self.home, Owner(os.getpid(), self.url, process.pid))
        return process


@contextmanager
def only_one(home: Path, url: str, say: Callable[[str], None]) -> Iterator[Place]:
    """Be the only `ml-assets ui` of a home in a `with` block; `say` is told what is waited for.

    Whatever one that was killed has left is ended first. Raises `UserError` where one is running.
    """
    with _lock_file(home).open("ab") as file:
        _take(file.fileno(), home, say)
        left = _noted(home)
        if left and left.group:
            _end_left(left.group)
        _note(home, Owner(os.getpid(), url))
        yield Place(home, file.fileno(), url)
        _note_file(home).unlink(missing_ok=True)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End Dagster in order; then what is left of it. A second Ctrl-C does not cut this short."""
    for sign in (signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, signal.SIG_IGN)
    if process.stdin is not None:
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(SECONDS_TO_END)
    end_group(process.pid)


def _take(lock: int, home: Path, say: Callable[[str], None]) -> None:
    deadline, said = time.monotonic() + SECONDS_TO_END, False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = _noted(home) or Owner(0, "an address that it has not noted")
            if owner.is_alive or time.monotonic() > deadline:
                raise owner.refuse() from None
            if not said:
                say("waiting until what another `ml-assets ui` has started is ended")
                said = True
            time.sleep(0.1)
        else:
            return


def _end_left(group: int) -> None:
    """End what was left of a group; its number may belong to other programs by now."""
    with suppress(psutil.Error):
        if any("dagster" in " ".join(process.cmdline()) for process in members(group)):
            end_group(group)


def _note(home: Path, owner: Owner) -> None:
    temporary = _note_file(home).with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(owner)), encoding="utf-8")
    temporary.replace(_note_file(home))


def _noted(home: Path) -> Owner | None:
    try:
        return Owner(**json.loads(_note_file(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _lock_file(home: Path) -> Path:
    return home / "ui.lock"


def _note_file(home: Path) -> Path:
    """Beside the lock: a file that is replaced cannot be one."""
    return home / "ui.json"
