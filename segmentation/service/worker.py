"""gunicorn's threaded worker, but a client that says nothing never occupies a thread.

gunicorn 27 lets a new connection hold a thread for five seconds before it hands it to the poller:
forty silent clients against two workers of four threads held up everyone for 25 to 45 seconds.
"""

from __future__ import annotations

from typing import Any

from gunicorn.workers import gthread


class PatientWorker(gthread.ThreadWorker):  # type: ignore[misc]  # gunicorn is untyped
    """Waits for a connection's first bytes in the poller rather than in a thread."""

    def handle(self, conn: Any) -> Any:
        """Handle a request if there is one to read; otherwise give the connection back."""
        silent = not (conn.initialized or conn.data_ready or conn.wait_for_data(0))
        return gthread._DEFER if silent else super().handle(conn)
