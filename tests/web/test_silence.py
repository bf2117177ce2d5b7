"""Who reads nothing is let go of by the kernel."""

from __future__ import annotations

import socket

from wce.web import silence


def test_connections_inherit_it_from_each_socket_that_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as four, socket.create_server(("::1", 0), family=socket.AF_INET6) as six:
        assert silence.end_after(1.5)

        for listener in (four, six):
            with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0] as accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500


def test_it_says_when_nobody_listens_and_leaves_everything_open() -> None:
    one, other = socket.socketpair()
    with one, other, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))

        assert not silence.end_after(1.5)

        one.sendall(b"x")
        assert other.recv(1) == b"x"
        assert bound.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
