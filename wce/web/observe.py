"""One line in the log and two figures for every request that is answered."""

from __future__ import annotations

import time
from typing import Any, Final

from flask import Response

from wce.log import info
from wce.model import PUBLIC_ID
from wce.web.context import Context
from wce.web.current import bag, request
from wce.web.services import Services, services

# Anything may stand in a request line; a label must come from a short list.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(response: Response) -> Response:
    """Log and count; the route is the rule with its placeholders, never the path, which may hold anything."""
    kept, incoming = bag(), request()
    context: Context = kept.context
    rule, method, who = incoming.url_rule, incoming.method, context.who
    route = "unmatched" if rule is None else rule.rule
    if method not in _METHODS:
        method = "other"
    status = response.status_code
    seconds = time.perf_counter() - context.started
    line = {
        "request_id": context.request_id,
        "cenv": context.cenv,
        "user": None if who is None or who.actor.user_id == PUBLIC_ID else who.actor.user_id,
        "method": method,
        "route": route,
        "status": status,
        "duration_ms": round(seconds * 1000, 3),
        "ip": context.ip_address,
    }
    refusal = kept.get("refusal")
    if refusal is not None:
        line |= {"code": refusal.code} | ({"evidence": refusal.evidence} if refusal.evidence else {})
    note(services(), line, seconds, there=context.config is not None)
    return response


def note(app: Services, line: dict[str, Any], seconds: float, *, there: bool) -> None:
    """Count a request and write its line; where the cenv is `there`, it has figures of its own."""
    app.metrics.answered(line["route"], line["method"], line["status"], seconds)
    if there and line["cenv"] is not None:
        app.traffic.count(line["cenv"], line["status"], seconds * 1000)
    info("request", line)
