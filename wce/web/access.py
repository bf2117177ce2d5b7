"""Who may call a view, said where the view is registered. A route that says nothing answers nobody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from wce.errors import WceError
from wce.model import Actor, Role
from wce.web.headers import ResponseClass

# public: credentials are not even looked at. anyone: they may be there. The others want at least that role.
Who = Literal["public", "anyone", "user", "admin", "owner"]
View = TypeVar("View", bound=Callable[..., Any])
_ATTRIBUTE: Final = "wce_access"
_LOWEST: Final = {"user": Role.VIEWER, "admin": Role.ADMIN, "owner": Role.OWNER}


@dataclass(frozen=True, slots=True)
class Access:
    """What a view declares: who may call it, and of which class its answers are."""

    who: Who
    response: ResponseClass = ResponseClass.API

    @property
    def looks_at_credentials(self) -> bool:
        return self.who != "public"


CLOSED: Final = Access("owner", ResponseClass.CONTENT)  # stands for a view without a declaration; `require` refuses everybody


def access(who: Who, response: ResponseClass = ResponseClass.API) -> Callable[[View], View]:
    """Declare who may call the view below; goes under the route's own decorator."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, Access(who, response))
        return view

    return mark


def declared(view: Callable[..., Any] | None) -> Access:
    """What the view declares, or CLOSED."""
    found = getattr(view, _ATTRIBUTE, CLOSED)
    return found if isinstance(found, Access) else CLOSED


def require(rule: Access, actor: Actor) -> None:
    """Raise unless the actor may call a view of this rule: `not_signed_in` for the public, `forbidden` for a lower role."""
    if rule is CLOSED:
        raise WceError("forbidden", "This address is not open to anybody.")
    if rule.who in ("public", "anyone"):
        return
    if actor.role is Role.PUBLIC:
        raise WceError("not_signed_in")
    if actor.role.rank < _LOWEST[rule.who].rank:
        raise WceError("forbidden", f"This needs the role {_LOWEST[rule.who].value} or higher.")
