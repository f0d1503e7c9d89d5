"""What other tests rely on: ports that nobody else gets, and waiting that ends."""

from __future__ import annotations

import socket

import pytest

from tests.support.servers import free_port
from tests.support.waiting import wait_until


def test_a_free_port_is_for_a_server_that_names_it() -> None:
    """Nobody answers there; who asks for any port is not given it, as a plain bind shows."""
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with socket.socket() as client, pytest.raises(OSError, match="in use"):
        client.bind(("127.0.0.1", port))
    with socket.create_server(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
        pass


def test_waiting_ends_with_the_condition_or_fails() -> None:
    """The condition is asked again until it holds, and once at least."""
    answers = iter([False, False, True])
    wait_until(lambda: next(answers))
    assert list(answers) == []
    with pytest.raises(AssertionError, match="did not happen in time"):
        wait_until(lambda: False, 0)
    wait_until(lambda: True, 0)
