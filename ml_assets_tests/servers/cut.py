"""A way to a server that breaks: hands on what is sent until a word is seen, then cuts every connection for good."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from psycopg.conninfo import conninfo_to_dict


class Way:
    """Takes connections on a port and hands them on to the socket of a PostgreSQL."""

    def __init__(self, url: str, word: bytes) -> None:
        parts = conninfo_to_dict(url)
        self._target = f"{parts['host']}/.s.PGSQL.{parts.get('port') or 5432}"
        self._word = word
        self._ends: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_cut = False
        threading.Thread(target=self._take, daemon=True).start()

    def cut(self) -> None:
        """Cut all connections, and refuse others."""
        self.is_cut = True
        for end in [self._listener, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._ends += [client, server]
                for one, other, watched in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._hand_on, args=(one, other, watched), daemon=True).start()

    def _hand_on(self, one: socket.socket, other: socket.socket, watched: bool) -> None:
        with suppress(OSError):
            while sent := one.recv(65536):
                if watched and self._word in sent:
                    self.cut()
                    return
                other.sendall(sent)
        for end in (one, other):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking(url: str, word: str) -> Iterator[Way]:
    """A way to the server of a URL for a `with` block, cut when the word is sent over it."""
    way = Way(url, word.encode())
    try:
        yield way
    finally:
        way.cut()
