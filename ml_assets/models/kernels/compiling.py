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
    return _kept_if_possible(function, fastmath=False)


def compiled_in_any_order(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, with sums in whatever order is fastest: several partial sums at once."""
    return _kept_if_possible(function, fastmath={"reassoc", "contract"})


def _kept_if_possible(function: Callable[P, R], fastmath: bool | set[str]) -> Callable[P, R]:
    try:
        kept: Callable[P, R] = njit(cache=True, nogil=True, fastmath=fastmath)(function)
    except RuntimeError:
        # The only way numba tells that it found no place to write.
        kept = njit(nogil=True, fastmath=fastmath)(function)
    return kept
