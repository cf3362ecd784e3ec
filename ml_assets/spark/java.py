"""The Java that Spark's driver will start: found as Spark finds it, and held to the versions that it runs on."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass

from ml_assets.errors import UserError

OLDEST = 17
"""Spark 4 runs on Java 17 and newer."""
NEXT_STEP = (
    f"Install Java {OLDEST} (Debian: apt install openjdk-{OLDEST}-jre-headless), and name its folder in JAVA_HOME "
    "where another one comes first."
)
ANSWERS_WITHIN = 30
"""Seconds for `java -version`."""


@dataclass(frozen=True)
class Java:
    """A Java that was asked for its version."""

    path: str
    version: int
    """17 of 17.0.15, 8 of 1.8.0_392."""


def find_java() -> Java:
    """The Java of JAVA_HOME, else of PATH; raises `UserError` where there is none, or an older one than Spark needs."""
    home = os.environ.get("JAVA_HOME")
    # As Spark's own script: a JAVA_HOME without Java is not made up for by PATH.
    path = shutil.which("java", path=os.path.join(home, "bin")) if home else shutil.which("java")  # noqa: PTH118
    if path is None:
        where = f"in JAVA_HOME ({home})" if home else "on PATH, and JAVA_HOME is not set"
        raise UserError(f"compute.kind is spark, but there is no Java {where}.", NEXT_STEP, code="settings.wrong")
    version = _version(path)
    if version < OLDEST:
        raise UserError(
            f"compute.kind is spark, but {path} is Java {version}, and Spark needs {OLDEST} or newer.",
            NEXT_STEP,
            code="settings.wrong",
        )
    return Java(path, version)


def _version(path: str) -> int:
    try:
        told = subprocess.run([path, "-version"], capture_output=True, text=True, timeout=ANSWERS_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{path} cannot be asked for its version: {error}.", NEXT_STEP, code="settings.wrong") from None
    found = re.search(r'version "(?:1\.)?(\d+)', told.stderr + told.stdout)
    if found is None:
        words = (told.stderr or told.stdout).strip() or f"exit code {told.returncode}"
        raise UserError(f"{path} does not tell its version: {words.splitlines()[0]}.", NEXT_STEP, code="settings.wrong")
    return int(found[1])
