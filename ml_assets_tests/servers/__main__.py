"""`make test-postgres`: the tests that ask for the shared server, on one PostgreSQL version after the other.

Arguments are major versions, all promised ones without any; what follows `--` is handed to pytest. Only calling
pytest and telling what came out belong here.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ml_assets.errors import UserError
from ml_assets_tests.servers.binaries import binaries, promised

PYTEST = [sys.executable, "-m", "pytest", "-q", "-m", "server", "-n", "2", "--dist", "loadfile"]


@dataclass(frozen=True)
class Result:
    """How the tests went on one version."""

    major: int
    passed: int
    failed: int
    skipped: int
    seconds: float
    code: int


def main(arguments: list[str]) -> int:
    """Run, print the table, and return 1 where a version failed, 2 where it could not be had."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    try:
        majors = [int(word) for word in arguments[:cut]] or promised()
        for major in majors:
            binaries(major)
    except ValueError as error:
        print(f"Error: {error}; name major versions, e.g. VERSIONS='14 16'.", file=sys.stderr)
        return 2
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    results = []
    for major in majors:
        print(f"PostgreSQL {major}", flush=True)
        results.append(tried(major, arguments[cut + 1 :]))
    print(f"{'PostgreSQL':<12}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for one in results:
        print(f"{one.major:<12}{one.passed:>8}{one.failed:>8}{one.skipped:>9}{one.seconds:>9.0f}")
    return int(any(one.code for one in results))


def tried(major: int, more: list[str]) -> Result:
    """Run the tests on servers of a version, one for each of pytest's processes."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = os.environ | {"TEST_POSTGRES": str(major)}
        with subprocess.Popen([*PYTEST, f"--junitxml={report}", *more], env=environment) as process:
            # Whoever ends this ends pytest as Ctrl-C does, so that no server stays behind.
            signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGINT))
            code = process.wait()
        suites = ElementTree.parse(report).getroot().findall("testsuite") if report.exists() else []
    total, failures, errors, skipped = (
        sum(int(suite.attrib[what]) for suite in suites) for what in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return Result(major, total - failed - skipped, failed, skipped, time.monotonic() - began, code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
