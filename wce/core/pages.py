"""The pages that are kept in a cenv's file, each until a commit writes what it was made from.

An entry is there exactly as long as it is right: the transaction that makes it stale deletes it. So whoever finds one has, by that
one read, the page of the last commit that he could have seen, whichever process rendered it. A page is only put there by a
transaction which proves that nothing of it was written since the snapshot that it was rendered from. All that holds while a server
runs; of what was done to its files by other programs before it began no page knows, so those that it finds then count for nothing.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from wce.core.paths import MAX_PATH
from wce.errors import WceError
from wce.model import HOUSEKEEPER, State
from wce.store.session import Session
from wce.store.transaction import Transaction

MAX_PAGES: Final = 1_000  # of one cenv
MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_PAGE: Final = 2 * 1024 * 1024  # a larger one is not kept
_LEAST_ZIPPED: Final = 600  # bytes; a smaller page fits into the packet anyway
_OWN: Final = "_wce_"
# In the file a tag begins with the era of the page, and only those of the present one count.
_ERA: Final = 8  # characters
_TAG: Final = f"substr(p.etag, {_ERA + 1})"
_HERE: Final = f"p.path = ? AND substr(p.etag, 1, {_ERA}) = ?"


class Mark(NamedTuple):
    """Pages with equal marks are equal."""

    template_id: int
    for_all: int
    etag: str
    changed_at: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it is sent. `changed_at` is in Unix seconds, 0 for one that is not kept; `zipped` is None where that does not pay.

    `for_all`: everybody who may see it at all sees the same, else everybody who is not signed in.
    """

    template_id: int
    for_all: bool
    body: bytes
    content_type: str
    etag: str
    zipped: bytes | None = None
    changed_at: int = 0

    @property
    def mark(self) -> Mark:
        return Mark(self.template_id, int(self.for_all), self.etag, self.changed_at)

    @property
    def size(self) -> int:
        return len(self.body) + len(self.zipped or b"")


@dataclass(frozen=True, slots=True)
class Proof:
    """The moment that a page was rendered from, and what from.

    The counters are those of the file; `commit` is -1 where no statement ran. `tables` holds every table and view that the page could
    have been read from, `templates` all that it used or looked for.
    """

    grants: int
    settings: int
    templates_version: int
    commit: int
    tables: frozenset[str]
    templates: frozenset[str]


def make(template_id: int, body: bytes, content_type: str, *, for_all: bool) -> Page:
    """The page, with the tag that only this content has, and in the form that most browsers take."""
    etag = hashlib.sha256(content_type.encode() + b"\0" + body).hexdigest()[:32]
    zipped = gzip.compress(body, 6, mtime=0) if len(body) >= _LEAST_ZIPPED else None
    return Page(template_id, for_all, body, content_type, etag, zipped if zipped is not None and len(zipped) < len(body) else None)


def forget(transaction: Transaction) -> None:
    """Goes before every COMMIT: `store.hooks.before("pages", forget)`. Costs nothing where no page depends on any table.

    The file's own trigger deletes what depends on a table that is noted here as written.
    """
    if not transaction.watched:
        return
    for table in transaction.tables:
        if not table.startswith(_OWN):
            transaction.execute("UPDATE _wce_page_tables SET written = ? WHERE table_name = ?", (transaction.number, table))


def find_mark(session: Session, path: str) -> Mark | None:
    """What tells the page that is kept for a path, if there is one: the proof that it is still right."""
    row = session.one(f"SELECT p.template_id, p.for_all, {_TAG}, p.changed_at FROM _wce_page_cache p WHERE {_HERE}", (path, _era(session)))
    return None if row is None else Mark(*row)


def look_at(session: Session, path: str) -> tuple[Any, ...]:
    """The counters of the file and the mark of a page as one row, which is equal to another one when nothing has changed."""
    row = session.kept(
        f"SELECT t.grants, t.settings, t.endpoints, t.templates, t.commits, p.template_id, p.for_all, {_TAG}, p.changed_at"
        f" FROM _wce_state t LEFT JOIN _wce_page_cache p ON {_HERE} WHERE t.id = 1",
        (path, _era(session)),
    )
    if row is None:
        raise WceError("cenv_damaged", evidence="_wce_state has no row")
    return row


def read_row(row: tuple[Any, ...]) -> tuple[State, Mark | None]:
    """What `look_at` has seen."""
    return State(*row[:5]), None if row[5] is None else Mark(*row[5:])


def find(session: Session, path: str) -> Page | None:
    """The page itself."""
    row = session.one(
        f"SELECT p.template_id, p.for_all, p.html, p.content_type, {_TAG}, p.zipped, p.changed_at FROM _wce_page_cache p WHERE {_HERE}",
        (path, _era(session)),
    )
    return None if row is None else Page(row[0], bool(row[1]), row[2].encode(), *row[3:])


def keep(session: Session, path: str, page: Page, proof: Proof, now: float) -> Page | None:
    """Keep a page, unless something that it depends on may have been written since it was rendered; returns it as it is kept.

    Tables that nobody has watched so far are watched from now on, also when that is too late for this page.
    """
    if page.size > _MAX_PAGE or len(path) > MAX_PATH:  # a visitor chooses the path, and every table of the page has it twice
        return None
    with session.transaction(HOUSEKEEPER) as transaction:
        transaction.uncounted()
        right = _prove(transaction, proof)
        if not right:
            return None
        kept = replace(page, changed_at=_changed_at(transaction, int(now)))
        transaction.execute(
            "INSERT OR REPLACE INTO _wce_page_cache (path, template_id, for_all, etag, changed_at, content_type, size, rendered_at, html,"
            " zipped) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                path,
                kept.template_id,
                kept.for_all,
                _era(session) + kept.etag,
                kept.changed_at,
                kept.content_type,
                kept.size,
                int(now),
                kept.body.decode("utf-8"),
                kept.zipped,
            ),
        )
        _depend(transaction, "_wce_page_dependencies", "table_name", path, proof.tables)
        names = (name for name in proof.templates if len(name) <= MAX_PATH)  # no template will ever have a longer one
        _depend(transaction, "_wce_page_templates", "name", path, names)
        _make_room(transaction, path)
    return kept


def _era(session: Session) -> str:
    return _era_of(session.run, session.cenv)


@lru_cache(maxsize=4096)
def _era_of(run: str, cenv: str) -> str:
    """Pages of one run of the server in one cenv: none knows what other programs did to the file before it, or with a copy of it."""
    return hashlib.sha256(f"{run} {cenv}".encode()).hexdigest()[:_ERA]


def _prove(transaction: Transaction, proof: Proof) -> bool:
    """Whether everything is as it was when the page was rendered, as far as that can be known."""
    grants, settings, templates, commits = transaction.execute("SELECT grants, settings, templates, commits FROM _wce_state").fetchone()
    right = (grants, settings, templates) == (proof.grants, proof.settings, proof.templates_version)
    if not proof.tables:
        return right
    watched = 0
    for table in proof.tables:
        row = transaction.execute("SELECT written FROM _wce_page_tables WHERE table_name = ?", (table,)).fetchone()
        if row is not None:
            right = right and row[0] <= proof.commit
            continue
        # Nobody has noted when this one was written, so only a file without any commit since proves it.
        right = right and commits == proof.commit
        transaction.execute("INSERT INTO _wce_page_tables (table_name, written) VALUES (?, ?)", (table, commits))
        watched += 1
    if watched:
        transaction.execute("UPDATE _wce_state SET watched = 1 WHERE watched = 0")
    return right


def _changed_at(transaction: Transaction, now: int) -> int:
    """Times of HTTP are whole seconds: a page after another one of the same second counts as one of the next."""
    (last,) = transaction.execute("SELECT pages_at FROM _wce_state").fetchone()
    return now + 1 if last >= now else now


def _depend(transaction: Transaction, table: str, column: str, path: str, names: Iterable[str]) -> None:
    for name in names:
        transaction.execute(f"INSERT OR IGNORE INTO {table} ({column}, path) VALUES (?, ?)", (name, path))


def _make_room(transaction: Transaction, path: str) -> None:
    """Let go of the oldest beyond MAX_PAGES and MAX_BYTES."""
    count, size = transaction.execute("SELECT count(*), sum(size) FROM _wce_page_cache").fetchone()
    while count > MAX_PAGES or size > MAX_BYTES:
        row = transaction.execute(
            "SELECT rowid, size FROM _wce_page_cache WHERE path <> ? ORDER BY rendered_at, rowid LIMIT 1", (path,)
        ).fetchone()
        transaction.execute("DELETE FROM _wce_page_cache WHERE rowid = ?", (row[0],))
        count, size = count - 1, size - row[1]
