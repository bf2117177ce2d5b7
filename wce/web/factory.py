"""The composition root: builds everything from plain arguments."""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from flask import Flask
from werkzeug.routing import BaseConverter, PathConverter

from wce.config import Settings
from wce.core import pages as page_cache
from wce.core.backups import Backups
from wce.core.bucket import open_vault
from wce.core.gate import Gate
from wce.core.hooks import HookQueue
from wce.core.importing.intake import Importer
from wce.core.keeper import Keeper
from wce.core.passwords import Passwords
from wce.core.permissions import GrantsCache
from wce.core.query import Queries
from wce.core.runs import Runs
from wce.core.scripts import RoutesCache
from wce.core.settings import Config
from wce.core.templates import Sites
from wce.core.tokens import Tokens
from wce.core.traffic import Traffic
from wce.counters import Counters
from wce.guard.guard import Guard
from wce.metrics import Metrics
from wce.sandbox.calls import Scripts
from wce.sandbox.jobs import Jobs
from wce.sandbox.pages import Pages
from wce.sandbox.pool import Pool
from wce.sandbox.principal import Principals
from wce.sandbox.refresh import Refresher
from wce.sandbox.render import Renderer, source_of
from wce.sandbox.scheduler import Scheduler
from wce.sandbox.work import Desk
from wce.store.store import Store
from wce.web import (
    admin_access,
    admin_assets,
    admin_audit,
    admin_backups,
    admin_config,
    admin_endpoints,
    admin_files,
    admin_hooks,
    admin_schedules,
    admin_tables,
    admin_templates,
    admin_users,
    assets,
    auth,
    console,
    context,
    data,
    delays,
    deletion,
    description,
    editors,
    endpoints,
    keys,
    landing,
    limits,
    manual,
    observe,
    ops,
    overview,
    page_assets,
    page_tokens,
    pages,
    problems,
    query,
    totp,
)
from wce.web.admission import Admission
from wce.web.application import Application
from wce.web.headers import SecurityHeaders
from wce.web.quick import Quick
from wce.web.quick_endpoints import QuickEndpoints
from wce.web.quick_pages import QuickPages
from wce.web.readiness import Readiness
from wce.web.services import KEY, Services
from wce.web.shared_counters import SharedCounters

COUNTERS: Final = ".wce.limits"  # beside the cenvs: what processes count together
_WAITING_COPIES: Final = 8
_LEAST_ROUNDS: Final = 10  # of bcrypt, in a file from elsewhere
IN_PLACE: Final = "wce.in_place"  # what a server's own thread may try first
_ROOT: Final = Path(__file__).resolve().parents[2]
_BLUEPRINTS: Final = (
    ops.bp,
    description.bp,
    manual.bp,
    assets.bp,
    landing.bp,
    auth.bp,
    keys.bp,
    totp.bp,
    page_tokens.bp,
    admin_users.bp,
    admin_access.bp,
    admin_config.bp,
    admin_audit.bp,
    admin_endpoints.bp,
    admin_hooks.bp,
    admin_schedules.bp,
    admin_files.bp,
    admin_tables.bp,
    admin_backups.bp,
    deletion.bp,
    admin_templates.bp,
    admin_assets.bp,
    query.bp,
    data.bp,
    overview.bp,
    console.bp,
    editors.bp,
    endpoints.bp,
    page_assets.bp,
    pages.bp,
)


class CenvConverter(BaseConverter):
    """The name of a cenv: a UUID as we write them, nothing that merely means the same."""

    regex = context.CENV_PATTERN


class IdConverter(BaseConverter):
    """The id of a row; one address for each, and none that SQLite cannot hold."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)


class FileConverter(PathConverter):
    """The path of a file, which is no folder, or the name of a table: one address for each."""

    regex = "[^/](?:.*?[^/])?"


def create_app(settings: Settings, *, now: Callable[[], float] = time.time, bcrypt_rounds: int = 12) -> Flask:
    """The application over one storage folder; its services are closed at exit, or before by `app.extensions["wce"].close()`.

    Raises SettingError when a setting is broken or another server uses the folder.
    """
    services = build(settings, now=now, bcrypt_rounds=bcrypt_rounds)
    atexit.register(services.close)
    app = Application("wce", root_path=str(_ROOT), static_folder=None)
    app.extensions[KEY] = services
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.url_map.merge_slashes = False
    app.url_map.converters |= {"cenv": CenvConverter, "file": FileConverter, "id": IdConverter}
    app.before_request(context.begin)
    app.after_request(observe.observe)
    problems.register(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
    delays.install(app, services.counters)
    limits.install(app, settings, services.counters)
    https = settings.base_url.startswith("https:")
    quick = Quick(app.wsgi_app, services, QuickPages(services), QuickEndpoints(services))
    content_host = settings.content_host
    app.wsgi_app = SecurityHeaders(quick, https=https, content_host=content_host)  # type: ignore[method-assign]
    in_place = SecurityHeaders(quick.in_place, https=https, content_host=content_host)  # type: ignore[arg-type]  # None goes through it
    app.extensions[IN_PLACE] = in_place
    return app


def build(settings: Settings, *, now: Callable[[], float], bcrypt_rounds: int) -> Services:
    """Everything below the web, opened."""
    metrics, config = Metrics(settings.metrics_dir), Config(settings.cenv_overrides)
    tokens = Tokens(settings.jwt_secret)
    store = Store(settings, metrics, now)
    store.open()
    guard = _guarded(store)
    store.hooks.before("hooks", HookQueue().queue)
    store.hooks.before("pages", page_cache.forget)
    grants = GrantsCache()
    queries = Queries(store, guard, grants)
    runs = Runs(store)
    counters = _counters(settings, store.folder.path / COUNTERS, now)
    pool = Pool(max(1, settings.sandbox_workers // settings.processes), metrics, counters=counters.machine)
    desk = Desk(guard, queries, Principals(store, grants))
    scripts = Scripts(pool, desk, runs, metrics, now, partial(source_of, store, desk.principals))
    renderer = Renderer(pool, desk, runs, metrics, now)
    scheduler = Scheduler(store, Jobs(store, config, scripts, now), now)
    store.hooks.add("jobs", scheduler.notice)
    backups, sites = Backups(store, open_vault(settings)), Sites()
    served = Pages(store, renderer, metrics, now)
    return Services(
        settings=settings,
        metrics=metrics,
        store=store,
        guard=guard,
        passwords=Passwords(metrics, workers=_share(settings.processes), rounds=bcrypt_rounds),
        tokens=tokens,
        config=config,
        grants=grants,
        queries=queries,
        runs=runs,
        traffic=Traffic(store, now),
        routes=RoutesCache(),
        pool=pool,
        scripts=scripts,
        scheduler=scheduler,
        sites=sites,
        renderer=renderer,
        pages=served,
        refresher=_refresher(store, served, sites, config),
        readiness=Readiness(store, guard, pool),
        counters=counters,
        copies=Gate(_WAITING_COPIES),
        backups=backups,
        keeper=Keeper(store, backups, config),
        importer=Importer(store, guard, scripts.check, least_rounds=min(_LEAST_ROUNDS, bcrypt_rounds)),
        admission=Admission(settings, tokens, counters),
        now=now,
    )


def _guarded(store: Store) -> Guard:
    try:
        return Guard(store)
    except BaseException:
        store.close()
        raise


def _counters(settings: Settings, path: Path, now: Callable[[], float]) -> Counters:
    shared = path if settings.processes > 1 else None
    return SharedCounters(settings.redis_url, settings.jwt_secret, shared, now) if settings.redis_url else Counters(shared, now=now)


def _refresher(store: Store, served: Pages, sites: Sites, config: Config) -> Refresher:
    refresher = Refresher(store, served, sites, config)
    store.hooks.add("pages", refresher.notice)
    return refresher


def _share(processes: int) -> int:
    """How many password checks each process may run at once, so that all together leave a core to everything else."""
    return max(1, ((os.cpu_count() or 2) - 1) // processes)
