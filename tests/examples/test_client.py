"""The client against a server that misbehaves as real ones do."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.conftest import ROOT
from wce.client import ApiError, Client

Answer = tuple[int, dict[str, str], bytes] | None


class Script:
    """What the server answers, request by request (None: it hangs up), and what it was sent."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.url = ""


@pytest.fixture
def script() -> Iterator[Script]:
    made = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.requests.append({"path": self.path, "headers": dict(self.headers), "body": json.loads(body)})
            answer = made.answers.pop(0)
            if answer is None:
                self.close_connection = True
                return
            status, headers, data = answer
            self.send_response(status)
            for name, text in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the parent's name)
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def client(script: Script) -> Iterator[Client]:
    with Client(script.url, "cenv") as made:
        yield made


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the client would have slept."""
    asked: list[float] = []
    monkeypatch.setattr("wce.client.time.sleep", asked.append)
    return asked


OK: Answer = (200, {}, b"{}")
Waits = list[float]


def test_it_waits_as_long_as_the_server_asks(script: Script, client: Client, waits: Waits) -> None:
    script.answers = [(429, {"Retry-After": "7"}, b"{}"), OK]

    client.call("POST", "query", {})

    assert waits == [7.0]
    assert len(script.requests) == 2


def test_it_asks_again_when_the_server_is_busy(script: Script, client: Client, waits: Waits) -> None:
    script.answers = [(503, {}, b"{}"), OK]

    client.call("POST", "query", {})

    assert waits == [1.0]


def test_a_write_whose_answer_got_lost_is_sent_again_under_the_same_key(script: Script, client: Client) -> None:
    script.answers = [None, OK]

    client.transaction_of(['{"sql":"SELECT 1"}'])

    first, second = script.requests
    assert first["headers"]["Idempotency-Key"] == second["headers"]["Idempotency-Key"]
    assert first["body"] == second["body"] == {"statements": [{"sql": "SELECT 1"}]}


def test_two_writes_have_two_keys(script: Script, client: Client) -> None:
    script.answers = [OK, OK]

    client.transaction([])
    client.transaction([])

    assert len({request["headers"]["Idempotency-Key"] for request in script.requests}) == 2


def test_a_call_that_may_have_happened_is_not_repeated(script: Script, client: Client) -> None:
    script.answers = [None]

    with pytest.raises(OSError, match="without response"):
        client.call("POST", "admin/users", {})

    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [301, 303, 307])
def test_being_sent_elsewhere_is_no_success(script: Script, client: Client, status: int) -> None:
    script.answers = [(status, {"Location": "https://notes.example/cenv/query"}, b"")]

    with pytest.raises(ApiError, match=r"another address: https://notes\.example") as caught:
        client.query("INSERT INTO notes VALUES (1)")

    assert caught.value.problem["location"] == "https://notes.example/cenv/query"


def test_a_refusal_carries_status_code_and_reason(script: Script, client: Client, waits: Waits) -> None:
    script.answers = [(403, {}, json.dumps({"code": "forbidden", "detail": "no"}).encode())]

    with pytest.raises(ApiError, match="403 forbidden: no") as caught:
        client.call("POST", "query", {})

    assert (caught.value.status, caught.value.code, waits) == (403, "forbidden", [])


def test_an_answer_that_is_no_json_is_shown_as_it_is(script: Script, client: Client) -> None:
    script.answers = [(502, {}, b"<h1>Bad Gateway</h1>")]

    with pytest.raises(ApiError, match="Bad Gateway"):
        client.call("POST", "query", {})


def test_it_gives_up_after_a_while(script: Script, client: Client, waits: Waits) -> None:
    script.answers = [(429, {"Retry-After": "3600"}, b'{"code": "rate_limited"}')] * 8

    with pytest.raises(ApiError, match="rate_limited"):
        client.call("POST", "query", {})

    assert waits == [60.0] * 7


def test_the_token_of_a_login_goes_with_what_follows(script: Script, client: Client) -> None:
    script.answers = [(200, {}, b'{"token": "t"}'), OK]

    client.log_in("ada", "secret")
    client.call("POST", "query", {})

    assert "Authorization" not in script.requests[0]["headers"]
    assert script.requests[1]["headers"]["Authorization"] == "Bearer t"


@pytest.mark.parametrize("url", ["127.0.0.1:5309", "ftp://x", "http://"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not an http"):
        Client(url)


def test_values_go_both_ways_and_a_blob_is_bytes(script: Script, client: Client) -> None:
    answer = {"columns": ["id", "raw"], "rows": [{"id": 1, "raw": {"$base64": "AAE="}}], "changes": 1, "last_row_id": 1, "truncated": True}
    script.answers = [(200, {}, json.dumps(answer).encode())]

    found = client.query("SELECT :raw", {"raw": b"\0\1", "n": None}, max_rows=1, key="once")

    assert (found.columns, found.rows) == (["id", "raw"], [{"id": 1, "raw": b"\0\1"}])
    assert (found.changes, found.last_row_id, found.truncated) == (1, 1, True)
    sent = script.requests[0]
    assert sent["body"] == {"sql": "SELECT :raw", "params": {"raw": {"$base64": "AAE="}, "n": None}, "format": "objects", "max_rows": 1}
    assert sent["headers"]["Idempotency-Key"] == "once"


def test_rows_may_be_lists(script: Script, client: Client) -> None:
    script.answers = [(200, {}, b'{"rows": [[1, {"$base64": "AAE="}]]}')]

    assert client.query("SELECT 1, x", [b"x"], as_lists=True).rows == [[1, b"\0\1"]]
    assert script.requests[0]["body"]["params"] == [{"$base64": "eA=="}]


def test_a_transaction_takes_texts_and_texts_with_values(script: Script, client: Client) -> None:
    script.answers = [(200, {}, b'{"results": [{"changes": 1}, {"rows": [{"n": 1}]}]}')]

    first, second = client.transaction([("INSERT INTO t VALUES (?)", [1]), "SELECT count(*) AS n FROM t"])

    assert (first.changes, second.rows) == (1, [{"n": 1}])
    assert script.requests[0]["body"] == {
        "statements": [{"sql": "INSERT INTO t VALUES (?)", "params": [1]}, {"sql": "SELECT count(*) AS n FROM t"}]
    }


def test_a_new_cenv_is_the_clients_from_then_on(script: Script, client: Client) -> None:
    script.answers = [(201, {}, b'{"cenv_id": "c", "cenv_url": "u"}'), (200, {}, b'{"token": "t"}'), OK]

    made = client.create_cenv("ada", "secret", "todo")
    client.endpoint("POST", "/notes/a b?x=1", {})

    assert made["cenv_url"] == "u"
    assert [request["path"] for request in script.requests] == ["/new", "/c/login", "/c/api/notes/a%20b?x=1"]
    assert script.requests[0]["body"]["example"] == "todo"
    assert script.requests[2]["headers"]["Authorization"] == "Bearer t"


def test_the_client_needs_nothing_but_the_standard_library() -> None:
    script = "import sys, wce.client; print({'flask', 'pydantic', 'requests', 'wce.errors'} & set(sys.modules) or [])"

    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"
