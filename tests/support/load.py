"""Clients that ask without a pause until they are refused, and count how each request ended."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException

from tests.support.records import COMPLETE
from tests.support.waiting import PATIENCE, wait_until

BODY = json.dumps([COMPLETE] * 20)
HEADERS = {"Content-Type": "application/json"}


class Load:
    """Clients with a connection for each request, and some that keep theirs.

    Parameters
    ----------
    port : int
    n_closing, n_keeping : int
        How many of each kind.

    Attributes
    ----------
    ends : Counter of str
        ``answered`` and ``refused``, or what became of a request that was sent.
    """

    def __init__(self, port: int, n_closing: int = 12, n_keeping: int = 6) -> None:
        self.ends: Counter[str] = Counter()
        self._port = port
        kinds = [False] * n_closing + [True] * n_keeping
        self._threads = [threading.Thread(target=self._ask, args=(kind,)) for kind in kinds]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ask until the service refuses connections; begin with some answers."""
        for thread in self._threads:
            thread.start()
        wait_until(lambda: self.ends["answered"] > 100)
        yield
        for thread in self._threads:
            thread.join(PATIENCE)

    def _ask(self, keeps_alive: bool) -> None:
        while True:
            with closing(HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)) as connection:
                try:
                    connection.connect()
                except OSError:
                    self.ends["refused"] += 1
                    return
                self._exchange(connection, keeps_alive)

    def _exchange(self, connection: HTTPConnection, keeps_alive: bool) -> None:
        headers = HEADERS if keeps_alive else HEADERS | {"Connection": "close"}
        while True:
            try:
                connection.request("POST", "/predict", BODY, headers)
                answer = connection.getresponse()
                n_answers = len(json.loads(answer.read())["predictions"])
            except (OSError, HTTPException) as error:
                self.ends[repr(error)] += 1
                return
            self.ends["answered" if n_answers == 20 else "cut off"] += 1
            if not keeps_alive or answer.getheader("Connection") == "close":
                return
