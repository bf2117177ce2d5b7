"""Who may call a view, said where the view is registered. A route that says nothing answers nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from wce.errors import WceError
from wce.model import Actor, Role, Scope
from wce.web.cookies import SAFE
from wce.web.headers import ResponseClass

# public: credentials are not even looked at. anyone: they may be there. The others want at least that role.
Who = Literal["public", "anyone", "user", "admin", "owner"]
# Which API keys may call it: none, all, those whose scope opens SQL, those that name endpoints, those that may administer.
Keys = Literal["none", "any", "sql", "endpoints", "administration"]
View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE: Final = "wce_access"
_LOWEST: Final = {"user": Role.VIEWER, "admin": Role.ADMIN, "owner": Role.OWNER}
_LEAST_RANK: Final = {who: role.rank for who, role in _LOWEST.items()}


@dataclass(frozen=True, slots=True)
class Access:
    """What a view declares: who may call it, and of which class its answers are."""

    who: Who
    response: ResponseClass = ResponseClass.API
    keys: Keys = "none"
    views: bool = False

    @property
    def looks_at_credentials(self) -> bool:
        return self.who != "public"


CLOSED: Final = Access("owner", ResponseClass.CONTENT)  # stands for a view without a declaration; `require` refuses everybody


def access(who: Who, response: ResponseClass = ResponseClass.API, *, keys: Keys = "none", views: bool = False) -> Callable[[View], View]:
    """Declare who may call the view below; goes under the route's own decorator.

    A view of administrators is open to API keys that may administer; another one that says nothing of keys is open to none.
    `views`: a browser that only has a view token may look at it.
    """

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, Access(who, response, keys, views))
        return view

    return mark


def declared(view: Callable[..., Any] | None) -> Access:
    """What the view declares, or CLOSED."""
    found = getattr(view, _ATTRIBUTE, CLOSED)
    return found if isinstance(found, Access) else CLOSED


def require(rule: Access, actor: Actor, method: str) -> None:
    """Raise unless the actor may call a view of this rule: `not_signed_in` for the public, `forbidden` for a lower role or a key."""
    if rule is CLOSED:
        raise WceError("forbidden", "This address is not open to anybody.")
    if actor.page is not None and rule.keys != "endpoints" and rule.who != "public":
        raise WceError("forbidden", "A page's token opens endpoints and nothing else.")
    if actor.scope is not None and rule.who != "public":
        _require_key(rule, actor.scope, method)
    if rule.who in ("public", "anyone"):
        return
    if actor.role is Role.PUBLIC:
        raise WceError("not_signed_in")
    if actor.role.rank < _LEAST_RANK[rule.who]:
        raise WceError("forbidden", f"This needs the role {_LOWEST[rule.who].value} or higher.")


def _require_key(rule: Access, scope: Scope, method: str) -> None:
    """Raise `forbidden` unless an API key of this scope may call a view of this rule."""
    wanted = "administration" if rule.who in ("admin", "owner") else rule.keys
    if wanted == "none":
        raise WceError("forbidden", "This is not open to API keys: sign in.")
    if wanted == "sql":
        closed = scope.tables is None and scope.endpoints is not None
    elif wanted == "endpoints":
        closed = scope.endpoints is None and scope.tables is not None
    else:
        closed = wanted == "administration" and not (scope.administration and (method in SAFE or not scope.read_only))
    if closed:
        raise WceError("forbidden", "The scope of this API key does not include this.")
