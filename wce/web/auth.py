"""Signing in and out, and what a signed-in user may do with his own account."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, request

from wce.core import keys, logins, passes, tables, users
from wce.core.settings import CenvSettings
from wce.core.totp import Proof
from wce.model import Role
from wce.store.session import Session
from wce.web import account_bodies, bodies, cookies, delays, responses
from wce.web.access import access
from wce.web.context import actor, cenv, cenv_settings, current, grants, own_origin, who
from wce.web.screens import next_place, only_shows, screen
from wce.web.services import services

bp = Blueprint("auth", __name__, url_prefix="/<cenv:cenv_id>")


@bp.get("/login")
@access("anyone")
def how_to_log_in(cenv_id: str) -> Response:
    """Whether visitors may register; for a browser the page for signing in, and the way on for whoever is signed in already."""
    config = cenv_settings()
    if responses.wanted(responses.JSON, responses.HTML) == responses.JSON:
        return responses.json({"title": config.title, "allow_registration": config.allow_registration})
    onwards = next_place(request.args.get("next", ""))
    if actor().role is not Role.PUBLIC:
        return responses.see_other(onwards)
    foreign = cookies.is_foreign(request.headers.get("Sec-Fetch-Site"))
    if foreign and not only_shows(onwards):
        return responses.see_other(f"/{cenv_id}/login")  # nobody else's link has a script act for whoever follows it
    name = config.title or f"cenv {cenv_id[:8]}"
    return responses.page("login.html", config=config, cenv=cenv_id, cenv_name=name, foreign=foreign, next=onwards)


@bp.post("/login")
@access("public")
def login(cenv_id: str) -> Response:
    """A session, as a token and as a cookie."""
    body = bodies.read(account_bodies.Login, bodies.LOGIN_BYTES)
    app, guess = services(), (cenv_id, current().ip_address, body.username)
    with delays.guessing(app.counters, *guess), app.store.session(cenv_id) as session:
        made = _log_in(session, cenv_settings(), body.username, body.password, Proof(body.totp, body.recovery_code))
    delays.succeeded(app.counters, *guess)
    return _signed_in(made)


@bp.post("/register")
@access("public")
def register(cenv_id: str) -> Response:
    """Make an account of your own if the cenv allows it; you are signed in at once."""
    body = bodies.read(bodies.Registration, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        config = cenv_settings()
        users.register(
            session,
            app.passwords,
            config,
            who().state.settings,
            actor(),
            username=body.username,
            password=body.password,
            email=body.email,
        )
        return _signed_in(_log_in(session, config, body.username, body.password, Proof()))


@bp.post("/logout")
@access("anyone")
def logout(cenv_id: str) -> Response:
    """End this session; without one there is nothing to end."""
    with services().store.session(cenv_id) as session:
        logins.log_out(session, actor())
    if cookies.counts(request.method, request.headers, own_origin()):
        return _forget()
    return responses.no_content()  # a page of somebody else must not take the visitor's cookie


@bp.get("/me")
@screen("profile.html")
@access("user", keys="any")
def me(cenv_id: str) -> Response:
    """Who you are, and what you may do with which table."""
    app, user = services(), actor()
    found = tables.list_tables(app.guard.catalogue(cenv_id), grants())
    value: dict[str, Any] = {"user_id": user.user_id, "username": user.username, "role": user.role, "cenv_id": cenv_id}
    if current().by_cookie and user.session_id is not None:
        value["csrf_token"] = app.tokens.csrf(user.session_id)
    if user.scope is not None:
        value["key"] = {"id": user.key_id, "scope": keys.plain(user.scope)}
    return responses.json(value | {"permissions": {table.name: asdict(table.rights) for table in found}})


@bp.post("/password")
@access("user")
def password(cenv_id: str) -> Response:
    """Change your own password; all sessions end, and the answer is a new one."""
    body = bodies.read(bodies.NewPassword, bodies.LOGIN_BYTES)
    app = services()
    with app.store.session(cenv_id) as session:
        old, new = body.current_password, body.new_password
        config = cenv_settings()
        made = logins.change_password(session, app.passwords, app.tokens, config, actor(), old, new, end_keys=body.end_keys)
    return _signed_in(made)


@bp.get("/sessions")
@screen("sessions.html")
@access("user")
def list_sessions(cenv_id: str) -> Response:
    """Your own sessions that are still valid."""
    app = services()
    with app.store.session(cenv_id) as session:
        found = logins.list_sessions(session, actor(), app.now(), app.traffic.noted(cenv_id))
    return responses.json({"sessions": [asdict(item) for item in found]})


@bp.delete("/sessions")
@access("user")
def delete_sessions(cenv_id: str) -> Response:
    """End all your own sessions, including this one."""
    with services().store.session(cenv_id) as session:
        logins.revoke_all(session, actor())
    return _forget()


@bp.delete("/sessions/<session_id>")
@access("user")
def delete_session(cenv_id: str, session_id: str) -> Response:
    """End one of your own sessions."""
    with services().store.session(cenv_id) as session:
        logins.revoke_session(session, actor(), session_id)
    return _forget() if session_id == actor().session_id else responses.no_content()


def _log_in(session: Session, config: CenvSettings, username: str, secret: str, second: Proof) -> logins.LoggedIn:
    app = services()
    return logins.log_in(session, app.passwords, app.tokens, config, actor(), username, secret, second)


def _signed_in(made: logins.LoggedIn) -> Response:
    response = responses.json({"token": made.token, "expires_at": made.expires_at})
    app = services()
    lasts = int(made.expires_at - app.now())
    cookies.put(response, cenv(), made.token, max_age_seconds=lasts, secure=_https())
    view = passes.issue_view(app.tokens, cenv(), made.user_id, made.session_id, app.now(), seconds=lasts)
    cookies.put_view(response, cenv(), view, max_age_seconds=lasts, secure=_https())
    return response


def _forget() -> Response:
    response = responses.no_content()
    cookies.drop(response, cenv(), secure=_https())
    return response


def _https() -> bool:
    return request.is_secure or services().settings.base_url.startswith("https:")
