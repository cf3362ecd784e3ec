"""`python -m ml_assets.cli.supervisor COMMAND ...`: runs a command until standard input ends, then ends it.

`ml-assets ui` holds the other end of that pipe: however it ends, killed without a word included, the pipe ends with it.
Started in a session of its own, so that what the command starts is one group. Imports nothing of the project: it lives
as long as Dagster does, beside it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil

SECONDS_TO_STOP = 30.0
SECONDS_TO_TERMINATE = 5.0
SECONDS_TO_DIE = 5.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(command: list[str]) -> int:
    """The exit code of the command, 0 where it was ended from here."""
    # Not ignored, as in what a shell starts in the background: children inherit that, and Dagster ends on none then.
    for sign in SIGNALS:
        signal.signal(sign, signal.default_int_handler)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for sign in SIGNALS:
            signal.signal(sign, signal.SIG_IGN)
        _stop(process)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Interrupt, as a person would: Dagster then stops its processes in order. Then insist."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(SECONDS_TO_STOP)
    # Code servers whose parent is gone, and all others where it did not end.
    end_group(os.getpgrp())


def end_group(group: int) -> None:
    """Ask the processes of a group, but this one, to end, and kill those that have not after some seconds."""
    for sign, seconds in ((signal.SIGTERM, SECONDS_TO_TERMINATE), (signal.SIGKILL, SECONDS_TO_DIE)):
        for process in members(group):
            with suppress(psutil.Error):
                process.send_signal(sign)
        deadline = time.monotonic() + seconds
        while members(group) and time.monotonic() < deadline:
            time.sleep(0.05)


def members(group: int) -> list[psutil.Process]:
    """The living processes of a group, but this one."""
    found = []
    for pid in psutil.pids():
        with suppress(OSError, psutil.Error):
            if pid != os.getpid() and os.getpgid(pid) == group:
                process = psutil.Process(pid)
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
