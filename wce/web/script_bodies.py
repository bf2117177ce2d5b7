"""What the calls about endpoints, hooks and schedules take, as strict models."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from wce.web.bodies import Body

MAX_BYTES: Final = 800 * 1024  # a script of 256 KiB with everything escaped that a JSON writer may escape in a text

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
AnyMethod = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "*"]  # no union, whose errors would name its branches
Access = Literal["public", "user", "admin"]
RunAs = Literal["caller", "definer"]


def _without_nul(value: str) -> str:
    if "\0" in value:  # a script's strings end there, so that half of a value would pass for all of it
        raise PydanticCustomError("nul", "must not contain a NUL character")
    return value


Text = Annotated[str, AfterValidator(_without_nul)]
Texts = dict[Text, Text]


# The SHA-256 of the script that is to be replaced; empty where there must be none.
Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]


class NewEndpoint(Body):
    path: str
    method: AnyMethod
    script: str
    description: str = ""
    access: Access = "user"
    run_as: RunAs = "caller"
    enabled: bool = True
    instead_of: Digest | None = None


class EndpointChanges(Body):
    path: str | None = None
    method: AnyMethod | None = None
    script: str | None = None
    description: str | None = None
    access: Access | None = None
    run_as: RunAs | None = None
    enabled: bool | None = None
    instead_of: Digest | None = None


class NewHook(Body):
    name: str
    table_name: str
    script: str
    description: str = ""
    run_as: RunAs = "caller"
    enabled: bool = True
    instead_of: Digest | None = None


class HookChanges(Body):
    name: str | None = None
    table_name: str | None = None
    script: str | None = None
    description: str | None = None
    run_as: RunAs | None = None
    enabled: bool | None = None
    instead_of: Digest | None = None


class NewSchedule(Body):
    name: str
    cron: str
    script: str
    timezone: str = "UTC"
    description: str = ""
    enabled: bool = True
    instead_of: Digest | None = None


class ScheduleChanges(Body):
    name: str | None = None
    cron: str | None = None
    timezone: str | None = None
    script: str | None = None
    description: str | None = None
    enabled: bool | None = None
    instead_of: Digest | None = None


class TriedRequest(Body):
    """The request that a script is tried with. At most one of body, body_base64, json and form."""

    method: Method | None = None
    path: Text = "/"
    params: Texts = Field(default_factory=dict)
    query: Texts = Field(default_factory=dict)
    headers: Texts = Field(default_factory=dict)
    cookies: Texts = Field(default_factory=dict)
    form: Texts | None = None
    body: str | None = None
    body_base64: str | None = None
    json_: Annotated[Any, Field(alias="json")] = None


class Trial(Body):
    script: str
    request: TriedRequest | None = None


class EventTrial(Body):
    script: str
    event: dict[str, Any] | None = None
