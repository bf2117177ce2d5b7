"""The entry: settings from the environment, then `python app.py` (waitress or granian) or `flask run` (development)."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from flask import Flask

from wce import log
from wce.cli import wce
from wce.config import SettingError, Settings, from_environment, unknown
from wce.metrics import FOLDER_VARIABLE
from wce.store.descriptors import fill_standard
from wce.store.heaps import share_heaps
from wce.web import factory, granian_server, server


def create_app() -> Flask:
    """The application that the environment describes; `flask run` finds it by this name."""
    if Path(sys.argv[0]).name == "flask" and "wce" in sys.argv[1:]:
        return _commands()
    return _build(_settings())


def _commands() -> Flask:
    """What `flask wce …` needs: no application, which would want the folder for itself."""
    app = Flask("wce")
    app.cli.add_command(wce)
    return app


def main() -> None:
    """Serve until a signal comes."""
    fill_standard()
    settings = _settings()
    share_heaps(os.environ)
    try:
        if settings.server == "granian":
            _serve_by_processes(settings)
        else:
            _serve_by_threads(settings)
    except SettingError as error:
        _give_up(str(error))
    except OSError as error:
        _give_up(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")


def _serve_by_threads(settings: Settings) -> None:
    app = _build(settings)
    try:
        services = app.extensions["wce"]
        server.serve(app, settings, services.start, services.admission.admit, app.extensions[factory.IN_PLACE])
    finally:
        app.extensions["wce"].close()


def _serve_by_processes(settings: Settings) -> None:
    _warn_of_a_random_secret()
    # granian shows every request the whole environment among the WSGI variables, where HTTP_X would pass for a header X.
    for name in [name for name in os.environ if name.startswith(("HTTP_", "CONTENT_", "WCE_"))]:
        del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="wce-metrics-") as folder, _spared(folder):
        os.environ[FOLDER_VARIABLE] = folder
        with _told():
            granian_server.serve(replace(settings, metrics_dir=folder))


@contextmanager
def _spared(folder: str) -> Iterator[None]:
    """`with` a folder that systemd-tmpfiles, which removes what nobody has touched for days, passes over as long as it is locked."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def _settings() -> Settings:
    with _told():
        settings = from_environment(os.environ)
        log.configure(settings.log_level, settings.log_file)
    for name, near in unknown(os.environ):
        log.LOGGER.warning("unknown setting", extra={"variable": name, "near": near})
    return settings


def _build(settings: Settings) -> Flask:
    # Processes that this one starts, such as flask's reloader, are the same server and may share the storage folder.
    os.environ["WCE_INSTANCE"] = settings.instance
    with _told():
        app = factory.create_app(settings)
    _warn_of_a_random_secret()
    return app


def _warn_of_a_random_secret() -> None:
    if not os.environ.get("WCE_JWT_SECRET"):
        log.LOGGER.warning("random_jwt_secret", extra={"hint": "set WCE_JWT_SECRET, or every restart ends all sessions"})


@contextmanager
def _told() -> Iterator[None]:
    """Say in a line each what is wrong with the settings, and end."""
    try:
        yield
    except SettingError as error:
        _give_up(*str(error).split("; "))
    except OSError as error:
        _give_up(f"cannot use {error.filename or 'the storage folder'}: {error.strerror or error}")


def _give_up(*lines: str) -> NoReturn:
    for line in lines:
        sys.stderr.write(f"wce: {line}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
