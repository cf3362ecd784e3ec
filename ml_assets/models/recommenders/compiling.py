"""How loops are compiled: without the interpreter's lock, and kept on disk where there is a place for it."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of numbers on its first call (numba's nopython mode).

    A read-only installation under a user without a home has nowhere to keep the code; each process then compiles
    for itself, some seconds. `NUMBA_CACHE_DIR` names a place.
    """
    try:
        kept: Callable[P, R] = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        # The only way numba tells that it found no place to write.
        kept = njit(nogil=True)(function)
    return kept
