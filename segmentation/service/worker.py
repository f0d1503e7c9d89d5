"""gunicorn's threaded worker, but a client that says nothing doesn't occupy a thread.

gunicorn 27 lets a new connection hold a thread for five seconds before it hands it to the poller:
forty silent clients against two workers of four threads held up everyone for 25 to 45 seconds.
And a client that stops in the middle of a request holds its thread for ever.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any

from gunicorn.workers import gthread

from segmentation.service.settings import Settings


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Waits for a connection's first bytes in the poller, and not for ever for the next ones."""

    def init_process(self) -> None:
        """Read the one setting that concerns connections."""
        seconds = Settings.from_environment(os.environ).read_timeout
        # The kernel's own limit: gunicorn makes the socket blocking again for every request.
        self._read_limit = struct.pack("ll", seconds, 0)
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """Handle a request if there is one to read; otherwise give the connection back."""
        if not conn.initialized:
            if not conn.data_ready and not conn.wait_for_data(0):
                return gthread._DEFER
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, self._read_limit)
        return super().handle(conn)
