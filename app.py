"""The entry: settings from the environment, then `python app.py` (waitress) or `flask run` (development)."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from flask import Flask

from wce import log
from wce.config import SettingError, Settings, from_environment
from wce.web import factory, server


def create_app() -> Flask:
    """The application that the environment describes; `flask run` finds it by this name."""
    return _start()[0]


def main() -> None:
    """Serve until a signal comes."""
    app, settings = _start()
    try:
        server.serve(app, settings)
    except OSError as error:
        _give_up(f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}")
    finally:
        app.extensions["wce"].close()


def _start() -> tuple[Flask, Settings]:
    try:
        settings = from_environment(os.environ)
        if settings.server != "waitress":
            raise SettingError(f"WCE_SERVER must be waitress: {settings.server} is not installed here")
        # Processes that this one starts, such as flask's reloader, are the same server and may share the storage folder.
        os.environ["WCE_INSTANCE"] = settings.instance
        log.configure(settings.log_level, settings.log_file)
        app = factory.create_app(settings)
    except SettingError as error:
        _give_up(*str(error).split("; "))
    except OSError as error:
        _give_up(f"cannot use {error.filename or 'the storage folder'}: {error.strerror or error}")
    if "WCE_JWT_SECRET" not in os.environ:
        log.LOGGER.warning("random_jwt_secret", extra={"hint": "set WCE_JWT_SECRET, or every restart ends all sessions"})
    return app, settings


def _give_up(*lines: str) -> NoReturn:
    for line in lines:
        sys.stderr.write(f"wce: {line}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
