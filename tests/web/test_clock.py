"""The server's clock jumps: nothing is lost, nobody keeps what should end, and nobody is locked out for long."""

from __future__ import annotations

import pytest

from tests.web.callers import Caller, Clock, sign_in
from tests.web.test_pages import publish

DAY = 86_400


@pytest.mark.parametrize("days", [-400, -1, 400])
def test_after_a_jump_people_sign_in_write_and_are_logged(owner: Caller, clock: Clock, days: int) -> None:
    owner.sql("CREATE TABLE notes (text TEXT)")

    clock.seconds += days * DAY
    again = sign_in(owner.client, owner.cenv, "owner")

    assert again.sql("INSERT INTO notes VALUES ('x')")["changes"] == 1
    assert again.get("/admin/audit/verify").json["ok"] is True
    assert owner.get("/me").status_code == (401 if days > 0 else 200)


def test_a_clock_that_was_wrong_and_is_set_back_holds_nobody_up(owner: Caller, visitor: Caller, clock: Clock) -> None:
    owner.put("/admin/config", {"rate_limit_ip": "3 per minute"})
    clock.seconds += 10 * DAY
    while visitor.get("/me").status_code == 401:
        continue

    clock.seconds -= 10 * DAY
    refused = visitor.get("/me")
    clock.seconds += 60

    assert int(refused.headers["Retry-After"]) <= 60
    assert visitor.get("/me").status_code == 401


def test_a_session_from_the_future_ends_when_it_said(owner: Caller, clock: Clock) -> None:
    clock.seconds += 10 * DAY
    early = sign_in(owner.client, owner.cenv, "owner")

    clock.seconds -= 10 * DAY
    assert early.get("/me").status_code == 200
    clock.seconds += 11 * DAY

    assert early.get("/me").json["code"] == "bad_token"


def test_a_page_that_is_made_after_the_clock_was_set_back_is_not_taken_for_the_one_before(
    owner: Caller, visitor: Caller, clock: Clock
) -> None:
    made = publish(owner, "index", "one", syntax="html")
    changed = [visitor.get("/pages/") for _ in range(2)][1].headers["Last-Modified"]

    clock.seconds -= 3600
    owner.put(f"/admin/templates/{made['id']}", {"content": "two"})
    visitor.get("/pages/")
    clock.seconds += 2 * 3600

    assert visitor.get("/pages/", headers={"If-Modified-Since": changed}).text == "two"
