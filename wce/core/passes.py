"""Weaker stand-ins for a session: to look at private pages, and for a page that calls private endpoints.

Both are signed by the server and name a session; when that ends, they do. Neither opens what a session opens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from wce.core.logins import STATE, Authenticated
from wce.core.tokens import Tokens
from wce.errors import WceError
from wce.model import PUBLIC_ID, Actor, Role, State
from wce.store.session import Session

PREFIX: Final = "wcep_"  # of a page's token
PAGE_SECONDS: Final = 600
VIEW_SECONDS: Final = 86_400
TICKET_SECONDS: Final = 60
MAX_PAGE: Final = 512  # characters
_VIEW: Final = "view"
_PAGE: Final = "page"


def issue_view(tokens: Tokens, cenv: str, user_id: int, session_id: str, now: float, *, seconds: int = VIEW_SECONDS) -> str:
    """A token with which a browser may look at private pages, as whoever has this session."""
    return tokens.issue(f"{cenv} {_VIEW}", user_id, session_id, now, int(now) + seconds)


def issue_page(tokens: Tokens, cenv: str, actor: Actor, page: str, now: float) -> tuple[str, int]:
    """A token with which one page may call endpoints for ten minutes, and when it ends."""
    if actor.session_id is None:
        raise WceError("forbidden", "Only a session can get a token for a page.")
    ends_at = int(now) + PAGE_SECONDS
    return PREFIX + tokens.issue(f"{cenv} {_PAGE}", actor.user_id, f"{actor.session_id} {page}", now, ends_at), ends_at


def viewer(session: Session, tokens: Tokens, token: str, now: float, ip_address: str = "", user_agent: str = "") -> Authenticated:
    """Whom a view token stands for; raises `bad_token`."""
    claims = tokens.read(token, f"{session.cenv} {_VIEW}", now)
    return _stand_in(session, claims.user_id, claims.session_id, now, ip_address, user_agent)


def caller(session: Session, tokens: Tokens, token: str, now: float, ip_address: str = "", user_agent: str = "") -> Authenticated:
    """Whom a page's token stands for, marked with the page; raises `bad_token`."""
    claims = tokens.read(token.removeprefix(PREFIX), f"{session.cenv} {_PAGE}", now)
    session_id, _, page = claims.session_id.partition(" ")
    found = _stand_in(session, claims.user_id, session_id, now, ip_address, user_agent)
    return replace(found, actor=replace(found.actor, page=page))


def _stand_in(session: Session, user_id: int, session_id: str, now: float, ip_address: str, user_agent: str) -> Authenticated:
    row = session.one(
        f"SELECT u.username, u.role, s.last_used, {STATE} FROM _wce_state t"
        " CROSS JOIN _wce_sessions s ON s.session_id = ? AND s.user_id = ? AND s.expires_at > ?"
        " CROSS JOIN _wce_users u ON u.user_id = s.user_id AND u.enabled WHERE t.id = 1",
        (session_id, user_id, int(now)),
    )
    if row is None or user_id == PUBLIC_ID:
        raise WceError("bad_token")
    return Authenticated(Actor(user_id, row[0], Role(row[1]), session_id, ip_address, user_agent), State(*row[3:]), row[2])
