"""Files that appear whole or not at all: written under a temporary name and renamed into place.

A writer locks its temporary file until it is renamed, and the kernel frees the lock of a killed one: so a file that
nobody will finish is told from one in use. What files hold is the matter of those who write them.
"""

import errno
import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ml_assets.errors import UserError

# What a shop knows of its customers is for the user of ml-assets alone.
MODE, FOLDER_MODE = 0o600, 0o700
OTHERS, PASS = 0o077, 0o011
# Where the file system knows no locks, a file of this age is taken as nobody's.
SECONDS_IN_USE = 86_400
LEAST_ROOM = 65_536  # bytes; a disk with less is full
# Polars tells a fault of the operating system in its own errors, by its number.
SHORTENED = " (set POLARS_VERBOSE=1 to see full path)"
OS_ERROR = re.compile(r"\(os error (\d+)\)(?:: (.+))?")
# What the machine refuses, and a person can mend.
REFUSED = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE)


@contextmanager
def replacing(path: Path, next_step: str, *, mode: int = MODE, keep_mode: bool = False) -> Iterator[IO[bytes]]:
    """A file to write in a `with` block that takes the place of `path` at its end; after an error nothing is left.

    By default nobody else may read it; with `keep_mode` those may who could read what was there before. Raises
    `UserError` with `next_step` where the folder cannot be written or is full.
    """
    with explained(path, next_step):
        make_private(path.parent)
        mode = stat.S_IMODE(path.stat().st_mode) if keep_mode and path.exists() else mode
        temporary, handle = _create(path)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fchmod(handle, mode)
                temporary.replace(path)
        except Exception as error:
            # While the file that filled the disk is there. Libraries lose the reason at some places of a file.
            if type(error).__module__.startswith("polars") and _is_full(path.parent):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def explained(path: Path, next_step: str) -> Iterator[None]:
    """Tell a fault of the operating system in this block as one of writing `path`, a `UserError` with `next_step`."""
    try:
        yield
    except Exception as error:
        if reason := _fault_of_the_system(error):
            raise UserError(f"{path} cannot be written: {reason}.", next_step, code="file.not_written") from error
        raise


def make_private(folder: Path) -> None:
    """Create a folder, and those above it that are missing, for nobody else to look into; existing ones stay."""
    if not folder.is_dir():
        if folder.exists():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
        make_private(folder.parent)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def close_to_others(folder: Path, *, pass_through: bool = False) -> None:
    """Take from everybody else the right to look into a folder; one of somebody else stays as it is.

    With `pass_through` they may still reach what is open to them below it.
    """
    taken = OTHERS & ~PASS if pass_through else OTHERS
    with suppress(OSError):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if mode & taken:
            folder.chmod(mode & ~taken)


def temporaries(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """The temporary files in a folder, and in those below it."""
    for path in folder.rglob(".*.tmp") if deep else folder.glob(".*.tmp"):
        if path.is_file():
            yield path


def remove_abandoned(folder: Path, *, deep: bool = True) -> list[Path]:
    """Remove the temporary files whose writer was killed; returns them. What may not be removed stays."""
    removed = []
    for path in temporaries(folder, deep=deep):
        with suppress(OSError):
            handle = os.open(path, os.O_RDWR)
            try:
                if _is_abandoned(path, handle):
                    path.unlink()
                    removed.append(path)
            finally:
                os.close(handle)
    return removed


def is_in_use(path: Path) -> bool:
    """Whether the writer of a temporary file is still at work."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _is_abandoned(path, handle)
    finally:
        os.close(handle)


def _create(path: Path) -> tuple[Path, int]:
    """A new file beside the one it will replace, and its handle, which holds its lock."""
    while True:
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.tmp")
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Whoever looks for abandoned files may have had the lock first.
        if os.fstat(handle).st_nlink:
            return temporary, handle
        os.close(handle)


def _is_abandoned(path: Path, handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - path.stat().st_mtime > SECONDS_IN_USE
    return True


def refused_by_the_system(error: BaseException) -> UserError | None:
    """A file that the machine does not let this user read or write, named; None of other errors."""
    number, file = (error.errno, error.filename) if isinstance(error, OSError) else (None, None)
    is_of_polars = number is None and (isinstance(error, OSError) or type(error).__module__.startswith("polars"))
    if is_of_polars and (found := OS_ERROR.search(str(error))):
        # Polars shortens long paths and says how not to.
        number, file = int(found[1]), found[2] and found[2].removesuffix(SHORTENED)
    if number not in REFUSED:
        return None
    return UserError(
        f"{file or 'A file'} cannot be used: {os.strerror(number)}.",
        "Free some space, or make it readable and writable for the user that ml-assets runs as.",
        code="file.not_written",
    )


def _is_full(folder: Path) -> bool:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize < LEAST_ROOM or (found.f_files > 0 and found.f_favail == 0)


def _fault_of_the_system(error: Exception) -> str | None:
    """What the operating system refused, in its words; None of other errors."""
    if found := OS_ERROR.search(str(error)):
        return os.strerror(int(found[1]))
    return (error.strerror or str(error)) if isinstance(error, OSError) else None
