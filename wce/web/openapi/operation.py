"""What a description says of one view beside what its route, its access and its docstring say already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel, create_model

JSON: Final = "application/json"
HTML: Final = "text/html"
TEXT: Final = "text/plain"
BINARY: Final = "application/octet-stream"
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter or a header; both are optional everywhere."""

    name: str
    description: str
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """One view.

    `answers` maps each good status to the type of its body: a dataclass, a pydantic model, None for no body, or a media type for what
    is no JSON. `also` are further forms that the client's Accept may ask for. `example` is a body that works, `sent` are the schemas of
    bodies that are no JSON, by media type. `errors` are the codes that do not follow from who may call it and from its having a body;
    every code that there is counts as one that may come.
    """

    answers: Mapping[int, Any]
    body: Any = None
    example: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    sent: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    also: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    errors: tuple[str, ...] = ()
    summary: str = ""
    more: str = ""


def form(*required: str, **others: Any) -> dict[str, Any]:
    """What `sent` is for a form with a file, these fields and, where wanted, the others with their schemas."""
    text = {"type": "string"}
    fields = {"file": {"type": "string", "contentMediaType": BINARY}, **dict.fromkeys(required, text), **others}
    schema = {"type": "object", "properties": fields, "required": ["file", *required], "additionalProperties": False}
    return {"multipart/form-data": schema}


def listing(name: str, item: Any) -> type[BaseModel]:
    """The model of `{name: [item, …]}`."""
    fields: dict[str, Any] = {name: (list[item], ...)}
    made: type[BaseModel] = create_model(f"{item.__name__}List", **fields)
    return made
