"""The second factor over HTTP: set up, asked for, used once, lost and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from tests.web.callers import PASSWORD, Caller, Clock


def code(secret: str, clock: Clock, *, steps: int = 0) -> str:
    """What the user's device shows now, or some steps of 30 seconds away."""
    return str(pyotp.TOTP(secret).generate_otp(int(clock()) // 30 + steps))


def turn_on(user: Caller, clock: Clock) -> tuple[str, list[str]]:
    """The secret and the recovery codes of a user whose second factor is on; its last code is used up."""
    secret = user.post("/totp", {"password": PASSWORD}).json["secret"]
    answer = user.post("/totp/confirm", {"totp": code(secret, clock)})
    assert answer.status_code == 200, answer.text
    clock.seconds += 60
    return secret, answer.json["recovery_codes"]


def log_in(visitor: Caller, username: str = "owner", **given: Any) -> tuple[int, str]:
    answer = visitor.post("/login", {"username": username, "password": PASSWORD} | given)
    return answer.status_code, answer.json.get("code", "")


# Switched on.


def test_a_cenv_that_was_brought_back_by_the_password_asks_for_codes_as_before(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, _ = turn_on(owner, clock)
    owner.post("/admin/delete", {"password": PASSWORD, "confirm": owner.cenv})

    back = visitor.client.post("/undelete", json={"cenv_id": owner.cenv, "username": "owner", "password": PASSWORD})

    assert back.json.keys() == {"cenv_id", "cenv_url"}
    assert owner.get("/me").status_code == 401
    assert log_in(visitor) == (401, "totp_required")
    assert log_in(visitor, totp=code(secret, clock)) == (200, "")


def test_the_setup_tells_the_secret_as_text_address_and_picture(owner: Caller) -> None:
    answer = owner.post("/totp", {"password": PASSWORD})

    assert answer.status_code == 201
    address = urlsplit(answer.json["uri"])
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert parse_qs(address.query) == {"secret": [answer.json["secret"]], "issuer": ["WCE"]}
    assert answer.json["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert "<script" not in answer.json["qr_svg"]


def test_nothing_changes_before_the_first_code(owner: Caller, visitor: Caller) -> None:
    owner.post("/totp", {"password": PASSWORD})

    assert owner.get("/totp").json == {"enabled": False, "since": None, "recovery_codes_left": 0}
    assert log_in(visitor) == (200, "")


def test_the_first_code_switches_it_on(owner: Caller, clock: Clock) -> None:
    now = clock()
    _, recovery = turn_on(owner, clock)

    assert len(set(recovery)) == 10
    assert owner.get("/totp").json == {"enabled": True, "since": now, "recovery_codes_left": 10}


def test_a_wrong_first_code_switches_nothing_on(owner: Caller, visitor: Caller) -> None:
    secret = owner.post("/totp", {"password": PASSWORD}).json["secret"]

    for wrong in ("000000", "", "12345", "１２３４５６", secret):
        answer = owner.post("/totp/confirm", {"totp": wrong})
        assert answer.json["errors"][0]["field"] == "totp"
    assert log_in(visitor) == (200, "")


def test_there_must_be_something_to_confirm_and_something_on(owner: Caller) -> None:
    assert owner.post("/totp/confirm", {"totp": "123456"}).status_code == 404
    assert owner.post("/totp/recovery-codes", {"password": PASSWORD}).status_code == 404
    assert owner.delete("/totp", json={"password": PASSWORD}).status_code == 404


def test_a_new_device_takes_over_with_its_first_code(owner: Caller, visitor: Caller, clock: Clock) -> None:
    old, _ = turn_on(owner, clock)
    new = owner.post("/totp", {"password": PASSWORD}).json["secret"]
    assert log_in(visitor, totp=code(old, clock)) == (200, "")
    clock.seconds += 60

    owner.post("/totp/confirm", {"totp": code(new, clock)})
    clock.seconds += 60

    assert log_in(visitor, totp=code(old, clock))[0] == 401
    assert log_in(visitor, totp=code(new, clock)) == (200, "")


# Asked for.


def test_the_password_alone_does_no_more(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, _ = turn_on(owner, clock)

    asked = visitor.post("/login", {"username": "owner", "password": PASSWORD})

    assert (asked.status_code, asked.json["code"]) == (401, "totp_required")
    assert "Set-Cookie" not in asked.headers
    assert log_in(visitor, totp=code(secret, clock)) == (200, "")
    assert owner.get("/me").status_code == 200


def test_who_does_not_know_the_password_learns_nothing_of_it(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, _ = turn_on(owner, clock)

    assert log_in(visitor, password="wrong horse") == (401, "bad_credentials")
    assert log_in(visitor, password="wrong horse", totp=code(secret, clock)) == (401, "bad_credentials")


def test_a_code_counts_once(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, _ = turn_on(owner, clock)
    shown = code(secret, clock)

    assert [log_in(visitor, totp=shown) for _ in range(2)] == [(200, ""), (401, "totp_required")]
    assert log_in(visitor, totp=code(secret, clock, steps=-1)) == (401, "totp_required"), "an older one does not come back"


def test_the_code_that_switched_it_on_counts_no_more(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret = owner.post("/totp", {"password": PASSWORD}).json["secret"]
    shown = code(secret, clock)
    owner.post("/totp/confirm", {"totp": shown})

    assert log_in(visitor, totp=shown) == (401, "totp_required")


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 200), (0, 200), (1, 200), (2, 401)])
def test_a_clock_may_be_wrong_by_one_step(owner: Caller, visitor: Caller, clock: Clock, steps: int, status: int) -> None:
    secret, _ = turn_on(owner, clock)
    clock.seconds += 300

    assert log_in(visitor, totp=code(secret, clock, steps=steps))[0] == status


def test_a_recovery_code_counts_once_however_it_is_spelled(owner: Caller, visitor: Caller, clock: Clock) -> None:
    _, recovery = turn_on(owner, clock)
    spelled = recovery[3].upper().replace("-", " ")

    assert [log_in(visitor, recovery_code=spelled) for _ in range(2)] == [(200, ""), (401, "totp_required")]
    assert owner.get("/totp").json["recovery_codes_left"] == 9


def test_new_recovery_codes_end_the_old_ones(owner: Caller, visitor: Caller, clock: Clock) -> None:
    _, old = turn_on(owner, clock)

    new = owner.post("/totp/recovery-codes", {"password": PASSWORD}).json["recovery_codes"]

    assert log_in(visitor, recovery_code=old[0])[0] == 401
    assert log_in(visitor, recovery_code=new[0])[0] == 200


def test_who_guesses_codes_waits_and_a_recovery_code_still_works(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, recovery = turn_on(owner, clock)
    right = code(secret, clock)
    wrong = next(
        guess for guess in ("000000", "111111", "222222", "333333") if guess not in {code(secret, clock, steps=n) for n in (-1, 0, 1)}
    )
    for number in range(10):  # from ten addresses, so that nothing but the account counts
        visitor.post(
            "/login", {"username": "owner", "password": PASSWORD, "totp": wrong}, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}
        )

    refused = visitor.post("/login", {"username": "owner", "password": PASSWORD, "totp": right})

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "900")
    assert log_in(visitor, recovery_code=recovery[0])[0] == 200
    clock.seconds += 900
    assert log_in(visitor, totp=code(secret, clock))[0] == 200


def test_codes_that_a_clock_ahead_has_refused_keep_nobody_out_when_it_is_right_again(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, _ = turn_on(owner, clock)
    right = code(secret, clock)
    clock.seconds += 86_400
    for number in range(10):
        visitor.post(
            "/login", {"username": "owner", "password": PASSWORD, "totp": right}, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}
        )
    assert log_in(visitor, totp=code(secret, clock))[0] == 429

    clock.seconds -= 86_400

    assert log_in(visitor, totp=right)[0] == 200


def test_failures_stand_in_the_log_and_codes_do_not(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, recovery = turn_on(owner, clock)
    log_in(visitor, totp="000000")
    log_in(visitor, recovery_code=recovery[0])

    log = owner.get("/admin/audit")

    actions = [entry["action"] for entry in log.json["entries"]]
    assert actions[:5] == ["login.success", "totp.recovery", "login.failure", "totp.on", "totp.begin"]
    assert secret not in log.text
    assert recovery[0] not in log.text


# Switched off.


@pytest.mark.parametrize(("method", "path"), [("POST", "/totp"), ("DELETE", "/totp"), ("POST", "/totp/recovery-codes")])
def test_every_change_asks_for_the_password_again(owner: Caller, clock: Clock, method: str, path: str) -> None:
    turn_on(owner, clock)

    assert owner.send(method, path, {"password": "wrong horse"}).json["code"] == "bad_credentials"
    assert owner.send(method, path, {}).status_code == 422
    assert owner.get("/totp").json["enabled"] is True


def test_switched_off_the_password_does_again(owner: Caller, visitor: Caller, clock: Clock) -> None:
    turn_on(owner, clock)

    assert owner.delete("/totp", json={"password": PASSWORD}).status_code == 204

    assert log_in(visitor) == (200, "")
    assert owner.get("/totp").json == {"enabled": False, "since": None, "recovery_codes_left": 0}


def test_an_admin_resets_it_for_those_below_him(owner: Caller, visitor: Caller, invite: Callable[..., Caller], clock: Clock) -> None:
    admin, user = invite("admin", "admin"), invite("user", "editor")
    for someone in (owner, admin, user):
        turn_on(someone, clock)

    answers = [admin.delete(f"/admin/users/{user_id}/totp").status_code for user_id in (user.user_id, owner.user_id, admin.user_id, 99)]

    assert answers == [204, 403, 403, 404]
    assert log_in(visitor, "user") == (200, "")
    assert log_in(visitor, "owner")[0] == 401
    assert admin.delete(f"/admin/users/{user.user_id}/totp").status_code == 404


def test_the_secret_is_for_nobody_to_read(owner: Caller, clock: Clock) -> None:
    turn_on(owner, clock)

    for column, table in (("totp_secret", "second_factors"), ("pending_secret", "second_factors"), ("code_hash", "recovery_codes")):
        assert owner.post("/query", {"sql": f"SELECT {column} FROM _wce_{table}"}).json["code"] == "table_forbidden"


def test_an_api_key_touches_no_second_factor(owner: Caller) -> None:
    holder = replace(owner, token=owner.post("/keys", {"name": "x"}).json["key"])

    assert holder.get("/totp").status_code == 403
    assert holder.post("/totp", {"password": PASSWORD}).status_code == 403


def test_a_registration_needs_no_code(owner: Caller, visitor: Caller) -> None:
    owner.put("/admin/config", {"allow_registration": True})

    assert visitor.post("/register", {"username": "newcomer", "password": PASSWORD}).status_code == 200


def test_a_recovery_code_counts_once_also_where_a_backup_is_brought_back(owner: Caller, visitor: Caller, clock: Clock) -> None:
    _, (used, free, *_) = turn_on(owner, clock)
    backup = owner.post("/admin/backups").json["id"]
    assert log_in(visitor, recovery_code=used) == (200, "")

    assert owner.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD}).status_code == 200

    assert log_in(visitor, recovery_code=used) == (401, "totp_required")
    assert log_in(visitor, recovery_code=free) == (200, "")


def test_recovery_codes_that_were_replaced_do_not_come_back_with_a_backup(owner: Caller, visitor: Caller, clock: Clock) -> None:
    secret, (old, *_) = turn_on(owner, clock)
    backup = owner.post("/admin/backups").json["id"]
    owner.post("/totp/recovery-codes", {"password": PASSWORD})

    owner.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})

    assert log_in(visitor, recovery_code=old) == (401, "totp_required")
    assert log_in(visitor, totp=code(secret, clock)) == (200, "")


def test_a_second_factor_that_comes_back_with_a_backup_brings_its_recovery_codes(owner: Caller, visitor: Caller, clock: Clock) -> None:
    _, (old, *_) = turn_on(owner, clock)
    backup = owner.post("/admin/backups").json["id"]
    owner.delete("/totp", json={"password": PASSWORD})

    owner.post(f"/admin/backups/{backup}/restore", {"password": PASSWORD})

    assert log_in(visitor, recovery_code=old) == (200, "")
