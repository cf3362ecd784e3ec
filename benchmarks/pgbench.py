"""pgbench, PostgreSQL's own load generator, run on one database.

Its log is written to memory where there is such a place: on the server's disk it would wait for the server's writes,
and the waits would count as latency.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml_assets.errors import UserError

CLIENTS = 4
MEMORY = Path("/dev/shm")


class Pgbench:
    """Prepared clients that repeat a script."""

    def __init__(self, url: str) -> None:
        """Raises `UserError` where pgbench is not installed."""
        self._program, self._url = find_pgbench(), url

    def rate(self, script: str, seconds: float) -> float:
        """Transactions per second at full speed."""
        with _scratch() as folder:
            return float(re.findall(r"tps = ([0-9.]+)", self._run(folder, script, seconds))[0])

    def latencies(self, script: str, seconds: float, rate: float | None = None) -> npt.NDArray[np.float64]:
        """Milliseconds of every transaction, at full speed or at a fixed rate per second.

        At a fixed rate, the time by which pgbench itself began too late is left out.
        """
        paced = [] if rate is None else ["-R", f"{rate:.0f}"]
        with _scratch() as folder:
            self._run(folder, script, seconds, "-l", "--log-prefix", str(folder / "log"), *paced)
            # Columns: client, transaction, microseconds, script, epoch, microseconds of it and, if paced, the lag.
            logs = [np.loadtxt(path, ndmin=2) for path in folder.glob("log.*")]
        rows = np.concatenate(logs)
        microseconds = rows[:, 2] if rate is None else rows[:, 2] - rows[:, 6]
        return np.asarray(microseconds / 1000, np.float64)

    def _run(self, folder: Path, script: str, seconds: float, *more: str) -> str:
        file = folder / "script.sql"
        file.write_text(script, encoding="utf-8")
        command = [self._program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", f"{seconds:.0f}", *more]
        done = subprocess.run(
            [*command, "-f", str(file), self._url], capture_output=True, text=True, check=False, cwd=folder
        )
        failed = re.findall(r"number of failed transactions: ([0-9]+)", done.stdout)
        if done.returncode or (failed and failed[0] != "0"):
            raise UserError(f"pgbench failed: {done.stderr.strip()}", "Look at the script that it was given.")
        return done.stdout


def find_pgbench() -> str:
    """The path of pgbench; raises `UserError` where it is not installed."""
    found = shutil.which("pgbench") or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"), reverse=True)), None
    )
    if found is None:
        raise UserError("pgbench is not installed.", "Install PostgreSQL's own tools: apt-get install postgresql-15.")
    return found


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)
