"""Waiting for an answer that somebody else takes long to give: told to who listens, after some seconds.

Who waits does not know the screen, and the screen not what is waited for. Locks of our own database are in
`database/waits.py`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

AFTER_SECONDS = 5.0
Listener = Callable[[str], None]
_listeners: list[Listener] = []


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Within the block the listener is told what is waited for, and an empty text when that is over.

    It is called from other threads too.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def waiting_for(what: str, after: float | None = None) -> Iterator[None]:
    """A block that may take long; after so many seconds (`AFTER_SECONDS`) it is told."""
    told: list[Listener] = []

    def tell() -> None:
        for listener in tuple(_listeners):
            told.append(listener)
            listener(what)

    timer = Timer(AFTER_SECONDS if after is None else after, tell)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        for listener in told:
            listener("")
