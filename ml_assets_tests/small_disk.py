"""A folder that is full soon, for tests of full disks."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from ml_assets.database.embedded.account import server_account


@contextmanager
def mounted(megabytes: int = 3) -> Iterator[Path | None]:
    """A folder on a file system of some megabytes that everybody may write; None where none can be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="ml_assets_small-"))
    try:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0777", "tmpfs", str(folder)]
        done = subprocess.run(mount, capture_output=True, check=False) if shutil.which("mount") else None
        if done is None or done.returncode:
            yield None
            return
        try:
            (folder / "space").mkdir(mode=0o777)
            (folder / "space").chmod(0o777)
            yield folder / "space"
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()


@contextmanager
def read_only(folder: Path) -> Iterator[bool]:
    """A folder that nobody may write for a `with` block, root neither; False where that cannot be done."""
    mount = ["mount", "--bind", str(folder), str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield False
        return
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def give_to_server(folder: Path, connection: psycopg.Connection) -> None:
    """Let a folder belong to whom the server runs as, like its data."""
    account = server_account(Path(str(connection.execute("SHOW data_directory").fetchall()[0][0])))
    os.chown(folder, account.get("user", os.geteuid()), account.get("group", os.getegid()))


def fill(folder: Path, *, but: int) -> Path:
    """A file that takes all space but some bytes; remove it to have the space again."""
    filler = folder / "filler"
    free = shutil.disk_usage(folder).free - but
    with filler.open("wb") as file:
        for _ in range(max(0, free // 4096)):
            file.write(bytes(4096))
    return filler
