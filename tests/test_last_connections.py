"""How listening ends: nobody is let in any more, nobody who was let in is lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from segmentation.service.server.last_connections import begin_no_more, is_held_elsewhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux does it in the kernel")

HOLD = "import sys; print('here', flush=True); sys.stdin.read()"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_who_waits_is_taken_and_who_comes_later_is_not(listener: socket.socket) -> None:
    """The later one is refused as soon as the socket is closed."""
    address = listener.getsockname()
    with socket.create_connection(address, timeout=60) as waiting:
        waiting.sendall(b"sent before")
        begin_no_more(listener)
        with pytest.raises(TimeoutError):
            socket.create_connection(address, timeout=0.2)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(100) == b"sent before"
            waiting.sendall(b"sent after")
            assert connection.recv(100) == b"sent after"
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=60)


def test_a_socket_of_the_workers_alone_is_not_held_elsewhere(listener: socket.socket) -> None:
    """As when the master has closed it, to stop."""
    assert not is_held_elsewhere(listener, os.getppid())


def test_the_master_holds_it_when_it_replaces_workers(listener: socket.socket) -> None:
    """Whatever workers there are."""
    assert is_held_elsewhere(listener, os.getpid())


def test_workers_of_another_master_hold_it(listener: socket.socket) -> None:
    """As after an upgrade in place."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        pass_fds=[listener.fileno()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout
        process.stdout.readline()
        assert is_held_elsewhere(listener, os.getppid())
        process.communicate()
    assert not is_held_elsewhere(listener, os.getppid())


def test_a_master_of_which_nothing_can_be_seen_may_hold_it(listener: socket.socket) -> None:
    """It is not taken for one that has closed it."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert is_held_elsewhere(listener, ended.pid)


def test_a_socket_that_systemd_listens_on_is_held(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits there for the next service."""
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert is_held_elsewhere(listener, os.getppid())
