"""Ending on Ctrl-C and SIGTERM: in order where the command lets itself be interrupted, and in two seconds at most.

Python runs signal handlers between two steps of its own, so a command that is inside a library's native code hears
nothing, and Dagster puts handlers of its own in their place, which note a signal and go on. The kernel's byte on the
wake-up pipe comes in any case: a thread reads it, gives the command a moment to end, and then ends it.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SECONDS_TO_UNWIND = 1.0
SECONDS_TO_TIDY = 0.6

Tidy = Callable[[], None]


class _Stopping:
    """What was asked of this process, and what is to be done before it is ended."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.has_time = False
        """Whether the command ends by itself, in its own time."""
        self.tidy: list[Tidy] = []
        self.left = "Nothing half-done is shown to readers; the same command goes on from there."
        """What the command leaves behind where it is stopped, for people."""
        self.screen: int | None = None
        """Standard error as it was in the beginning; Dagster sends it elsewhere while steps run."""


_state = _Stopping()


def listen() -> None:
    """From now on end on Ctrl-C, SIGTERM and SIGHUP; called once, in the main thread of a command."""
    for number in SIGNALS:
        # `nohup` asks that SIGHUP be ignored. A shell ignores Ctrl-C for what it starts in the background, and Dagster
        # takes its handler for SIGTERM too, so that nothing but SIGKILL would be heard.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)
    _state.screen = os.dup(2)
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(ear,), name="ml_assets signals", daemon=True).start()


def exit_code() -> int | None:
    """128 and the number of the signal that this process was sent; None where it was sent none."""
    return None if _state.signal is None else 128 + _state.signal


@contextmanager
def taking_time() -> Iterator[None]:
    """A command that ends by itself what it started when it is asked to, however long that takes, in a `with` block."""
    _state.has_time = True
    try:
        yield
    finally:
        _state.has_time = False


@contextmanager
def tidying(tidy: Tidy) -> Iterator[None]:
    """Have `tidy` called, in another thread, where a `with` block must be ended that does not end by itself."""
    _state.tidy.append(tidy)
    try:
        yield
    finally:
        _state.tidy.remove(tidy)


def leaves(words: str) -> None:
    """Say what this command leaves behind where it is stopped from now on; unsaid, it goes on when it is run again."""
    _state.left = words


def leave(code: int) -> None:
    """Say why, where a signal ended the command, and leave without waiting for threads of libraries."""
    if _state.signal is None:
        sys.exit(code)
    _say()
    with suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(128 + _state.signal)


def _interrupt(number: int, _: FrameType | None) -> None:
    if _state.signal is None:
        _state.signal = number
        raise KeyboardInterrupt


def _watch(ear: int) -> None:
    # Signals that others handle, such as of an ended child, wake this up as well.
    while (number := os.read(ear, 1)[0]) not in SIGNALS or _state.has_time:
        pass
    _state.signal = _state.signal or number
    time.sleep(SECONDS_TO_UNWIND)
    for tidy in list(_state.tidy):
        worker = threading.Thread(target=tidy, daemon=True)
        worker.start()
        worker.join(SECONDS_TO_TIDY)
    _say()
    os._exit(128 + _state.signal)


def _say() -> None:
    name = signal.Signals(_state.signal or 0).name
    words = f"Stopped by {name}. {_state.left}\n"
    if _state.screen is not None:
        with suppress(OSError):
            os.write(_state.screen, words.encode())
