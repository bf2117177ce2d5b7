from __future__ import annotations

import threading
import time
import unicodedata

import pytest
from passlib.hash import bcrypt

from wce.core.passwords import Passwords, check
from wce.errors import WceError
from wce.metrics import Metrics


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords(Metrics(), rounds=4)


def seconds(call) -> float:
    """The least of three runs, in seconds of this thread's processor: what else the machine does does not count."""
    times = []
    for _ in range(3):
        begin = time.thread_time()
        call()
        times.append(time.thread_time() - begin)
    return min(times)


def test_a_password_matches_its_hash_and_no_other(passwords):
    stored = passwords.hash("correct horse")

    assert passwords.verify("correct horse", stored)
    assert not passwords.verify("correct horsE", stored)


def test_the_default_cost_is_twelve():
    passwords = Passwords(Metrics())

    stored = passwords.hash("correct horse")

    assert stored.startswith("$2b$12$")
    assert passwords.verify("correct horse", stored)


@pytest.mark.parametrize("password", ["12345678", "é" * 4, "x" * 72, "é" * 36, "🐎🐎"])
def test_eight_to_seventy_two_bytes_are_a_password(password):
    assert check(password) == password


@pytest.mark.parametrize("password", ["", "1234567", "ééé", "x" * 73, "é" * 37, "12345678\0", "12345678\ud800"])
def test_anything_else_is_refused_before_bcrypt_sees_it(passwords, password):
    with pytest.raises(WceError) as caught:
        passwords.hash(password, "new_password")

    assert caught.value.code == "validation"
    assert caught.value.errors[0].field == "new_password"


def test_the_two_spellings_of_an_accent_are_one_password(passwords):
    stored = passwords.hash(unicodedata.normalize("NFD", "Málaga-Zoë"))

    assert passwords.verify(unicodedata.normalize("NFC", "Málaga-Zoë"), stored)


@pytest.mark.parametrize(
    ("password", "stored"),
    [
        ("correct horse", None),
        ("correct horse", ""),
        ("correct horse", "correct horse"),
        ("short", "$2b$04$" + "." * 53),
        ("x" * 73, None),
        ("correct\0horse", None),
        ("correct horse", "$2b$31$" + "." * 53),
        ("not a password", None),
    ],
)
def test_what_cannot_match_does_not(passwords, password, stored):
    assert not passwords.verify(password, stored)


def test_a_password_is_not_cut_at_the_byte_where_bcrypt_stops_reading(passwords):
    stored = passwords.hash("x" * 72)

    assert not passwords.verify("x" * 73, stored)


def test_a_refusal_takes_as_long_as_a_check():
    passwords = Passwords(Metrics(), rounds=8)
    stored = passwords.hash("correct horse")
    check_seconds = seconds(lambda: passwords.verify("wrong horse!", stored))
    cheap = Passwords(Metrics(), rounds=6).hash("correct horse")  # of a file from elsewhere
    assert passwords.verify("correct horse", cheap)

    for password, known in [
        ("wrong horse!", cheap),
        ("wrong horse!", None),
        ("short", stored),
        ("x" * 100, stored),
        ("wrong horse!", "junk"),
    ]:
        assert seconds(lambda password=password, known=known: passwords.verify(password, known)) > check_seconds / 2


def test_more_checks_than_the_line_holds_are_refused():
    metrics = Metrics()
    passwords = Passwords(metrics, workers=1, rounds=10, queue=2)
    outcomes: list[str] = []

    def check_once() -> None:
        try:
            passwords.verify("correct horse", None)
            outcomes.append("checked")
        except WceError as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=check_once) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("busy") >= 1
    assert outcomes.count("checked") >= 3
    assert metrics.registry.get_sample_value("wce_bcrypt_waiting") == 0


def test_a_hash_that_plain_bcrypt_made_is_understood(passwords):
    assert passwords.verify("correct horse", bcrypt.using(rounds=5).hash("correct horse"))
