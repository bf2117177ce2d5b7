"""What the calls about templates take, as strict models."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from wce.web.bodies import Body
from wce.web.script_bodies import Access, Digest, RunAs, Text, Texts

MAX_BYTES: Final = 800 * 1024  # a template of 256 KiB with everything escaped that a JSON writer may escape in a text

Syntax = Literal["jinja", "markdown", "html"]


class NewTemplate(Body):
    name: str
    syntax: Syntax
    content: str
    title: str = ""
    description: str = ""
    published: bool = False
    access: Access = "user"
    run_as: RunAs = "caller"
    instead_of: Digest | None = None


class TemplateChanges(Body):
    name: str | None = None
    syntax: Syntax | None = None
    content: str | None = None
    title: str | None = None
    description: str | None = None
    published: bool | None = None
    access: Access | None = None
    run_as: RunAs | None = None
    instead_of: Digest | None = None


class Preview(Body):
    """A text that is not saved, under a name that it might have, and the request that it is looked at with."""

    syntax: Syntax
    content: str
    name: Text = "preview"
    params: Texts = Field(default_factory=dict)
    query: Texts = Field(default_factory=dict)
