"""Guessing passwords gets slower and slower, for the guesser alone."""

from __future__ import annotations

from tests.web.callers import PASSWORD, Caller, Clock


def guess(visitor: Caller, password: str = "a wrong guess", address: str = "192.0.2.1", username: str = "owner") -> tuple[int, str | None]:
    answer = visitor.post("/login", {"username": username, "password": password}, environ_base={"REMOTE_ADDR": address})
    return answer.status_code, answer.headers.get("Retry-After")


def test_after_three_failures_each_further_one_doubles_the_wait(visitor: Caller, clock: Clock) -> None:
    assert [guess(visitor)[0] for _ in range(4)] == [401] * 4
    waits = []

    for _ in range(10):
        status, wait = guess(visitor)
        assert (status, wait is not None) == (429, True)
        waits.append(int(wait or 0))
        clock.seconds += waits[-1]
        assert guess(visitor)[0] == 401

    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_waiting_is_not_counted_as_a_failure(visitor: Caller, clock: Clock) -> None:
    for _ in range(4):
        guess(visitor)
    for _ in range(20):
        assert guess(visitor) == (429, "2")

    clock.seconds += 2

    assert guess(visitor, PASSWORD)[0] == 200


def test_what_a_clock_that_was_ahead_has_said_keeps_nobody_waiting(visitor: Caller, clock: Clock) -> None:
    clock.seconds += 86_400
    for _ in range(4):
        guess(visitor)
    assert guess(visitor, PASSWORD)[0] == 429

    clock.seconds -= 86_400

    assert guess(visitor, PASSWORD)[0] == 200


def test_a_stranger_locks_nobody_out(visitor: Caller) -> None:
    for _ in range(4):
        guess(visitor)

    assert guess(visitor)[0] == 429
    assert guess(visitor, PASSWORD, "192.0.2.2")[0] == 200
    assert guess(visitor, PASSWORD, "2001:db8::1")[0] == 200


def test_an_ipv6_line_is_one_guesser_and_a_name_one_name(visitor: Caller) -> None:
    for number in range(4):
        guess(visitor, address=f"2001:db8::{number}", username="OWNER" if number % 2 else "owner")

    assert guess(visitor, PASSWORD, "2001:db8::ffff")[0] == 429
    assert guess(visitor, address="2001:db8::1", username="somebody")[0] == 401


def test_a_login_that_works_forgets_the_failures(visitor: Caller) -> None:
    for _ in range(3):
        guess(visitor)
    assert guess(visitor, PASSWORD)[0] == 200

    assert [guess(visitor)[0] for _ in range(4)] == [401] * 4


def test_failures_are_forgotten_after_an_hour(visitor: Caller, clock: Clock) -> None:
    for _ in range(3):
        guess(visitor)

    clock.seconds += 3600

    assert [guess(visitor)[0] for _ in range(4)] == [401] * 4


def test_names_that_there_are_not_wait_alike(visitor: Caller) -> None:
    assert [guess(visitor, username="nobody")[0] for _ in range(5)] == [401, 401, 401, 401, 429]


def test_whoever_is_signed_in_guesses_no_faster(owner: Caller, clock: Clock) -> None:
    wrong = [("/totp", {}), ("/password", {}), ("/admin/users/1/owner", {}), ("/keys", {"name": "x", "scope": {"administration": True}})]
    for path, more in wrong:
        password = {"current_password": "a wrong guess", "new_password": PASSWORD} if path == "/password" else {"password": "a wrong guess"}
        assert owner.post(path, more | password).status_code == 401

    waits = [owner.post("/totp", {"password": PASSWORD}), owner.post("/login", {"username": "owner", "password": PASSWORD})]
    clock.seconds += 2

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in waits] == [(429, "2")] * 2
    assert owner.post("/totp", {"password": PASSWORD}).status_code == 201


def test_nor_does_whoever_brings_a_cenv_back(visitor: Caller) -> None:
    body = {"cenv_id": visitor.cenv, "username": "owner", "password": "a wrong guess"}

    assert [visitor.client.post("/undelete", json=body).status_code for _ in range(5)] == [401] * 4 + [429]
