"""How a call of a script ended, well or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wce.errors import WceError
from wce.sandbox import faults
from wce.sandbox.messages import Fault, Print, Reply
from wce.sandbox.work import Work


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended: what the client gets, and what the log and the figures are told; `prints` of a failed one."""

    outcome: str
    answer: Reply | WceError
    noted: Mapping[str, Any] | None
    prints: tuple[Print, ...] = ()


class Stopped(Exception):  # noqa: N818 - the script failed, and we did not
    def __init__(self, fault: Fault, work: Work) -> None:
        super().__init__()
        self.fault = fault
        self.refusal = work.refusal
        self.ran = work.ran


def end_of(stopped: Stopped, request_id: str, *, frank: bool) -> End:
    fault = stopped.fault
    if fault.kind == faults.ABORT:
        return End("abort", faults.aborted(fault, request_id), None)
    error = faults.told(fault, stopped.refusal, frank=frank)
    return End(fault.kind, error, faults.noted(fault, stopped.refusal), fault.prints)
