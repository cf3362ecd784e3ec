"""How loops are compiled: without the interpreter's lock, and kept on disk where there is a place for it.

Numba compiles a function again when its own file changes, but not when a function that it calls, and inlines, changes
in another file. Compiled code is therefore kept in a folder named after the content of all files of `kernels/`. Hence
a compiled function anywhere may call those of its own file and those of `kernels/`, and no others.
"""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from os import environ
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")
_CONFIG: Any = numba.config

KERNELS = Path(__file__).parent
KEPT = 3
"""Folders of compiled code that stay: this one and those before, which an older installation may still use."""


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers on its first call (numba's nopython mode).

    The code is kept in `NUMBA_CACHE_DIR`, beside the kernels or in the user's cache, whichever can be written first.
    Where none can, as in a read-only installation under a user without a home, each process compiles for itself,
    some seconds.
    """
    return _kept_if_possible(function, fastmath=False)


def compiled_in_any_order(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, with sums in whatever order is fastest: several partial sums at once."""
    return _kept_if_possible(function, fastmath={"reassoc", "contract"})


def _kept_if_possible(function: Callable[P, R], fastmath: bool | set[str]) -> Callable[P, R]:
    before = _CONFIG.CACHE_DIR
    # Numba looks at it while it decorates; other people's functions keep their own place.
    _CONFIG.CACHE_DIR = str(FOLDER or "")
    try:
        kept: Callable[P, R] = numba.njit(cache=FOLDER is not None, nogil=True, fastmath=fastmath)(function)
    finally:
        _CONFIG.CACHE_DIR = before
    return kept


def _folder() -> Path | None:
    """Where code of exactly these kernels is kept; None where nothing can be written."""
    digest = hashlib.sha256()
    for file in sorted(KERNELS.glob("*.py")):
        digest.update(file.read_bytes())
    places = KERNELS / "__pycache__", Path(environ.get("XDG_CACHE_HOME", "~/.cache"), "ml_assets")
    for place in (Path(_CONFIG.CACHE_DIR), *places) if _CONFIG.CACHE_DIR else places:
        # RuntimeError: the user has no home.
        with suppress(OSError, RuntimeError):
            folder = place.expanduser() / f"kernels-{digest.hexdigest()[:16]}"
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
            _remove_older_than(folder)
            return folder
    return None


def _remove_older_than(folder: Path) -> None:
    others = [each for each in folder.parent.glob("kernels-*") if each != folder]
    with suppress(OSError):
        others.sort(key=lambda each: each.stat().st_mtime, reverse=True)
        for each in others[KEPT - 1 :]:
            shutil.rmtree(each, ignore_errors=True)


FOLDER = _folder()
