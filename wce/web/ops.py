"""For those who run the server: probes and figures."""

from __future__ import annotations

import hmac
import ipaddress
from typing import Final

from flask import Blueprint, Response, request

from wce.errors import WceError
from wce.metrics import CONTENT_TYPE
from wce.web import problems, responses
from wce.web.access import access
from wce.web.headers import PASSED_ON_KEY
from wce.web.services import services

bp = Blueprint("ops", __name__)
_FORWARDED: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Via")


@bp.get("/health")
@bp.get("/health/live")
@access("public")
def live() -> Response:
    """The process answers."""
    return responses.json({"status": "ok"})


@bp.get("/health/ready")
@access("public")
def ready() -> Response:
    """The process can do its work; 503 names what fails."""
    report = services().readiness.report()
    value = {"checks": report.checks, "warnings": report.warnings, "sqlite_version": report.sqlite_version, "sandbox": report.sandbox}
    if report.failing:
        error = WceError("not_ready", "Failing: " + ", ".join(report.failing))
        return problems.answer(error, {"failing": report.failing} | value)
    return responses.json({"status": "ok"} | value)


@bp.get("/metrics")
@access("public")
def metrics() -> Response:
    """Prometheus' text format."""
    app = services()
    if app.settings.metrics_token:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), app.settings.metrics_token.encode()):
            raise WceError("bad_token", "Send the metrics token as Authorization: Bearer.")
    elif not _from_this_machine():
        raise WceError("forbidden", "Without WCE_METRICS_TOKEN, only this machine gets the metrics.")
    return Response(app.metrics.text(), content_type=CONTENT_TYPE)


def _from_this_machine() -> bool:
    """A proxy on this machine speaks for the whole world, so what it has passed on is from elsewhere."""
    if PASSED_ON_KEY in request.environ or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
