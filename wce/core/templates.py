"""Templates: what pages are made from, and which of them answers which address below /pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import itemgetter
from typing import Any, Final

from wce.cache import Cache
from wce.core import paths, versions
from wce.core.authoring import ACCESS, CALLER, RUN_AS, Shelf, check_script, check_words, given_only
from wce.core.paths import Routes
from wce.core.roles import require_administrator
from wce.errors import WceError, invalid
from wce.model import Actor
from wce.store.session import Session
from wce.store.transaction import Transaction

SYNTAXES: Final = ("jinja", "markdown", "html")
INDEX: Final = "index"
ASSETS: Final = "assets"  # below it stand the cenv's files
ERRORS: Final = "errors"  # pages that answer no address of their own
_MAX_TEMPLATES: Final = 1_000
_MAX_TITLE: Final = 200
_CHOICES: Final = {"syntax": SYNTAXES, "access": ACCESS, "run_as": RUN_AS}
_SITES_BYTES: Final = 64 * 1024 * 1024  # of templates that one process keeps, over all cenvs
_ENTRY_BYTES: Final = 2_000
_TYPES: Final = {
    "atom": "application/atom+xml",
    "css": "text/css",
    "csv": "text/csv",
    "ics": "text/calendar",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "rss": "application/rss+xml",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "xml": "application/xml",
}

# (content, syntax) → what the template is as a page where it needs no data, else None; raises WceError `template_error`.
Make = Callable[[str, str], str | None]


@dataclass(frozen=True, slots=True)
class Template:
    """One template; `name` is a path, perhaps with placeholders, and `modified_by` its author.

    `rendered` is the page of a template that needs no data. `access` is the least that a visitor must be.
    """

    id: int
    name: str
    title: str
    description: str
    syntax: str
    content: str
    rendered: str | None
    published: bool
    access: str
    run_as: str
    created_at: int
    modified_at: int
    created_by: int | None
    modified_by: int | None

    @property
    def path(self) -> str:
        """The pattern of the addresses that it answers."""
        return "/" + self.name

    @property
    def method(self) -> str:
        return "GET"

    @property
    def content_type(self) -> str:
        """What its page is, by the ending of its name; HTML where that says nothing."""
        _, dot, ending = self.name.rpartition("/")[2].rpartition(".")
        return f"{_TYPES.get(ending.lower() if dot else '', 'text/html')}; charset=utf-8"


@dataclass(frozen=True, slots=True)
class NewTemplate:
    """A template as its author has it in mind."""

    name: str
    syntax: str
    content: str
    title: str = ""
    description: str = ""
    published: bool = False
    access: str = "user"
    run_as: str = CALLER
    instead_of: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateChanges:
    """What to change; None leaves as it is."""

    name: str | None = None
    syntax: str | None = None
    content: str | None = None
    title: str | None = None
    description: str | None = None
    published: bool | None = None
    access: str | None = None
    run_as: str | None = None
    instead_of: str | None = None


SHELF: Final = Shelf("template", "_wce_templates", Template, "name", _MAX_TEMPLATES, text="content", switch="published")


def list_templates(session: Session) -> list[Template]:
    """All by name."""
    return SHELF.list(session)


def find_template(session: Session, template_id: int) -> Template:
    """One template; raises `not_found`."""
    return SHELF.find(session, template_id)


def find_by_name(session: Session, name: str) -> Template | None:
    """The one that has exactly this name, published or not."""
    return SHELF.find_by(session, name=name)


def save_template(session: Session, make: Make, actor: Actor, new: NewTemplate) -> tuple[Template, bool]:
    """Make a template, or put it in the place of the one of the same name; the second value tells whether it is new."""
    given = asdict(new)
    _require_good(given)
    given["rendered"] = _made(actor, make, new.content, new.syntax)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find_by(transaction, name=new.name)
        if held is not None:
            return SHELF.change(transaction, held, given), False
        _require_alone(transaction, new.name)
        return SHELF.add(transaction, given), True


def update_template(session: Session, make: Make, actor: Actor, template_id: int, changes: TemplateChanges) -> Template:
    """Change some of it."""
    given = given_only(changes)
    _require_good(given)
    before = SHELF.find(session, template_id)
    content = before.content if changes.content is None else changes.content
    syntax = before.syntax if changes.syntax is None else changes.syntax
    if (content, syntax) != (before.content, before.syntax):
        given["rendered"] = _made(actor, make, content, syntax)
    with session.transaction(actor) as transaction:
        require_administrator(transaction, actor)
        held = SHELF.find(transaction, template_id)
        if (held.content, held.syntax) != (before.content, before.syntax):
            raise WceError("busy", "Somebody else is changing this template.", retry_after=1)
        if changes.name is not None and changes.name != held.name:
            SHELF.require_free_name(transaction, held, changes.name)
            _require_alone(transaction, changes.name, template_id)
        return SHELF.change(transaction, held, given)


def restore_template(session: Session, make: Make, actor: Actor, template_id: int, version_id: int) -> Template:
    """Bring an earlier text back, as one more change of the actor's."""
    content = versions.find_version(session, SHELF.kind, template_id, version_id).script
    return update_template(session, make, actor, template_id, TemplateChanges(content=content))


def delete_template(session: Session, actor: Actor, template_id: int) -> None:
    """Remove a template."""
    SHELF.delete(session, actor, template_id)


def pages_of(cenv: str) -> str:
    """What stands before the addresses of a cenv's pages."""
    return f"/{cenv}/pages/"


class Site:
    """The templates of a cenv at one moment: all of them by name, and the published ones by address."""

    def __init__(self, version: int, templates: Sequence[Template]) -> None:
        self.version = version
        self.by_name: Mapping[str, Template] = {item.name: item for item in templates}
        answering = [item for item in templates if item.published and not item.name.startswith(f"{ERRORS}/")]
        self._routes = Routes(answering)
        self._literal = {item.path: item for item in answering if "{" not in item.name}

    def match(self, path: str) -> tuple[Template, Mapping[str, str]] | None:
        """Who answers `path`, which begins with a slash and is decoded: a folder, which ends with one, by its index."""
        folder = path.endswith("/")
        name = path + INDEX if folder else path
        known = self._literal.get(name)
        if known is not None:
            return known, {}
        found = self._routes.match("GET", name)
        if found.endpoint is None or (folder and found.endpoint.name.rpartition("/")[2] != INDEX):
            return None
        return found.endpoint, found.params

    def error(self, name: str) -> Template | None:
        """The cenv's own page for an error, such as `404`."""
        found = self.by_name.get(f"{ERRORS}/{name}")
        return found if found is not None and found.published else None


class Sites:
    """The templates by cenv, right while the counter of their cenv stands still; bounded by their size."""

    def __init__(self, size_bytes: int = _SITES_BYTES) -> None:
        self._cached: Cache[str, tuple[Site, int]] = Cache(size_bytes, cost=itemgetter(1))

    def known(self, cenv: str, version: int) -> Site | None:
        """What is cached, without a look at the file; `version` is State.templates."""
        entry = self._cached.get(cenv)
        return None if entry is None or entry[0].version != version else entry[0]

    def get(self, session: Session, version: int) -> Site:
        """The templates as of `version`, as read with the request, or of a later moment."""
        found = self.known(session.cenv, version)
        if found is not None:
            return found
        site = read_site(session)
        size = sum(4 * (len(item.content) + len(item.rendered or "")) + _ENTRY_BYTES for item in site.by_name.values())
        return self._cached.put(session.cenv, (site, size))[0]


def read_site(session: Session) -> Site:
    """The counter and the templates of one moment."""
    return Site(*SHELF.at_once(session, "templates"))


def _made(actor: Actor, make: Make, content: str, syntax: str) -> str | None:
    found: list[str | None] = []
    check_script(actor, content, lambda text: found.append(make(text, syntax)), "content")
    return found[0]


def _require_good(given: Mapping[str, Any]) -> None:
    check_words(given, _CHOICES)
    if len(given.get("title", "")) > _MAX_TITLE:
        raise invalid("title", f"must have at most {_MAX_TITLE} characters")
    if "name" in given:
        parse(given["name"])


def parse(name: str) -> paths.Pattern:
    """The pattern that a name is; raises `validation` for `name`."""
    if name.startswith("/"):
        raise invalid("name", "must not begin with a slash: write index, blog/index or posts/{slug}")
    try:
        pattern = paths.parse("/" + name)
    except WceError as error:
        raise invalid("name", error.errors[0].message) from error
    if pattern.shape[0] == ASSETS:
        raise invalid("name", f"must not be in {ASSETS}/, which is kept for files")
    return pattern


def _require_alone(transaction: Transaction, name: str, own_id: int = 0) -> None:
    """Raise unless it is clear which of two templates answers, whether they are published or not."""
    rows = transaction.execute("SELECT name FROM _wce_templates WHERE id <> ?", (own_id,)).fetchall()
    other = paths.ambiguous(parse(name), ("/" + row[0] for row in rows))
    if other is not None:
        raise invalid("name", f"answers the same addresses as {other[1:]}")
