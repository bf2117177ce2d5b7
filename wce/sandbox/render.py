"""One page, made from a template: as it was written, or by a worker with the SQL of its author and its viewer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wce.core import pages, templates
from wce.core.authoring import DEFINER
from wce.core.logins import Authenticated
from wce.core.pages import Page, Proof
from wce.core.runs import Run, Runs
from wce.core.settings import CenvSettings
from wce.core.templates import Site, Template
from wce.errors import FieldError, WceError
from wce.metrics import Metrics
from wce.model import PUBLIC_ID
from wce.sandbox import messages
from wce.sandbox.faults import position_of
from wce.sandbox.messages import Budget, Fault, Rendered, RenderJob, shortened
from wce.sandbox.pool import Pool
from wce.sandbox.principal import Parties, Principals
from wce.sandbox.trail import Trail
from wce.sandbox.work import Desk, Moved, Terms, Work
from wce.store.store import Store

KIND: Final = "template"
# What a page may have read of its request and still be the same for everybody who asks for its path.
_OF_THE_PATH: Final = frozenset({"request.path", "request.params"})
_JINJA: Final = ("{{", "{%")
_FAILED: Final = "The page could not be made."
_TOO_LONG: Final = "The page took longer than allowed."
_MAX_DATA: Final = 2_000  # characters that an error shows of what the template was given


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody asks for a page. `path` is that below /pages, `request` plain data, `user` None for who is not signed in."""

    cenv: str
    who: Authenticated
    config: CenvSettings
    site: Site
    template: Template
    path: str
    request: Mapping[str, Any]
    user: Mapping[str, Any] | None = None

    @property
    def anonymous(self) -> bool:
        return self.who.actor.user_id == PUBLIC_ID


@dataclass(frozen=True, slots=True)
class Made:
    """A page; `proof` is None for one that is its viewer's, or its moment's, alone."""

    page: Page
    proof: Proof | None


def source_of(store: Store, principals: Principals, terms: Terms, name: str) -> messages.Template | None:
    """A template for a script that renders it with data of its own, unless somebody wrote it who may do less now than the script may."""
    with store.session(terms.cenv) as session:
        found = templates.find_by_name(session, name)
    if found is None:
        return None
    if found.modified_by != terms.parties.author and not principals.administers(terms.cenv, found.modified_by, terms.version):
        return None
    return messages.Template(found.name, found.syntax, found.content)


class Renderer:
    """Renders the templates of all cenvs."""

    def __init__(self, pool: Pool, desk: Desk, runs: Runs, metrics: Metrics, now: Callable[[], float] = time.time) -> None:
        self._pool = pool
        self._desk = desk
        self._runs = runs
        self._metrics = metrics
        self._now = now

    def make(self, content: str, syntax: str, *, cenv: str) -> str | None:
        """What a template of the cenv is as a page where it needs only itself, else None; raises `template_error` with the place."""
        if syntax == "html":
            return content
        try:
            self._pool.check(content, syntax, cenv=cenv)
        except Fault as fault:
            raise _of_syntax(fault) from fault
        return self._alone(content, cenv) if syntax == "markdown" else None

    def render(self, visit: Visit) -> Made:
        """The page, with what it rests on; raises WceError, and notes how it went among the template's runs."""
        started_at, started = int(self._now()), time.perf_counter()
        error: Mapping[str, Any] | None = None
        outcome = "ok"
        try:
            return self._render(visit)
        except WceError as failure:
            outcome, error = failure.code, _noted(failure)
            raise
        finally:
            seconds = time.perf_counter() - started
            self._metrics.script_calls.labels(KIND, outcome).inc()
            self._metrics.script_seconds.labels(KIND).observe(seconds)
            if outcome != "busy":
                user_id = None if visit.anonymous else visit.who.actor.user_id
                took = round(seconds * 1000, 3)
                status = 200 if error is None else None
                request_id = str(visit.request.get("id", ""))
                run = Run(KIND, visit.template.id, started_at, took, status, error, (), user_id, request_id)
                self._runs.record(visit.cenv, run)

    def preview(self, visit: Visit) -> Page:
        """A text that is not saved, as its author would see it."""
        return self._render(visit).page

    def _render(self, visit: Visit) -> Made:
        template = visit.template
        parties = Parties(template.modified_by, visit.who.actor.user_id, template.run_as, visit.who.actor.scope)
        # Whose rights are asked first of all: a page without an author does not even begin.
        self._desk.principals.grants(visit.cenv, parties, visit.who.state.grants)
        for_all = template.run_as == DEFINER and self._administers(visit, template)
        if template.rendered is not None:
            page = pages.make(template.id, template.rendered.encode(), template.content_type, for_all=True)
            return Made(page, _proof(visit, Trail(), [template.name]))
        trail = Trail()
        rendered = self._work(visit, parties, trail)
        page = pages.make(template.id, rendered.body, template.content_type, for_all=for_all)
        alone = trail.fleeting or frozenset(rendered.reads) - _OF_THE_PATH or not (for_all or visit.anonymous)
        return Made(page, None if alone else _proof(visit, trail, [template.name, *rendered.templates, *rendered.missing]))

    def _work(self, visit: Visit, parties: Parties, trail: Trail) -> Rendered:
        config, template = visit.config, visit.template
        terms = Terms(visit.cenv, visit.who.actor, parties, config, visit.who.state.grants, {KIND: template.id})
        budget = Budget(seconds=float(config.script_timeout_seconds), memory_mb=config.script_memory_mb)
        context = {"request": dict(visit.request), "user": None if visit.user is None else dict(visit.user)}
        context["page"] = {"name": template.name, "title": template.title, "description": template.description}
        page = messages.Template(template.name, template.syntax, template.content)
        job = RenderJob(page, context, templates.pages_of(visit.cenv), budget)
        with Work(self._desk, terms, write=False, seconds=budget.seconds, notice=trail.notice, reads_only=True) as work:
            try:
                rendered = self._pool.render(visit.cenv, job, work.serve, lambda name: self._find(visit, name))
            except Moved as moved:  # only who writes can be overtaken
                raise WceError("busy", "The page could not be read in one piece.", retry_after=1) from moved
            except Fault as fault:
                raise _told(fault, work.refusal, visit) from fault
            work.undo()
        return rendered

    def _find(self, visit: Visit, name: str) -> messages.Template | None:
        """Another template of the cenv, unless somebody wrote it who may do less now than the page may."""
        found = visit.site.by_name.get(name)
        if found is None:
            return None
        if found.modified_by != visit.template.modified_by and not self._administers(visit, found):
            return None
        return messages.Template(found.name, found.syntax, found.content)

    def _administers(self, visit: Visit, template: Template) -> bool:
        return self._desk.principals.administers(visit.cenv, template.modified_by, visit.who.state.grants)

    def _alone(self, content: str, cenv: str) -> str | None:
        if any(mark in content for mark in _JINJA):
            return None  # a link, the path, what a function gives: all of it may depend on where the page stands
        job = RenderJob(messages.Template("", "markdown", content), {"request": {}, "user": None})
        try:
            found = self._pool.render(cenv, job, lambda _: ({"ok": False, "message": "no data"}, b""), lambda _: None)
        except (Fault, WceError):
            return None
        return found.body.decode("utf-8", "replace")


def _proof(visit: Visit, trail: Trail, names: list[str]) -> Proof:
    state = visit.who.state
    return Proof(state.grants, state.settings, visit.site.version, trail.commit, frozenset(trail.tables), frozenset(names))


def _of_syntax(fault: Fault) -> WceError:
    shown = "\n".join(part for part in (fault.message, fault.excerpt) if part)
    return WceError("template_error", fault.message, errors=(FieldError("content", shown),), position=position_of(fault))


def _told(fault: Fault, refusal: WceError | None, visit: Visit) -> WceError:
    """The error for a visitor: one sentence, and to administrators template, line and data."""
    if fault.kind == "abort":
        return WceError("not_found", shortened(fault.message))
    late = fault.kind == "time" or (refusal is not None and refusal.code in ("query_timeout", "script_timeout"))
    code, sentence = ("script_timeout", _TOO_LONG) if late else ("template_failed", _FAILED)
    message = shortened(refusal.detail) if fault.kind == "refused" and refusal is not None else fault.message
    name = fault.template or visit.template.name
    where = f"{name}{'' if fault.line is None else f', line {fault.line}'}"
    if not visit.who.actor.role.administers:
        return WceError(code, sentence, evidence=f"{where}: {message}")
    given = {"path": visit.path, "params": visit.request.get("params"), "query": visit.request.get("query")}
    data = json.dumps(given, ensure_ascii=False)[:_MAX_DATA]
    shown = f"{where}: {message}\n{fault.excerpt}".strip()
    errors = (FieldError("template", shown), FieldError("data", data))
    return WceError(code, f"{sentence} {where}: {message}", errors=errors, position=position_of(fault))


def _noted(error: WceError) -> dict[str, Any]:
    """The error as the log of runs keeps it, for administrators."""
    found: dict[str, Any] = {"kind": error.code, "message": error.evidence or error.detail}
    if error.position is not None:
        found |= {"line": error.position.line, "column": error.position.column}
    return found
