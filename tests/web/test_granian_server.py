"""What a worker of granian puts around the application; granian itself runs in tests/e2e."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.web.granians import Exchange, Names, Scope, Sender, wait_for
from wce.config import SettingError, Settings
from wce.peers import peers
from wce.web.admission import Admitted
from wce.web.granian_server import Receiver, _folder, _port
from wce.web.intake import Intakes
from wce.web.proxies import UNREADABLE
from wce.web.server import stop_signals
from wce.web.turns import Turns

PROXY = "10.0.0.1"


@dataclass
class Request:
    """What granian hands over."""

    scope: Any
    proto: Exchange = field(default_factory=Exchange)


class TestARequest:
    @pytest.fixture
    def receive(self) -> Iterator[Callable[..., Exchange]]:
        """Call it with headers for a request behind a proxy; the answer says who asked and with what body."""

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("200 OK", [])
            return [environ["REMOTE_ADDR"].encode(), b" ", environ["wsgi.input"].read()]

        turns = Turns(application, 1)
        intakes = Intakes(lambda usual, _: Admitted(usual), 1000, turns)
        receiver = Receiver(turns, intakes, peers(PROXY))

        def receive(*headers: tuple[str, str], proto: Exchange | None = None, client: str = f"{PROXY}:1", **more: Any) -> Exchange:
            request = Request(Scope(client=client, headers=Names(*headers), **more), proto or Exchange())
            threading.Thread(target=receiver, args=(request,), daemon=True).start()  # it comes back when all is over
            return request.proto

        yield receive
        intakes.close()
        turns.close()

    def test_goes_on_as_it_is_or_when_its_body_is_there(self, receive: Callable[..., Exchange]) -> None:
        assert receive().wait()[2] == f"{PROXY} ".encode()
        assert receive(("x-forwarded-for", "192.0.2.7")).wait()[2] == b"192.0.2.7 "
        assert receive(("x_forwarded_for", "192.0.2.7"), ("content-length", "0")).wait()[2] == f"{PROXY} ".encode()
        assert receive(("content-length", "5"), proto=Sender(b"hello")).wait()[2] == f"{PROXY} hello".encode()
        assert receive(("transfer-encoding", "chunked"), proto=Sender(b"he", b"", ends=True)).wait()[2] == f"{PROXY} he".encode()

    def test_is_refused_where_nobody_can_tell_who_asks(self, receive: Callable[..., Exchange]) -> None:
        status, _, body = receive(("x-forwarded-for", "ü, 192.0.2.7")).wait()

        assert (status, json.loads(body)["detail"]) == (400, UNREADABLE)

    @pytest.mark.parametrize("method", ["get", "Head", "pOST"])
    def test_is_refused_where_its_method_is_another_ones_in_small_letters(self, receive: Callable[..., Exchange], method: str) -> None:
        assert receive(method=method).wait()[0] == 400

    def test_that_is_none_hurts_nobody(self, receive: Callable[..., Exchange], caplog: pytest.LogCaptureFixture) -> None:
        receive(client=None)
        wait_for(lambda: "request failed outside of the application" in caplog.text)

        assert receive().wait()[0] == 200


def test_a_port_that_is_taken_is_an_error_even_where_its_holder_would_share_it() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(port=taken.getsockname()[1])

        with pytest.raises(SettingError, match="cannot listen on "), _port(settings):
            pass


def test_the_end_of_the_terminal_asks_for_a_stop_unless_the_server_shall_outlive_it() -> None:
    assert signal.SIGHUP in stop_signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        assert stop_signals() == [signal.SIGINT, signal.SIGTERM]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_folder_for_large_queries_that_is_none_is_told_by_the_parent(tmp_path: Path) -> None:
    settings = Settings(storage_dir=tmp_path, temp_dir=tmp_path / "none")

    with pytest.raises(SettingError, match=r"WCE_TEMP_DIR .*No such file"), _folder(settings):
        raise AssertionError("served")


def test_port_0_takes_a_free_one_that_only_sharers_may_join() -> None:
    with _port(Settings(port=0)) as (address, port):
        with socket.socket() as worker_socket:
            worker_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker_socket.bind((address, port))
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((address, port))
