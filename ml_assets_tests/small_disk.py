"""A folder that is full soon, for tests of full disks."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
