"""Work in a thread that nobody has to wait for: calls into Java cannot be given a time limit."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> Future[T]:
    """Begin work; a process may end while it goes on."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 raised again where the result is asked for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
